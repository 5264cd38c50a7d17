//! How the console ends: asked to, killed, and while its server hangs.

use super::{LEVEL, Show, start};
use headroom_e2e::{Headroom, Jackd, eventually, eventually_within, isolated, peak};
use nix::sys::signal::{Signal, kill};
use rosc::OscType;
use std::time::{Duration, Instant};

#[test]
fn a_killed_console_comes_back_never_above_its_level() {
    isolated(|| {
        let mut show = Show::open(Some(Jackd::start(48_000, 256)));
        // The rig alone would be ten times as loud.
        show.osc.send("/main/fader", [OscType::Float(-20.0)]);
        show.osc.command("/ping", []);
        let level = show.level();
        assert!((level / (0.1 * LEVEL) - 1.0).abs() < 1e-3, "{level}");
        // A second is what may be lost.
        std::thread::sleep(Duration::from_millis(1_200));
        show.peers[1].recorded();
        let since = Instant::now();
        kill(show.server.pid(), Signal::SIGKILL).expect("our own child");
        show.server = start(show.dir.path());
        let mut heard = Vec::new();
        eventually("it is heard at its level", || {
            heard.extend(show.peers[1].recorded());
            heard.contains(&0.0) && heard.len() > 4_096 && heard[heard.len() - 2_048..].iter().all(|x| *x == level)
        });
        println!("heard as before {:.2} s after a kill", since.elapsed().as_secs_f64());
        assert!(peak(&heard) <= level, "{} above {level}", peak(&heard));
    });
}

/// Ends the console. How long that took, and what its log says of it.
fn stopped(server: Headroom) -> String {
    let since = Instant::now();
    let (status, log) = server.stop_and_tell();
    let took = since.elapsed().as_secs_f64();
    assert!(status.success(), "{log}");
    let told = log.lines().filter_map(|l| l.split_once("stopped fade_s=")).next_back();
    let (_, told) = told.unwrap_or_else(|| panic!("{log}"));
    format!("{took:.2} s (fade_s={told})")
}

#[test]
fn a_stop_fades_out_and_leaves_the_server_whole() {
    isolated(|| {
        let show = Show::open(Some(Jackd::start(48_000, 256)));
        show.level();
        show.peers[1].recorded();
        let Show { jackd, peers, server, .. } = show;
        println!("a stop took {}", stopped(server));
        let mut heard = Vec::new();
        eventually("the console has left the server", || {
            let ports = jackd.as_ref().expect("a server").lsp(&[]);
            ports.contains("hall:in") && !ports.contains("headroom")
        });
        eventually("silence", || {
            heard.extend(peers[1].recorded());
            heard.last() == Some(&0.0)
        });
        // A ramp of a quarter of a second, of which a busy machine may leave out periods.
        let between = heard.iter().filter(|x| **x > 0.02 * LEVEL && **x < 0.98 * LEVEL).count();
        println!("{between} frames between its level and silence");
        assert!(heard.first().is_some_and(|x| *x > 0.98 * LEVEL) && between > 2_000, "{between}");
    });
}

#[test]
fn a_server_that_hangs_holds_nothing_up() {
    isolated(|| {
        // It hangs while the console leaves it: `jack_client_close` does not come back.
        let show = Show::open(Some(Jackd::start(48_000, 256)));
        let level = show.level();
        let Show { jackd, peers, server, dir, .. } = show;
        jackd.as_ref().expect("a server").freeze();
        println!("with a server that hangs a stop took {}", stopped(server));
        drop((jackd, peers, dir));

        // It hangs while the console joins it, at the start and later: `jack_client_open` does not come back.
        let jackd = Jackd::start(48_000, 256);
        jackd.freeze();
        let since = Instant::now();
        let mut show = Show::open(None);
        println!("ready {:.2} s after a start, with a server that hangs", since.elapsed().as_secs_f64());
        show.osc.send("/ch/2/fader", [OscType::Float(-3.0)]);
        assert_eq!(show.osc.number("/ch/2/fader"), -3.0);
        jackd.kill();
        let jackd = Jackd::start(48_000, 256);
        jackd.freeze();
        let periods = show.osc.number("/status/periods");
        eventually("the engine runs meanwhile", || show.osc.number("/status/periods") > periods + 50.0);
        jackd.thaw();
        eventually_within(Duration::from_secs(30), "the console plays", || show.osc.number("/status/running") == 1.0);
        show.jackd = Some(jackd);
        show.play();
        assert_eq!(show.level(), level);
        // Once more at the end, with a client that the server had before it hung.
        show.jackd.as_ref().expect("a server").freeze();
        eventually("the stall is known", || show.osc.number("/status/running") == 0.0);
        let Show { server, jackd, .. } = show;
        println!("in an outage a stop took {}", stopped(server));
        drop(jackd);
    });
}
