//! Fuzz target `path`.
#![no_main]

aigw_fuzz::target!(path);
