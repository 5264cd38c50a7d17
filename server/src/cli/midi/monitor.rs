//! What surfaces send, decoded.

use super::{Fail, MIDI, alsa, client, ports};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use headroom_protocol::midi::mcu;
use headroom_protocol::midi::message::{Message, Parser};
use jack::{Client, Control, MidiIn, Port, PortFlags, ProcessHandler, ProcessScope};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Longest message that is shown; JACK's thread holds no memory for more.
const LONGEST: usize = 256;
/// Messages that wait to be printed.
const WAITING: usize = 4_096;

/// A message as it crosses from JACK's thread: which port, how long, bytes.
type Crossing = (usize, usize, [u8; LONGEST]);

struct Listener {
    inputs: Vec<Port<MidiIn>>,
    heard: Sender<Crossing>,
}

impl ProcessHandler for Listener {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        for (at, input) in self.inputs.iter().enumerate() {
            for event in input.iter(scope) {
                let mut bytes = [0; LONGEST];
                let length = event.bytes.len().min(LONGEST);
                bytes[..length].copy_from_slice(&event.bytes[..length]);
                let _ = self.heard.try_send((at, length, bytes));
            }
        }
        Control::Continue
    }
}

/// Prints what the ports with `pattern` in their name send.
pub fn run(pattern: &str, seconds: Option<f64>) -> Result<(), Fail> {
    let until = seconds.map(|s| Instant::now() + Duration::from_secs_f64(s.max(0.0)));
    let fits = |name: &str| name.to_lowercase().contains(&pattern.to_lowercase());
    let (heard, crossings) = bounded(WAITING);
    let mut names: Vec<String> = Vec::new();
    let mut active = None;
    if let Some(client) = client("headroom-midi") {
        names = ports(&client, PortFlags::IS_OUTPUT).into_iter().filter(|n| fits(n)).collect();
        let fail = |e: jack::Error| Fail::running(format!("JACK: {e}"));
        let inputs: Result<Vec<_>, _> =
            (1..=names.len()).map(|n| client.register_port(&format!("in-{n}"), MidiIn::default())).collect();
        let running = client.activate_async((), Listener { inputs: inputs.map_err(fail)?, heard }).map_err(fail)?;
        let own = running.as_client().ports(Some(&format!("^{}:", running.as_client().name())), Some(MIDI), PortFlags::IS_INPUT);
        for (from, to) in names.iter().zip(&own) {
            running.as_client().connect_ports_by_name(from, to).map_err(fail)?;
        }
        active = Some(running);
    }
    let (sequencer, alsa_ports) = sequencer(&fits);
    if names.is_empty() && alsa_ports.is_empty() {
        let what = if pattern.is_empty() {
            "no MIDI port sends anything".into()
        } else {
            format!("no MIDI port has {pattern:?} in its name")
        };
        return Err(Fail::running(format!("{what}; `headroom midi` lists those that are there")));
    }
    for name in names.iter().chain(alsa_ports.iter().map(|(name, _)| name)) {
        tell!("listening to {name}");
    }
    let mut parsers: HashMap<String, Parser> = HashMap::new();
    while until.is_none_or(|until| Instant::now() < until) {
        crossbeam_channel::select! {
            recv(crossings) -> crossing => match crossing {
                Ok((at, length, bytes)) => show(&names[at], &bytes[..length], &mut parsers),
                // JACK's thread is gone; the sequencer may go on.
                Err(_) if alsa_ports.is_empty() => break,
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            },
            recv(sequencer) -> _ => {},
            default(Duration::from_millis(100)) => {}
        }
        for (name, port) in &alsa_ports {
            while let Some(bytes) = port.receive() {
                show(name, &bytes, &mut parsers);
            }
        }
    }
    if let Some(active) = active {
        let _ = active.deactivate();
    }
    Ok(())
}

/// The ports of the sequencer, and what wakes who listens to them.
fn sequencer(fits: &impl Fn(&str) -> bool) -> (Receiver<()>, Vec<(String, alsa::Port)>) {
    let (wake, woken) = unbounded();
    let mut open = Vec::new();
    if alsa::is_here()
        && let Some(look) = alsa::Look::new()
    {
        let names: Vec<String> = look.ports().0.into_iter().filter(|n| fits(n)).map(str::to_owned).collect();
        for name in names {
            let wake = wake.clone();
            let port = alsa::Look::new().and_then(|look| {
                look.open(&name, &[], move || {
                    let _ = wake.send(());
                })
            });
            open.extend(port.map(|port| (name, port)));
        }
    }
    (woken, open)
}

fn show(port: &str, bytes: &[u8], parsers: &mut HashMap<String, Parser>) {
    let parser = parsers.entry(port.to_owned()).or_default();
    parser.read(bytes, |message| say!("{port:<30} {}", describe(&message)));
}

/// A message in words, with what it would mean of a Mackie surface.
fn describe(message: &Message<'_>) -> String {
    let hex: Vec<String> = message.bytes().iter().map(|b| format!("{b:02X}")).collect();
    let words = match *message {
        Message::Note { channel, key, velocity: 0 } => format!("note {key} off, channel {}", channel + 1),
        Message::Note { channel, key, velocity } => format!("note {key} on {velocity}, channel {}", channel + 1),
        Message::KeyPressure { channel, key, value } => format!("pressure {value} on note {key}, channel {}", channel + 1),
        Message::Control { channel, number, value } => format!("cc {number} = {value}, channel {}", channel + 1),
        Message::Program { channel, number } => format!("program {number}, channel {}", channel + 1),
        Message::Pressure { channel, value } => format!("pressure {value}, channel {}", channel + 1),
        Message::Bend { channel, value } => format!("bend {value}, channel {}", channel + 1),
        Message::Sysex(bytes) => format!("system exclusive, {} bytes", bytes.len()),
    };
    let meaning = mcu::meaning(message).map(|m| format!("   mcu: {m}")).unwrap_or_default();
    format!("{:<12} {words}{meaning}", hex.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_in_words() {
        assert_eq!(
            describe(&Message::Bend { channel: 0, value: 12_400 }),
            "E0 70 60     bend 12400, channel 1   mcu: fader 1 at 12400"
        );
        assert_eq!(
            describe(&Message::Note { channel: 0, key: 0x5E, velocity: 127 }),
            "90 5E 7F     note 94 on 127, channel 1   mcu: play pressed"
        );
        assert_eq!(describe(&Message::Control { channel: 9, number: 7, value: 1 }), "B9 07 01     cc 7 = 1, channel 10");
    }
}
