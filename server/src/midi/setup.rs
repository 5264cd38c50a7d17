//! From the rig's `[[midi.surface]]` to ports and controllers.

use crate::backend::PortSpec;
use crate::backend::midi::LINES;
use crate::rig::SurfaceConfig;
use crate::rig::strip::slug;
use headroom_protocol::midi::controller::{Controller, Row};
use headroom_protocol::midi::hui::Hui;
use headroom_protocol::midi::map::deck::Deck;
use headroom_protocol::midi::mcu::Mcu;
use headroom_protocol::midi::mcu::table::Device;
use headroom_protocol::midi::panel::Unit;
use headroom_protocol::midi::remote::Remote;
use headroom_protocol::midi::surface::action::Action;
use headroom_protocol::midi::surface::{Options, Surface};
use headroom_protocol::midi::takeover::Mode;
use std::sync::Arc;

/// The surfaces of a rig, and which line each has; a line stays with a port's name over reloads.
#[derive(Clone, Debug, Default)]
pub struct Surfaces {
    configs: Arc<[SurfaceConfig]>,
    /// By line: the slug of the port that has it.
    lines: Vec<Option<String>>,
}

impl Surfaces {
    /// The surfaces of a rig.
    pub fn new(configs: &[SurfaceConfig]) -> Surfaces {
        let mut surfaces = Surfaces::default();
        surfaces.change(configs);
        surfaces
    }

    /// The rig was read again.
    pub fn change(&mut self, configs: &[SurfaceConfig]) {
        if *self.configs == *configs {
            return;
        }
        self.configs = configs.into();
        let slugs: Vec<String> = configs.iter().map(|c| slug(&c.port)).collect();
        for line in &mut self.lines {
            line.take_if(|slug| !slugs.contains(slug));
        }
        for slug in slugs {
            if self.lines.iter().flatten().any(|s| *s == slug) {
                continue;
            }
            match self.lines.iter().position(Option::is_none) {
                Some(free) => self.lines[free] = Some(slug),
                None if self.lines.len() < LINES => self.lines.push(Some(slug)),
                None => tracing::warn!(port = slug, "more than {LINES} surfaces; this one has no JACK ports"),
            }
        }
    }

    /// What the rig says.
    pub fn configs(&self) -> &Arc<[SurfaceConfig]> {
        &self.configs
    }

    /// The line of a surface.
    pub fn line(&self, config: &SurfaceConfig) -> Option<usize> {
        let slug = slug(&config.port);
        self.lines.iter().position(|line| line.as_ref() == Some(&slug))
    }

    /// The ports of all of them, in file order.
    pub fn ports(&self) -> Vec<PortSpec> {
        let ports = |config: &SurfaceConfig| {
            let line = self.line(config)?;
            Some(PortSpec::midi(&slug(&config.port), &config.port, line))
        };
        self.configs.iter().filter_map(ports).flatten().collect()
    }
}

/// The surfaces that stand alone or lead others, each with all that belong to it from left to right, by place in the rig.
pub(super) fn rows(configs: &[SurfaceConfig]) -> Vec<(usize, Vec<usize>)> {
    let leaders = (0..configs.len()).filter(|at| configs[*at].extends.is_none());
    let row = |leader: usize| {
        let of = |left: bool| {
            let own = move |c: &SurfaceConfig| c.extends.as_ref() == Some(&configs[leader].port) && c.left == left;
            (0..configs.len()).filter(move |at| own(&configs[*at]))
        };
        (leader, of(true).chain([leader]).chain(of(false)).collect())
    };
    leaders.map(row).collect()
}

/// The controller of a row; the reason where its kind is not known.
pub(super) fn controller(
    configs: &[SurfaceConfig],
    leader: usize,
    row: &[usize],
    remote: &Remote,
) -> Result<Box<dyn Controller>, String> {
    let config = &configs[leader];
    if let Some(map) = &config.map {
        return Ok(Box::new(Deck::new(map.clone(), config.strips.clone(), config.layer, config.takeover, remote)));
    }
    let device = Device::of_port(&config.port);
    let main = row.iter().position(|at| *at == leader).unwrap_or(0);
    let mut options = Options { panels: row.len(), main, strips: config.strips.clone(), ..Options::default() };
    let is_single = |at: &usize| configs[*at].kind == "mcu" && Device::of_port(&configs[*at].port).strips == 1;
    options.single = row.iter().map(is_single).collect();
    options.takeover = if device.motors { None } else { Some(Mode::default()) };
    options.takeover = config.takeover.or(options.takeover);
    options.unity = config.unity.unwrap_or(options.unity);
    options.layer = config.layer.unwrap_or(options.layer);
    options.rec = config.rec.clone().unwrap_or(options.rec);
    for (key, text) in &config.buttons {
        options.keys.insert(key.clone(), Action::parse(text)?);
    }
    let unit = |at: &usize| -> Result<Box<dyn Unit>, String> {
        match configs[*at].kind.as_str() {
            "mcu" => Ok(Box::new(Mcu::new(Device::of_port(&configs[*at].port), *at == leader))),
            "hui" => Ok(Box::new(Hui::default())),
            other => Err(format!("the kind {other:?} is not known")),
        }
    };
    let units = row.iter().map(unit).collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(Row::new(Surface::new(options, remote), units)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(port: &str, extends: Option<&str>, left: bool) -> SurfaceConfig {
        SurfaceConfig { extends: extends.map(str::to_owned), left, ..SurfaceConfig::new(port, "mcu") }
    }

    #[test]
    fn extenders_stand_where_the_rig_says() {
        let configs = [
            config("X-Touch", None, false),
            config("Ext R", Some("X-Touch"), false),
            config("Ext L", Some("X-Touch"), true),
            config("Other", None, false),
        ];
        assert_eq!(rows(&configs), [(0, vec![2, 0, 1]), (3, vec![3])]);
    }

    #[test]
    fn a_line_stays_with_its_port() {
        let (a, b, c) = (config("A", None, false), config("B", None, false), config("C", None, false));
        let mut surfaces = Surfaces::new(&[a.clone(), b.clone()]);
        assert_eq!(
            surfaces.ports().iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
            ["midi-a-in", "midi-a-out", "midi-b-in", "midi-b-out"]
        );
        surfaces.change(&[c.clone(), b.clone()]);
        assert_eq!((surfaces.line(&b), surfaces.line(&c), surfaces.line(&a)), (Some(1), Some(0), None));
        let many: Vec<_> = (0..20).map(|n| config(&format!("P{n}"), None, false)).collect();
        surfaces.change(&many);
        assert_eq!(surfaces.ports().len(), 2 * LINES);
    }
}
