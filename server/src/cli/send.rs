//! `headroom send`: one message to a running server, and what it answers.

use super::Fail;
use super::client::{PATIENCE, server, visible};
use crate::cues::guess;
use headroom_protocol::intent::command;
use headroom_protocol::osc::decode::{self, Arg, Message, Packet};
use headroom_protocol::osc::encode::Encoder;
use headroom_protocol::pattern::is_pattern;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Asked after a pattern: what comes before its answer belongs to the pattern.
const END: &str = "/info";
/// Takes the role of a token.
const LOGIN: &str = "/login";

/// Answered when a person has touched a control and moved a parameter, which takes as long as this.
const LEARN: &str = "/midi/learn";
const LEARNING: Duration = Duration::from_secs(35);

/// Arguments of `send`.
#[derive(clap::Args)]
pub struct SendArgs {
    /// Where the server listens; port 9000 where none is named.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    to: String,
    /// Logs in first, with the first line of this file; without, with $HEADROOM_TOKEN where it is set.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// An address, a pattern or a command.
    address: String,
    /// What is set: whole numbers, numbers and text. Without, the value is asked for.
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    args: Vec<String>,
}

/// Runs `headroom send`.
pub fn run(args: &SendArgs) -> Result<(), Fail> {
    if !args.address.starts_with('/') {
        return Err(Fail::input(format!("\"{}\" is no OSC address: it does not begin with /", args.address)));
    }
    let Given { to, token_file, args: words } = given(args)?;
    let token = token(token_file.as_deref())?;
    for line in exchange(server(&to)?, token, &args.address, &words)? {
        say!("{line}");
    }
    Ok(())
}

/// What was given, wherever it stood.
#[derive(Debug, PartialEq)]
struct Given {
    to: String,
    token_file: Option<PathBuf>,
    args: Vec<String>,
}

/// Takes options out of the arguments. Whatever else begins with a dash is an argument, such as `-6` or `-inf`, and behind
/// `--` everything is.
fn given(args: &SendArgs) -> Result<Given, Fail> {
    let mut given = Given { to: args.to.clone(), token_file: args.token_file.clone(), args: Vec::new() };
    let mut words = args.args.iter();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value.to_owned())));
        match name {
            "--to" | "--token-file" => {
                let value = value.or_else(|| words.next().cloned());
                let value = value.ok_or_else(|| Fail::input(format!("{name} is given without a value")))?;
                match name {
                    "--to" => given.to = value,
                    _ => given.token_file = Some(value.into()),
                }
            }
            "--" => given.args.extend(words.by_ref().cloned()),
            _ => given.args.push(word.clone()),
        }
    }
    Ok(given)
}

/// The token to log in with: a file's first line, else the environment's.
pub(super) fn token(file: Option<&Path>) -> Result<Option<String>, Fail> {
    let Some(file) = file else { return Ok(std::env::var("HEADROOM_TOKEN").ok().filter(|t| !t.is_empty())) };
    let text = std::fs::read_to_string(file).map_err(|e| Fail::input(format!("{}: {e}", file.display())))?;
    Ok(Some(text.lines().next().unwrap_or_default().trim().to_owned()))
}

/// Sends, and gives the lines that the answer makes.
fn exchange(at: SocketAddr, token: Option<String>, address: &str, args: &[String]) -> Result<Vec<String>, Fail> {
    let failed = |error: std::io::Error| Fail::running(format!("{at}: {error}"));
    let any: SocketAddr = if at.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).map_err(failed)?;
    socket.connect(at).map_err(failed)?;
    let mut encoder = Encoder::new();
    let logs_in = token.is_some() && address != LOGIN;
    if let Some(token) = token.filter(|_| logs_in) {
        let mut bytes = Vec::new();
        encoder.message(LOGIN, [token.as_str().into()], &mut bytes);
        socket.send(&bytes).map_err(failed)?;
    }
    let mut send = |address: &str, args: &[String]| {
        let mut bytes = Vec::new();
        encoder.message(address, args.iter().map(|a| guess(a, false)), &mut bytes);
        socket.send(&bytes).map(|_| ()).map_err(failed)
    };
    send(address, args)?;
    let is_command = command::named(address).is_some();
    if !args.is_empty() && !is_command {
        send(address, &[])?;
    }
    let many = is_pattern(address);
    if many {
        send(END, &[])?;
    }

    let patience = if address == LEARN { LEARNING } else { PATIENCE };
    if address == LEARN {
        tell!("touch a control, then move a parameter anywhere");
    }
    let until = Instant::now() + patience;
    let mut buffer = vec![0; 65_536];
    let mut lines = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let nothing = || {
            let seconds = patience.as_secs();
            Fail::running(format!("no answer from {at} within {seconds} s; is headroom running there?"))
        };
        if left.is_zero() {
            return Err(nothing());
        }
        socket.set_read_timeout(Some(left)).map_err(failed)?;
        // A port that nobody listens on answers with an error of its own.
        let length = socket.recv(&mut buffer).map_err(|_| nothing())?;
        let Ok(packet) = decode::packet(&buffer[..length]) else { continue };
        let plain = matches!(packet, Packet::Message(_));
        for (_, message) in packet.messages() {
            match message.address {
                "/error" => return Err(Fail::running(visible(&reason(&message)))),
                END if many => return Ok(lines),
                "/rev" => {}
                LOGIN if logs_in => {}
                answer => {
                    lines.push(visible(format!("{answer} {}", values(&message)).trim_end()));
                    // What a command tells first comes in bundles.
                    if plain && !many && (!is_command || answer == address) {
                        return Ok(lines);
                    }
                }
            }
        }
    }
}

fn reason(message: &Message<'_>) -> String {
    let mut args = message.args;
    match (args.next(), args.next()) {
        (Some(Arg::Str(address)), Some(Arg::Str(reason))) => format!("{address}: {reason}"),
        _ => values(message),
    }
}

/// The arguments, by blanks.
fn values(message: &Message<'_>) -> String {
    let text = |arg: Arg<'_>| match arg {
        Arg::Int(x) => x.to_string(),
        Arg::Long(x) => x.to_string(),
        Arg::Float(x) => x.to_string(),
        Arg::Double(x) => x.to_string(),
        Arg::Bool(on) => i32::from(on).to_string(),
        Arg::Str(text) | Arg::Symbol(text) => text.to_owned(),
        other => format!("{other:?}"),
    };
    message.args.map(text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each packet with the next of these.
    fn answers(script: Vec<Vec<u8>>) -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            for answer in script {
                let (_, from) = socket.recv_from(&mut buffer).unwrap();
                if !answer.is_empty() {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        at
    }

    fn message(address: &str, args: &[rosc::OscType]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Encoder::new().message(address, args.iter().cloned(), &mut bytes);
        bytes
    }

    #[test]
    fn a_set_prints_the_value_that_holds() {
        let at = answers(vec![Vec::new(), message("/ch/1/fader", &[rosc::OscType::Float(-6.5)])]);
        assert_eq!(exchange(at, None, "/ch/kick/fader", &["-6.5".into()]).unwrap(), ["/ch/1/fader -6.5"]);
    }

    #[test]
    fn options_may_stand_behind_the_arguments_and_negative_numbers_are_arguments() {
        use clap::Parser;
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            send: SendArgs,
        }
        let line = |words: &str| {
            let line = Line::try_parse_from(format!("send {words}").split(' ')).map_err(|e| e.to_string()).unwrap();
            given(&line.send)
        };
        for words in
            ["--to here:1 /a -6 -inf x", "/a -6 -inf x --to here:1", "/a --to=here:1 -6 -inf x", "/a -6 --to here:1 -inf x"]
        {
            let given = line(words).unwrap();
            assert_eq!((given.to.as_str(), given.args.join(" ").as_str()), ("here:1", "-6 -inf x"), "{words}");
        }
        assert_eq!(line("/a 1 --token-file t").unwrap().token_file, Some("t".into()));
        assert!(matches!(line("/a 1 --to"), Err(Fail::Input(_))));
    }

    #[test]
    fn what_would_move_a_terminal_is_shown_and_not_done() {
        let at = answers(vec![message("/ch/1/name", &["\u{1b}[2J\nevil\u{7f}\u{9b}ü".into()])]);
        assert_eq!(exchange(at, None, "/ch/1/name", &[]).unwrap(), ["/ch/1/name \\u{1b}[2J\\nevil\\u{7f}\\u{9b}ü"]);
    }

    #[test]
    fn a_pattern_prints_every_address() {
        let mut bundle = Vec::new();
        let both = [("/ch/1/name", [rosc::OscType::from("Kick")]), ("/ch/2/name", [rosc::OscType::from("Lead vox")])];
        Encoder::new().bundle(1, both, &mut bundle);
        let at = answers(vec![bundle, message("/info", &[])]);
        assert_eq!(exchange(at, None, "/ch/*/name", &[]).unwrap(), ["/ch/1/name Kick", "/ch/2/name Lead vox"]);
    }

    #[test]
    fn an_error_and_silence_fail() {
        let at = answers(vec![message("/error", &["/ch/9/fader".into(), "unknown address".into()])]);
        match exchange(at, None, "/ch/9/fader", &[]) {
            Err(Fail::Running(text)) => assert_eq!(text, "/ch/9/fader: unknown address"),
            other => panic!("{other:?}"),
        }
        let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert!(matches!(exchange(nobody, None, "/info", &[]), Err(Fail::Running(_))));
        assert!(matches!(server("nowhere.invalid:1"), Err(Fail::Input(_))));
        assert_eq!(server("127.0.0.1").unwrap().port(), super::super::client::PORT);
    }
}
