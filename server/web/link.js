// The link to the console: one WebSocket of OSC packets, made anew whenever it is lost.
//
// * What is set is sent once a frame, the latest value of each address, and no more than two packets ahead of what
//   the console has confirmed. So a bad link delays moves and never stores a burst of them. What confirms is the answer
//   to `/login` without a token: it comes in the order of what was sent, also while the audio server is away.
// * While there is no link the latest values are kept. When it is back, those of controls that are still held are
//   sent, those that were let go less than 2 s ago too; older ones are not.
// * Subscribing tells all present values, so one round trip brings everything up to date. A gap in the numbers of
//   `/rev` on a link that stands is closed by `/sync`.

import { Int, decode, encode } from "./osc.js";

/** Silence after which the link counts as lost; the console says something every second. */
const SILENCE_MS = 2600;
/** Age at which a move that could not be sent is given up. */
const KEPT_MS = 2000;
/** Packets of sets that may be on their way. */
const AHEAD = 2;
/** How long an answer may take where a person has a part in it, in ms. */
const ANSWER_MS = { "/midi/learn": 35000 };
/** Time after which an answer that is missing will not come. */
const PATIENCE_MS = 4000;
const RETRY_MS = [150, 300, 600, 1000, 1500, 2000];

export class Link {
  /** `store` takes what arrives and knows what is held; `changed()` is called when the state of the link changes. */
  constructor(store, changed) {
    this.store = store;
    this.changed = changed;
    this.up = false;
    this.everUp = false;
    this.dropouts = 0;
    this.downSince = 0;
    this.longest = 0;
    this.trip = null;
    this.socket = null;
    this.tries = 0;
    this.patterns = new Map();
    this.waiting = new Map();
    this.pending = new Map();
    this.groups = new Map();
    /** Numbers of the questions sent, and when; the last that was answered. */
    this.asked = [];
    this.sent = 0;
    this.confirmed = 0;
    this.revision = null;
    this.heardAt = 0;
    this.texts = () => {};
    this.timer = setInterval(() => this.watch(), 500);
    addEventListener("visibilitychange", () => this.wake());
    addEventListener("online", () => this.wake());
    addEventListener("pagehide", () => this.socket?.close());
    this.connect();
  }

  connect() {
    clearTimeout(this.retry);
    this.retry = null;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.startedAt = performance.now();
    socket.onopen = () => socket === this.socket && this.opened();
    socket.onmessage = (event) => socket === this.socket && this.arrived(event.data);
    socket.onclose = () => socket === this.socket && this.lost();
  }

  opened() {
    const now = performance.now();
    this.heardAt = now;
    this.revision = null;
    this.syncing = false;
    this.asked = [];
    this.confirmed = this.sent;
    this.store.inFlight.clear();
    // What is still meant comes first, so the values that follow have it.
    const sets = [];
    this.droppedMoves = 0;
    for (const [address, { value, at }] of this.pending) {
      if (this.store.isHeld(address) || now - at < KEPT_MS) sets.push([address, value]);
      else this.droppedMoves += 1;
    }
    this.pending.clear();
    this.opening = { left: this.patterns.size, since: now };
    for (const [address, value] of sets) this.store.inFlight.set(address, { n: this.sent + 1, value, at: now });
    this.confirmedBy([...sets, ["/info"]]);
    // A packet each: what patterns of one packet may reach together has a limit.
    for (const [pattern, rate] of this.patterns) this.transmit([subscription(pattern, rate)]);
  }

  /** The console has told all that was subscribed when the link opened. */
  caughtUp() {
    this.opening = null;
    this.up = true;
    this.tries = 0;
    if (this.downSince) this.longest = Math.max(this.longest, performance.now() - this.downSince);
    this.downSince = 0;
    const first = !this.everUp;
    this.everUp = true;
    this.changed({ up: true, first, dropped: this.droppedMoves });
    this.droppedMoves = 0;
    this.flush();
  }

  lost() {
    const was = this.up;
    this.up = false;
    this.opening = null;
    if (this.socket) {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
      this.socket = null;
    }
    for (const [, ask] of this.waiting) ask.forEach((a) => a.fail(new Error("the link is lost")));
    this.waiting.clear();
    if (was) {
      this.dropouts += 1;
      this.downSince = performance.now();
    }
    // What was sent and not confirmed may never have arrived.
    for (const [address, { value, at }] of this.store.inFlight) {
      if (!this.pending.has(address)) this.pending.set(address, { value, at });
    }
    this.store.inFlight.clear();
    if (was || !this.everUp) this.changed({ up: false });
    if (!this.retry) {
      const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
      this.tries += 1;
      this.retry = setTimeout(() => this.connect(), wait);
    }
  }

  /** Looks after a link that says nothing. */
  watch() {
    const now = performance.now();
    if (!this.socket) return;
    if (this.socket.readyState === WebSocket.CONNECTING) {
      if (now - this.startedAt > 4000) this.lost();
    } else if (now - this.heardAt > SILENCE_MS) this.lost();
    else if (this.opening) {
      if (now - this.opening.since > PATIENCE_MS) this.caughtUp();
    } else if (this.asked.length === 0) this.confirmedBy([]);
    else if (now - this.asked[0].at > PATIENCE_MS) {
      // Other answers came meanwhile: this one was dropped.
      this.asked = this.asked.slice(-1);
      this.answer();
    }
  }

  wake() {
    if (document.visibilityState === "hidden") return;
    if (!this.socket) {
      this.tries = 0;
      this.connect();
    } else this.watch();
  }

  arrived(data) {
    this.heardAt = performance.now();
    if (typeof data === "string") return this.texts(data);
    decode(data, (address, args) => this.message(address, args));
  }

  message(address, args) {
    switch (address) {
      case "/rev":
        return this.revised(args[0], args[1]);
      case "/login":
        this.store.heard(address, args);
        return this.answer();
      case "/subscribe":
        return this.told();
      case "/error":
        if (args[0] === "/subscribe") this.told();
        if (!this.answered(args[0], null, new Error(args[1]))) this.store.refused(args[0], args[1]);
        return undefined;
      case "/sync":
        this.syncing = false;
        return undefined;
      default:
        if (!this.answered(address, args)) this.store.heard(address, args);
        return undefined;
    }
  }

  revised(revision, previous) {
    if (this.revision !== null && previous !== this.revision && !this.syncing && !this.opening) {
      this.syncing = true;
      this.transmit([["/sync", new Int(this.revision)]]);
    }
    this.revision = revision;
  }

  /** Sends messages with a question behind them, whose answer says that they have arrived. */
  confirmedBy(messages) {
    this.sent += 1;
    this.asked.push({ n: this.sent, at: performance.now() });
    this.transmit([...messages, ["/login"]]);
  }

  answer() {
    const asked = this.asked.shift();
    if (!asked) return;
    const trip = performance.now() - asked.at;
    this.trip = this.trip === null ? trip : this.trip + (trip - this.trip) / 4;
    this.confirmed = asked.n;
    // What another set while ours was under way: the console knows which of the two holds.
    const doubts = this.store.confirmed(asked.n);
    if (doubts.length) this.transmit(doubts.map((address) => [address]));
    this.flush();
  }

  /** One subscription has told its present values. */
  told() {
    if (!this.opening) return;
    this.opening.left -= 1;
    if (this.opening.left <= 0) this.caughtUp();
  }

  /** Sends messages as one packet; false where there is no link. */
  transmit(messages) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(encode(messages));
    return true;
  }

  /** Sets an address: told to the console with the next frame. */
  set(address, value) {
    this.keep(address, value);
    if (!this.frame) this.frame = requestAnimationFrame(() => this.flush());
  }

  keep(address, value) {
    this.pending.set(address, { value, at: performance.now() });
  }

  /** A control is let go: from now its last move ages. */
  released(address) {
    const now = performance.now();
    for (const kept of [this.pending.get(address), this.store.inFlight.get(address)]) if (kept) kept.at = now;
  }

  flush() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    if (!this.up || this.pending.size === 0 || this.asked.length >= AHEAD) return;
    const sets = [];
    for (const [address, { value, at }] of this.pending) {
      sets.push([address, value]);
      this.store.inFlight.set(address, { n: this.sent + 1, value, at });
      if (sets.length >= 500) break;
    }
    for (const [address] of sets) this.pending.delete(address);
    this.confirmedBy(sets);
  }

  /** Sends a command and resolves with the arguments of its answer. */
  command(address, ...args) {
    return new Promise((resolve, reject) => {
      if (!this.up) return reject(new Error("there is no link"));
      const list = this.waiting.get(address) ?? [];
      const timer = setTimeout(() => fail(new Error(`${address} was not answered`)), ANSWER_MS[address] ?? 8000);
      const end = () => {
        clearTimeout(timer);
        const at = list.indexOf(ask);
        if (at >= 0) list.splice(at, 1);
        if (!list.length) this.waiting.delete(address);
      };
      const fail = (error) => (end(), reject(error));
      const ask = { done: (answer) => (end(), resolve(answer)), fail };
      list.push(ask);
      this.waiting.set(address, list);
      this.transmit([[address, ...args]]);
      return undefined;
    });
  }

  answered(address, args, error) {
    const ask = this.waiting.get(address)?.[0];
    if (!ask) return false;
    if (error) ask.fail(error);
    else ask.done(args);
    return true;
  }

  /** Subscribes to what is named and to nothing else of this group. */
  watchFor(group, patterns, rate) {
    const wanted = new Set(patterns);
    for (const old of this.groups.get(group) ?? []) {
      if (wanted.has(old) || [...this.groups].some(([g, set]) => g !== group && set.has(old))) continue;
      this.patterns.delete(old);
      this.transmit([["/unsubscribe", old]]);
    }
    for (const pattern of wanted) {
      if (this.patterns.has(pattern)) continue;
      this.patterns.set(pattern, rate);
      this.transmit([subscription(pattern, rate)]);
    }
    this.groups.set(group, wanted);
  }
}

function subscription(pattern, rate) {
  return rate ? ["/subscribe", pattern, new Int(10), rate] : ["/subscribe", pattern];
}
