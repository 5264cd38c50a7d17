//! What commands print. That it cannot be written never ends the program on the spot: the first failure on standard output
//! is kept, and makes the exit status of a command whose result it was; a server goes on.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::OnceLock;

static FAILED: OnceLock<String> = OnceLock::new();

/// Prints a line on standard output, as `println!`, but nobody has to read it.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::out::result(format_args!($($text)*), "\n") };
}

/// Prints on standard output, as `print!`.
macro_rules! say_part {
    ($($text:tt)*) => { $crate::cli::out::result(format_args!($($text)*), "") };
}

/// Prints a line on standard error, as `eprintln!`, but nobody has to read it.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::out::remark(format_args!($($text)*), "\n") };
}

/// Prints on standard error, as `eprint!`.
macro_rules! tell_part {
    ($($text:tt)*) => { $crate::cli::out::remark(format_args!($($text)*), "") };
}

/// On standard output.
pub fn result(text: Arguments<'_>, end: &str) {
    let mut out = io::stdout().lock();
    match write!(out, "{text}{end}").and_then(|()| out.flush()) {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => drop(FAILED.set(error.to_string())),
        _ => {}
    }
}

/// On standard error.
pub fn remark(text: Arguments<'_>, end: &str) {
    let _ = write!(io::stderr().lock(), "{text}{end}");
}

/// Why not all of the result could be written.
pub fn failure() -> Option<&'static str> {
    FAILED.get().map(String::as_str)
}

/// Standard error for those who would fail with it.
pub struct Remarks;

impl Write for Remarks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().lock().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
