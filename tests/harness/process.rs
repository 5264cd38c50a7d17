//! Looking into a process from outside, by what the kernel tells in `/proc`.

use std::time::Duration;

use nix::unistd::Pid;

/// What the kernel counts for one thread.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// Its number.
    pub id: Pid,
    /// Whether it has a real-time policy.
    pub realtime: bool,
    /// How often it went to sleep of its own will.
    pub sleeps: u64,
    /// CPU time it had, in nanoseconds.
    pub ran: u64,
    /// Time for which it was ready and had no CPU, in nanoseconds.
    pub waited: u64,
}

impl Thread {
    /// A thread as it stands now; None when it has ended.
    pub fn of(process: Pid, thread: Pid) -> Option<Self> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{process}/task/{thread}/{file}")).ok();
        let (stat, status, sched) = (read("stat")?, read("status")?, read("schedstat").unwrap_or_default());
        // The name, in brackets, may hold blanks; the policy is the 41st field of all.
        let policy: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(38)?.parse().ok()?;
        let sleeps = status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()?;
        let mut times = sched.split_whitespace().map(|n| n.parse().unwrap_or(0));
        let (ran, waited) = (times.next().unwrap_or(0), times.next().unwrap_or(0));
        Some(Thread { id: thread, realtime: matches!(policy, 1 | 2), sleeps, ran, waited })
    }

    /// The thread of a JACK client that runs its periods. With 64 frames to a period it is the one that sleeps and
    /// wakes most often: nothing else in a client that is left alone comes near, but the thread that serves surfaces,
    /// which looks once a period where one is plugged in.
    ///
    /// # Panics
    /// When no thread does.
    pub fn of_audio(process: Pid, periods_a_second: f64) -> Self {
        let all = || {
            let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process");
            let ids = tasks.filter_map(|t| t.ok()?.file_name().to_str()?.parse().ok().map(Pid::from_raw));
            let name = |id: &Pid| std::fs::read_to_string(format!("/proc/{process}/task/{id}/comm")).unwrap_or_default();
            ids.filter(|id| name(id).trim() != "surfaces").filter_map(|id| Thread::of(process, id)).collect::<Vec<_>>()
        };
        let before = all();
        std::thread::sleep(Duration::from_secs(1));
        let counts = all().into_iter().filter_map(|t| {
            let then = before.iter().find(|b| b.id == t.id)?;
            Some((t.sleeps - then.sleeps, t))
        });
        let (sleeps, found) = counts.max_by_key(|(n, _)| *n).expect("threads");
        assert!(sleeps as f64 > periods_a_second * 0.5, "the busiest thread woke up {sleeps} times a second");
        found
    }
}

/// Threads that a process has now.
///
/// # Panics
/// When there is no such process.
pub fn threads(process: Pid) -> usize {
    std::fs::read_dir(format!("/proc/{process}/task")).expect("a process").count()
}

/// Files and sockets that a process has open now.
///
/// # Panics
/// When there is no such process.
pub fn files(process: Pid) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).expect("a process").count()
}

/// Memory that a process holds now, in kilobytes.
///
/// # Panics
/// When there is no such process.
pub fn resident_kb(process: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").trim().parse().expect("kilobytes")
}
