//! Another JACK client: it plays into the console and records what comes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use jack::{
    AsyncClient, AudioIn, AudioOut, Client, ClientOptions, Control, Port, ProcessHandler,
    ProcessScope,
};

/// A client with an output `out`, which plays what it was given over and over, and an input `in`, which is
/// recorded without a gap from [`Peer::record`] to [`Peer::recorded`].
pub struct Peer {
    client: AsyncClient<(), Voice>,
    name: String,
    switches: Arc<Switches>,
    periods: Receiver<Vec<f32>>,
}

#[derive(Default)]
struct Switches {
    recording: AtomicBool,
    quit: AtomicBool,
    ended: AtomicBool,
}

struct Voice {
    out: Port<AudioOut>,
    input: Port<AudioIn>,
    signal: Vec<f32>,
    at: usize,
    switches: Arc<Switches>,
    periods: Sender<Vec<f32>>,
}

impl ProcessHandler for Voice {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        for sample in self.out.as_mut_slice(scope) {
            *sample = self.signal[self.at];
            self.at = (self.at + 1) % self.signal.len();
        }
        if self.switches.recording.load(Ordering::Relaxed) {
            // A test may allocate here; a lost period would show as a gap.
            self.periods
                .try_send(self.input.as_slice(scope).to_vec())
                .expect("room for a minute of sound");
        }
        if self.switches.quit.load(Ordering::Relaxed) {
            self.switches.ended.store(true, Ordering::Relaxed);
            return Control::Quit;
        }
        Control::Continue
    }
}

impl Peer {
    /// Open a client `name` of the test's server that plays `signal` round and round.
    ///
    /// # Panics
    /// When the server does not take it, or `signal` is empty.
    pub fn open(name: &str, signal: Vec<f32>) -> Self {
        assert!(!signal.is_empty(), "something to play");
        let (client, _) = Client::new(name, ClientOptions::NO_START_SERVER).expect("a client");
        let name = client.name().to_owned();
        let switches = Arc::new(Switches::default());
        let (sender, periods) = unbounded();
        let voice = Voice {
            out: client
                .register_port("out", AudioOut::default())
                .expect("a port"),
            input: client
                .register_port("in", AudioIn::default())
                .expect("a port"),
            signal,
            at: 0,
            switches: switches.clone(),
            periods: sender,
        };
        let client = client.activate_async((), voice).expect("an active client");
        Peer {
            client,
            name,
            switches,
            periods,
        }
    }

    /// Connect two ports by full names.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn connect(&self, from: &str, to: &str) {
        self.client
            .as_client()
            .connect_ports_by_name(from, to)
            .expect("a connection");
    }

    /// Take a connection apart again.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn disconnect(&self, from: &str, to: &str) {
        self.client
            .as_client()
            .disconnect_ports_by_name(from, to)
            .expect("no connection");
    }

    /// Change the server's period.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn set_period(&self, frames: u32) {
        self.client
            .as_client()
            .set_buffer_size(frames)
            .expect("another period");
    }

    /// The full name of the port that plays.
    pub fn out(&self) -> String {
        format!("{}:out", self.name)
    }

    /// The full name of the port that is recorded.
    pub fn input(&self) -> String {
        format!("{}:in", self.name)
    }

    /// Begin to record.
    pub fn record(&self) {
        self.switches.recording.store(true, Ordering::Relaxed);
    }

    /// What was recorded since this was last asked, every frame of it.
    pub fn recorded(&self) -> Vec<f32> {
        self.periods.try_iter().flatten().collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // libjack cancels a thread that has not ended by itself, and in the midst of Rust that aborts.
        self.switches.quit.store(true, Ordering::Relaxed);
        for _ in 0..500 {
            if self.switches.ended.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
