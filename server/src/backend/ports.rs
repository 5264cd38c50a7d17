//! The ports that the rig asks for: their indices, and which ports of the server their patterns mean.

/// Which way audio runs through a port, seen from the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Into the console.
    In,
    /// Out of the console.
    Out,
}

/// What runs through a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// Sound.
    Audio,
    /// MIDI, on this line of [`super::midi`].
    Midi(usize),
}

/// A port that the rig asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    /// The short name: `in-kick`, `out-main-l`.
    pub name: String,
    /// What to connect it to: a port's full name, `capture:N` or `playback:N` for the n-th physical port, or a
    /// glob with `*` and `?` over both kinds of name. Empty: registered and left alone.
    pub connect: Vec<String>,
    /// Which way it runs.
    pub direction: Direction,
    /// What runs through it.
    pub medium: Medium,
}

impl PortSpec {
    /// An input port, to be fed from what `connect` names.
    pub fn input(name: impl Into<String>, connect: &[&str]) -> Self {
        Self::new(name, connect, Direction::In)
    }

    /// An output port, to feed what `connect` names.
    pub fn output(name: impl Into<String>, connect: &[&str]) -> Self {
        Self::new(name, connect, Direction::Out)
    }

    fn new(name: impl Into<String>, connect: &[&str], direction: Direction) -> Self {
        PortSpec { name: name.into(), connect: connect.iter().map(|s| s.to_string()).collect(), direction, medium: Medium::Audio }
    }

    /// The two MIDI ports of a surface, by the slug of its port's name, on a line.
    pub fn midi(slug: &str, connect: &str, line: usize) -> [Self; 2] {
        let port = |suffix, direction| PortSpec {
            medium: Medium::Midi(line),
            ..Self::new(format!("midi-{slug}-{suffix}"), &[connect], direction)
        };
        [port("in", Direction::In), port("out", Direction::Out)]
    }
}

/// The wanted ports by index. Indices are stable: a port keeps its own as long as it is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    slots: Vec<Option<Planned>>,
}

#[derive(Clone, Debug)]
struct Planned {
    spec: PortSpec,
    /// False from the reload that left it out until it is retired.
    listed: bool,
}

impl Plan {
    pub(crate) fn new(ports: Vec<PortSpec>) -> Self {
        Plan { slots: ports.into_iter().map(|spec| Some(Planned { spec, listed: true })).collect() }
    }

    /// Take a new list; the index of each of its ports, in its order.
    pub(crate) fn replace(&mut self, ports: Vec<PortSpec>) -> Vec<usize> {
        for planned in self.slots.iter_mut().flatten() {
            planned.listed = false;
        }
        ports.into_iter().map(|spec| self.place(spec)).collect()
    }

    fn place(&mut self, spec: PortSpec) -> usize {
        let same = |s: &Option<Planned>| {
            s.as_ref()
                .is_some_and(|p| p.spec.name == spec.name && p.spec.direction == spec.direction && p.spec.medium == spec.medium)
        };
        let index = self.slots.iter().position(same).or_else(|| self.slots.iter().position(Option::is_none));
        let index = index.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[index] = Some(Planned { spec, listed: true });
        index
    }

    /// Forget the ports that the last list left out.
    pub(crate) fn retire(&mut self) {
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|p| !p.listed) {
                *slot = None;
            }
        }
    }

    /// One past the highest index.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&PortSpec> {
        self.slots.get(index)?.as_ref().map(|p| &p.spec)
    }

    /// Index and port, inputs first: the order in which they are registered.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (usize, &PortSpec)> {
        let all = || (0..self.len()).filter_map(|i| self.get(i).map(|s| (i, s)));
        all().filter(|(_, s)| s.direction == Direction::In).chain(all().filter(|(_, s)| s.direction == Direction::Out))
    }
}

/// A port of the server that one of ours could be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) physical: bool,
}

/// The candidates that a pattern of the rig means, in the server's order. `ours` is our client's name: a glob
/// never connects the console to itself, though a full name may.
pub(crate) fn resolve<'a>(pattern: &str, direction: Direction, candidates: &'a [Candidate], ours: &str) -> Vec<&'a str> {
    if let Some(exact) = candidates.iter().find(|c| c.name == pattern) {
        return vec![&exact.name];
    }
    let prefix = match direction {
        Direction::In => "capture:",
        Direction::Out => "playback:",
    };
    let physical = candidates.iter().filter(|c| c.physical);
    if let Some(number) = pattern.strip_prefix(prefix).and_then(|n| n.parse::<usize>().ok()) {
        return number.checked_sub(1).and_then(|n| physical.clone().nth(n)).map(|c| c.name.as_str()).into_iter().collect();
    }
    if !pattern.contains(['*', '?']) {
        return Vec::new();
    }
    let mut numbered = 0;
    candidates
        .iter()
        .filter(|c| {
            numbered += usize::from(c.physical);
            let own = c.name.strip_prefix(ours).is_some_and(|rest| rest.starts_with(':'));
            !own && (glob(pattern, &c.name) || c.physical && glob(pattern, &format!("{prefix}{numbered}")))
        })
        .map(|c| c.name.as_str())
        .collect()
}

/// A MIDI port of the server, and its other names: those of the device behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MidiCandidate {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
}

/// The first candidate that a surface's `port` means: a full name, a glob, or a part of a name, capital or not. One that
/// another surface of the rig means by a longer text is not meant: `X-Touch` beside `X-Touch-Ext`.
pub(crate) fn resolve_midi<'a>(pattern: &str, all: &[&str], candidates: &'a [MidiCandidate], ours: &str) -> Option<&'a str> {
    let like = |pattern: &str, name: &str| match pattern.contains(['*', '?']) {
        true => glob(&pattern.to_lowercase(), &name.to_lowercase()),
        false => name.to_lowercase().contains(&pattern.to_lowercase()),
    };
    let better = |name: &str| all.iter().any(|other| other.len() > pattern.len() && like(other, name));
    let fits = |name: &str| like(pattern, name) && !better(name);
    let own = |name: &str| name.strip_prefix(ours).is_some_and(|rest| rest.starts_with(':'));
    let exact = candidates.iter().find(|c| c.name == pattern);
    let first = || candidates.iter().find(|c| !own(&c.name) && (fits(&c.name) || c.aliases.iter().any(|a| fits(a))));
    exact.or_else(first).map(|c| c.name.as_str())
}

/// Whether `text` matches `pattern`, where `*` stands for any run of characters and `?` for any one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go back to: the last star, and the first character that it has not swallowed yet.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Vec<Candidate> {
        [
            ("system:capture_1", true),
            ("system:capture_2", true),
            ("synth:out_l", false),
            ("headroom:out-main-l", false),
            ("usb:mic", true),
        ]
        .map(|(name, physical)| Candidate { name: name.into(), physical })
        .to_vec()
    }

    fn inputs(pattern: &str) -> Vec<String> {
        resolve(pattern, Direction::In, &server(), "headroom").into_iter().map(String::from).collect()
    }

    #[test]
    fn the_nth_physical_port_counts_over_all_cards() {
        assert_eq!(inputs("capture:2"), ["system:capture_2"]);
        assert_eq!(inputs("capture:3"), ["usb:mic"]);
        assert!(inputs("capture:4").is_empty());
        assert!(inputs("capture:0").is_empty());
        assert!(inputs("playback:1").is_empty());
    }

    #[test]
    fn a_full_name_means_that_port_even_our_own() {
        assert_eq!(inputs("synth:out_l"), ["synth:out_l"]);
        assert_eq!(inputs("headroom:out-main-l"), ["headroom:out-main-l"]);
        assert!(inputs("synth:out").is_empty());
    }

    #[test]
    fn a_glob_means_all_that_match_but_never_ourselves() {
        assert_eq!(inputs("system:*"), ["system:capture_1", "system:capture_2"]);
        assert_eq!(inputs("capture:*"), ["system:capture_1", "system:capture_2", "usb:mic"]);
        assert_eq!(inputs("*:out*"), ["synth:out_l"]);
        assert_eq!(inputs("capture:?").len(), 3);
    }

    #[test]
    fn a_surface_is_found_by_a_part_of_its_name_or_of_its_device() {
        let port = |name: &str, alias: &str| MidiCandidate { name: name.into(), aliases: vec![alias.into()] };
        let ports = [
            port("headroom:midi-x-touch-out", ""),
            port("X-Touch-Ext:out", ""),
            port("a2j:Midi Through [14] (capture): Port-0", ""),
            port("a2j:X-TOUCH [20] (capture): X-TOUCH MIDI 1", ""),
            port("a2j:X-TOUCH [20] (capture): X-TOUCH MIDI 2", ""),
            port("system:midi_capture_1", "alsa_pcm:nanoKONTROL2/midi_capture_1"),
        ];
        let found = |pattern| resolve_midi(pattern, &["X-Touch", "X-Touch-Ext"], &ports, "headroom");
        assert_eq!(found("X-Touch"), Some("a2j:X-TOUCH [20] (capture): X-TOUCH MIDI 1"));
        assert_eq!(found("*x-touch midi 2"), Some("a2j:X-TOUCH [20] (capture): X-TOUCH MIDI 2"));
        assert_eq!(found("nanoKONTROL2"), Some("system:midi_capture_1"));
        assert_eq!(found("X-Touch-Ext"), Some("X-Touch-Ext:out"));
        assert_eq!(found("BCF2000"), None);
    }

    #[test]
    fn globs_backtrack() {
        assert!(glob("*ab*ab", "xabyabab"));
        assert!(!glob("a?c", "ac"));
        assert!(glob("**", ""));
        assert!(!glob("", "a"));
    }

    #[test]
    fn a_reload_keeps_the_index_of_every_port_that_stays() {
        let mut plan = Plan::new(vec![PortSpec::input("in-kick", &[]), PortSpec::output("out-main-l", &[])]);
        let again = plan.replace(vec![PortSpec::input("in-snare", &[]), PortSpec::output("out-main-l", &["playback:1"])]);
        assert_eq!(again, [2, 1], "the kick's place is not free while the old schedule runs");
        assert_eq!(plan.get(0).map(|s| s.name.as_str()), Some("in-kick"));
        assert_eq!(plan.get(1).map(|s| s.connect.len()), Some(1));
        plan.retire();
        assert!(plan.get(0).is_none());
        let more = plan.replace(vec![
            PortSpec::input("in-snare", &[]),
            PortSpec::input("in-hat", &[]),
            PortSpec::output("out-main-l", &[]),
        ]);
        assert_eq!(more, [2, 0, 1]);
    }

    #[test]
    fn inputs_are_registered_first_in_file_order() {
        let plan =
            Plan::new(vec![PortSpec::output("out-main-l", &[]), PortSpec::input("in-b", &[]), PortSpec::input("in-a", &[])]);
        let order: Vec<usize> = plan.in_order().map(|(i, _)| i).collect();
        assert_eq!(order, [1, 2, 0]);
    }
}
