//! The switches of a HUI: zone and port of each, and which key of a mixing surface it is.

/// Zone, port, and the key; lights stand at the same place.
pub static KEYS: &[(u8, u8, &str)] = &[
    (0x08, 0, "control"),
    (0x08, 1, "shift"),
    (0x08, 3, "undo"),
    (0x08, 4, "cmd_alt"),
    (0x08, 5, "option"),
    (0x08, 7, "save"),
    (0x09, 0, "global_view"),
    (0x09, 1, "assign_eq"),
    (0x09, 2, "view_audio_tracks"),
    (0x09, 3, "marker"),
    (0x09, 4, "view_midi_tracks"),
    (0x09, 5, "view_user"),
    (0x0A, 0, "channel_left"),
    (0x0A, 1, "bank_left"),
    (0x0A, 2, "channel_right"),
    (0x0A, 3, "bank_right"),
    (0x0B, 0, "view_outputs"),
    (0x0B, 1, "view_inputs"),
    (0x0B, 2, "assign_pan"),
    (0x0B, 3, "view_busses"),
    (0x0B, 4, "view_aux"),
    (0x0B, 5, "view_audio_instruments"),
    (0x0B, 6, "assign_track"),
    (0x0B, 7, "assign_send"),
    (0x0C, 0, "assign_plugin"),
    (0x0C, 1, "flip"),
    (0x0C, 2, "name_value"),
    (0x0C, 4, "solo_global"),
    (0x0C, 5, "assign_instrument"),
    (0x0D, 0, "cursor_down"),
    (0x0D, 1, "cursor_left"),
    (0x0D, 2, "zoom"),
    (0x0D, 3, "cursor_right"),
    (0x0D, 4, "cursor_up"),
    (0x0D, 5, "scrub"),
    (0x0E, 0, "drop"),
    (0x0E, 1, "rewind"),
    (0x0E, 2, "fast_forward"),
    (0x0E, 3, "stop"),
    (0x0E, 4, "play"),
    (0x0E, 5, "record"),
    (0x0F, 0, "cancel"),
    (0x0F, 1, "enter"),
    (0x0F, 2, "replace"),
    (0x0F, 3, "cycle"),
    (0x0F, 4, "click"),
    (0x11, 0, "smpte_beats"),
    (0x16, 0, "led_smpte"),
    (0x16, 2, "led_beats"),
    (0x16, 3, "led_rude_solo"),
    (0x1B, 0, "f1"),
    (0x1B, 1, "f2"),
    (0x1B, 2, "f3"),
    (0x1B, 3, "f4"),
    (0x1B, 4, "f5"),
    (0x1B, 5, "f6"),
    (0x1B, 6, "f7"),
    (0x1B, 7, "f8"),
    (0x1D, 0, "user_switch_a"),
    (0x1D, 1, "user_switch_b"),
];

/// Ports of a strip's zone.
pub(super) const TOUCH: u8 = 0;
pub(super) const SELECT: u8 = 1;
pub(super) const MUTE: u8 = 2;
pub(super) const SOLO: u8 = 3;
pub(super) const PUSH: u8 = 5;
pub(super) const REC: u8 = 7;

/// The key at a place.
pub(super) fn key(zone: u8, port: u8) -> Option<&'static str> {
    KEYS.iter().find(|(z, p, _)| (*z, *p) == (zone, port)).map(|(.., key)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::mcu::table;

    #[test]
    fn every_switch_is_a_key_of_a_mixing_surface_once() {
        for (at, (zone, port, name)) in KEYS.iter().enumerate() {
            assert!(*zone >= 0x08 && *port < 8, "{name}");
            assert!(KEYS[..at].iter().all(|(z, p, n)| (z, p) != (zone, port) && n != name), "{name}");
            assert!(table::key(name).is_some() || table::LIGHTS.iter().any(|(_, light)| light == name), "{name}");
        }
    }
}
