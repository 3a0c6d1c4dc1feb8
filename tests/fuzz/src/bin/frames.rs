//! Fuzz target `frames`.
#![no_main]

aigw_fuzz::target!(frames);
