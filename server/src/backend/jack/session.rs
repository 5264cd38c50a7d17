//! One life of the JACK client: what its process thread and its notification thread hold.

use std::ffi::{CStr, c_char};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

use crossbeam_channel::Sender;
use crossbeam_utils::atomic::AtomicCell;
use jack::jack_sys;
use jack::{Client, ClientStatus, Control, Frames, LoggerType, Port, PortId, ProcessScope, Unowned};

use nix::unistd::gettid;

use super::supervisor::{Message, Notice};
use super::worker::Task;
use crate::backend::midi::{AudioLine, LONGEST, PER_PERIOD};
use crate::backend::realtime::monotonic_nanos;
use crate::backend::{Direction, Io, MAX_PERIOD, Medium, Rack};

/// What the process thread shares with the control side. Everything crosses by exchanging one pointer, so
/// neither side ever waits for the other; a bounded channel would make the audio thread spin on a half-written
/// slot.
#[derive(Default)]
pub(super) struct Shared {
    /// The engine, except while the process thread has it for a period.
    pub(super) seat: AtomicCell<Option<Box<Rack>>>,
    /// A new port table on its way in. There is never more than one under way.
    pub(super) incoming: AtomicCell<Option<Box<Table>>>,
    /// The table that it replaced on its way out, to be freed and its ports unregistered.
    pub(super) outgoing: AtomicCell<Option<Box<Table>>>,
    /// Periods that JACK has asked for.
    pub(super) beats: AtomicU64,
    /// Frames of the last period: how the supervisor hears of another one, whichever thread JACK would tell.
    pub(super) period: AtomicU32,
    /// Frames a second.
    pub(super) rate: AtomicU32,
    /// The process thread is to end.
    pub(super) quit: AtomicBool,
    /// How many of JACK's threads are in our callbacks, and their numbers in the kernel, 0 before the first.
    inside: AtomicU32,
    pub(super) process_thread: AtomicI32,
    notify_thread: AtomicI32,
}

impl Shared {
    /// Whether no thread of JACK's is in our code.
    pub(super) fn is_quiet(&self) -> bool {
        self.inside.load(Ordering::SeqCst) == 0
            && is_asleep(self.process_thread.load(Ordering::Relaxed))
            && is_asleep(self.notify_thread.load(Ordering::Relaxed))
    }

    fn enter(&self) -> Inside<'_> {
        self.inside.fetch_add(1, Ordering::SeqCst);
        Inside(self)
    }
}

/// One of JACK's threads is in our code.
struct Inside<'a>(&'a Shared);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether a thread of this process sleeps, or is no more.
fn is_asleep(thread: i32) -> bool {
    // "TID (NAME) STATE …", and the name may hold anything.
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    stat.ok().is_none_or(|s| s.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S')))
}

/// Whether this process has such a thread.
pub(super) fn exists(thread: i32) -> bool {
    thread != 0 && std::fs::exists(format!("/proc/self/task/{thread}")).unwrap_or(false)
}

// Both cross as one pointer. Were they wider, the cells would fall back to a lock.
const _: () = assert!(AtomicCell::<Option<Box<Rack>>>::is_lock_free());
const _: () = assert!(AtomicCell::<Option<Box<Table>>>::is_lock_free());

/// The ports as the process thread sees them, by index.
pub(super) struct Table {
    slots: Vec<Option<Slot>>,
    midi: Vec<MidiSlot>,
    /// A message on its way between ring and port.
    message: Box<[u8; LONGEST]>,
    silence: Box<[f32]>,
    scratch: Box<[f32]>,
}

struct Slot {
    port: Port<Unowned>,
    direction: Direction,
    written: bool,
}

/// A MIDI port and its line.
struct MidiSlot {
    port: Port<Unowned>,
    direction: Direction,
    line: usize,
}

impl Table {
    pub(super) fn new(ports: Vec<Option<(Port<Unowned>, Direction, Medium)>>) -> Box<Self> {
        let quiet = || vec![0.0; MAX_PERIOD].into_boxed_slice();
        let (mut slots, mut midi) = (Vec::new(), Vec::new());
        for port in ports {
            slots.push(match port {
                Some((port, direction, Medium::Midi(line))) => {
                    midi.push(MidiSlot { port, direction, line });
                    None
                }
                Some((port, direction, Medium::Audio)) => Some(Slot { port, direction, written: false }),
                None => None,
            });
        }
        Box::new(Table { slots, midi, message: Box::new([0; LONGEST]), silence: quiet(), scratch: quiet() })
    }

    /// What came by MIDI goes to the lines, what waits in them to the ports. Once a period, with lines or without: what an
    /// output port sent stays in its buffer until it is cleared.
    fn exchange_midi(&mut self, frames: usize, rate: u32, lines: &mut [AudioLine]) {
        if self.midi.is_empty() {
            return;
        }
        let period = frames as u64 * 1_000_000_000 / u64::from(rate.max(1));
        let now = monotonic_nanos();
        for slot in &self.midi {
            // SAFETY: as in `hush`: a registered port, in the callback, with the frames of this period.
            let buffer = unsafe { slot.port.buffer(frames as Frames) };
            let line = lines.get_mut(slot.line);
            match slot.direction {
                Direction::In => {
                    let Some(line) = line else { continue };
                    // SAFETY: `buffer` is that of a MIDI input of this period.
                    for event in 0..unsafe { jack_sys::jack_midi_get_event_count(buffer) } {
                        let mut found = jack_sys::jack_midi_event_t::default();
                        // SAFETY: as above, and `found` is ours; 0 says that it was filled with bytes that live as
                        // long as the buffer.
                        let bytes = unsafe {
                            if jack_sys::jack_midi_event_get(&mut found, buffer, event) != 0 || found.buffer.is_null() {
                                continue;
                            }
                            slice::from_raw_parts(found.buffer, found.size)
                        };
                        line.heard(bytes);
                    }
                    line.beat(now, period);
                }
                Direction::Out => {
                    // SAFETY: `buffer` is that of a MIDI output of this period, ours alone until the callback ends.
                    unsafe { jack_sys::jack_midi_clear_buffer(buffer) };
                    let Some(line) = line else { continue };
                    for _ in 0..PER_PERIOD {
                        let Some(bytes) = line.next(&mut self.message) else { break };
                        // SAFETY: as above; the bytes are copied. A buffer that is full drops the message: it holds many
                        // times what the pace of a cable brings in a period.
                        unsafe { jack_sys::jack_midi_event_write(buffer, 0, bytes.as_ptr(), bytes.len()) };
                    }
                }
            }
        }
    }

    /// Silence on the outputs: on all of them, or on those that the engine did not ask for.
    fn hush(&mut self, frames: usize, all: bool) {
        for slot in self.slots.iter_mut().flatten() {
            if slot.direction == Direction::Out && (all || !slot.written) {
                // SAFETY: called from the process callback with the frames of this period, and the table
                // holds registered ports only; an output's buffer is ours alone until the callback ends.
                unsafe { slice::from_raw_parts_mut(slot.port.buffer(frames as Frames).cast::<f32>(), frames) }.fill(0.0);
            }
            slot.written = false;
        }
    }
}

/// A table during one period.
struct Period<'a> {
    table: &'a mut Table,
    frames: usize,
}

impl Io for Period<'_> {
    fn input(&self, port: usize) -> &[f32] {
        match self.table.slots.get(port) {
            Some(Some(slot)) if slot.direction == Direction::In => {
                // SAFETY: as in `hush`; the buffer lives through the period, and `self` with it.
                unsafe {
                    let buffer = slot.port.buffer(self.frames as Frames);
                    slice::from_raw_parts(buffer.cast::<f32>(), self.frames)
                }
            }
            _ => &self.table.silence[..self.frames],
        }
    }

    fn output(&mut self, port: usize) -> &mut [f32] {
        match self.table.slots.get_mut(port) {
            Some(Some(slot)) if slot.direction == Direction::Out => {
                slot.written = true;
                // SAFETY: as in `hush`; `&mut self` keeps every other slice of this period out of reach, also
                // that of an input wired straight to this output, which may be the same memory.
                unsafe {
                    let buffer = slot.port.buffer(self.frames as Frames);
                    slice::from_raw_parts_mut(buffer.cast::<f32>(), self.frames)
                }
            }
            _ => &mut self.table.scratch[..self.frames],
        }
    }
}

/// The process thread's side.
pub(super) struct Process {
    pub(super) shared: Arc<Shared>,
    pub(super) table: Box<Table>,
}

impl Process {
    fn adopt_table(&mut self) {
        if let Some(table) = self.shared.incoming.take() {
            let old = std::mem::replace(&mut self.table, table);
            // The worker sends the next one only when it has this one, so the way back is free. Were it not,
            // leaking would be better than freeing here.
            std::mem::forget(self.shared.outgoing.swap(Some(old)));
        }
    }

    fn period(&mut self, client: &Client, scope: &ProcessScope) {
        if self.shared.beats.fetch_add(1, Ordering::Relaxed) == 0 {
            // The one system call, in a period that is silent anyway.
            self.shared.process_thread.store(gettid().as_raw(), Ordering::Relaxed);
        }
        self.adopt_table();
        self.shared.period.store(scope.n_frames(), Ordering::Relaxed);
        let frames = scope.n_frames() as usize;
        if frames > MAX_PERIOD {
            self.table.hush(frames, true);
            self.table.exchange_midi(frames, 0, &mut []);
            return;
        }
        let sound = match self.shared.seat.take() {
            Some(mut rack) => {
                let rate = self.shared.rate.load(Ordering::Relaxed);
                self.table.exchange_midi(frames, rate, &mut rack.midi);
                let mut io = Period { table: &mut self.table, frames };
                let start = Self::period_start(client, scope);
                let sound = rack.process(&mut io, frames, start, rate);
                // The seat is empty, for the other side fills it only with the engine that is in our hands.
                std::mem::forget(self.shared.seat.swap(Some(rack)));
                sound
            }
            None => {
                self.table.exchange_midi(frames, 0, &mut []);
                false
            }
        };
        self.table.hush(frames, !sound);
    }

    /// When the period began by `CLOCK_MONOTONIC`, from JACK's smoothed time of it. JACK's own clock is another, the raw
    /// one, and drifts away from this one by what the system's is slewed; both are read from user space.
    fn period_start(client: &Client, scope: &ProcessScope) -> Option<u64> {
        let began = scope.cycle_times().ok()?.current_usecs;
        let ago = client.time().saturating_sub(began);
        Some(monotonic_nanos().saturating_sub(ago * 1_000))
    }
}

impl jack::ProcessHandler for Process {
    fn process(&mut self, client: &Client, scope: &ProcessScope) -> Control {
        self.shared.inside.fetch_add(1, Ordering::SeqCst);
        self.period(client, scope);
        let quit = self.shared.quit.load(Ordering::Relaxed);
        self.shared.inside.fetch_sub(1, Ordering::SeqCst);
        if quit { Control::Quit } else { Control::Continue }
    }
}

/// The notification thread's side. It passes on what it hears and calls nothing: JACK waits for it.
pub(super) struct Notify {
    pub(super) session: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) supervisor: Sender<Message>,
    pub(super) worker: Sender<Task>,
}

impl Notify {
    fn enter(&self) -> Inside<'_> {
        let inside = self.shared.enter();
        self.shared.notify_thread.store(gettid().as_raw(), Ordering::Relaxed);
        inside
    }

    fn notice(&self, notice: Notice) {
        let _inside = self.enter();
        let _ = self.supervisor.send(Message::Notice(self.session, notice));
    }

    fn task(&self, task: Task) {
        let _inside = self.enter();
        let _ = self.worker.send(task);
    }
}

impl jack::NotificationHandler for Notify {
    unsafe fn shutdown(&mut self, _: ClientStatus, reason: &str) {
        self.notice(Notice::Shutdown(reason.to_owned()));
    }

    fn freewheel(&mut self, _: &Client, on: bool) {
        self.notice(Notice::Freewheel(on));
    }

    fn sample_rate(&mut self, _: &Client, rate: Frames) -> Control {
        self.shared.rate.store(rate, Ordering::Relaxed);
        Control::Continue
    }

    fn port_registration(&mut self, _: &Client, port: PortId, registered: bool) {
        self.task(if registered { Task::PortAppeared } else { Task::PortVanished(port) });
    }

    fn ports_connected(&mut self, _: &Client, a: PortId, b: PortId, connected: bool) {
        self.task(Task::Connected(a, b, connected));
    }

    fn xrun(&mut self, _: &Client) -> Control {
        self.notice(Notice::Xrun(monotonic_nanos()));
        Control::Continue
    }
}

/// Send what libjack has to say to the log, where a probe that finds no server is no error. The library must be
/// there.
pub(crate) fn log_quietly() {
    unsafe extern "C" fn forward(text: *const c_char) {
        // SAFETY: libjack passes a terminated string that lives through the call.
        let text = unsafe { CStr::from_ptr(text) };
        tracing::debug!(target: "headroom::jack", "{}", text.to_string_lossy().trim_end());
    }
    jack::set_logger(LoggerType::Custom { info: forward, error: forward });
}
