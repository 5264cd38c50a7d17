//! The process behind a `Peer`: commands come line by line, and each is answered by `ok COUNT` and COUNT samples.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use jack::{AsyncClient, AudioIn, AudioOut, Client, ClientOptions, Control, Port, ProcessHandler, ProcessScope};

use crate::peer::{bytes, samples};

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
            // A test may allocate here.
            let _ = self.periods.send(self.input.as_slice(scope).to_vec());
        }
        if self.switches.quit.load(Ordering::Relaxed) {
            self.switches.ended.store(true, Ordering::Relaxed);
            return Control::Quit;
        }
        Control::Continue
    }
}

struct Playing {
    client: AsyncClient<(), Voice>,
    switches: Arc<Switches>,
    periods: Receiver<Vec<f32>>,
}

impl Playing {
    fn open(name: &str, signal: Vec<f32>) -> Result<Self, jack::Error> {
        let (client, _) = Client::new(name, ClientOptions::NO_START_SERVER)?;
        let switches = Arc::new(Switches::default());
        let (sender, periods) = unbounded();
        let voice = Voice {
            out: client.register_port("out", AudioOut::default())?,
            input: client.register_port("in", AudioIn::default())?,
            signal,
            at: 0,
            switches: switches.clone(),
            periods: sender,
        };
        let client = client.activate_async((), voice)?;
        Ok(Playing { client, switches, periods })
    }

    fn obey(&self, words: &[&str]) -> Result<Vec<f32>, String> {
        let client = self.client.as_client();
        let done = match *words {
            ["connect", from, to] => client.connect_ports_by_name(from, to),
            ["disconnect", from, to] => client.disconnect_ports_by_name(from, to),
            ["period", frames] => client.set_buffer_size(frames.parse().map_err(|_| "a number")?),
            ["recorded"] => return Ok(self.periods.try_iter().flatten().collect()),
            ["record"] => {
                self.switches.recording.store(true, Ordering::Relaxed);
                Ok(())
            }
            _ => return Err(format!("unknown: {words:?}")),
        };
        done.map(|()| Vec::new()).map_err(|e| e.to_string())
    }
}

impl Drop for Playing {
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

/// The program `jack-peer NAME`, or with `--midi NAME` a control surface.
pub fn peer_main() -> ExitCode {
    jack::set_logger(jack::LoggerType::None);
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "peer".into());
    if name == "--midi" {
        return crate::midi_process::midi_main(&arguments.next().unwrap_or_else(|| "surface".into()));
    }
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut playing: Option<Playing> = None;
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line).unwrap_or(0) == 0 {
            return ExitCode::SUCCESS;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match (&playing, words.as_slice()) {
            (None, ["play", count]) => {
                let signal = samples(&mut input, count.parse().unwrap_or(0));
                Playing::open(&name, signal).map_err(|e| e.to_string()).map(|p| {
                    playing = Some(p);
                    Vec::new()
                })
            }
            (Some(playing), words) => playing.obey(words),
            (None, _) => Err("first play".into()),
        };
        let written = match answer {
            Ok(samples) => writeln!(output, "ok {}", samples.len()).and_then(|()| output.write_all(&bytes(&samples))),
            Err(error) => writeln!(output, "error {error}"),
        };
        if written.and_then(|()| output.flush()).is_err() {
            return ExitCode::FAILURE;
        }
    }
}
