//! The audio thread neither allocates nor frees, whatever happens around it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use headroom::backend::jack::JackBackend;
use headroom::backend::{Backend, Callback, Clock, Config, Io, PortSpec};
use headroom_e2e::{Jackd, Peer, eventually, isolated};

thread_local! {
    /// Set for good on a thread once it has run a period: from then on all of it counts, libjack's callback and
    /// its wrapper included.
    static AUDIO: Cell<bool> = const { Cell::new(false) };
}

static TOUCHED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn count() {
    if AUDIO.try_with(Cell::get).unwrap_or(false) {
        TOUCHED.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: all work is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: passed on as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: passed on as it came.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Marker(Arc<AtomicU64>);

impl Callback for Marker {
    fn process(&mut self, io: &mut dyn Io, _: usize, _: Clock) {
        AUDIO.set(true);
        let level = io.input(0)[0];
        io.output(1).fill(level);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn nothing_is_allocated_or_freed_in_a_period_not_even_while_ports_change() {
    isolated(|| {
        let _jackd = Jackd::start(48_000, 256);
        let band = Peer::open("band", vec![0.1; 64]);
        let stage = || vec![PortSpec::input("in-kick", &["band:out"]), PortSpec::output("out-main", &[])];
        let periods = Arc::new(AtomicU64::new(0));
        let backend = JackBackend::open(&Config::default(), stage()).expect("a backend");
        backend.run(Box::new(Marker(periods.clone())));
        for n in 0..5 {
            let mut more = stage();
            more.push(PortSpec::input(format!("in-{n}"), &["band:out"]));
            backend.set_ports(more);
            let then = periods.load(Ordering::Relaxed);
            eventually("periods", || periods.load(Ordering::Relaxed) > then + 20);
            backend.set_ports(stage());
            backend.retire_ports();
            band.set_period(if n % 2 == 0 { 128 } else { 256 });
        }
        assert_eq!(TOUCHED.load(Ordering::Relaxed), 0);
        drop(backend);
    });
}
