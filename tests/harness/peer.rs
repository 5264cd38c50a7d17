//! Another JACK client: it plays into the console and records what comes out.
//!
//! It is a process of its own, as in life. libjack keeps one table of clients for a whole process, and clients
//! that share one stop each other when a server dies or comes up.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

/// A client with an output `out`, which plays what it was given over and over, and an input `in`, which is
/// recorded from [`Peer::record`] on.
///
/// Dropping it closes the client, and kills the process where that hangs.
pub struct Peer {
    child: Child,
    name: String,
    /// None when it has been told to end.
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Peer {
    /// Open a client `name` of the test's server that plays `signal` round and round.
    ///
    /// # Panics
    /// When the server does not take it, or `signal` is empty.
    pub fn open(name: &str, signal: Vec<f32>) -> Self {
        assert!(!signal.is_empty(), "something to play");
        let test = std::env::current_exe().expect("the path of this test");
        // target/debug/deps/test-hash → target/debug/jack-peer
        let program = test.ancestors().nth(2).expect("a target directory").join("jack-peer");
        let mut child = Command::new(program)
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("jack-peer is built beside the tests");
        let pipes = (child.stdin.take().expect("its input"), BufReader::new(child.stdout.take().expect("its output")));
        let peer = Peer { child, name: name.to_owned(), pipes: Mutex::new(Some(pipes)) };
        peer.ask(&format!("play {}", signal.len()), &bytes(&signal));
        peer
    }

    /// Connect two ports by full names.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn connect(&self, from: &str, to: &str) {
        self.ask(&format!("connect {from} {to}"), &[]);
    }

    /// Take a connection apart again.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn disconnect(&self, from: &str, to: &str) {
        self.ask(&format!("disconnect {from} {to}"), &[]);
    }

    /// Change the server's period.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn set_period(&self, frames: u32) {
        self.ask(&format!("period {frames}"), &[]);
    }

    /// Its process, to look into it.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
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
        self.ask("record", &[]);
    }

    /// What was recorded since this was last asked: every frame of every period that JACK gave the client.
    pub fn recorded(&self) -> Vec<f32> {
        self.ask("recorded", &[])
    }

    /// One command, with what belongs to it; the samples of the answer.
    fn ask(&self, command: &str, payload: &[u8]) -> Vec<f32> {
        let mut pipes = self.pipes.lock().expect("no panic inside");
        let (input, output) = pipes.as_mut().expect("pipes until the end");
        let sent = writeln!(input, "{command}").and_then(|()| input.write_all(payload));
        sent.and_then(|()| input.flush()).expect("the peer hears");
        let mut line = String::new();
        output.read_line(&mut line).expect("the peer answers");
        let count = line.strip_prefix("ok ").and_then(|n| n.trim().parse().ok());
        let count: usize = count.unwrap_or_else(|| panic!("{} {command}: {line}", self.name));
        samples(output, count)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input is the word to end.
        drop(self.pipes.lock().map(|mut pipes| pipes.take()));
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn bytes(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

pub(crate) fn samples(from: &mut impl Read, count: usize) -> Vec<f32> {
    let mut bytes = vec![0; count * 4];
    from.read_exact(&mut bytes).expect("as many samples as announced");
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
