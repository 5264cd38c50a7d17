//! Discovery by mDNS (RFC 6762, 6763): the console says where it is, and tablets that say where they are become peers.
//!
//! No other program is needed for it. A library answers on all interfaces, and follows them as they come and go; it runs
//! beside the hub, which hears of tablets by errands. What listens on loopback alone is not announced: nobody could
//! reach it.

use crate::backend::realtime::monotonic_nanos;
use crate::hub::mixer::Mixer;
use crate::net::{Event, Mail};
use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use std::net::{IpAddr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

/// OSC over UDP: announced, and looked for.
const OSC: &str = "_osc._udp.local.";
/// OSCQuery.
const OSCQUERY: &str = "_oscjson._tcp.local.";
/// The web mixer.
const WEB: &str = "_http._tcp.local.";
/// A key in what a console announces: one console is no peer of another, or each would move the other's faders.
const CONSOLE: &str = "headroom";
/// Time for the goodbyes at the end.
const GOODBYE: Duration = Duration::from_millis(500);

/// Says where the console is until it is dropped.
pub struct Discovery {
    daemon: ServiceDaemon,
    announced: Vec<String>,
    thread: Option<JoinHandle<()>>,
}

/// Where the console listens.
#[derive(Clone, Copy)]
pub struct Places {
    /// OSC.
    pub osc: SocketAddr,
    /// HTTP, where there is one.
    pub http: Option<SocketAddr>,
}

impl Discovery {
    /// Announces a console of this name and looks for tablets; `None`, with a word in the log, where that cannot be done.
    pub fn start<M: Mixer + 'static>(name: &str, places: Places, mail: &Mail<M>) -> Option<Discovery> {
        let Places { osc, http } = places;
        let http = http.filter(|at| !at.ip().is_loopback());
        if osc.ip().is_loopback() && http.is_none() {
            return None;
        }
        if !has_multicast() {
            tracing::warn!("no network with multicast: the console is not found by name until there is one");
        }
        let began = ServiceDaemon::new().and_then(|daemon| {
            let mut announced = Vec::new();
            let services = [(OSC, Some(osc).filter(|at| !at.ip().is_loopback())), (OSCQUERY, http), (WEB, http)];
            for (sort, at) in services {
                let Some(at) = at else { continue };
                let service = service(sort, name, at)?;
                announced.push(service.get_fullname().to_owned());
                daemon.register(service)?;
            }
            let found = daemon.browse(OSC)?;
            Ok((daemon, announced, found))
        });
        let (daemon, announced, found) = match began {
            Ok(began) => began,
            Err(error) => {
                tracing::warn!(%error, "the console is not announced by mDNS");
                return None;
            }
        };
        let mail = mail.clone();
        let follow = move || {
            while let Ok(event) = found.recv() {
                match event {
                    ServiceEvent::ServiceResolved(service) => tell(&mail, &service),
                    ServiceEvent::ServiceRemoved(_, name) => {
                        mail.send(Event::Errand(Box::new(move |hub| hub.tablet_gone(&name))));
                    }
                    ServiceEvent::SearchStopped(_) => return,
                    _ => {}
                }
            }
        };
        let thread = std::thread::Builder::new().name("discovery".into()).spawn(follow).ok();
        Some(Discovery { daemon, announced, thread })
    }
}

impl Drop for Discovery {
    /// Says goodbye, so that nobody is left with an address where nothing is.
    fn drop(&mut self) {
        let goodbyes: Vec<_> = self.announced.iter().filter_map(|name| self.daemon.unregister(name).ok()).collect();
        for goodbye in goodbyes {
            let _ = goodbye.recv_timeout(GOODBYE);
        }
        let _ = self.daemon.stop_browse(OSC);
        if let Ok(ended) = self.daemon.shutdown() {
            let _ = ended.recv_timeout(GOODBYE);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn service(sort: &str, name: &str, at: SocketAddr) -> mdns_sd::Result<ServiceInfo> {
    // A label has 63 bytes.
    let name = if name.trim().is_empty() { CONSOLE } else { name.trim() };
    let name = &name[..name.floor_char_boundary(60)];
    let properties = [(CONSOLE, env!("CARGO_PKG_VERSION"))];
    let host = host();
    if at.ip().is_unspecified() {
        ServiceInfo::new(sort, name, &host, "", at.port(), &properties[..]).map(ServiceInfo::enable_addr_auto)
    } else {
        ServiceInfo::new(sort, name, &host, at.ip(), at.port(), &properties[..])
    }
}

/// A name of our own: the machine's belongs to whoever announces the machine.
fn host() -> String {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own: String = own.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let own = own.trim_matches('-');
    let own = &own[..own.len().min(50)];
    if own.is_empty() { format!("{CONSOLE}.local.") } else { format!("{CONSOLE}-{own}.local.") }
}

fn has_multicast() -> bool {
    let wanted = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_MULTICAST;
    getifaddrs().is_ok_and(|mut all| {
        all.any(|one| {
            let addressed = one.address.is_some_and(|a| a.as_sockaddr_in().is_some() || a.as_sockaddr_in6().is_some());
            addressed && one.flags.contains(wanted) && !one.flags.contains(InterfaceFlags::IFF_LOOPBACK)
        })
    })
}

fn tell<M: Mixer + 'static>(mail: &Mail<M>, service: &ResolvedService) {
    if service.get_property(CONSOLE).is_some() || service.get_port() == 0 {
        return;
    }
    let mut at: Vec<SocketAddr> =
        service.get_addresses_v4().into_iter().map(|ip| SocketAddr::new(IpAddr::V4(ip), service.get_port())).collect();
    at.sort();
    let name = service.get_fullname().to_owned();
    mail.send(Event::Errand(Box::new(move |hub| hub.tablet(&name, &at, monotonic_nanos()))));
}
