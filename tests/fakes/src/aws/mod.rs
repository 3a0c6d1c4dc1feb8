//! A stateful AWS behind the ports.
