//! OSCQuery over HTTP.

use super::{Ends, Shared, say, unanswered};
use crate::backend::realtime::monotonic_nanos;
use crate::hub::mixer::Mixer;
use crate::hub::roles::Standing;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use headroom_protocol::oscquery::{HostInfo, Missing};
use percent_encoding::percent_decode_str;
use std::sync::Arc;

/// What a request asks for.
pub struct Asked {
    pub path: String,
    /// `VALUE`, `HOST_INFO`.
    pub attribute: Option<String>,
    pub token: Option<String>,
}

impl Asked {
    /// Reads the path and the query; `None` where they are no text.
    pub fn read(uri: &Uri) -> Option<Asked> {
        let text = |coded: &str| Some(percent_decode_str(coded).decode_utf8().ok()?.into_owned());
        let mut asked = Asked { path: text(uri.path())?, attribute: None, token: None };
        for part in uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty()) {
            match part.strip_prefix("token=") {
                Some(token) => asked.token = Some(text(&token.replace('+', " "))?),
                None if asked.attribute.is_none() => asked.attribute = Some(text(part)?),
                None => {}
            }
        }
        Some(asked)
    }
}

fn json(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// The answer to a question about the tree.
pub async fn answer<M: Mixer + 'static>(shared: &Arc<Shared<M>>, ends: &Ends, asked: &Asked, standing: &Standing) -> Response {
    if asked.attribute.as_deref() == Some("HOST_INFO") {
        let info = HostInfo {
            name: shared.name.clone(),
            ip: ends.to.ip().to_canonical().to_string(),
            osc_port: shared.osc_port,
            http_port: shared.http_port,
        };
        return json(&info.json());
    }
    let (path, standing) = (asked.path.clone(), standing.clone());
    let part = shared.ask(move |hub| (hub.part(&standing, &path, monotonic_nanos()), hub.role_name(&standing))).await;
    let Some((part, role)) = part else { return unanswered() };
    let (path, attribute) = (asked.path.clone(), asked.attribute.clone());
    // A large console is some megabytes of text.
    let told = tokio::task::spawn_blocking(move || part.answer(&path, attribute.as_deref()).map(|v| json(&v))).await;
    match told {
        Ok(Ok(response)) => response,
        Ok(Err(Missing::Attribute)) => say(StatusCode::BAD_REQUEST, "no such attribute"),
        Ok(Err(Missing::Path)) if role == crate::rig::settings::NONE => {
            let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
            (StatusCode::UNAUTHORIZED, ask, "a token is needed: ?token=… or a bearer header\n").into_response()
        }
        Ok(Err(Missing::Path)) => say(StatusCode::NOT_FOUND, "nothing is at this path, or nothing for this role"),
        Err(_) => unanswered(),
    }
}
