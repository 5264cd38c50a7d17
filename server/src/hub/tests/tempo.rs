//! Tempo, taps, and the notes that follow.

use super::bench::{Bench, SECOND, f};
use rosc::OscType;

const ECHO: &str = "tempo = 100\n[[bus]]\nname = \"e\"\nkind = \"fx\"\nchain = [\"echo\"]\necho.left = \"1/8\"\n[main]\n";

/// Milliseconds of an echo, by its travel.
fn ms(bench: &mut Bench, from: crate::hub::ClientId, side: &str) -> f32 {
    2000f32.powf(bench.number(from, &format!("/norm/bus/1/echo/{side}")))
}

#[test]
fn notes_follow_the_tempo_until_a_number_is_set() {
    let mut bench = Bench::of(ECHO);
    let one = bench.client(1);
    assert_eq!(bench.number(one, "/tempo"), 100.0);
    assert_eq!(bench.ask(one, "/bus/1/echo/left"), "1/8".into());
    assert!((ms(&mut bench, one, "left") - 300.0).abs() < 0.1);
    bench.send(one, "/bus/1/echo/right", &["1/4.".into()]);
    bench.send(one, "/tempo", &[f(60.0)]);
    assert_eq!(bench.ask(one, "/bus/1/echo/right"), "1/4.".into());
    assert!((ms(&mut bench, one, "left") - 500.0).abs() < 0.1);
    assert!((ms(&mut bench, one, "right") - 1500.0).abs() < 0.3);
    bench.send(one, "/bus/1/echo/left", &[f(123.0)]);
    bench.send(one, "/tempo", &[f(240.0)]);
    assert_eq!(bench.number(one, "/bus/1/echo/left"), 123.0);
    assert!((ms(&mut bench, one, "right") - 375.0).abs() < 0.1);
    // A note is none where a number is meant.
    bench.heard(one);
    bench.send(one, "/bus/1/echo/feedback", &["1/8".into()]);
    assert!(bench.heard(one).iter().any(|(address, _)| address == "/error"));
}

#[test]
fn taps_set_the_tempo_and_all_are_told() {
    let mut bench = Bench::of(ECHO);
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/tempo".into()]);
    for _ in 0..4 {
        bench.send(one, "/tap", &[]);
        bench.run(SECOND / 2);
    }
    let tempo = |bench: &mut Bench| bench.number(one, "/tempo");
    assert!((tempo(&mut bench) - 120.0).abs() < 1.0);
    let told = bench.heard(two).into_iter().rfind(|(address, _)| address == "/tempo").expect("it is told");
    assert!(matches!(told.1[..], [OscType::Float(x)] if (x - 120.0).abs() < 1.0));
    assert!((ms(&mut bench, one, "left") - 250.0).abs() < 3.0);
    // After a pause one tap says nothing; a button let go is none.
    bench.run(4 * SECOND);
    bench.send(one, "/tap", &[f(1.0)]);
    bench.send(one, "/tap", &[f(0.0)]);
    assert!((tempo(&mut bench) - 120.0).abs() < 1.0);
}

#[test]
fn a_rig_keeps_its_notes_and_tempo() {
    let rig = crate::rig::parse(ECHO, "echo.toml").expect("a rig");
    let text = crate::rig::emit::emit(&rig);
    assert!(text.contains("tempo = 100") && text.contains("\"1/8\""), "{text}");
    let again = crate::rig::parse(&text, "again.toml").expect("a rig");
    assert_eq!(rig.values, again.values);
    let wrong = ECHO.replace("1/8", "1/x");
    assert!(crate::rig::parse(&wrong, "wrong.toml").is_err());
    assert!(crate::rig::parse(&ECHO.replace("100", "1000"), "wrong.toml").is_err());
}
