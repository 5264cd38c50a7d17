//! The keys of a Mackie Control and what its units differ in: all of it data.

use crate::midi::panel::STRIPS;

/// Note and name of each key; its light has the same note.
pub static KEYS: &[(u8, &str)] = &[
    (0x28, "assign_track"),
    (0x29, "assign_send"),
    (0x2A, "assign_pan"),
    (0x2B, "assign_plugin"),
    (0x2C, "assign_eq"),
    (0x2D, "assign_instrument"),
    (0x2E, "bank_left"),
    (0x2F, "bank_right"),
    (0x30, "channel_left"),
    (0x31, "channel_right"),
    (0x32, "flip"),
    (0x33, "global_view"),
    (0x34, "name_value"),
    (0x35, "smpte_beats"),
    (0x36, "f1"),
    (0x37, "f2"),
    (0x38, "f3"),
    (0x39, "f4"),
    (0x3A, "f5"),
    (0x3B, "f6"),
    (0x3C, "f7"),
    (0x3D, "f8"),
    (0x3E, "view_midi_tracks"),
    (0x3F, "view_inputs"),
    (0x40, "view_audio_tracks"),
    (0x41, "view_audio_instruments"),
    (0x42, "view_aux"),
    (0x43, "view_busses"),
    (0x44, "view_outputs"),
    (0x45, "view_user"),
    (0x46, "shift"),
    (0x47, "option"),
    (0x48, "control"),
    (0x49, "cmd_alt"),
    (0x4A, "auto_read_off"),
    (0x4B, "auto_write"),
    (0x4C, "auto_trim"),
    (0x4D, "auto_touch"),
    (0x4E, "auto_latch"),
    (0x4F, "auto_group"),
    (0x50, "save"),
    (0x51, "undo"),
    (0x52, "cancel"),
    (0x53, "enter"),
    (0x54, "marker"),
    (0x55, "nudge"),
    (0x56, "cycle"),
    (0x57, "drop"),
    (0x58, "replace"),
    (0x59, "click"),
    (0x5A, "solo_global"),
    (0x5B, "rewind"),
    (0x5C, "fast_forward"),
    (0x5D, "stop"),
    (0x5E, "play"),
    (0x5F, "record"),
    (0x60, "cursor_up"),
    (0x61, "cursor_down"),
    (0x62, "cursor_left"),
    (0x63, "cursor_right"),
    (0x64, "zoom"),
    (0x65, "scrub"),
    (0x66, "user_switch_a"),
    (0x67, "user_switch_b"),
];

/// Lights without a key.
pub static LIGHTS: &[(u8, &str)] = &[(0x71, "led_smpte"), (0x72, "led_beats"), (0x73, "led_rude_solo")];

/// Notes of the strips' buttons, of the first strip: rec, solo, mute, select, encoder.
pub(super) const REC: u8 = 0x00;
pub(super) const SOLO: u8 = 0x08;
pub(super) const MUTE: u8 = 0x10;
pub(super) const SELECT: u8 = 0x18;
pub(super) const PUSH: u8 = 0x20;
/// Notes of the faders' touch, the master's last.
pub(super) const TOUCH: u8 = 0x68;

/// The name of a key as the table holds it.
pub fn key(name: &str) -> Option<&'static str> {
    KEYS.iter().find(|(_, key)| *key == name).map(|(_, key)| *key)
}

/// The key of a note.
pub(super) fn of_note(note: u8) -> Option<&'static str> {
    KEYS.iter().find(|(n, _)| *n == note).map(|(_, key)| *key)
}

/// Whether a name belongs to a key that the rig can give a meaning to; `pedal` is one too.
pub fn is_key(name: &str) -> bool {
    name == "pedal" || key(name).is_some()
}

/// How a unit shows the colours of strips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Not at all.
    None,
    /// Eight colours, behind the LCD (X-Touch).
    XTouch,
    /// Red, green and blue of 7 bits (iCON).
    Icon,
}

/// What a kind of unit has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// What its port names contain; the first that fits counts.
    pub name: &'static str,
    /// Device id until it says another.
    pub id: u8,
    /// Faders feel a hand.
    pub touch: bool,
    /// Faders have motors.
    pub motors: bool,
    /// It has a text display.
    pub lcd: bool,
    /// It has level meters.
    pub meters: bool,
    /// Lights can blink.
    pub blink: bool,
    /// Colours of its strips.
    pub colours: Colours,
    /// Strips that it has; one of a single strip has no master fader, and its strip follows the selection.
    pub strips: usize,
}

const MCU: Device = Device {
    name: "",
    id: 0x14,
    touch: true,
    motors: true,
    lcd: true,
    meters: true,
    blink: true,
    colours: Colours::None,
    strips: STRIPS,
};

/// Units that differ from the first of their kind.
pub static DEVICES: &[Device] = &[
    Device { name: "X-Touch Mini", touch: false, motors: false, lcd: false, meters: false, ..MCU },
    Device { name: "X-Touch Compact", lcd: false, meters: false, ..MCU },
    Device { name: "X-Touch One", strips: 1, colours: Colours::XTouch, ..MCU },
    Device { name: "X-Touch Ext", id: 0x15, colours: Colours::XTouch, ..MCU },
    Device { name: "X-Touch", colours: Colours::XTouch, ..MCU },
    Device { name: "BCF2000", touch: false, lcd: false, meters: false, ..MCU },
    Device { name: "QCon", blink: false, ..MCU },
    Device { name: "iCON P1", blink: false, colours: Colours::Icon, ..MCU },
    Device { name: "V1-M", blink: false, colours: Colours::Icon, ..MCU },
    Device { name: "Platform", blink: false, ..MCU },
    Device { name: "TouchDAW", touch: false, ..MCU },
    Device { name: "MCU XT", id: 0x15, ..MCU },
    MCU,
];

impl Device {
    /// The device behind a port of this name.
    pub fn of_port(port: &str) -> Device {
        let plain = |name: &str| name.to_lowercase().replace(['-', '_'], " ");
        let port = plain(port);
        DEVICES.iter().copied().find(|d| port.contains(&plain(d.name))).unwrap_or(MCU)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_once_and_touch_nothing_else() {
        for (at, (note, name)) in KEYS.iter().enumerate() {
            assert!(KEYS[..at].iter().all(|(n, k)| n != note && k != name), "{name}");
            assert!((0x28..0x68).contains(note), "{name}");
        }
        assert_eq!(KEYS.len(), 64, "a Mackie Control has no gaps");
    }

    #[test]
    fn a_device_is_known_by_its_port() {
        assert_eq!(Device::of_port("a2j:X-Touch [20] (capture): X-Touch MIDI 1").colours, Colours::XTouch);
        assert!(!Device::of_port("X-TOUCH MINI").motors);
        assert_eq!(Device::of_port("x-touch-ext").id, 0x15);
        assert!(!Device::of_port("BCF2000 MIDI 1").touch);
        assert_eq!(Device::of_port("X-Touch One MIDI 1").strips, 1);
        assert_eq!(Device::of_port("some port"), MCU);
    }
}
