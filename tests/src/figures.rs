//! Figures that tests measure and people want to read: printed together at the end of a run.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

static FIGURES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Notes a figure.
pub fn note(title: impl Into<String>, text: impl Into<String>) {
    FIGURES.lock().unwrap_or_else(PoisonError::into_inner).push((title.into(), text.into()));
}

static COUNTS: Mutex<BTreeMap<(&str, &str), usize>> = Mutex::new(BTreeMap::new());

/// Adds to a number that tests make up together.
pub fn add(title: &'static str, what: &'static str, number: usize) {
    *COUNTS.lock().unwrap_or_else(PoisonError::into_inner).entry((title, what)).or_default() += number;
}

/// Prints and forgets all figures.
pub fn print() {
    let mut together: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((title, what), number) in std::mem::take(&mut *COUNTS.lock().unwrap_or_else(PoisonError::into_inner)) {
        together.entry(title).or_default().push(format!("{number} {what}"));
    }
    for (title, numbers) in together {
        note(title, numbers.join(", "));
    }
    for (title, text) in FIGURES.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        println!("figure: {title}");
        for line in text.lines() {
            println!("  {line}");
        }
    }
}
