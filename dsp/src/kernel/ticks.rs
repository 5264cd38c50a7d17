//! The processor's own time counter, for measuring on the audio thread.
//!
//! Not the system's clock: where that is not served from user space (a virtual machine without a stable time stamp
//! counter), each reading of it is a system call. Both counters here are read by one instruction that Linux always
//! allows, run at a constant rate on every machine of the last fifteen years, and cost some nanoseconds. A jump to
//! another core whose counter is off by some ticks spoils one reading of many.

/// The counter now; its unit is unknown to the audio thread. Always 0 where there is no such counter.
#[inline(always)]
pub fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: the instruction belongs to every x86-64 processor and touches no memory.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(target_arch = "aarch64")]
    {
        let ticks: u64;
        // SAFETY: reads the virtual counter, which Linux lets programs read; no memory is touched.
        unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
        ticks
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        0
    }
}

/// What a tick lasts, found by comparing the counter with a clock of nanoseconds over a while. Control side.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    ticks: u64,
    nanos: u64,
}

impl Tick {
    /// Begins to compare at a time of some clock.
    pub fn since(nanos: u64) -> Tick {
        Tick { ticks: now(), nanos }
    }

    /// Nanoseconds of a tick, from the same clock's time now; 0 where nothing is known yet.
    pub fn nanos(&self, nanos: u64) -> f64 {
        let ticks = now().wrapping_sub(self.ticks);
        if ticks == 0 { 0.0 } else { nanos.saturating_sub(self.nanos) as f64 / ticks as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn the_counter_runs_at_a_steady_rate() {
        if now() == 0 {
            return;
        }
        let begin = Instant::now();
        let nanos = || begin.elapsed().as_nanos() as u64;
        let tick = Tick::since(nanos());
        let look = || {
            std::thread::sleep(Duration::from_millis(20));
            tick.nanos(nanos())
        };
        let (first, second) = (look(), look());
        assert!(first > 0.0 && (first / second - 1.0).abs() < 0.05, "{first} and {second} ns a tick");
    }
}
