// Scenes: the list, what a recall would change, recall at once or over a time, undo.

import { ask, h, say } from "./dom.js";
import { Int } from "./osc.js";
import { shown } from "./store.js";

export async function show(app, root, scope) {
  const { link } = app;
  const list = h("ol.scenes", { "aria-label": "Scenes" });
  const preview = h("div.preview", { "aria-live": "polite" });
  let chosen = null;

  const time = h("select", { "aria-label": "Recall over" }, [0, 0.5, 1, 2, 3, 5, 10, 20, 30].map((s) => h("option", { value: s }, s ? `over ${s} s` : "at once")));
  time.value = String(app.memory.recall ?? 0);
  time.addEventListener("change", () => (app.memory.recall = Number(time.value)));

  /** A command; what it says when it fails is shown. */
  const run = async (address, ...args) => {
    try {
      return await link.command(address, ...args);
    } catch (error) {
      say(error.message, "bad");
      return null;
    }
  };

  const recalled = (answer) => {
    if (!answer) return;
    const [name, count, ...skipped] = answer;
    say(`${name}: ${count} ${count === 1 ? "value" : "values"} changed${skipped.length ? `; not in this rig: ${skipped.slice(0, 5).join(", ")}` : ""}`);
    chosen = name;
    fill().then(() => pick(name));
  };
  const recall = async (name) => {
    const seconds = Number(time.value);
    recalled(await (seconds ? run("/scene/recall", name, seconds, "s") : run("/scene/recall", name)));
  };

  async function names() {
    const all = [];
    let from = null;
    do {
      const answer = await (from === null ? link.command("/scene/list") : link.command("/scene/list", new Int(from)));
      from = typeof answer.at(-1) === "number" ? answer.pop() : null;
      all.push(...answer);
    } while (from !== null && all.length < 5000);
    return all;
  }

  async function fill() {
    let all;
    try {
      all = await names();
    } catch (error) {
      list.replaceChildren(h("li.empty", null, error.message));
      return;
    }
    if (scope.over) return;
    if (!all.length) list.replaceChildren(h("li.empty", null, "No scenes yet. Store one: it holds every value of strips, DCAs and mute groups."));
    else list.replaceChildren(...all.map((name, k) => row(name, k, all)));
    if (chosen && !all.includes(chosen)) chosen = null;
    if (!chosen) preview.replaceChildren(h("p.dim", null, all.length ? "Choose a scene to see what its recall would change." : ""));
  }

  function row(name, k, all) {
    return h("li", { "aria-current": name === chosen ? "true" : null },
      h("button.pick", { onclick: () => pick(name) }, h("span.number", null, k + 1), h("span.title", null, name)),
      h("button.primary", { onclick: () => recall(name), "aria-label": `Recall ${name}` }, "Recall"),
      h("select.more", { "aria-label": `More for ${name}`, onchange: (event) => more(event, name, k) },
        ["…", "Store over", "Rename", k > 0 && "Move up", k < all.length - 1 && "Move down", "Delete"].filter(Boolean).map((o) => h("option", null, o))));
  }

  async function more(event, name, k) {
    const what = event.target.value;
    event.target.selectedIndex = 0;
    if (what === "Store over" && (await ask(`Store over “${name}”?`, [], "Store"))) await run("/scene/store", name);
    if (what === "Rename") {
      const [to] = (await ask("Rename the scene", [{ label: "Name", value: name }], "Rename")) ?? [];
      if (to && to !== name && (await run("/scene/rename", name, to)) && chosen === name) chosen = to;
    }
    if (what === "Move up") await run("/scene/move", name, new Int(k));
    if (what === "Move down") await run("/scene/move", name, new Int(k + 2));
    if (what === "Delete" && (await ask(`Delete “${name}”?`, [], "Delete"))) await run("/scene/delete", name);
    fill();
  }

  async function pick(name) {
    chosen = name;
    for (const li of list.children) li.toggleAttribute("aria-current", li.querySelector(".title")?.textContent === name);
    preview.replaceChildren(h("p.dim", null, "…"));
    const changes = [];
    let head = null;
    let from = null;
    do {
      const answer = await (from === null ? run("/scene/preview", name) : run("/scene/preview", name, new Int(from)));
      if (!answer || scope.over || chosen !== name) return;
      head ??= answer.slice(0, 4);
      const rest = answer.slice(4);
      from = rest.length % 3 === 1 ? rest.pop() : null;
      for (let j = 0; j + 2 < rest.length; j += 3) changes.push(rest.slice(j, j + 3));
    } while (from !== null && changes.length < 400);
    const [, count, safe, skipped] = head;
    const told = [`${count} ${count === 1 ? "change" : "changes"}`];
    if (safe) told.push(`${safe} kept by safes`);
    if (skipped) told.push(`${skipped} not in this rig`);
    preview.replaceChildren(
      h("header", null, h("h2", null, name), h("span.dim", null, told.join(" · "))),
      changes.length
        ? h("table.changes", null, h("thead", null, h("tr", null, ["", "now", "then"].map((t) => h("th", null, t)))), h("tbody", null, changes.map(([address, now, then]) => {
            const meta = app.store.meta(address);
            return h("tr", null, h("td", { title: address }, spoken(address)), h("td", null, shown(meta, now)), h("td.then", null, shown(meta, then)));
          })))
        : h("p.dim", null, "Nothing: this is how it stands now."),
    );
    // With what is known of the addresses the values read as they do elsewhere.
    Promise.all([...new Set(changes.map(([a]) => app.likeness(a)))].slice(0, 40).map((l) => app.about(changes.find(([a]) => app.likeness(a) === l)[0]).catch(() => null))).then(() => {
      if (scope.over || chosen !== name) return;
      for (const [k, tr] of [...preview.querySelectorAll("tbody tr")].entries()) {
        const [address, now, then] = changes[k];
        app.about(address).then((meta) => {
          tr.children[1].textContent = shown(meta, now);
          tr.children[2].textContent = shown(meta, then);
        }, () => {});
      }
    });
  }

  /** `Kick · eq 1 gain`. */
  function spoken(address) {
    const [, kind, n, ...rest] = address.split("/");
    const base = /^\d+$/.test(n) ? `/${kind}/${n}` : `/${kind}`;
    const path = /^\d+$/.test(n) ? rest : [n, ...rest];
    if (path[0] === "send" && path[1]) path.splice(0, 2, `to ${app.model.name(app.model.destination(path[1]))}`);
    return `${app.model.name(base)} · ${path.join(" ")}`;
  }

  const store = async () => {
    const [name] = (await ask("Store a scene", [{ label: "Name", value: chosen ?? "", hint: "Verse" }], "Store")) ?? [];
    if (!name) return;
    const answer = await run("/scene/store", name);
    if (answer) say(`${name} is stored.`);
    chosen = name;
    fill().then(() => pick(name));
  };

  root.replaceChildren(h("div.page-body.columns", null,
    h("section.card.grow", { "aria-label": "Scenes" },
      h("header", null, h("h2", null, "Scenes"), h("div.row", null, h("button", { onclick: () => run("/undo").then((a) => a && say("Taken back.")) }, "Undo"), h("button", { onclick: () => run("/redo").then((a) => a && say("Done again.")) }, "Redo"), h("button.primary", { onclick: store }, "Store…"))),
      h("div.row.go", null,
        h("button", { "aria-label": "Select the previous scene", onclick: () => run("/scene/previous").then((a) => a && pick(a[0])) }, "‹ Previous"),
        h("button", { "aria-label": "Select the next scene", onclick: () => run("/scene/next").then((a) => a && pick(a[0])) }, "Next ›"),
        h("button.primary.big", { onclick: async () => recalled(await run("/scene/go")) }, "Go"), time),
      list),
    h("section.card.grow", { "aria-label": "Preview" }, preview)));
  await fill();
}
