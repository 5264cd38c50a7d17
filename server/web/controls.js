// Controls bound to one address: fader, knob, switch, choice, text. Each shows what the console holds.

import { h, say, svg } from "./dom.js";
import { fromNorm, shown, toNorm } from "./store.js";

/** Pixels aside at which a drag becomes fine, and how much finer. */
const ASIDE = 90;
const FINE = 0.15;
const DOUBLE_MS = 320;

const isFine = (event) => event.shiftKey || event.ctrlKey || event.metaKey;

/** The value of a double tap. */
function neutral(meta) {
  if (meta.taper === "level") return 0;
  if (typeof meta.byDefault === "number") return meta.byDefault;
  if (meta.min < 0 && meta.max > 0) return 0;
  return null;
}

/** Sends a value and shows it. */
export function put(app, address, value) {
  app.store.local(address, value);
  app.link.set(address, value);
}

/**
 * Makes an element move an address: pointers (each for itself), wheel, keys. `travel(element)` is the length of the
 * way in pixels, looked up when a drag begins. A drag is relative, so nothing jumps when it begins.
 */
export function movable(app, scope, element, { address, meta, travel, horizontal }) {
  const { store, link } = app;
  // What moves is known only with its range: without it a drag would set nonsense.
  const isLocked = () => store.readOnly.has(address) || meta().unknown;
  const now = () => toNorm(meta(), store.number(address));
  let drag = null;
  let tapped = 0;

  const move = (n) => put(app, address, fromNorm(meta(), n));

  const down = (event) => {
    if (event.button > 0 || isLocked()) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    const time = performance.now();
    if (time - tapped < DOUBLE_MS && neutral(meta()) !== null) {
      tapped = 0;
      put(app, address, neutral(meta()));
      return;
    }
    tapped = time;
    if (drag) return;
    element.setPointerCapture(event.pointerId);
    store.hold(address);
    drag = { id: event.pointerId, x: event.clientX, y: event.clientY, x0: event.clientX, y0: event.clientY, n: now(), length: travel(element), moved: false };
    element.classList.add("held");
  };
  const moved = (event) => {
    if (event.pointerId !== drag?.id) return;
    const along = horizontal ? event.clientX - drag.x : drag.y - event.clientY;
    const aside = horizontal ? Math.abs(event.clientY - drag.y0) : Math.abs(event.clientX - drag.x0);
    drag.x = event.clientX;
    drag.y = event.clientY;
    if (!drag.moved && Math.hypot(event.clientX - drag.x0, event.clientY - drag.y0) < 3) {
      drag.n += along / drag.length;
      return;
    }
    if (!drag.moved) {
      drag.moved = true;
      tapped = 0;
    }
    const fine = isFine(event) || aside > ASIDE;
    drag.n = Math.min(1.02, Math.max(-0.02, drag.n + (along / drag.length) * (fine ? FINE : 1)));
    move(drag.n);
  };
  const up = (event) => {
    if (event.pointerId !== drag?.id) return;
    // The browser took the touch for scrolling: that was no tap.
    if (event.type === "pointercancel") tapped = 0;
    drag = null;
    element.classList.remove("held");
    letGo();
  };
  const letGo = () => {
    // As a motor fader does: where another moved it meanwhile, the hand has the last word.
    const other = store.release(address);
    if (other) link.set(address, store.value(address));
    link.released(address);
  };
  let wheeled = 0;
  const wheel = (event) => {
    if (isLocked() || event.deltaY === 0) return;
    event.preventDefault();
    wheeled += event.deltaY;
    if (Math.abs(wheeled) < 4) return;
    step(Math.sign(-wheeled) * (isFine(event) ? 0.002 : 0.01));
    wheeled = 0;
  };
  const step = (by) => {
    const { min, max, whole, taper } = meta();
    if (taper === "level" && Math.abs(by) < 0.02) {
      // Keys and wheel move in dB where a fader is in its upper range: 0.5 dB, finely 0.1.
      const db = store.number(address);
      const size = Math.abs(by) <= 0.002 ? 0.1 : 0.5;
      if (db > -40) return put(app, address, Math.min(max, Math.round((db + Math.sign(by) * size) / size) * size));
    }
    if (whole) return put(app, address, Math.min(max, Math.max(min, Math.round(store.number(address)) + Math.sign(by))));
    return move(now() + by);
  };
  const key = (event) => {
    if (isLocked() || event.altKey) return;
    const by = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1 }[event.key];
    if (by) step(event.shiftKey ? by / 5 : by);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(1);
    else if (["Delete", "Backspace"].includes(event.key) && neutral(meta()) !== null) put(app, address, neutral(meta()));
    else if (event.key === "Enter") typed(app, element, address, meta());
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", moved);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("lostpointercapture", up);
  element.addEventListener("wheel", wheel, { passive: false });
  element.addEventListener("keydown", key);
  scope.add(() => {
    if (drag) letGo();
    drag = null;
  });
}

/** Types a value; the console reads text with units itself. */
export function typed(app, element, address, meta) {
  if (app.store.readOnly.has(address)) return;
  const box = element.getBoundingClientRect();
  const input = h("input.typed", { value: shown(meta, app.store.value(address)).replace("−", "-"), "aria-label": meta?.doc ?? address });
  input.style.left = `${Math.max(4, Math.min(innerWidth - 116, box.left + box.width / 2 - 56))}px`;
  input.style.top = `${Math.max(4, Math.min(innerHeight - 48, box.top + box.height / 2 - 20))}px`;
  let done = false;
  const end = (take) => {
    if (done) return;
    done = true;
    const text = input.value.trim().replace("−", "-");
    input.remove();
    element.focus({ preventScroll: true });
    // Asked afterwards, so the page shows what the text meant.
    if (take && text && !app.link.transmit([[address, text], [address]])) say("There is no link to the console.", "bad");
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") end(false);
  });
  input.addEventListener("blur", () => end(false));
  document.body.append(input);
  input.focus();
  input.select();
}

const plain = { unknown: true, kind: "number", min: 0, max: 1, taper: "linear", unit: "", doc: "", address: "" };

/** Meta of an address: what is known, else asked for. */
export function metaOf(app, address, then) {
  let meta = app.store.meta(address);
  if (!meta) {
    app.about(address).then((found) => {
      if (found) {
        meta = found;
        then();
      }
    }, () => {});
  }
  return () => meta ?? { ...plain, address };
}

function slider(app, scope, element, { address, meta, label }, show) {
  element.setAttribute("role", "slider");
  element.setAttribute("tabindex", "0");
  element.setAttribute("aria-label", label);
  const update = () => {
    const m = meta();
    const value = app.store.number(address, m.min);
    const text = shown(m, app.store.value(address) === undefined ? undefined : value);
    element.setAttribute("aria-valuemin", m.min);
    element.setAttribute("aria-valuemax", m.max ?? m.min);
    element.setAttribute("aria-valuenow", Math.round(value * 1000) / 1000);
    element.setAttribute("aria-valuetext", text);
    element.classList.toggle("locked", app.store.readOnly.has(address));
    element.classList.toggle("unknown", Boolean(m.unknown));
    if (app.store.readOnly.has(address)) element.setAttribute("aria-readonly", "true");
    show(toNorm(m, value), text, m, value);
  };
  scope.add(app.store.listen(address, update));
  return update;
}

const TICKS = [10, 5, 0, -5, -10, -20, -30, -40, -60];

/** A fader, upright; it fills its place. */
export function fader(app, scope, { address, label, unit = true }) {
  let update = () => {};
  const meta = metaOf(app, address, () => update());
  const scale = h("div.scale", { "aria-hidden": "true" });
  const cap = h("div.cap");
  const rail = h("div.rail", null, cap);
  const element = h("div.fader", null, h("div.slot"), scale, rail);
  let marked = null;
  const mark = (m) => {
    marked = m;
    scale.replaceChildren(
      ...TICKS.filter((db) => m.max !== null && db <= m.max).map((db) =>
        h(`i${db === 0 ? ".unity" : ""}`, { style: { top: `${(1 - toNorm(m, db)) * 100}%` } }, h("b", null, db > 0 ? `+${db}` : `${Math.abs(db)}`)),
      ),
    );
  };
  const text = unit ? h("button.readout", { tabindex: "-1", onclick: () => typed(app, text, address, meta()), "aria-hidden": "true" }) : null;
  update = slider(app, scope, element, { address, meta, label }, (n, shownText, m) => {
    if (m !== marked && m.taper === "level") mark(m);
    rail.style.transform = `translateY(${((1 - n) * 100).toFixed(2)}%)`;
    if (text) text.textContent = shownText.replace(" dB", "");
  });
  movable(app, scope, element, { address, meta, travel: () => rail.clientHeight || 200 });
  update();
  return { element, text, update };
}

/** A level lying on its side. */
export function slide(app, scope, { address, label }) {
  let update = () => {};
  const meta = metaOf(app, address, () => update());
  const fill = h("div.fill");
  const text = h("span.value");
  const element = h("div.slide", null, h("div.bar", null, fill), h("span.name", { "aria-hidden": "true" }, label), text);
  update = slider(app, scope, element, { address, meta, label }, (n, shownText, m) => {
    const middle = m.min < 0 && m.max > 0 && m.taper === "linear" ? toNorm(m, 0) : 0;
    fill.style.transform = `translateX(${Math.min(n, middle) * 100}%) scaleX(${Math.abs(n - middle)})`;
    text.textContent = shownText;
  });
  movable(app, scope, element, { address, meta, horizontal: true, travel: () => element.clientWidth || 200 });
  element.addEventListener("dblclick", (event) => event.preventDefault());
  update();
  return element;
}

/** A knob with its label and value. */
export function knob(app, scope, { address, label }) {
  let update = () => {};
  const meta = metaOf(app, address, () => update());
  // 270 degrees, from lower left to lower right.
  const arc = "M 9.3 34.7 A 18 18 0 1 1 34.7 34.7";
  const fill = svg("path", { d: arc, class: "on", pathLength: "100" });
  const dot = svg("line", { x1: 22, y1: 10, x2: 22, y2: 17, class: "dot" });
  const face = svg("svg", { viewBox: "0 0 44 40", "aria-hidden": "true" }, svg("path", { d: arc, class: "off", pathLength: "100" }), fill, dot);
  const text = h("button.value", { tabindex: "-1", onclick: () => typed(app, text, address, meta()), "aria-hidden": "true" });
  const dial = h("div.dial", null, face);
  const element = h("div.knob", { title: "" }, h("span.name", { "aria-hidden": "true" }, label), dial, text);
  update = slider(app, scope, dial, { address, meta, label }, (n, shownText, m) => {
    const middle = m.min < 0 && m.max > 0 && m.taper === "linear" ? toNorm(m, 0) : 0;
    const from = Math.min(n, middle) * 100;
    const size = Math.abs(n - middle) * 100;
    fill.setAttribute("stroke-dasharray", `${size.toFixed(1)} 200`);
    fill.setAttribute("stroke-dashoffset", (-from).toFixed(1));
    fill.setAttribute("visibility", size < 0.3 ? "hidden" : "visible");
    dot.setAttribute("transform", `rotate(${(-135 + n * 270).toFixed(1)} 22 22)`);
    text.textContent = shownText;
    element.title = m.doc;
  });
  movable(app, scope, dial, { address, meta, travel: () => 220 });
  update();
  return element;
}

/** A button that is on or off. */
export function toggle(app, scope, { address, label, text = label, kind = "", invert = false, title }) {
  const element = h(`button.toggle${kind ? `.${kind}` : ""}`, {
    "aria-label": label,
    title,
    onclick: () => {
      if (app.store.readOnly.has(address)) return;
      const value = app.store.on(address) ? 0 : 1;
      put(app, address, value);
      app.link.released(address);
    },
  }, text);
  const update = () => {
    const on = app.store.on(address) !== invert;
    element.classList.toggle("on", on);
    element.classList.toggle("locked", app.store.readOnly.has(address));
    element.setAttribute("aria-pressed", on);
  };
  scope.add(app.store.listen(address, update));
  update();
  return element;
}

/** A choice among a few. */
export function choice(app, scope, { address, label, options, named }) {
  const select = h("select", {
    "aria-label": label,
    onchange: () => {
      const value = options[select.selectedIndex];
      put(app, address, value);
    },
  }, options.map((o) => h("option", { value: o }, named?.(o) ?? String(o))));
  const update = () => {
    const value = app.store.value(address);
    select.selectedIndex = options.findIndex((o) => o === value || String(o) === String(value));
    select.disabled = app.store.readOnly.has(address);
  };
  scope.add(app.store.listen(address, update));
  update();
  return h("label.choice", null, h("span.name", null, label), select);
}

/** A line of text. */
export function entry(app, scope, { address, label }) {
  const input = h("input", {
    "aria-label": label,
    maxlength: 64,
    onchange: () => put(app, address, input.value),
    onkeydown: (event) => {
      event.stopPropagation();
      if (event.key === "Enter") input.blur();
    },
  });
  const update = () => {
    if (document.activeElement !== input) input.value = app.store.text(address);
    input.disabled = app.store.readOnly.has(address);
  };
  scope.add(app.store.listen(address, update));
  update();
  return h("label.choice", null, h("span.name", null, label), input);
}

/** The control that suits an address whose meta is known. */
export function control(app, scope, meta, label) {
  const { address } = meta;
  if (meta.tags.includes("button")) return h("button.toggle", { onclick: () => app.link.transmit([[address, true]]), title: meta.doc }, label);
  if (meta.kind === "bool") return toggle(app, scope, { address, label, title: meta.doc });
  if (meta.kind === "enum") return choice(app, scope, { address, label, options: meta.options });
  if (meta.kind === "text") return entry(app, scope, { address, label });
  return knob(app, scope, { address, label });
}
