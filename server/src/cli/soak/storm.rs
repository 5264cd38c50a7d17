//! The storm of a soak: as many sets as a desk full of hands sends, which move some dozens of controls at a time, first
//! these and then those. Each window ends with questions for what was set last.

use crate::cli::Fail;
use crate::cli::client::{Client, Told};
use headroom_protocol::osc::encode::{Arg, Encoder};
use headroom_protocol::osc::time::IMMEDIATE;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is moved, and between which values; addresses that a rig does not have are left out.
const MOVED: &[(&str, f32, f32)] = &[
    ("/ch/*/fader", -30.0, 0.0),
    ("/ch/*/pan", -1.0, 1.0),
    ("/ch/*/eq/2/gain", -12.0, 12.0),
    ("/ch/*/eq/2/freq", 200.0, 4_000.0),
    ("/ch/*/comp/threshold", -40.0, -10.0),
    ("/ch/*/send/*/level", -60.0, -10.0),
];
/// Sets in a bundle, and in a window.
const IN_A_BUNDLE: usize = 10;
const WINDOW: usize = 200;
/// Controls that move at a time, and for how long.
const HELD: usize = 40;
const HOLD: Duration = Duration::from_millis(500);
/// How long late answers are waited for.
const LATE: Duration = Duration::from_millis(300);
/// Addresses of a window that are read back.
const READ: usize = 8;

/// What the storm counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// Sets sent.
    pub sets: AtomicU64,
    /// Values read back.
    pub read: AtomicU64,
    /// Of those, that were not what had been set last.
    pub lost: AtomicU64,
    /// Questions without an answer.
    pub unanswered: AtomicU64,
}

/// An address that is moved.
struct Moved {
    address: String,
    low: f32,
    high: f32,
}

/// The storm of one client.
pub struct Storm {
    client: Client,
    moved: Vec<Moved>,
    counts: Arc<Counts>,
    encoder: Encoder,
    next: usize,
    turn: usize,
}

impl Storm {
    /// Finds out what there is to move.
    pub fn new(at: SocketAddr, counts: Arc<Counts>) -> Result<Storm, Fail> {
        let mut client = Client::connect(at, None)?;
        let mut moved = Vec::new();
        for (pattern, low, high) in MOVED {
            // A rig without such a processor has no such address.
            let Ok(found) = client.ask_all(&[pattern]) else { continue };
            let own = found.into_iter().filter(|(address, _)| address != "/error" && address.starts_with("/ch/"));
            moved.extend(own.map(|(address, _)| Moved { address, low: *low, high: *high }));
        }
        if moved.is_empty() {
            return Err(Fail::input("this rig has no channels to move"));
        }
        let mut storm = Storm { client, moved, counts, encoder: Encoder::new(), next: 0, turn: 0 };
        storm.leave_out_links()?;
        Ok(storm)
    }

    /// Addresses that follow others cannot be asked for what was set there.
    fn leave_out_links(&mut self) -> Result<(), Fail> {
        let values: Vec<f32> = (0..self.moved.len()).map(|n| self.value(n, n)).collect();
        for (n, value) in values.iter().enumerate() {
            self.client.send(&self.moved[n].address, [Arg::Float(*value)]);
            // Not faster than it is read.
            if n % 64 == 63 {
                self.client.ask("/ping", [])?;
            }
        }
        let (mut n, client) = (0, &mut self.client);
        self.moved.retain(|moved| {
            let told = client.ask(&moved.address, []).ok().and_then(|args| args.into_iter().next());
            n += 1;
            told.is_some_and(|told| is(&told, values[n - 1]))
        });
        if self.moved.is_empty() { Err(Fail::running("nothing that was set could be read back")) } else { Ok(()) }
    }

    fn value(&self, at: usize, turn: usize) -> f32 {
        let Moved { low, high, .. } = &self.moved[at];
        let share = ((at * 31 + turn * 17) % 101) as f32 / 100.0;
        low + (high - low) * share
    }

    /// Sends until told to stop, `rate` sets a second at most.
    pub fn run(mut self, rate: f64, stop: &AtomicBool) {
        let (began, mut sent, mut held) = (Instant::now(), 0u64, Instant::now());
        while !stop.load(Ordering::Relaxed) {
            if held.elapsed() > HOLD {
                held = Instant::now();
                self.next = (self.next + HELD) % self.moved.len();
            }
            sent += self.window();
            let due = Duration::from_secs_f64(sent as f64 / rate);
            std::thread::sleep(due.saturating_sub(began.elapsed()).min(Duration::from_millis(500)));
        }
    }

    /// One window; how many sets it sent.
    fn window(&mut self) -> u64 {
        let held = HELD.min(self.moved.len());
        let control = |k: usize| ((self.next + k % held) % self.moved.len(), self.turn + k / held);
        let set: Vec<(usize, f32)> = (0..WINDOW).map(control).map(|(at, turn)| (at, self.value(at, turn))).collect();
        self.turn += WINDOW / held + 1;
        for some in set.chunks(IN_A_BUNDLE) {
            let mut bytes = Vec::new();
            let messages = some.iter().map(|(at, value)| (self.moved[*at].address.as_str(), [Arg::Float(*value)]));
            self.encoder.bundle(IMMEDIATE, messages, &mut bytes);
            self.client.send_raw(&bytes);
        }
        // What a control was set to last stands among the last sets.
        let last = &set[WINDOW - held..];
        for k in 0..READ.min(held) {
            let (at, value) = last[k * held / READ.min(held)];
            let counter = match self.client.ask(&self.moved[at].address, []) {
                Ok(args) if args.first().is_some_and(|told| is(told, value)) => None,
                Ok(_) => Some(&self.counts.lost),
                Err(_) => Some(&self.counts.unanswered),
            };
            self.counts.read.fetch_add(1, Ordering::Relaxed);
            if let Some(counter) = counter {
                counter.fetch_add(1, Ordering::Relaxed);
                // An answer that is late must not be taken for that to a later question.
                while self.client.receive(Instant::now() + LATE).is_some() {}
            }
        }
        self.counts.sets.fetch_add(WINDOW as u64, Ordering::Relaxed);
        WINDOW as u64
    }
}

/// Whether a value is the one that was set.
fn is(told: &Told, value: f32) -> bool {
    (told.number() - f64::from(value)).abs() <= 1e-4 * f64::from(value.abs()).max(1.0)
}
