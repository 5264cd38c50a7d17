//! HTTP: the web mixer, OSCQuery, WebSockets, figures for a monitoring system.
//!
//! A thread of its own with one runtime. Nothing here knows a parameter: it asks the hub by errands, hands the packets
//! of WebSockets to it as those of any other client, and makes text of what it answers. What a client may see and do
//! is its role's, see [`access`].
//!
//! | path | answered |
//! | --- | --- |
//! | `/`, where `Accept` names `text/html`, and any path with `?HTML` | the web mixer |
//! | `/assets/NAME` | its files |
//! | `/metrics` | the numbers below `/status`, for Prometheus |
//! | `/layout/stage.tosc`, `/layout/open-stage-control.json` | a tablet's layout, of the role that asks |
//! | `/health` | 200 while audio runs, else 503 |
//! | any other | OSCQuery; with an upgrade a WebSocket |

mod access;
mod layout;
mod metrics;
mod page;
mod query;
mod room;
mod socket;

use crate::backend::realtime::monotonic_nanos;
use crate::hub::Hub;
use crate::hub::mixer::Mixer;
use crate::hub::roles::Standing;
use crate::net::{Event, Mail};
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use room::{Held, Room};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot, watch};

/// Time for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of the head of a request, at most.
const HEAD_BYTES: usize = 16 * 1024;
/// Time that the hub may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions to the hub at a time, so that no flood of them keeps it from its sockets.
const ASKED: usize = 4;

/// What requests need.
pub(crate) struct Shared<M> {
    mail: Mail<M>,
    /// Name of the rig.
    name: String,
    osc_port: u16,
    http_port: u16,
    asked: Semaphore,
    stopping: watch::Receiver<bool>,
    room: Arc<Room>,
}

/// The running server.
pub struct Http {
    at: SocketAddr,
    stop: watch::Sender<bool>,
    thread: std::thread::JoinHandle<()>,
}

/// Where a connection comes from, and which address of ours it used.
#[derive(Clone)]
pub(crate) struct Ends {
    from: SocketAddr,
    to: SocketAddr,
    /// Its place among all.
    held: Arc<Held>,
}

impl Http {
    /// Serves on a socket that was bound before.
    ///
    /// # Errors
    /// What the system says.
    pub fn start<M: Mixer + 'static>(listener: TcpListener, mail: Mail<M>, name: &str, osc_port: u16) -> io::Result<Http> {
        listener.set_nonblocking(true)?;
        let at = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            mail,
            name: name.to_owned(),
            osc_port,
            http_port: at.port(),
            asked: Semaphore::new(ASKED),
            stopping,
            room: Arc::default(),
        });
        let thread = std::thread::Builder::new().name("http".into()).spawn(move || {
            runtime.block_on(async {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => accept(listener, shared).await,
                    Err(error) => tracing::warn!(%error, "HTTP cannot be served"),
                }
            });
            // What is still open is not waited for.
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        Ok(Http { at, stop, thread })
    }

    /// The address in use.
    pub fn local_addr(&self) -> SocketAddr {
        self.at
    }

    /// Ends all connections.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.thread.join();
    }
}

async fn accept<M: Mixer + 'static>(listener: tokio::net::TcpListener, shared: Arc<Shared<M>>) {
    let routes = Router::new()
        .route("/metrics", any(metrics::metrics::<M>))
        .route("/health", any(metrics::health::<M>))
        .route("/layout/stage.tosc", any(layout::touchosc::<M>))
        .route("/layout/open-stage-control.json", any(layout::open_stage_control::<M>))
        .route("/assets/{name}", any(page::asset))
        .fallback(any(anything::<M>))
        .layer(axum::middleware::map_response(headers))
        .with_state(shared.clone());
    let mut stopping = shared.stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => return,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // No more files: those that are open may end.
                tracing::debug!(%error, "no connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(held) = shared.room.enter(from.ip()) else { continue };
        let (shared, routes) = (shared.clone(), routes.clone());
        tokio::spawn(async move {
            let held = Arc::new(held);
            // Outside of what is served: not one byte.
            if !shared.ask(move |hub| hub.serves(from.ip())).await.unwrap_or(false) {
                return;
            }
            let Ok(to) = stream.local_addr() else { return };
            let _ = stream.set_nodelay(true);
            let ends = Ends { from, to, held: held.clone() };
            let service = TowerToHyperService::new(routes.layer(axum::Extension(ends)));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut stopping = shared.stopping.clone();
            tokio::select! {
                ended = connection => if let Err(error) = ended { tracing::debug!(%from, %error, "HTTP connection ended") },
                () = held.left() => {}
                _ = stopping.changed() => {}
            }
        });
    }
}

/// What goes with every answer.
async fn headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    // Clients of OSCQuery run in browsers, too.
    put(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::REFERRER_POLICY, "no-referrer");
    put(header::CACHE_CONTROL, "no-cache");
    response
}

impl<M: Mixer + 'static> Shared<M> {
    /// Does something on the hub's thread; `None` where the hub does not answer.
    pub async fn ask<R: Send + 'static>(&self, what: impl FnOnce(&mut Hub<M>) -> R + Send + 'static) -> Option<R> {
        let (answer, answered) = oneshot::channel();
        let _one_of_few = self.asked.acquire().await.ok()?;
        self.mail.send(Event::Errand(Box::new(move |hub| {
            let _ = answer.send(what(hub));
        })));
        tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()
    }
}

/// An answer in one line of text.
fn say(status: StatusCode, text: impl Into<String>) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.into() + "\n").into_response()
}

/// The answer where the hub does not answer.
fn unanswered() -> Response {
    say(StatusCode::SERVICE_UNAVAILABLE, "the console does not answer")
}

fn is_named(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).any(|v| v.to_ascii_lowercase().contains(word))
}

/// Whatever has no path of its own.
async fn anything<M: Mixer + 'static>(
    State(shared): State<Arc<Shared<M>>>,
    axum::Extension(ends): axum::Extension<Ends>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    match parts.method {
        Method::OPTIONS => {
            let allowed =
                [(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"), (header::ACCESS_CONTROL_ALLOW_HEADERS, "*")];
            return (StatusCode::NO_CONTENT, allowed).into_response();
        }
        Method::GET | Method::HEAD => {}
        _ => return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD, OPTIONS")]).into_response(),
    }
    let Some(asked) = query::Asked::read(&parts.uri) else {
        return say(StatusCode::BAD_REQUEST, "the path or the query is not UTF-8");
    };
    let entry = match access::enter(&shared, &ends, &parts.headers, asked.token.as_deref(), monotonic_nanos()).await {
        Ok(entry) => entry,
        Err(response) => return response,
    };
    ends.held.heard();
    if matches!(entry.standing, Standing::LoggedIn(..)) {
        ends.held.logged_in();
    }
    if is_named(&parts.headers, header::UPGRADE, "websocket") {
        if !access::is_of_here(&parts.headers) {
            return say(StatusCode::FORBIDDEN, "a page of another site may not connect");
        }
        return match axum::extract::ws::WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => socket::serve(upgrade, shared, ends, entry.standing),
            Err(refused) => refused.into_response(),
        };
    }
    let page = asked.attribute.as_deref() == Some("HTML")
        || asked.attribute.is_none() && asked.path == "/" && is_named(&parts.headers, header::ACCEPT, "text/html");
    let response = match page {
        // The token is not to stay in the address that a browser shows and remembers.
        true if asked.token.is_some() => (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response(),
        true => page::page(),
        false => query::answer(&shared, &ends, &asked, &entry.standing).await,
    };
    entry.on(response)
}
