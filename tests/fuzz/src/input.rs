//! An input taken apart: choices first, content after.

/// What is left of an input.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of it.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; zero at the end.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of `all`, which is not empty.
    pub fn choose<'c, T>(&mut self, all: &'c [T]) -> &'c T {
        &all[usize::from(self.byte()) % all.len()]
    }

    /// What comes before `end`, which is taken off, too; everything where there is no `end`.
    pub fn until(&mut self, end: u8) -> &'a [u8] {
        let mut parts = self.0.splitn(2, |byte| *byte == end);
        let before = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        before
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
