//! Faders without motors: a value does not jump to where the fader happens to be.

/// A value that moves elsewhere by more than this is let go again.
const LOOSE: f64 = 1.0 / 127.0;
/// So near the fader counts as being there.
const NEAR: f64 = 0.5 / 127.0;

/// How an absolute control gets hold of its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does nothing until it reaches the value or crosses it.
    #[default]
    Pickup,
    /// It moves the value at once, faster or slower, so that both arrive at the end together.
    Scaled,
    /// The value jumps to it.
    Jump,
}

impl Mode {
    /// Its words in maps.
    pub const NAMES: &'static [&'static str] = &["pickup", "scaled", "jump"];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The mode of this word.
    pub fn named(name: &str) -> Option<Mode> {
        match name {
            "pickup" => Some(Mode::Pickup),
            "scaled" => Some(Mode::Scaled),
            "jump" => Some(Mode::Jump),
            _ => None,
        }
    }
}

/// One control on one parameter. Positions and values are travel 0 … 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Takeover {
    /// Where the control was last.
    at: Option<f64>,
    /// What it set last, while it has hold of the value.
    held: Option<f64>,
}

impl Takeover {
    /// The control moved to `position` while the value is `value`; what the value becomes, if anything.
    pub fn moved(&mut self, mode: Mode, position: f64, value: f64) -> Option<f64> {
        let before = self.at.replace(position);
        let has_hold = self.held.is_some_and(|held| (held - value).abs() <= LOOSE);
        let crosses = before.is_some_and(|before| (before - value) * (position - value) <= 0.0);
        let near = mode == Mode::Pickup && (position - value).abs() <= NEAR;
        let set = match mode {
            _ if mode == Mode::Jump || has_hold || crosses || near => Some(position),
            Mode::Scaled => before.map(|before| scaled(before, position, value)),
            _ => None,
        };
        // While it is scaled the control has no hold: the next move is scaled too.
        self.held = set.filter(|set| *set == position);
        set
    }

    /// The control means another parameter now; where it stands is still known.
    pub fn let_go(&mut self) {
        self.held = None;
    }
}

/// What is left of the way is divided as the control divides its own.
fn scaled(before: f64, position: f64, value: f64) -> f64 {
    let step = position - before;
    let (room, way) = if step > 0.0 { (1.0 - value, 1.0 - before) } else { (value, before) };
    let value = if way <= 0.0 { position } else { value + step * room / way };
    value.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pickup_waits_until_the_value_is_reached() {
        let mut fader = Takeover::default();
        assert_eq!(fader.moved(Mode::Pickup, 0.1, 0.75), None);
        assert_eq!(fader.moved(Mode::Pickup, 0.5, 0.75), None);
        assert_eq!(fader.moved(Mode::Pickup, 0.9, 0.75), Some(0.9), "a fast move skips the value itself");
        assert_eq!(fader.moved(Mode::Pickup, 0.2, 0.9), Some(0.2));
        // Someone else moved it.
        assert_eq!(fader.moved(Mode::Pickup, 0.19, 0.6), None);
        assert_eq!(fader.moved(Mode::Pickup, 0.599, 0.6), Some(0.599), "near enough");
    }

    #[test]
    fn the_first_message_tells_where_the_fader_is_and_sets_nothing() {
        assert_eq!(Takeover::default().moved(Mode::Pickup, 0.0, 0.75), None);
        assert_eq!(Takeover::default().moved(Mode::Scaled, 0.0, 0.75), None);
        assert_eq!(Takeover::default().moved(Mode::Jump, 0.0, 0.75), Some(0.0));
    }

    #[test]
    fn scaled_meets_at_the_end() {
        let (mut fader, mut value) = (Takeover::default(), 0.5);
        fader.moved(Mode::Scaled, 0.2, value);
        let mut last = value;
        for step in 21..=100 {
            let position = f64::from(step) / 100.0;
            value = fader.moved(Mode::Scaled, position, value).expect("it moves at once");
            assert!(value >= last && value - last < 0.02, "{last} to {value}");
            last = value;
        }
        assert!((value - 1.0).abs() < 1e-9, "{value}");
    }

    #[test]
    fn a_page_lets_go() {
        let mut fader = Takeover::default();
        fader.moved(Mode::Pickup, 0.5, 0.5);
        assert_eq!(fader.moved(Mode::Pickup, 0.6, 0.5), Some(0.6));
        fader.let_go();
        assert_eq!(fader.moved(Mode::Pickup, 0.65, 0.2), None);
    }
}
