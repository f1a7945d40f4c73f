//! Networks that the operator closes to every guest, whatever a manifest allows. What is checked is the address that is really
//! connected to, in each form under which it could reach an IPv4 host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks that are closed. The default closes none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockedNetworks {
    networks: Vec<IpNet>,
    private: bool,
}

/// Why a line of `block_networks` was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` in `block_networks` is no network; write one such as `10.0.0.0/8` or `fd00::/8`, or `private`")]
pub struct NetworkError(pub String);

/// IPv4 networks whose addresses are not reachable on the Internet.
const PRIVATE_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// IPv6 networks of which the same is true. NAT64's `64:ff9b::/96` and 6to4's `2002::/16` are judged by the IPv4 address inside.
const PRIVATE_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

impl BlockedNetworks {
    /// Reads the lines of `block_networks`: networks, or `private` for all that are not reachable on the Internet.
    ///
    /// # Errors
    /// [`NetworkError`] for a line that is neither.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, NetworkError> {
        let mut blocked = Self::default();
        for line in lines.iter().map(AsRef::as_ref) {
            if line == "private" {
                blocked.private = true;
                continue;
            }
            let network = line.parse::<IpNet>().or_else(|_| line.parse::<IpAddr>().map(IpNet::from));
            blocked.networks.push(network.map_err(|_| NetworkError(line.to_owned()))?.trunc());
        }
        Ok(blocked)
    }

    /// Whether connections to `address` are closed.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let is_closed = |form: IpAddr| self.networks.iter().any(|network| network.contains(&form)) || (self.private && is_private(form));
        let embedded = match address {
            IpAddr::V4(address) => return is_closed(address.into()) || is_closed(address.to_ipv6_mapped().into()),
            IpAddr::V6(address) => embedded(address),
        };
        // `::ffff:8.8.8.8` is 8.8.8.8 to the kernel, so only a network that was named in this very form closes it as IPv6.
        let is_named = self.networks.iter().any(|network| network.contains(&address));
        let is_mapped = address.to_canonical() != address;
        is_named || (!is_mapped && is_closed(address)) || embedded.into_iter().flatten().any(|address| is_closed(address.into()))
    }

    /// Whether no network is closed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.private
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => PRIVATE_V4.iter().any(|(network, length)| {
            let shift = 32_u32.saturating_sub(*length);
            u32::from(*network).checked_shr(shift) == u32::from(address).checked_shr(shift)
        }),
        IpAddr::V6(address) => PRIVATE_V6.iter().any(|(network, length)| {
            let shift = 128_u32.saturating_sub(*length);
            u128::from(*network).checked_shr(shift) == u128::from(address).checked_shr(shift)
        }),
    }
}

/// The IPv4 addresses that packets to `address` may end up at.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 3] {
    let bits = u128::from(address);
    let v4 = |shift: u32| {
        let [.., a, b, c, d] = bits.checked_shr(shift).unwrap_or_default().to_be_bytes();
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // IPv4-compatible and IPv4-mapped, NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => [v4(0), None, None],
        // NAT64 inside a network of one's own: a /96, or a /48 whose address goes around the byte that is kept free.
        [0x64, 0xff9b, 1, ..] => {
            let high = bits.checked_shr(64).unwrap_or_default() & 0xffff;
            let low = bits.checked_shr(40).unwrap_or_default() & 0xffff;
            let around = u32::try_from((high << 16) | low).ok().map(Ipv4Addr::from);
            [v4(0), around, None]
        }
        // 6to4.
        [0x2002, ..] => [v4(80), None, None],
        // Teredo: the server, and the client inverted.
        [0x2001, 0, ..] => [v4(64), v4(0).map(|client| Ipv4Addr::from(!u32::from(client))), None],
        // ISATAP.
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => [v4(0), None, None],
        _ => [None, None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(lines: &[&str], address: &str) -> bool {
        BlockedNetworks::parse(lines).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn private_closes_whatever_is_not_on_the_internet() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "64:ff9b:1:a00:0:100::",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:4136:e378::",
            "2001:db8::1",
            "2002:a00:1::",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "2a00::5efe:10.0.0.1",
            "2a00::200:5efe:192.168.0.1",
        ] {
            assert!(blocks(&["private"], address), "{address}");
        }
    }

    #[test]
    fn private_leaves_the_internet_open() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "2606:4700::1111",
            "2a00:1450::1",
            "2600::",
        ] {
            assert!(!blocks(&["private"], address), "{address}");
        }
    }

    #[test]
    fn a_network_is_closed_in_every_disguise() {
        for address in [
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "::10.1.2.3",
            "64:ff9b::a01:203",
            "64:ff9b:1::a01:203",
            "64:ff9b:1:a01:2:300::",
            "2002:a01:203::1",
            "2001:0:a01:203::",
            "2001:0:808:808:0:0:f5fe:fdfc",
            "2a00::5efe:a01:203",
        ] {
            assert!(blocks(&["10.1.2.0/24"], address), "{address}");
            assert!(!blocks(&["10.9.9.0/24"], address), "{address}");
        }
        assert!(blocks(&["::ffff:0:0/96"], "1.2.3.4"));
        assert!(blocks(&["1.1.1.1"], "1.1.1.1"));
        assert!(blocks(&["fd00::/8", "1.1.1.1/32"], "fd12::1"));
        assert!(!blocks(&[], "127.0.0.1"));
    }

    #[test]
    fn a_line_that_is_no_network_is_refused_by_name() {
        for line in ["", "privat", "10.0.0.0/33", "example.com", "10.0.0"] {
            let error = BlockedNetworks::parse(&[line]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{line}`")), "{error}");
        }
    }
}
