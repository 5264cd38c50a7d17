//! Pass 1, order: how deep each strip stands, sources first; a loop is an error that names it.

use super::{Edge, GraphSpec};

/// Depth of each strip: everything it depends on is less deep (or, for a side-chain, as deep at most:
/// all inputs of a depth are summed before its chains run).
pub fn depths(spec: &GraphSpec, edges: &[Edge], keys: &[(usize, usize)]) -> Result<Vec<usize>, Vec<String>> {
    let n = spec.strips.len();
    let mut depth = vec![0usize; n];
    // Longest paths by relaxation; more than n rounds means a loop.
    for _ in 0..=n {
        let mut changed = false;
        for e in edges {
            if depth[e.to] <= depth[e.from] {
                depth[e.to] = depth[e.from] + 1;
                changed = true;
            }
        }
        for &(strip, source) in keys {
            // A channel's input is there from the start.
            if edges.iter().any(|e| e.to == source) && depth[strip] < depth[source] {
                depth[strip] = depth[source];
                changed = true;
            }
        }
        if !changed {
            return Ok(depth);
        }
    }
    Err(find_loop(spec, edges, keys))
}

/// The ids along one loop, first repeated at the end.
fn find_loop(spec: &GraphSpec, edges: &[Edge], keys: &[(usize, usize)]) -> Vec<String> {
    let next = |from: usize| {
        let along = edges.iter().filter(move |e| e.from == from).map(|e| e.to);
        let keyed = keys.iter().filter(move |k| k.1 == from && edges.iter().any(|e| e.to == from)).map(|k| k.0);
        along.chain(keyed)
    };
    for start in 0..spec.strips.len() {
        let mut path = vec![start];
        let mut seen = vec![false; spec.strips.len()];
        if walk(start, start, &mut path, &mut seen, &|v| next(v).collect()) {
            return path.iter().map(|&i| spec.strips[i].id.clone()).collect();
        }
    }
    Vec::new()
}

fn walk(at: usize, goal: usize, path: &mut Vec<usize>, seen: &mut [bool], next: &dyn Fn(usize) -> Vec<usize>) -> bool {
    for to in next(at) {
        if to == goal {
            path.push(goal);
            return true;
        }
        if !seen[to] {
            seen[to] = true;
            path.push(to);
            if walk(to, goal, path, seen, next) {
                return true;
            }
            path.pop();
        }
    }
    false
}
