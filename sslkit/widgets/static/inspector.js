// The config inspector: a tree of values on the left, one value and what an edit of it would change on the right, and tabs for what a config comes to.
// It draws what Python says; the only opinions of its own are which rows are open, found and selected.

const STYLE = `
.ssl-inspector { min-width: 0; }
.ssl-inspector h3 { font-size: 14px; margin: 2px 0 4px; overflow-wrap: anywhere; }
.ssl-inspector h4 { font-size: 12.5px; margin: 12px 0 3px; color: var(--ssl-soft); font-weight: 600; }
.ssl-facts { display: flex; flex-wrap: wrap; gap: 2px 16px; color: var(--ssl-soft); margin: 0 0 6px; }
.ssl-facts b { color: var(--ssl-ink); font-weight: 600; }
.ssl-problems { margin: 0 0 6px; padding: 4px 10px; border-left: 4px solid var(--ssl-warn); background: var(--ssl-raised); }
.ssl-problems ul { margin: 2px 0; padding: 0; list-style: none; max-height: 9em; overflow: auto; }
.ssl-link { all: unset; outline: revert; cursor: pointer; color: var(--ssl-ink); overflow-wrap: anywhere; }
.ssl-link:hover { text-decoration: underline; }
.ssl-link b, .ssl-bad { color: var(--ssl-warn); font-weight: 600; }
.ssl-chip { display: inline-flex; align-items: center; gap: 4px; border: 1px solid var(--ssl-accent); border-radius: 4px; padding: 1px 2px 1px 8px; max-width: 100%; overflow-wrap: anywhere; }
.ssl-chip button { all: unset; outline: revert; cursor: pointer; padding: 0 5px; color: var(--ssl-soft); }
.ssl-chip button:hover { color: var(--ssl-warn); }
.ssl-two { display: grid; grid-template-columns: minmax(0, 1.25fr) minmax(0, 1fr); gap: 14px; }
@container (max-width: 680px) { .ssl-two { grid-template-columns: minmax(0, 1fr); } }
.ssl-values { container-type: inline-size; }
.ssl-tree { position: relative; height: 470px; overflow: auto; border: 1px solid var(--ssl-line); border-radius: 4px; }
.ssl-node { position: absolute; left: 0; right: 0; height: 24px; display: flex; align-items: center; gap: 6px; padding-right: 8px; white-space: nowrap; cursor: default; font: 12px/24px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.ssl-node:hover { background: var(--ssl-raised); }
.ssl-node[aria-selected="true"] { background: color-mix(in srgb, var(--ssl-accent) 16%, var(--ssl-bg)); box-shadow: inset 3px 0 var(--ssl-accent); }
.ssl-twist { width: 14px; flex: none; text-align: center; color: var(--ssl-soft); }
.ssl-name { flex: none; max-width: 60%; overflow: hidden; text-overflow: ellipsis; }
.ssl-val { overflow: hidden; text-overflow: ellipsis; color: var(--ssl-accent); min-width: 3ch; }
.ssl-node[data-kind="dict"] .ssl-val, .ssl-node[data-kind="list"] .ssl-val { color: var(--ssl-soft); }
.ssl-tags { margin-left: auto; flex: none; display: flex; gap: 8px; color: var(--ssl-soft); font-size: 11px; }
.ssl-where { max-width: 21ch; overflow: hidden; text-overflow: ellipsis; direction: rtl; }
.ssl-inspector mark { background: none; color: inherit; box-shadow: inset 0 -2px var(--ssl-warn); font-weight: 700; }
.ssl-detail { min-width: 0; }
.ssl-detail dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 1px 10px; margin: 4px 0; }
.ssl-detail dt { color: var(--ssl-soft); }
.ssl-detail dd { margin: 0; overflow-wrap: anywhere; }
.ssl-key { font-weight: 600; overflow-wrap: anywhere; margin: 0; }
.ssl-history { margin: 0; padding: 0; list-style: none; }
.ssl-history > li { border-left: 3px solid var(--ssl-line); padding: 2px 0 4px 10px; overflow-wrap: anywhere; }
.ssl-history > li.ssl-won { border-left-color: var(--ssl-good); }
.ssl-history s { color: var(--ssl-soft); text-decoration-thickness: 1.5px; }
.ssl-history .ssl-won b { color: var(--ssl-good); }
.ssl-from { color: var(--ssl-soft); font-size: 11.5px; }
.ssl-edit { display: flex; gap: 6px; margin-top: 4px; }
.ssl-edit input { flex: 1; min-width: 0; font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.ssl-proposal { border: 1px solid var(--ssl-accent); border-radius: 4px; padding: 6px 10px; margin-top: 8px; }
.ssl-proposal .ssl-list { max-height: 230px; overflow: auto; }
.ssl-proposal td { font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.ssl-proposal td:first-child, .ssl-kind { white-space: nowrap; color: var(--ssl-soft); }
.ssl-proposal td s { color: var(--ssl-soft); }
.ssl-inspector .ssl-charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 10px 18px; }
.ssl-inspector .ssl-charts figure { margin: 0; min-width: 0; max-width: 640px; }
.ssl-inspector .ssl-charts figcaption { font-weight: 600; }
.ssl-inspector .ssl-charts svg { width: 100%; height: auto; display: block; touch-action: none; }
.ssl-inspector .ssl-charts text { fill: var(--ssl-soft); font: 10.5px system-ui, sans-serif; }
.ssl-inspector .ssl-legend { display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 12px; }
.ssl-inspector .ssl-legend svg { width: 26px; height: 10px; display: inline-block; vertical-align: middle; }
.ssl-bar { display: inline-block; height: 9px; background: var(--ssl-accent); border-radius: 2px; vertical-align: middle; min-width: 1px; }
.ssl-inspector td.ssl-num, .ssl-inspector th.ssl-num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.ssl-wide { overflow-x: auto; }
.ssl-inspector tr.ssl-sum td { font-weight: 600; border-top: 2px solid var(--ssl-line); }
.ssl-sum-line { font-size: 17px; margin: 6px 0 10px; }
.ssl-sum-line b { color: var(--ssl-accent); }
.ssl-views td { padding: 4px 8px 4px 0; border: 0; }
.ssl-views img { display: block; width: auto; height: 128px; border: 1px solid var(--ssl-line); }
.ssl-diff { width: 100%; table-layout: fixed; }
.ssl-diff td { overflow-wrap: anywhere; }
.ssl-diff th:first-child { width: 8em; }
.ssl-diff th:nth-last-child(3):not(:first-child) { width: 30%; }
.ssl-diff code { white-space: pre-wrap; }
`;

const TABS = { schedules: "Schedules", model: "Model and memory", steps: "Batch and steps", views: "Views", diff: "Difference" };
const ROW = 24, short = (where) => where.split("/").pop();
const plural = (n, what, many = what + "s") => `${count(n)} ${n === 1 ? what : many}`;

// The text with what was searched for marked
function marked(text, find) {
  const i = find ? text.toLowerCase().indexOf(find) : -1;
  return i < 0 ? [text] : [text.slice(0, i), h("mark", {}, text.slice(i, i + find.length)), text.slice(i + find.length)];
}

// Rows as Python sends them, with parents and the text that a search looks through: key, value, type, file
function forest(rows) {
  const stack = [], byKey = new Map();
  return { byKey, rows: rows.map((r, i) => {
    const depth = r.depth || 0, n = { ...r, i, depth, history: r.history || [], parent: depth ? stack[depth - 1] : null, kids: [] };
    stack[depth] = n; byKey.set(n.key, n); if (n.parent) n.parent.kids.push(n);
    n.hay = [n.key, n.value, n.type, n.wanted, n.where, ...n.history.map((e) => e.where)].filter(Boolean).join("\n").toLowerCase();
    return n;
  }) };
}

// What a filter lets through; a search is about values, so containers are found by what is in them
const FILTERS = {
  all: ["all values", () => true],
  overridden: ["overridden", (n) => n.override],
  contested: ["set more than once", (n) => n.history.length > 1],
  chosen: ["not the default", (n) => n.default !== undefined && !n.is_default],
  wrong: ["with problems", (n, bad) => bad.has(n.key)],
};

// The tree. Only the rows in sight are in the page, so thousands of values cost nothing
function makeTree(state, select, edit) {
  const inner = h("div", { role: "presentation" }), id = "ssl" + Math.random().toString(36).slice(2);
  const box = h("div", { class: "ssl-tree", role: "tree", tabindex: 0, "aria-label": "values of the config" }, inner);
  let shown = [], typed = "", typedAt = 0;
  const isOpen = (n) => n.kids.length > 0 && (state.find || state.filter !== "all" ? !state.closed.has(n.key) : state.open.has(n.key));
  const toggle = (n, on) => {
    if (!n.kids.length) return;
    if (state.find || state.filter !== "all") on ? state.closed.delete(n.key) : state.closed.add(n.key); else on ? state.open.add(n.key) : state.open.delete(n.key);
    layout();
  };
  // Which rows there are now: everything open, or what was found with the containers above it
  function layout() {
    const { rows } = state.forest, test = FILTERS[state.filter][1], hit = new Set(); let count = 0;
    const all = !state.find && state.filter === "all";
    if (!all) for (const n of rows) if (n.kind === "value" ? test(n, state.bad) && n.hay.includes(state.find) : state.filter === "wrong" && state.bad.has(n.key) && n.hay.includes(state.find)) { count++; for (let m = n; m && !hit.has(m); m = m.parent) hit.add(m); }
    shown = [];
    const walk = (n) => { if (!all && !hit.has(n)) return; n.at = shown.push(n) - 1; if (isOpen(n)) n.kids.forEach(walk); };
    for (const n of rows) n.at = -1;
    for (const n of rows) if (!n.parent) walk(n);
    inner.style.height = `${shown.length * ROW}px`; state.told(all ? null : count);
    paint();
  }
  // The rows in sight, and a few above and below
  function paint() {
    const from = Math.max(0, Math.floor(box.scrollTop / ROW) - 8), to = Math.min(shown.length, Math.ceil((box.scrollTop + (box.clientHeight || 470)) / ROW) + 8);
    inner.replaceChildren(...shown.slice(from, to).map(line));
    const n = state.forest.byKey.get(state.selected);
    n && n.at >= from && n.at < to ? box.setAttribute("aria-activedescendant", `${id}-${n.i}`) : box.removeAttribute("aria-activedescendant");
  }
  function line(n) {
    const beside = n.parent ? n.parent.kids : state.forest.rows.filter((m) => !m.parent), open = isOpen(n), bad = state.bad.get(n.key), inside = !open && n.kids.length && state.badAbove.has(n.key);
    const tags = [bad || inside ? h("span", { class: "ssl-bad", title: bad || "a problem inside" }, bad ? "⚠ problem" : "⚠ inside") : null,
      n.override ? h("span", { class: "ssl-bad" }, "● override") : null,
      n.history.length > 1 && n.kind === "value" ? h("span", { title: "times it was set" }, `set ${n.history.length}×`) : null,
      n.is_default ? h("span", { title: "the value is the parameter's default" }, "default") : null,
      h("span", { class: "ssl-where", title: n.where }, h("bdi", {}, ...marked(short(n.where || ""), state.find)))];
    return h("div", { class: "ssl-node", role: "treeitem", id: `${id}-${n.i}`, style: { top: `${n.at * ROW}px`, paddingLeft: `${6 + 15 * n.depth}px` }, "data-key": n.key, "data-kind": n.kind, "aria-level": n.depth + 1, "aria-setsize": beside.length,
      "aria-posinset": beside.indexOf(n) + 1, "aria-expanded": n.kids.length ? String(open) : undefined, "aria-selected": String(n.key === state.selected),
      onclick: (e) => { go(n); if (e.target.classList.contains("ssl-twist")) toggle(n, !isOpen(n)); }, ondblclick: () => (n.kids.length ? toggle(n, !isOpen(n)) : edit()) },
    h("span", { class: "ssl-twist", "aria-hidden": "true" }, n.kids.length ? (open ? "▾" : "▸") : "·"), h("span", { class: "ssl-name" }, ...marked(n.name, state.find)),
    h("span", { class: "ssl-val", title: n.value }, ...marked(n.value || "", state.find)), h("span", { class: "ssl-tags" }, tags));
  }
  function go(n) {
    if (!n) return;
    state.selected = n.key;
    const top = n.at * ROW, view = box.clientHeight || 470;
    if (top < box.scrollTop) box.scrollTop = top; else if (top + ROW > box.scrollTop + view) box.scrollTop = top + ROW - view;
    paint(); select(n);
  }
  // As the WAI-ARIA practices want it: right opens and goes in, left closes and goes out, * opens all beside, letters jump
  box.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !shown.length) return;
    const n = state.forest.byKey.get(state.selected), at = n && n.at >= 0 ? n.at : -1, page = Math.max(1, Math.floor(box.clientHeight / ROW) - 1);
    const acts = {
      ArrowDown: () => go(shown[Math.min(shown.length - 1, at + 1)]), ArrowUp: () => go(shown[Math.max(0, at - 1)]), Home: () => go(shown[0]), End: () => go(shown.at(-1)),
      PageDown: () => go(shown[Math.min(shown.length - 1, at + page)]), PageUp: () => go(shown[Math.max(0, at - page)]),
      ArrowRight: () => n && (n.kids.length && !isOpen(n) ? toggle(n, true) : n.kids.length && go(shown[at + 1])),
      ArrowLeft: () => n && (isOpen(n) ? toggle(n, false) : n.parent && go(n.parent)),
      "*": () => n && (n.parent ? n.parent.kids : state.forest.rows.filter((m) => !m.parent)).forEach((m) => m.kids.length && (state.open.add(m.key), state.closed.delete(m.key))) === undefined && layout(),
      Enter: () => n && (n.kids.length && n.type !== "list" && n.type !== "tuple" ? toggle(n, !isOpen(n)) : edit()), " ": () => n && toggle(n, !isOpen(n)), "/": () => state.search.focus(),
    };
    if (acts[e.key]) acts[e.key]();
    else if (e.key.length === 1) {
      typed = e.timeStamp - typedAt < 700 ? typed + e.key.toLowerCase() : e.key.toLowerCase(); typedAt = e.timeStamp;
      const from = typed.length > 1 ? Math.max(0, at) : at + 1;
      go([...shown.slice(from), ...shown.slice(0, from)].find((m) => m.name.toLowerCase().startsWith(typed)));
    } else return;
    e.preventDefault(); e.stopPropagation();
  });
  box.addEventListener("scroll", () => requestAnimationFrame(paint));
  // Open everything above a key and go there
  const reveal = (key) => {
    let n = state.forest.byKey.get(key);
    for (let k = key; !n && k.includes("."); ) { k = k.slice(0, k.lastIndexOf(".")); n = state.forest.byKey.get(k); }      // of a key that is missing: where it should be
    if (!n) return;
    for (let m = n.parent; m; m = m.parent) { state.open.add(m.key); state.closed.delete(m.key); }
    layout();
    if (n.at < 0) { state.search.value = ""; state.find = ""; state.filter = "all"; state.clear(); layout(); }
    go(n);
  };
  return { box, layout, paint, go, reveal };
}

// One entry of a history: the file, what stands there, and what it came to
function entry(e, won) {
  const said = e.text === e.value || e.text === `${e.value}` ? null : h("code", {}, e.text);
  const value = e.value ? h("code", {}, e.value) : null;
  const body = won ? [value ? h("b", {}, value) : null, " ", h("span", { class: "ssl-from" }, "✓ in force")] : [h("s", {}, value || h("code", {}, e.text)), " ", h("span", { class: "ssl-from" }, e.of ? `✗ went when ${e.of} was replaced as a whole` : "✗ replaced")];
  return h("li", { class: won ? "ssl-won" : "ssl-lost" }, h("div", { class: "ssl-from" }, e.where), h("div", {}, ...body), said && value ? h("div", { class: "ssl-from" }, "written as ", said, e.origin ? ` (${e.origin})` : "") : null,
    (e.inputs || []).map(([n, v, o]) => h("div", { class: "ssl-from" }, h("code", {}, `${n} = ${v}`), o ? `  ${o}` : "")));
}

// The value of a curve, given by its corners, at iteration x
function valueAt(c, x) {
  let i = c.at.findIndex((a) => a > x); if (i < 0) return c.v.at(-1); if (i === 0) return c.v[0];
  return c.v[i - 1] + (c.v[i] - c.v[i - 1]) * (x - c.at[i - 1]) / (c.at[i] - c.at[i - 1]);
}

// The schedules: one chart a quantity, one line a group of parameters, one position for all of them
function schedules(root, d) {
  const names = [...new Set(d.curves.map((c) => c.name))], per = d.epochs ? d.steps : 0, W = 460, H = 170, L = 46, R = 22, T = 8, B = 34, movers = [];
  const said = h("output", { class: "ssl-note", "aria-live": "off" }), slider = h("input", { type: "range", min: 0, max: d.total, step: 1, value: 0, "aria-label": "position in the run, in iterations", style: { flex: "1", minWidth: "160px", padding: 0 } });
  const put = (x) => {
    x = Math.round(Math.min(d.total, Math.max(0, x))); slider.value = x;
    said.textContent = per ? `epoch ${(x / per).toFixed(2)} of ${d.epochs}, iteration ${count(x)} of ${count(d.total)}` : `iteration ${count(x)} of ${count(d.total)}`;
    slider.setAttribute("aria-valuetext", said.textContent); movers.forEach((f) => f(x));
  };
  const charts = names.map((name) => {
    const cs = d.curves.filter((c) => c.name === name), many = cs.length > 6, top = Math.max(...cs.flatMap((c) => c.v)), low = Math.min(...cs.flatMap((c) => c.v)), zoom = low > 0.5 * top && top > low;
    const lo = zoom ? low - (top - low) * 0.08 : Math.min(0, low), hi = top === lo ? lo + 1 : top + (top - lo) * 0.06, X = (x) => L + (W - L - R) * x / Math.max(1, d.total), Y = (v) => T + (H - T - B) * (1 - (v - lo) / (hi - lo));
    const s = svgEl, colour = (i) => (many ? ramp(root, i / (cs.length - 1)) : classColour(root, i)), dash = (i) => (many ? "" : STROKES[i % 5].join(" "));
    const grid = [...ticks(lo, hi, 4).map((v) => [s("line", { x1: L, x2: W - R, y1: Y(v), y2: Y(v), stroke: "var(--ssl-line)", "stroke-width": 0.6 }), s("text", { x: L - 5, y: Y(v) + 3.5, "text-anchor": "end" }, figure(v))]),
      ...ticks(0, per ? d.epochs : d.total, 5, true).map((e) => { const x = per ? e * per : e; return [s("line", { x1: X(x), x2: X(x), y1: H - B, y2: H - B + 4, stroke: "var(--ssl-soft)" }), s("text", { x: X(x), y: H - B + 15, "text-anchor": "middle" }, count(e)), per ? s("text", { x: X(x), y: H - B + 28, "text-anchor": "middle", opacity: 0.75 }, count(Math.round(x))) : null]; })].flat().filter(Boolean);
    const line = s("line", { y1: T, y2: H - B, stroke: "var(--ssl-ink)", "stroke-width": 0.8 }), dots = cs.map((c, i) => s("circle", { r: 3.2, fill: colour(i) })), reads = cs.map(() => h("b", {}));
    const svg = h("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${name} from ${figure(cs[0].v[0])} to ${figure(cs[0].v.at(-1))}, at most ${figure(top)}` },
      ...grid, ...cs.map((c, i) => s("path", { d: "M" + c.at.map((a, k) => `${X(a).toFixed(1)},${Y(c.v[k]).toFixed(1)}`).join("L") + (c.at.at(-1) < d.total ? `L${X(d.total).toFixed(1)},${Y(c.v.at(-1)).toFixed(1)}` : ""), fill: "none", stroke: colour(i), "stroke-width": 1.8, "stroke-dasharray": dash(i) })), line, ...dots);
    svg.addEventListener("pointermove", (e) => { const b = svg.getBoundingClientRect(); put(((e.clientX - b.left) * W / b.width - L) / (W - L - R) * d.total); });
    movers.push((x) => { line.setAttribute("x1", X(x)); line.setAttribute("x2", X(x)); cs.forEach((c, i) => { const v = valueAt(c, x); dots[i].setAttribute("cx", X(x)); dots[i].setAttribute("cy", Y(v)); reads[i].textContent = figure(v); }); });
    const legend = cs.map((c, i) => h("span", {}, h("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, s("path", { d: "M0,5L26,5", stroke: colour(i), "stroke-width": 2.2, "stroke-dasharray": dash(i) })), ` ${c.group || name.replaceAll("_", " ")} `, reads[i]));
    return h("figure", { "data-curve": name }, h("figcaption", {}, name.replaceAll("_", " ")), svg, many ? h("details", {}, h("summary", {}, `${cs.length} groups of parameters`), h("div", { class: "ssl-legend" }, legend)) : h("div", { class: "ssl-legend" }, legend));
  });
  slider.addEventListener("input", () => put(Number(slider.value)));
  put(0);
  return [h("div", { class: "ssl-row" }, h("span", {}, "position"), slider, said), notes(d.notes), h("div", { class: "ssl-charts" }, charts),
    h("p", { class: "ssl-note" }, per ? `Below each chart: epochs, and iterations (${count(d.steps)} an epoch). Point at a curve, or move the slider, to read values.` : "Below each chart: iterations."),
    d.groups.length > 1 ? [h("h4", {}, "groups of parameters"), table(["group", "tensors", "parameters"], d.groups.map((g) => [g.group, count(g.tensors), count(g.parameters)]), [1, 2])] : null];
}

const notes = (list) => (list || []).map((n) => h("p", { class: "ssl-note", style: { margin: "2px 0" } }, n));
// A table; `right` are the columns of numbers
function table(head, rows, right = [], attrs = {}) {
  const num = (i) => (right.includes(i) ? "ssl-num" : undefined);
  return h("div", { class: "ssl-wide" }, h("table", attrs, h("thead", {}, h("tr", {}, head.map((t, i) => h("th", { class: num(i), scope: "col" }, t)))), h("tbody", {}, rows.map((r) => h("tr", { class: r.cls }, r.map((c, i) => h("td", { class: num(i) }, c)))))));
}

function modelTab(root, d) {
  const n = (v) => (v ? count(v) : "–"), depth = (m) => (m.name === "all" ? 0 : m.name.split(".").length - 1);
  const modules = d.modules.map((m) => Object.assign([h("code", { style: { paddingLeft: `${depth(m) * 14}px` } }, m.name.split(".").at(-1)), m.type, n(m.trainable), n(m.frozen), n(m.ema), n(m.buffers), m.mb.toFixed(1)], { cls: m.name === "all" ? "ssl-sum" : undefined }));
  const most = Math.max(...d.memory.slice(0, -1).map((r) => r[2]), 1);
  const memory = d.memory.map(([what, text, bytes, how]) => Object.assign([what, text, what === "sum" ? "" : h("span", { class: "ssl-bar", style: { width: `${Math.round(150 * bytes / most)}px` }, "aria-hidden": "true" }), h("span", { class: "ssl-note" }, how)], { cls: what === "sum" ? "ssl-sum" : undefined }));
  return [h("h4", {}, `memory of one process during a step with ${plural(d.batch, "image")}, an estimate`), table(["what", "bytes", "", "how it was found"], memory, [1]), h("h4", {}, "parameters of each module"), table(["module", "type", "trainable", "frozen", "EMA", "buffers", "MB"], modules, [2, 3, 4, 5, 6])];
}

function stepsTab(root, d) {
  const q = (v) => (v == null ? "?" : count(v)), rows = [["images in the data set", q(d.images)], ["batches an epoch, of each process", q(d.batches)], ["steps of the optimizer an epoch", q(d.steps)], d.epochs ? ["epochs", q(d.epochs)] : ["iterations", q(d.iterations)], ["batches in all", q(d.total_batches)], ["steps in all", q(d.total_steps)]];
  return [h("p", { class: "ssl-sum-line" }, `${q(d.batch)} × ${plural(d.processes, "process", "processes")} × ${d.accumulation} accumulated = `, h("b", {}, q(d.images_per_step)), " images a step"), table(["", ""], rows, [1]), notes(d.notes)];
}

function viewsTab(root, d) {
  const size = (s) => `${s[1]}×${s[0]}`, head = [`picture (${size(d.size)})`, ...d.sizes.map((s, i) => `view ${i + 1} (${size(s)})`)];
  return [h("p", { class: "ssl-note" }, `${plural(d.sizes.length, "view")} of each picture, as the pipeline makes them${d.masks ? `, and ${plural(d.masks, "mask")}` : ""}; ${d.source}`),
    h("div", { class: "ssl-wide" }, h("table", { class: "ssl-views" }, h("thead", {}, h("tr", {}, head.map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, d.images.map((o, i) => h("tr", {}, [o.raw, ...o.views].map((u, k) => h("td", {}, h("img", { src: u, style: { imageRendering: Math.max(...d.size) > 64 ? "auto" : "pixelated" }, alt: k ? `view ${k} of picture ${i + 1}` : `picture ${i + 1}` }))))))))];
}

const KINDS = { changed: "≠ changed", moved: "⇄ moved", added: "+ added", removed: "− removed" };
function diffTab(root, d, model) {
  const code = (t) => (t ? h("code", {}, t) : ""), at = (w) => (w ? h("div", { class: "ssl-from" }, w) : "");
  const sections = Object.entries(d.sections).map(([name, rows]) => [h("h4", {}, name), table(["", "key", "first", "second"], rows.map((r) => [h("span", { class: "ssl-kind" }, KINDS[r.kind]), h("code", {}, !r.key ? r.other_key : !r.other_key || r.key === r.other_key ? r.key : `${r.key} → ${r.other_key}`),
    [r.kind === "changed" ? h("s", {}, code(r.a)) : code(r.a), at(r.where)], [code(r.b), at(r.other_where)]]), [], { class: "ssl-diff" })]);
  return [h("p", { class: "ssl-note" }, "first: ", h("b", {}, model.get("title")), ", second: ", h("b", {}, model.get("other"))), d.facts.length ? [h("h4", {}, "in short"), table(["", "first", "second"], d.facts.map(([k, a, b]) => [k, code(a) || "–", code(b) || "–"]), [], { class: "ssl-diff" })] : null, sections.length ? sections : h("p", {}, "No difference in what is built.")];
}
const DRAW = { schedules, model: modelTab, steps: stepsTab, views: viewsTab, diff: diffTab };

function inspect({ model, el }) {
  let ready = false;
  const still = !!model.isStatic, { root, stop } = frame(model, el, "inspector", () => ready && drawTab(true)), heard = [];
  const on = (names, f) => names.split(" ").forEach((n) => { model.on(`change:${n}`, f); heard.push([`change:${n}`, f]); });
  const ask = (m) => { if (!still) model.send(m); }, lockedText = () => (still ? "Editing is off: this is a saved page, without the Python that would compute what changes. Open inspect_config in a notebook to try values." : model.get("locked"));
  const state = { open: new Set(["model", "optim_wrapper", "optim_wrapper.optimizer", "train_cfg", "param_scheduler", "train_dataloader"]), closed: new Set(), find: "", filter: "all", selected: "", bad: new Map(), badAbove: new Set(), forest: forest([]), seq: 0 };
  const head = h("div"), detail = h("div", { class: "ssl-detail" }), proposal = h("div", { "aria-live": "polite" }), found = h("output", { class: "ssl-note ssl-count", "aria-live": "polite" }), bodies = {};
  state.told = (n) => { const all = state.forest.rows.filter((r) => r.kind === "value").length; found.textContent = n === null ? plural(all, "value") : `${count(n)} of ${plural(all, "value")}`; };
  let current = "values", input = null, drawn = null, stale = false;

  // --- a value, its past, and a field to try another
  const tree = makeTree(state, (n) => showDetail(n), () => input && !input.disabled && (input.focus(), input.select()));
  detail.addEventListener("focusout", (e) => { if (stale && !detail.contains(e.relatedTarget)) showDetail(state.forest.byKey.get(state.selected)); });
  function showDetail(n) {
    input = null; stale = false;
    if (!n) return detail.replaceChildren(h("p", { class: "ssl-note" }, "Choose a value to see who set it."));
    const above = []; for (let m = n.parent; m; m = m.parent) if (m.ref) above.unshift(h("li", { class: "ssl-from" }, h("code", {}, `${m.key} = ${m.ref}`), `  ${m.where}`));
    const bad = model.get("problems").filter((p) => p.key === n.key), unset = Object.entries(n.unset || {}), flat = n.kind === "list" && n.kids.every((k) => k.kind === "value");
    const fact = (k, v) => (v === undefined || v === "" ? [] : [h("dt", {}, k), h("dd", {}, v)]);
    detail.replaceChildren(...[h("p", { class: "ssl-key" }, h("code", {}, n.key)), ...bad.map((p) => h("p", { class: "ssl-error" }, `${p.level}: ${p.message}`)),
      h("dl", {}, fact("value", h("code", {}, n.value || "")), fact("type", [n.type || "", n.wanted ? h("span", { class: "ssl-note" }, ` (the parameter wants ${n.wanted.replaceAll("|", " or ")})`) : ""].flat()),
        fact("default", n.default === undefined ? undefined : [h("code", {}, n.default), n.is_default ? " (the value is the default)" : ""]), fact("a use of", n.ref && h("code", {}, n.ref))),
      h("h4", {}, "history, oldest first"), h("ol", { class: "ssl-history" }, n.history.map((e, i) => entry(e, i === n.history.length - 1))),
      above.length ? [h("h4", {}, "reached through"), h("ul", { class: "ssl-history" }, above)] : null,
      n.kids.length && !flat ? null : editor(n), unset.length ? [h("h4", {}, "left at their defaults"), h("p", { class: "ssl-note", style: { margin: 0 } }, h("code", {}, unset.map(([k, v]) => `${k}=${v}`).join(", ")))] : null].flat().filter(Boolean));
  }
  function editor(n) {
    const off = lockedText(), start = (n.value || "").endsWith("...") ? "" : n.value || "";
    input = h("input", { type: "text", value: start, "aria-label": `another value for ${n.key}`, disabled: !!off, spellcheck: false, class: "ssl-try" }); input.value = start;
    let timer = 0;
    const send = () => { clearTimeout(timer); if (input.value === start || !input.value.trim()) ask({ do: "discard" }); else preview([`${n.key}=${input.value.trim()}`]); };
    const mine = input;
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => mine === input && send(), 180); });
    input.addEventListener("keydown", (e) => { if (e.key === "Enter") { send(); e.preventDefault(); } else if (e.key === "Escape") { clearTimeout(timer); input.value = start; ask({ do: "discard" }); tree.box.focus(); } else return; e.stopPropagation(); });
    return [h("h4", {}, "try another value"), off ? h("p", { class: "ssl-note", style: { margin: 0 } }, still ? "Editing is off in a saved page." : off) : null, h("div", { class: "ssl-edit" }, input, h("button", { type: "button", class: "ssl-button", disabled: !!off, onclick: send }, "Preview"))];
  }
  const preview = (options) => ask({ do: "preview", options, seq: ++state.seq });

  // --- what Python says would change; an answer to an older question is not shown
  function drawProposal() {
    const p = model.get("proposal");
    if (!p || !p.options || (p.seq && p.seq < state.seq)) { if (!p || !p.options) proposal.replaceChildren(); return; }
    const how = { set: "● set", derived: "↳ follows", added: "+ added", removed: "− gone" }, close = h("button", { type: "button", class: "ssl-button", onclick: () => { ask({ do: "discard" }); tree.box.focus(); } }, "Discard");
    if (p.error) return proposal.replaceChildren(h("div", { class: "ssl-proposal" }, h("p", { class: "ssl-error", role: "alert" }, p.error), close));
    const follow = p.changes.filter((c) => c[3] !== "set").length;
    proposal.replaceChildren(h("div", { class: "ssl-proposal" }, h("p", { style: { margin: "0 0 4px" } }, h("b", {}, h("code", {}, p.options.join(" "))), ` changes ${plural(p.changes.length + p.more, "value")}${follow ? `, ${count(follow)} of them because they depend on it` : ""}. Nothing is changed yet.`),
      h("div", { class: "ssl-list" }, h("table", {}, h("tbody", {}, p.changes.map(([k, a, b, w]) => h("tr", { "data-how": w }, h("td", {}, how[w]), h("td", {}, k), h("td", {}, a ? h("s", {}, a) : "", a && b ? " → " : "", b ? h("b", {}, b) : ""))))), p.more ? h("p", { class: "ssl-note" }, `and ${count(p.more)} more`) : null),
      p.problems.map((t) => h("p", { class: "ssl-bad", style: { margin: "3px 0" } }, `⚠ new: ${t}`)), p.solved.map((t) => h("p", { class: "ssl-note", style: { margin: "3px 0" } }, `✓ solved: ${t}`)),
      h("div", { class: "ssl-row" }, h("button", { type: "button", class: "ssl-button ssl-apply", disabled: !p.changes.length, onclick: () => { ask({ do: "apply", options: p.options }); tree.box.focus(); } }, "Apply"), close)));
  }

  // --- the top: what the config comes to, its problems, what was applied, and the two ways to take it away. Fields and buttons are made once, so that nobody's typing or focus is lost
  const off = () => !!lockedText(), button = (label, cls, act) => h("button", { type: "button", class: `ssl-button ${cls}`, onclick: act }, label);
  const add = h("input", { type: "text", placeholder: "key=value, or +key=value", "aria-label": "add an override, key=value", class: "ssl-add", spellcheck: false, style: { flex: "1", minWidth: "180px" } });
  add.addEventListener("keydown", (e) => { if (e.key === "Enter" && add.value.trim()) { preview([add.value.trim()]); e.stopPropagation(); e.preventDefault(); } });
  const name = () => (model.get("title").split(" ")[0].split("/").pop() || "config.py").replace(/\.py$/, "");
  const undo = button("Undo", "ssl-undo", () => ask({ do: "undo" })), chips = h("span", { class: "ssl-row", style: { margin: 0 } }), about = h("div"), lockedNote = h("p", { class: "ssl-note ssl-off", hidden: !still }, still ? lockedText() : "");
  const away = h("span", { class: "ssl-row", style: { margin: 0 } }, copyButton("Copy as command", () => model.get("command"), { class: "ssl-button ssl-command" }), copyButton("Copy as file", () => model.get("child"), { class: "ssl-button ssl-file" }),
    button("Save file", "", () => saveText(`${name()}_mine.py`, model.get("child"), "text/x-python")));
  head.append(about, h("div", { class: "ssl-row" }, chips, undo, add, away), lockedNote);
  function drawHead() {
    const problems = model.get("problems"), facts = Object.entries(model.get("facts"));
    about.replaceChildren(...[h("h3", {}, model.get("title")), h("div", { class: "ssl-facts" }, facts.map(([k, v]) => h("span", {}, `${k} `, h("b", {}, typeof v === "number" ? figure(v) : String(v).replace(/^'(.*)'$/, "$1"))))),
      problems.length ? h("details", { class: "ssl-problems", open: true }, h("summary", {}, h("b", { class: "ssl-bad" }, `⚠ ${plural(problems.length, "problem")}`)), h("ul", {}, problems.map((p) => h("li", {}, h("button", { type: "button", class: "ssl-link ssl-problem", onclick: () => { tabs.querySelector("[role=tab]").click(); tree.reveal(p.key); tree.box.focus(); } }, h("b", {}, p.level), ` ${p.key ? p.key + ": " : ""}${p.message} `, h("span", { class: "ssl-from" }, p.where)))))) : null,
      ...notes(model.get("notes"))].filter(Boolean));
    chips.replaceChildren(...(model.get("options") || []).map((o) => h("span", { class: "ssl-chip" }, h("code", {}, o), h("button", { type: "button", "aria-label": `take ${o} away`, title: "take this override away", disabled: off(), onclick: () => { ask({ do: "remove", option: o }); add.focus(); } }, "×"))));
    undo.disabled = off() || !model.get("undoable"); add.disabled = off(); away.hidden = !model.get("command");
    away.querySelector(".ssl-command").title = model.get("command"); away.querySelector(".ssl-file").title = model.get("child");
  }

  // --- the tabs beside the tree: asked for when they are first seen
  const computing = () => { // says so, and after a while why there may be no answer
    const said = h("p", { class: "ssl-note", role: "status" }, "computing …");
    setTimeout(() => said.append(" No answer yet: Python is busy, or was restarted (then run the cell again)."), 15000);
    return said;
  };
  function drawTab(again) {
    if (current === "values") { if (again) tree.paint(); return; }
    const d = (model.get("tabs") || {})[current], body = bodies[current];
    if (!d) { body.replaceChildren(still ? h("p", { class: "ssl-note", role: "status" }, "This page was saved without this tab.") : computing()); drawn = null; ask({ do: "open", tab: current }); return; }
    if (d === drawn && !again) return;
    drawn = d;
    const got = d.busy ? computing() : d.error ? h("p", { class: "ssl-error", role: "alert" }, d.error) : DRAW[current](root, d, model);
    body.replaceChildren(...[got].flat(4).filter(Boolean));
  }

  function newRows() {
    state.forest = forest(model.get("rows")); state.bad = new Map(); state.badAbove = new Set();
    for (const p of model.get("problems")) { if (state.forest.byKey.has(p.key)) state.bad.set(p.key, p.message); for (let k = p.key; k.includes("."); ) { k = k.slice(0, k.lastIndexOf(".")); state.badAbove.add(k); } }
    if (state.forest.rows.length < 25) state.forest.rows.forEach((n) => n.kids.length && state.open.add(n.key));
    if (!state.forest.byKey.has(state.selected)) state.selected = "";
    stale = state.selected && input && input === document.activeElement;      // a field made anew would lose what is being typed
    tree.layout(); if (!stale) showDetail(state.forest.byKey.get(state.selected)); drawHead();
  }

  state.search = h("input", { type: "search", placeholder: "key, value, type or file", "aria-label": "search keys, values, types and files", class: "ssl-search", style: { flex: "1", minWidth: "150px" } });
  const filter = h("select", { "aria-label": "which values", class: "ssl-filter" }, Object.entries(FILTERS).map(([k, [t]]) => h("option", { value: k }, t)));
  state.clear = () => { filter.value = state.filter; };
  const search = () => { state.find = state.search.value.trim().toLowerCase(); state.filter = filter.value; state.closed.clear(); tree.box.scrollTop = 0; tree.layout(); };
  state.search.addEventListener("input", search); filter.addEventListener("change", search);
  state.search.addEventListener("keydown", (e) => { if (e.key === "ArrowDown" || e.key === "Enter") { tree.box.focus(); const first = tree.box.querySelector('[data-kind="value"]'); if (first) first.click(); } else if (e.key === "Escape") { state.search.value = ""; search(); } else return; e.preventDefault(); e.stopPropagation(); });
  const values = h("div", { class: "ssl-values" }, h("div", { class: "ssl-two" }, h("div", {}, h("div", { class: "ssl-row" }, state.search, filter, found), tree.box,
    h("p", { class: "ssl-note", style: { margin: "3px 0" } }, "Keys: ↑ ↓ move, → ← open and close, Home End, * opens all beside, letters jump, / searches, Enter edits.")), h("div", {}, detail, proposal)));
  const names = Object.keys(TABS).filter((t) => t !== "diff" || model.get("other"));
  for (const t of names) bodies[t] = h("div", { class: `ssl-tab-${t}` });
  const tabs = tabbed([["Values", values], ...names.map((t) => [TABS[t], bodies[t]])]);
  const seen = new MutationObserver(() => { const i = [...tabs.querySelectorAll("[role=tab]")].findIndex((b) => b.getAttribute("aria-selected") === "true"), now = ["values", ...names][i]; if (now !== current) { current = now; drawn = null; drawTab(); } });
  seen.observe(tabs.querySelector("[role=tablist]"), { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
  root.append(h("style", {}, STYLE), head, tabs);
  newRows(); drawProposal(); ready = true;
  let due = false;                                                     // many values change at once: one redraw is enough
  const soon = () => { if (!due) { due = true; queueMicrotask(() => { due = false; newRows(); }); } };
  on("rows problems", soon); on("title facts notes undoable command child options locked", drawHead); on("proposal", drawProposal); on("tabs", () => drawTab());
  const sized = new ResizeObserver(() => tree.paint()); sized.observe(tree.box);
  return () => { stop(); seen.disconnect(); sized.disconnect(); heard.forEach(([n, f]) => model.off(n, f)); };
}

export default { render: inspect };
