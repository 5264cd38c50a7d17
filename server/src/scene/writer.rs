//! The thread that writes scenes, by the state's own way of writing: whoever hands one over never waits for a disk.
//!
//! What fails is tried again, in its order for each file; files that can be written do not wait for one that cannot.

use crate::state::whole;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// First and longest time between two tries, while writing fails.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// Jobs that wait at most.
const MOST: u64 = 256;

/// What is to be done with files of the folder.
#[derive(Clone, Debug)]
pub enum Work {
    /// A file with this text.
    Write(String, Arc<str>),
    /// A file under another name, then with this text.
    Rename(String, String, Arc<str>),
    /// A file out of the list; it stays as the one before.
    Remove(String),
}

impl Work {
    /// Whether both are about one file.
    fn meets(&self, other: &Work) -> bool {
        let files = |work: &Work| match work {
            Work::Write(file, _) | Work::Remove(file) => [file.clone(), file.clone()],
            Work::Rename(from, to, _) => [from.clone(), to.clone()],
        };
        let theirs = files(other);
        files(self).iter().any(|file| theirs.contains(file))
    }
}

/// What came of a job.
#[derive(Debug)]
pub struct Done {
    /// Its number.
    pub job: u64,
    /// The reason where it was not done; it is tried again, and told again when it is.
    pub result: Result<(), String>,
}

/// See the module documentation. Dropping it does what is left once more, and waits for that.
pub struct Writer {
    jobs: Option<Sender<(u64, Work)>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
    count: u64,
    finished: u64,
    error: Option<String>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(folder: PathBuf) -> io::Result<Writer> {
        let (jobs, waiting) = channel();
        let (tell, done) = channel();
        let mut queue = Queue { folder, jobs: Vec::new(), tell, outage: false };
        let thread = std::thread::Builder::new().name("headroom-scenes".into()).spawn(move || queue.run(&waiting))?;
        Ok(Writer { jobs: Some(jobs), done, thread: Some(thread), count: 0, finished: 0, error: None })
    }

    /// Hands work over; its number.
    ///
    /// # Errors
    /// Where too much waits.
    pub fn give(&mut self, work: Work) -> Result<u64, String> {
        if self.unsaved() >= MOST {
            let why = self.error.as_deref().unwrap_or("the disk is slow");
            return Err(format!("{MOST} changes of scenes wait for the disk: {why}"));
        }
        self.count += 1;
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send((self.count, work));
        }
        Ok(self.count)
    }

    /// One job that was done, or failed for the first time.
    pub fn done(&mut self) -> Option<Done> {
        let done = self.done.try_recv().ok()?;
        match &done.result {
            Ok(()) => self.finished += 1,
            Err(why) => self.error = Some(why.clone()),
        }
        if self.unsaved() == 0 {
            self.error = None;
        }
        Some(done)
    }

    /// How many jobs wait.
    pub fn unsaved(&self) -> u64 {
        self.count - self.finished
    }

    /// Why the last that failed has to wait.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Job {
    number: u64,
    work: Work,
    is_told: bool,
}

/// The thread's side.
struct Queue {
    folder: PathBuf,
    jobs: Vec<Job>,
    tell: Sender<Done>,
    /// Something failed, and not all of it was done since.
    outage: bool,
}

impl Queue {
    fn run(&mut self, waiting: &Receiver<(u64, Work)>) {
        let mut again: Option<(Instant, Duration)> = None;
        loop {
            let next = match again {
                None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some((at, _)) => waiting.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match next {
                // Somebody asks now: it is tried now, unless what came before it could not be done.
                Ok((number, work)) => {
                    self.jobs.push(Job { number, work, is_told: false });
                    self.try_from(self.jobs.len() - 1);
                }
                Err(RecvTimeoutError::Timeout) => self.try_from(0),
                Err(RecvTimeoutError::Disconnected) => {
                    self.try_from(0);
                    for job in &self.jobs {
                        tracing::error!(folder = %self.folder.display(), work = ?job.work, "a scene is not saved, and the program ends");
                    }
                    return;
                }
            }
            again = match again {
                _ if self.jobs.is_empty() => None,
                Some((at, wait)) if Instant::now() >= at => {
                    let wait = (wait * 2).min(RETRY[1]);
                    Some((Instant::now() + wait, wait))
                }
                None => Some((Instant::now() + RETRY[0], RETRY[0])),
                waits => waits,
            };
        }
    }

    /// Tries each job from a place on that no job before it, still waiting, concerns.
    fn try_from(&mut self, first: usize) {
        let mut at = first;
        while let Some(job) = self.jobs.get(at) {
            let waits = self.jobs[..at].iter().any(|before| before.work.meets(&job.work));
            let failed = self.jobs[..at].iter().any(|before| before.is_told);
            let result = match waits {
                true => Err("what came before it for this file is not done".to_owned()),
                false => carry_out(&self.folder, &job.work).map_err(|e| e.to_string()),
            };
            let number = job.number;
            if let Err(error) = &result {
                if !failed && !job.is_told && !self.outage {
                    tracing::error!(folder = %self.folder.display(), %error, "a scene is not saved; it is tried again");
                }
                self.outage = true;
                if !std::mem::replace(&mut self.jobs[at].is_told, true) {
                    let _ = self.tell.send(Done { job: number, result });
                }
                at += 1;
            } else {
                self.jobs.remove(at);
                let _ = self.tell.send(Done { job: number, result });
            }
        }
        if self.outage && self.jobs.is_empty() {
            self.outage = false;
            tracing::info!(folder = %self.folder.display(), "scenes are saved again");
        }
    }
}

fn carry_out(folder: &Path, work: &Work) -> io::Result<()> {
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        whole::sync_folder(folder)?;
    }
    match work {
        Work::Write(file, text) => whole::write(&folder.join(file), text.as_bytes()),
        Work::Rename(from, to, text) => {
            // Under its new name first: at no time there are two of it.
            match fs::rename(folder.join(from), folder.join(to)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            whole::write(&folder.join(to), text.as_bytes())
        }
        Work::Remove(file) => whole::set_aside(&folder.join(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn told(writer: &mut Writer) -> Done {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            match writer.done() {
                Some(done) => return done,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        panic!("nothing is told");
    }

    #[test]
    fn a_file_that_cannot_be_written_keeps_none_of_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("scenes");
        fs::create_dir_all(folder.join("a.toml.tmp")).unwrap();
        let mut writer = Writer::start(folder.clone()).unwrap();
        let write = |file: &str, text: &str| Work::Write(file.into(), text.into());
        let first = writer.give(write("a.toml", "one")).unwrap();
        let failed = told(&mut writer);
        assert!(failed.job == first && failed.result.is_err());
        assert!(writer.error().is_some() && writer.unsaved() == 1);
        let second = writer.give(write("b.toml", "two")).unwrap();
        let done = told(&mut writer);
        assert!(done.job == second && done.result.is_ok());
        // What follows for the same file keeps its place behind it.
        let third = writer.give(write("a.toml", "three")).unwrap();
        assert!(told(&mut writer).result.is_err());
        fs::remove_dir(folder.join("a.toml.tmp")).unwrap();
        for job in [first, third] {
            let done = told(&mut writer);
            assert!(done.job == job && done.result.is_ok(), "{done:?}");
        }
        assert_eq!(fs::read_to_string(folder.join("a.toml")).unwrap(), "three");
        assert!(writer.error().is_none() && writer.unsaved() == 0);
    }
}
