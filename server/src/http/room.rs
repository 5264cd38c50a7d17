//! How many connections there may be: so many in all, so many of a host. Where all places are taken, the host that has most
//! of them gives one to a host that has fewer; who logged in keeps its place.

use crate::backend::realtime::monotonic_nanos;
use crate::hub::client::one_host;
use crate::net::{Holder, gives_way};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Connections at a time.
const CONNECTIONS: usize = 256;
/// Connections of one host at a time.
const CONNECTIONS_OF_A_HOST: usize = 64;

/// The places.
#[derive(Default)]
pub struct Room(Mutex<Vec<Arc<Place>>>);

struct Place {
    host: IpAddr,
    logged_in: AtomicBool,
    heard: AtomicU64,
    leave: watch::Sender<bool>,
}

/// A place, as long as it lives: held by whatever lives of the connection, its WebSocket too.
pub struct Held {
    room: Arc<Room>,
    place: Arc<Place>,
}

impl Room {
    /// A place for one more connection of a host, if need be that of another.
    pub fn enter(self: &Arc<Room>, host: IpAddr) -> Option<Held> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.iter().filter(|p| one_host(p.host) == one_host(host)).count() >= CONNECTIONS_OF_A_HOST {
            return None;
        }
        if places.len() >= CONNECTIONS {
            let holder = |p: &Arc<Place>| Holder {
                host: p.host,
                logged_in: p.logged_in.load(Ordering::Relaxed),
                silent: false,
                heard: p.heard.load(Ordering::Relaxed),
            };
            let at = gives_way(&places.iter().map(holder).collect::<Vec<_>>(), host)?;
            places.swap_remove(at).leave.send_replace(true);
        }
        let (logged_in, heard, leave) = (false.into(), monotonic_nanos().into(), watch::Sender::new(false));
        let place = Arc::new(Place { host, logged_in, heard, leave });
        places.push(place.clone());
        Some(Held { room: self.clone(), place })
    }
}

impl Held {
    /// Something was heard of it.
    pub fn heard(&self) {
        self.place.heard.store(monotonic_nanos(), Ordering::Relaxed);
    }

    /// It gave a token that a role has.
    pub fn logged_in(&self) {
        self.place.logged_in.store(true, Ordering::Relaxed);
    }

    /// Waits until another takes the place.
    pub async fn left(&self) {
        // The sender lives as long as the place.
        let _ = self.place.leave.subscribe().wait_for(|leave| *leave).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|p| !Arc::ptr_eq(p, &self.place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_hosts_do_not_lock_the_fifth_out() {
        let room = Arc::<Room>::default();
        let ip = |n: u8| IpAddr::from([10, 77, 0, n]);
        let mut held = Vec::new();
        for host in 1..=4 {
            held.extend((0..70).filter_map(|_| room.enter(ip(host))));
        }
        assert_eq!(held.len(), CONNECTIONS);
        held[0].logged_in();
        let browser: Vec<Held> = (0..6).filter_map(|_| room.enter(ip(9))).collect();
        assert_eq!(browser.len(), 6, "a browser opens six");
        let gone: Vec<usize> = (0..held.len()).filter(|i| *held[*i].place.leave.borrow()).collect();
        assert!(gone.len() == 6 && gone[0] != 0, "{gone:?}");
        drop(held);
        assert_eq!(room.0.lock().unwrap().len(), 6);
    }
}
