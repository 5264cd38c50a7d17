//! Who asks: a token in the address once, then a cookie, or a bearer token.

use super::{Ends, Shared, say, unanswered};
use crate::hub::mixer::Mixer;
use crate::hub::roles::Standing;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::net::IpAddr;
use std::sync::Arc;

/// Name of the cookie that holds the token.
const COOKIE: &str = "headroom";
/// How long a browser keeps it, in seconds.
const KEPT_S: u32 = 30 * 24 * 3600;

/// What a request may do, and what its answer tells the browser to keep.
pub struct Entry {
    pub standing: Standing,
    cookie: Option<String>,
}

impl Entry {
    /// Adds the cookie to an answer.
    pub fn on(self, mut response: Response) -> Response {
        if let Some(value) = self.cookie.and_then(|c| HeaderValue::from_str(&c).ok()) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        response
    }
}

fn cookie(token: &str, age: u32) -> String {
    let value = utf8_percent_encode(token, NON_ALPHANUMERIC);
    format!("{COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict")
}

fn of_cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let value = all.flat_map(|v| v.split(';')).find_map(|one| one.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

fn of_bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Finds the standing of a request: by the token in its address, in its bearer header, in its cookie, in this order; or
/// that of who has none.
///
/// # Errors
/// The answer to a wrong token. A wrong cookie is taken from the browser, so that a token that was changed is one wrong
/// attempt and not one for each picture.
pub async fn enter<M: Mixer + 'static>(
    shared: &Arc<Shared<M>>,
    ends: &Ends,
    headers: &HeaderMap,
    token: Option<&str>,
    now: u64,
) -> Result<Entry, Response> {
    let named = token.map(str::to_owned).or_else(|| of_bearer(headers));
    let (token, is_kept) = match (named, of_cookie(headers)) {
        (Some(token), _) => (token, false),
        (None, Some(token)) => (token, true),
        (None, None) => return Ok(Entry { standing: Standing::Guest, cookie: None }),
    };
    let (host, asked) = (ends.from.ip(), token.clone());
    match shared.ask(move |hub| hub.standing_of(Some(host), &asked, now)).await {
        Some(Ok(standing)) => Ok(Entry { standing, cookie: (!is_kept).then(|| cookie(&token, KEPT_S)) }),
        Some(Err(_)) if is_kept => Ok(Entry { standing: Standing::Guest, cookie: Some(cookie("", 0)) }),
        Some(Err(reason)) => Err(say(StatusCode::FORBIDDEN, reason)),
        None => Err(unanswered()),
    }
}

/// Whether a page that opens a WebSocket belongs to this console or to the network it is in: a site from elsewhere must
/// not use a visitor's browser to reach a console that the visitor's network reaches. Programs send no `Origin`; a page that
/// says nothing of where it comes from (`null`, `file://`) may come from elsewhere.
pub fn is_of_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return true };
    // Files and framed pages (`null`) may come from anywhere, whatever they call themselves.
    let Some(("http" | "https", place)) = origin.split_once("://") else { return false };
    if text(header::HOST).is_some_and(|host| host.eq_ignore_ascii_case(place)) {
        return true;
    }
    let host = match place.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => place.split(':').next().unwrap_or(place),
    };
    match host.parse::<IpAddr>() {
        Ok(ip) => {
            crate::rig::settings::PRIVATE.iter().any(|net| crate::rig::settings::Net::parse(net).is_some_and(|n| n.contains(ip)))
        }
        Err(_) => host == "localhost" || host.ends_with(".local") || !(host.is_empty() || host.contains('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(header::HeaderName, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_cookie_brings_back_any_token() {
        for token in ["a b;c=d", "ünï", "plain", "%41", ""] {
            let set = cookie(token, 9);
            let sent = set.split(';').next().unwrap();
            let found = of_cookie(&headers(&[(header::COOKIE, &format!("other=1; {sent}; headroom2=no"))]));
            assert_eq!(found.as_deref(), Some(token), "{set}");
        }
        assert_eq!(of_cookie(&headers(&[(header::COOKIE, "headroomx=1; ; =")])), None);
        assert_eq!(of_bearer(&headers(&[(header::AUTHORIZATION, "bearer  x ")])).as_deref(), Some("x"));
        assert_eq!(of_bearer(&headers(&[(header::AUTHORIZATION, "Basic eA==")])), None);
    }

    #[test]
    fn pages_of_other_sites_do_not_connect() {
        let here = |origin: &str| is_of_here(&headers(&[(header::HOST, "192.168.1.9:8080"), (header::ORIGIN, origin)]));
        for origin in
            ["http://192.168.1.9:8080", "http://localhost:3000", "http://10.1.1.1", "http://mixer.local", "http://[fe80::1]:80"]
        {
            assert!(here(origin), "{origin}");
        }
        for origin in [
            "https://example.com",
            "http://192.168.1.9.example.com",
            "http://8.8.8.8",
            "https://local.example.org:8080",
            "http://evil.example@192.168.1.1",
            "null",
            "file://",
            "file:///home/x/page.html",
            "chrome-extension://abcdef",
            "http://",
            "nonsense",
            "",
        ] {
            assert!(!here(origin), "{origin}");
        }
        assert!(is_of_here(&headers(&[])));
    }
}
