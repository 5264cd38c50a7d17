//! What the audio thread asks of the kernel, seen from outside: nothing but what JACK asks for every client.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use headroom_e2e::{ControlSurface, Headroom, Jackd, Peer, Thread, eventually, here, in_path, isolated, tone};
use nix::unistd::Pid;
use rosc::OscType;

const PERIOD: u32 = 64;
const PERIODS: f64 = 48_000.0 / PERIOD as f64;

const RIG: &str = r#"
name = "Syscalls"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[midi.surface]]
port = "X-Touch"
kind = "mcu"
[[channel]]
name = "Band"
input = "band:out"
hpf.on = true
gate = { on = true, threshold = -60 }
comp.on = true
send.plate = { level = -10 }
[[bus]]
name = "Plate"
kind = "fx"
chain = ["reverb"]
[main]
output = ["hall:in", "playback:2"]
glue.on = true
"#;

/// A trace of one thread, by call, with how often each was made.
#[derive(Debug, Default)]
struct Trace {
    calls: BTreeMap<String, usize>,
    /// Words that were waited on or woken, of futexes.
    futexes: BTreeMap<u64, usize>,
}

/// Traces one thread while `meanwhile` runs.
fn traced(thread: Pid, dir: &Path, meanwhile: impl FnOnce()) -> Trace {
    let file = dir.join(format!("{thread}.strace"));
    let mut strace = Command::new("strace")
        .args(["-qq", "-f", "-p", &thread.to_string(), "-o"])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("strace starts");
    let lines = || std::fs::read_to_string(&file).unwrap_or_default();
    eventually("strace sees the thread", || lines().lines().count() > 20);
    meanwhile();
    let _ = nix::sys::signal::kill(Pid::from_raw(strace.id() as i32), nix::sys::signal::Signal::SIGINT);
    let _ = strace.wait();
    let mut trace = Trace::default();
    let wanted = thread.to_string();
    for line in lines().lines() {
        let Some((id, call)) = line.split_once(char::is_whitespace) else { continue };
        let call = call.trim_start();
        // Ends of calls that were seen before, signals, exits.
        if id != wanted || !call.starts_with(|c: char| c.is_ascii_lowercase()) {
            continue;
        }
        let Some((name, arguments)) = call.split_once('(') else { continue };
        *trace.calls.entry(name.to_owned()).or_default() += 1;
        if name == "futex" {
            let word = arguments.split(',').next().and_then(|a| a.strip_prefix("0x"));
            let word = word.and_then(|a| u64::from_str_radix(a, 16).ok());
            *trace.futexes.entry(word.unwrap_or_else(|| panic!("{line}"))).or_default() += 1;
        }
    }
    trace
}

/// Whether an address of a process lies in memory that it shares by way of `/dev/shm`, as JACK does with clients.
fn is_jacks(process: Pid, address: u64) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).expect("a process");
    maps.lines().filter(|l| l.contains("/dev/shm/") && l.contains("jack")).any(|line| {
        let mut ends = line.split([' ', '-']).take(2).map(|a| u64::from_str_radix(a, 16).unwrap_or(0));
        let (from, to) = (ends.next().unwrap_or(0), ends.next().unwrap_or(0));
        (from..to).contains(&address)
    })
}

#[test]
fn the_audio_thread_asks_the_kernel_for_nothing_but_jacks_own_turn() {
    if !here("strace", in_path("strace")) {
        return;
    }
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start(48_000, PERIOD);
        let rig = dir.path().join("rig.toml");
        std::fs::write(&rig, RIG).expect("a file");
        let server = Headroom::spawn(&["run", &rig.display().to_string(), "--log", "warn"]);
        let mut osc = server.osc();
        let band = Peer::open("band", tone(64, 0.25));
        let hall = Peer::open("hall", vec![0.0]);
        let mut surface = ControlSurface::plug("X-Touch");
        surface.eventually("a drawing", |s| s.faders.len() == 9);
        eventually("sound", || osc.number("/main/meter/out") > -60.0);

        // What libjack does for a client that only copies samples.
        let plain = Thread::of_audio(band.pid(), PERIODS).id;
        let plain = traced(plain, dir.path(), || std::thread::sleep(Duration::from_secs(1)));
        println!("a plain client: {:?}", plain.calls);
        assert!(plain.calls.contains_key("futex"), "JACK gives turns by futex");

        let audio = Thread::of_audio(server.pid(), PERIODS).id;
        osc.command("/subscribe", [OscType::String("/main/meter/*".into()), OscType::Int(60), OscType::Float(50.0)]);
        let then = osc.status().number("periods");
        let mut periods = 0.0;
        let busy = traced(audio, dir.path(), || {
            let mut meters = 0;
            for turn in 0..200u16 {
                for (address, value) in [
                    ("/ch/band/fader", -f32::from(turn % 20)),
                    ("/ch/band/pan", f32::from(turn % 10) / 10.0),
                    ("/ch/band/eq/2/gain", f32::from(turn % 7)),
                    ("/ch/band/comp/on", f32::from(turn / 30 % 2)),
                    ("/bus/plate/reverb/time", 1.0 + f32::from(turn % 5)),
                ] {
                    osc.send(address, [OscType::Float(value)]);
                }
                surface.move_fader(1, turn * 60);
                osc.send("/fade", [OscType::String("/main/fader".into()), OscType::Float(-3.0), OscType::Float(0.05)]);
                if turn == 60 || turn == 130 {
                    let more = RIG.replace("[[bus]]", "[[channel]]\nname = \"More\"\ninput = \"band:out\"\n[[bus]]");
                    std::fs::write(&rig, if turn == 60 { more.as_str() } else { RIG }).expect("a file");
                    osc.command("/rig/reload", []);
                }
                while let Some(message) = osc.receive(Duration::from_millis(8)) {
                    meters += usize::from(message.addr.starts_with("/main/meter"));
                }
            }
            assert!(meters > 20, "{meters} meters");
            periods = osc.status().number("periods") - then;
        });
        println!("headroom in {periods} periods: {:?}, {} futexes", busy.calls, busy.futexes.len());
        assert!(periods > PERIODS);
        for name in busy.calls.keys() {
            // The kernel's own word for a wait that the tracer interrupted.
            let known = plain.calls.contains_key(name) || name == "restart_syscall";
            assert!(known, "{name} is none of a plain client's calls: {:?}", busy.calls);
        }
        for (&word, count) in &busy.futexes {
            assert!(is_jacks(server.pid(), word), "futex {word:#x}, {count} times, is not in memory that JACK shares");
        }
        surface.look();
        assert!(surface.messages.len() > 200, "motors and meters went out meanwhile: {}", surface.messages.len());
        drop((band, hall, surface));
    });
}
