//! What keys do: an address of the tree, or a command.

use crate::midi::remote::Remote;
use crate::osc::encode::Arg;
use headroom_dsp::param::{Kind, Value};
use headroom_dsp::tree::ParamId;
use std::collections::BTreeMap;

/// What a key sends when it is pressed, as it stands in the rig.
///
/// | text | does |
/// | --- | --- |
/// | `/ch/1/mute` | a switch is turned over, its light shows it |
/// | `hold /talkback/on` | a switch is on while the key is held |
/// | `/main/fader -10` | a value is set |
/// | `/scene/recall "Song 1"` | a command is sent |
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    address: String,
    args: Vec<Arg>,
    hold: bool,
}

/// What keys do where the rig says nothing. An address that a rig does not have is a key that does nothing.
static DEFAULTS: &[(&str, &str)] = &[
    ("f1", "/mutegroup/1/mute"),
    ("f2", "/mutegroup/2/mute"),
    ("f3", "/mutegroup/3/mute"),
    ("f4", "/mutegroup/4/mute"),
    ("f5", "/mutegroup/5/mute"),
    ("f6", "/mutegroup/6/mute"),
    ("f7", "/mutegroup/7/mute"),
    ("f8", "/mutegroup/8/mute"),
    ("rewind", "/scene/previous"),
    ("fast_forward", "/scene/next"),
    ("play", "/scene/go"),
    ("record", "hold /talkback/on"),
    ("undo", "/undo"),
    ("cancel", "/redo"),
    ("drop", "/monitor/dim"),
    ("replace", "/monitor/mono"),
    ("click", "/tap"),
    ("user_switch_a", "/tap"),
    ("solo_global", "/solo/clear"),
];

/// The table of what keys do where the rig says nothing.
pub fn defaults() -> BTreeMap<String, Action> {
    DEFAULTS.iter().filter_map(|(key, text)| Some(((*key).to_owned(), Action::parse(text).ok()?))).collect()
}

impl Action {
    /// Reads the text of a rig.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Action, String> {
        let text = text.trim();
        let (hold, text) = match text.strip_prefix("hold ") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text),
        };
        let mut words = words(text)?.into_iter();
        let address = words.next().filter(|a| a.starts_with('/')).ok_or("expected an address, such as /scene/go")?;
        let args: Vec<Arg> = words.map(|word| argument(&word)).collect();
        if hold && !args.is_empty() {
            return Err("a key that holds a switch takes an address alone".into());
        }
        Ok(Action { address, args, hold })
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn param(&self, remote: &Remote) -> Option<ParamId> {
        remote.space().resolve(&self.address)
    }

    /// The key went down or up.
    pub fn pressed(&self, on: bool, remote: &mut Remote) {
        let param = self.param(remote);
        match param {
            Some(id) if self.hold => remote.hold(id, on),
            _ if !on => {}
            Some(id) if self.args.is_empty() => match remote.decl(id).kind {
                Kind::Bool { .. } if !remote.decl(id).trigger => remote.toggle(id),
                Kind::Bool { .. } => remote.set(id, &Value::Bool(true)),
                _ => remote.reset(id),
            },
            _ => remote.send(&self.address, &self.args),
        }
    }

    /// A control moved to a travel 0 … 1.
    pub fn moved(&self, travel: f64, remote: &mut Remote) {
        if let Some(id) = self.param(remote) {
            remote.set_norm(id, travel);
        }
    }

    /// Whether its light is on: what it turns over is on.
    pub fn is_lit(&self, remote: &Remote) -> bool {
        self.args.is_empty() && self.param(remote).is_some_and(|id| remote.is_on(id) && !remote.decl(id).trigger)
    }
}

/// Words between blanks; those with blanks in double quotes.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quotation mark is not closed")?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

fn argument(word: &str) -> Arg {
    match (word.parse::<i32>(), word.parse::<f32>()) {
        (Ok(i), _) => Arg::Int(i),
        (_, Ok(x)) if x.is_finite() => Arg::Float(x),
        _ => Arg::from(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::testing::{stage, wishes};

    #[test]
    fn a_switch_is_turned_over_and_a_command_is_sent() {
        let mut remote = stage();
        let press = |text: &str, on: bool, remote: &mut Remote| Action::parse(text).unwrap().pressed(on, remote);
        press("/ch/1/mute", true, &mut remote);
        press("/ch/1/mute", false, &mut remote);
        assert_eq!(wishes(&mut remote), [("/ch/1/mute".to_owned(), Some(1.0))]);
        assert!(Action::parse("/ch/1/mute").unwrap().is_lit(&remote));
        press("hold /ch/2/mute", true, &mut remote);
        press("hold /ch/2/mute", false, &mut remote);
        press("/main/fader -10", true, &mut remote);
        press("/scene/recall \"Song 1\"", true, &mut remote);
        let sent: Vec<String> = wishes(&mut remote).into_iter().map(|(address, _)| address).collect();
        assert_eq!(sent, ["/ch/2/mute", "/ch/2/mute", "/main/fader", "/scene/recall"]);
    }

    #[test]
    fn what_is_held_is_let_go_with_the_surface() {
        let mut remote = stage();
        let hold = Action::parse("hold /ch/2/mute").unwrap();
        hold.pressed(true, &mut remote);
        remote.let_go();
        assert_eq!(wishes(&mut remote).last(), Some(&("/ch/2/mute".to_owned(), Some(0.0))));
        hold.pressed(true, &mut remote);
        hold.pressed(false, &mut remote);
        remote.toggle(remote.space().resolve("/ch/2/mute").unwrap());
        remote.let_go();
        assert_eq!(wishes(&mut remote).last(), Some(&("/ch/2/mute".to_owned(), Some(1.0))));
    }

    #[test]
    fn mistakes_are_told() {
        assert!(Action::parse("").is_err());
        assert!(Action::parse("scene/go").is_err());
        assert!(Action::parse("/scene/recall \"one").is_err());
        assert!(Action::parse("hold /ch/1/mute on").is_err());
        assert_eq!(words("a \"b c\"  d").unwrap(), ["a", "b c", "d"]);
    }

    #[test]
    fn every_default_can_be_read() {
        assert_eq!(defaults().len(), DEFAULTS.len());
    }
}
