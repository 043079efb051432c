// The training dashboard: small charts with one cursor. Python sends seven rows of float32 a curve: step, epoch, seconds, mean, low, high, bad.
const AXES = { step: ["step", 0], epoch: ["epoch", 1], time: ["training time", 2] };

const STYLE = `
.ssl-dashboard header { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; margin: 0 2px 4px; }
.ssl-dashboard header b { font-size: 14.5px; overflow-wrap: anywhere; }
.ssl-dashboard .ssl-stage { font-size: 11.5px; color: var(--ssl-soft); border: 1px solid var(--ssl-line); border-radius: 9px; padding: 0 8px; }
.ssl-dashboard .ssl-stage[data-on="true"] { color: var(--ssl-good); border-color: currentColor; }
.ssl-dashboard .ssl-status { color: var(--ssl-soft); font-variant-numeric: tabular-nums; }
.ssl-dashboard .ssl-controls { gap: 6px 18px; margin: 2px 2px 6px; }
.ssl-dashboard .ssl-group { display: inline-flex; align-items: center; gap: 6px; }
.ssl-dashboard .ssl-seg { display: inline-flex; }
.ssl-dashboard .ssl-seg button { border-radius: 0; margin-left: -1px; }
.ssl-dashboard .ssl-seg button:first-child { border-radius: 4px 0 0 4px; margin-left: 0; }
.ssl-dashboard .ssl-seg button:last-child { border-radius: 0 4px 4px 0; }
.ssl-dashboard input[type=range] { width: 110px; accent-color: var(--ssl-accent); }
.ssl-dashboard .ssl-charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(215px, 1fr)); grid-auto-rows: 148px; grid-auto-flow: dense; gap: 8px; }
.ssl-dashboard .ssl-chart { position: relative; border: 1px solid var(--ssl-line); border-radius: 6px; padding: 4px 6px 2px; min-width: 0; display: flex; flex-direction: column; }
.ssl-dashboard .ssl-chart.ssl-big { grid-column: span 2; grid-row: span 2; }
.ssl-dashboard .ssl-head { display: flex; justify-content: space-between; gap: 8px; font-size: 12px; white-space: nowrap; }
.ssl-dashboard .ssl-head span:first-child { font-weight: 600; overflow: hidden; text-overflow: ellipsis; flex: none; max-width: 70%; }
.ssl-dashboard .ssl-value { font-variant-numeric: tabular-nums; overflow: hidden; text-overflow: ellipsis; flex: 0 1 auto; }
.ssl-dashboard canvas { width: 100%; flex: 1; min-height: 0; display: block; cursor: crosshair; border-radius: 3px; }
.ssl-dashboard .ssl-legend { display: flex; flex-wrap: wrap; gap: 4px; margin: 0 2px 6px; }
.ssl-dashboard .ssl-legend button { display: inline-flex; align-items: center; gap: 6px; background: none; }
.ssl-dashboard .ssl-legend button[aria-pressed="true"] { background: var(--ssl-raised); color: var(--ssl-ink); border-color: var(--ssl-line); }
.ssl-dashboard .ssl-legend button[aria-pressed="false"] { opacity: .55; text-decoration: line-through; }
.ssl-dashboard .ssl-at { min-height: 1.5em; margin: 5px 2px 0; font-variant-numeric: tabular-nums; }
.ssl-dashboard figure { margin: 8px 2px 0; } .ssl-dashboard figcaption { color: var(--ssl-soft); font-size: 12px; margin-bottom: 3px; }
.ssl-dashboard figure img { image-rendering: auto; max-height: 152px; display: block; }
.ssl-dashboard .ssl-keys { margin: 6px 2px 0; } .ssl-dashboard kbd { font: inherit; border: 1px solid var(--ssl-line); border-radius: 3px; padding: 0 4px; }
@media (max-width: 520px) { .ssl-dashboard .ssl-chart.ssl-big { grid-column: span 1; } }
`;

const shown = (v) => figure(v, 3);
function clock(s) {
  s = Math.round(s);
  return s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}` : `${Math.floor(s / 3600)} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")}`;
}
const exact = (v) => Number.isFinite(v) && v !== 0 && Math.abs(v) >= .001 && Math.abs(v) < 1000 ? v.toPrecision(3) : shown(v);      // a value that stands alone keeps its zeros
const axisText = (x, v) => x === "time" ? clock(v) : x === "epoch" ? String(Number(v.toFixed(2))) : shown(v);

// On a logarithmic axis: powers of ten, and 2 and 5 between them where there is room
function logTicks(lo, hi) {
  const all = [];
  for (let e = Math.floor(Math.log10(lo)); e <= Math.ceil(Math.log10(hi)); e++) for (const m of [1, 2, 5]) { const v = m * 10 ** e; if (v >= lo * .999 && v <= hi * 1.001) all.push(v); }
  const tens = all.filter((v) => Math.abs(Math.log10(v) % 1) < 1e-9);
  return all.length <= 6 ? (all.length < 2 ? ticks(lo, hi, 4).filter((v) => v > 0) : all) : tens.length > 6 ? tens.filter((_, i) => i % Math.ceil(tens.length / 6) === 0) : tens;
}
// The exponential mean, without the pull of its start; what is not finite is passed over (as `smoothed` in Python)
function smoothed(v, s) {
  const out = new Float64Array(v.length); let acc = 0, w = 0;
  for (let i = 0; i < v.length; i++) {
    if (!Number.isFinite(v[i])) { out[i] = NaN; continue; }
    acc = s * acc + (1 - s) * v[i]; w = s * w + (1 - s); out[i] = acc / w;
  }
  return out;
}
// The point at or nearest to x, by halving
function nearest(xs, x) {
  let a = 0, b = xs.length - 1;
  while (b - a > 1) { const m = (a + b) >> 1; if (xs[m] <= x) a = m; else b = m; }
  return b < 0 ? -1 : Math.abs(xs[a] - x) <= Math.abs(xs[b] - x) ? a : b;
}

function dashboard({ model, el }) {
  let ready = false;                                                 // the frame asks for a drawing before there is one
  const { root, stop } = frame(model, el, "dashboard", () => { if (ready) { runs(); later(); } });
  const hidden = new Set(), cards = new Map();
  let curves = [], cursor = null, asked = 0;                        // curves: [{key, label, list: [{run, group, rows, soft}]}]; the cursor is a step
  const css = (n) => getComputedStyle(root).getPropertyValue(n).trim();
  const set = (k, v) => { model.set(k, v); model.save_changes(); };
  const opt = (k) => model.get(k);

  // --- the page
  const title = h("b"), stage = h("span", { class: "ssl-stage" }), status = h("span", { class: "ssl-status" });
  const axis = h("span", { class: "ssl-seg", role: "group", "aria-label": "horizontal axis" }, Object.keys(AXES).map((k) => h("button", { class: "ssl-button", type: "button", "data-x": k, onclick: () => set("x", k) }, k)));
  const log = h("button", { class: "ssl-button ssl-log", type: "button", onclick: () => set("log", !opt("log")) }, "log loss");
  const soft = h("input", { type: "range", min: "0", max: "0.99", step: "0.01", "aria-label": "smoothing of the loss", oninput: () => set("smooth", Number(soft.value)) }), softSaid = h("output", { class: "ssl-mono" });
  const follow = h("button", { class: "ssl-button ssl-follow", type: "button", onclick: () => set("following", !opt("following")) });
  const fixed = h("span", { class: "ssl-note" }, "saved page: following a run needs a notebook");
  const legend = h("div", { class: "ssl-legend", role: "group", "aria-label": "runs" }), charts = h("div", { class: "ssl-charts" });
  const at = h("p", { class: "ssl-at ssl-note", "aria-live": "polite" });
  const img = h("img", { alt: "current views" }), caption = h("figcaption"), fig = h("figure", { hidden: true }, caption, img), note = h("p", { class: "ssl-note" });
  const keys = h("p", { class: "ssl-note ssl-keys" });
  keys.innerHTML = "<kbd>←</kbd> <kbd>→</kbd> <kbd>Home</kbd> <kbd>End</kbd> on a chart move the cursor, <kbd>Esc</kbd> takes it away · <kbd>l</kbd> log loss · <kbd>x</kbd> axis · <kbd>[</kbd> <kbd>]</kbd> smoothing";
  root.append(h("style", {}, STYLE), h("header", {}, title, stage, status),
    h("div", { class: "ssl-row ssl-controls" }, h("span", { class: "ssl-group" }, h("span", { class: "ssl-note" }, "x axis"), axis), log, h("label", { class: "ssl-group" }, h("span", { class: "ssl-note" }, "smoothing"), soft, softSaid), follow, fixed),
    legend, charts, at, fig, note, keys);

  // --- what Python sent
  function read() {
    const all = array(model, "numbers", Float32Array);
    curves = (opt("charts") || []).map((c) => ({ ...c, list: c.curves.map((o) => {
      const rows = Array.from({ length: 7 }, (_, i) => all.subarray(o.at + i * o.n, o.at + (i + 1) * o.n));
      return { ...o, rows };
    }) }));
    smooth();
  }
  function smooth() { for (const c of curves) for (const o of c.list) o.soft = c.key === "loss" && !o.group ? smoothed(o.rows[3], opt("smooth")) : o.rows[3]; }

  const colour = (i) => classColour(root, i);
  const seen = (c) => c.list.filter((o) => !hidden.has(o.run) && o.n);

  // --- charts: made once, kept while their curves grow
  function arrange() {
    const keep = new Set(curves.map((c) => c.key));
    for (const [k, card] of cards) if (!keep.has(k)) { card.box.remove(); cards.delete(k); }
    for (const c of curves) {
      if (!cards.has(c.key)) cards.set(c.key, card(c));
      const { box, name } = cards.get(c.key);
      name.textContent = c.label; box.classList.toggle("ssl-big", c === curves[0] && curves.length > 2); charts.append(box);
    }
    if (!curves.length) at.textContent = opt("can_follow") ? "no numbers yet" : "the first numbers come with the first steps";
  }
  function card(c) {
    const name = h("span"), value = h("span", { class: "ssl-value ssl-note" }), canvas = h("canvas", { tabindex: "0", role: "img", "data-key": c.key });
    const box = h("div", { class: "ssl-chart" }, h("div", { class: "ssl-head" }, name, value), canvas);
    canvas.addEventListener("pointermove", (e) => { const g = cards.get(c.key).geo; if (g) point(g.toX(e.offsetX)); });
    canvas.addEventListener("pointerleave", () => { cursor = null; later(); });
    canvas.addEventListener("keydown", (e) => step(e, c.key));
    return { box, name, value, canvas, geo: null };
  }

  // --- the cursor: a step of the run, so that it stays where it is when the axis changes
  const lead = () => { for (const c of curves) { const l = seen(c); if (l.length) return l.reduce((a, b) => b.n > a.n ? b : a); } };
  function point(x) { // x on the axis in use -> the nearest point of the longest curve
    const o = lead(); if (!o) return;
    const i = nearest(o.rows[AXES[opt("x")][1]], x);
    cursor = { step: o.rows[0][i], epoch: o.rows[1][i], time: o.rows[2][i] }; later();
  }
  function step(e, key) {
    if (e.key === "Escape") { cursor = null; later(); return; }
    const own = curves.find((c) => c.key === key), l = own ? seen(own) : []; if (!l.length || e.ctrlKey || e.metaKey || e.altKey) return;
    const xs = l[0].rows[0], n = xs.length, i = cursor ? nearest(xs, cursor.step) : n - 1;
    const j = { ArrowLeft: cursor ? i - 1 : i, ArrowRight: i + 1, Home: 0, End: n - 1, PageUp: i - Math.ceil(n / 20), PageDown: i + Math.ceil(n / 20) }[e.key];
    if (j === undefined) return;
    const k = Math.min(n - 1, Math.max(0, j)); e.preventDefault(); e.stopPropagation();
    cursor = { step: xs[k], epoch: l[0].rows[1][k], time: l[0].rows[2][k] }; later();
  }
  root.addEventListener("keydown", (e) => {
    if (["INPUT", "TEXTAREA", "SELECT"].includes(e.target.tagName) || e.ctrlKey || e.metaKey || e.altKey) return;
    const x = Object.keys(AXES);
    if (e.key === "l") set("log", !opt("log"));
    else if (e.key === "x") set("x", x[(x.indexOf(opt("x")) + 1) % x.length]);
    else if (e.key === "[" || e.key === "]") set("smooth", Math.round(100 * Math.min(.99, Math.max(0, opt("smooth") + (e.key === "]" ? .05 : -.05)))) / 100);
    else return;
    e.preventDefault(); e.stopPropagation();
  });

  // --- drawing
  function range(l, isLog, big, zero) { // the smoothed curve and most of the raw one: one wild step must not flatten all others
    let lo = Infinity, hi = -Infinity; const raw = [];
    for (const o of l) for (let i = 0; i < o.n; i++) {
      const s = o.soft[i], a = o.rows[3][i];
      if (Number.isFinite(s) && (!isLog || s > 0)) { lo = Math.min(lo, s); hi = Math.max(hi, s); }
      if (Number.isFinite(a) && (!isLog || a > 0)) raw.push(a);
    }
    if (big && raw.length) { raw.sort((a, b) => a - b); const q = (t) => raw[Math.round(t * (raw.length - 1))]; lo = Math.min(lo, q(.005)); hi = Math.max(hi, q(.995)); }
    if (!(hi >= lo)) return null;
    if (zero && lo >= 0) return [0, hi * 1.08 || 1];
    if (hi - lo <= 1e-6 * Math.abs(hi)) { const d = Math.abs(hi) * .05 || .5; return isLog ? [lo / 1.2, hi * 1.2] : [lo - d, hi + d]; }
    if (isLog) { const d = (hi / lo) ** .05; return [lo / d, hi * d]; }
    const d = (hi - lo) * .07; return [lo >= 0 && lo - d < 0 ? 0 : lo - d, hi + d];
  }
  function drawChart(c) {
    const k = cards.get(c.key), cv = k.canvas, w = cv.clientWidth, hh = cv.clientHeight; if (!w || !hh) return false;
    const r = devicePixelRatio || 1, W = Math.round(w * r), H = Math.round(hh * r);
    if (cv.width !== W || cv.height !== H) { cv.width = W; cv.height = H; }
    const g = cv.getContext("2d"), l = seen(c), ax = AXES[opt("x")][1], big = c.key === "loss";
    g.setTransform(r, 0, 0, r, 0, 0); g.clearRect(0, 0, w, hh); g.font = "10.5px system-ui, sans-serif";
    const ink = css("--ssl-soft"), line = css("--ssl-line"), isLog = big && opt("log") && l.some((o) => o.rows[3].some((v) => v > 0)), yr = range(l, isLog, big, c.key === "images_per_second" || c.key === "memory");
    let x0 = Infinity, x1 = -Infinity; for (const d of curves) for (const o of seen(d)) { x0 = Math.min(x0, o.rows[ax][0]); x1 = Math.max(x1, o.rows[ax][o.n - 1]); }      // one axis for all charts
    k.geo = null; cv.setAttribute("aria-label", `${c.label}: ${said(c) || "nothing to draw"}`);
    if (!(x1 >= x0)) return;
    if (x1 === x0) { x0 -= .5; x1 += .5; }
    const [y0, y1] = yr || [0, 1], f = isLog ? Math.log : (v) => v, ty = yr ? (isLog ? logTicks(y0, y1) : ticks(y0, y1, hh > 200 ? 5 : 3)) : [];
    const names = ty.map(shown), left = Math.max(18, ...names.map((t) => g.measureText(t).width)) + 7, top = 5, bottom = hh - 17, right = w - 8;
    const X = (v) => left + (v - x0) / (x1 - x0) * (right - left), Y = (v) => bottom - (f(v) - f(y0)) / (f(y1) - f(y0)) * (bottom - top);
    k.geo = { toX: (px) => x0 + (px - left) / (right - left) * (x1 - x0), X, Y };
    g.lineWidth = 1; g.strokeStyle = line; g.fillStyle = ink; g.textBaseline = "middle"; g.textAlign = "right";
    ty.forEach((v, i) => { g.globalAlpha = .55; g.beginPath(); g.moveTo(left, Y(v)); g.lineTo(right, Y(v)); g.stroke(); g.globalAlpha = 1; g.fillText(names[i], left - 5, Y(v)); });
    g.textBaseline = "alphabetic";
    let free = -Infinity;
    for (const v of ticks(x0, x1, (right - left) / 58, opt("x") === "step")) {
      const t = axisText(opt("x"), v), tw = g.measureText(t).width, x = X(v), from = Math.min(Math.max(x - tw / 2, 0), w - tw);
      if (from < free) continue;
      free = from + tw + 8; g.textAlign = "left"; g.fillText(t, from, hh - 4);
    }
    g.beginPath(); g.moveTo(left, bottom + .5); g.lineTo(right, bottom + .5); g.stroke();
    g.save(); g.beginPath(); g.rect(left - 1, top - 4, right - left + 6, bottom - top + 6); g.clip();
    for (const o of l) {
      const xs = o.rows[ax]; g.strokeStyle = g.fillStyle = colour(o.run);
      if (big && !o.group) {
        if (o.width > 1) { g.globalAlpha = .13; for (let i = 1; i < o.n; i++) band(g, X(xs[i - 1]), X(xs[i]), Y(limit(o.rows[4][i], isLog, y0)), Y(limit(o.rows[5][i], isLog, y0))); }
        g.globalAlpha = .38; g.lineWidth = 1; trace(g, xs, o.rows[3], X, Y, isLog); g.globalAlpha = 1;
      }
      g.lineWidth = 1.8; g.setLineDash(STROKES[o.dash]); trace(g, xs, o.soft, X, Y, isLog); g.setLineDash([]);
      if (o.n <= 12) for (let i = 0; i < o.n; i++) if (ok(o.soft[i], isLog)) dot(g, X(xs[i]), Y(o.soft[i]), 2.2);
      g.strokeStyle = css("--ssl-warn"); g.lineWidth = 1.6;
      for (let i = 0; i < o.n; i++) if (o.rows[6][i]) cross(g, X(xs[i]), bottom - 5);
    }
    g.restore();
    if (!yr) { g.fillStyle = css("--ssl-warn"); g.textAlign = "center"; g.fillText(l.some((o) => o.rows[6].some((v) => v)) ? "no finite value" : "nothing to draw", (left + right) / 2, (top + bottom) / 2); }
    if (cursor) {
      const x = X(cursor[opt("x")]);
      g.strokeStyle = ink; g.setLineDash([3, 3]); g.beginPath(); g.moveTo(x, top); g.lineTo(x, bottom); g.stroke(); g.setLineDash([]);
      for (const o of l) { const i = here(o); if (i >= 0 && ok(o.soft[i], isLog)) { g.fillStyle = colour(o.run); dot(g, X(o.rows[ax][i]), Y(o.soft[i]), 3.4); } }
    }
    k.value.textContent = said(c); k.value.title = said(c);
  }
  const ok = (v, isLog) => Number.isFinite(v) && (!isLog || v > 0), limit = (v, isLog, y0) => isLog ? Math.max(v, y0) : v;
  function trace(g, xs, ys, X, Y, isLog) {
    let pen = false; g.beginPath();
    for (let i = 0; i < xs.length; i++) { if (!ok(ys[i], isLog)) { pen = false; continue; } const x = X(xs[i]), y = Y(ys[i]); if (pen) g.lineTo(x, y); else g.moveTo(x, y); pen = true; }
    g.stroke();
  }
  function band(g, x0, x1, ya, yb) { if (Number.isFinite(ya + yb)) g.fillRect(x0, Math.min(ya, yb), Math.max(.5, x1 - x0), Math.max(.5, Math.abs(yb - ya))); }
  function dot(g, x, y, r) { g.beginPath(); g.arc(x, y, r, 0, 2 * Math.PI); g.fill(); }
  function cross(g, x, y) { g.beginPath(); g.moveTo(x - 3, y - 3); g.lineTo(x + 3, y + 3); g.moveTo(x - 3, y + 3); g.lineTo(x + 3, y - 3); g.stroke(); }
  const here = (o) => cursor ? (cursor.step < o.rows[0][0] - 1e-6 && o.n > 1 ? -1 : nearest(o.rows[AXES[opt("x")][1]], cursor[opt("x")])) : o.n - 1;
  function said(c) { // the values at the cursor, or the last ones
    return seen(c).map((o) => { const i = here(o); if (i < 0) return "–"; const v = exact(o.rows[3][i]); return o.group ? `${o.group}: ${v}` : v; }).join(" | ");
  }
  function tell() {
    root.dataset.cursor = cursor ? cursor.step : "";
    if (!curves.length) return;
    const l = curves[0], bad = l.list.reduce((n, o) => n + o.rows[6].reduce((a, b) => a + b, 0), 0);
    if (!cursor) { at.textContent = bad ? `× ${bad} ${bad === 1 ? "step" : "steps"} whose loss is not finite` : ""; return; }
    const o = seen(l)[0], i = o ? here(o) : -1;
    at.textContent = `step ${shown(cursor.step)}, epoch ${axisText("epoch", cursor.epoch)}, ${clock(cursor.time)}` + (o && i >= 0 ? ` · ${l.label} ${exact(o.rows[3][i])}, smoothed ${exact(o.soft[i])}` + (o.width > 1 ? `, of ${o.width} steps: ${exact(o.rows[4][i])} to ${exact(o.rows[5][i])}` : "") + (o.rows[6][i] ? " · not finite here" : "") : "");
  }
  let tries = 0, again = 0;
  function draw() {
    asked = 0; let missed = false;
    for (const c of curves) if (drawChart(c) === false) missed = true;
    clearTimeout(again);                                              // JupyterLab gives everything no size for a moment while it changes its theme
    if (missed && tries < 7) again = setTimeout(later, 50 * 2 ** tries++);
    if (!missed) { tries = 0; root.dataset.drawnIn = root.dataset.theme; }
    tell(); root.dataset.drawn = Number(root.dataset.drawn || 0) + 1; root.dataset.points = curves.length ? curves[0].list.reduce((n, o) => n + (o.group ? 0 : o.n), 0) : 0;
  }
  function later() { if (!asked) asked = requestAnimationFrame(draw); }      // many changes, one picture

  // --- words and controls
  function words() {
    title.textContent = opt("title"); status.textContent = opt("status");
    stage.textContent = opt("following") ? "following" : opt("stage"); stage.hidden = !stage.textContent; stage.dataset.on = opt("following") || opt("stage") === "training";
    for (const b of axis.children) b.setAttribute("aria-pressed", b.dataset.x === opt("x"));
    log.setAttribute("aria-pressed", !!opt("log"));
    if (Number(soft.value) !== opt("smooth")) soft.value = opt("smooth");
    softSaid.textContent = Number(opt("smooth")).toFixed(2);
    follow.textContent = opt("following") ? "stop following" : "follow"; follow.hidden = !opt("can_follow") || !!model.isStatic; fixed.hidden = !model.isStatic || !opt("can_follow");
    note.textContent = opt("views_note") && !opt("views")?.byteLength ? opt("views_note") : ""; note.hidden = !note.textContent;
  }
  function runs() {
    const names = opt("names") || []; legend.hidden = names.length < 2;
    const want = names.join("\n") + root.dataset.theme; if (legend.dataset.for === want) return;
    legend.dataset.for = want;
    legend.replaceChildren(...names.map((n, i) => {
      const swatch = h("svg", { width: "30", height: "8", "aria-hidden": "true" }, h("line", { xmlns: true, x1: "0", y1: "4", x2: "30", y2: "4", stroke: colour(i), "stroke-width": "2.2", "stroke-dasharray": STROKES[(i + Math.floor(i / 10)) % 5].join(" ") }));
      return h("button", { class: "ssl-button", type: "button", "aria-pressed": String(!hidden.has(i)), title: "show or hide this run", onclick: (e) => { if (hidden.has(i)) hidden.delete(i); else hidden.add(i); e.currentTarget.setAttribute("aria-pressed", String(!hidden.has(i))); later(); } }, swatch, n);
    }));
  }
  let url = null;
  function views() {
    const b = array(model, "views", Uint8Array); fig.hidden = !b.length; caption.textContent = opt("views_note");
    const old = url; url = b.length ? URL.createObjectURL(new Blob([b], { type: "image/png" })) : null;
    if (url) img.src = url;
    if (old) setTimeout(() => URL.revokeObjectURL(old), 1000);
  }

  const onNumbers = () => { read(); arrange(); runs(); later(); }, onSmooth = () => { smooth(); words(); later(); }, onView = () => { words(); later(); }, onViews = () => { views(); words(); };
  const heard = { "change:numbers": onNumbers, "change:names": runs, "change:smooth": onSmooth, "change:x change:log": onView, "change:title change:status change:stage change:following change:can_follow change:views_note": words, "change:views change:views_note": onViews };
  for (const [k, f] of Object.entries(heard)) model.on(k, f);
  const sized = new ResizeObserver(() => { tries = 0; later(); }); sized.observe(charts);
  ready = true; onNumbers(); words(); views();
  return () => {
    stop(); sized.disconnect(); if (asked) cancelAnimationFrame(asked); clearTimeout(again); if (url) URL.revokeObjectURL(url);
    for (const [k, f] of Object.entries(heard)) for (const n of k.split(" ")) model.off(n, f);
  };
}
export default { render: dashboard };
