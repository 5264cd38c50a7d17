//! The built-in clock: periods without sound hardware.
//!
//! It is the backend of machines without JACK, where its inputs are silent and its outputs go nowhere (the demo
//! and the recorder tap the engine itself), and it keeps the engine going while a JACK server is away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::ports::Plan;
use super::realtime::{advice, monotonic_nanos, set_realtime, sleep_until};
use super::{
    Backend, BackendEvent, Callback, Config, Evidence, Format, Io, MAX_PERIOD, PortSpec, PortStatus, Rack, Status, Timing, Xrun,
    XrunCause,
};

/// Below JACK's usual 70 to 80, above everything that is not audio.
const PRIORITY: i32 = 60;

/// A clock that is this late skips ahead; one that is less late catches up, period after period.
const CATCH_UP_NANOS: u64 = 100_000_000;

/// Events that may wait: the audio thread neither waits nor allocates for them.
const EVENTS: usize = 64;

/// A thread that calls the engine once a period.
pub(crate) struct InternalClock {
    stop: Arc<AtomicBool>,
    rack: Option<Sender<Box<Rack>>>,
    thread: Option<JoinHandle<Option<Box<Rack>>>>,
}

impl Drop for InternalClock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What a clock runs for.
pub(crate) enum Role {
    /// It is the backend: it asks for real-time priority, and tells of the deadlines it missed.
    Backend(Sender<BackendEvent>),
    /// It stands in for JACK. Nobody hears it, so it asks for no priority and its lateness is no xrun.
    StandIn,
}

impl InternalClock {
    /// Start a clock that waits for its rack.
    pub(crate) fn start(format: Format, role: Role) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (rack, racks) = bounded::<Box<Rack>>(1);
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("headroom-audio".into()).spawn(move || {
            let mut rack = racks.recv().ok()?;
            if let Role::Backend(_) = role
                && let Err(error) = set_realtime(PRIORITY)
            {
                tracing::warn!("{}", advice("real-time priority", error));
            }
            run(&mut rack, format, &role, &stopped);
            Some(rack)
        })?;
        Ok(InternalClock { stop, rack: Some(rack), thread: Some(thread) })
    }

    /// Hand over the rack; it runs until [`InternalClock::stop`].
    pub(crate) fn run(&self, mut rack: Box<Rack>, format: Format) {
        rack.resume(format);
        // One rack is handed over in a clock's life, and there is room for it.
        let _ = self.rack.as_ref().map(|r| r.try_send(rack));
    }

    /// Stop after the present period and give the rack back.
    pub(crate) fn stop(mut self) -> Option<Box<Rack>> {
        self.stop.store(true, Ordering::Relaxed);
        self.rack = None;
        self.thread.take()?.join().ok().flatten()
    }
}

fn run(rack: &mut Rack, format: Format, role: &Role, stop: &AtomicBool) {
    let frames = (format.period as usize).clamp(1, MAX_PERIOD);
    let mut io = Void::new(frames);
    let mut periods = Periods::new(monotonic_nanos(), format.rate, frames);
    while !stop.load(Ordering::Relaxed) {
        let due = periods.due();
        sleep_until(due);
        let woken = monotonic_nanos();
        rack.process(&mut io, frames, Some(due), format.rate);
        let now = monotonic_nanos();
        if periods.finish(now)
            && let Role::Backend(events) = role
        {
            let took = now - woken;
            let cause = if took >= periods.nanos() { XrunCause::Processing } else { XrunCause::Wakeup };
            rack.timing.count_xrun(cause);
            let evidence =
                Evidence { process: took, wakeup: woken.saturating_sub(due), interval: now - due, gap: 0, waited: None };
            // Where nobody takes them there is no room for more than a few; they are counted all the same.
            let _ = events.try_send(BackendEvent::Xrun(Xrun { nanos: now, cause, evidence }));
        }
    }
}

/// When each period begins. Counted in frames from one origin, so that no rounding adds up.
struct Periods {
    origin: u64,
    rate: u64,
    frames: u64,
    count: u64,
    behind: bool,
}

impl Periods {
    fn new(origin: u64, rate: u32, frames: usize) -> Self {
        Periods { origin, rate: u64::from(rate.max(1)), frames: frames as u64, count: 0, behind: false }
    }

    fn after(&self, count: u64) -> u64 {
        (u128::from(count * self.frames) * 1_000_000_000 / u128::from(self.rate)) as u64
    }

    /// The length of one period in nanoseconds.
    fn nanos(&self) -> u64 {
        self.after(1)
    }

    /// When the present period begins.
    fn due(&self) -> u64 {
        self.origin + self.after(self.count)
    }

    /// The present period was done at `now`: go to the next. True when that one should have begun by then and
    /// the one before it was in time: catching up after one hitch is one missed deadline, not many.
    fn finish(&mut self, now: u64) -> bool {
        self.count += 1;
        let late = now.saturating_sub(self.due());
        let missed = late > 0 && !self.behind;
        self.behind = late > 0;
        if late > CATCH_UP_NANOS {
            self.origin += late;
            self.behind = false;
        }
        missed
    }
}

/// Ports without a wire: silence comes in, and what goes out is heard by nobody.
pub(crate) struct Void {
    scratch: Box<[f32]>,
}

impl Void {
    pub(crate) fn new(frames: usize) -> Self {
        Void { scratch: vec![0.0; frames].into() }
    }
}

impl Io for Void {
    fn input(&self, _port: usize) -> &[f32] {
        &[]
    }

    fn output(&mut self, _port: usize) -> &mut [f32] {
        &mut self.scratch
    }
}

/// The internal clock as a backend of its own.
pub struct InternalBackend {
    format: Format,
    plan: Mutex<Plan>,
    timing: Arc<Timing>,
    events: Receiver<BackendEvent>,
    sender: Sender<BackendEvent>,
    clock: Mutex<Option<InternalClock>>,
}

impl InternalBackend {
    /// Open it with these ports, which lead nowhere.
    pub fn open(config: &Config, ports: Vec<PortSpec>) -> Self {
        let (sender, events) = bounded(EVENTS);
        InternalBackend {
            format: config.format,
            plan: Mutex::new(Plan::new(ports)),
            timing: Arc::default(),
            events,
            sender,
            clock: Mutex::new(None),
        }
    }
}

impl Backend for InternalBackend {
    fn format(&self) -> Format {
        self.format
    }

    fn run(&self, callback: Box<dyn Callback>) {
        let rack = Box::new(Rack::new(callback, self.timing.clone()));
        match InternalClock::start(self.format, Role::Backend(self.sender.clone())) {
            Ok(clock) => {
                clock.run(rack, self.format);
                *lock(&self.clock) = Some(clock);
            }
            Err(error) => {
                let _ = self.sender.send(BackendEvent::Shutdown(format!("no audio thread: {error}")));
            }
        }
    }

    fn events(&self) -> &Receiver<BackendEvent> {
        &self.events
    }

    fn set_ports(&self, ports: Vec<PortSpec>) -> Vec<usize> {
        lock(&self.plan).replace(ports)
    }

    fn retire_ports(&self) {
        lock(&self.plan).retire();
    }

    fn status(&self) -> Status {
        let plan = lock(&self.plan);
        let unwired = |s: &PortSpec| PortStatus { name: s.name.clone(), connected: vec![], missing: vec![] };
        Status {
            backend: "internal",
            client: String::new(),
            format: self.format,
            running: lock(&self.clock).is_some(),
            outages: 0,
            last_return: Default::default(),
            ports: plan.in_order().map(|(_, spec)| unwired(spec)).collect(),
        }
    }

    fn timing(&self) -> Arc<Timing> {
        self.timing.clone()
    }

    fn stop(self: Box<Self>) -> Option<Box<dyn Callback>> {
        let clock = lock(&self.clock).take()?;
        clock.stop().map(|rack| rack.into_callback())
    }
}

/// Control-side state is plain data: what a panicking holder left is as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use super::super::Clock;
    use super::*;

    struct Counter {
        periods: Arc<AtomicU64>,
        frame: u64,
        nanos: u64,
    }

    impl Callback for Counter {
        fn process(&mut self, io: &mut dyn Io, frames: usize, clock: Clock) {
            assert_eq!(clock.frame, self.frame, "frames are counted without a gap");
            assert!(clock.nanos >= self.nanos, "time does not run backwards");
            assert!(io.input(3).is_empty(), "nothing is wired");
            io.output(99).fill(1.0);
            self.frame += frames as u64;
            self.nanos = clock.nanos;
            self.periods.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_engine_comes_back_from_one_clock_and_goes_on_in_the_next() {
        let periods = Arc::new(AtomicU64::new(0));
        let mut engine: Box<dyn Callback> = Box::new(Counter { periods: periods.clone(), frame: 0, nanos: 0 });
        let format = Format { rate: 48_000, period: 64 };
        let mut rack = Box::new(Rack::new(engine, Arc::default()));
        for round in 1..=2 {
            let clock = InternalClock::start(format, Role::StandIn).expect("a thread");
            clock.run(rack, format);
            while periods.load(Ordering::Relaxed) < round * 5 {
                std::thread::sleep(Duration::from_millis(1));
            }
            rack = clock.stop().expect("the rack");
        }
        engine = rack.into_callback();
        drop(engine);
    }

    #[test]
    fn a_panicking_engine_costs_its_period_and_no_more() {
        struct Clumsy(Arc<AtomicU64>);
        impl Callback for Clumsy {
            fn process(&mut self, _: &mut dyn Io, _: usize, _: Clock) {
                if self.0.fetch_add(1, Ordering::Relaxed) == 2 {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
            }
        }
        let periods = Arc::new(AtomicU64::new(0));
        let backend = Box::new(InternalBackend::open(&Config::default(), vec![]));
        backend.run(Box::new(Clumsy(periods.clone())));
        while periods.load(Ordering::Relaxed) < 6 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(backend.timing().faults(), 1);
        assert!(backend.stop().is_some());
    }

    #[test]
    fn periods_do_not_drift_at_a_rate_that_does_not_divide_a_second() {
        let mut periods = Periods::new(0, 44_100, 64);
        for _ in 0..44_100 {
            let due = periods.due();
            assert!(!periods.finish(due));
        }
        assert_eq!(periods.due(), 64_000_000_000);
    }

    #[test]
    fn one_hitch_is_one_missed_deadline_and_is_caught_up() {
        let mut periods = Periods::new(0, 48_000, 48);
        assert!(!periods.finish(900_000));
        assert!(periods.finish(5_500_000), "due at 2 ms, done at 5.5");
        assert!(!periods.finish(5_600_000));
        assert_eq!(periods.due(), 3_000_000, "no period is left out");
        for _ in 0..3 {
            periods.finish(5_700_000);
        }
        assert!(periods.finish(9_000_000), "the next hitch counts again");
    }

    #[test]
    fn after_a_long_sleep_the_clock_skips_ahead() {
        let mut periods = Periods::new(0, 48_000, 48);
        assert!(periods.finish(10_000_000_000));
        assert_eq!(periods.due(), 10_000_000_000);
        assert!(!periods.finish(10_000_500_000));
    }
}
