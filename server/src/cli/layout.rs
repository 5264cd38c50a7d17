//! `headroom layout`: a tablet's layout of a rig.

use super::{Fail, load_rig};
use crate::hub::roles::{Roles, Standing};
use crate::rig::settings::{ENGINEER, NONE};
use headroom_protocol::address::AddressSpace;
use headroom_protocol::layout::{Layout, Source, open_stage_control, touchosc};
use std::path::PathBuf;

/// What opens it.
#[derive(Clone, Copy, clap::ValueEnum)]
enum App {
    /// TouchOSC, a .tosc file.
    Touchosc,
    /// Open Stage Control, a session in JSON.
    OpenStageControl,
}

/// Arguments of `layout`.
#[derive(clap::Args)]
pub struct LayoutArgs {
    /// What opens it.
    app: App,
    /// The rig.
    rig: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Only what this role sees and may set; everything without it.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
}

/// Runs the command.
pub fn run(args: &LayoutArgs) -> Result<(), Fail> {
    let rig = load_rig(&args.rig)?;
    let same = |path: &PathBuf| path.canonicalize().ok();
    if same(&args.output).is_some_and(|out| Some(out) == same(&args.rig)) {
        return Err(Fail::input(format!("{} is the rig itself", args.output.display())));
    }
    let name = args.role.as_deref().unwrap_or(ENGINEER);
    let known = || rig.settings.roles.iter().map(|r| r.name.as_str()).chain([ENGINEER, NONE]);
    if !known().any(|k| k == name) {
        let mut names: Vec<&str> = known().collect();
        names.dedup();
        return Err(Fail::input(format!("there is no role {name:?}; the rig has {}", names.join(", "))));
    }
    let space = AddressSpace::new(&rig.spec, &rig.tree);
    let roles = Roles::new(&rig.settings, &space);
    let role = roles.of(&Standing::Named(name.into()));
    let mut values = rig.tree.defaults();
    for stated in &rig.values {
        values[stated.id.0 as usize] = stated.value.clone();
    }
    let source = Source {
        spec: &rig.spec,
        tree: &rig.tree,
        space: &space,
        sight: roles.sight(role, &space),
        writes: &|id| roles.writes(role, id),
        values: &values,
        login: rig.settings.default_role() != name,
    };
    let layout = Layout::of(&source);
    let bytes = match args.app {
        App::Touchosc => touchosc::write(&layout),
        App::OpenStageControl => open_stage_control::write(&layout).into_bytes(),
    };
    let shown = args.output.display();
    std::fs::write(&args.output, bytes).map_err(|e| Fail::running(format!("cannot write {shown}: {e}")))?;
    say!("{shown}: {} controls for {name}", layout.items().count());
    Ok(())
}
