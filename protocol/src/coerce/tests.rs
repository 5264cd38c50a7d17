use super::*;
use proptest::prelude::*;

const FADER: Decl = Decl::level("fader", 0.0, "");
const FREQ: Decl = Decl::log("freq", Unit::Hz, 20.0, 20000.0, 80.0, "");
const DELAY: Decl = Decl::float("delay", Unit::Ms, 0.0, 1000.0, 0.0, "");
const SLOPE: Decl = Decl::steps("slope", Unit::DbOct, &[6, 12, 18, 24], 12, "");
const BITS: Decl = Decl::steps("bits", Unit::Bits, &[16, 24], 16, "");
const VOICES: Decl = Decl::int("voices", Unit::None, 1, 4, 2, "");
const MUTE: Decl = Decl::bool("mute", false, "");
const TAP: Decl = Decl::names("tap", &["input", "pre", "post"], "");
const NAME: Decl = Decl::text("name", "", "");
const METER: Decl = Decl::float("meter/in", Unit::Dbfs, -144.0, 60.0, -144.0, "").meter();
const FAULT: Decl = Decl::int("fault", Unit::None, 0, i64::MAX, 0, "").read_only();
const ALL: [Decl; 11] = [FADER, FREQ, DELAY, SLOPE, BITS, VOICES, MUTE, TAP, NAME, METER, FAULT];

#[track_caller]
fn holds(decl: &Decl, arg: Arg, value: Value) {
    assert_eq!(plain(decl, [arg], 48000.0), Ok(Coerced { value, clamped: false }));
}

#[track_caller]
fn clamps(decl: &Decl, arg: Arg, value: Value) {
    assert_eq!(plain(decl, [arg], 48000.0), Ok(Coerced { value, clamped: true }));
}

#[track_caller]
fn refuses(decl: &Decl, args: &[Arg], reason: &str) {
    let refused = plain(decl, args.iter().copied(), 48000.0).unwrap_err();
    assert!(refused.reason.contains(reason), "{refused}");
}

#[test]
fn a_fader_takes_whatever_an_app_sends() {
    for arg in [Arg::Int(-6), Arg::Float(-6.0), Arg::Double(-6.0), Arg::Long(-6), Arg::Str("-6 dB"), Arg::Symbol("-6")] {
        holds(&FADER, arg, Value::Float(-6.0));
    }
    for off in ["off", "-inf", "-oo"] {
        holds(&FADER, Arg::Str(off), Value::Float(-144.0));
    }
    holds(&FADER, Arg::Float(-100.0), Value::Float(-144.0));
    holds(&FREQ, Arg::Str("1.2k"), Value::Float(1200.0));
    // Not quantised: the float sent is the float held.
    holds(&FADER, Arg::Float(-6.1), Value::Float(f64::from(-6.1f32)));
}

#[test]
fn past_a_limit_the_limit_holds_and_the_sender_is_told() {
    clamps(&FADER, Arg::Float(12.0), Value::Float(10.0));
    clamps(&FADER, Arg::Float(-200.0), Value::Float(-144.0));
    clamps(&FREQ, Arg::Int(5), Value::Float(20.0));
    clamps(&FREQ, Arg::Str("30 kHz"), Value::Float(20000.0));
    clamps(&VOICES, Arg::Int(9), Value::Int(4));
    clamps(&SLOPE, Arg::Float(48.0), Value::Int(24));
    clamps(&FADER, Arg::Double(1e300), Value::Float(10.0));
}

#[test]
fn discrete_numbers_go_to_the_nearest_allowed() {
    holds(&SLOPE, Arg::Float(16.0), Value::Int(18));
    holds(&SLOPE, Arg::Str("13"), Value::Int(12));
    holds(&BITS, Arg::Int(23), Value::Int(24));
    holds(&VOICES, Arg::Float(2.6), Value::Int(3));
}

#[test]
fn a_switch_takes_numbers_words_and_t_f() {
    for arg in [Arg::Int(1), Arg::Float(0.5), Arg::Double(7.0), Arg::Bool(true), Arg::Str("on"), Arg::Str("YES"), Arg::Str("T")] {
        holds(&MUTE, arg, Value::Bool(true));
    }
    for arg in [Arg::Int(0), Arg::Float(0.49), Arg::Int(-1), Arg::Bool(false), Arg::Str("off"), Arg::Str("no"), Arg::Str("false")]
    {
        holds(&MUTE, arg, Value::Bool(false));
    }
    refuses(&FADER, &[Arg::Bool(true)], "expected a number");
}

#[test]
fn names_come_by_name_or_index() {
    for arg in [Arg::Str("post"), Arg::Str("Post"), Arg::Int(2), Arg::Float(1.6), Arg::Str("2")] {
        holds(&TAP, arg, Value::Int(2));
    }
    holds(&TAP, Arg::Float(-0.4), Value::Int(0));
    for arg in [Arg::Int(3), Arg::Int(-1), Arg::Float(2.5), Arg::Str("side"), Arg::Str("3")] {
        refuses(&TAP, &[arg], "input, pre, post");
    }
}

#[test]
fn times_in_frames_follow_the_rate() {
    let frames = plain(&DELAY, [Arg::Str("441 frames")], 44100.0).unwrap();
    assert_eq!(frames.value, Value::Float(10.0));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        refuses(&FADER, &[Arg::Float(x)], "finite");
        refuses(&MUTE, &[Arg::Float(x)], "finite");
        assert!(norm(&FADER, [Arg::Float(x)]).is_err());
    }
    refuses(&FADER, &[Arg::Str("loud")], "loud");
    refuses(&FADER, &[Arg::Str(&"9".repeat(1000))], "expected a number");
    refuses(&FADER, &[], "no value");
    refuses(&FADER, &[Arg::Float(0.0), Arg::Float(1.0)], "more than one");
    refuses(&FADER, &[Arg::ArrayOpen, Arg::Float(0.0), Arg::ArrayClose], "array");
    for arg in [Arg::Nil, Arg::Infinitum, Arg::Blob(b"x"), Arg::Unknown(b'?'), Arg::Midi([0; 4])] {
        refuses(&FADER, &[arg], "expected a number");
    }
    refuses(&NAME, &[Arg::Int(5)], "expected text");
    refuses(&NAME, &[Arg::Str(&"a".repeat(256))], "255");
    refuses(&METER, &[Arg::Float(0.0)], "read only");
    refuses(&FAULT, &[Arg::Int(0)], "read only");
}

#[test]
fn travel_is_held_between_0_and_1() {
    let to = |decl: &Decl, arg| norm(decl, [arg]);
    assert_eq!(to(&FADER, Arg::Float(0.75)), Ok(Coerced { value: Value::Float(0.0), clamped: false }));
    assert_eq!(to(&FADER, Arg::Int(2)), Ok(Coerced { value: Value::Float(10.0), clamped: true }));
    assert_eq!(to(&FADER, Arg::Str("0.75")), Ok(Coerced { value: Value::Float(0.0), clamped: false }));
    assert_eq!(to(&TAP, Arg::Float(0.5)), Ok(Coerced { value: Value::Int(1), clamped: false }));
    assert_eq!(to(&MUTE, Arg::Bool(true)), Ok(Coerced { value: Value::Bool(true), clamped: false }));
    assert!(to(&NAME, Arg::Float(0.5)).is_err());
    assert!(to(&FADER, Arg::Bool(true)).is_err());
    assert!(to(&METER, Arg::Float(0.5)).is_err());
}

#[test]
fn answers_carry_the_types_of_the_contract() {
    use encode::Arg as Out;
    assert_eq!(answer(&FADER, &Value::Float(-144.0)), Out::Float(-144.0));
    assert_eq!(answer(&VOICES, &Value::Int(3)), Out::Int(3));
    assert_eq!(answer(&BITS, &Value::Int(24)), Out::Int(24));
    assert_eq!(answer(&SLOPE, &Value::Int(12)), Out::Float(12.0));
    assert_eq!(answer(&MUTE, &Value::Bool(true)), Out::Int(1));
    assert_eq!(answer(&TAP, &Value::Int(2)), Out::String("post".into()));
    assert_eq!(answer(&NAME, &Value::Text("Kick".into())), Out::String("Kick".into()));
    assert_eq!(answer(&FAULT, &Value::Int(i64::MAX)), Out::Int(i32::MAX));
    assert_eq!(answer_norm(&FADER, &Value::Float(0.0)), Out::Float(0.75));
    assert_eq!(answer_norm(&FAULT, &Value::Int(7)), Out::Float(0.0));
}

fn any_arg() -> impl Strategy<Value = Arg<'static>> {
    static TEXTS: [&str; 11] = ["on", "-6 dB", "1.2k", "post", "", "-oo", "nan", "1e400", "480 frames", "é", "2"];
    prop_oneof![
        any::<i32>().prop_map(Arg::Int),
        any::<u32>().prop_map(|bits| Arg::Float(f32::from_bits(bits))),
        any::<u64>().prop_map(|bits| Arg::Double(f64::from_bits(bits))),
        any::<i64>().prop_map(Arg::Long),
        any::<bool>().prop_map(Arg::Bool),
        prop::sample::select(&TEXTS[..]).prop_map(Arg::Str),
        Just(Arg::Nil),
        Just(Arg::ArrayOpen),
        Just(Arg::Unknown(b'x')),
    ]
}

proptest! {
    #[test]
    fn no_argument_panics_and_what_is_taken_is_within_the_limits(
        decl in prop::sample::select(&ALL[..]),
        args in prop::collection::vec(any_arg(), 0..3),
    ) {
        for got in [plain(&decl, args.iter().copied(), 48000.0), norm(&decl, args.iter().copied())] {
            let Ok(Coerced { value, clamped }) = got else { continue };
            prop_assert_eq!(decl.clamp(&value), value.clone());
            prop_assert!(args.len() == 1 && decl.access == Access::Write);
            let text = matches!(decl.kind, Kind::Text { .. });
            prop_assert!(!clamped || !text);
            let _ = (answer(&decl, &value), answer_norm(&decl, &value));
        }
    }
}
