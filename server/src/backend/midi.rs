//! MIDI through the audio server: lines between its process thread and the thread of the surfaces.
//!
//! A line is a pair of bounded rings of bytes, made when the backend is opened, so that the audio thread never
//! allocates for one. Its audio end travels with the engine, hence one thread has it at a time, whichever server runs.
//! Nobody is woken, since the audio thread may not: it leaves word of when it was there ([`Plug::next_look`]), and the
//! other side looks right after it.

use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Lines of a backend; more surfaces than that have no ports of their own.
pub const LINES: usize = 16;

/// Bytes that wait in a ring, lengths included: a display's worth of messages.
const RING: usize = 4_096;

/// Longest message that crosses; longer ones are dropped whole.
pub const LONGEST: usize = 1_024;

/// Messages that leave through a port in one period; the rest follows in the next.
pub(crate) const PER_PERIOD: usize = 64;

/// What a line is plugged into, told by the thread that hears of connections.
#[derive(Debug, Default)]
pub struct Plug {
    cables: AtomicU32,
    made: AtomicU32,
    lost: AtomicU64,
    /// When the audio thread was there last, and how long a period is, in nanoseconds; 0 before it ever was.
    beat: AtomicU64,
    period: AtomicU64,
}

/// How long after its time the audio thread is expected to have been there, and how soon it is looked again when it was not.
const LATE: u64 = 150_000;
/// How often it is looked where the audio thread has not come for some periods.
const STALLED: u64 = 5_000_000;

impl Plug {
    /// Cables at its two ports now.
    pub fn cables(&self) -> u32 {
        self.cables.load(Ordering::Acquire)
    }

    /// Cables that were ever made: who sees another number has a surface that shows nothing yet.
    pub fn made(&self) -> u32 {
        self.made.load(Ordering::Acquire)
    }

    /// Messages of the surface that did not fit.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// When something new may be there, by `CLOCK_MONOTONIC`: a moment after the audio thread's next turn.
    pub fn next_look(&self, now: u64) -> u64 {
        let (beat, period) = (self.beat.load(Ordering::Acquire), self.period.load(Ordering::Relaxed));
        let due = beat + period + LATE;
        match now.saturating_sub(due) {
            0 if due > now => due,
            late if late < period.max(4 * LATE) => now + LATE,
            _ => now + STALLED,
        }
    }

    /// There are so many cables now; more than before means that one was made.
    pub(crate) fn set(&self, cables: u32) {
        if self.cables.swap(cables, Ordering::AcqRel) < cables {
            self.made.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// The end of a line that the surfaces' thread holds.
pub struct Line {
    to: Producer<u8>,
    from: Consumer<u8>,
    plug: Arc<Plug>,
}

/// The end of a line that the audio thread holds.
pub(crate) struct AudioLine {
    to: Producer<u8>,
    from: Consumer<u8>,
    plug: Arc<Plug>,
}

/// Both ends of all lines, and their plugs.
pub(crate) fn lines() -> (Vec<Line>, Vec<AudioLine>, Vec<Arc<Plug>>) {
    let mut all = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..LINES {
        let plug = Arc::new(Plug::default());
        let (to_audio, from_control) = RingBuffer::new(RING);
        let (to_control, from_audio) = RingBuffer::new(RING);
        all.0.push(Line { to: to_audio, from: from_audio, plug: plug.clone() });
        all.1.push(AudioLine { to: to_control, from: from_control, plug: plug.clone() });
        all.2.push(plug);
    }
    all
}

/// Puts a message with its length in front, whole or not at all.
fn put(ring: &mut Producer<u8>, bytes: &[u8]) -> bool {
    let Ok(length) = u16::try_from(bytes.len()) else { return false };
    let Ok(room) = ring.write_chunk_uninit(bytes.len() + 2) else { return false };
    room.fill_from_iter(length.to_le_bytes().into_iter().chain(bytes.iter().copied()));
    true
}

/// Takes a message into `buffer`; its length, or `None` where there is none.
fn take(ring: &mut Consumer<u8>, buffer: &mut [u8; LONGEST]) -> Option<usize> {
    let head = ring.read_chunk(2).ok()?;
    let mut bytes = head.into_iter();
    let length = usize::from(u16::from_le_bytes([bytes.next()?, bytes.next()?]));
    drop(bytes);
    // It was put as one, so it is there.
    let body = ring.read_chunk(length).ok()?;
    let length = length.min(LONGEST);
    buffer.iter_mut().zip(body).for_each(|(to, from)| *to = from);
    Some(length)
}

impl Line {
    /// What it is plugged into.
    pub fn plug(&self) -> &Plug {
        &self.plug
    }

    /// Sends a message to the surface; false where the ring is full.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        bytes.len() <= LONGEST && put(&mut self.to, bytes)
    }

    /// Whether a message of any length can be sent.
    pub fn has_room(&self) -> bool {
        self.to.slots() >= LONGEST + 2
    }

    /// The next message of the surface.
    pub fn receive<'b>(&mut self, buffer: &'b mut [u8; LONGEST]) -> Option<&'b [u8]> {
        let length = take(&mut self.from, buffer)?;
        Some(&buffer[..length])
    }
}

impl AudioLine {
    /// The audio thread is here, and will be again in a period. On the audio thread.
    pub(crate) fn beat(&self, now: u64, period: u64) {
        self.plug.period.store(period, Ordering::Relaxed);
        self.plug.beat.store(now, Ordering::Release);
    }

    /// A message came from the surface. On the audio thread.
    pub(crate) fn heard(&mut self, bytes: &[u8]) {
        if bytes.len() > LONGEST || !put(&mut self.to, bytes) {
            self.plug.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The next message for the surface. On the audio thread.
    pub(crate) fn next<'b>(&mut self, buffer: &'b mut [u8; LONGEST]) -> Option<&'b [u8]> {
        let length = take(&mut self.from, buffer)?;
        Some(&buffer[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_cross_whole_and_in_order() {
        let (mut control, mut audio, _) = lines();
        let (line, far) = (&mut control[3], &mut audio[3]);
        let mut buffer = [0; LONGEST];
        for round in 0..5_000u32 {
            let message: Vec<u8> = (0..round % 40).map(|i| i as u8).collect();
            assert!(line.send(&message));
            far.heard(&message);
            assert_eq!(far.next(&mut buffer), Some(&message[..]));
            assert_eq!(line.receive(&mut buffer), Some(&message[..]));
        }
        assert_eq!(far.next(&mut buffer), None);
        assert_eq!(line.receive(&mut buffer), None);
    }

    #[test]
    fn what_does_not_fit_is_refused_or_counted() {
        let (mut control, mut audio, plugs) = lines();
        let mut sent = 0;
        while control[0].send(&[1; 100]) {
            sent += 1;
        }
        assert!(!control[0].has_room());
        for _ in 0..sent + 7 {
            audio[0].heard(&[1; 100]);
        }
        assert_eq!(plugs[0].lost(), 7);
        assert!(!control[1].send(&[0; LONGEST + 1]));
        let mut buffer = [0; LONGEST];
        assert_eq!(std::iter::from_fn(|| audio[0].next(&mut buffer).map(<[u8]>::len)).sum::<usize>(), sent * 100);
    }

    #[test]
    fn the_next_look_follows_the_audio_thread() {
        let (control, audio, _) = lines();
        let (plug, far) = (control[0].plug(), &audio[0]);
        const MS: u64 = 1_000_000;
        far.beat(100 * MS, 5 * MS);
        assert_eq!(plug.next_look(101 * MS), 105 * MS + LATE);
        // It is late: looked again soon, and rarely when it does not come at all.
        assert_eq!(plug.next_look(106 * MS), 106 * MS + LATE);
        assert_eq!(plug.next_look(200 * MS), 200 * MS + STALLED);
        assert_eq!(control[1].plug().next_look(200 * MS), 200 * MS + STALLED);
    }

    #[test]
    fn a_cable_more_is_news_and_one_less_is_not() {
        let plug = Plug::default();
        for (cables, made) in [(1, 1), (2, 2), (1, 2), (0, 2), (2, 3)] {
            plug.set(cables);
            assert_eq!((plug.cables(), plug.made()), (cables, made));
        }
    }
}
