//! Ports for child processes that cannot be handed an open listener.
//!
//! They come from below the kernel's ephemeral range, so that no outgoing connection takes one between the probe and
//! the child's bind, and are reserved against other instances through an abstract Unix socket, which the kernel
//! releases with its holder and which leaves no file. Servers of this process bind port 0 instead.

use std::fs;
use std::net::TcpListener;
use std::ops::Range;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use rand::Rng as _;

use crate::error::{Error, Result};

/// The lowest port given out.
const LOWEST: u16 = 15_000;
/// Attempts before giving up.
const ATTEMPTS: usize = 2000;

/// A port that no other instance on this machine uses while this value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reservation: UnixListener,
}

impl Port {
    /// Reserves a free port of 127.0.0.1.
    pub fn reserve() -> Result<Self> {
        let range = range();
        let mut random = rand::rng();
        (0..ATTEMPTS).find_map(|_| Self::try_reserve(random.random_range(range.clone()))).ok_or(Error::NoFreePort)
    }

    fn try_reserve(number: u16) -> Option<Self> {
        let address = SocketAddr::from_abstract_name(format!("aigw-env-port-{number}")).ok()?;
        let reservation = UnixListener::bind_addr(&address).ok()?;
        TcpListener::bind(("127.0.0.1", number)).ok()?;
        Some(Self { number, _reservation: reservation })
    }

    /// The port.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `http://127.0.0.1:PORT`.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.number)
    }
}

/// Below the ephemeral range; where that starts too low, everything.
fn range() -> Range<u16> {
    let ephemeral = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|text| text.split_ascii_whitespace().next()?.parse::<u16>().ok())
        .unwrap_or(32_768);
    if ephemeral > LOWEST + 1000 { LOWEST..ephemeral } else { LOWEST..u16::MAX }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn reserved_ports_are_distinct_and_free() {
        let ports: Vec<Port> = (0..50).map(|_| Port::reserve().unwrap()).collect();
        let numbers: BTreeSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), 50);
        for number in numbers {
            TcpListener::bind(("127.0.0.1", number)).unwrap();
        }
    }

    #[test]
    fn a_port_is_given_once_until_released() {
        let port = Port::reserve().unwrap();
        let number = port.number();
        assert!(Port::try_reserve(number).is_none());
        drop(port);
        assert!(Port::try_reserve(number).is_some());
    }

    #[test]
    fn a_port_in_use_is_not_given() {
        let port = Port::reserve().unwrap();
        let number = port.number();
        drop(port);
        let _taken = TcpListener::bind(("127.0.0.1", number)).unwrap();
        assert!(Port::try_reserve(number).is_none());
    }
}
