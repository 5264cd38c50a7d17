//! Who had how much of the thread's time: what is read next, and how much of it at once.

use super::tcp::TURN;
use super::udp::BATCH;
use crate::hub::client::one_host;
use std::collections::HashMap;
use std::net::IpAddr;

/// The common socket stands for as many clients.
pub const COMMON_WEIGHT: u64 = 16;
/// Time that one may have had, lately, before it waits, in nanoseconds. It is forgotten at half the speed of time, so that
/// nobody has more than half of it.
pub const MOST_OF_TIME: u64 = 100_000_000;
/// Time that one turn is meant to take, in nanoseconds.
pub const SLICE: u64 = 1_000_000;
/// Bytes of a stream that count as one piece.
pub const BYTES_A_PIECE: usize = 256;
/// What a piece is taken to cost as long as nothing is known, in nanoseconds.
const GUESS: u64 = 50_000;

/// How many drops are new, of two counts that may be told out of order and begin anew at 2³².
pub fn newer(known: &mut u32, told: u32) -> u64 {
    let more = told.wrapping_sub(*known);
    if more > i32::MAX as u32 {
        return 0;
    }
    *known = told;
    u64::from(more)
}

/// What became of a turn.
#[derive(Clone, Copy)]
pub struct Served {
    /// There may be more.
    pub more: bool,
    /// Datagrams, or so many times [`BYTES_A_PIECE`].
    pub pieces: usize,
}

impl Served {
    /// Nothing more for now.
    pub fn done() -> Served {
        Served { more: false, pieces: 0 }
    }
}

/// The time that one socket has had.
#[derive(Clone, Copy)]
pub struct Share {
    /// Lately, as of `at`.
    had: u64,
    at: u64,
    /// What a piece of it cost; slow to forget what was dear.
    each: u64,
}

impl Default for Share {
    fn default() -> Share {
        Share { had: 0, at: 0, each: GUESS }
    }
}

impl Share {
    /// Time that it had lately.
    pub fn had(&mut self, now: u64) -> u64 {
        self.had_among(now, 1)
    }

    /// The same, where so many share.
    fn had_among(&mut self, now: u64, among: u64) -> u64 {
        self.had = self.had.saturating_sub(now.saturating_sub(self.at) / (2 * among));
        self.at = now.max(self.at);
        self.had
    }

    /// Takes note of a turn.
    pub fn charge(&mut self, nanos: u64, pieces: usize) {
        self.had += nanos;
        if pieces > 0 {
            self.each = (nanos / pieces as u64).max(self.each / 8 * 7);
        }
    }

    fn pieces(&self) -> usize {
        (SLICE / self.each.max(1)).max(1) as usize
    }

    /// Datagrams to be read in one turn.
    pub fn datagrams(&self) -> usize {
        self.pieces().min(BATCH)
    }

    /// Bytes to be read in one turn.
    pub fn bytes(&self) -> usize {
        (self.pieces() * BYTES_A_PIECE).min(TURN)
    }
}

/// Time that a host without a socket of its own may have had lately, alone and among many, in nanoseconds.
const MOST_OF_A_HOST: u64 = 200_000_000;
const LEAST_OF_A_HOST: u64 = 1_000_000;
/// Time from which on a host counts as one that wants some, in nanoseconds.
const WANTS: u64 = 200_000;
/// Hosts that are told apart.
const HOSTS: usize = 4_096;

/// The hosts behind one socket. Together they have a quarter of the time, each an equal part of it, and what a host sends
/// beyond its part is thrown away unread: so the queue in the socket stays short for all others.
#[derive(Default)]
pub struct Crowd {
    hosts: HashMap<IpAddr, Share, foldhash::fast::RandomState>,
    /// Hosts too many to be told apart.
    others: Share,
    want: u64,
}

impl Crowd {
    fn share(&mut self, host: IpAddr) -> &mut Share {
        if self.hosts.len() >= HOSTS && !self.hosts.contains_key(&host) {
            return &mut self.others;
        }
        self.hosts.entry(host).or_default()
    }

    /// Whether a packet of a host is to be read now.
    pub fn admits(&mut self, host: IpAddr, now: u64) -> bool {
        let among = self.want.max(1);
        let most = (MOST_OF_A_HOST / among).max(LEAST_OF_A_HOST);
        self.share(host).had_among(now, 2 * among) < most
    }

    /// Takes note of the time that it took.
    pub fn charge(&mut self, host: IpAddr, nanos: u64) {
        self.share(host).had += nanos;
    }

    /// Counts who wants time, and forgets who does not; to be called now and then.
    pub fn sweep(&mut self, now: u64) {
        let among = 2 * self.want.max(1);
        self.hosts.retain(|_, share| share.had_among(now, among) > 0);
        self.want = self.hosts.values().filter(|share| share.had > WANTS).count() as u64;
    }
}

/// A connection in a full table.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// Where it comes from.
    pub host: IpAddr,
    /// It gave a token that a role has.
    pub logged_in: bool,
    /// It never said anything.
    pub silent: bool,
    /// When it was last heard of, in nanoseconds.
    pub heard: u64,
}

/// Which holder of a full table gives way to one more of a host: of the host that has most, the one that never said
/// anything or was silent for longest. Who logged in keeps its place, and nobody gives way to a host that has as many.
pub fn gives_way(all: &[Holder], host: IpAddr) -> Option<usize> {
    let mut guests: HashMap<IpAddr, usize> = HashMap::new();
    all.iter().filter(|h| !h.logged_in).for_each(|h| *guests.entry(one_host(h.host)).or_default() += 1);
    let own = all.iter().filter(|h| one_host(h.host) == one_host(host)).count();
    let (from, most) = guests.into_iter().max_by_key(|(host, count)| (*count, *host))?;
    if most <= own + 1 {
        return None;
    }
    let of_them = all.iter().enumerate().filter(|(_, h)| !h.logged_in && one_host(h.host) == from);
    of_them.min_by_key(|(_, h)| (!h.silent, h.heard)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_full_table_the_host_with_most_gives_way_and_who_logged_in_stays() {
        let ip = |n: u8| IpAddr::from([10, 0, 0, n]);
        let holder = |host, heard| Holder { host, logged_in: false, silent: false, heard };
        let mut all: Vec<Holder> = (0..256).map(|n| holder(ip(1 + (n % 4) as u8), 1_000 - n)).collect();
        all[0] = Holder { logged_in: true, ..all[0] };
        // Hosts come until all have as many; then nobody gives way.
        let mut kicked = 0;
        while let Some(at) = gives_way(&all, ip(9)) {
            assert!(at != 0 && all[at].host != ip(9));
            all[at] = holder(ip(9), 2_000);
            kicked += 1;
        }
        assert!((49..=52).contains(&kicked), "{kicked}");
        // Of one host the longest silent, and before it who never said anything.
        let mut few = vec![holder(ip(1), 5), holder(ip(1), 3), holder(ip(1), 9)];
        assert_eq!(gives_way(&few, ip(2)), Some(1));
        few[2].silent = true;
        assert_eq!(gives_way(&few, ip(2)), Some(2));
        few.iter_mut().for_each(|h| h.logged_in = true);
        assert_eq!(gives_way(&few, ip(2)), None);
        // One host of IPv6 has as many addresses as it likes.
        let v6 = |low: u16| IpAddr::from([0xfd00, 0, 0, 1, 0, 0, 0, low]);
        assert!(gives_way(&[holder(v6(1), 1), holder(v6(2), 2), holder(v6(3), 3)], v6(4)).is_none());
        assert!(gives_way(&[holder(v6(1), 1), holder(v6(2), 2), holder(v6(3), 3)], ip(4)).is_some());
    }

    #[test]
    fn drops_are_counted_once_whatever_the_order() {
        let mut known = u32::MAX - 1;
        assert_eq!([3u32, 1, 3, 5].map(|told| newer(&mut known, told)), [5, 0, 0, 2]);
    }

    #[test]
    fn a_host_that_floods_is_shed_and_one_that_does_not_is_read() {
        let mut crowd = Crowd::default();
        let (mut now, mut used, mut swept, mut asked) = (0u64, 0u64, 0, 0);
        let quiet_one = IpAddr::from([10, 0, 0, 1]);
        while now < 10_000_000_000 {
            if now - swept > 100_000_000 {
                swept = now;
                crowd.sweep(now);
            }
            for n in 0..50 {
                let host = IpAddr::from([10, 0, 1, n]);
                // What is read takes time, what is shed next to none.
                now += 2_000;
                if crowd.admits(host, now) {
                    crowd.charge(host, 1_000_000);
                    now += 1_000_000;
                    used += 1_000_000;
                }
            }
            // Fifty packets a second, as of a tablet.
            if now - asked > 20_000_000 {
                asked = now;
                assert!(crowd.admits(quiet_one, now));
                crowd.charge(quiet_one, 5_000);
            }
        }
        assert!((2_000_000_000..4_500_000_000).contains(&used), "{used}");
    }

    #[test]
    fn who_is_dear_is_read_in_small_pieces_and_nobody_has_more_than_half() {
        let mut share = Share::default();
        (0..40).for_each(|_| share.charge(64_000, 64));
        assert_eq!((share.datagrams(), share.bytes()), (BATCH, TURN));
        share.charge(20_000_000, 1);
        assert_eq!((share.datagrams(), share.bytes()), (1, BYTES_A_PIECE));
        let (mut now, mut used) = (0, 0);
        let mut flood = Share::default();
        while now < 10_000_000_000 {
            if flood.had(now) < MOST_OF_TIME {
                flood.charge(1_000_000, 64);
                used += 1_000_000;
            }
            now += 1_000_000;
        }
        assert!((4_900_000_000..5_200_000_000u64).contains(&used), "{used}");
    }
}
