//! Fuzz target `event`.
#![no_main]

aigw_fuzz::target!(event);
