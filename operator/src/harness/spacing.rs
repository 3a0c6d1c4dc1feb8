//! Passes the items of a stream on no more often than once in a while each: the first at once, later ones folded into
//! one at the end of the while. Not kube-runtime's debounce, which puts an item off for as long as more arrive.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, sleep_until};

struct Spacing<T> {
    input: BoxStream<'static, T>,
    open: bool,
    every: Duration,
    /// When each item was last passed on.
    passed: HashMap<T, Instant>,
    /// Items held back, by when they are due.
    due: BTreeSet<(Instant, T)>,
}

/// `input` with each item at most once in `every`.
pub fn spaced<T>(
    input: impl Stream<Item = T> + Send + 'static,
    every: Duration,
) -> impl Stream<Item = T> + Send + 'static
where
    T: Clone + Eq + Hash + Ord + Send + 'static,
{
    let spacing = Spacing { input: input.boxed(), open: true, every, passed: HashMap::new(), due: BTreeSet::new() };
    stream::unfold(spacing, |mut spacing| async move { spacing.next().await.map(|item| (item, spacing)) })
}

impl<T: Clone + Eq + Hash + Ord> Spacing<T> {
    async fn next(&mut self) -> Option<T> {
        loop {
            let due = self.due.first().map(|(at, _)| *at);
            let timer = async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                item = self.input.next(), if self.open => match item {
                    Some(item) => if let Some(item) = self.take(item) { return Some(item) },
                    None => self.open = false,
                },
                () = timer => {
                    let (_, item) = self.due.pop_first()?;
                    self.passed.insert(item.clone(), Instant::now());
                    return Some(item);
                }
                else => return None,
            }
            if !self.open && self.due.is_empty() {
                return None;
            }
        }
    }

    /// The item, if it may be passed on now; else it is held back.
    fn take(&mut self, item: T) -> Option<T> {
        let now = Instant::now();
        self.passed.retain(|_, at| *at + self.every > now);
        match self.passed.get(&item) {
            None => {
                self.passed.insert(item.clone(), now);
                Some(item)
            }
            Some(at) => {
                // The same instant for every repetition: a set holds it once.
                self.due.insert((*at + self.every, item));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc::unbounded;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_passes_at_once_and_the_rest_as_one() {
        let (sender, receiver) = unbounded();
        let every = Duration::from_secs(15);
        let mut spaced = spaced(receiver, every).boxed();
        let start = Instant::now();
        for _ in 0..100 {
            sender.unbounded_send("a").unwrap();
        }
        sender.unbounded_send("b").unwrap();
        assert_eq!(spaced.next().await, Some("a"));
        assert_eq!(spaced.next().await, Some("b"));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(spaced.next().await, Some("a"));
        assert_eq!(start.elapsed(), every);
        tokio::time::advance(every).await;
        sender.unbounded_send("a").unwrap();
        assert_eq!(spaced.next().await, Some("a"));
        assert_eq!(start.elapsed(), every * 2);
        drop(sender);
        assert_eq!(spaced.next().await, None);
    }
}
