//! Fuzz target `bodies`.
#![no_main]

aigw_fuzz::target!(bodies);
