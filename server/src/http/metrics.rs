//! Figures for a monitoring system, and whether sound runs.

use super::{Ends, Shared, access, say, unanswered};
use crate::backend::realtime::monotonic_nanos;
use crate::hub::mixer::Mixer;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use std::sync::Arc;

/// All numbers below `/status` in the text format of Prometheus: `/status/process/p50` is `headroom_process_p50`.
/// Who may not read them gets 401.
pub async fn metrics<M: Mixer + 'static>(
    State(shared): State<Arc<Shared<M>>>,
    axum::Extension(ends): axum::Extension<Ends>,
    request: Request,
) -> Response {
    let now = monotonic_nanos();
    let token = super::query::Asked::read(request.uri()).and_then(|a| a.token);
    let entry = match access::enter(&shared, &ends, request.headers(), token.as_deref(), now).await {
        Ok(entry) => entry,
        Err(response) => return response,
    };
    let standing = entry.standing.clone();
    let Some(figures) = shared.ask(move |hub| hub.figures_for(&standing, now)).await else { return unanswered() };
    if figures.is_empty() {
        let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, ask, "a role that reads /status is needed\n").into_response();
    }
    let mut text = String::new();
    for figure in figures {
        let name: String = figure.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let _ = writeln!(
            text,
            "# HELP headroom_{name} {}\n# TYPE headroom_{name} gauge\nheadroom_{name} {}",
            figure.doc, figure.value
        );
    }
    let _ = writeln!(
        text,
        "# HELP headroom_info The program and its rig\n# TYPE headroom_info gauge\nheadroom_info{{version=\"{}\",rig=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION"),
        shared.name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
    );
    entry.on(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// 200 while audio runs, else 503: for a watchdog outside, and for every role.
pub async fn health<M: Mixer + 'static>(State(shared): State<Arc<Shared<M>>>) -> Response {
    match shared.ask(|hub| hub.mixer().status().running).await {
        Some(true) => say(StatusCode::OK, "audio runs"),
        Some(false) => say(StatusCode::SERVICE_UNAVAILABLE, "audio does not run"),
        None => unanswered(),
    }
}
