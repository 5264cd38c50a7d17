//! The thread that writes: whoever hands a snapshot over never waits for a disk.

use super::format::{Memory, encode};
use super::store::Store;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// First and longest time between two tries, while writing fails.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// How saving stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// The state file.
    pub path: String,
    /// Revision up to which changes are saved.
    pub saved: i32,
    /// Why the last try failed.
    pub error: Option<String>,
}

/// What is to be saved: made on the hub's thread, worked out on the writer's.
pub struct Snapshot {
    /// Revision of the last change in it.
    pub revision: i32,
    /// For people who open the file.
    pub title: String,
    /// Makes what is to be remembered.
    pub memory: Box<dyn FnOnce() -> Memory + Send>,
}

#[derive(Default)]
struct Slot {
    next: Option<Snapshot>,
    status: Status,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    wake: Condvar,
}

impl Shared {
    /// Held for assignments only, on either side.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module documentation. Dropping it saves what was handed over last, and waits for that.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(store: Store) -> Writer {
        let shared = Arc::new(Shared::default());
        shared.slot().status.path = store.path().display().to_string();
        let theirs = shared.clone();
        let thread = std::thread::Builder::new().name("headroom-state".into()).spawn(move || write_all(store, &theirs));
        let thread = thread.inspect_err(|error| {
            tracing::error!(%error, "state is not saved");
            shared.slot().status.error = Some(error.to_string());
        });
        Writer { shared, thread: thread.ok() }
    }

    /// Hands a snapshot over; one that waits still is forgotten for it.
    pub fn save(&self, snapshot: Snapshot) {
        let before = self.shared.slot().next.replace(snapshot);
        self.shared.wake.notify_one();
        drop(before);
    }

    /// How saving stands.
    pub fn status(&self) -> Status {
        self.shared.slot().status.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.slot().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is not on the disk yet.
struct Unsaved {
    revision: i32,
    bytes: Vec<u8>,
    again: Option<(Instant, Duration)>,
}

fn write_all(mut store: Store, shared: &Shared) {
    let mut written = Vec::new();
    let mut unsaved: Option<Unsaved> = None;
    loop {
        let (next, stop) = wait(shared, unsaved.as_ref().and_then(|u| u.again).map(|a| a.0));
        if let Some(next) = next {
            let bytes = encode(&(next.memory)(), &next.title);
            let again = unsaved.and_then(|u| u.again);
            unsaved = Some(Unsaved { revision: next.revision, bytes, again });
        }
        if let Some(this) = &mut unsaved
            && (stop || this.again.is_none_or(|(at, _)| Instant::now() >= at))
        {
            let done = if this.bytes == written { Ok(()) } else { store.write(&this.bytes) };
            match done {
                Ok(()) => {
                    if this.again.is_some() {
                        tracing::info!(path = %store.path().display(), "state is saved again");
                    }
                    let mut slot = shared.slot();
                    slot.status.saved = this.revision;
                    slot.status.error = None;
                    drop(slot);
                    written = unsaved.take().map_or_else(Vec::new, |u| u.bytes);
                }
                Err(error) => {
                    // Once for an outage, and once more where it is the last word.
                    if this.again.is_none() || stop {
                        tracing::error!(path = %store.path().display(), %error, "state is not saved");
                    }
                    let wait = this.again.map_or(RETRY[0], |(_, wait)| (wait * 2).min(RETRY[1]));
                    this.again = Some((Instant::now() + wait, wait));
                    shared.slot().status.error = Some(error.to_string());
                }
            }
        }
        if stop {
            return;
        }
    }
}

/// Waits for a snapshot, the end, or the time of the next try.
fn wait(shared: &Shared, until: Option<Instant>) -> (Option<Snapshot>, bool) {
    let mut slot = shared.slot();
    loop {
        if slot.next.is_some() || slot.stop {
            return (slot.next.take(), slot.stop);
        }
        slot = match until.map(|u| u.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return (None, false),
            Some(left) => shared.wake.wait_timeout(slot, left).map_or_else(|e| e.into_inner().0, |w| w.0),
            None => shared.wake.wait(slot).unwrap_or_else(PoisonError::into_inner),
        };
    }
}
