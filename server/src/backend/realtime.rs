//! Priority, locked memory and the clock that everything on the audio side is timed by.

use nix::errno::Errno;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

/// `CLOCK_MONOTONIC` in nanoseconds. Served from user space, so the audio thread may ask.
pub fn monotonic_nanos() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |t| t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64)
}

/// Sleep until `CLOCK_MONOTONIC` reaches `nanos`. Sleeping towards a point in time, not for a span, is what
/// keeps a clock from drifting by the length of each wake-up.
pub(crate) fn sleep_until(nanos: u64) {
    let until = TimeSpec::new((nanos / 1_000_000_000) as i64, (nanos % 1_000_000_000) as i64);
    let flags = ClockNanosleepFlags::TIMER_ABSTIME;
    while clock_nanosleep(ClockId::CLOCK_MONOTONIC, flags, &until) == Err(Errno::EINTR) {}
}

/// Give the calling thread the real-time policy SCHED_FIFO at `priority` (1 … 99).
///
/// # Errors
/// The system's error, `EPERM` where the user has no right to it; [`advice`] says what to do then.
pub fn set_realtime(priority: i32) -> Result<(), Errno> {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: the thread is our own and `parameters` lives through the call.
    match unsafe { libc::pthread_setschedparam(libc::pthread_self(), libc::SCHED_FIFO, &parameters) } {
        0 => Ok(()),
        code => Err(Errno::from_raw(code)),
    }
}

/// Whether a thread of this process runs with a real-time policy.
pub(crate) fn is_realtime(thread: i32) -> bool {
    // SAFETY: the call reads no memory of ours, and an unknown thread is an error.
    let policy = unsafe { libc::sched_getscheduler(thread) };
    matches!(policy & !libc::SCHED_RESET_ON_FORK, libc::SCHED_FIFO | libc::SCHED_RR)
}

/// For how long a thread of this process was ready and had no processor, ever; None where the kernel does not count it.
pub(crate) fn waited_nanos(thread: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    stat.split_whitespace().nth(1)?.parse().ok()
}

/// Keep all memory of the process, present and future, from being paged out.
///
/// Where the limit on locked memory is finite nothing is locked at all: under `MCL_FUTURE` an ordinary
/// allocation beyond the limit would fail in the middle of a show.
///
/// # Errors
/// `ENOMEM` where the limit is finite, else the system's error; [`advice`] says what to do then.
pub fn lock_memory() -> Result<(), Errno> {
    if getrlimit(Resource::RLIMIT_MEMLOCK)?.0 != RLIM_INFINITY && !nix::unistd::geteuid().is_root() {
        return Err(Errno::ENOMEM);
    }
    // On fault: what is used stays, but the unused stacks of a dozen threads are not filled with pages.
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault)
}

/// One line for the log when [`set_realtime`] or [`lock_memory`] was refused: what, and how to allow it.
pub fn advice(what: &str, error: Errno) -> String {
    format!(
        "{what} not allowed ({}): dropouts are likelier under load; join the group audio, or set LimitRTPRIO and LimitMEMLOCK",
        error.desc()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_until_a_point_in_time_never_ends_before_it() {
        let until = monotonic_nanos() + 3_000_000;
        sleep_until(until);
        assert!(monotonic_nanos() >= until);
        sleep_until(until);
    }

    #[test]
    fn a_refusal_names_the_way_out() {
        let line = advice("real-time priority", Errno::EPERM);
        assert!(line.contains("LimitRTPRIO") && !line.contains('\n'));
    }
}
