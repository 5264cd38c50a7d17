//! Layouts for tablets, made of the running console for the role that asks.

use super::query::Asked;
use super::{Ends, Shared, access, say, unanswered};
use crate::backend::realtime::monotonic_nanos;
use crate::hub::mixer::Mixer;
use crate::hub::roles::Standing;
use crate::rig::settings::{ENGINEER, NONE};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use headroom_protocol::layout::{Layout, open_stage_control, touchosc};
use std::sync::Arc;

/// A layout as a file of an app.
struct File {
    name: &'static str,
    kind: &'static str,
    write: fn(&Layout) -> Vec<u8>,
}

const TOUCHOSC: File = File { name: "stage.tosc", kind: "application/octet-stream", write: touchosc::write };
const OPEN_STAGE_CONTROL: File = File {
    name: "open-stage-control.json",
    kind: "application/json",
    write: |layout| open_stage_control::write(layout).into_bytes(),
};

/// `/layout/stage.tosc`, for TouchOSC.
pub async fn touchosc<M: Mixer + 'static>(
    State(shared): State<Arc<Shared<M>>>,
    axum::Extension(ends): axum::Extension<Ends>,
    request: Request,
) -> Response {
    answer(&shared, &ends, &request.into_parts().0, &TOUCHOSC).await
}

/// `/layout/open-stage-control.json`.
pub async fn open_stage_control<M: Mixer + 'static>(
    State(shared): State<Arc<Shared<M>>>,
    axum::Extension(ends): axum::Extension<Ends>,
    request: Request,
) -> Response {
    answer(&shared, &ends, &request.into_parts().0, &OPEN_STAGE_CONTROL).await
}

/// `?role=NAME` is the layout of another role, for the engineer.
async fn answer<M: Mixer + 'static>(shared: &Arc<Shared<M>>, ends: &Ends, request: &Parts, file: &'static File) -> Response {
    let Some(asked) = Asked::read(&request.uri) else { return say(StatusCode::BAD_REQUEST, "the query is not UTF-8") };
    let entry = match access::enter(shared, ends, &request.headers, asked.token.as_deref(), monotonic_nanos()).await {
        Ok(entry) => entry,
        Err(response) => return response,
    };
    let standing = entry.standing.clone();
    let other = asked.attribute.as_deref().and_then(|a| a.strip_prefix("role=")).map(str::to_owned);
    let outline = move |hub: &mut crate::hub::Hub<M>| {
        let own = hub.role_name(&standing);
        let meant = match other {
            Some(name) if name != own && own != ENGINEER => return Err("only the engineer has layouts of other roles"),
            Some(name) => Standing::Named(name),
            None => standing,
        };
        let sketch = hub.sketch(&meant);
        Ok((own, sketch))
    };
    let (own, sketch) = match shared.ask(outline).await {
        Some(Ok(found)) => found,
        Some(Err(reason)) => return say(StatusCode::FORBIDDEN, reason),
        None => return unanswered(),
    };
    if own == NONE {
        let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, ask, "a token is needed: ?token=… or a bearer header\n").into_response();
    }
    let Some(sketch) = sketch else { return say(StatusCode::NOT_FOUND, "there is no such role") };
    // A large console is some megabytes before it is compressed.
    let Ok(bytes) = tokio::task::spawn_blocking(move || (file.write)(&sketch.layout())).await else { return unanswered() };
    let saved = format!("attachment; filename=\"{}\"", file.name);
    let headers = [(header::CONTENT_TYPE, file.kind.to_owned()), (header::CONTENT_DISPOSITION, saved)];
    entry.on((headers, bytes).into_response())
}
