use super::*;
use crate::address::testing::{space, stage};
use crate::osc::decode;
use crate::osc::encode::{Arg, Encoder};

fn bytes(address: &str, args: &[Arg]) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new().message(address, args.iter().cloned(), &mut out);
    out
}

fn read(bytes: &[u8]) -> Result<Intent, Error> {
    parse_packet(&decode::packet(bytes).unwrap(), &space(&stage()))
}

fn send(address: &str, args: &[Arg]) -> Result<Intent, Error> {
    read(&bytes(address, args))
}

fn target(address: &str) -> Target {
    space(&stage()).target(address).unwrap()
}

#[track_caller]
fn fails(address: &str, args: &[Arg], says: &str) {
    let error = send(address, args).unwrap_err();
    assert_eq!(&*error.address, address);
    assert!(error.reason.contains(says), "{error}");
}

#[test]
fn with_an_argument_it_sets_and_without_it_asks() {
    let to = target("/ch/1/fader");
    assert_eq!(send("/ch/kick/fader", &[]), Ok(Intent::Ask(to)));
    let value = Value::Float(-6.0);
    assert_eq!(
        send("/ch/1/fader", &[Arg::Float(-6.0)]),
        Ok(Intent::Set(Set { target: to, value: value.clone(), clamped: false }))
    );
    let to = target("/norm/ch/1/fader");
    assert_eq!(send("/norm/ch/1/fader", &[]), Ok(Intent::Ask(to)));
    assert_eq!(send("/norm/ch/1/fader", &[Arg::Double(0.6)]), Ok(Intent::Set(Set { target: to, value, clamped: false })));
    let Ok(Intent::Set(set)) = send("/ch/1/fader", &[Arg::Int(40)]) else { panic!() };
    assert!(set.clamped && set.value == Value::Float(10.0));
}

#[test]
fn refusals_name_the_address_and_the_reason() {
    fails("/ch/1/fader", &[Arg::String("loud".into())], "loud");
    fails("/ch/1/fader", &[Arg::Float(f32::NAN)], "finite");
    fails("/ch/1/fader", &[Arg::Float(0.0), Arg::Float(0.0)], "more than one");
    fails("/ch/1/meter/in", &[Arg::Float(0.0)], "read only");
    fails("/ch/1/latency", &[Arg::Int(0)], "read only");
    fails("/norm/ch/1/name", &[], "no travel");
    fails("/norm/ch/1/name", &[Arg::Float(0.0)], "no travel");
    fails("/ch/1/fadr", &[], "did you mean /ch/1/fader?");
    fails("/subscibe", &[Arg::String("//".into())], "did you mean /subscribe?");
    fails("/scene/recall", &[], "takes s:name");
    fails("/scene/recall", &["one".into(), Arg::Float(3.0), "bent".into()], "a curve is");
    fails("/scene/store", &["one".into(), "ch".into()], "does not begin with /");
    fails("/scene/move", &["one".into(), Arg::Int(0)], "count from 1");
    fails("/safe", &["/ch/kik".into(), Arg::Int(1)], "did you mean");
    fails("/undo", &["all".into()], "the last \"recall\"");
    fails("/preset/stove", &[], "unknown");
    fails("/scenes", &[], "unknown address");
    fails("/ch/[1/fader", &[], "[ without ]");
    fails("/ch/9*/fader", &[], "no address matches");
    fails("/inf*", &[], "no address matches");
}

#[test]
fn an_error_echoes_little() {
    let long = format!("/ch/1/{}", "é".repeat(30_000));
    let error = send(&long, &[Arg::Float(0.0)]).unwrap_err();
    assert!(error.address.len() <= ECHOED && long.starts_with(&*error.address));
    assert!(error.reason.len() < 200);
}

#[test]
fn patterns_ask_and_set_many() {
    let faders = vec![target("/ch/1/fader"), target("/ch/2/fader")];
    assert_eq!(send("/ch/*/fader", &[]), Ok(Intent::AskAll(faders.clone())));
    let Ok(Intent::SetAll(sets, None)) = send("/ch/*/fader", &[Arg::Float(20.0)]) else { panic!() };
    assert!(sets.iter().map(|s| s.target).eq(faders));
    assert!(sets.iter().all(|s| s.clamped && s.value == Value::Float(10.0)));
    let Ok(Intent::SetAll(norm, None)) = send("/norm/ch/{kick,keys}/fader", &[Arg::Float(0.75)]) else { panic!() };
    assert!(norm.len() == 2 && norm.iter().all(|s| s.target.norm && s.value == Value::Float(0.0)));
}

#[test]
fn a_wide_set_goes_where_it_can() {
    let Ok(Intent::SetAll(sets, Some(_))) = send("/ch/1/*", &[Arg::Float(0.0)]) else { panic!() };
    // Not to name, color, icon, latency, fault.
    assert_eq!(sets.len(), 11);
    fails("/ch/*/latency", &[Arg::Int(0)], "/ch/1/latency: read only");
}

#[test]
fn commands_are_read() {
    let text = |t: &str| Arg::String(t.into());
    assert_eq!(send("/info", &[]), Ok(Intent::Info));
    assert_eq!(send("/status", &[]), Ok(Intent::Status));
    assert_eq!(send("/unsubscribe", &[]), Ok(Intent::Unsubscribe(None)));
    assert_eq!(send("/unsubscribe", &[text("//")]), Ok(Intent::Unsubscribe(Some("//".into()))));
    assert_eq!(send("/sync", &[Arg::Int(7)]), Ok(Intent::Sync(Some(7))));
    assert_eq!(send("/sync", &[Arg::Int(-1)]), Ok(Intent::Sync(None)));
    assert_eq!(send("/client/port", &[Arg::Int(9001)]), Ok(Intent::ClientPort(9001)));
    let ping = bytes("/ping", &[Arg::Int(1), text("two")]);
    assert_eq!(read(&ping), Ok(Intent::Ping(ping.as_slice().into())));
    fails("/info", &[Arg::Int(1)], "takes no arguments");
    fails("/client/port", &[Arg::Int(70_000)], "0 to 65535");
    fails("/client/port", &[], "takes i:port");
    fails("/sync", &[text("x")], "takes [i:last_seen]");
}

#[test]
fn a_button_fires_when_pressed() {
    for args in [&[][..], &[Arg::Float(1.0)], &[Arg::Int(1)], &[Arg::Bool(true)]] {
        assert_eq!(send("/solo/clear", args), Ok(Intent::SoloClear));
        assert_eq!(send("/rig/reload", args), Ok(Intent::RigReload));
    }
    assert_eq!(send("/solo/clear", &[Arg::Float(0.0)]), Ok(Intent::Nothing));
    fails("/solo/clear", &[Arg::Int(1), Arg::Int(1)], "takes no arguments");
}

#[test]
fn subscriptions_have_a_lease_and_a_rate() {
    let text = |t: &str| Arg::String(t.into());
    let subscribed = |args: &[Arg]| match send("/subscribe", args) {
        Ok(Intent::Subscribe(s)) => (s.lease.as_secs_f64(), s.rate_hz),
        other => panic!("{other:?}"),
    };
    assert_eq!(subscribed(&[text("/ch/*/fader")]), (10.0, None));
    assert_eq!(subscribed(&[text("/ch/1/fader"), Arg::Int(30), Arg::Float(50.0)]), (30.0, Some(50.0)));
    assert_eq!(subscribed(&[text("/ch/1/meter/in"), Arg::Int(3600), Arg::Int(1000)]), (60.0, Some(100.0)));
    assert_eq!(subscribed(&[text("/norm/ch/1/fader")]), (10.0, None));
    // What matches nothing now may match after a reload; a plain address that is none is a slip.
    assert_eq!(subscribed(&[text("/matrix/9*/fader")]), (10.0, None));
    fails("/subscribe", &[text("/ch/1/fadr")], "did you mean /ch/1/fader?");
    fails("/subscribe", &[text("/ch/1/hpf")], "is a container");
    fails("/subscribe", &[text("ch")], "does not begin with /");
    fails("/subscribe", &[], "takes s:pattern");
    fails("/subscribe", &[text("//"), Arg::Float(f32::NAN)], "takes s:pattern");
}

#[test]
fn fades_go_to_a_value_in_a_time() {
    let text = |t: &str| Arg::String(t.into());
    let to = Set { target: target("/ch/1/fader"), value: Value::Float(-144.0), clamped: false };
    let time = Duration::from_secs_f64(2.5);
    let args = [text("/ch/kick/fader"), text("off"), Arg::Float(2.5)];
    assert_eq!(send("/fade", &args), Ok(Intent::Fade(Fade { to, time, shape: Shape::Linear })));
    let norm = [text("/norm/ch/1/fader"), Arg::Float(0.75), Arg::Int(1), text("s")];
    let Ok(Intent::Fade(fade)) = send("/fade", &norm) else { panic!() };
    assert!(fade.to.target.norm && fade.to.value == Value::Float(0.0) && fade.shape == Shape::S);
    fails("/fade", &[text("/ch/1/mute"), Arg::Int(1), Arg::Int(1)], "cannot fade");
    fails("/fade", &[text("/ch/1/meter/in"), Arg::Int(1), Arg::Int(1)], "cannot fade");
    fails("/fade", &[text("/ch/1/fader"), Arg::Int(1), Arg::Int(-1)], "seconds");
    fails("/fade", &[text("/ch/1/fader"), Arg::Int(1), Arg::Int(1), text("bent")], "linear, s, slow or fast");
    fails("/fade", &[text("/ch/1/fadr"), Arg::Int(1), Arg::Int(1)], "did you mean");
    fails("/fade", &[text("/ch/1/fader")], "takes s:address f:target f:seconds [s:curve]");
}

#[test]
fn a_bundle_is_whole_and_a_failed_message_leaves_the_rest() {
    let inner = |time: u64, address: &str| {
        let mut out = Vec::new();
        Encoder::new().bundle(time, [(address, [Arg::Float(1.0)])], &mut out);
        out
    };
    let mut outer = Vec::new();
    Encoder::new().bundle(1, [("/ch/1/fader", [Arg::Float(1.0)]), ("/ch/1/nope", [Arg::Float(1.0)])], &mut outer);
    for element in [inner(0, "/ch/2/fader"), inner(5 << 32, "/main/fader")] {
        outer.extend((element.len() as u32).to_be_bytes());
        outer.extend(element);
    }
    let Ok(Intent::Bundle(group)) = read(&outer) else { panic!() };
    assert_eq!(group.time, IMMEDIATE);
    assert_eq!(group.items.len(), 4);
    assert!(matches!(&group.items[1], Err(e) if &*e.address == "/ch/1/nope"));
    assert!(matches!(&group.items[2], Ok(Intent::Set(s)) if s.target == target("/ch/2/fader")));
    assert!(matches!(&group.items[3], Ok(Intent::Bundle(later)) if later.time == 5 << 32 && later.items.len() == 1));
}

#[test]
fn a_bundle_has_its_limits() {
    let bundle = |count: usize, address: &str| {
        let mut out = Vec::new();
        Encoder::new().bundle(1, (0..count).map(|_| (address, [])), &mut out);
        read(&out)
    };
    assert!(bundle(MAX_MESSAGES, "/ch/1/fader").is_ok());
    assert_eq!(&*bundle(MAX_MESSAGES + 1, "/ch/1/fader").unwrap_err().address, "#bundle");
    // The patterns of a bundle share what they may reach.
    let Ok(Intent::Bundle(group)) = bundle(MAX_MESSAGES, "//") else { panic!() };
    let reached: usize = group.items.iter().map(|i| if let Ok(Intent::AskAll(t)) = i { t.len() } else { 0 }).sum();
    assert!(reached <= MAX_MATCHES && group.items.last().unwrap().is_err());
}

#[test]
fn every_command_of_the_table_is_known() {
    for command in command::COMMANDS {
        assert!(command.address.starts_with('/') && !command.doc.is_empty());
        assert!(space(&stage()).target(command.address).is_none());
        if let Err(error) = send(command.address, &[]) {
            assert!(!error.reason.contains("unknown"), "{error}");
        }
    }
}
