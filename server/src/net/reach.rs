//! Where somebody can reach what listens on all addresses.

use crate::rig::settings::{Net, PRIVATE};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Addresses that are named at most: a machine with containers has many.
const MOST: usize = 4;

/// The addresses by which what listens can be reached, this machine's own first. Of all addresses those of private
/// networks, which are served where the rig does not say otherwise; where there are none, whatever there is.
pub fn addresses(listen: SocketAddr) -> Vec<SocketAddr> {
    if !listen.ip().is_unspecified() {
        return vec![listen];
    }
    let own = others(interfaces(), listen.is_ipv6()).into_iter().take(MOST);
    own_and(own).map(|ip| SocketAddr::new(ip, listen.port())).collect()
}

fn own_and(others: impl Iterator<Item = IpAddr>) -> impl Iterator<Item = IpAddr> {
    [IpAddr::from(Ipv4Addr::LOCALHOST)].into_iter().chain(others)
}

/// What others can use; link-local addresses of IPv6 need an interface beside them and are left out.
fn others(all: Vec<IpAddr>, six: bool) -> Vec<IpAddr> {
    let link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let usable = |ip: &IpAddr| !ip.is_loopback() && !link_local(ip) && (six || ip.is_ipv4());
    let all: Vec<IpAddr> = all.into_iter().filter(usable).collect();
    let networks: Vec<Net> = PRIVATE.iter().filter_map(|n| Net::parse(n)).collect();
    let private: Vec<IpAddr> = all.iter().copied().filter(|ip| networks.iter().any(|n| n.contains(*ip))).collect();
    if private.is_empty() { all } else { private }
}

/// Addresses of the interfaces that are up.
fn interfaces() -> Vec<IpAddr> {
    let Ok(all) = getifaddrs() else { return Vec::new() };
    let up = all.filter(|one| one.flags.contains(InterfaceFlags::IFF_UP));
    let ip = up.filter_map(|one| {
        let address = one.address?;
        let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
    });
    ip.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    #[test]
    fn others_are_told_the_private_addresses_and_else_what_there_is() {
        let all = ips(&["127.0.0.1", "203.0.113.9", "192.168.1.20", "::1", "fe80::1", "fd00::5", "10.0.0.2"]);
        assert_eq!(others(all.clone(), false), ips(&["192.168.1.20", "10.0.0.2"]));
        assert_eq!(others(all, true), ips(&["192.168.1.20", "fd00::5", "10.0.0.2"]));
        assert_eq!(others(ips(&["127.0.0.1", "203.0.113.9"]), false), ips(&["203.0.113.9"]));
        assert!(others(ips(&["127.0.0.1"]), false).is_empty());
    }

    #[test]
    fn one_address_is_told_as_it_is() {
        for one in ["127.0.0.1:9000", "[::1]:80", "192.168.1.20:8080"] {
            let at: SocketAddr = one.parse().unwrap();
            assert_eq!(addresses(at), [at]);
        }
        assert_eq!(addresses("0.0.0.0:7".parse().unwrap())[0], "127.0.0.1:7".parse().unwrap());
    }
}
