//! Addresses, blocks, and sets of them (Elasticsearch: ip field).

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// An address. An IPv4-mapped IPv6 address is the IPv4 address.
///
/// ```
/// use elkhound::text::parse_ip;
/// assert_eq!(parse_ip("::FFFF:10.0.0.1"), parse_ip("10.0.0.1"));
/// assert_eq!(parse_ip("10.0.0"), None);
/// ```
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// A block, `address/bits`. Host bits are dropped; a block of a mapped address is none.
pub fn parse_block(text: &str) -> Option<IpNet> {
    let (address, bits) = text.split_once('/')?;
    if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let address: IpAddr = address.parse().ok()?;
    if address != address.to_canonical() {
        return None;
    }
    IpNet::new(address, bits.parse().ok()?).ok().map(|net| net.trunc())
}

/// The 128-bit number of an address, IPv4 in its mapped form; the order of addresses.
pub fn ip_number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

/// The address of a 128-bit number.
pub fn number_ip(number: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(number)).to_canonical()
}

/// A set of addresses as sorted ranges of 128-bit numbers that do not touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IpSet(Vec<(u128, u128)>);

impl IpSet {
    /// The set of all addresses in `blocks`.
    pub fn new(blocks: impl IntoIterator<Item = IpNet>) -> Self {
        let range = |block: IpNet| (ip_number(block.network()), ip_number(block.broadcast()));
        Self::of_ranges(blocks.into_iter().map(range).collect())
    }

    /// The set of all addresses in `ranges`, both ends included.
    pub fn of_ranges(mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// Whether `ip` is in the set.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let number = ip_number(ip);
        let after = self.0.partition_point(|&(first, _)| first <= number);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|&(_, last)| number <= last)
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[(u128, u128)] {
        &self.0
    }
}
