//! Which addresses a request may reach. Special ranges are refused unless the service allows them; forms that hide an
//! IPv4 address inside an IPv6 one are judged by what they hide.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Public,
    Loopback,
    Private,
    /// Never reachable: link-local (cloud metadata lives there), multicast, documentation, reserved.
    Special,
}

/// Errors: why the address is refused, and what would allow it.
pub(super) fn check(ip: IpAddr, loopback: bool, private: bool) -> Result<(), String> {
    match range(ip) {
        Range::Public => Ok(()),
        Range::Loopback if loopback => Ok(()),
        Range::Private if private => Ok(()),
        Range::Loopback => Err(format!("{ip} is this machine; the service needs `allow = [\"loopback\"]`")),
        Range::Private => Err(format!("{ip} lies in a private network; the service needs `allow = [\"private\"]`")),
        Range::Special => Err(format!("{ip} lies in a range that no service may have")),
    }
}

fn range(ip: IpAddr) -> Range {
    match ip {
        IpAddr::V4(ip) => range4(ip),
        IpAddr::V6(ip) => match hidden(ip) {
            Some(inner) => range4(inner),
            None => range6(ip),
        },
    }
}

fn range4(ip: Ipv4Addr) -> Range {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (127, ..) => Range::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Range::Private,
        (0, ..) | (169, 254, _) | (224..=255, ..) => Range::Special,
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => Range::Special,
        _ => Range::Public,
    }
}

fn range6(ip: Ipv6Addr) -> Range {
    let [first, second, ..] = ip.segments();
    match first {
        _ if ip.is_loopback() => Range::Loopback,
        _ if ip.is_unspecified() => Range::Special,
        0xfc00..=0xfdff => Range::Private,
        0x2001 if second < 0x0200 || second == 0x0db8 => Range::Special,
        0x2000..=0x3fff => Range::Public,
        _ => Range::Special,
    }
}

/// The IPv4 address inside a mapped, compatible, NAT64 or 6to4 form.
fn hidden(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] => Some(of(g, h)),
        [0, 0, 0, 0, 0, 0] if g != 0 => Some(of(g, h)),
        [0x64, 0xff9b, 0, 0, 0, 0] => Some(of(g, h)),
        [0x2002, ..] => Some(of(b, c)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_ranges_are_refused_in_every_disguise() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "203.0.113.9",
            "198.51.100.7",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2002:a00:1::",
            "2001:db8::1",
            "::7f00:1",
            "2001::1",
        ] {
            let ip = text.parse::<IpAddr>();
            assert!(ip.is_ok_and(|ip| check(ip, false, false).is_err()), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(text.parse::<IpAddr>().is_ok_and(|ip| check(ip, false, false).is_ok()), "{text}");
        }
        let (loopback, private) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([10, 0, 0, 1]));
        assert!(check(loopback, true, false).is_ok() && check(loopback, false, true).is_err());
        assert!(check(private, false, true).is_ok() && check(private, true, false).is_err());
        assert!(check(IpAddr::from([169, 254, 169, 254]), true, true).is_err());
    }
}
