//! What should be seen.

use super::assign::{self, Assign};
use super::layer::LAYERS;
use super::press::MODIFIERS;
use super::{Display, Surface, position};
use crate::midi::controller::Clock;
use crate::midi::panel::{Colour, Light, MASTER, Picture, Ring, STRIPS};
use crate::midi::remote::Remote;
use crate::midi::text;
use headroom_dsp::param::{Kind, Value};
use headroom_dsp::tree::{Owner, ParamId};

/// Characters of a cell that every display shows: the last one keeps strips apart.
const SEEN: usize = 6;
/// Lowest level that is a level.
const FLOOR: f32 = -144.0;

impl Surface {
    /// What each panel should show.
    pub fn pictures(&self, remote: &Remote, now: u64, clock: Clock) -> Vec<Picture> {
        let muted_by = Silencers::of(remote);
        let mut pictures = vec![Picture::default(); self.options.panels];
        for at in 0..self.width() {
            self.strip(&mut pictures[at / STRIPS], at, self.owner(at, remote), &muted_by, remote, now);
        }
        let main = &mut pictures[self.options.main.min(self.options.panels - 1)];
        main.faders[MASTER] = self.fader(self.width(), remote).and_then(|id| self.stands(id, remote));
        self.keys(main, remote);
        self.displays(main, remote, clock);
        pictures
    }

    /// Where a fader should stand.
    fn stands(&self, id: ParamId, remote: &Remote) -> Option<u16> {
        Some(position(remote, id, remote.norm(id)?, self.options.unity))
    }

    fn strip(&self, picture: &mut Picture, at: usize, owner: Option<Owner>, by: &Silencers, remote: &Remote, now: u64) {
        let strip = at % STRIPS;
        // A place without a strip shows nothing, and its fader is down.
        picture.faders[strip] = match self.fader(at, remote) {
            Some(id) => self.stands(id, remote),
            None => Some(0),
        };
        let encoder = self.encoder(at, remote);
        picture.rings[strip] = encoder.map_or(Ring::Dark, |id| ring(id, remote));
        if let Some(owner) = owner {
            let lights = &mut picture.lights[strip];
            lights.solo = Light::of(remote.switch(owner, "solo"));
            lights.mute = match remote.switch(owner, "mute") {
                true => Light::On,
                false if by.silence(owner, remote) => Light::Blink,
                false => Light::Off,
            };
            lights.select = Light::of(self.selected == Some(owner));
            lights.rec = Light::of(match self.assign {
                Assign::Send => assign::send_switch(owner, self.bus, remote).is_some_and(|id| remote.is_on(id)),
                _ => remote.switch(owner, &self.options.rec),
            });
            picture.colours[strip] = colour(remote.label(owner, "color"));
            let level = remote.find(owner, "meter/out").and_then(|id| remote.value(id));
            picture.meters[strip] = level.map_or(FLOOR, |level| level.as_f64() as f32);
            picture.write(0, strip, &text::name(remote.label(owner, "name"), SEEN));
        }
        let mut below = encoder.map(|id| shown(id, remote)).unwrap_or_default();
        if self.assign.is_of_selected() && !self.flip {
            let above = if let (false, Some(id)) = (self.names, encoder) {
                text::name(&assign::label(&remote.tree().entry(id).path), SEEN)
            } else if self.names {
                picture.cell(0, strip)
            } else {
                String::new()
            };
            picture.write(0, strip, &above);
        }
        if self.assign == Assign::Chain && !self.flip {
            let processors = assign::processors(self.selected, remote);
            let found = self.laid_out(at).and_then(|at| processors.get(at));
            let on = found.and_then(|(_, on)| *on);
            picture.write(0, strip, &found.map(|(name, _)| text::name(name, SEEN)).unwrap_or_default());
            picture.rings[strip] = on.map_or(Ring::Dark, |id| ring(id, remote));
            below = on.map(|id| shown(id, remote)).unwrap_or_default();
        }
        let fader = &self.faders[at];
        if let Some((id, until)) = fader.shown
            && (fader.touched || until > now)
        {
            below = shown(id, remote);
        }
        picture.write(1, strip, &below);
    }

    fn keys(&self, picture: &mut Picture, remote: &Remote) {
        let mut light = |key: &'static str, on: bool| {
            if on {
                picture.keys.insert(key, Light::On);
            }
        };
        LAYERS.iter().for_each(|(_, layer, key)| light(key, *layer == self.layer));
        light(self.assign.key(), true);
        light("flip", self.flip);
        light("scrub", self.fine);
        MODIFIERS.iter().for_each(|key| light(key, self.is_held(key)));
        let any_solo = self.solos.iter().any(|id| remote.is_on(*id));
        light("led_rude_solo", any_solo);
        light("led_smpte", self.display == Display::Day);
        light("led_beats", self.display == Display::Loudness);
        for (key, action) in &self.options.keys {
            let Some(key) = crate::midi::mcu::table::key(key) else { continue };
            // Clear solo is lit while there is something to clear.
            light(key, action.is_lit(remote) || action.address() == "/solo/clear" && any_solo);
        }
    }

    fn displays(&self, picture: &mut Picture, remote: &Remote, (hours, minutes, seconds): Clock) {
        match self.display {
            Display::Day => picture.show_digits(&format!("{hours:02}.{minutes:02}.{seconds:02}   ")),
            Display::Loudness => {
                let main = remote.spec().main().map(Owner::Strip);
                let id = main.and_then(|main| remote.find(main, "loudness/momentary"));
                let lufs = id.and_then(|id| remote.value(id)).map_or(f64::from(FLOOR), Value::as_f64);
                picture.show_digits(&if lufs > -100.0 { format!("{lufs:.1} LU") } else { "--- LU".to_owned() });
            }
        }
        let spec = remote.spec();
        let letters = match self.assign {
            Assign::Trim => "TR".to_owned(),
            Assign::Pan => "PN".into(),
            Assign::Send => assign::buses(remote).get(self.bus).map_or("--".into(), |bus| {
                let bus = &spec.strips[*bus];
                let kind = if bus.kind.is_bus() { "" } else { "M" };
                format!("{:>2}", format!("{kind}{}", bus.number))
            }),
            Assign::Sends => "SE".into(),
            Assign::Eq => "EQ".into(),
            Assign::Dynamics => "DY".into(),
            Assign::Chain => "CH".into(),
            Assign::Proc(proc) => format!("{:>2}", format!("P{}", proc + 1)),
        };
        picture.assignment.copy_from_slice(&letters.as_bytes()[..2]);
    }
}

fn shown(id: ParamId, remote: &Remote) -> String {
    remote.value(id).map(|value| text::value(remote.decl(id), value, SEEN)).unwrap_or_default()
}

/// How the lights round an encoder show a parameter.
fn ring(id: ParamId, remote: &Remote) -> Ring {
    let Some(norm) = remote.norm(id) else { return Ring::Dark };
    match remote.decl(id).kind {
        // What lies on both sides of 0 is shown from the centre.
        Kind::Float { min, max, .. } if min == -max => Ring::Centre(norm),
        Kind::Float { .. } => Ring::Fill(norm),
        Kind::Bool { .. } if norm == 0.0 => Ring::Dark,
        Kind::Bool { .. } => Ring::Fill(1.0),
        _ => Ring::Dot(norm),
    }
}

/// DCAs and mute groups that are muted; mostly none.
struct Silencers(Vec<(Owner, String)>);

impl Silencers {
    fn of(remote: &Remote) -> Silencers {
        let spec = remote.spec();
        let dcas = (0..spec.dcas.len()).map(|d| (Owner::Dca(d), format!("dca/{}", d + 1)));
        let groups = (0..spec.mute_groups.len()).map(|m| (Owner::MuteGroup(m), format!("mutegroup/{}", m + 1)));
        Silencers(dcas.chain(groups).filter(|(owner, _)| remote.switch(*owner, "mute")).collect())
    }

    fn silence(&self, owner: Owner, remote: &Remote) -> bool {
        self.0.iter().any(|(_, membership)| remote.switch(owner, membership))
    }
}

/// Red, green and blue of the colours that a strip may have by name.
static NAMED: &[(&str, Colour)] = &[
    ("red", [127, 0, 0]),
    ("green", [0, 127, 0]),
    ("blue", [0, 0, 127]),
    ("yellow", [127, 127, 0]),
    ("magenta", [127, 0, 127]),
    ("cyan", [0, 127, 127]),
    ("white", [127, 127, 127]),
    ("orange", [127, 64, 0]),
    ("purple", [64, 0, 127]),
    ("violet", [64, 0, 127]),
    ("pink", [127, 64, 100]),
    ("brown", [80, 40, 0]),
    ("grey", [64, 64, 64]),
    ("gray", [64, 64, 64]),
    ("lime", [64, 127, 0]),
    ("teal", [0, 96, 96]),
    ("navy", [0, 0, 64]),
    ("gold", [127, 100, 0]),
];

/// A strip's colour, 7 bits each; none is white, so that a display stays readable.
fn colour(text: &str) -> Colour {
    const WHITE: Colour = [127; 3];
    if let Some(hex) = text.strip_prefix('#').and_then(|hex| u32::from_str_radix(hex, 16).ok()) {
        return [16, 8, 0].map(|shift| (hex >> shift & 0xFF) as u8 / 2);
    }
    NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map_or(WHITE, |(_, colour)| *colour)
}
