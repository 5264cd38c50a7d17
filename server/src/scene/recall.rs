//! What a recall would do to a desk.

use super::{Scene, Standing};
use headroom_dsp::desk::Desk;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{Owner, ParamId};
use headroom_protocol::address::{AddressSpace, Sight};

/// A recall, ready to be carried out.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Everything that it sets, in the order of the console; what holds already too, as it may be on its way elsewhere.
    pub values: Vec<(ParamId, Value)>,
    /// What was kept out.
    pub safe: Vec<ParamId>,
    /// What cannot be had, and why.
    pub skipped: Vec<String>,
}

/// What is in a scope: everything where it names nothing.
///
/// # Errors
/// Where a pattern reaches nothing.
pub fn scoped(scope: &[Box<str>], space: Sight<'_>) -> Result<Option<Vec<bool>>, String> {
    if scope.is_empty() {
        return Ok(None);
    }
    let mut within = vec![false; space.len()];
    for text in scope {
        space.below(text)?.iter().for_each(|id| within[id.0 as usize] = true);
    }
    Ok(Some(within))
}

/// What is kept out of recalls by address.
pub fn safes(standing: &Standing, space: &AddressSpace) -> Vec<bool> {
    let mut safe = vec![false; space.len()];
    for (text, on) in &standing.safe {
        let found = space.below(text).unwrap_or_default();
        found.iter().for_each(|id| safe[id.0 as usize] = *on);
    }
    safe
}

/// Works out a recall of what is `within` a scope.
pub fn plan(scene: &Scene, desk: &Desk, space: &AddressSpace, standing: &Standing, within: Option<&[bool]>) -> Plan {
    let kept_out = safes(standing, space);
    let tree = desk.tree();
    let strips: Vec<bool> = (0..desk.spec().strips.len())
        .map(|s| tree.find(Owner::Strip(s), "safe").is_some_and(|id| desk.get(id).as_bool()))
        .collect();
    let is_safe = |id: ParamId| kept_out[id.0 as usize] || matches!(tree.entry(id).owner, Owner::Strip(s) if strips[s]);
    let mut plan = Plan::default();
    let wanted = |id: &ParamId| within.is_none_or(|w| w[id.0 as usize]) && !desk.follows(*id);
    for (id, value) in scene.values.iter().filter(|(id, _)| wanted(id)) {
        if is_safe(*id) {
            plan.safe.push(*id);
        } else {
            plan.values.push((*id, value.clone()));
        }
    }
    if within.is_none() {
        plan.skipped.clone_from(&scene.gone);
    }
    refuse(desk, &mut plan);
    plan
}

/// Leaves out what shapes the console and would keep it from compiling.
fn refuse(desk: &Desk, plan: &mut Plan) {
    let shapes = |(id, value): &&(ParamId, Value)| desk.tree().entry(*id).decl.structural && desk.get(*id) != value;
    let shaping: Vec<(ParamId, Value)> = plan.values.iter().filter(shapes).cloned().collect();
    if shaping.is_empty() || desk.allows_all(&shaping).is_ok() {
        return;
    }
    let mut passed: Vec<(ParamId, Value)> = Vec::new();
    for change in shaping {
        passed.push(change);
        if let Err(why) = desk.allows_all(&passed)
            && let Some((id, _)) = passed.pop()
        {
            plan.values.retain(|v| v.0 != id);
            plan.skipped.push(format!("/{}: {why}", crate::rig::canonical(desk.spec(), desk.tree(), id)));
        }
    }
}
