//! `headroom new`: a rig to start from.

use super::Fail;
use crate::rig::template::{self, Template};
use clap::builder::PossibleValuesParser;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Arguments of `new`.
#[derive(clap::Args)]
pub struct NewArgs {
    /// Number of channels.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    channels: u16,
    /// Number of auxes.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(0..=64))]
    aux: u16,
    /// What it is for.
    #[arg(long, default_value = "band", value_parser = PossibleValuesParser::new(Template::NAMES))]
    template: String,
    /// The file to write; standard output without one.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &NewArgs) -> Result<(), Fail> {
    let template = Template::named(&args.template).ok_or_else(|| Fail::input("unknown template"))?;
    let text = template::write(template, usize::from(args.channels), usize::from(args.aux));
    let Some(path) = &args.output else {
        say_part!("{text}");
        return Ok(());
    };
    let shown = path.display();
    let open = if args.force { File::create(path) } else { File::create_new(path) };
    let written = open.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    match written {
        Ok(()) => {
            say!("{shown}: {} channels, {} auxes", args.channels, args.aux);
            say!("next: `headroom check {shown}`, then `headroom run {shown}`");
            Ok(())
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            Err(Fail::input(format!("{shown} is there already; --force writes over it")))
        }
        Err(e) => Err(Fail::running(format!("cannot write {shown}: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rig.toml");
        let args = |force| NewArgs { channels: 2, aux: 1, template: "band".into(), output: Some(path.clone()), force };
        run(&args(false)).unwrap();
        std::fs::write(&path, "mine").unwrap();
        assert!(matches!(run(&args(false)), Err(Fail::Input(text)) if text.contains("--force")));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        run(&args(true)).unwrap();
        assert!(crate::rig::load(&path).is_ok());
    }
}
