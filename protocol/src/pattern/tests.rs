use super::*;
use proptest::prelude::*;

fn matches(pattern: &str, address: &str) -> bool {
    Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(address))
}

#[track_caller]
fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    for address in yes {
        assert!(matches(pattern, address), "{pattern} should match {address}");
    }
    for address in no {
        assert!(!matches(pattern, address), "{pattern} should not match {address}");
    }
}

#[test]
fn one_and_any() {
    check("/ch/?/fader", &["/ch/1/fader"], &["/ch/12/fader", "/ch//fader"]);
    check("/ch/*/fader", &["/ch/1/fader", "/ch/kick/fader"], &["/ch/1/eq/fader", "/ch/fader"]);
    check("/ch/*", &["/ch/1"], &["/ch/1/fader", "/ch", "/chan/1"]);
    check("/ch/k*k", &["/ch/kick", "/ch/kk"], &["/ch/k", "/ch/kicks"]);
    check("/*/1/*", &["/ch/1/pan", "/bus/1/mute"], &["/ch/2/pan"]);
    check("/ch/?", &["/ch/é"], &["/ch/éa"]);
}

#[test]
fn lists() {
    check("/ch/[1-3]", &["/ch/1", "/ch/2", "/ch/3"], &["/ch/4", "/ch/-", "/ch/12"]);
    check("/ch/[!1-3]", &["/ch/4", "/ch/!"], &["/ch/1", "/ch/"]);
    check("/ch/[abc]", &["/ch/b"], &["/ch/d"]);
    check("/[a-]", &["/a", "/-"], &["/b"]);
    check("/[-a]", &["/a", "/-"], &["/b"]);
    check("/[a!]", &["/a", "/!"], &["/b"]);
    check("/[!a-]", &["/b"], &["/a", "/-"]);
    check("/[a-c-e]", &["/b", "/-", "/e"], &["/d"]);
    check("/[c-a]", &[], &["/a", "/b", "/c", "/-"]);
    check("/[]", &[], &["/a", "/]"]);
    check("/[!]", &["/a"], &["/ab"]);
    check("/[é-ü]x", &["/öx"], &["/ax"]);
}

#[test]
fn choices() {
    check("/ch/{kick,snare}/mute", &["/ch/kick/mute", "/ch/snare/mute"], &["/ch/hat/mute"]);
    check("/{a,ab}{c,bc}", &["/ac", "/abc", "/abbc"], &["/a", "/abb"]);
    check("/ch{,annel}", &["/ch", "/channel"], &["/chan"]);
    check("/x{*,?}", &["/x*", "/x?"], &["/xa", "/x"]);
    check("/}],-!", &["/}],-!"], &["/}"]);
}

#[test]
fn runs_of_parts() {
    check("//fader", &["/fader", "/ch/1/fader"], &["/ch/1/fader/x", "/ch/1"]);
    check("/ch//gain", &["/ch/gain", "/ch/1/eq/2/gain"], &["/bus/1/eq/2/gain"]);
    check("/ch/1//", &["/ch/1", "/ch/1/eq/1/freq"], &["/ch/2"]);
    check("//", &["/a", "/a/b/c"], &[]);
    check("///a////b", &["/a/b", "/x/a/y/b"], &["/b/a"]);
    check("//a//a", &["/a/a", "/a/b/a", "/b/a/a"], &["/a", "/a/b"]);
}

#[test]
fn what_is_left_open_matches_nothing() {
    assert_eq!(Pattern::parse("/ch/[1-3/fader]"), Err(BadPattern::List));
    assert_eq!(Pattern::parse("/ch/{kick/fader"), Err(BadPattern::Choice));
    assert_eq!(Pattern::parse("/{a/b}"), Err(BadPattern::Choice));
    assert_eq!(Pattern::parse("ch/*"), Err(BadPattern::NoSlash));
    assert_eq!(Pattern::parse(""), Err(BadPattern::NoSlash));
    assert_eq!(Pattern::parse("/"), Err(BadPattern::Unfinished));
    assert_eq!(Pattern::parse("/ch/*/"), Err(BadPattern::Unfinished));
}

#[test]
fn size_is_bounded() {
    assert_eq!(Pattern::parse(&"/a".repeat(64)), Err(BadPattern::TooLong));
    assert_eq!(Pattern::parse(&format!("/{}", "a".repeat(1_024))), Err(BadPattern::TooLong));
    let full = "/a".repeat(63);
    check(&full, &[&full], &["/a"]);
    let alternating = "//*".repeat(31);
    check(&alternating, &[&full], &["/a"]);
}

#[test]
fn bombs_are_harmless() {
    let name = "a".repeat(4_000);
    check(&format!("/{}x", "*a".repeat(500)), &[], &[&format!("/{name}")]);
    check("/*****x", &["/x", "/aax"], &[&format!("/{name}")]);
    check(&format!("/{}x", "{a,aa,}".repeat(140)), &[], &[&format!("/{name}")]);
    check(&format!("{}/x", "//*".repeat(31)), &[], &[&"/a".repeat(4_000)]);
}

#[test]
fn names_longer_than_the_stack_buffer() {
    for length in [63, 64, 255, 256, 257, 1_000] {
        let name = format!("/{}z", "a".repeat(length - 1));
        check("/a*[x-z]", &[&name], &[&name[..length]]);
    }
}

#[test]
fn what_is_a_pattern() {
    for plain in ["/ch/1/fader", "/", "", "/a]b}", "/a,b", "/norm/ch/1"] {
        assert!(!is_pattern(plain), "{plain}");
    }
    for pattern in ["/ch/*", "/c?", "/[a]", "/{a}", "//fader", "/ch//", "//"] {
        assert!(is_pattern(pattern), "{pattern}");
    }
}

fn segment<'a>(names: &'a [&'a str]) -> Segment<'a> {
    Segment { names, guarded: names == ["meter"] }
}

#[test]
fn a_strip_matches_by_number_or_id() {
    let kick = [&["ch"][..], &["1", "kick"], &["fader"]].map(segment);
    for pattern in ["/ch/1/fader", "/ch/kick/fader", "/ch/k*/fader", "/ch/[1-3]/fader", "//fader"] {
        assert!(Pattern::parse(pattern).unwrap().matches_path(&kick), "{pattern}");
    }
    assert!(!Pattern::parse("/ch/2/fader").unwrap().matches_path(&kick));
}

#[test]
fn meters_are_reached_only_where_they_are_spelled() {
    let meter = [&["ch"][..], &["1", "meter-mic"], &["meter"], &["in"]].map(segment);
    for pattern in ["/ch/1/meter/in", "/ch/*/meter/*", "//meter/in", "//meter//", "/ch/1/{meter,eq}//"] {
        assert!(Pattern::parse(pattern).unwrap().matches_path(&meter), "{pattern}");
    }
    for pattern in ["//", "//in", "/ch/*/*/in", "/ch/1/m*/in", "/ch/1//", "/ch/1/[m]eter/in", "/meter//"] {
        assert!(!Pattern::parse(pattern).unwrap().matches_path(&meter), "{pattern}");
    }
    // The word elsewhere in the pattern does not open the door.
    let strip_called_meter =
        [&["ch"][..], &["2", "meter"], &["meter"], &["in"]].map(|names| Segment { names, guarded: names == ["meter"] });
    let pattern = Pattern::parse("/ch/meter//").unwrap();
    assert!(pattern.spells("meter"));
    assert!(!pattern.matches_path(&strip_called_meter));
}

#[test]
fn a_walk_ends_early() {
    let pattern = Pattern::parse("/ch/*/fader").unwrap();
    let bus = pattern.step(pattern.start(), segment(&["bus"]));
    assert!(bus.is_over());
    let ch = pattern.step(pattern.start(), segment(&["ch"]));
    assert!(!ch.is_over() && !pattern.accepts(ch));
    let below = [&["1"][..], &["fader"]].map(segment);
    let fader = below.iter().fold(ch, |walk, part| pattern.step(walk, *part));
    assert!(pattern.accepts(fader));
}

/// Backtracking by the letter of the specification: slow, and easy to read.
fn naive_part(pattern: &[char], name: &[char]) -> bool {
    let close = |bracket| pattern.iter().position(|&char| char == bracket);
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|skip| naive_part(rest, &name[skip..])),
        ['?', rest @ ..] => !name.is_empty() && naive_part(rest, &name[1..]),
        ['[', ..] => {
            let end = close(']').unwrap();
            let (negated, list) = match &pattern[1..end] {
                ['!', list @ ..] => (true, list),
                list => (false, list),
            };
            let Some(char) = name.first() else {
                return false;
            };
            let mut listed = false;
            let mut index = 0;
            while index < list.len() {
                if index + 2 < list.len() && list[index + 1] == '-' {
                    listed |= list[index] <= *char && *char <= list[index + 2];
                    index += 3;
                } else {
                    listed |= list[index] == *char;
                    index += 1;
                }
            }
            listed != negated && naive_part(&pattern[end + 1..], &name[1..])
        }
        ['{', ..] => {
            let end = close('}').unwrap();
            pattern[1..end]
                .split(|&char| char == ',')
                .any(|text| name.starts_with(text) && naive_part(&pattern[end + 1..], &name[text.len()..]))
        }
        [char, rest @ ..] => name.first() == Some(char) && naive_part(rest, &name[1..]),
    }
}

fn naive_path(steps: &[Option<Vec<char>>], path: &[Vec<char>]) -> bool {
    match steps {
        [] => path.is_empty(),
        [None, rest @ ..] => (0..=path.len()).any(|skip| naive_path(rest, &path[skip..])),
        [Some(part), rest @ ..] => !path.is_empty() && naive_part(part, &path[0]) && naive_path(rest, &path[1..]),
    }
}

fn part_text() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        "[ab]{1,2}",
        Just("*".to_string()),
        Just("?".to_string()),
        r"\[!?[abc!-]{0,4}\]",
        r"\{[ab]{0,2}(,[ab]{0,2}){0,2}\}",
        Just("é".to_string()),
    ];
    prop::collection::vec(token, 1..6).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_part_matches_as_the_specification_reads(part in part_text(), name in "[abcé!-]{0,6}") {
        let pattern: Vec<char> = part.chars().collect();
        let chars: Vec<char> = name.chars().collect();
        prop_assert_eq!(
            Part::parse(&part).unwrap().matches(&name),
            naive_part(&pattern, &chars)
        );
    }

    #[test]
    fn a_path_matches_as_the_specification_reads(
        steps in prop::collection::vec(prop::option::of("[ab*?]{1,2}"), 1..6),
        path in prop::collection::vec("[ab]{1,2}", 1..6),
    ) {
        let mut text = String::new();
        for step in &steps {
            match step {
                Some(part) if text.ends_with("//") => text.push_str(part),
                Some(part) => text.extend(["/", part]),
                None if text.ends_with("//") => {}
                None => text.push_str("//"),
            }
        }
        let steps: Vec<_> = steps.iter().map(|step| step.as_ref().map(|part| part.chars().collect())).collect();
        let parts: Vec<_> = path.iter().map(|name| name.chars().collect()).collect();
        prop_assert_eq!(
            matches(&text, &format!("/{}", path.join("/"))),
            naive_path(&steps, &parts),
            "{}", text
        );
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(pattern in "/?[ab/*?\\[\\]{},!é-]{0,30}|.*", address in ".*|/[ab/]*") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let _ = pattern.matches(&address);
            let _ = pattern.spells(&address);
        }
    }

    #[test]
    fn an_address_without_wildcards_matches_itself(address in "(/[a-z0-9-]{1,8}){1,8}") {
        prop_assert!(!is_pattern(&address));
        prop_assert!(matches(&address, &address));
        prop_assert!(matches("//", &address));
    }
}
