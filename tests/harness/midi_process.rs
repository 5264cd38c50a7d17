//! The process behind a [`crate::ControlSurface`]: a JACK client with a MIDI port each way, and an audio input that hears
//! when a constant begins to change. Commands come line by line.
//!
//! | command | answer |
//! | --- | --- |
//! | `send HEX` | `ok 0`; sent in the next period |
//! | `frame` | `ok N`, the server's frame now |
//! | `log` | `ok N`, then N lines `< FRAME HEX` (heard), `> FRAME HEX` (sent) or `= FRAME 00` (changed), in order |

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use jack::{AudioIn, Client, ClientOptions, Control, MidiIn, MidiOut, Port, ProcessHandler, ProcessScope, RawMidi};

/// What happened, its frame, and the message.
type Entry = (char, u32, Vec<u8>);

/// Frames that a constant stands before its next change counts.
const STEADY: u32 = 960;

struct Voice {
    input: Port<MidiIn>,
    output: Port<MidiOut>,
    heard: Port<AudioIn>,
    /// The last sample, and for how long it has been the same.
    sample: (f32, u32),
    send: Receiver<Vec<u8>>,
    log: Sender<Entry>,
    quit: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl ProcessHandler for Voice {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let began = scope.last_frame_time();
        // A test may allocate here.
        for event in self.input.iter(scope) {
            let _ = self.log.send(('<', began.wrapping_add(event.time), event.bytes.to_vec()));
        }
        for (at, now) in (0..).zip(self.heard.as_slice(scope)) {
            let (before, since) = self.sample;
            self.sample = (*now, if *now == before { since.saturating_add(1) } else { 0 });
            if *now != before && since >= STEADY {
                let _ = self.log.send(('=', began.wrapping_add(at), vec![0]));
            }
        }
        let mut writer = self.output.writer(scope);
        for bytes in self.send.try_iter() {
            if writer.write(&RawMidi { time: 0, bytes: &bytes }).is_ok() {
                let _ = self.log.send(('>', began, bytes));
            }
        }
        if self.quit.load(Ordering::Relaxed) {
            self.ended.store(true, Ordering::Relaxed);
            return Control::Quit;
        }
        Control::Continue
    }
}

/// The program `jack-peer --midi NAME`.
pub(crate) fn midi_main(name: &str) -> ExitCode {
    match serve(name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (client, _) = Client::new(name, ClientOptions::NO_START_SERVER)?;
    let ((to, send), (log, entries)) = (unbounded(), unbounded());
    let (quit, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let voice = Voice {
        input: client.register_port("in", MidiIn::default())?,
        output: client.register_port("out", MidiOut::default())?,
        heard: client.register_port("heard", AudioIn::default())?,
        sample: (0.0, 0),
        send,
        log,
        quit: quit.clone(),
        ended: ended.clone(),
    };
    let client = client.activate_async((), voice)?;
    println!("ok 0");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut output = std::io::stdout().lock();
        match line.split_once(' ') {
            Some(("send", hex)) => {
                to.send(from_hex(hex).ok_or("bad hex")?)?;
                writeln!(output, "ok 0")?;
            }
            _ if line == "frame" => writeln!(output, "ok {}", client.as_client().frame_time())?,
            _ => {
                let entries: Vec<Entry> = entries.try_iter().collect();
                writeln!(output, "ok {}", entries.len())?;
                for (what, frame, bytes) in entries {
                    writeln!(output, "{what} {frame} {}", to_hex(&bytes))?;
                }
            }
        }
        output.flush()?;
    }
    // As for the audio peer: a thread that libjack cancels in the midst of Rust aborts.
    quit.store(true, Ordering::Relaxed);
    for _ in 0..500 {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(10));
    drop(client);
    Ok(())
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect()
}
