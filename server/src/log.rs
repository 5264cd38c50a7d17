//! The log: lines on standard error that neither keep nor end who writes them.
//!
//! A terminal may be gone, the reader of a pipe too, a disk full; a terminal that is stopped (Ctrl-S) takes nothing for as
//! long as it likes. So a thread of its own writes, what it cannot write is counted, and whoever logs never waits.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Lines that may wait to be written.
const WAITING: usize = 4_096;
/// Longest wait for them at the end of the program.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Count {
    taken: AtomicU64,
    done: AtomicU64,
    lost: AtomicU64,
}

/// Takes lines of the log; a line that there is no room for is lost.
#[derive(Clone)]
pub struct Lines {
    to: Sender<Box<[u8]>>,
    count: Arc<Count>,
}

/// Held as long as the log is to be written; at its end waits a little for what is under way.
pub struct Writing(Arc<Count>);

/// Starts the thread that writes lines into `out`.
///
/// # Errors
/// Where there is no thread to be had.
pub fn write_to(out: impl Write + Send + 'static) -> io::Result<(Lines, Writing)> {
    let (to, lines) = bounded(WAITING);
    let count = Arc::<Count>::default();
    let counted = count.clone();
    std::thread::Builder::new().name("log".into()).spawn(move || write_all(out, &lines, &counted))?;
    Ok((Lines { to, count: count.clone() }, Writing(count)))
}

fn write_all(mut out: impl Write, lines: &Receiver<Box<[u8]>>, count: &Count) {
    let mut told = 0;
    for line in lines {
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            count.lost.fetch_add(1, Ordering::Relaxed);
        }
        count.done.fetch_add(1, Ordering::Release);
        let lost = count.lost.load(Ordering::Relaxed);
        if lost > told && writeln!(out, "{} lines of the log could not be written", lost - told).is_ok() {
            told = lost;
        }
    }
}

impl Lines {
    /// How many lines were lost so far.
    pub fn lost(&self) -> u64 {
        self.count.lost.load(Ordering::Relaxed)
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.count.taken.fetch_add(1, Ordering::Relaxed);
        if self.to.try_send(line.into()).is_err() {
            self.count.lost.fetch_add(1, Ordering::Relaxed);
            self.count.done.fetch_add(1, Ordering::Release);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.0.done.load(Ordering::Acquire) < self.0.taken.load(Ordering::Relaxed) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Takes nothing while it is closed.
    #[derive(Clone, Default)]
    struct Door(Arc<Mutex<(bool, Vec<u8>)>>);

    impl Write for Door {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut door = self.0.lock().unwrap();
            if !door.0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            door.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_when_it_can() {
        let door = Door::default();
        let (mut lines, writing) = write_to(door.clone()).unwrap();
        for _ in 0..10 {
            lines.write_all(b"lost\n").unwrap();
        }
        drop(writing);
        let until = Instant::now() + Duration::from_secs(10);
        while lines.lost() < 10 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(lines.lost(), 10);
        door.0.lock().unwrap().0 = true;
        lines.write_all(b"kept\n").unwrap();
        let both = || String::from_utf8(door.0.lock().unwrap().1.clone()).unwrap();
        while !both().contains("10 lines") && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(both(), "kept\n10 lines of the log could not be written\n");
    }
}
