//! A WebSocket: binary frames are OSC packets both ways, text frames are OSCQuery's `LISTEN` and `IGNORE`.
//!
//! It is a client of the hub like any other. A client that only listens, as OSCQuery has it, gets each change as a plain
//! message; one that subscribes gets what the hub sends, batches with their `/rev` included.

mod listen;

use super::{Ends, Shared};
use crate::hub::mixer::Mixer;
use crate::hub::roles::Standing;
use crate::net::{Event, LinkId, Mail};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use headroom_protocol::oscquery::{Command, Seen, changes};
use listen::Listening;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Largest frame and message that is read, in bytes.
const LARGEST: usize = 65_536;
/// Bytes that wait for a client from which on what it subscribed to waits in the hub.
const HIGH: usize = 256 << 10;
/// Bytes at which it goes on.
const LOW: usize = 64 << 10;
/// Bytes that wait at most; what comes beyond is dropped.
const MOST: usize = 4 << 20;
/// Packets that are handed to the hub before it is waited for.
const AHEAD: usize = 64;
/// Time between two pings.
const PING: Duration = Duration::from_secs(5);
/// Silence after which a client is gone.
const SILENT: Duration = Duration::from_secs(20);
/// Time that a client may take for one packet.
const STUCK: Duration = Duration::from_secs(10);
/// Time between two looks at the tree.
const LOOK: Duration = Duration::from_millis(250);

/// Answers the upgrade and serves the connection.
pub fn serve<M: Mixer + 'static>(upgrade: WebSocketUpgrade, shared: Arc<Shared<M>>, ends: Ends, standing: Standing) -> Response {
    upgrade.max_message_size(LARGEST).max_frame_size(LARGEST).on_upgrade(move |socket| async move {
        let (mut stopping, held) = (shared.stopping.clone(), ends.held.clone());
        tokio::select! {
            () = run(socket, shared, ends, standing) => {}
            () = held.left() => {}
            _ = stopping.changed() => {}
        }
    })
}

/// Packets on their way to a client, filled on the hub's thread.
struct Queue {
    packets: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    congested: Arc<AtomicBool>,
}

/// Makes the client known to the hub.
fn open<M: Mixer + 'static>(mail: &Mail<M>, ends: &Ends, standing: Standing) -> (LinkId, Queue) {
    let (send, packets) = mpsc::unbounded_channel();
    let (waiting, congested): (Arc<AtomicUsize>, Arc<AtomicBool>) = Default::default();
    let link: Arc<OnceLock<LinkId>> = Arc::default();
    let deliver = {
        let (mail, link, waiting, congested) = (mail.clone(), link.clone(), waiting.clone(), congested.clone());
        Box::new(move |bytes: &[u8]| {
            // Counted before it is sent: the other side may take it off at once.
            let before = waiting.fetch_add(bytes.len(), Ordering::AcqRel);
            if before + bytes.len() > MOST || send.send(bytes.to_vec()).is_err() {
                waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
                return;
            }
            if before > HIGH
                && !congested.swap(true, Ordering::AcqRel)
                && let Some(link) = link.get()
            {
                mail.send(Event::Congested(*link, true));
            }
        })
    };
    let id = mail.open(format!("websocket {}", ends.from), Some(ends.from.ip()), standing, deliver);
    let _ = link.set(id);
    (id, Queue { packets, waiting, congested })
}

/// Tells the hub of the end, however it comes.
struct Closing<M>(Mail<M>, LinkId);

impl<M> Drop for Closing<M> {
    fn drop(&mut self) {
        self.0.send(Event::Closed(self.1));
    }
}

async fn run<M: Mixer + 'static>(mut socket: WebSocket, shared: Arc<Shared<M>>, ends: Ends, standing: Standing) {
    let mail = shared.mail.clone();
    let (link, mut queue) = open(&mail, &ends, standing.clone());
    let _closing = Closing(mail.clone(), link);
    let mut listening = Listening::default();
    let mut tree = Tree::default();
    let (mut ahead, mut heard) = (0, Instant::now());
    let (mut ping, mut look) = (tokio::time::interval(PING), tokio::time::interval(LOOK));
    loop {
        tokio::select! {
            packet = queue.packets.recv() => {
                let Some(packet) = packet else {
                    // The hub has no room for one more.
                    let frame = CloseFrame { code: close_code::AGAIN, reason: "too many clients".into() };
                    let _ = socket.send(Message::Close(Some(frame))).await;
                    return;
                };
                let waiting = queue.waiting.fetch_sub(packet.len(), Ordering::AcqRel) - packet.len();
                for packet in listening.pass(packet) {
                    if !send(&mut socket, Message::Binary(packet.into())).await {
                        return;
                    }
                }
                if waiting < LOW && queue.congested.swap(false, Ordering::AcqRel) {
                    mail.send(Event::Congested(link, false));
                }
            }
            message = socket.recv() => {
                heard = Instant::now();
                ends.held.heard();
                match message {
                    Some(Ok(Message::Binary(bytes))) => {
                        listening.sent(&bytes);
                        mail.send(Event::Packet(link, bytes.into()));
                        ahead += 1;
                    }
                    Some(Ok(Message::Text(text))) => {
                        let packet = match Command::parse(&text) {
                            Some(Command::Listen(path)) => listening.listen(path),
                            Some(Command::Ignore(path)) => listening.ignore(&path),
                            None => None,
                        };
                        if let Some(packet) = packet {
                            mail.send(Event::Packet(link, packet));
                            ahead += 1;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                }
                if ahead >= AHEAD {
                    ahead = 0;
                    passed(&mail).await;
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > SILENT || !send(&mut socket, Message::Ping(Vec::new().into())).await {
                    return;
                }
            }
            _ = look.tick() => {
                for frame in tree.look(&shared, &standing).await {
                    if !send(&mut socket, Message::Text(frame.into())).await {
                        return;
                    }
                }
            }
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(tokio::time::timeout(STUCK, socket.send(message)).await, Ok(Ok(())))
}

/// Waits until the hub has read what was handed to it: a flood waits in the socket, not here.
async fn passed<M: Mixer + 'static>(mail: &Mail<M>) {
    let (done, passed) = oneshot::channel();
    mail.send(Event::Errand(Box::new(move |_| {
        let _ = done.send(());
    })));
    let _ = tokio::time::timeout(STUCK, passed).await;
}

/// The tree as the client knows it.
#[derive(Default)]
struct Tree {
    known: Option<(u64, Seen)>,
}

impl Tree {
    /// The frames that tell what changed since the last look.
    async fn look<M: Mixer + 'static>(&mut self, shared: &Arc<Shared<M>>, standing: &Standing) -> Vec<String> {
        let (known, standing) = (self.known.as_ref().map(|k| k.0), standing.clone());
        let look = move |hub: &mut crate::hub::Hub<M>| {
            let number = hub.tree_number();
            (Some(number) != known).then(|| (number, hub.outline(&standing)))
        };
        let Some(Some((number, outline))) = shared.ask(look).await else { return Vec::new() };
        // A large console is tens of thousands of names.
        let Ok(seen) = tokio::task::spawn_blocking(move || outline.seen()).await else { return Vec::new() };
        let now = (number, seen);
        let before = self.known.replace(now);
        match (before, &self.known) {
            (Some((_, before)), Some((_, after))) => changes(&before, after),
            _ => Vec::new(),
        }
    }
}
