// One strip with all that it has: its fader, its chain card by card, its sends and memberships.

import { COLOURS, ask, colour, h, say } from "./dom.js";
import { choice, control, entry, fader, put, slide, toggle } from "./controls.js";
import { curve } from "./dynamics.js";
import { equaliser, graphic } from "./eq.js";
import { loudness } from "./loudness.js";
import { Meters } from "./meters.js";
import { panBar } from "./mixer.js";
import { kindName } from "./model.js";
import { shown } from "./store.js";

const SINGLE = ["/main", "/monitor", "/talkback", "/oscillator"];
/** What stands in places of its own and not among other parameters. */
const PLACED = new Set(["name", "color", "icon", "fader", "mute", "solo", "pan"]);
const MARKED = new Set(["solo-safe", "safe"]);

export async function show(app, root, scope, base) {
  const strips = app.model.strips.filter((s) => !["dca", "mutegroup"].includes(s.kind) && !SINGLE.includes(s.base));
  const which = base && app.model.strip(base) ? base : strips[0]?.base;
  const strip = app.model.strip(which);
  if (!strip) {
    root.replaceChildren(h("p.empty", null, "This console has no such strip."));
    return;
  }
  if (!SINGLE.includes(which)) app.memory.strip = which;
  root.replaceChildren(h("p.empty", null, "…"));
  const node = await app.store.tree(which);
  if (scope.over) return;
  if (!node) {
    root.replaceChildren(h("p.empty", null, "This role does not see this strip."));
    return;
  }
  new Page(app, root, scope, strip, node, strips).render();
}

class Page {
  constructor(app, root, scope, strip, node, strips) {
    Object.assign(this, { app, root, scope, strip, node, strips, base: strip.base });
  }

  has(path) {
    return this.app.store.meta(`${this.base}/${path}`) !== undefined;
  }

  render() {
    const { app, scope, base, node } = this;
    this.subscribe();
    const body = h("div.cards");
    const side = this.side();
    const card = (id, title, on, ...content) => {
      const inside = content.flat().filter(Boolean);
      if (!inside.length && !on) return;
      body.append(h("section.card", { id: `part-${id}`, "aria-label": title }, h("header", null, h("h2", null, title), on), ...inside));
    };
    const bare = Object.entries(node.CONTENTS).filter(([name, child]) => !child.CONTENTS && !PLACED.has(name) && !MARKED.has(name)).map(([, c]) => app.store.meta(c.FULL_PATH));
    if (node.CONTENTS.loudness) card("loudness", "Loudness", null, loudness(app, scope, base, node));
    const input = bare.filter((m) => m && m.writable);
    const facts = bare.filter((m) => m && !m.writable);
    const known = new Set(["dca", "mutegroup", "send", "meter", "loudness"]);
    const chain = this.strip.chain.filter((p) => node.CONTENTS[p]?.CONTENTS && !known.has(p));
    const other = Object.keys(node.CONTENTS).filter((p) => node.CONTENTS[p].CONTENTS && !known.has(p) && !chain.includes(p));
    const settings = () => card("input", SINGLE.includes(base) ? "Settings" : "Input", null, h("div.knobs", null, order(input.map((m) => m.address.slice(base.length + 1))).map((p) => control(app, scope, app.store.meta(`${base}/${p}`), label(p)))));
    if (base !== "/main") settings();
    // Filters stand with the equaliser that shows them.
    const filters = chain.includes("eq") ? this.filters().map((f) => f.path.slice(base.length + 1)) : [];
    // What is wide stands first.
    const isWide = (p) => p === "eq";
    const all = [...chain, ...other].filter((p) => !filters.includes(p));
    for (const p of [...all.filter(isWide), ...all.filter((p) => !isWide(p))]) card(p, title(p), this.switchOf(p), this.processor(p), p === "eq" && filters.length ? h("div.row.filters", null, filters.map((f) => this.filter(f))) : null);
    if (base === "/main") settings();
    card("sends", "Sends", null, this.sends());
    card("groups", "DCAs and mute groups", null, this.groups());
    if (facts.length) card("facts", "Figures", null, h("dl.facts", null, facts.map((m) => this.fact(m))));
    const parts = this.parts([...body.children], chain);
    this.root.replaceChildren(h("div.strip-page.page-body", null, side, h("div.inside", null, h("nav.chain", { "aria-label": "Parts of the strip" }, parts), body)));
    if (app.part) document.getElementById(`part-${app.part}`)?.scrollIntoView({ block: "start" });
    app.part = null;
  }

  /** Buttons to the parts, those of the chain in its order and lit where they are on. */
  parts(cards, chain) {
    const { app, scope, base } = this;
    const to = (part, text) => h("button", { onclick: () => document.getElementById(`part-${part}`)?.scrollIntoView({ block: "start" }) }, text);
    const isOfChain = (c) => chain.includes(c.id.slice(5));
    const before = cards.filter((c) => ["part-loudness", "part-input"].includes(c.id));
    const after = cards.filter((c) => !before.includes(c) && !isOfChain(c));
    const plainly = (c) => to(c.id.slice(5), c.getAttribute("aria-label"));
    const lit = chain.map((p) => {
      const button = to(p, title(p));
      const update = () => button.classList.toggle("on", app.store.on(`${base}/${p}/on`));
      scope.add(app.store.listen(`${base}/${p}/on`, update));
      update();
      return button;
    });
    return [...before.map(plainly), ...lit, ...after.map(plainly)];
  }

  subscribe() {
    const { app, scope, base, node } = this;
    const levels = Object.keys(node.CONTENTS.meter?.CONTENTS ?? {});
    const wanted = levels.filter((m) => m !== "rms");
    // An own pattern for what lies below meter and loudness: `//` does not reach them.
    app.link.watchFor("strip", [`${base}//*`, ...(wanted.length ? [`${base}/meter/{${wanted.join(",")}}`] : [])]);
    if (node.CONTENTS.loudness) app.link.watchFor("strip loudness", [`${base}/loudness/*`], 10);
    scope.add(() => {
      app.link.watchFor("strip", []);
      app.link.watchFor("strip loudness", []);
    });
  }

  /** The left side: name, fader, meter, switches. */
  side() {
    const { app, scope, base, strip, strips } = this;
    const { store } = app;
    const at = strips.indexOf(strip);
    const to = (by) => strips[(at + by + strips.length) % strips.length];
    const side = h("aside.side", { "data-base": base });
    const dress = () => side.style.setProperty("--c", colour(store.text(`${base}/color`)));
    scope.add(store.listen(`${base}/color`, dress));
    dress();
    const turn = at < 0 ? null : h("div.turn", null,
      h("button", { "aria-label": `Previous: ${app.model.name(to(-1).base)}`, onclick: () => app.go(`strip${to(-1).base}`) }, "‹"),
      h("select", { "aria-label": "Strip", onchange: (e) => app.go(`strip${e.target.value}`) },
        strips.map((s) => h("option", { value: s.base, selected: s === strip }, `${kindName(s)}  ${app.model.name(s.base)}`))),
      h("button", { "aria-label": `Next: ${app.model.name(to(1).base)}`, onclick: () => app.go(`strip${to(1).base}`) }, "›"));
    const others = SINGLE.slice(1).filter((s) => app.model.strip(s));
    const beside = at >= 0 || base === "/main" || others.length < 2 ? null : h("div.wrap", null, others.map((s) => h("button", { "aria-current": s === base, onclick: () => app.go(s === "/monitor" ? "monitor" : `monitor${s}`) }, kindName({ kind: s.slice(1) }))));
    const names = h("div.names", null,
      this.has("name") ? entry(app, scope, { address: `${base}/name`, label: "Name" }) : null,
      this.has("color") ? choice(app, scope, { address: `${base}/color`, label: "Colour", options: colours(store.text(`${base}/color`)), named: (c) => c || "none" }) : null);
    const buttons = h("div.buttons.wide", null,
      this.has("solo") ? toggle(app, scope, { address: `${base}/solo`, label: "Solo", kind: "solo" }) : null,
      this.has("mute") ? toggle(app, scope, { address: `${base}/mute`, label: "Mute", kind: "mute" }) : null,
      [...MARKED].filter((p) => this.has(p)).map((p) => toggle(app, scope, { address: `${base}/${p}`, label: label(p), title: store.meta(`${base}/${p}`).doc })));
    const desk = h("div.desk.one");
    const meters = new Meters(app, scope, desk);
    const throwing = h("div.throw");
    let text = null;
    if (this.has("fader")) {
      const made = fader(app, scope, { address: `${base}/fader`, label: `${app.model.name(base)} fader` });
      throwing.append(made.element);
      text = made.text;
    }
    for (const point of ["in", "out"]) {
      if (!this.has(`meter/${point}`)) continue;
      const place = h("div.meter");
      throwing.append(h("div.metered", null, place, h("span", null, point)));
      meters.add(place, `${base}/meter/${point}`, point === "out" ? app.model.reductions(strip) : []);
    }
    desk.append(throwing);
    side.append(...[turn, beside, names, buttons, this.has("pan") ? panBar(app, scope, `${base}/pan`, app.model.name(base)) : null, desk, text, this.presets()].filter(Boolean));
    side.addEventListener("keydown", (event) => {
      if (event.target.closest("input,select") || event.ctrlKey || event.metaKey) return;
      const what = { m: "mute", s: "solo" }[event.key];
      if (what && this.has(what)) put(app, `${base}/${what}`, store.on(`${base}/${what}`) ? 0 : 1);
    });
    return side;
  }

  presets() {
    const { app, base } = this;
    const id = base.slice(1);
    if (["talkback", "oscillator", "monitor"].includes(id)) return null;
    const load = h("select", { "aria-label": "Load a preset", onfocus: () => fill(), onpointerdown: () => fill() }, h("option", null, "Preset…"));
    let filled = false;
    const fill = async () => {
      if (filled) return;
      filled = true;
      try {
        const list = await app.link.command("/preset/list");
        for (let k = 0; k + 1 < list.length; k += 2) load.append(h("option", { value: list[k], title: list[k + 1] }, list[k]));
      } catch (error) {
        filled = false;
        say(error.message, "bad");
      }
    };
    load.addEventListener("change", async () => {
      const name = load.value;
      load.selectedIndex = 0;
      try {
        const [, , count, ...skipped] = await app.link.command("/preset/load", id, name);
        say(`${name}: ${count} values${skipped.length ? `; not in this chain: ${skipped.join(", ")}` : ""}`);
      } catch (error) {
        say(error.message, "bad");
      }
    });
    const save = h("button", { onclick: async () => {
      const [name] = (await ask("Save as a preset", [{ label: "Name", hint: "my-kick" }], "Save")) ?? [];
      if (name) await app.link.command("/preset/save", id, name).then(() => say(`${name} is saved.`), (error) => say(error.message, "bad"));
    } }, "Save…");
    return h("div.row", null, load, save);
  }

  switchOf(p) {
    const address = `${this.base}/${p}/on`;
    return this.app.store.meta(address) ? toggle(this.app, this.scope, { address, label: `${title(p)} on`, text: "On" }) : null;
  }

  /** A high- or low-pass in one line. */
  filter(p) {
    const path = `${this.base}/${p}`;
    const names = Object.entries(this.node.CONTENTS[p].CONTENTS).filter(([name, c]) => !c.CONTENTS && name !== "on").map(([name]) => name);
    return h("div.filter", { id: `part-${p}` }, toggle(this.app, this.scope, { address: `${path}/on`, label: title(p) }), order(names).map((n) => this.param(`${path}/${n}`, n)));
  }

  /** The inside of one processor. */
  processor(p) {
    const { app, scope, base, node } = this;
    const inside = node.CONTENTS[p];
    const path = `${base}/${p}`;
    const parts = [];
    const levels = node.CONTENTS.meter?.CONTENTS ?? {};
    const spectrum = levels.spectrum ? `${base}/meter/spectrum` : null;
    const filters = p === "eq" ? this.filters() : [];
    const drawn = new Set();
    const draw = (container, name) => {
      const made = equaliser(app, scope, { node: container, filters, spectrum, label: name });
      if (!made) return;
      parts.push(h("div.part", null, container === inside ? null : h("h3", null, name), made));
      for (const key of Object.keys(container.CONTENTS)) if (/^\d+$/.test(key)) drawn.add(`${container.FULL_PATH}/${key}`);
    };
    draw(inside, title(p));
    for (const [name, child] of Object.entries(inside.CONTENTS)) if (child.CONTENTS) draw(child, title(name));
    const geq = graphic(app, scope, inside, (address, text) => fader(app, scope, { address, label: text, unit: false }).element);
    if (geq) {
      parts.push(geq);
      for (const key of Object.keys(inside.CONTENTS)) if (/^\d+$/.test(key)) drawn.add(`${path}/${key}`);
    }
    const names = Object.entries(inside.CONTENTS).filter(([, c]) => !c.CONTENTS).map(([name]) => name);
    const reduction = levels[p] ? `${base}/meter/${p}` : null;
    const picture = curve(app, scope, { path, params: names, level: p === "limiter" || base === "/main" ? `${base}/meter/${levels.in ? "in" : "out"}` : `${base}/meter/in`, reduction, label: title(p) });
    const knobs = h("div.knobs", null, order(names).filter((n) => n !== "on").map((n) => this.param(`${path}/${n}`, n)));
    if (picture) parts.push(h("div.dynamics", null, picture, knobs));
    else if (knobs.childElementCount) parts.push(knobs);
    for (const [name, child] of Object.entries(inside.CONTENTS)) {
      if (!child.CONTENTS || drawn.has(child.FULL_PATH)) continue;
      const below = this.below(child, drawn);
      if (!below.length) continue;
      const isBand = /^\d+$/.test(name);
      const part = h("details", { open: isBand }, h("summary", null, isBand ? `Band ${name}` : title(name)), h("div.knobs", null, below));
      parts.push(part);
      // Where the number of bands is a value, those beyond it do nothing.
      const bands = `${path}/bands`;
      if (!isBand || !app.store.meta(bands)) continue;
      const update = () => (part.hidden = Number(name) > app.store.number(bands));
      scope.add(app.store.listen(bands, update));
      update();
    }
    return parts;
  }

  /** Controls of all that lies below, with the way to it as their label. */
  below(container, drawn, way = "") {
    const all = container.CONTENTS;
    return order(Object.keys(all)).map((name) => [name, all[name]]).flatMap(([name, child]) => {
      if (drawn.has(child.FULL_PATH)) return [];
      return child.CONTENTS ? this.below(child, drawn, `${way}${name} `) : [this.param(child.FULL_PATH, `${way}${name}`)];
    });
  }

  param(address, name) {
    const { app, scope } = this;
    const meta = app.store.meta(address);
    if (!meta.writable) return this.told(meta, label(name));
    if (/(^| )sidechain$/.test(name)) return choice(app, scope, { address, label: "Key", options: ["", ...this.keys()], named: (o) => (o ? app.model.name(`/${o}`) : "itself") });
    return control(app, scope, meta, label(name));
  }

  told(meta, name) {
    const text = h("span.value");
    const update = () => (text.textContent = shown(meta, this.app.store.value(meta.address)));
    this.scope.add(this.app.store.listen(meta.address, update));
    update();
    return h("div.told", { title: meta.doc }, h("span.name", null, name), text);
  }

  fact(meta) {
    const value = h("dd");
    const update = () => (value.textContent = shown(meta, this.app.store.value(meta.address)));
    this.scope.add(this.app.store.listen(meta.address, update));
    update();
    return h("div", null, h("dt", { title: meta.doc }, label(meta.address.slice(this.base.length + 1))), value);
  }

  /** Strips that can be a key. */
  keys() {
    return this.app.model.of("ch", "bus", "matrix", "main").map((s) => s.base.slice(1));
  }

  /** High- and low-pass of the strip, drawn with the equaliser. */
  filters() {
    return this.strip.chain.filter((p) => this.node.CONTENTS[p]?.CONTENTS?.slope).map((p) => ({ name: title(p), path: `${this.base}/${p}`, high: p.startsWith("h") }));
  }

  sends() {
    const { app, scope, base, node } = this;
    const sends = node.CONTENTS.send?.CONTENTS;
    if (!sends) return null;
    return h("div.sends", null, this.strip.sends.filter((s) => sends[s]).map((s) => {
      const path = `${base}/send/${s}`;
      const to = app.model.destination(s);
      const name = app.model.strip(to) ? app.model.name(to) : s;
      const has = (p) => app.store.meta(`${path}/${p}`) !== undefined;
      const row = h("div.sendrow", { style: { "--to": colour(app.store.text(`${to}/color`)) } });
      if (has("on")) row.append(toggle(app, scope, { address: `${path}/on`, label: `Send to ${name}`, text: name, kind: "send" }));
      if (has("level")) row.append(slide(app, scope, { address: `${path}/level`, label: "Level" }));
      if (has("pan")) row.append(panBar(app, scope, `${path}/pan`, `${name} send`));
      if (has("tap")) row.append(choice(app, scope, { address: `${path}/tap`, label: "Tap", options: app.store.meta(`${path}/tap`).options }));
      return row;
    }));
  }

  groups() {
    const { app, scope, base, node } = this;
    const buttons = ["dca", "mutegroup"].flatMap((kind) =>
      Object.keys(node.CONTENTS[kind]?.CONTENTS ?? {}).map((n) => toggle(app, scope, { address: `${base}/${kind}/${n}`, label: `${app.model.name(`/${kind}/${n}`)}` })));
    return buttons.length ? h("div.wrap", null, buttons) : null;
  }
}

const WORDS = { hpf: "High-pass", lpf: "Low-pass", eq: "EQ", comp: "Compressor", geq: "Graphic EQ", ms: "Mid/side EQ", deess: "De-esser", dyneq: "Dynamic EQ", mid: "Mid", side: "Side" };

/** A processor's name as a heading. */
function title(name) {
  const [, word, number] = /^(.*?)(-\d+)?$/.exec(name);
  return (WORDS[word] ?? word[0].toUpperCase() + word.slice(1)) + (number ? ` ${number.slice(1)}` : "");
}

function label(path) {
  const words = path.replaceAll("/", " ").replaceAll("-", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** Parameters in the order of a signal's way, others behind. */
function order(names) {
  const first = ["on", "trim", "polarity", "delay", "type", "mode", "file", "freq", "slope", "threshold", "ceiling", "ratio", "knee", "range", "attack", "hold", "release"];
  const place = (n) => (first.includes(n) ? first.indexOf(n) : first.length);
  return [...names].sort((a, b) => place(a) - place(b));
}

function colours(present) {
  return COLOURS.includes(present) ? ["", ...COLOURS] : ["", present, ...COLOURS].filter((c, k, all) => all.indexOf(c) === k);
}
