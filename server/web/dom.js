// Small things for making elements.

/** An element by `tag.class.class`, with attributes, handlers (`onclick`) and children. */
export function h(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element. */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** What has to be undone when a part of the page goes. */
export class Scope {
  constructor() {
    this.ends = [];
  }

  add(end) {
    // What comes late, after something was waited for, goes at once.
    if (this.over) end();
    else this.ends.push(end);
    return end;
  }

  /** A scope that ends with this one. */
  inner() {
    const inner = new Scope();
    this.add(() => inner.end());
    return inner;
  }

  end() {
    this.over = true;
    for (const end of this.ends.splice(0)) end();
  }
}

const NAMED = {
  red: "#ff6259",
  orange: "#ff9f43",
  yellow: "#ffd84d",
  green: "#4fd483",
  cyan: "#45d3e3",
  blue: "#6aa5ff",
  magenta: "#ee7bff",
  purple: "#a98bff",
  pink: "#ff8fb8",
  white: "#e9edf2",
  grey: "#9aa4b2",
  gray: "#9aa4b2",
  brown: "#c79a6b",
  black: "#5b6572",
};

/** Names for choosing a colour. */
export const COLOURS = Object.keys(NAMED).filter((name) => name !== "gray");

/** A colour that can be seen on the dark page, by the name or `#rrggbb` of a strip. */
export function colour(name) {
  const key = (name ?? "").trim().toLowerCase();
  if (NAMED[key]) return NAMED[key];
  // Whatever it is, dark text on it and it on the dark page can be told.
  if (key && CSS.supports("color", key)) return `color-mix(in srgb, ${key} 65%, #dfe6ee)`;
  return "#8b96a5";
}

let notes;

/** Says something for a moment. */
export function say(text, kind = "") {
  notes ??= document.body.appendChild(h("div.notes", { role: "status", "aria-live": "polite" }));
  for (const same of [...notes.children].filter((n) => n.textContent === text)) same.remove();
  const note = h(`div.note${kind ? `.${kind}` : ""}`, { onclick: () => note.remove() }, text);
  notes.append(note);
  while (notes.children.length > 4) notes.firstChild.remove();
  setTimeout(() => note.remove(), kind === "bad" ? 7000 : 4000);
}

/** Asks in a dialog; resolves with the texts of its fields, or null. */
export function ask(title, fields, verb = "OK", more = null) {
  return new Promise((resolve) => {
    const inputs = fields.map((f) => ({
      f,
      input: h("input", { value: f.value ?? "", type: f.type ?? "text", "aria-label": f.label, placeholder: f.hint ?? "", autocomplete: "off" }),
    }));
    const dialog = h(
      "dialog.ask",
      { onclose: () => (dialog.remove(), resolve(dialog.returnValue === "yes" ? inputs.map((i) => i.input.value) : null)) },
      h(
        "div.asked",
        null,
        h("h2", null, title),
        more,
        inputs.map(({ f, input }) => h("label.field", null, h("span", null, f.label), input)),
        h("div.row.end", null, h("button", { onclick: () => dialog.close("no") }, "Cancel"), h("button.primary", { onclick: () => dialog.close("yes") }, verb)),
      ),
    );
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.tagName === "INPUT") {
        event.preventDefault();
        dialog.close("yes");
      }
    });
    document.body.append(dialog);
    dialog.showModal();
    inputs[0]?.input.select();
  });
}
