//! A Mackie surface in the terminal: it shows what it is sent, and its player's hands are typed.

use super::{Fail, client};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use headroom_protocol::midi::mcu::table::KEYS;
use headroom_protocol::midi::message::{Message, Parser};
use headroom_protocol::midi::panel::{CELLS, LINE, STRIPS, TOP};
use jack::{Client, Control, MidiIn, MidiOut, Port, ProcessHandler, ProcessScope, RawMidi};
use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Longest message that crosses.
const LONGEST: usize = 256;
/// Its answer to who asks what it is.
const READY: &[u8] = b"\xF0\0\0\x66\x14\x01HEADRM1\x01\x02\x03\x04\xF7";
/// How often the terminal is drawn.
const DRAW: Duration = Duration::from_millis(100);

const HELP: &str = "fader N 0..16383 | touch N | release N | mute N | solo N | select N | rec N | push N | turn N CLICKS | \
                    jog CLICKS | press NAME | hold NAME | show | help | quit";

struct Cable {
    input: Port<MidiIn>,
    output: Port<MidiOut>,
    heard: Sender<(usize, [u8; LONGEST])>,
    sends: Receiver<Vec<u8>>,
    /// What was sent goes back to be freed elsewhere.
    sent: Sender<Vec<u8>>,
}

impl ProcessHandler for Cable {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        for event in self.input.iter(scope) {
            let mut bytes = [0; LONGEST];
            let length = event.bytes.len().min(LONGEST);
            bytes[..length].copy_from_slice(&event.bytes[..length]);
            let _ = self.heard.try_send((length, bytes));
        }
        let mut writer = self.output.writer(scope);
        while !self.sent.is_full()
            && let Ok(bytes) = self.sends.try_recv()
        {
            let _ = writer.write(&RawMidi { time: 0, bytes: &bytes });
            let _ = self.sent.try_send(bytes);
        }
        Control::Continue
    }
}

/// What the surface shows.
struct Shown {
    faders: [u16; STRIPS + 1],
    touched: [bool; STRIPS + 1],
    lights: [u8; 128],
    rings: [u8; STRIPS],
    text: [u8; 2 * LINE],
    digits: [u8; 12],
    meters: [u8; STRIPS],
}

impl Shown {
    fn new() -> Shown {
        Shown {
            faders: [0; STRIPS + 1],
            touched: [false; STRIPS + 1],
            lights: [0; 128],
            rings: [0; STRIPS],
            text: [b' '; 2 * LINE],
            digits: [b' '; 12],
            meters: [0; STRIPS],
        }
    }

    /// Takes a message; what is to be answered.
    fn take(&mut self, message: &Message<'_>) -> Option<Vec<u8>> {
        match *message {
            // A hand is stronger than a motor.
            Message::Bend { channel, value } if usize::from(channel) <= STRIPS && !self.touched[usize::from(channel)] => {
                self.faders[usize::from(channel)] = value;
            }
            Message::Note { channel: 0, key, velocity } => self.lights[usize::from(key)] = velocity,
            Message::Control { channel: 0, number: number @ 0x30..0x38, value } => self.rings[usize::from(number - 0x30)] = value,
            Message::Control { channel: 0, number: number @ 0x40..0x4C, value } => {
                self.digits[usize::from(0x4B - number)] = value
            }
            Message::Pressure { value, .. } if value & 0x0F <= 0x0D => {
                self.meters[usize::from(value >> 4) % STRIPS] = value & 0x0F
            }
            Message::Sysex([0, 0, 0x66, _, 0x12, offset, text @ ..]) => {
                let from = usize::from(*offset).min(self.text.len());
                self.text[from..].iter_mut().zip(text).for_each(|(to, from)| *to = *from);
            }
            Message::Sysex([0, 0, 0x66, _, 0x00]) => return Some(READY.to_vec()),
            _ => {}
        }
        None
    }

    fn lines(&self) -> Vec<String> {
        let cell =
            |line: usize, strip: usize| String::from_utf8_lossy(&self.text[line * LINE + strip * CELLS..][..CELLS]).into_owned();
        let row = |title: &str, cells: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = (0..STRIPS).map(|s| format!("{:<9}", cells(s))).collect();
            format!("{title:<7}{}", cells.concat())
        };
        let light = |note: usize, on: &str| match self.lights[note] {
            0 => ".".to_owned(),
            1 => on.to_lowercase(),
            _ => on.to_owned(),
        };
        let digit = |code: &u8| {
            let c = char::from(if code & 0x3F < 0x20 { (code & 0x3F) + 0x40 } else { code & 0x3F });
            if code & 0x40 != 0 { format!("{c}.") } else { c.to_string() }
        };
        let keys: Vec<&str> =
            KEYS.iter().filter(|(note, _)| self.lights[usize::from(*note)] != 0).map(|(_, name)| *name).collect();
        let digits: String = self.digits.iter().map(digit).collect();
        vec![
            row("", &|s| cell(0, s)),
            row("", &|s| cell(1, s)),
            row("knob", &|s| format!("{:2}", self.rings[s] & 0x0F)),
            row("r s m *", &|s| [light(s, "R"), light(8 + s, "S"), light(16 + s, "M"), light(24 + s, "*")].concat()),
            row("meter", &|s| "|".repeat(usize::from(self.meters[s]) / 2)),
            row("fader", &|s| format!("{}{}", self.faders[s], if self.touched[s] { "!" } else { "" })),
            format!("main   {:<9}[{digits}]  lit: {}", self.faders[STRIPS], keys.join(" ")),
        ]
    }
}

/// Runs until it is told to end.
pub fn run(name: &str, seconds: Option<f64>) -> Result<(), Fail> {
    let client = client(name).ok_or_else(|| Fail::running("no JACK server answers; a simulated surface needs one"))?;
    let fail = |e: jack::Error| Fail::running(format!("JACK: {e}"));
    let (heard, messages) = bounded(4_096);
    let (send, sends) = unbounded::<Vec<u8>>();
    let (sent, done) = bounded(1_024);
    let input = client.register_port("in", MidiIn::default()).map_err(fail)?;
    let output = client.register_port("out", MidiOut::default()).map_err(fail)?;
    tell!("{} is a Mackie surface: port = {name:?}, kind = \"mcu\"", client.name());
    tell!("{HELP}");
    let active = client.activate_async((), Cable { input, output, heard, sends, sent }).map_err(fail)?;
    let _ = send.send(READY.to_vec());
    let (typed, lines) = unbounded();
    std::thread::spawn(move || std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| typed.send(line)));
    let until = seconds.map(|s| Instant::now() + Duration::from_secs_f64(s.max(0.0)));
    let live = std::io::stdout().is_terminal();
    let (mut shown, mut parser, mut drawn) = (Shown::new(), Parser::default(), Instant::now());
    while until.is_none_or(|until| Instant::now() < until) {
        crossbeam_channel::select! {
            recv(messages) -> message => {
                let Ok((length, bytes)) = message else { break };
                parser.read(&bytes[..length], |message| {
                    if let Some(answer) = shown.take(&message) {
                        let _ = send.send(answer);
                    }
                });
            }
            recv(lines) -> line => match line.as_deref().map(str::trim) {
                Ok("quit") => break,
                Ok("help") => tell!("{HELP}"),
                Ok("show") => print(&shown, false),
                Ok(line) => match typed_command(line, &mut shown) {
                    Ok(messages) => messages.into_iter().for_each(|m| drop(send.send(m))),
                    Err(reason) => tell!("{reason}; {HELP}"),
                },
                // Nobody types: it goes on where its end is set, else it ends.
                Err(_) if until.is_some() => std::thread::sleep(Duration::from_millis(10)),
                Err(_) => break,
            },
            default(DRAW) => {}
        }
        while done.try_recv().is_ok() {}
        if live && drawn.elapsed() >= DRAW {
            drawn = Instant::now();
            print(&shown, true);
        }
    }
    print(&shown, false);
    let _ = active.deactivate();
    Ok(())
}

fn print(shown: &Shown, over: bool) {
    let mut out = std::io::stdout().lock();
    let lines = shown.lines();
    if over {
        // The lines are drawn over themselves; what is typed stands below.
        let _ = write!(out, "\x1b7\x1b[H");
        for line in &lines {
            let _ = writeln!(out, "\x1b[2K{line}");
        }
        let _ = write!(out, "\x1b8");
    } else {
        for line in &lines {
            let _ = writeln!(out, "{line}");
        }
    }
    let _ = out.flush();
}

/// The messages of a typed line.
fn typed_command(line: &str, shown: &mut Shown) -> Result<Vec<Vec<u8>>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let strip = |text: &str| match text {
        "main" | "master" => Ok(STRIPS),
        _ => text.parse::<usize>().ok().filter(|n| (1..=STRIPS).contains(n)).map(|n| n - 1).ok_or(format!("{text} is no strip")),
    };
    let clicks = |text: &str| text.parse::<i32>().map_err(|_| format!("{text} is no number of clicks"));
    let note = |key: u8, on: bool| Message::Note { channel: 0, key, velocity: if on { 127 } else { 0 } }.bytes();
    let both = |key: u8| Ok(vec![note(key, true), note(key, false)]);
    let turn = |number: u8, clicks: i32| {
        let value = clicks.unsigned_abs().clamp(1, 63) as u8 | if clicks < 0 { 0x40 } else { 0 };
        Ok(vec![Message::Control { channel: 0, number, value }.bytes()])
    };
    match *words.as_slice() {
        [] => Ok(Vec::new()),
        ["fader", n, at] => {
            let at = at.parse::<u16>().ok().filter(|at| *at <= TOP).ok_or(format!("a fader stands at 0 to {TOP}"))?;
            let n = strip(n)?;
            shown.faders[n] = at;
            Ok(vec![Message::Bend { channel: n as u8, value: at }.bytes()])
        }
        [word @ ("touch" | "release"), n] => {
            let n = strip(n)?;
            shown.touched[n] = word == "touch";
            Ok(vec![note(0x68 + n as u8, word == "touch")])
        }
        [word @ ("rec" | "solo" | "mute" | "select" | "push"), n] => {
            let row = ["rec", "solo", "mute", "select", "push"].iter().position(|w| *w == word).unwrap_or(0);
            let n = strip(n)?;
            if n == STRIPS { Err("main has no buttons".into()) } else { both((row * STRIPS + n) as u8) }
        }
        ["turn", n, count] => turn(0x10 + strip(n)?.min(STRIPS - 1) as u8, clicks(count)?),
        ["jog", count] => turn(0x3C, clicks(count)?),
        [word @ ("press" | "hold"), name] => {
            let (key, _) = KEYS.iter().find(|(_, key)| *key == name).ok_or(format!("no key is called {name}"))?;
            if word == "hold" { Ok(vec![note(*key, true)]) } else { both(*key) }
        }
        _ => Err(format!("{line:?} is not understood")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_are_typed() {
        let mut shown = Shown::new();
        let mut typed = |line: &str| typed_command(line, &mut shown);
        assert_eq!(typed("fader 1 12400"), Ok(vec![vec![0xE0, 0x70, 0x60]]));
        assert_eq!(typed("touch main"), Ok(vec![vec![0x90, 0x70, 0x7F]]));
        assert_eq!(typed("mute 3"), Ok(vec![vec![0x90, 0x12, 0x7F], vec![0x90, 0x12, 0x00]]));
        assert_eq!(typed("turn 2 -3"), Ok(vec![vec![0xB0, 0x11, 0x43]]));
        assert_eq!(typed("hold shift"), Ok(vec![vec![0x90, 0x46, 0x7F]]));
        assert_eq!(typed(""), Ok(vec![]));
        for wrong in ["fader 9 0", "fader 1 20000", "press nothing", "mute main", "dance"] {
            assert!(typed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_shows_what_it_is_sent() {
        let mut shown = Shown::new();
        assert_eq!(shown.take(&Message::Sysex(&[0, 0, 0x66, 0x14, 0])), Some(READY.to_vec()));
        shown.take(&Message::Sysex(b"\0\0\x66\x14\x12\x07Kick"));
        shown.take(&Message::Note { channel: 0, key: 0x11, velocity: 127 });
        shown.take(&Message::Bend { channel: 1, value: 12_400 });
        shown.take(&Message::Control { channel: 0, number: 0x4B, value: 0x10 });
        let lines = shown.lines();
        assert!(lines[0].contains("Kick") && lines[3].contains("..M.") && lines[5].contains("12400") && lines[6].contains("[P"));
        // Noise ends nothing.
        shown.take(&Message::Sysex(&[0, 0, 0x66, 0x14, 0x12, 0x7F, 1, 2, 3]));
    }
}
