//! Foreign addresses, bound by the rig.

use super::bench::{Bench, SECOND, f, text};
use rosc::OscType;

const RIG: &str = r#"
name = "Foreign"
[osc]
peers = [{ addr = "127.0.0.9:9001", map = true }]
[[osc.map]]
from = "/1/fader1"
to = "/ch/kick/fader"
range = [0, 1]
[[osc.map]]
from = "/2/fader8"
to = "/ch/1/fader"
range = [127, 0]
[[osc.map]]
from = "/1/toggle1"
to = "/ch/kick/mute"
[[osc.map]]
from = "/1/label1"
to = "/ch/kick/name"
[[osc.map]]
from = "/1/led1"
to = "/ch/kick/meter/in"
[[channel]]
name = "Kick"
chain = []
[main]
chain = []
"#;

fn at(address: &str, value: OscType) -> (String, Vec<OscType>) {
    (address.into(), vec![value])
}

/// What a client heard, without what tells meters.
fn values(bench: &mut Bench, client: headroom_protocol::intent::ClientId) -> Vec<(String, Vec<OscType>)> {
    bench.heard(client).into_iter().filter(|h| !h.0.contains("led")).collect()
}

#[test]
fn an_app_moves_by_its_own_addresses_and_is_told_by_them() {
    let mut bench = Bench::of(RIG);
    let (app, desk) = (bench.client(1), bench.client(2));
    bench.send(app, "/1/fader1", &[f(0.75)]);
    assert_eq!(bench.number(desk, "/ch/1/fader"), 0.0);
    bench.send(app, "/1/fader1", &[f(0.5)]);
    assert_eq!(bench.number(desk, "/ch/1/fader"), -10.0);
    bench.run(SECOND / 2);
    // All that it is bound to, once; the same by its other name where one turned.
    let heard = values(&mut bench, app);
    for told in [at("/2/fader8", f(63.5)), at("/1/toggle1", f(0.0)), at("/1/label1", text("Kick"))] {
        assert!(heard.contains(&told), "{told:?} in {heard:?}");
    }
    bench.send(desk, "/ch/1/fader", &[f(10.0)]);
    bench.send(desk, "/ch/1/mute", &[f(1.0)]);
    bench.run(SECOND / 2);
    assert_eq!(values(&mut bench, app), [at("/1/fader1", f(1.0)), at("/2/fader8", f(0.0)), at("/1/toggle1", f(1.0))]);
    assert!(values(&mut bench, desk).is_empty());
    bench.send(app, "/1/toggle1", &[f(0.0)]);
    assert_eq!(bench.number(desk, "/ch/1/mute"), 0.0);
    bench.send(app, "/1/label1", &[text("Boom")]);
    assert_eq!(bench.ask(desk, "/ch/1/name"), text("Boom"));
    // It hears nothing of what it did itself, and an answer where it asks.
    bench.run(SECOND / 2);
    assert_eq!(values(&mut bench, app), []);
    bench.send(app, "/1/fader1", &[]);
    bench.run(SECOND / 2);
    assert_eq!(values(&mut bench, app), [at("/1/fader1", f(1.0))]);
    bench.send(app, "/1/fader1", &[text("loud")]);
    assert_eq!(bench.heard(app)[0].0, "/error");
}

#[test]
fn a_meter_is_told_and_an_app_that_falls_silent_is_not() {
    let mut bench = Bench::of(RIG);
    let app = bench.client(1);
    bench.send(app, "/1/toggle1", &[]);
    bench.play(1.0);
    bench.run(SECOND / 2);
    let heard = bench.heard(app);
    let level = heard.iter().rfind(|h| h.0 == "/1/led1").map(|h| h.1.clone());
    assert!(matches!(level.as_deref(), Some([OscType::Float(x)]) if x.abs() < 0.1), "{level:?}");
    bench.run(61 * SECOND);
    bench.heard(app);
    bench.play(0.5);
    bench.run(SECOND);
    assert_eq!(bench.heard(app), []);
}

#[test]
fn a_reload_binds_anew() {
    let mut bench = Bench::of(RIG);
    let (app, desk) = (bench.client(1), bench.client(2));
    bench.send(app, "/1/fader1", &[f(0.5)]);
    bench.run(SECOND / 2);
    bench.heard(app);
    const OTHER: &str = "name = \"Foreign\"\n[[osc.map]]\nfrom = \"/1/fader1\"\nto = \"/norm/ch/kick/fader\"\n\
                         [[channel]]\nname = \"New\"\n[[channel]]\nname = \"Kick\"\nchain = []\n[main]\nchain = []\n";
    bench.reload(desk, OTHER);
    bench.run(SECOND / 2);
    assert_eq!(values(&mut bench, app).last(), Some(&at("/1/fader1", f(0.75))));
    bench.send(app, "/1/fader1", &[f(1.0)]);
    assert_eq!(bench.number(desk, "/ch/2/fader"), 10.0);
    bench.send(app, "/1/toggle1", &[f(1.0)]);
    bench.run(SECOND / 2);
    assert!(values(&mut bench, app).iter().any(|h| h.0 == "/error"));
}

#[test]
fn an_app_that_listens_elsewhere_is_told_there_and_not_of_its_own_moves() {
    let mut bench = Bench::of(RIG);
    let peer = bench.hub.peers[0];
    assert!(values(&mut bench, peer).contains(&at("/1/fader1", f(0.75))));
    let app = bench.stranger("127.0.0.9:4000").expect("it is served");
    let desk = bench.client(2);
    bench.run(SECOND / 2);
    bench.send(app, "/1/fader1", &[f(0.5)]);
    bench.run(SECOND / 2);
    assert_eq!(values(&mut bench, peer), [at("/2/fader8", f(63.5))]);
    bench.send(desk, "/ch/1/fader", &[f(10.0)]);
    bench.run(SECOND / 2);
    assert_eq!(values(&mut bench, peer), [at("/1/fader1", f(1.0)), at("/2/fader8", f(0.0))]);
    assert_eq!(values(&mut bench, app), []);
}

#[test]
fn a_role_reaches_no_more_by_a_foreign_address() {
    const CLOSED: &str = "name = \"Foreign\"\n[access]\ndefault = \"guest\"\n[[role]]\nname = \"guest\"\nread = [\"/ch/*/fader\"]\n\
                          [[osc.map]]\nfrom = \"/a\"\nto = \"/ch/1/fader\"\n[[osc.map]]\nfrom = \"/b\"\nto = \"/ch/1/pan\"\n\
                          [[channel]]\nname = \"Kick\"\nchain = []\n[main]\nchain = []\n";
    let mut bench = Bench::of(CLOSED);
    let guest = bench.client(1);
    bench.send(guest, "/b", &[f(1.0)]);
    bench.send(guest, "/b", &[]);
    let heard = bench.heard(guest);
    assert!(heard.len() == 2 && heard.iter().all(|h| h.0 == "/error"), "{heard:?}");
    bench.send(guest, "/a", &[f(-20.0)]);
    bench.run(SECOND / 2);
    let heard = bench.heard(guest);
    // What holds comes back under the name that was used.
    assert!(heard.contains(&at("/a", f(0.0))) && heard.iter().any(|h| h.0 == "/error"), "{heard:?}");
    assert!(heard.iter().all(|h| h.0 != "/b"), "{heard:?}");
}
