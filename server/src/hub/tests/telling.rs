//! Who is told what, and how often.

use super::bench::{Bench, SECOND, STEP, f, message};
use rosc::OscType;

fn at(address: &str, value: f32) -> (String, Vec<OscType>) {
    (address.into(), vec![f(value)])
}

#[test]
fn the_latest_value_at_the_end_of_a_burst_is_told() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/ch/1/fader".into()]);
    bench.run(SECOND);
    bench.heard(two);
    // A thousand moves in a second.
    for n in 1..=1000 {
        bench.send(one, "/ch/1/fader", &[f(-(n as f32) / 20.0)]);
        bench.run(STEP);
    }
    bench.run(SECOND / 10);
    let heard = bench.heard(two);
    assert!((28..=34).contains(&heard.len()), "{} reports", heard.len());
    assert_eq!(heard.last(), Some(&at("/ch/1/fader", -50.0)));
    // Where nothing waits, a change is told at once.
    bench.send(one, "/ch/1/fader", &[f(-1.0)]);
    bench.turn();
    assert_eq!(bench.heard(two), [at("/ch/1/fader", -1.0)]);
}

#[test]
fn rates_are_those_asked_for() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/ch/*/fader".into(), OscType::Int(60), f(5.0)]);
    bench.subscribe(two, &["/ch/2/fader".into(), OscType::Int(60), f(1000.0)]);
    bench.heard(two);
    for n in 1..=1000 {
        bench.send(one, "/ch/*/fader", &[f(-(n as f32) / 20.0)]);
        bench.run(STEP);
    }
    let heard = bench.heard(two);
    let count = |address: &str| heard.iter().filter(|h| h.0 == address).count();
    assert!((5..=6).contains(&count("/ch/1/fader")), "{}", count("/ch/1/fader"));
    // 100 Hz at most, and an address in two subscriptions is told once.
    assert!((98..=101).contains(&count("/ch/2/fader")), "{}", count("/ch/2/fader"));
}

#[test]
fn a_client_that_asks_for_ids_is_told_by_id_and_no_other_is() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.send(one, "/client/ids", &[f(1.0)]);
    assert_eq!(bench.heard(one), [("/client/ids".to_owned(), vec![OscType::Int(1)])]);
    for client in [one, two] {
        bench.subscribe(client, &["/ch/1/fader".into()]);
        bench.subscribe(client, &["/norm/ch/1/fader".into()]);
        bench.heard(client);
    }
    let three = bench.client(3);
    bench.send(three, "/ch/1/fader", &[f(0.0 - 10.0)]);
    bench.run(SECOND / 10);
    let addresses = |heard: Vec<(String, Vec<OscType>)>| heard.into_iter().map(|h| h.0).collect::<Vec<_>>();
    assert_eq!(addresses(bench.heard(one)), ["/ch/kick/fader", "/norm/ch/kick/fader"]);
    assert_eq!(addresses(bench.heard(two)), ["/ch/1/fader", "/norm/ch/1/fader"]);
    bench.send(one, "/ch/1/fader", &[]);
    bench.send(one, "/client/ids", &[f(0.0)]);
    bench.send(one, "/ch/kick/fader", &[]);
    assert_eq!(addresses(bench.heard(one)), ["/ch/kick/fader", "/client/ids", "/ch/1/fader"]);
}

#[test]
fn a_maker_hears_of_anothers_later_change_only() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(one, &["/ch/1/fader".into()]);
    bench.subscribe(two, &["/ch/1/fader".into()]);
    bench.send(one, "/ch/1/fader", &[f(-10.0)]);
    bench.send(two, "/ch/1/fader", &[f(-20.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(one), [at("/ch/1/fader", -20.0)]);
    assert_eq!(bench.heard(two), []);
}

#[test]
fn travel_is_told_where_travel_was_subscribed() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/norm/ch/*/fader".into()]);
    bench.send(one, "/ch/1/fader", &[f(-10.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(two), [at("/norm/ch/1/fader", 0.5)]);
}

#[test]
fn a_linked_channel_follows_and_tells_its_maker_too() {
    let text = "[[channel]]\nname = \"L\"\nlink = \"next\"\n[[channel]]\nname = \"R\"\n[main]\n";
    let mut bench = Bench::of(text);
    let one = bench.client(1);
    bench.subscribe(one, &["/ch/*/fader".into()]);
    bench.send(one, "/ch/1/fader", &[f(-10.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(one), [at("/ch/2/fader", -10.0)]);
}

#[test]
fn revisions_form_a_chain_and_a_gap_is_caught_up() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["//".into()]);
    bench.sent.clear();
    let mut revs = Vec::new();
    for n in 0..5 {
        bench.send(one, "/ch/1/fader", &[f(-1.0 - n as f32)]);
        bench.send(one, "/ch/2/mute", &[OscType::Int(n & 1)]);
        bench.run(SECOND / 10);
        for (_, size, messages) in bench.sent.drain(..).filter(|(to, _, _)| *to == two) {
            assert!(size <= 1400);
            let last = messages.last().unwrap();
            assert_eq!(last.addr, "/rev");
            revs.push((last.args[0].clone().int().unwrap(), last.args[1].clone().int().unwrap()));
        }
    }
    assert_eq!(revs.len(), 5);
    assert!(revs.windows(2).all(|w| w[0].0 == w[1].1 && w[1].0 > w[0].0), "{revs:?}");
    // Whoever saw the second batch last is told what changed after it, once.
    bench.send(two, "/sync", &[OscType::Int(revs[1].0)]);
    bench.run(SECOND / 10);
    let mut heard = bench.heard(two);
    heard.sort_by(|a, b| a.0.cmp(&b.0));
    let sync = ("/sync".to_string(), vec![OscType::Int(2)]);
    assert_eq!(heard, [at("/ch/1/fader", -5.0), ("/ch/2/mute".into(), vec![OscType::Int(0)]), sync]);
    // Up to date: nothing. Unknown: everything.
    let last = bench.hub.revision;
    bench.send(two, "/sync", &[OscType::Int(last)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(two), [("/sync".into(), vec![OscType::Int(0)])]);
    for unknown in [7, i32::MAX] {
        bench.send(two, "/sync", &[OscType::Int(unknown)]);
        bench.run(SECOND / 10);
        assert!(bench.heard(two).len() > 50);
    }
}

#[test]
fn an_idle_subscriber_gets_its_revision_once_a_second() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/ch/1/fader".into(), OscType::Int(60)]);
    bench.run(SECOND);
    bench.sent.clear();
    // Changes that do not concern it leave its number alone.
    for n in 0..100 {
        bench.send(one, "/ch/2/fader", &[f(-(n as f32))]);
        bench.run(SECOND / 20);
    }
    let revs: Vec<_> = bench.sent.iter().filter(|(to, _, _)| *to == two).map(|(_, _, m)| m[0].clone()).collect();
    assert!((4..=6).contains(&revs.len()), "{}", revs.len());
    assert!(revs.iter().all(|r| r.addr == "/rev" && r.args[0] == r.args[1] && r.args == revs[0].args));
}

#[test]
fn a_lease_runs_out_unless_packets_come() {
    let mut bench = Bench::new();
    let (one, two, three) = (bench.client(1), bench.client(2), bench.client(3));
    bench.subscribe(two, &["/ch/1/fader".into()]);
    bench.subscribe(three, &["/ch/1/fader".into(), OscType::Int(2)]);
    for _ in 0..30 {
        bench.run(SECOND);
        bench.send(two, "/ch/2/fader", &[f(-3.0)]);
    }
    bench.heard(two);
    bench.heard(three);
    bench.send(one, "/ch/1/fader", &[f(-10.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(two), [at("/ch/1/fader", -10.0)]);
    assert_eq!(bench.heard(three), []);
    // Ten seconds of silence.
    bench.run(9 * SECOND);
    bench.heard(two);
    bench.send(one, "/ch/1/fader", &[f(-11.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(two).len(), 1);
    bench.run(2 * SECOND);
    bench.sent.clear();
    bench.send(one, "/ch/1/fader", &[f(-12.0)]);
    bench.run(2 * SECOND);
    assert!(bench.sent.is_empty());
    // A connection has no lease.
    let stream = bench.connection("127.0.0.1:4");
    bench.send(stream, "/subscribe", &["/ch/1/fader".into(), OscType::Int(1)]);
    bench.run(30 * SECOND);
    bench.heard(stream);
    bench.send(one, "/ch/1/fader", &[f(-13.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(stream), [at("/ch/1/fader", -13.0)]);
}

#[test]
fn who_unsubscribes_is_told_no_more() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/ch/1/fader".into()]);
    bench.subscribe(two, &["/ch/1/pan".into()]);
    bench.send(two, "/unsubscribe", &["/ch/1/fader".into()]);
    bench.send(one, "/ch/1/fader", &[f(-2.0)]);
    bench.send(one, "/ch/1/pan", &[f(0.5)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(two), [("/unsubscribe".into(), vec!["/ch/1/fader".into()]), at("/ch/1/pan", 0.5)]);
    bench.send(two, "/unsubscribe", &["/ch/1/fader".into()]);
    assert_eq!(bench.heard(two)[0].0, "/error");
    bench.send(two, "/unsubscribe", &[]);
    bench.heard(two);
    bench.send(one, "/ch/1/pan", &[f(0.25)]);
    bench.run(2 * SECOND);
    assert_eq!(bench.heard(two), []);
}

#[test]
fn what_is_owed_outlives_the_faster_of_two_subscriptions() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/ch/*/fader".into(), OscType::Int(60), f(2.0)]);
    bench.subscribe(two, &["/ch/1/fader".into(), OscType::Int(60), f(10.0)]);
    bench.send(one, "/ch/1/fader", &[f(-1.0)]);
    bench.run(STEP);
    bench.send(one, "/ch/1/fader", &[f(-2.0)]);
    bench.run(STEP);
    assert_eq!(bench.heard(two), [at("/ch/1/fader", -1.0)]);
    bench.send(two, "/unsubscribe", &["/ch/1/fader".into()]);
    bench.run(SECOND);
    assert_eq!(bench.heard(two).last(), Some(&at("/ch/1/fader", -2.0)));
}

#[test]
fn a_fade_is_told_while_it_moves_to_its_maker_too() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    for app in [one, two] {
        bench.subscribe(app, &["/ch/1/fader".into()]);
    }
    bench.send(one, "/fade", &["/ch/1/fader".into(), f(-10.0), f(1.0)]);
    bench.run(SECOND / 2);
    let half = bench.number(one, "/ch/1/fader");
    assert!((half + 5.0).abs() < 0.2, "{half}");
    bench.run(SECOND);
    for app in [one, two] {
        let heard: Vec<f32> =
            bench.heard(app).into_iter().filter(|h| h.0 == "/ch/1/fader").map(|h| h.1[0].clone().float().unwrap()).collect();
        assert!((28..=36).contains(&heard.len()), "{}", heard.len());
        assert!(heard.windows(2).all(|w| w[1] <= w[0]));
        assert_eq!(heard.last(), Some(&-10.0));
    }
    // Any set ends a fade, at the value on the way as well.
    bench.send(one, "/fade", &["/norm/ch/1/fader".into(), f(0.0), f(10.0), "s".into()]);
    bench.run(SECOND);
    bench.send(two, "/ch/1/fader", &[f(-3.0)]);
    bench.run(SECOND);
    assert_eq!(bench.number(one, "/ch/1/fader"), -3.0);
    assert_eq!(bench.heard(one).last(), Some(&at("/ch/1/fader", -3.0)));
    for wrong in [&["/ch/1/name".into(), "x".into(), f(1.0)][..], &["/ch/1/fader".into(), f(0.0), f(1.0), "wavy".into()]] {
        bench.send(one, "/fade", wrong);
        assert_eq!(bench.heard(one).last().unwrap().0, "/error");
    }
}

#[test]
fn after_a_reload_patterns_are_matched_anew() {
    let more = "[[channel]]\nname = \"New\"\nfader = -7.0\n[[channel]]\nname = \"Kick\"\nchain = []\n[[channel]]\nname = \"Vox\"\n[main]\nchain = []\n";
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/ch/*/fader".into(), OscType::Int(60)]);
    bench.reload(one, more);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(one).last().unwrap().0, "/rig/reload");
    assert_eq!(bench.heard(two), [at("/ch/1/fader", -7.0), at("/ch/3/fader", 0.0)]);
    bench.send(one, "/ch/3/fader", &[f(-1.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(two), [at("/ch/3/fader", -1.0)]);
    // A reload that fails changes nothing.
    bench.send(one, "/rig/reload", &[]);
    assert_eq!(bench.heard(one).last().unwrap().0, "/error");
}

#[test]
fn peers_are_told_unasked() {
    let text = "[osc]\npeers = [\"127.0.0.1:9\", { addr = \"127.0.0.1:10\", subscribe = [\"/ch/*/pan\"], meters = 10 }]\n[[channel]]\nname = \"A\"\nchain = []\n[main]\nchain = []\n";
    let mut bench = Bench::of(text);
    let one = bench.client(1);
    let plain = bench.stranger("127.0.0.1:9").unwrap();
    let choosy = bench.stranger("127.0.0.1:10").unwrap();
    bench.run(SECOND);
    bench.sent.clear();
    bench.play(0.5);
    bench.send(one, "/ch/1/fader", &[f(-6.0)]);
    bench.send(one, "/ch/1/pan", &[f(0.5)]);
    bench.run(60 * SECOND);
    let mut heard = bench.heard(plain);
    heard.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(heard, [at("/ch/1/fader", -6.0), at("/ch/1/pan", 0.5)]);
    let heard = bench.heard(choosy);
    assert_eq!(heard.iter().filter(|h| h.0 == "/ch/1/pan").count(), 1);
    assert!(heard.iter().all(|h| h.0 != "/ch/1/fader"));
    let meters = heard.iter().filter(|h| h.0 == "/ch/1/meter/in").count();
    assert!((590..=610).contains(&meters), "{meters}");
    // What it sets itself from that port is not told back.
    bench.send(plain, "/ch/1/fader", &[f(-9.0)]);
    bench.run(SECOND / 10);
    assert_eq!(bench.heard(plain), []);
}

#[test]
fn meters_tell_the_peak_since_the_last_report() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(one, &["/ch/1/meter/in".into(), OscType::Int(60), f(10.0)]);
    bench.run(SECOND);
    bench.heard(one);
    // One loud period between two reports.
    bench.play(0.5);
    bench.run(STEP);
    bench.play(0.25);
    bench.run(STEP);
    bench.play(0.0);
    bench.run(SECOND / 4);
    let db = |x: f32| 20.0 * x.log10();
    let levels: Vec<f32> = bench.heard(one).into_iter().map(|h| h.1[0].clone().float().unwrap()).collect();
    assert_eq!(levels.iter().filter(|l| (**l - db(0.5)).abs() < 0.01).count(), 1, "{levels:?}");
    assert_eq!(levels.last(), Some(&-144.0));
    // Asked: the last 50 ms.
    bench.play(0.5);
    bench.run(20 * STEP);
    bench.play(0.0);
    bench.run(30 * STEP);
    assert!((bench.number(two, "/ch/1/meter/in") - db(0.5)).abs() < 0.01);
    bench.run(50 * STEP);
    assert_eq!(bench.number(two, "/ch/1/meter/in"), -144.0);
    // A full-scale sine's mean square is a half: a constant 1 reads +3.01.
    bench.play(1.0);
    bench.run(SECOND);
    assert!((bench.number(two, "/ch/1/meter/rms") - 3.01).abs() < 0.01);
    bench.send(two, "/main/meter/out", &[]);
    assert_eq!(bench.heard(two).last().unwrap().1.len(), 2);
    // Wildcards do not reach meters.
    bench.subscribe(two, &["//".into()]);
    bench.run(SECOND);
    assert!(bench.heard(two).iter().all(|h| !h.0.contains("meter")));
}

#[test]
fn a_processor_tells_figures_of_its_own() {
    let mut bench = Bench::of("[[channel]]\nname = \"c\"\nchain = [\"feedback\"]\n[main]\n");
    let (one, two) = (bench.client(1), bench.client(2));
    assert_eq!(bench.number(two, "/ch/1/feedback/notch/1/freq"), 0.0);
    bench.subscribe(one, &["/ch/1/feedback/notch/*/freq".into()]);
    bench.run(SECOND);
    bench.heard(one);
    // It rings: a tone that grows, drawn in steps of a period.
    for ms in 0..3500u16 {
        let t = f32::from(ms) / 1000.0;
        bench.play(10f32.powf((12.0 * t - 60.0) / 20.0) * (std::f32::consts::TAU * 110.0 * t).sin());
        bench.run(STEP);
    }
    bench.play(0.0);
    let told = bench.heard(one);
    let freq = |h: &(String, Vec<OscType>)| h.1[0].clone().float().unwrap_or_default();
    assert!(told.iter().any(|h| h.0 == "/ch/1/feedback/notch/1/freq" && (freq(h) - 110.0).abs() < 2.0), "{told:?}");
    assert!(bench.number(two, "/ch/1/feedback/notch/1/depth") <= -12.0);
    bench.send(two, "/ch/1/feedback/notch/1/freq", &[f(100.0)]);
    assert_eq!(bench.heard(two)[0].0, "/error");
    bench.send(two, "/ch/1/feedback/clear", &[f(1.0)]);
    bench.run(SECOND / 2);
    assert_eq!(bench.number(two, "/ch/1/feedback/notch/1/freq"), 0.0);
    assert!(bench.heard(one).iter().any(|h| freq(h) == 0.0));
}

#[test]
fn a_file_that_is_not_there_is_an_error_and_nothing_changes() {
    let mut bench = Bench::of("[[channel]]\nname = \"c\"\nchain = [\"convolve\"]\n[main]\n");
    let one = bench.client(1);
    for name in ["no such file.wav", "../rig.toml", "/etc/hostname"] {
        bench.send(one, "/ch/1/convolve/file", &[name.into()]);
        let heard = bench.heard(one);
        assert_eq!(heard[0].0, "/error");
        assert!(heard[0].1[1].clone().string().is_some_and(|why| why.contains("convolve/file") && why.contains("folder")));
    }
    assert_eq!(bench.ask(one, "/ch/1/convolve/file"), OscType::from(""));
}

#[test]
fn a_pattern_reaches_each_once_by_number_and_id() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.send(one, "/ch/{1,kick}/fader", &[]);
    assert_eq!(bench.heard(one), [at("/ch/1/fader", 0.0)]);
    bench.send(one, "/{ch,bus}/*/fader", &[f(-20.0)]);
    bench.send(one, "//fader", &[]);
    let heard = bench.heard(one);
    assert_eq!(heard.len(), 6);
    assert_eq!(heard.iter().filter(|h| h.1 == [f(-20.0)]).count(), 3);
    // What a pattern limits is told as a bundle.
    bench.send(one, "/ch/*/fader", &[f(40.0)]);
    assert_eq!(bench.heard(one), [at("/ch/1/fader", 10.0), at("/ch/2/fader", 10.0)]);
}

#[test]
fn one_round_is_one_batch_to_the_engine() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.run(SECOND / 10);
    let before = bench.hub.mixer.flushes;
    let sets: Vec<_> = (0..1000).map(|n| message("/ch/1/fader", &[f(-(n as f32) / 10.0)])).collect();
    bench.bundle(one, &sets);
    bench.turn();
    assert_eq!(bench.hub.mixer.flushes, before + 1);
    bench.run(STEP);
    assert_eq!(bench.hub.mixer.flushes, before + 1);
}

#[test]
fn figures_of_the_analysis_are_told_like_meters() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    // Two channels at the centre: 3 dB below twice 0.5, alike on both sides.
    bench.play(0.5);
    bench.run(SECOND);
    let widths =
        [("/main/meter/spectrum", 60), ("/main/meter/k20", 2), ("/main/meter/correlation", 1), ("/main/loudness/range", 1)];
    for (address, width) in widths {
        bench.send(one, address, &[]);
        assert_eq!(bench.heard(one)[0].1.len(), width, "{address}");
    }
    assert!((bench.number(one, "/main/meter/headroom") - 3.01).abs() < 0.01);
    assert!((bench.number(one, "/main/meter/correlation") - 1.0).abs() < 1e-6);
    assert!((bench.number(one, "/norm/main/meter/correlation") - 1.0).abs() < 1e-6);
    assert_eq!(bench.ask(one, "/main/meter/clips"), OscType::Int(0));
    bench.send(one, "/ch/1/loudness/integrated", &[]);
    assert_eq!(bench.heard(one)[0].0, "/error", "no analysis on a strip whose rig does not ask for it");
    // A figure that stands is told at once and once a second; one that moves at the rate of meters.
    bench.send(one, "/subscribe", &["/main/meter/headroom".into(), OscType::Int(60)]);
    bench.run(4 * SECOND);
    let told = bench.heard(one).iter().filter(|h| h.0 == "/main/meter/headroom").count();
    assert!((4..=7).contains(&told), "{told}");
    // The reset: any number from one half up, always read as off, told to who listens.
    bench.subscribe(two, &["/main/loudness/*".into(), OscType::Int(60)]);
    bench.play(0.25);
    bench.run(SECOND);
    bench.send(one, "/main/loudness/reset", &[f(0.0)]);
    bench.run(SECOND / 10);
    assert!((bench.number(one, "/main/meter/headroom") - 3.01).abs() < 0.01);
    bench.heard(two);
    bench.send(one, "/main/loudness/reset", &[f(1.0)]);
    bench.send(one, "/main/loudness/reset", &[f(0.0)]);
    bench.run(SECOND / 10);
    assert!((bench.number(one, "/main/meter/headroom") - 9.03).abs() < 0.01);
    assert_eq!(bench.number(one, "/main/loudness/reset"), 0.0);
    let resets: Vec<_> = bench.heard(two).into_iter().filter(|h| h.0 == "/main/loudness/reset").collect();
    assert_eq!(resets, [("/main/loudness/reset".to_owned(), vec![OscType::Int(0)])]);
}
