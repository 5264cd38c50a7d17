// The faders: banks of strips beside a main strip, for the mix or for the sends to one bus.

import { h, colour } from "./dom.js";
import { fader, metaOf, movable, toggle } from "./controls.js";
import { Meters } from "./meters.js";
import { kindName, patterns } from "./model.js";
import { shown, toNorm } from "./store.js";

const NARROWEST = 70;
const WIDEST = 118;

const LAYERS = [
  { id: "ch", label: "Channels", kinds: ["ch"] },
  { id: "bus", label: "Buses", kinds: ["bus", "matrix"] },
  { id: "dca", label: "DCAs", kinds: ["dca", "mutegroup"] },
];

/** Pan as a bar to drag. */
export function panBar(app, scope, address, label) {
  let update = () => {};
  const meta = metaOf(app, address, () => update());
  const mark = h("div.mark");
  const element = h("div.pan", { role: "slider", tabindex: 0, "aria-label": `${label} pan`, title: "Pan" }, h("div.line"), mark);
  update = () => {
    const value = app.store.number(address);
    const text = shown(meta(), value);
    element.classList.toggle("unknown", Boolean(meta().unknown));
    mark.style.transform = `translateX(${(toNorm(meta(), value) * 100).toFixed(1)}%)`;
    element.setAttribute("aria-valuemin", meta().min);
    element.setAttribute("aria-valuemax", meta().max);
    element.setAttribute("aria-valuenow", value.toFixed(2));
    element.setAttribute("aria-valuetext", text);
    element.dataset.text = text;
    element.classList.toggle("right", value > 0);
    element.classList.toggle("locked", app.store.readOnly.has(address));
  };
  scope.add(app.store.listen(address, update));
  movable(app, scope, element, { address, meta, horizontal: true, travel: () => (element.clientWidth || 60) * 1.6 });
  update();
  return element;
}

export class Mixer {
  /** `locked`: sends to these buses only, as a musician sees it. */
  constructor(app, root, scope, { locked = null } = {}) {
    this.app = app;
    this.root = root;
    this.scope = scope;
    this.locked = locked;
    this.layer = app.memory.layer ?? "ch";
    this.start = app.memory.start ?? { ch: 0, bus: 0, dca: 0 };
    this.to = locked ? locked[0] : (app.memory.to ?? null);
    this.members = null;
    this.part = scope.inner();
    this.render();
    const observer = new ResizeObserver(() => {
      const count = this.fits();
      if (count !== this.count) this.fill();
    });
    observer.observe(this.desk);
    scope.add(() => observer.disconnect());
    const keys = (event) => {
      if (event.target.closest?.("input,select,dialog")) return;
      if (event.key === "[" || event.key === "]") this.page(event.key === "]" ? 1 : -1);
    };
    addEventListener("keydown", keys);
    scope.add(() => removeEventListener("keydown", keys));
    scope.add(() => app.link.watchFor("mixer", []));
    scope.add(app.onModel(() => this.render()));
  }

  /** The strips of the layer. */
  strips() {
    const { model, store } = this.app;
    if (this.members) return model.strips.filter((s) => store.on(`${s.base}${this.members}`));
    if (this.to) {
      const send = model.sendName(this.to);
      return model.strips.filter((s) => s.sends.includes(send) && !["talkback", "oscillator"].includes(s.kind));
    }
    const kinds = LAYERS.find((l) => l.id === this.layer)?.kinds ?? ["ch"];
    return model.of(...kinds);
  }

  layerKey() {
    return this.members ? "members" : this.to ? "sends" : this.layer;
  }

  render() {
    const { app } = this;
    this.part.end();
    const scope = (this.part = this.scope.inner());
    if (this.to && !app.model.strip(this.to) && !this.locked) this.to = null;
    const layers = LAYERS.filter((l) => app.model.of(...l.kinds).length);
    this.tabs = h("div.tabs", { role: "tablist", "aria-label": "Strips" },
      layers.map((layer) => h("button", { role: "tab", "data-layer": layer.id, onclick: () => this.choose({ layer: layer.id }) }, layer.label)));
    const targets = this.locked ? this.locked.map((base) => app.model.strip(base) ?? { base }) : app.model.destinations();
    this.targets = h("div.targets", { role: "group", "aria-label": "Sends on faders" },
      this.locked ? null : h("span.hint", null, "Sends to"),
      targets.map((bus) => h("button", { "data-to": bus.base, onclick: () => this.choose({ to: this.to === bus.base && !this.locked ? null : bus.base }) },
        h("i", { style: { "--c": colour(app.store.text(`${bus.base}/color`)) } }), app.model.name(bus.base))));
    this.bridge = h("div.bridge", { "aria-label": "Levels of all strips; press to go there", title: "Go to" });
    this.prev = h("button.page", { "aria-label": "Strips before", onclick: () => this.page(-1) }, "‹");
    this.next = h("button.page", { "aria-label": "Strips after", onclick: () => this.page(1) }, "›");
    this.bank = h("div.bank", { role: "group", "aria-label": "Strips" });
    this.master = h("div.master", { role: "group", "aria-label": "Main" });
    this.desk = h("div.desk", null, this.bank, this.master);
    const choose = h("div.choose", null, this.locked ? null : this.tabs, targets.length > (this.locked ? 1 : 0) ? this.targets : null);
    this.root.replaceChildren(h("div.mixer", null, choose, h("div.over", null, this.prev, this.bridge, this.next), this.desk));
    this.meters = new Meters(app, scope, this.desk);
    this.overview = new Meters(app, scope, this.bridge);
    this.bridge.addEventListener("pointerdown", (event) => this.jump(event));
    this.bridge.addEventListener("pointermove", (event) => event.buttons && this.jump(event));
    this.inner = scope.inner();
    this.fill();
  }

  /** Turns to a layer, to the sends to a bus, or to the members of a DCA or mute group (`/dca/1`). */
  choose({ layer, to = null, members = null }) {
    if (layer) this.layer = layer;
    this.to = to;
    this.members = members;
    if (members) this.start.members = 0;
    Object.assign(this.app.memory, { layer: this.layer, to: this.locked ? null : this.to });
    this.fill();
  }

  fits() {
    const width = this.desk.clientWidth - (this.master.clientWidth || NARROWEST) - 5;
    return Math.max(1, Math.floor(width / (NARROWEST + 4)));
  }

  page(by) {
    this.goTo((this.start[this.layerKey()] ?? 0) + by * this.count);
  }

  goTo(start) {
    const all = this.strips().length;
    const to = Math.max(0, Math.min(all - this.count, Math.round(start)));
    if (to === this.start[this.layerKey()]) return;
    this.start[this.layerKey()] = to;
    this.app.memory.start = this.start;
    this.fill();
  }

  jump(event) {
    const box = this.bridge.getBoundingClientRect();
    const all = this.strips().length;
    this.goTo(((event.clientX - box.left) / box.width) * all - this.count / 2);
  }

  fill() {
    const { app } = this;
    this.inner.end();
    const scope = (this.inner = this.part.inner());
    this.meters.clear();
    this.overview.clear();
    for (const tab of this.tabs.children) tab.setAttribute("aria-selected", !this.to && tab.dataset.layer === this.layer);
    for (const chip of this.targets.children) if (chip.dataset.to) chip.setAttribute("aria-pressed", chip.dataset.to === this.to);
    this.root.firstChild.classList.toggle("sending", Boolean(this.to));
    this.root.firstChild.style.setProperty("--to", colour(this.to ? app.store.text(`${this.to}/color`) : ""));
    // The main strip first: it takes its width.
    const main = this.members ?? this.to ?? "/main";
    const mainStrip = app.model.strip(main);
    this.master.replaceChildren(...(mainStrip ? [this.strip(scope, mainStrip, null)] : []));
    this.master.hidden = !mainStrip;
    const all = this.strips();
    this.count = this.fits();
    const key = this.layerKey();
    const start = (this.start[key] = Math.max(0, Math.min(this.start[key] ?? 0, all.length - this.count)));
    const visible = all.slice(start, start + this.count);
    const send = this.to ? app.model.sendName(this.to) : null;
    this.bank.replaceChildren(...visible.map((s) => this.strip(scope, s, send)));
    this.bank.style.setProperty("--widest", `${WIDEST}px`);
    if (!all.length) this.bank.append(h("p.empty", null, this.members ? "Nothing belongs to it." : this.to ? "Nothing is sent here." : "This console has none."));
    this.prev.disabled = start === 0;
    this.next.disabled = start + this.count >= all.length;
    this.bridge.parentElement.hidden = all.length <= this.count;
    this.bridge.replaceChildren(...all.map((s, k) => {
      const place = h("i", { style: { "--c": colour(app.store.text(`${s.base}/color`)) } });
      if (k >= start && k < start + this.count) place.className = "seen";
      const bar = h("b");
      place.append(bar);
      if (s.kind !== "dca" && s.kind !== "mutegroup") this.overview.add(bar, this.levelOf(s), [], { bridge: true });
      return place;
    }), this.overview.canvas);
    this.subscribe(all, visible, mainStrip);
  }

  /** Which meter a strip shows. */
  levelOf(strip) {
    const input = strip.kind === "ch" && this.app.memory.point !== "out";
    return `${strip.base}/meter/${input ? "in" : "out"}`;
  }

  subscribe(all, visible, mainStrip) {
    const metered = (list) => list.filter((s) => s.kind !== "dca" && s.kind !== "mutegroup");
    const [ins, outs] = [[], []];
    const bridged = this.bridge.parentElement.hidden ? visible : all;
    for (const strip of metered(mainStrip ? [...bridged, mainStrip] : bridged)) (this.levelOf(strip).endsWith("/in") ? ins : outs).push(strip);
    const reducers = new Set();
    for (const strip of metered(visible)) for (const p of strip.chain) reducers.add(p);
    const seen = metered(mainStrip ? [...visible, mainStrip] : visible);
    if (mainStrip) for (const p of mainStrip.chain) reducers.add(p);
    const list = [...reducers];
    this.app.link.watchFor("mixer", [
      ...patterns(ins, "meter/in"),
      ...patterns(outs, "meter/out"),
      ...(list.length ? patterns(seen, `meter/${list.length > 1 ? `{${list.join(",")}}` : list[0]}`) : []),
    ]);
  }

  /** One strip; `send` names a bus whose send its fader is. */
  strip(scope, strip, send) {
    const { app } = this;
    const { base } = strip;
    const { store, model } = app;
    const name = () => model.name(base);
    const prefix = send ? `${base}/send/${send}` : base;
    const sends = send !== null;
    const label = sends ? `${name()} to ${model.name(this.to)}` : name();
    const number = h("span.number", null, strip.number ? kindName(strip) : "");
    const title = h("span.title", null, name());
    const groups = strip.kind === "dca" || strip.kind === "mutegroup";
    const opens = strip.chain.length > 0 || groups;
    const open = () => (groups ? this.choose({ members: this.members === base ? null : base, layer: "dca" }) : app.go(`strip${base}`));
    const plate = h(opens ? "button.plate" : "div.plate", opens ? { "aria-label": `${name()}: ${groups ? "its members" : "open"}`, onclick: open } : null, number, title);
    const element = h("section.strip", { "aria-label": label, "data-base": base, "data-kind": strip.kind });
    const dress = () => {
      element.style.setProperty("--c", colour(store.text(`${base}/color`)));
      title.textContent = name();
    };
    scope.add(store.listen(`${base}/name`, dress));
    scope.add(store.listen(`${base}/color`, dress));
    dress();
    element.append(plate);
    const has = (what) => store.value(`${prefix}/${what}`) !== undefined;

    if (!sends && strip.chain.length && !this.locked) {
      const badges = h("div.badges", { "aria-hidden": "true" });
      for (const p of strip.chain.slice(0, 6)) {
        const badge = h("button", { tabindex: -1, onclick: () => app.go(`strip${base}`, p) }, p.slice(0, 5));
        const lit = () => badge.classList.toggle("on", store.on(`${base}/${p}/on`));
        scope.add(store.listen(`${base}/${p}/on`, lit));
        lit();
        badges.append(badge);
      }
      element.append(badges);
    }
    if (has("pan")) element.append(panBar(app, scope, `${prefix}/pan`, label));
    const buttons = h("div.buttons");
    let mute = null;
    let solo = null;
    if (!sends && has("solo")) buttons.append((solo = toggle(app, scope, { address: `${base}/solo`, label: `Solo ${name()}`, text: "Solo", kind: "solo" })));
    if (sends && has("on")) buttons.append((mute = toggle(app, scope, { address: `${prefix}/on`, label: `${label} on`, text: "On", kind: "send" })));
    if (!sends && has("mute")) buttons.append((mute = toggle(app, scope, { address: `${base}/mute`, label: `Mute ${name()}`, text: "Mute", kind: "mute" })));
    element.append(buttons);
    const level = sends ? `${prefix}/level` : `${base}/fader`;
    if (store.value(level) !== undefined) {
      const { element: handle, text } = fader(app, scope, { address: level, label: sends ? `${label} level` : `${label} fader` });
      const meter = h("div.meter");
      const throwing = h("div.throw", null, handle);
      if (strip.kind !== "dca") {
        throwing.append(meter);
        this.meters.add(meter, this.levelOf(strip), sends ? [] : model.reductions(strip));
      }
      element.append(throwing, text);
    } else if (strip.kind !== "dca" && strip.kind !== "mutegroup") {
      const meter = h("div.meter");
      element.append(h("div.throw", null, meter));
      this.meters.add(meter, this.levelOf(strip), []);
    } else element.append(h("div.throw"));
    element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,select")) return;
      const press = { m: mute, s: solo }[event.key];
      if (press) press.click();
    });
    return element;
  }
}

