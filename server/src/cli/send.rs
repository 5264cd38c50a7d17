//! `headroom send`: one message to a running server.

use super::Fail;
use crate::cues::guess;
use headroom_protocol::osc::decode;
use headroom_protocol::osc::encode::{Arg, Encoder};
use std::net::{ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Arguments of `send`.
#[derive(clap::Args)]
pub struct SendArgs {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "HOST:PORT")]
    to: String,
    /// Address, such as /ch/1/fader.
    address: String,
    /// Arguments: whole numbers, other numbers, text.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Commands answer at their own address; everything else with arguments is a set, and asked after.
fn is_command(address: &str) -> bool {
    headroom_protocol::intent::command::named(address).is_some()
}

/// Sends, asks after a set, and prints what the server answers.
pub fn run(args: &SendArgs) -> Result<(), Fail> {
    if !args.address.starts_with('/') || args.address.len() > 1024 {
        return Err(Fail::input(format!("\"{}\" is no address; expected one such as /ch/1/fader", args.address)));
    }
    let to = args.to.to_socket_addrs().ok().and_then(|mut all| all.next());
    let to = to.ok_or_else(|| Fail::input(format!("\"{}\" is no HOST:PORT", args.to)))?;
    let words: Vec<Arg> = args.args.iter().map(|word| guess(word, false)).collect();
    let fail = |e: std::io::Error| Fail::running(format!("{}: {e}", args.to));
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).map_err(fail)?;
    socket.connect(to).map_err(fail)?;
    let send = |args: &[Arg], address: &str| {
        let mut bytes = Vec::new();
        Encoder::new().message(address, args.iter().cloned(), &mut bytes);
        socket.send(&bytes)
    };
    send(&words, &args.address).map_err(fail)?;
    if !words.is_empty() && !is_command(&args.address) {
        send(&[], &args.address).map_err(fail)?;
    }
    let until = Instant::now() + PATIENCE;
    let mut buffer = vec![0u8; 65536];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Fail::running(format!("no answer from {} within {} s", args.to, PATIENCE.as_secs())));
        }
        socket.set_read_timeout(Some(left)).map_err(fail)?;
        let n = match socket.recv(&mut buffer) {
            Ok(n) => n,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => continue,
            Err(e) => return Err(fail(e)),
        };
        let Ok(packet) = decode::packet(&buffer[..n]) else { continue };
        let mut answered = false;
        let mut error = None;
        for (_, message) in packet.messages() {
            let text: Vec<String> = message.args.map(|a| word(&a)).collect();
            if message.address == "/error" {
                error = Some(text.join(": "));
            } else {
                answered = true;
                println!("{} {}", message.address, text.join(" "));
            }
        }
        if let Some(error) = error {
            return Err(Fail::running(error));
        }
        if answered {
            return Ok(());
        }
    }
}

fn word(arg: &decode::Arg) -> String {
    match arg {
        decode::Arg::Int(i) => i.to_string(),
        decode::Arg::Long(i) => i.to_string(),
        decode::Arg::Float(x) => x.to_string(),
        decode::Arg::Double(x) => x.to_string(),
        decode::Arg::Str(s) => (*s).to_string(),
        decode::Arg::Bool(b) => b.to_string(),
        other => format!("{other:?}"),
    }
}
