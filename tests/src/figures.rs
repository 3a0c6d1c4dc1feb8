//! Figures that tests measure and people want to read: printed together at the end of a run.

use std::sync::{Mutex, PoisonError};

static FIGURES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Notes a figure.
pub fn note(title: impl Into<String>, text: impl Into<String>) {
    FIGURES.lock().unwrap_or_else(PoisonError::into_inner).push((title.into(), text.into()));
}

/// Prints and forgets all figures.
pub fn print() {
    for (title, text) in FIGURES.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        println!("figure: {title}");
        for line in text.lines() {
            println!("  {line}");
        }
    }
}
