//! Whether the network lives on battery: does the default gateway of this machine answer?
//!
//! Only an address of the machine's own routing table is tried, and only a private one; nothing is sent but the begin of a connection.
//! A gateway that answers nothing there still answers for its address on the wire, which counts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Network {
    Answered {
        address: Ipv4Addr,
        after_ms: u64,
    },
    Silent {
        address: Ipv4Addr,
    },
    /// Nothing could be tried, and why.
    NotTried(&'static str),
}

/// Ports at which gateways answer, or refuse, which is an answer: names, pages.
const PORTS: [u16; 3] = [53, 80, 443];
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Looks. `clock` tells milliseconds.
pub fn look(clock: impl Fn() -> u64) -> Network {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let Some(gateway) = default_gateway(&routes) else {
        return Network::NotTried("this machine has no default route (IPv4)");
    };
    if !(gateway.is_private() || gateway.is_link_local() || gateway.is_loopback()) {
        return Network::NotTried("the default gateway has a public address, which is not for us to try");
    }
    let began_ms = clock();
    let tcp = PORTS.into_iter().any(|port| answers(SocketAddr::new(IpAddr::V4(gateway), port)));
    if tcp || is_a_neighbour(&std::fs::read_to_string("/proc/net/arp").unwrap_or_default(), gateway) {
        Network::Answered { address: gateway, after_ms: clock().saturating_sub(began_ms) }
    } else {
        Network::Silent { address: gateway }
    }
}

/// It takes the connection, or refuses it.
fn answers(address: SocketAddr) -> bool {
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
    }
}

/// The gateway of the default route with the lowest metric, from the kernel's table (addresses in hex, in the machine's byte order).
fn default_gateway(routes: &str) -> Option<Ipv4Addr> {
    const UP_AND_GATEWAY: u32 = 0x3;
    let route = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let mut hex = || u32::from_str_radix(fields.next()?, 16).ok();
        let (destination, gateway, flags) = (hex()?, hex()?, hex()?);
        let metric: u32 = fields.nth(2)?.parse().ok()?;
        let is_default = destination == 0 && flags & UP_AND_GATEWAY == UP_AND_GATEWAY;
        is_default.then(|| (metric, Ipv4Addr::from(gateway.to_ne_bytes())))
    };
    routes.lines().skip(1).filter_map(route).min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

/// Whether the kernel knows its address on the wire, after it was asked for it a moment ago.
fn is_a_neighbour(table: &str, address: Ipv4Addr) -> bool {
    const COMPLETE: u32 = 0x2;
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace();
        let is_it = fields.next().and_then(|text| text.parse().ok()) == Some(address);
        let flags = fields.nth(1).and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
        is_it && flags.is_some_and(|flags| flags & COMPLETE != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    fn hex(address: [u8; 4]) -> String {
        format!("{:08X}", u32::from_ne_bytes(address))
    }

    #[test]
    fn the_gateway_is_that_of_the_default_route_with_the_lowest_metric() {
        let (wifi, cable) = (hex([192, 168, 7, 1]), hex([10, 0, 0, 138]));
        let net = hex([192, 168, 7, 0]);
        let table = format!(
            "{HEAD}wlan0\t00000000\t{wifi}\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
             eth0\t00000000\t{cable}\t0003\t0\t0\t100\t00000000\t0\t0\t0\nwlan0\t{net}\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n"
        );
        assert_eq!(default_gateway(&table), Some(Ipv4Addr::new(10, 0, 0, 138)));
        let without = format!("{HEAD}wlan0\t{net}\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n");
        for nothing in [HEAD, "", "garbage\nmore\n", without.as_str()] {
            assert_eq!(default_gateway(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_neighbour_that_answered_on_the_wire_lives() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     10.0.0.138       0x1         0x2         d8:58:d7:00:11:22     *        eth0\n\
                     10.0.0.9         0x1         0x0         00:00:00:00:00:00     *        eth0\n";
        assert!(is_a_neighbour(table, Ipv4Addr::new(10, 0, 0, 138)));
        assert!(!is_a_neighbour(table, Ipv4Addr::new(10, 0, 0, 9)), "asked, and no answer");
        assert!(!is_a_neighbour(table, Ipv4Addr::new(10, 0, 0, 1)));
        assert!(!is_a_neighbour("", Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn a_connection_taken_or_refused_is_an_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
        let address = listener.local_addr().expect("an address");
        assert!(answers(address));
        drop(listener);
        assert!(answers(address), "refused, but somebody refused it");
    }
}
