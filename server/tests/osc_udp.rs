//! Native OSC over UDP, as an app meets it.

mod stage;

use rosc::OscType;
use stage::{QUIET, Stage, f};

#[test]
fn what_was_set_is_told_to_who_asks() {
    let stage = Stage::new();
    let mut app = stage.client();
    assert_eq!(app.number("/ch/1/fader"), -5.0);
    app.send("/ch/kick/fader", &[f(-6.3)]);
    assert_eq!(app.number("/ch/1/fader"), -6.3);
    app.send("/ch/lead-vox/mute", &[OscType::Bool(true)]);
    assert_eq!(app.ask("/ch/2/mute"), OscType::Int(1));
    app.send("/norm/ch/1/fader", &[f(0.75)]);
    assert_eq!(app.number("/ch/1/fader"), 0.0);
    assert_eq!(app.number("/norm/ch/1/fader"), 0.75);
    // A plain set is not answered.
    assert_eq!(app.hears(QUIET), []);
}

#[test]
fn a_change_is_told_to_everybody_but_its_maker() {
    let stage = Stage::new();
    let (mut one, mut two) = (stage.client(), stage.client());
    for app in [&mut one, &mut two] {
        let values = app.subscribe("/ch/*/fader");
        assert_eq!(values.len(), 3);
        assert_eq!(values[0].addr, "/ch/1/fader");
        assert_eq!(values[0].args, [f(-5.0)]);
    }
    one.send("/ch/2/fader", &[f(-12.0)]);
    assert_eq!(two.until("/ch/2/fader"), [f(-12.0)]);
    assert_eq!(one.hears(QUIET), []);
    // No change, nobody is told.
    one.send("/ch/2/fader", &[f(-12.0)]);
    assert_eq!(two.hears(QUIET), []);
    // Past the limit: the maker is told what holds, and so are the others.
    two.send("/ch/2/fader", &[f(20.0)]);
    assert_eq!(two.until("/ch/2/fader"), [f(10.0)]);
    assert_eq!(one.until("/ch/2/fader"), [f(10.0)]);
}
