//! A control surface on a JACK server: a player's hands, and what the surface shows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::midi_process::{from_hex, to_hex};

/// Cells of a Mackie display, two lines.
const CELLS: usize = 112;

/// A JACK client with ports `in` and `out` that speaks MIDI and remembers what it was sent, as a unit with motors, lights and
/// a display would. It is a process of its own, as in life; dropping it is pulling the plug.
pub struct ControlSurface {
    child: Child,
    name: String,
    pipes: Option<(ChildStdin, BufReader<ChildStdout>)>,
    /// Positions that faders were sent, by channel.
    pub faders: BTreeMap<u8, u16>,
    /// Velocities of lights, by note (channel 1).
    pub lights: BTreeMap<u8, u8>,
    /// Values of controllers, by number (channel 1).
    pub controls: BTreeMap<u8, u8>,
    /// All channel messages that were heard, whole.
    pub messages: Vec<Vec<u8>>,
    /// Levels of meters, as they came.
    pub meters: Vec<u8>,
    /// System-exclusive messages that are no text, whole.
    pub sysex: Vec<Vec<u8>>,
    /// What the surface sent and heard, with the server's frames: true is sent.
    pub log: Vec<(bool, u32, Vec<u8>)>,
    /// Frames at which the sound at its port `heard` began to change after it had stood still for 20 ms.
    pub changes: Vec<u32>,
    text: Vec<u8>,
}

impl ControlSurface {
    /// Open the client `name` of the test's server.
    ///
    /// # Panics
    /// When the server does not take it.
    pub fn plug(name: &str) -> Self {
        let test = std::env::current_exe().expect("the path of this test");
        let program = test.ancestors().nth(2).expect("a target directory").join("jack-peer");
        let mut child = Command::new(program)
            .args(["--midi", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("jack-peer is built beside the tests");
        let pipes = (child.stdin.take().expect("its input"), BufReader::new(child.stdout.take().expect("its output")));
        let mut surface = ControlSurface {
            child,
            name: name.to_owned(),
            pipes: Some(pipes),
            faders: BTreeMap::new(),
            lights: BTreeMap::new(),
            controls: BTreeMap::new(),
            messages: Vec::new(),
            meters: Vec::new(),
            sysex: Vec::new(),
            log: Vec::new(),
            changes: Vec::new(),
            text: vec![b'.'; CELLS],
        };
        surface.answer();
        surface
    }

    /// The frame of the last message that began so, of those sent by the surface or of those that it heard.
    pub fn frame_of(&self, sent: bool, start: &[u8]) -> Option<u32> {
        self.log.iter().rev().find(|(s, _, bytes)| *s == sent && bytes.starts_with(start)).map(|(_, frame, _)| *frame)
    }

    /// Whether nothing has changed at the port that hears sound for so many frames.
    pub fn is_still(&mut self, frames: u32) -> bool {
        let now = self.frame();
        self.changes.last().is_none_or(|at| now.wrapping_sub(*at) > frames)
    }

    /// Full name of the port that hears sound.
    pub fn heard(&self) -> String {
        format!("{}:heard", self.name)
    }

    /// Full name of the port that it sends from.
    pub fn out(&self) -> String {
        format!("{}:out", self.name)
    }

    /// Full name of the port that it hears with.
    pub fn input(&self) -> String {
        format!("{}:in", self.name)
    }

    /// Send one message.
    ///
    /// # Panics
    /// When its process has gone.
    pub fn send(&mut self, bytes: &[u8]) {
        self.say(&format!("send {}", to_hex(bytes)));
        self.answer();
    }

    /// The server's frame now.
    ///
    /// # Panics
    /// When its process has gone.
    pub fn frame(&mut self) -> u32 {
        self.say("frame");
        self.answer() as u32
    }

    /// Move a fader.
    pub fn move_fader(&mut self, strip: u8, position: u16) {
        self.send(&[0xE0 | strip, (position & 0x7F) as u8, (position >> 7) as u8]);
    }

    /// Press a button and let it go.
    pub fn press(&mut self, note: u8) {
        self.send(&[0x90, note, 0x7F]);
        self.send(&[0x90, note, 0x00]);
    }

    /// Take in what was heard since.
    ///
    /// # Panics
    /// When its process has gone.
    pub fn look(&mut self) {
        self.say("log");
        let count = self.answer();
        for _ in 0..count {
            let line = self.line();
            let words: Vec<&str> = line.split_whitespace().collect();
            let [way, frame, hex] = words[..] else { panic!("{}: {line}", self.name) };
            let bytes = from_hex(hex).expect("hex");
            let at = frame.parse().expect("a frame");
            if way == "=" {
                self.changes.push(at);
                continue;
            }
            let sent = way == ">";
            if !sent {
                self.shows(&bytes);
            }
            self.log.push((sent, at, bytes));
        }
    }

    fn shows(&mut self, bytes: &[u8]) {
        match *bytes {
            [status @ 0xE0..=0xEF, low, high] => {
                self.faders.insert(status & 0x0F, u16::from(low) | u16::from(high) << 7);
            }
            [0x90, note, velocity] => {
                self.lights.insert(note, velocity);
            }
            [0xB0, number, value] => {
                self.controls.insert(number, value);
            }
            [0xD0, level] => self.meters.push(level),
            [0xF0, 0, 0, 0x66, _, 0x12, offset, ref text @ .., 0xF7] => {
                self.text[usize::from(offset)..][..text.len()].copy_from_slice(text);
            }
            [0xF0, ..] => self.sysex.push(bytes.to_vec()),
            _ => {}
        }
        if bytes[0] != 0xF0 {
            self.messages.push(bytes.to_vec());
        }
    }

    /// What stands in the cell of a strip, of seven characters.
    pub fn cell(&self, line: usize, strip: usize) -> String {
        let cell = &self.text[line * 56 + strip * 7..][..7];
        String::from_utf8_lossy(cell).trim_end().to_owned()
    }

    /// Forget everything that is shown, as a unit does that was switched off.
    pub fn blank(&mut self) {
        self.look();
        self.text.fill(b'.');
        (self.faders, self.lights, self.controls) = Default::default();
        (self.messages, self.meters, self.sysex) = Default::default();
    }

    /// Look until this is seen.
    ///
    /// # Panics
    /// When it is not within ten seconds, with what is shown.
    pub fn eventually(&mut self, what: &str, mut yes: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            self.look();
            if yes(self) {
                return;
            }
            let text = [&self.text[..56], &self.text[56..]].map(|line| String::from_utf8_lossy(line).into_owned());
            assert!(
                Instant::now() < until,
                "{} never shows {what}: {text:#?} {:?} {:?} {:?}",
                self.name,
                self.faders,
                self.lights,
                self.controls
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn say(&mut self, command: &str) {
        let (input, _) = self.pipes.as_mut().expect("pipes until the end");
        writeln!(input, "{command}").and_then(|()| input.flush()).expect("the surface hears");
    }

    fn line(&mut self) -> String {
        let (_, output) = self.pipes.as_mut().expect("pipes until the end");
        let mut line = String::new();
        output.read_line(&mut line).expect("the surface answers");
        line.trim_end().to_owned()
    }

    fn answer(&mut self) -> usize {
        let line = self.line();
        line.strip_prefix("ok ").and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{}: {line:?}", self.name))
    }
}

impl Drop for ControlSurface {
    fn drop(&mut self) {
        // The end of its input is the word to end.
        self.pipes = None;
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
