//! The web mixer's files, which the program carries in itself.

use super::say;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/web");

/// Only what the program itself serves is run or shown.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn file(name: &str) -> Response {
    match FILES.get_file(name) {
        Some(file) => {
            let headers = [(header::CONTENT_TYPE, kind(name)), (header::CONTENT_SECURITY_POLICY, POLICY)];
            (headers, file.contents()).into_response()
        }
        None => say(StatusCode::NOT_FOUND, "no such file"),
    }
}

/// The web mixer.
pub fn page() -> Response {
    file("index.html")
}

/// One of its files.
pub async fn asset(Path(name): Path<String>) -> Response {
    file(&name)
}
