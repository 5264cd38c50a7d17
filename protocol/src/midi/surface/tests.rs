use super::*;
use crate::midi::panel::Button;
use crate::midi::testing::{stage, tells, value, wishes};
use crate::osc::encode::Arg;

fn press(surface: &mut Surface, key: &'static str, remote: &mut Remote) {
    surface.input(0, Input::Press(Button::Key(key), true), remote, 0);
    surface.input(0, Input::Press(Button::Key(key), false), remote, 0);
}

#[test]
fn positions_and_travels_are_each_other_s_inverse() {
    let remote = stage();
    let fader = remote.space().resolve("/ch/1/fader").unwrap();
    for at in (0..END).step_by(37).filter(|at| at.abs_diff(UNITY) > NOTCH) {
        let back = position(&remote, fader, travel(&remote, fader, at, UNITY), UNITY);
        assert!(back.abs_diff(at) <= 1, "{at} came back as {back}");
    }
    let pan = remote.space().resolve("/ch/1/pan").unwrap();
    assert_eq!(position(&remote, pan, 0.5, UNITY), 8_192);
}

#[test]
fn layers_list_their_strips() {
    let mut remote = stage();
    let mut surface =
        Surface::new(Options { strips: vec!["dca-2".into(), "main".into(), "ch/3".into()], ..Options::default() }, &remote);
    for (key, first, count) in [
        ("view_inputs", "INPUT1", 20),
        ("view_aux", "MIX-1", 6),
        ("view_busses", "MIX-1", 6),
        ("view_audio_tracks", "", 0),
        ("view_midi_tracks", "DCA-1", 8),
        ("view_user", "DCA-2", 3),
        ("global_view", "INPUT1", 34),
    ] {
        press(&mut surface, key, &mut remote);
        assert_eq!(surface.owners(&remote).len(), count, "{key}");
        assert_eq!(surface.pictures(&remote, 0, (0, 0, 0))[0].cell(0, 0), first, "{key}");
    }
}

#[test]
fn a_fader_without_a_motor_waits_for_its_value() {
    let mut remote = stage();
    let mut surface = Surface::new(Options { takeover: Some(Mode::Pickup), ..Options::default() }, &remote);
    let mut now = 0;
    let mut slide = |surface: &mut Surface, remote: &mut Remote, at: u16| {
        now += MS;
        surface.input(0, Input::Fader(MASTER, at), remote, now);
    };
    slide(&mut surface, &mut remote, 1_000);
    slide(&mut surface, &mut remote, 5_000);
    assert_eq!(value(&remote, "/main/fader"), 0.0);
    slide(&mut surface, &mut remote, 13_000);
    assert!(value(&remote, "/main/fader") > 0.0, "it crossed");
    slide(&mut surface, &mut remote, 9_000);
    assert!(value(&remote, "/main/fader") < -5.0);
    tells(&mut remote, "/main/fader", Arg::Float(5.0));
    slide(&mut surface, &mut remote, 8_900);
    assert_eq!(value(&remote, "/main/fader"), 5.0, "someone else has it now");
}

#[test]
fn keys_do_what_the_rig_says() {
    let mut remote = stage();
    let mut options = Options::default();
    options.keys.insert("marker".into(), Action::parse("/dca/1/mute").unwrap());
    let mut surface = Surface::new(options, &remote);
    press(&mut surface, "marker", &mut remote);
    press(&mut surface, "play", &mut remote);
    press(&mut surface, "save", &mut remote);
    let sent: Vec<String> = wishes(&mut remote).into_iter().map(|(address, _)| address).collect();
    assert_eq!(sent, ["/dca/1/mute", "/scene/go"]);
    assert!(surface.pictures(&remote, 0, (0, 0, 0))[0].keys.contains_key("marker"));
}

#[test]
fn a_set_that_changes_nothing_is_not_sent() {
    let mut remote = stage();
    let mut surface = Surface::new(Options::default(), &remote);
    for _ in 0..3 {
        surface.input(0, Input::Fader(0, 9_000), &mut remote, 0);
    }
    assert_eq!(wishes(&mut remote).len(), 1);
}

#[test]
fn what_was_set_is_asked_for_once_it_rests() {
    let mut remote = stage();
    let mut surface = Surface::new(Options::default(), &remote);
    remote.tick(0);
    for step in 0..10u16 {
        surface.input(0, Input::Fader(0, 5_000 + step * 100), &mut remote, 0);
        remote.tick(u64::from(step) * 20 * MS);
    }
    wishes(&mut remote);
    remote.tick(300 * MS);
    assert_eq!(wishes(&mut remote), []);
    remote.tick(400 * MS);
    assert_eq!(wishes(&mut remote), [("/ch/1/fader".to_owned(), None)]);
    // Someone else's set crossed ours and came later to us, earlier to the hub.
    tells(&mut remote, "/ch/1/fader", Arg::Float(-3.0));
    remote.tick(9_000 * MS);
    assert_eq!(wishes(&mut remote), []);
}

#[test]
fn any_solo_lights_the_lamp() {
    let mut remote = stage();
    let surface = Surface::new(Options::default(), &remote);
    let lit = |remote: &Remote| {
        let keys = &surface.pictures(remote, 0, (0, 0, 0))[0].keys;
        keys.contains_key("led_rude_solo") && keys.contains_key("solo_global")
    };
    assert!(!lit(&remote));
    tells(&mut remote, "/ch/17/solo", Arg::Int(1));
    assert!(lit(&remote));
}

#[test]
fn a_single_strip_is_the_selected_one() {
    let mut remote = stage();
    let mut surface = Surface::new(Options { single: vec![true], ..Options::default() }, &remote);
    let name = |surface: &Surface, remote: &Remote| surface.pictures(remote, 0, (0, 0, 0))[0].cell(0, 0);
    assert_eq!(name(&surface, &remote), "INPUT1");
    press(&mut surface, "channel_right", &mut remote);
    surface.input(0, Input::Fader(0, 0), &mut remote, MS);
    assert_eq!((name(&surface, &remote), value(&remote, "/ch/2/fader")), ("INPUT2".into(), -144.0));
    press(&mut surface, "bank_right", &mut remote);
    assert_eq!(name(&surface, &remote), "INPU10");
    // It has no master fader, so main comes last.
    press(&mut surface, "view_inputs", &mut remote);
    for _ in 0..30 {
        press(&mut surface, "channel_right", &mut remote);
    }
    assert_eq!(name(&surface, &remote), "MAIN");
    surface.input(0, Input::Fader(0, 0), &mut remote, 1_000 * MS);
    assert_eq!(value(&remote, "/main/fader"), -144.0);
    press(&mut surface, "assign_eq", &mut remote);
    let first = surface.fader(0, &remote);
    press(&mut surface, "flip", &mut remote);
    press(&mut surface, "cursor_right", &mut remote);
    assert!(surface.fader(0, &remote).is_some_and(|id| Some(id) != first), "parameters of the strip one by one");
}

#[test]
fn a_single_strip_beside_others_follows_their_selection() {
    let mut remote = stage();
    let mut surface = Surface::new(Options { panels: 2, single: vec![true, false], main: 1, ..Options::default() }, &remote);
    surface.input(1, Input::Press(Button::Select(4), true), &mut remote, 0);
    let pictures = surface.pictures(&remote, 0, (0, 0, 0));
    assert_eq!((pictures[0].cell(0, 0), pictures[1].cell(0, 0)), ("INPUT5".into(), "INPUT1".into()));
    surface.input(0, Input::Fader(0, 0), &mut remote, MS);
    assert_eq!(value(&remote, "/ch/5/fader"), -144.0);
    surface.input(1, Input::Fader(7, 0), &mut remote, MS);
    assert_eq!(value(&remote, "/ch/8/fader"), -144.0);
}
