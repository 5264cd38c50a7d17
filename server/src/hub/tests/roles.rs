//! Who may do what. One hub with a band, its engineer, and a drummer who mixes a monitor.

use super::bench::{Bench, SECOND, STEP, f, message, text};
use crate::hub::roles::Standing;
use headroom_protocol::intent::ClientId;
use rosc::OscType;

const BAND: &str = r#"
name = "Band"
[[role]]
name = "engineer"
token = "the engineer's own"
[[role]]
name = "drummer"
token = "sha256:1c9f5fdd4aad4ff5e7d42e83d96d7d3e1bf2df8d7b4c4a4f8cb04f2a40bb4d8d"
write = ["/ch/*/send/drummer/*", "/bus/drummer/fader"]
read = ["/ch/*/name", "/ch/*/meter/in"]
[[role]]
name = "monitor"
token = "stage left"
write = ["/ch/*/send/drummer/*", "/bus/1/fader"]
read = ["/ch/*/name", "/ch/*/meter/in"]
[[role]]
name = "operator"
token = "stage right"
write = ["//mute", "/rig/reload", "//solo", "/ch/2//"]
read = ["//"]
[[channel]]
name = "Kick"
[[channel]]
name = "Snare"
[[channel]]
name = "Left"
link = "next"
[[channel]]
name = "Right"
[[bus]]
name = "Drummer"
kind = "aux"
[[bus]]
name = "Singer"
kind = "aux"
[main]
"#;

fn band() -> (Bench, ClientId, ClientId) {
    let mut bench = Bench::of(BAND);
    let engineer = bench.logged_in(1, "the engineer's own");
    let drummer = bench.logged_in(2, "stage left");
    (bench, engineer, drummer)
}

/// The answer to a question, whatever spelling it carries.
fn ask(bench: &mut Bench, from: ClientId, address: &str) -> OscType {
    bench.send(from, address, &[]);
    let heard = bench.heard(from);
    heard.last().unwrap_or_else(|| panic!("no answer to {address}")).1[0].clone()
}

fn number(bench: &mut Bench, from: ClientId, address: &str) -> f32 {
    match ask(bench, from, address) {
        OscType::Float(x) => x,
        OscType::Int(n) => n as f32,
        other => panic!("{address} is {other:?}"),
    }
}

/// The reason of the only answer, which has to be an error about `address`.
fn refused(bench: &mut Bench, from: ClientId, address: &str, args: &[OscType]) -> String {
    bench.send(from, address, args);
    bench.run(5 * STEP);
    let heard = bench.heard(from);
    let (answer, said) = heard.first().unwrap_or_else(|| panic!("no answer to {address} {args:?}"));
    assert_eq!((answer.as_str(), &said[0]), ("/error", &text(address)), "{heard:?}");
    said[1].clone().string().expect("a reason")
}

#[test]
fn without_a_login_there_is_next_to_nothing() {
    let mut bench = Bench::of(BAND);
    let guest = bench.client(9);
    for (address, args) in [
        ("/ch/1/fader", vec![]),
        ("/ch/1/fader", vec![f(-3.0)]),
        ("/ch/77/fader", vec![]),
        ("/norm/ch/1/fader", vec![]),
        ("/main/meter/out", vec![]),
        ("/status", vec![]),
        ("/solo/clear", vec![]),
        ("/tap", vec![]),
        ("/rig/reload", vec![]),
        ("/sync", vec![]),
        ("/unsubscribe", vec![]),
        ("/client/port", vec![f(9000.0)]),
        ("/client/ids", vec![f(1.0)]),
        ("/clients", vec![]),
        ("/preset/list", vec![]),
        ("/preset/load", vec![text("kick"), text("kick")]),
        ("/preset/save", vec![text("kick"), text("mine")]),
        ("/subscribe", vec![text("//")]),
        ("/subscribe", vec![text("/ch/1/fader")]),
        ("/fade", vec![text("/ch/1/fader"), f(-3.0), f(1.0)]),
    ] {
        let reason = refused(&mut bench, guest, address, &args);
        assert_eq!(reason, "unknown address, or not one for this role", "{address}");
    }
    assert_eq!(refused(&mut bench, guest, "/ch/*/fader", &[]), "no address matches");
    assert_eq!(refused(&mut bench, guest, "//", &[f(0.0)]), "no address matches");
    bench.send(guest, "/info", &[]);
    bench.send(guest, "/ping", &[f(3.0)]);
    bench.send(guest, "/login", &[]);
    bench.run(10 * STEP);
    let heard: Vec<String> = bench.heard(guest).into_iter().map(|h| h.0).collect();
    assert!(["/info", "/ping", "/login"].iter().all(|a| heard.contains(&(*a).to_owned())), "{heard:?}");
    let engineer = bench.logged_in(1, "the engineer's own");
    assert_eq!(number(&mut bench, engineer, "/ch/1/fader"), 0.0);
}

#[test]
fn as_long_as_no_role_has_a_token_everyone_is_the_engineer() {
    let mut bench = Bench::of("[[role]]\nname = \"singer\"\nwrite = [\"/ch/1/fader\"]\n[[channel]]\nname = \"a\"\n[main]\n");
    let one = bench.client(1);
    bench.send(one, "/main/fader", &[f(-3.0)]);
    assert_eq!(number(&mut bench, one, "/main/fader"), -3.0);
    let mut bench = Bench::of(
        "[access]\ndefault = \"singer\"\n[[role]]\nname = \"singer\"\nwrite = [\"/ch/1/fader\"]\n[[channel]]\nname = \"a\"\n[main]\n",
    );
    let one = bench.client(1);
    bench.send(one, "/ch/1/fader", &[f(-3.0)]);
    assert_eq!(number(&mut bench, one, "/ch/a/fader"), -3.0);
    refused(&mut bench, one, "/main/fader", &[f(-3.0)]);
}

#[test]
fn a_musician_mixes_the_own_monitor_and_nothing_else() {
    let (mut bench, engineer, drummer) = band();
    for (address, value) in [
        ("/ch/1/send/drummer/level", -6.0),
        ("/ch/snare/send/1/level", -7.0),
        ("/norm/ch/2/send/1/pan", 1.0),
        ("/bus/drummer/fader", -2.0),
        ("/bus/1/fader", -3.0),
    ] {
        bench.send(drummer, address, &[f(value)]);
        assert_eq!(bench.heard(drummer), [], "{address}");
        assert_eq!(number(&mut bench, engineer, address), value, "{address}");
        assert_eq!(number(&mut bench, drummer, address), value, "{address}");
    }
    // What may be read and not set: refused, and the value that holds.
    bench.send(drummer, "/ch/1/name", &[text("Boom")]);
    let heard = bench.heard(drummer);
    assert_eq!(heard[0], ("/error".into(), vec![text("/ch/1/name"), text("this role may not set it")]));
    assert_eq!(heard[1], ("/ch/1/name".into(), vec![text("Kick")]));
    // All else looks as if it were not there.
    let nothing = "unknown address, or not one for this role";
    for address in ["/ch/1/fader", "/ch/1/send/singer/level", "/ch/1/send/2/level", "/main/fader", "/bus/1/mute", "/ch/1/latency"]
    {
        for at in [address.to_owned(), format!("/norm{address}")] {
            for args in [vec![], vec![f(1.0)], vec![f(f32::NAN)], vec![f(1.0), f(2.0)], vec![OscType::Nil]] {
                assert_eq!(refused(&mut bench, drummer, &at, &args), nothing, "{at}");
            }
        }
    }
    for address in ["/ch/9/fader", "/ch/1/fadr", "/ch", "/main", "/nothing", "/ch/1/fader/x"] {
        assert_eq!(refused(&mut bench, drummer, address, &[]), nothing);
    }
    assert_eq!(number(&mut bench, engineer, "/ch/1/fader"), 0.0);
}

#[test]
fn patterns_set_what_is_permitted_and_tell_what_is_seen() {
    let (mut bench, engineer, drummer) = band();
    bench.send(drummer, "/ch/*/send/*/level", &[f(-9.0)]);
    bench.run(STEP);
    // What the drummer does not see is not even refused.
    assert_eq!(bench.heard(drummer), []);
    assert_eq!(number(&mut bench, engineer, "/ch/2/send/drummer/level"), -9.0);
    assert_eq!(number(&mut bench, engineer, "/ch/2/send/singer/level"), -144.0);
    bench.send(drummer, "/ch/{1,2}/{name,send}", &[text("x")]);
    let heard = bench.heard(drummer);
    assert_eq!(heard.iter().filter(|h| h.0 == "/error").count(), 1, "{heard:?}");
    assert!(heard.contains(&("/ch/1/name".into(), vec![text("Kick")])), "{heard:?}");
    bench.send(drummer, "//", &[]);
    let heard = bench.heard(drummer);
    let allowed = |a: &str| (a.contains("/send/1/") || a == "/bus/1/fader" || a.ends_with("/name")) && !a.starts_with("/main");
    assert!(!heard.is_empty() && heard.iter().all(|h| allowed(&h.0)), "{heard:?}");
    assert!(heard.iter().all(|h| h.0 != "/bus/1/name"), "{heard:?}");
    for (address, args) in [("//meter/*", vec![]), ("/ch/*/meter/*", vec![]), ("/norm//", vec![]), ("/ch/*/*/*", vec![])] {
        bench.send(drummer, address, &args);
        let heard = bench.heard(drummer);
        let plain = |a: &str| a.trim_start_matches("/norm").to_owned();
        let seen = |a: &str| allowed(&plain(a)) || a.ends_with("/meter/in") || a == "/error";
        assert!(heard.iter().all(|h| seen(&h.0)), "{heard:?}");
    }
    // A value that fits nothing names what the drummer sees, if anything.
    bench.send(drummer, "/{ch,main}//", &[text("no such value")]);
    for (address, args) in bench.heard(drummer) {
        let said = args.iter().filter_map(|a| a.clone().string()).collect::<String>();
        assert!(address != "/error" || !(said.contains("fader") || said.contains("eq") || said.contains("/send/2")), "{said}");
    }
    assert_eq!(ask(&mut bench, engineer, "/ch/1/name"), text("Kick"));
}

#[test]
fn subscriptions_tell_what_is_seen_from_the_first_value_to_the_last() {
    let (mut bench, engineer, drummer) = band();
    for pattern in ["//", "//meter/*", "/norm//", "/ch/*/*"] {
        bench.send(drummer, "/subscribe", &[text(pattern), OscType::Int(60), f(100.0)]);
    }
    bench.run(SECOND / 2);
    bench.play(0.5);
    for address in ["/ch/1/fader", "/ch/2/send/singer/level", "/ch/2/send/drummer/level", "/main/fader", "/ch/1/eq/1/gain"] {
        bench.send(engineer, address, &[f(-4.0)]);
    }
    bench.send(engineer, "/fade", &[text("/ch/1/fader"), f(-20.0), f(0.1)]);
    bench.run(SECOND / 2);
    bench.send(drummer, "/sync", &[]);
    bench.run(SECOND / 2);
    let heard = bench.heard(drummer);
    let mut told = 0;
    for (address, args) in &heard {
        let plain = address.trim_start_matches("/norm");
        let seen = plain.contains("/send/1/")
            || plain == "/bus/1/fader"
            || (plain.starts_with("/ch/") && (plain.ends_with("/name") || plain.ends_with("/meter/in")));
        assert!(seen || ["/subscribe", "/sync"].contains(&plain), "{address} {args:?}");
        told += usize::from(*args == [f(-4.0)]);
    }
    assert!(told > 0 && heard.iter().any(|h| h.0 == "/ch/1/meter/in"));
    // An exact address that is not seen cannot be told from one that is not there.
    for address in ["/ch/1/fader", "/ch/99/fader", "/main/meter/out"] {
        let reason = refused(&mut bench, drummer, "/subscribe", &[text(address)]);
        assert_eq!(reason, "unknown address, or not one for this role");
    }
    // The number of addresses is that of those it sees.
    bench.send(drummer, "/subscribe", &[text("/main//")]);
    bench.run(50 * STEP);
    assert!(bench.heard(drummer).contains(&("/subscribe".into(), vec![text("/main//"), OscType::Int(0)])));
}

#[test]
fn fades_bundles_and_timed_bundles_go_through_the_same_door() {
    let (mut bench, engineer, drummer) = band();
    let fade = |address: &str| [text(address), f(-20.0), f(0.1)];
    assert_eq!(refused(&mut bench, drummer, "/fade", &fade("/main/fader")), "unknown address, or not one for this role");
    assert_eq!(refused(&mut bench, drummer, "/fade", &fade("/ch/99/fader")), "unknown address, or not one for this role");
    bench.send(drummer, "/fade", &fade("/ch/1/send/drummer/level"));
    bench.run(SECOND / 4);
    assert_eq!(number(&mut bench, engineer, "/ch/1/send/drummer/level"), -20.0);
    bench.sent.clear();
    let sets = [message("/main/fader", &[f(-30.0)]), message("/bus/1/fader", &[f(-5.0)]), message("/ch/1/mute", &[f(1.0)])];
    bench.bundle(drummer, &sets);
    bench.run(STEP);
    assert_eq!(bench.heard(drummer).iter().filter(|h| h.0 == "/error").count(), 2);
    assert_eq!((number(&mut bench, engineer, "/main/fader"), number(&mut bench, engineer, "/bus/1/fader")), (0.0, -5.0));
    // Ahead of its time a bundle is prepared in the engine: not even there.
    bench.play(0.5);
    bench.run(SECOND / 2);
    let before = bench.output().len();
    bench.later(drummer, SECOND / 5, &[message("/main/fader", &[text("off")]), message("/bus/1/fader", &[f(-6.0)])]);
    bench.run(SECOND / 2);
    let quietest = bench.output()[before..].iter().fold(f64::MAX, |least, x| least.min(x.abs()));
    assert!(quietest > 0.3, "main fell to {quietest}");
    assert_eq!((number(&mut bench, engineer, "/main/fader"), number(&mut bench, engineer, "/bus/1/fader")), (0.0, -6.0));
}

#[test]
fn a_linked_channel_moves_along_and_cannot_be_set_by_itself() {
    let (mut bench, engineer, drummer) = band();
    bench.subscribe(engineer, &[text("//send/1/level")]);
    bench.send(drummer, "/ch/left/send/drummer/level", &[f(-8.0)]);
    bench.run(SECOND / 10);
    let heard = bench.heard(engineer);
    for n in [3, 4] {
        assert!(heard.contains(&(format!("/ch/{n}/send/1/level"), vec![f(-8.0)])), "{heard:?}");
    }
    // A role for one side alone moves both: they are one channel.
    assert_eq!(number(&mut bench, drummer, "/ch/right/send/1/level"), -8.0);
}

#[test]
fn commands_are_for_roles_that_name_them() {
    let (mut bench, engineer, drummer) = band();
    let operator = bench.logged_in(3, "stage right");
    for (address, args) in [
        ("/solo/clear", vec![]),
        ("/tap", vec![]),
        ("/rig/reload", vec![]),
        ("/preset/list", vec![]),
        ("/preset/save", vec![text("kick"), text("mine")]),
    ] {
        assert_eq!(refused(&mut bench, drummer, address, &args), "unknown address, or not one for this role", "{address}");
    }
    let strip = |s: &str| format!("there is no strip {s:?}; name one by id, ch/3 or main");
    for name in ["kick", "main", "nobody"] {
        assert_eq!(refused(&mut bench, drummer, "/preset/load", &[text(name), text("kick")]), strip(name));
    }
    bench.send(engineer, "//solo", &[OscType::Bool(true)]);
    bench.send(operator, "/solo/clear", &[]);
    assert_eq!(bench.heard(operator), [("/solo/clear".into(), vec![])]);
    assert_eq!(number(&mut bench, engineer, "/ch/1/solo"), 0.0);
    assert!(refused(&mut bench, operator, "/tap", &[]).contains("not one for this role"));
    // All processors of its own channel it may set, those of others not.
    bench.send(operator, "/preset/load", &[text("snare"), text("snare")]);
    assert!(bench.heard(operator).iter().any(|h| h.0 == "/preset/load"));
    assert!(refused(&mut bench, operator, "/preset/load", &[text("kick"), text("kick")]).contains("may not set all"));
    bench.reload(operator, BAND);
    assert!(bench.heard(operator).iter().any(|h| h.0 == "/rig/reload"));
}

#[test]
fn status_is_there_for_who_reads_it_and_for_nobody_else() {
    let (mut bench, engineer, drummer) = band();
    bench.send(engineer, "/status", &[]);
    let (_, words) = bench.heard(engineer).remove(0);
    assert!(words.len() > 40 && words.contains(&text("clients")));
    for address in ["/status", "/status/clients", "/status/reset"] {
        assert!(refused(&mut bench, drummer, address, &[]).contains("not one for this role"), "{address}");
    }
}

#[test]
fn roles_follow_a_reload_by_name() {
    let (mut bench, engineer, drummer) = band();
    bench.subscribe(drummer, &[text("//"), OscType::Int(60)]);
    // Another place in the file, another right: the singer's bus.
    const OTHER: &str = r#"
name = "Band"
[[role]]
name = "new"
token = "somebody new"
write = ["//"]
[[role]]
name = "engineer"
token = "the engineer's own"
[[role]]
name = "monitor"
token = "stage left"
write = ["/ch/*/send/singer/*"]
[[channel]]
name = "Kick"
[[bus]]
name = "Drummer"
kind = "aux"
[[bus]]
name = "Singer"
kind = "aux"
[main]
"#;
    bench.reload(engineer, OTHER);
    bench.run(10 * STEP);
    bench.sent.clear();
    refused(&mut bench, drummer, "/ch/1/send/drummer/level", &[f(-3.0)]);
    bench.send(drummer, "/ch/1/send/singer/level", &[f(-3.0)]);
    assert_eq!(number(&mut bench, engineer, "/ch/1/send/singer/level"), -3.0);
    // Its standing subscription tells the one and not the other.
    bench.send(engineer, "/ch/1/send/singer/level", &[f(-5.0)]);
    bench.send(engineer, "/ch/1/send/drummer/level", &[f(-5.0)]);
    bench.run(SECOND / 10);
    let heard = bench.heard(drummer);
    assert!(heard.iter().any(|h| h.0 == "/ch/1/send/2/level") && heard.iter().all(|h| h.0 != "/ch/1/send/1/level"), "{heard:?}");
    // Another token ends what was logged in with the old one; so does a role that is gone.
    let others: [&'static str; 2] =
        [Box::leak(OTHER.replace("stage left", "stage right").into()), Box::leak(OTHER.replace("\"monitor\"", "\"mon\"").into())];
    for other in others {
        bench.reload(engineer, other);
        bench.run(10 * STEP);
        bench.sent.clear();
        assert_eq!(ask(&mut bench, drummer, "/login"), text("none"));
        bench.reload(engineer, OTHER);
        bench.run(10 * STEP);
        bench.sent.clear();
        assert_eq!(ask(&mut bench, drummer, "/login"), text("monitor"));
    }
}

#[test]
fn a_login_is_one_clients_and_ends_with_its_connection() {
    let (mut bench, _, drummer) = band();
    let other = bench.client(99);
    assert_eq!(ask(&mut bench, drummer, "/login"), text("monitor"));
    assert_eq!(ask(&mut bench, other, "/login"), text("none"));
    let stream = bench.connection("127.0.0.1:5");
    bench.send(stream, "/login", &[text("stage right")]);
    assert_eq!(bench.heard(stream), [("/login".into(), vec![text("operator")])]);
    bench.hub.close(stream);
    let stream = bench.connection("127.0.0.1:5");
    assert_eq!(ask(&mut bench, stream, "/login"), text("none"));
    // Another login takes the place of the first, and what is subscribed follows.
    bench.subscribe(drummer, &[text("/main/*"), OscType::Int(60)]);
    bench.send(drummer, "/login", &[text("stage right")]);
    bench.run(SECOND / 10);
    let heard = bench.heard(drummer);
    assert!(heard.contains(&("/main/fader".into(), vec![f(0.0)])), "{heard:?}");
}

#[test]
fn who_is_opened_by_name_has_the_role_of_the_rig() {
    let (mut bench, ..) = band();
    let way = |n: u16| crate::hub::client::Way::Link(format!("surface {n}"), None);
    let surface = bench.hub.open(way(1), Standing::Named("operator".into()), bench.now).unwrap();
    let own = bench.hub.open(way(2), Standing::Console, bench.now).unwrap();
    let unnamed = bench.hub.open(way(3), Standing::Guest, bench.now).unwrap();
    for (client, role) in [(surface, "operator"), (own, "engineer"), (unnamed, "none")] {
        assert_eq!(ask(&mut bench, client, "/login"), text(role));
    }
}

#[test]
fn guesses_are_slow_and_no_token_comes_back() {
    let mut bench = Bench::of(BAND);
    let one = bench.client(7);
    let mut said = Vec::new();
    for guess in ["a guess", "stage lef", "stage leftt", "", "STAGE LEFT", "next", "stage left"] {
        bench.send(one, "/login", &[text(guess)]);
        said.extend(bench.heard(one));
    }
    assert!(said.iter().all(|h| h.0 == "/error"), "{said:?}");
    assert!(
        said[4].1[1] == text("no role has this token") && said[6].1[1] == text("too many wrong tokens; wait 1 s"),
        "{said:?}"
    );
    assert!(!format!("{said:?}").contains("stage"));
    bench.run(2 * SECOND);
    bench.send(one, "/login", &[text("stage left")]);
    assert_eq!(bench.heard(one), [("/login".into(), vec![text("monitor")])]);
    assert_eq!(bench.hub.counters().wrong_tokens, 5);
}
