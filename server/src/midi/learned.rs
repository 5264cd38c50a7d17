//! What surfaces have learned, on the disk: one map a port, in the folder beside the rig's state.

use super::maps;
use crate::rig::diagnose::Report;
use crate::rig::node;
use crate::rig::strip::slug;
use headroom_protocol::midi::map::Map;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of one rig; none where no state is kept.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    folder: Option<PathBuf>,
}

impl Learned {
    /// What is kept in this folder.
    pub fn new(folder: Option<PathBuf>) -> Learned {
        Learned { folder }
    }

    fn file(&self, port: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.toml", slug(port))))
    }

    /// What a port has learned; a file that cannot be read is left alone and reported.
    pub fn load(&self, port: &str) -> Map {
        let Some(file) = self.file(port) else { return Map::default() };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Map::default(),
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "what a surface has learned cannot be read");
                return Map::default();
            }
        };
        let mut report = Report::new(&file.display().to_string(), &text);
        let table = node::read(&mut report);
        let map = if report.errors() == 0 { maps::read(&table, port, &mut report) } else { None };
        map.unwrap_or_else(|| {
            tracing::warn!("what a surface has learned is not understood:\n{}", report.render(false));
            Map::default()
        })
    }

    /// Keeps what a port has learned: written beside, synced, renamed.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, port: &str, map: &Map) -> std::io::Result<()> {
        let (Some(folder), Some(file)) = (&self.folder, self.file(port)) else { return Ok(()) };
        if map.controls.is_empty() {
            return match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        std::fs::create_dir_all(folder)?;
        let beside = file.with_extension("new");
        let mut out = std::fs::File::create(&beside)?;
        out.write_all(maps::write(map).as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&beside, &file)?;
        sync(folder)
    }
}

/// A new name is on the disk when its folder is.
fn sync(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_protocol::midi::map::{Control, Does, Kind, Relative, Shows, Source};
    use headroom_protocol::midi::takeover::Mode;

    #[test]
    fn what_was_learned_comes_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let learned = Learned::new(Some(dir.path().join("rig.surfaces")));
        let control = |source, kind, shows| Control {
            source,
            shift: false,
            kind,
            does: Does::Move { address: "/ch/kick/fader".into(), strip: 0 },
            shows,
        };
        let light = Source::Note(2, 7);
        let controls = vec![
            control(Source::Control(0, 21), Kind::Absolute(Some(Mode::Pickup)), None),
            control(Source::Bend(3), Kind::Absolute(Some(Mode::Scaled)), None),
            control(Source::Control(15, 1), Kind::Relative(Relative::Offset), None),
            control(light, Kind::Edge, Some(Shows { source: light, low: 0, high: 127, motor: false })),
        ];
        assert_eq!(learned.load("X-Touch"), Map::default());
        let map = Map { title: "x-touch".into(), strips: 8, controls, ..Map::default() };
        learned.save("X-Touch", &map).expect("saved");
        let back = learned.load("X-Touch");
        assert_eq!(back.controls, map.controls);
        learned.save("X-Touch", &Map::default()).expect("forgotten");
        assert_eq!(learned.load("X-Touch"), Map::default());
        std::fs::write(dir.path().join("rig.surfaces/x-touch.toml"), "[[control]]\ncc = ").expect("a file");
        assert_eq!(learned.load("X-Touch"), Map::default());
    }
}
