// The web mixer: starts the link, finds out what the console has and what this role may do, shows a view.

import { Link } from "./link.js";
import { Store } from "./store.js";
import { Model, OVERVIEW } from "./model.js";
import { Mixer } from "./mixer.js";
import { Scope, h, say } from "./dom.js";

const VIEWS = {
  mix: { label: "Mix", show: (app, root, scope) => new Mixer(app, root, scope) },
  strip: { label: "Strip", load: () => import("./strip.js") },
  main: { label: "Main", load: () => import("./strip.js"), arg: "/main" },
  monitor: { label: "Monitor", load: () => import("./strip.js"), arg: "/monitor" },
  scenes: { label: "Scenes", load: () => import("./scenes.js") },
  status: { label: "Status", load: () => import("./status.js") },
  setup: { label: "Setup", load: () => import("./setup.js") },
};

const byId = (id) => document.getElementById(id);

class App {
  constructor() {
    this.memory = JSON.parse(sessionStorage.getItem("headroom") ?? "{}");
    addEventListener("pagehide", () => this.remember());
    this.frames = new Set();
    this.modelListeners = new Set();
    this.role = "";
    this.info = null;
    this.store = new Store();
    this.model = new Model(this.store);
    this.store.onNew = (address) => (this.grown ||= !/\/(meter|loudness)\/|^\/status\//.test(address));
    this.store.onError = (address, reason) => this.complain(address, reason);
    this.store.listen("/login", () => this.roleIs(this.store.text("/login")));
    this.store.listen("/info", (info) => this.infoIs(info));
    this.link = new Link(this.store, (state) => this.linked(state));
    this.link.texts = (text) => this.treeChanged(text);
    this.link.watchFor("overview", OVERVIEW);
    // The history of loudness is kept from the first moment, whatever is looked at.
    this.link.watchFor("loudness", ["/main/loudness/*"], 4);
    this.loudness = [];
    setInterval(() => this.noteLoudness(), 500);
    addEventListener("hashchange", () => this.show());
    byId("link").addEventListener("click", () => this.go("status"));
    const loop = (now) => {
      for (const draw of this.frames) draw(now);
      this.showTrip(now);
      requestAnimationFrame(loop);
    };
    requestAnimationFrame(loop);
    setInterval(() => this.grown && this.link.up && this.rebuild(), 400);
  }

  remember() {
    sessionStorage.setItem("headroom", JSON.stringify(this.memory));
  }

  everyFrame(draw) {
    this.frames.add(draw);
    return () => this.frames.delete(draw);
  }

  onModel(listener) {
    this.modelListeners.add(listener);
    return () => this.modelListeners.delete(listener);
  }

  /**
   * What is known of an address. Strips of a kind are declared alike, so the first of a kind answers for all; only what
   * this role may not set is told for each.
   */
  async about(address) {
    const { store } = this;
    if (store.meta(address)) return store.meta(address);
    const like = this.likeness(address);
    this.alike ??= new Map();
    if (!this.alike.has(like)) this.alike.set(like, store.about(address));
    const meta = await this.alike.get(like);
    if (!meta) return undefined;
    if (!store.meta(address)) store.metas.set(address, { ...meta, address });
    return store.meta(address);
  }

  likeness(address) {
    return address.replace(/\/m?\d+(?=\/|$)/g, "/N");
  }

  // The link.

  async linked({ up, first, dropped }) {
    const button = byId("link");
    const banner = byId("banner");
    button.classList.toggle("up", up);
    document.body.classList.toggle("offline", !up);
    banner.hidden = up || !this.link.everUp;
    if (!up) {
      button.lastElementChild.textContent = this.link.everUp ? "no link" : "connecting";
      banner.textContent = "No link to the console. The mix plays on; what you move now is sent only if the link is back within 2 s or you still hold it.";
      return;
    }
    if (dropped) say(dropped === 1 ? "One move was too old to be sent." : `${dropped} moves were too old to be sent.`, "bad");
    else if (!first) say("The link is back.");
    this.rebuild();
    if (first) await this.findRights();
    this.show();
  }

  showTrip(now) {
    if (!this.link.up || now - (this.tripShown ?? 0) < 1000) return;
    this.tripShown = now;
    const { trip, dropouts } = this.link;
    byId("link").lastElementChild.textContent = trip === null ? "linked" : `${trip < 10 ? trip.toFixed(1) : Math.round(trip)} ms${dropouts ? ` · ${dropouts}×` : ""}`;
    byId("link").setAttribute("aria-label", `Linked, round trip ${trip?.toFixed(1)} milliseconds, ${dropouts} dropouts`);
  }

  infoIs(info) {
    if (!Array.isArray(info)) return;
    const [program, version, rig, rate, period] = info;
    this.info = { program, version, rig, rate, period };
    byId("rig").textContent = rig || "headroom";
    document.title = rig ? `${rig} · headroom` : "headroom";
  }

  roleIs(role) {
    const before = this.role;
    this.role = role;
    if (before && before !== role) location.reload();
  }

  /** The tree of addresses is another after a reload of the rig. */
  treeChanged(text) {
    if (!/"PATH_(ADDED|REMOVED|CHANGED)"/.test(text)) return;
    clearTimeout(this.treeTimer);
    this.treeTimer = setTimeout(() => {
      this.store.forget();
      this.alike = new Map();
      for (const pattern of this.link.patterns.keys()) this.link.transmit([["/subscribe", pattern]]);
      setTimeout(() => (this.rebuild(), this.findRights().then(() => this.show())), 300);
    }, 150);
  }

  /** What this role may set: a console of one's own answers for its main fader, everyone else for each address. */
  async findRights() {
    const main = await this.store.about("/main/fader").catch(() => undefined);
    this.isWhole = Boolean(main?.writable);
    if (this.isWhole) return;
    await this.store.tree("/").catch(() => null);
    this.rebuild();
  }

  /** Buses whose sends this role may set, when it may set nothing else of channels: a musician's screen is theirs. */
  ownMixes() {
    if (this.isWhole) return null;
    const own = new Set();
    for (const meta of this.store.metas.values()) {
      if (!meta.writable) continue;
      const send = /\/send\/(m?\d+)\/level$/.exec(meta.address);
      if (send) own.add(this.model.destination(send[1]));
      else if (/^\/(ch|main|dca)\//.test(meta.address) && !meta.address.includes("/send/")) return null;
    }
    return own.size ? [...own].sort() : null;
  }

  /** Reads anew what the console has; views are made anew where that is another, and no hand is on them. */
  rebuild() {
    if (this.store.held.size) {
      this.grown = true;
      return;
    }
    this.grown = false;
    this.model.build();
    const shape = this.model.shape();
    if (shape === this.shape) return;
    this.shape = shape;
    for (const listener of [...this.modelListeners]) listener();
  }

  complain(address, reason) {
    // What a role does not see it need not be told about.
    if (/^(#|\/subscribe|\/unsubscribe|\/sync)/.test(address)) return;
    say(`${address}: ${reason}`, "bad");
  }

  noteLoudness() {
    const momentary = this.store.value("/main/loudness/momentary");
    if (momentary === undefined || !this.link.up) return;
    this.loudnessCount = (this.loudnessCount ?? 0) + 1;
    this.loudness.push([momentary, this.store.number("/main/loudness/shortterm", -144)]);
    if (this.loudness.length > 1200) this.loudness.shift();
  }

  // Views.

  /** Goes to a view: `mix`, `strip/ch/3`. */
  go(where, part) {
    this.part = part;
    location.hash = where;
  }

  async show() {
    if (!this.link.everUp || this.isWhole === undefined) return;
    this.scope?.end();
    const scope = (this.scope = new Scope());
    const root = byId("view");
    const own = this.ownMixes();
    const nothing = this.model.strips.length === 0;
    document.body.classList.toggle("own", Boolean(own));
    let [name, ...rest] = (location.hash.slice(1) || "mix").split("/");
    if (!VIEWS[name]) name = "mix";
    if (nothing) name = "setup";
    this.navigate(name, own, nothing);
    try {
      if (own && name === "mix") {
        new Mixer(this, root, scope, { locked: own });
        return;
      }
      const view = VIEWS[name];
      if (view.show) view.show(this, root, scope);
      else {
        const { show } = await view.load();
        if (scope !== this.scope) return;
        show(this, root, scope, rest.length ? `/${rest.join("/")}` : (view.arg ?? this.memory.strip));
      }
    } catch (error) {
      console.error(error);
      root.replaceChildren(h("p.empty", null, `This view cannot be shown: ${error.message}`));
    }
  }

  navigate(name, own, nothing) {
    const there = { main: this.model.strip("/main"), monitor: this.model.strip("/monitor"), scenes: this.isWhole, strip: this.model.strips.some((s) => s.chain.length), status: this.store.value("/main/fader") !== undefined };
    const shown = Object.keys(VIEWS).filter((v) => (nothing ? v === "setup" : own ? ["mix", "setup"].includes(v) : (there[v] ?? true)));
    byId("nav").replaceChildren(...shown.map((v) => h("a", { href: `#${v}`, "aria-current": v === name ? "page" : null }, own && v === "mix" ? "My mix" : VIEWS[v].label)));
    this.solos(own || nothing);
  }

  /** A lamp for any solo, which clears them all. */
  solos(none) {
    this.soloScope?.end();
    const scope = (this.soloScope = new Scope());
    const tools = byId("tools");
    tools.replaceChildren();
    if (none) return;
    const clear = h("button.soloed", { hidden: true, onclick: () => this.link.command("/solo/clear").catch((e) => say(e.message, "bad")) }, "Clear solo");
    const update = () => (clear.hidden = !this.model.strips.some((s) => this.store.on(`${s.base}/solo`)));
    for (const strip of this.model.strips) if (strip.has.has("solo")) scope.add(this.store.listen(`${strip.base}/solo`, update));
    update();
    tools.append(clear);
    if (this.store.value("/talkback/on") !== undefined) tools.append(this.talk(scope));
  }

  /** Talkback: a tap switches it, a longer press talks as long as it lasts. */
  talk(scope) {
    const address = "/talkback/on";
    const set = (on) => {
      this.store.local(address, on);
      this.link.set(address, on);
      this.link.released(address);
    };
    let since = 0;
    let was = 0;
    const button = h("button.talk", {
      onpointerdown: (event) => {
        button.setPointerCapture(event.pointerId);
        [since, was] = [performance.now(), this.store.number(address)];
        set(1);
      },
      onpointerup: () => {
        if (was || performance.now() - since > 400) set(0);
      },
      onclick: (event) => event.detail === 0 && set(this.store.on(address) ? 0 : 1),
    }, "Talk");
    const update = () => {
      button.classList.toggle("on", this.store.on(address));
      button.setAttribute("aria-pressed", this.store.on(address));
    };
    scope.add(this.store.listen(address, update));
    update();
    return button;
  }
}

window.headroom = new App();
