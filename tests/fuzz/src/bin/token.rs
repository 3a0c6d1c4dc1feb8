//! Fuzz target `token`.
#![no_main]

aigw_fuzz::target!(token);
