// Embedding explorer: a map of points on a canvas, what lies under the pointer, and who its neighbours really are.
// Points are drawn into an ImageData by hand: 10,000 small shapes cost a few milliseconds that way, and no browser smooths them differently.

const NONE = 65535, SHAPES = 7;                                     // code of a missing value; matplotlib's "o^sDvPX", as in `pictures`
const shapeOf = (i) => (i + Math.floor(i / 10)) % SHAPES;
// Is (x, y) inside shape s? The shape fits into -1..1
const INSIDE = [
  (x, y) => x * x + y * y <= .81, (x, y) => y <= .75 && y >= -.95 + Math.abs(x) * 1.75, (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= .8, (x, y) => Math.abs(x) + Math.abs(y) <= 1,
  (x, y) => y >= -.75 && y <= .95 - Math.abs(x) * 1.75, (x, y) => Math.min(Math.abs(x), Math.abs(y)) <= .36 && Math.max(Math.abs(x), Math.abs(y)) <= .95,
  (x, y) => { const a = Math.abs(x + y), b = Math.abs(x - y); return Math.min(a, b) <= .55 && Math.max(a, b) <= 1.5; }];
const SVG = ["M8 2a6 6 0 1 0 .01 0z", "M8 2l6 11H2z", "M3 3h10v10H3z", "M8 1l7 7-7 7-7-7z", "M8 14L2 3h12z", "M6 2h4v4h4v4h-4v4H6v-4H2V6h4z", "M4 2l4 4 4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4-4-4z"];

const CSS = `
.ssl-explorer { max-width: 1200px }
.ssl-explorer .x-main { display: flex; flex-wrap: wrap; gap: 10px; align-items: stretch }
.ssl-explorer .x-left { flex: 1 1 460px; min-width: 300px; display: flex; flex-direction: column }
.ssl-explorer .x-right { flex: 0 0 306px; min-width: 260px }
.ssl-explorer .x-stage { position: relative; border: 1px solid var(--ssl-line); border-radius: 4px; overflow: hidden; background: var(--ssl-bg); height: 500px }
.ssl-explorer canvas.ssl-map { display: block; width: 100%; height: 100%; touch-action: none; cursor: grab }
.ssl-explorer canvas.ssl-map[data-tool=lasso] { cursor: crosshair }
.ssl-explorer canvas.ssl-map:focus-visible { outline-offset: -3px }
.ssl-explorer .x-tip { position: absolute; pointer-events: none; background: var(--ssl-raised); border: 1px solid var(--ssl-line); border-radius: 4px; padding: 4px; font-size: 12px; max-width: 190px; box-shadow: 0 1px 5px #0004 }
.ssl-explorer .x-tip canvas, .ssl-explorer .x-gallery canvas, .ssl-explorer .x-near canvas { image-rendering: pixelated; display: block; background: var(--ssl-raised) }
.ssl-explorer .x-tip canvas { width: 96px; margin: 0 auto 3px }
.ssl-explorer .x-tools { position: absolute; top: 6px; left: 6px; display: flex; gap: 3px }
.ssl-explorer .x-tools .ssl-button { padding: 2px 8px; background: var(--ssl-bg) }
.ssl-explorer .x-tools .ssl-button[aria-pressed=true] { background: var(--ssl-accent) }
.ssl-explorer .x-legend { display: flex; flex-wrap: wrap; gap: 3px; max-height: 92px; overflow: auto; margin: 5px 0 }
.ssl-explorer .x-key { display: inline-flex; align-items: center; gap: 4px; padding: 1px 7px 1px 5px; font-size: 12px; background: none; border-color: transparent }
.ssl-explorer .x-key[aria-pressed=true] { background: var(--ssl-raised); color: var(--ssl-ink); border-color: var(--ssl-accent) }
.ssl-explorer .x-key small, .ssl-explorer .x-soft { color: var(--ssl-soft) }
.ssl-explorer .x-gallery { display: flex; flex-wrap: wrap; gap: 3px; max-height: 178px; overflow: auto; margin: 6px 0 }
.ssl-explorer .x-gallery canvas { width: 42px; height: 42px; object-fit: contain }
.ssl-explorer .x-gallery button { padding: 0; border: 0; background: none; cursor: pointer }
.ssl-explorer .x-gallery button:has(canvas[hidden]) { display: none }
.ssl-explorer .x-bars { display: grid; grid-template-columns: minmax(50px, auto) 1fr auto; gap: 2px 8px; align-items: center; font-size: 12px }
.ssl-explorer .x-bars b { display: block; height: 9px; border-radius: 2px; background: var(--ssl-accent); min-width: 1px }
.ssl-explorer .x-bars span:nth-child(3n+1) { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 110px }
.ssl-explorer .x-near { display: grid; grid-template-columns: repeat(2, 1fr); gap: 4px 10px; margin: 6px 0 }
.ssl-explorer .x-near button { display: flex; gap: 7px; align-items: center; text-align: left; background: none; border: 1px solid transparent; border-radius: 4px; padding: 2px; color: inherit; font: inherit; font-size: 12px; cursor: pointer; min-width: 0 }
.ssl-explorer .x-near button:hover { border-color: var(--ssl-accent) }
.ssl-explorer .x-near canvas { width: 40px; height: 40px; object-fit: contain; flex: none }
.ssl-explorer .x-near span { overflow: hidden; text-overflow: ellipsis }
.ssl-explorer .x-status { min-height: 19px; font-size: 12px }
.ssl-explorer progress { accent-color: var(--ssl-accent); width: 110px; vertical-align: middle }
.ssl-explorer .x-warn { color: var(--ssl-warn) }
.ssl-explorer .x-ramp { width: 160px; height: 10px; border-radius: 2px; display: inline-block }
.ssl-explorer input[type=range] { accent-color: var(--ssl-accent); vertical-align: middle }
.ssl-explorer input[type=number] { width: 68px }
.ssl-explorer label { display: inline-flex; gap: 6px; align-items: center }
.ssl-explorer kbd { font: 11px ui-monospace, "DejaVu Sans Mono", monospace; border: 1px solid var(--ssl-line); border-radius: 3px; padding: 0 4px; background: var(--ssl-raised) }
.ssl-explorer .ssl-button { cursor: pointer } .ssl-explorer .ssl-button:disabled { cursor: default }
.ssl-explorer h4 { margin: 10px 0 4px; font-size: 13px }
`;

// The same sentence as `perplexity_line` in Python; a test holds them together
function perplexityLine(p, n) {
  p = +(+p).toPrecision(6);
  if (n < 4) return `${n} point${n !== 1 ? "s" : ""}: t-SNE needs at least 4.`;
  const most = Math.max(1, (n - 1) / 3);
  if (p > most) return `Perplexity ${p} is too large for ${count(n)} points: t-SNE looks at 3 x ${p} = ${+(3 * p).toPrecision(6)} neighbours of each, and there are ${count(n - 1)}. At most ${count(Math.floor(most))} will be used.`;
  const what = p < 10 ? "small: fine texture; clumps appear even in noise" : p <= 50 ? "the usual range: clusters of this size and more" : "large: broad shapes; small classes melt together";
  return `Perplexity ${p}: each point keeps about ${p} of ${count(n - 1)} others near (${what}). Sizes of clusters and gaps between them mean little.`;
}

// "rgb(..)" or "#rrggbb" as the 32 bits of a pixel
const probeCtx = (() => { let c; return () => (c ||= document.createElement("canvas").getContext("2d", { willReadFrequently: true })); })();
function pixel(css) {
  const g = probeCtx(); g.fillStyle = css; g.fillRect(0, 0, 1, 1);
  const [r, gg, b] = g.getImageData(0, 0, 1, 1).data; return (255 << 24 | b << 16 | gg << 8 | r) >>> 0;
}
function mix(a, b, t) { // t = 1: a
  const m = (s) => Math.round((a >>> s & 255) * t + (b >>> s & 255) * (1 - t)); return (255 << 24 | m(16) << 16 | m(8) << 8 | m(0)) >>> 0;
}

// Coverage of a shape of radius r pixels: offsets (in an image of this width, too) and alphas (0..255), 4 x 4 samples a pixel
function sprite(shape, r, width) {
  const R = Math.ceil(r), dx = [], dy = [], al = [];
  for (let y = -R; y <= R; y++) for (let x = -R; x <= R; x++) {
    let n = 0;
    for (let i = 0; i < 16; i++) if (INSIDE[shape]((x + (i % 4 - 1.5) / 4) / r, (y + ((i >> 2) - 1.5) / 4) / r)) n++;
    if (n) { dx.push(x); dy.push(y); al.push(Math.round(n * 255 / 16)); }
  }
  return { R, n: dx.length, dx: Int32Array.from(dx), dy: Int32Array.from(dy), al: Int32Array.from(al), at: Int32Array.from(dx, (x, k) => dy[k] * width + x) };
}

// Points in a grid over their own range: who is near a place is found without asking everybody
function makeGrid(xy) {
  const n = xy.length / 2, side = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(n / 2))));
  let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
  for (let i = 0; i < n; i++) { const x = xy[2 * i], y = xy[2 * i + 1]; if (x < x0) x0 = x; if (x > x1) x1 = x; if (y < y0) y0 = y; if (y > y1) y1 = y; }
  if (!n) x0 = y0 = x1 = y1 = 0;
  const cell = Math.max(x1 - x0, y1 - y0, 1e-9) / side, start = new Uint32Array(side * side + 1), items = new Uint32Array(n), at = new Uint32Array(n);
  const clip = (v) => Math.max(0, Math.min(side - 1, v));
  for (let i = 0; i < n; i++) { at[i] = clip(Math.floor((xy[2 * i + 1] - y0) / cell)) * side + clip(Math.floor((xy[2 * i] - x0) / cell)); start[at[i] + 1]++; }
  for (let i = 0; i < side * side; i++) start[i + 1] += start[i];
  const next = start.slice();
  for (let i = 0; i < n; i++) items[next[at[i]]++] = i;
  return { box: [x0, y0, x1, y1], nearest(x, y, r, ok = () => true) {
    const a = clip(Math.floor((x - r - x0) / cell)), b = clip(Math.floor((x + r - x0) / cell)), c = clip(Math.floor((y - r - y0) / cell)), d = clip(Math.floor((y + r - y0) / cell));
    let best = -1, least = r * r;
    for (let v = c; v <= d; v++) for (let u = a; u <= b; u++) for (let q = start[v * side + u]; q < start[v * side + u + 1]; q++) {
      const i = items[q], e = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
      if (e <= least && ok(i)) { least = e; best = i; }
    }
    return best;
  } };
}

// Even-odd rule; path [[x, y], ...]
function inside(path, x, y) {
  let r = false;
  for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
    const [xi, yi] = path[i], [xj, yj] = path[j];
    if (yi > y !== yj > y && x < (xj - xi) * (y - yi) / (yj - yi) + xi) r = !r;
  }
  return r;
}

const quantile = (v, q) => { if (!v.length) return NaN; const s = [...v].sort((a, b) => a - b); return s[Math.min(s.length - 1, Math.floor(q * s.length))]; };
const csvCell = (s) => /[",\n\r]/.test(s) ? `"${String(s).replace(/"/g, '""')}"` : String(s);

function render({ model, el }) {
  const still = !!model.isStatic, calm = matchMedia("(prefers-reduced-motion: reduce)");
  let ready = false;                                                // the frame tells the theme once before there is anything to draw
  const fr = frame(model, el, "explorer", () => { if (ready) { recolour(); legend(); sayHistogram(); schedule(); } }), root = fr.root;
  const style = h("style", {}, CSS), off = [];
  root.append(style); root.dataset.lmSuppressShortcuts = "true";      // in JupyterLab "c" would copy the cell, "0 0" restart the kernel
  const on = (names, f) => { model.on(names, f); off.push(() => model.off(names, f)); };
  const say = (do_, more = {}) => { if (!still) model.send({ do: do_, ...more }); };
  const put = (o) => { for (const [k, v] of Object.entries(o)) model.set(k, v); model.save_changes(); };

  // --- what the model holds, as typed arrays
  let n = 0, xy = new Float32Array(0), grid = makeGrid(xy), all = new Uint16Array(0), codes = new Uint16Array(0), shape = null, placed = new Uint8Array(0), thumbs, thumbAt, sharp = new Map();
  let sel = new Uint8Array(0), selN = 0, names = new Uint8Array(0), nearRows, nearFar, moving = null, only = new Set(), colourKey = "";
  const maps = () => model.get("maps"), nowMap = () => maps()[model.get("shown")] || maps()[0] || { lo: [0, 0], span: 1, name: "", how: "pca", note: "" };

  function target() { // coordinates of the map and checkpoint shown, in the map's own units
    const F = Math.max(1, model.get("frames").length), m = nowMap(), from = (maps().indexOf(m) * F + model.get("frame")) * 2 * n, out = new Float32Array(2 * n), s = m.span / 65535;
    for (let i = 0; i < n; i++) { out[2 * i] = m.lo[0] + all[from + 2 * i] * s; out[2 * i + 1] = m.lo[1] + all[from + 2 * i + 1] * s; }
    return out;
  }

  // --- view: the centre and pixels per unit
  const view = { x: 0, y: 0, s: 1 };
  let W = 600, H = 460, dpr = 1;
  const sx = (x) => (x - view.x) * view.s + W / 2, sy = (y) => H / 2 - (y - view.y) * view.s;
  const ux = (px) => (px - W / 2) / view.s + view.x, uy = (py) => (H / 2 - py) / view.s + view.y;
  let homeBox = null;
  function fit() { // the whole map, of all checkpoints
    const m = nowMap(); let [x0, y0, x1, y1] = grid.box;
    if (model.get("frames").length > 1) { x0 = m.lo[0]; y0 = m.lo[1]; x1 = x0 + m.span; y1 = y0 + m.span; }
    view.x = (x0 + x1) / 2; view.y = (y0 + y1) / 2;
    view.s = Math.min((W - 40) / Math.max(x1 - x0, 1e-9), (H - 40) / Math.max(y1 - y0, 1e-9));
    if (x1 - x0 < 1e-9 && y1 - y0 < 1e-9) view.s = 1;
    homeBox = view.s; schedule();
  }
  function zoom(f, px = W / 2, py = H / 2) {
    const x = ux(px), y = uy(py); view.s = Math.min(homeBox * 400, Math.max(homeBox / 4, view.s * f));
    view.x = x - (px - W / 2) / view.s; view.y = y + (py - H / 2) / view.s; schedule();
  }

  // --- the stage
  const map = h("canvas", { class: "ssl-map", tabindex: "0", role: "application", "aria-roledescription": "map of points", "aria-label": "Map of features" });
  const live = h("div", { class: "x-soft", "aria-live": "polite", style: { position: "absolute", left: "8px", bottom: "5px", fontSize: "12px", pointerEvents: "none" } });
  const tip = h("div", { class: "x-tip", hidden: true });
  const toolPan = h("button", { class: "ssl-button", type: "button", "aria-pressed": "true", title: "drag moves the map", onclick: () => tool("pan") }, "Pan");
  const toolLasso = h("button", { class: "ssl-button", type: "button", "aria-pressed": "false", title: "drag draws round points; also Shift and drag", onclick: () => tool("lasso") }, "Lasso");
  const inView = h("button", { class: "ssl-button", type: "button", title: "select what is shown inside the frame; no drag needed (key s)", onclick: () => selectView() }, "Select in view");
  const zoomIn = h("button", { class: "ssl-button", type: "button", "aria-label": "zoom in", onclick: () => zoom(1.4) }, "+"), zoomOut = h("button", { class: "ssl-button", type: "button", "aria-label": "zoom out", onclick: () => zoom(1 / 1.4) }, "\u2212");
  const reset = h("button", { class: "ssl-button", type: "button", title: "the whole map (key 0)", onclick: fit }, "Whole map");
  const stage = h("div", { class: "x-stage" }, map, h("div", { class: "x-tools" }, toolPan, toolLasso, inView, zoomOut, zoomIn, reset), live, tip);
  map.sslWhere = () => ({ n, view: { ...view }, W, H, xy: Array.from(xy), moving: !!moving });                          // for tests
  let mode = "pan";
  function tool(m) { mode = m; toolPan.setAttribute("aria-pressed", m === "pan"); toolLasso.setAttribute("aria-pressed", m === "lasso"); map.dataset.tool = m; }

  const g = map.getContext("2d", { alpha: false });
  let img = null, pix = null, sprites = [], spriteR = 0, base, col = new Uint32Array(0), dim = new Uint32Array(0), asked = 0;
  function size() {
    const r = stage.getBoundingClientRect(), w = Math.max(50, Math.round(r.width - 2)), hh = Math.max(50, Math.round(r.height - 2)), d = Math.min(2, window.devicePixelRatio || 1);
    if (w === W && hh === H && d === dpr && img) return;
    const first = !img, keep = homeBox && view.s / homeBox; W = w; H = hh; dpr = d; map.width = Math.round(W * dpr); map.height = Math.round(H * dpr);
    img = g.createImageData(map.width, map.height); pix = new Uint32Array(img.data.buffer); sprites = [];
    const at = [view.x, view.y]; fit(); if (!first && keep && Math.abs(keep - 1) > .01) { view.s = homeBox * keep; [view.x, view.y] = at; }
  }

  // --- colours: one 32-bit pixel a point, and one for when it stands back
  function colourNow() { return model.get("colours")[model.get("colour")] || { name: "", kind: "class", names: ["points"], counts: [n], missing: 0 }; }
  function classPixel(i) { return pixel(classColour(root, i)); }
  function recolour() {
    const css = getComputedStyle(root), bg = pixel(css.getPropertyValue("--ssl-bg").trim() || "#fff"), grey = pixel(root.dataset.theme === "dark" ? "#5b616b" : "#c4c8ce"), c = colourNow();
    base = bg;
    codes = new Uint16Array(n).fill(NONE); shape = new Uint8Array(n);
    const data = array(model, "colour_data", Uint16Array), from = model.get("colour") * n;
    codes.set(data.subarray(from, from + n));
    let look;
    if (c.kind === "number") { const lut = Array.from({ length: 256 }, (_, i) => pixel(ramp(root, i / 255))); look = (k) => lut[Math.min(255, Math.floor(k * 256 / 65001))]; }
    else { const lut = []; look = (k) => (lut[k] ??= classPixel(k)); }
    col = new Uint32Array(n); dim = new Uint32Array(n); const dims = new Map();
    const pale = nowMap().placed && placed.length === n;
    for (let i = 0; i < n; i++) {
      let p = codes[i] === NONE ? grey : look(codes[i]);
      if (pale && placed[i]) p = mix(p, bg, .45);
      col[i] = p; if (!dims.has(p)) dims.set(p, mix(p, bg, .22)); dim[i] = dims.get(p);
      shape[i] = c.kind === "class" && codes[i] !== NONE ? shapeOf(codes[i]) : 0;
    }
  }

  // --- drawing
  const radius = () => Math.min(7, (n <= 300 ? 5 : n <= 2500 ? 4 : n <= 12000 ? 3.1 : 2.2) * Math.min(2, Math.max(1, (homeBox ? view.s / homeBox : 1) ** .25)));
  function stamp(px, py, sp, c) {
    const w = map.width, hh = map.height, R = sp.R;
    if (px < -R || py < -R || px >= w + R || py >= hh + R) return;
    const free = px >= R && py >= R && px < w - R && py < hh - R, o = py * w + px, { n: m, al, at } = sp;
    for (let k = 0; k < m; k++) {
      if (!free) { const x = px + sp.dx[k], y = py + sp.dy[k]; if (x < 0 || y < 0 || x >= w || y >= hh) continue; }
      const q = o + at[k], a = al[k];
      if (a === 255) { pix[q] = c; continue; }
      const b = pix[q], na = 255 - a;                               // two channels at a time
      pix[q] = (0xff000000 | (((c & 0xff00ff) * a + (b & 0xff00ff) * na) >>> 8) & 0xff00ff | ((((c >>> 8) & 0xff) * a + ((b >>> 8) & 0xff) * na) & 0xff00)) >>> 0;
    }
  }
  const lit = (i) => !only.size || only.has(codes[i]);
  function draw() {
    if (!img) return;
    const t0 = performance.now(), r = radius() * dpr;
    if (Math.abs(r - spriteR) > .2 || !sprites.length) { spriteR = r; sprites = Array.from({ length: SHAPES }, (_, s) => sprite(s, r, map.width)); }
    pix.fill(base);
    const k = view.s * dpr, ax = (W / 2 - view.x * view.s) * dpr, ay = (H / 2 + view.y * view.s) * dpr, nb = neighbours(), front = nb ? new Set([model.get("picked"), ...nb.rows]) : null, back = only.size || selN;
    const bright = (i) => (lit(i) && (!selN || sel[i])) || (front && front.has(i));
    if (back) for (let i = 0; i < n; i++) if (!bright(i)) stamp(Math.round(xy[2 * i] * k + ax), Math.round(ay - xy[2 * i + 1] * k), sprites[shape[i]], dim[i]);
    for (let i = 0; i < n; i++) if (!back || bright(i)) stamp(Math.round(xy[2 * i] * k + ax), Math.round(ay - xy[2 * i + 1] * k), sprites[shape[i]], col[i]);
    g.putImageData(img, 0, 0);
    g.setTransform(dpr, 0, 0, dpr, 0, 0); overlay(); g.setTransform(1, 0, 0, 1, 0, 0);
    return performance.now() - t0;
  }
  const ink = () => root.dataset.theme === "dark" ? "#fff" : "#000";
  function ring(i, r, width, dash = []) { g.setLineDash(dash); g.lineWidth = width; g.beginPath(); g.arc(sx(xy[2 * i]), sy(xy[2 * i + 1]), r, 0, 7); g.stroke(); g.setLineDash([]); }
  function overlay() {
    const p = model.get("picked"), nb = neighbours();
    if (p >= 0 && p < n) {
      if (nb) { g.strokeStyle = ink(); g.lineWidth = 1.2; g.globalAlpha = .75; g.beginPath();
        for (const i of nb.rows) { g.moveTo(sx(xy[2 * p]), sy(xy[2 * p + 1])); g.lineTo(sx(xy[2 * i]), sy(xy[2 * i + 1])); }
        g.stroke(); g.globalAlpha = 1; for (const i of nb.rows) ring(i, 6, 1.4); }
      g.strokeStyle = ink(); ring(p, 9, 2.4);
    }
    g.strokeStyle = ink(); if (cursor >= 0 && cursor < n && cursor !== p) ring(cursor, 8, 1.6, [3, 2]);
    if (path.length) { g.fillStyle = "rgba(90,150,220,.15)"; g.strokeStyle = ink(); g.lineWidth = 1.4; g.setLineDash([5, 3]); g.beginPath(); path.forEach(([x, y], i) => i ? g.lineTo(sx(x), sy(y)) : g.moveTo(sx(x), sy(y))); g.closePath(); g.fill(); g.stroke(); g.setLineDash([]); }
  }

  // --- one drawing per frame of the screen, and how long that takes while the map is moved
  const took = [], gaps = []; let lastFrame = 0, panning = false, spoke = 0;
  function schedule() { if (!asked) asked = requestAnimationFrame(tick); }
  function tick(now) {
    asked = 0;
    if (moving) { const t = Math.min(1, (now - moving.t0) / 450), e = t * t * (3 - 2 * t); for (let i = 0; i < 2 * n; i++) xy[i] = moving.from[i] + (moving.to[i] - moving.from[i]) * e;
      if (t >= 1) { moving = null; grid = makeGrid(xy); root.dataset.moving = "no"; } schedule(); }
    const ms = draw();
    if (panning) { took.push(ms); if (lastFrame) gaps.push(now - lastFrame); lastFrame = now; if (took.length > 300) took.shift(); if (gaps.length > 300) gaps.shift(); if (now - spoke > 250) { spoke = now; sayFrames(); } }
  }
  const frames = h("span", { class: "ssl-note x-frames" }, "Frame time: move the map, or measure.");
  function sayFrames() {
    if (!took.length) return;
    const v = { drawMedian: quantile(took, .5), drawP95: quantile(took, .95), frameMedian: quantile(gaps, .5), frameP95: quantile(gaps, .95) };
    for (const [k, x] of Object.entries(v)) root.dataset[k] = x.toFixed(2);
    root.dataset.frames = took.length;
    frames.textContent = `Frames while moving ${count(n)} points: ${v.frameMedian.toFixed(1)} ms median, ${v.frameP95.toFixed(1)} ms p95 (drawing itself ${v.drawMedian.toFixed(1)} and ${v.drawP95.toFixed(1)}; goal 16; last ${took.length}).`;
  }
  const measure = h("button", { class: "ssl-button", type: "button", title: "moves the map to and fro for 90 frames", onclick: () => {
    const at = [view.x, view.y]; let i = 0; took.length = gaps.length = 0; lastFrame = 0; panning = true; measure.disabled = true;
    const step = () => { view.x = at[0] + 60 * Math.sin(i / 8) / view.s; view.y = at[1] + 30 * Math.sin(i / 5) / view.s; schedule();
      if (++i < 90) requestAnimationFrame(step); else { panning = false; lastFrame = 0; [view.x, view.y] = at; schedule(); sayFrames(); measure.disabled = false; } };
    requestAnimationFrame(step);
  } }, "Measure");

  // --- pictures: small ones are in the page, a kernel sends sharper ones
  function pictureOf(i) {
    if (sharp.has(i)) return sharp.get(i);
    const [m, C, hh, w] = model.get("thumb_shape"); if (!m) return null;
    const at = thumbAt ? thumbAt.get(i) : i; if (at === undefined || at >= m) return null;
    return { data: thumbs.subarray(at * C * hh * w, (at + 1) * C * hh * w), C, h: hh, w };
  }
  function paint(canvas, i) {
    const p = pictureOf(i); canvas.dataset.row = i;
    if (!p) { canvas.width = canvas.height = 1; canvas.hidden = !canvas.dataset.keep; return false; }
    canvas.hidden = false; canvas.width = p.w; canvas.height = p.h;
    const c = canvas.getContext("2d"), im = c.createImageData(p.w, p.h), N = p.w * p.h, d = im.data;
    for (let q = 0; q < N; q++) { d[4 * q] = p.data[q]; d[4 * q + 1] = p.C === 3 ? p.data[N + q] : p.data[q]; d[4 * q + 2] = p.C === 3 ? p.data[2 * N + q] : p.data[q]; d[4 * q + 3] = 255; }
    c.putImageData(im, 0, 0); return true;
  }
  let wanted = new Set(), askLater = 0;
  function sharpen(rows) {
    if (still || !model.get("thumb_shape")[0]) return;
    for (const r of rows) if (!sharp.has(r)) wanted.add(r);
    clearTimeout(askLater); if (wanted.size) askLater = setTimeout(() => { say("pictures", { rows: [...wanted].slice(0, 200) }); wanted = new Set(); }, 60);
  }
  const arrived = (msg, buffers) => {
    if (!msg || !msg.pictures) return;
    const [m, C, hh, w] = msg.shape, b = buffers[0], bytes = new Uint8Array(b.buffer || b, b.byteOffset || 0, b.byteLength), each = C * hh * w;
    if (sharp.size > 2000) sharp.clear();
    msg.pictures.forEach((r, k) => sharp.set(r, { data: bytes.slice(k * each, (k + 1) * each), C, h: hh, w }));
    for (const c of root.querySelectorAll("canvas[data-row]")) if (sharp.has(+c.dataset.row)) { paint(c, +c.dataset.row); c.dataset.sharp = "yes"; }
  };
  on("msg:custom", arrived);

  function valueOf(i) { const c = colourNow(), k = codes[i]; return k === NONE ? "missing" : c.kind === "class" ? c.names[k] : figure(c.lo + (c.hi - c.lo) * k / 65000); }
  function nameOf(i) { return names.length && names[i] ? model.get("given")[names[i] - 1] : ""; }
  function describe(i) { const c = colourNow(), nm = nameOf(i); return `point ${i}${c.name === "one colour" ? "" : `, ${c.name} ${valueOf(i)}`}${nm ? `, named ${nm}` : ""}`; }

  // --- under the pointer, and by keyboard
  let cursor = -1, path = [], walk = [], walkAt = -1;
  const tipCanvas = h("canvas", { class: "ssl-tip" }), tipText = h("div", {});
  tip.append(tipCanvas, tipText);
  function point(i, aloud = false) {
    if (i !== cursor) { cursor = i; schedule(); }
    tip.hidden = i < 0; map.dataset.hover = i; if (i < 0) { live.textContent = ""; return; }
    const c = colourNow();
    if (tip.dataset.i !== String(i) || aloud) { tip.dataset.i = i; tipCanvas.dataset.sharp = "no"; const has = paint(tipCanvas, i);
      tipText.replaceChildren(h("b", {}, c.name === "one colour" ? `point ${i}` : valueOf(i)), c.name === "one colour" ? "" : h("div", { class: "x-soft" }, `${c.name}, point ${i}`), nameOf(i) ? h("div", {}, `named ${nameOf(i)}`) : "",
        !has && model.get("thumb_shape")[0] ? h("div", { class: "x-soft" }, still ? "no picture in this page" : "") : ""); sharpen([i]); }
    const x = sx(xy[2 * i]), y = sy(xy[2 * i + 1]), w = tip.offsetWidth, hh = tip.offsetHeight;
    tip.style.left = `${Math.max(2, x + 14 + w > W ? x - w - 14 : x + 14)}px`; tip.style.top = `${Math.max(2, Math.min(H - hh - 2, y - hh / 3))}px`;
    if (aloud) live.textContent = describe(i);
  }
  function pick(i) { put({ picked: i }); walk = []; }
  const at = (e) => { const r = map.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
  let drag = null;
  map.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    const [x, y] = at(e); map.setPointerCapture(e.pointerId); map.focus({ preventScroll: true });
    drag = { x, y, x0: x, y0: y, far: 0, lasso: mode === "lasso" !== e.shiftKey };
    if (drag.lasso) { path = [[ux(x), uy(y)]]; point(-1); } else { lastFrame = 0; }
  });
  map.addEventListener("pointermove", (e) => {
    const [x, y] = at(e);
    if (!drag) { point(grid.nearest(ux(x), uy(y), 11 / view.s, lit)); return; }
    drag.far = Math.max(drag.far, Math.hypot(x - drag.x0, y - drag.y0));
    if (drag.lasso) { path.push([ux(x), uy(y)]); schedule(); }
    else if (drag.far > 3) { if (!panning) { panning = true; took.length = gaps.length = 0; } point(-1); view.x -= (x - drag.x) / view.s; view.y += (y - drag.y) / view.s; schedule(); }
    drag.x = x; drag.y = y;
  });
  const up = (e) => {
    if (!drag) return;
    const d = drag; drag = null; if (panning) { panning = false; lastFrame = 0; sayFrames(); }
    if (d.lasso && path.length > 2 && d.far > 3) { const p = path; path = []; lasso(p, e.ctrlKey || e.metaKey); }
    else if (d.far <= 3 && e.type === "pointerup") { path = []; const [x, y] = at(e); pick(grid.nearest(ux(x), uy(y), 11 / view.s, lit)); showTab(model.get("picked") >= 0 ? 1 : 0); }
    path = []; schedule();
  };
  map.addEventListener("pointerup", up); map.addEventListener("pointercancel", up);
  map.addEventListener("pointerleave", () => { if (!drag) point(-1); });
  map.addEventListener("wheel", (e) => { if (document.activeElement !== map && !e.ctrlKey) return; e.preventDefault(); const [x, y] = at(e); zoom(Math.exp(-e.deltaY * (e.deltaMode ? .05 : .0016)), x, y); point(-1); }, { passive: false });
  map.addEventListener("dblclick", (e) => { const [x, y] = at(e); zoom(2, x, y); });

  function lasso(p, add) {
    const rows = [];
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity; for (const [x, y] of p) { x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y); }
    for (let i = 0; i < n; i++) { const x = xy[2 * i], y = xy[2 * i + 1]; if ((x >= x0 && x <= x1 && y >= y0 && y <= y1 && lit(i) && inside(p, x, y)) || (add && sel[i])) rows.push(i); }
    select(rows); showTab(0);
  }
  function select(rows) { const b = new Uint32Array(rows); put({ selected: new DataView(b.buffer) }); readSelection(); live.textContent = `${count(rows.length)} points selected`; }
  function selectView() { const rows = []; for (let i = 0; i < n; i++) { const x = sx(xy[2 * i]), y = sy(xy[2 * i + 1]); if (x >= 0 && x <= W && y >= 0 && y <= H && lit(i)) rows.push(i); } select(rows); showTab(0); }
  function selectClass() { const k = only.size ? only : cursor >= 0 ? new Set([codes[cursor]]) : null; if (!k) { live.textContent = "no point under the cursor: n goes to one"; return; } const rows = []; for (let i = 0; i < n; i++) if (k.has(codes[i])) rows.push(i); select(rows); showTab(0); }
  // n and p: the neighbours of the clicked point, or else the points nearest to the centre of the view
  function step(by) {
    if (!walk.length) { const p = model.get("picked"), nb = neighbours();
      if (p >= 0 && nb) walk = [...nb.rows];
      else walk = Array.from({ length: n }, (_, i) => i).filter(lit).map((i) => [(xy[2 * i] - view.x) ** 2 + (xy[2 * i + 1] - view.y) ** 2, i]).sort((a, b) => a[0] - b[0]).slice(0, 200).map((o) => o[1]);
      walkAt = by > 0 ? -1 : 0; }
    if (!walk.length) return;
    walkAt = (walkAt + by + walk.length) % walk.length; point(walk[walkAt], true);
    const nb = neighbours(), q = nb ? nb.rows.indexOf(cursor) : -1; if (q >= 0) live.textContent = `neighbour ${q + 1}, distance ${nb.distances[q].toFixed(3)}: ${describe(cursor)}`;
  }
  map.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const d = 60 / view.s, acts = { ArrowLeft: () => { view.x -= d; }, ArrowRight: () => { view.x += d; }, ArrowUp: () => { view.y += d; }, ArrowDown: () => { view.y -= d; }, "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: fit,
      n: () => step(1), p: () => step(-1), Enter: () => { if (cursor >= 0) { pick(cursor); showTab(1); } }, s: selectView, c: selectClass, l: () => tool(mode === "lasso" ? "pan" : "lasso"),
      Escape: () => { path = []; drag = null; if (model.get("picked") >= 0) pick(-1); else select([]); walk = []; point(-1); } };
    const f = acts[e.key]; if (!f) return;
    e.preventDefault(); e.stopPropagation(); if (e.key.startsWith("Arrow") || "+-=0".includes(e.key)) { if (!model.get("picked") || model.get("picked") < 0) walk = []; point(-1); }
    f(); schedule();
  });

  // --- neighbours: exact from the kernel, or those that the page brought along
  function neighbours() {
    const p = model.get("picked"), f = model.get("frame"), near = model.get("near");
    if (p < 0) return null;
    if (near && near.of === p && near.frame === f) return { rows: near.rows, distances: near.distances, from: "computed now" };
    const q = model.get("near_frames").indexOf(f), k = model.get("k"); if (q < 0 || !nearRows || !nearRows.length) return null;
    const a = (q * n + p) * k; return { rows: [...nearRows.subarray(a, a + k)], distances: [...nearFar.subarray(a, a + k)].map((v) => v / 65535 * 2), from: "computed before" };
  }
  const nearBox = h("div", {});
  function sayNeighbours() {
    const p = model.get("picked"), nb = neighbours(), F = model.get("frames"), had = nearBox.contains(document.activeElement);
    nearBox.dataset.rows = nb ? nb.rows.join(" ") : "";
    if (p < 0 || p >= n) { nearBox.replaceChildren(h("p", { class: "ssl-note" }, "Click a point (or go to one with n and press Enter): its nearest neighbours among the features, not on the map, are joined to it by lines.")); return; }
    const face = (i, d) => { const c = h("canvas", { "data-keep": "" }); paint(c, i);
      return h("button", { type: "button", title: describe(i), onmouseenter: () => point(i), onmouseleave: () => point(-1), onfocus: () => point(i, true), onclick: () => pick(i) }, model.get("thumb_shape")[0] ? c : "", h("span", {}, valueOf(i), h("br"), h("span", { class: "x-soft" }, d === null ? `point ${i}` : `distance ${d.toFixed(3)}`))); };
    const rows = nb ? nb.rows.map((i, q) => face(i, nb.distances[q])) : [];
    const same = nb && colourNow().kind === "class" && codes[p] !== NONE ? nb.rows.filter((i) => codes[i] === codes[p]).length : null;
    nearBox.replaceChildren(h("div", { class: "x-near" }, face(p, null)),
      h("p", { class: "ssl-note" }, nb ? `Its ${nb.rows.length} nearest by cosine distance in feature space${F.length > 1 ? ` (${F[model.get("frame")]})` : ""}${same === null ? "" : `; ${same} of ${nb.rows.length} of the same ${colourNow().name}`}.` : n < 2 ? "There is no other point." : still ? "This page brought no neighbours along: there were too many points. A kernel computes them." : "Looking them up ..."),
      h("div", { class: "x-near" }, rows));
    if (had) nearBox.querySelector("button").focus();               // the button that was pressed is gone: the point it led to has its place
    nearBox.dataset.distances = nb ? nb.distances.join(" ") : "";
    sharpen([p, ...(nb ? nb.rows : [])]);
  }

  // --- the selection: gallery and histogram
  const gallery = h("div", { class: "x-gallery", role: "list", "aria-label": "pictures of the selection; arrows move", onkeydown: (e) => {
    const to = { ArrowRight: e.target.nextElementSibling, ArrowLeft: e.target.previousElementSibling, Home: gallery.firstElementChild, End: gallery.lastElementChild }[e.key];
    if (to) { e.preventDefault(); e.target.tabIndex = -1; to.tabIndex = 0; to.focus(); }
  } }), bars = h("div", { class: "x-bars" }), selLine = h("p", { class: "ssl-note x-count" });
  function readSelection() {
    const rows = array(model, "selected", Uint32Array); sel = new Uint8Array(n); selN = 0;
    for (const i of rows) if (i < n) { sel[i] = 1; selN++; }
    root.dataset.selected = selN; sayGallery(); sayHistogram(); sayButtons(); schedule();
  }
  const selRows = () => { const r = []; for (let i = 0; i < n; i++) if (sel[i]) r.push(i); return r; };
  function sayGallery() {
    const rows = selRows(), most = 48, every = Math.max(1, rows.length / most), shown = rows.length <= most ? rows : Array.from({ length: most }, (_, i) => rows[Math.floor(i * every)]);
    selLine.textContent = selN ? `${count(selN)} of ${count(n)} points selected${selN > most ? `; ${most} of them, evenly chosen:` : ":"}` : "Nothing is selected. Draw a lasso (button, or Shift and drag), or press s for all that is in view, c for a class.";
    gallery.replaceChildren(...(model.get("thumb_shape")[0] ? shown : []).map((i, q) => { const c = h("canvas"); if (!paint(c, i)) c.hidden = true;
      return h("button", { type: "button", tabIndex: q ? -1 : 0, "aria-label": describe(i), title: describe(i), onclick: () => { pick(i); showTab(1); nearBox.querySelector("button").focus(); }, onmouseenter: () => point(i), onmouseleave: () => point(-1), onfocus: () => point(i) }, c); }));
    if (shown.length) sharpen(shown);
  }
  function sayHistogram() {
    const c = colourNow(); bars.replaceChildren(); if (!selN || c.name === "one colour") return;
    const tally = new Map(); let items = [];
    if (c.kind === "class") { for (let i = 0; i < n; i++) if (sel[i]) tally.set(codes[i], (tally.get(codes[i]) || 0) + 1);
      items = [...tally].sort((a, b) => b[1] - a[1]).map(([k, v]) => [k === NONE ? "missing" : c.names[k], v, k === NONE ? "var(--ssl-soft)" : classColour(root, k), k === NONE ? "" : ` of ${count(c.counts[k])}`]); }
    else { const B = 10; for (let i = 0; i < n; i++) if (sel[i]) { const k = codes[i] === NONE ? NONE : Math.min(B - 1, Math.floor(codes[i] / 65001 * B)); tally.set(k, (tally.get(k) || 0) + 1); }
      items = [...tally].sort((a, b) => a[0] - b[0]).map(([k, v]) => [k === NONE ? "missing" : `${figure(c.lo + (c.hi - c.lo) * k / B)} to ${figure(c.lo + (c.hi - c.lo) * (k + 1) / B)}`, v, k === NONE ? "var(--ssl-soft)" : ramp(root, (k + .5) / B), ""]); }
    const top = Math.max(...items.map((o) => o[1])), rest = items.slice(12);
    for (const [nm, v, colour, of] of items.slice(0, 12)) bars.append(h("span", { title: nm }, nm), h("b", { style: { width: `${100 * v / top}%`, background: colour } }), h("span", {}, count(v), h("span", { class: "x-soft" }, of)));
    if (rest.length) bars.append(h("span", {}, `${rest.length} more`), h("span"), h("span", {}, count(rest.reduce((a, o) => a + o[1], 0))));
  }

  // --- names given by hand
  const field = h("input", { type: "text", placeholder: "name", "aria-label": "name for the selection", style: { width: "130px" }, onkeydown: (e) => { e.stopPropagation(); if (e.key === "Enter") giveName(); } });
  const giveB = h("button", { class: "ssl-button", type: "button", onclick: giveName }, "Name selection"), probeB = h("button", { class: "ssl-button", type: "button", title: still ? "needs a kernel" : "how well a linear classifier on the features tells the names apart", onclick: () => say("probe") }, "Linear probe");
  const nameList = h("div", {}), probeLine = h("p", { class: "ssl-note x-probe", "aria-live": "polite" });
  function giveName() {
    const t = field.value.trim(); if (!t || !selN) { live.textContent = selN ? "type a name first" : "select something first"; return; }
    const given = [...model.get("given")]; let k = given.indexOf(t); if (k < 0) { k = given.length; given.push(t); }
    const a = new Uint8Array(n); a.set(names.subarray(0, n)); for (let i = 0; i < n; i++) if (sel[i]) a[i] = k + 1;
    put({ given, assigned: new DataView(a.buffer) }); field.value = ""; live.textContent = `${count(selN)} points named ${t}`;
  }
  function readNames() {
    names = array(model, "assigned", Uint8Array); const given = model.get("given"), tally = new Array(given.length).fill(0);
    for (const v of names) if (v) tally[v - 1]++;
    nameList.replaceChildren(...given.map((t, k) => tally[k] ? h("div", { class: "ssl-row" }, h("button", { class: "ssl-button", type: "button", title: "select them again", onclick: () => { const r = []; for (let i = 0; i < n; i++) if (names[i] === k + 1) r.push(i); select(r); } }, `${t}: ${count(tally[k])}`),
      h("button", { class: "ssl-button", type: "button", "aria-label": `forget ${t}`, onclick: () => { const a = names.slice(); for (let i = 0; i < n; i++) if (a[i] === k + 1) a[i] = 0; put({ assigned: new DataView(a.buffer) }); } }, "\u00d7")) : ""));
    sayButtons();
  }
  function sayProbe() { const t = model.get("probe"); probeLine.textContent = t || (still ? "The linear probe needs a kernel; names given here go into the CSV." : "Name two groups or more, then ask how well a linear classifier on the features tells them apart."); }
  function sayButtons() { giveB.disabled = !selN; probeB.disabled = still || !names.some((v) => v); copyB.querySelector("button").disabled = clearB.disabled = !selN; }

  // --- what leaves the page
  const copyB = copyButton("Copy indices", () => selRows().join(", "));
  function table() {
    const c = colourNow(), q = (s) => csvCell(s), out = [`index,${q(c.name)},selected,name,x,y`];
    for (let i = 0; i < n; i++) out.push(`${i},${codes[i] === NONE ? "" : q(valueOf(i))},${sel[i]},${q(nameOf(i))},${+xy[2 * i].toPrecision(5)},${+xy[2 * i + 1].toPrecision(5)}`);
    return out.join("\n") + "\n";
  }
  const csvB = h("button", { class: "ssl-button", type: "button", onclick: () => saveText("points.csv", table(), "text/csv") }, "Save CSV"), clearB = h("button", { class: "ssl-button", type: "button", onclick: () => select([]) }, "Clear");

  // --- controls above the map
  const mapSel = h("select", { "aria-label": "map", onchange: () => put({ shown: mapSel.selectedIndex }) }), colSel = h("select", { "aria-label": "colour by", onchange: () => { only.clear(); put({ colour: colSel.selectedIndex }); } });
  const perp = h("input", { type: "range", min: "2", max: "200", step: "1", "aria-label": "perplexity", oninput: () => setPerplexity(+perp.value) }), perpN = h("input", { type: "number", min: "1", max: "10000", step: "any", "aria-label": "perplexity, exact", oninput: () => setPerplexity(+perpN.value), onchange: () => setPerplexity(+perpN.value) });
  const perpLine = h("div", { class: "ssl-note x-perplexity", "aria-live": "polite" });
  function setPerplexity(v) { if (v >= 1) put({ perplexity: v }); sayPerplexity(); }
  function sayPerplexity() {
    const p = still ? nowMap().perplexity || model.get("perplexity") : model.get("perplexity"), m = placed.length === n && n ? n - placed.reduce((a, b) => a + b, 0) : n, line = perplexityLine(p, m);
    perp.value = p; if (document.activeElement !== perpN) perpN.value = p; perpLine.textContent = line; perpLine.classList.toggle("x-warn", line.includes("too large") || line.includes("at least 4"));
    perpLine.hidden = still && nowMap().how !== "tsne";
  }
  const runT = h("button", { class: "ssl-button", type: "button", onclick: () => say("run", { how: "tsne", perplexity: model.get("perplexity") }) }, "Run t-SNE"), runU = h("button", { class: "ssl-button", type: "button", title: "with half the perplexity as its number of neighbours", onclick: () => say("run", { how: "umap", perplexity: model.get("perplexity") }) }, "Run UMAP");
  const stopB = h("button", { class: "ssl-button", type: "button", onclick: () => say("stop") }, "Stop"), bar = h("progress", { max: "1", value: "0", "aria-label": "progress of the map" }), status = h("span", { class: "ssl-note x-says", "aria-live": "polite" }), noteLine = h("span", { class: "ssl-note x-note" });
  const umapNote = h("span", { class: "ssl-note" });
  const legendBox = h("div", { class: "x-legend", role: "group", "aria-label": "classes: show only these" });
  const slider = h("input", { type: "range", min: "0", step: "1", "aria-label": "checkpoint", style: { flex: "1", maxWidth: "360px" }, oninput: () => { stopPlay(); put({ frame: +slider.value }); } }), frameName = h("output", {}, ""), play = h("button", { class: "ssl-button", type: "button", onclick: () => timer ? stopPlay() : startPlay() }, "Play");
  const frameRow = h("div", { class: "ssl-row x-frames-row" }, h("label", { style: { flex: "1" } }, "Checkpoint", slider), frameName, play);
  let timer = 0;
  function stopPlay() { clearInterval(timer); timer = 0; play.textContent = "Play"; }
  function startPlay() { const F = model.get("frames").length; play.textContent = "Pause"; if (model.get("frame") === F - 1) put({ frame: 0 }); timer = setInterval(() => { const f = model.get("frame") + 1; if (f >= F) stopPlay(); else put({ frame: f }); }, 900); }

  function legend() {
    const c = colourNow(); legendBox.replaceChildren();
    if (c.name === "one colour") return;
    if (c.kind === "number") { const stops = Array.from({ length: 9 }, (_, i) => ramp(root, i / 8)).join(","); legendBox.append(h("span", { class: "x-soft" }, `${c.name}: ${c.note}`), h("span", {}, figure(c.lo)), h("span", { class: "x-ramp", style: { background: `linear-gradient(90deg,${stops})`, alignSelf: "center" } }), h("span", {}, figure(c.hi)), c.missing ? h("span", { class: "x-soft" }, `grey: ${count(c.missing)} missing`) : ""); return; }
    const key = (k, nm, v, colour, s) => { const b = h("button", { class: "ssl-button x-key", type: "button", "aria-pressed": String(only.has(k)), "data-code": k, title: "show only this class", onclick: () => { only.has(k) ? only.delete(k) : only.add(k); b.setAttribute("aria-pressed", only.has(k)); walk = []; schedule(); } },
      h("svg", { width: "12", height: "12", viewBox: "0 0 16 16", "aria-hidden": "true" }, h("path", { xmlns: 1, d: SVG[s], fill: colour })), nm, " ", h("small", {}, count(v))); return b; };
    c.names.forEach((nm, k) => { if (c.counts[k]) legendBox.append(key(k, nm, c.counts[k], classColour(root, k), shapeOf(k))); });
    if (c.missing) legendBox.append(key(NONE, "missing", c.missing, root.dataset.theme === "dark" ? "#5b616b" : "#c4c8ce", 0));
  }

  // --- what changes when the model changes
  function readCoords(animate = true) {
    n = model.get("n"); all = array(model, "coords", Uint16Array); placed = array(model, "placed", Uint8Array);
    const F = Math.max(1, model.get("frames").length); if (all.length < F * 2 * n * maps().length) return;                // the rest of the news is on its way
    const to = target(), key = nowMap().name; walk = [];
    sayMap();
    const refit = readCoords.last !== key; readCoords.last = key;
    if (!animate || calm.matches || xy.length !== to.length) { xy = to; grid = makeGrid(xy); moving = null; if (refit && img) fit(); recolour(); schedule(); root.dataset.moving = "no"; return; }
    const from = xy.slice();
    if (refit) { // another map has other units: begin where the points are on the screen now
      const old = from.map((v, i) => i % 2 ? sy(v) : sx(v)), g0 = makeGrid(to); grid = g0; xy = to; fit(); for (let i = 0; i < n; i++) { from[2 * i] = ux(old[2 * i]); from[2 * i + 1] = uy(old[2 * i + 1]); } xy = from.slice(); }
    recolour(); moving = { from, to, t0: performance.now() }; root.dataset.moving = "yes"; schedule();
  }
  function sayMap() {
    const ms = maps(), m = nowMap();
    mapSel.replaceChildren(...ms.map((o, i) => h("option", { value: i, selected: i === ms.indexOf(m) }, o.name))); mapSel.selectedIndex = ms.indexOf(m);
    noteLine.textContent = [model.get("note"), m.note].filter(Boolean).join("; "); noteLine.hidden = !noteLine.textContent;
    const c = colourNow(); map.setAttribute("aria-label", `${m.name} map of ${count(n)} points, coloured by ${c.name}. Keys: see the tab Keys.`);
    const F = model.get("frames"); frameRow.hidden = F.length < 2; slider.max = F.length - 1; slider.value = model.get("frame"); frameName.textContent = F[model.get("frame")] || ""; slider.setAttribute("aria-valuetext", frameName.textContent);
    root.dataset.map = m.name; root.dataset.frame = model.get("frame");
  }
  function sayColours() { const cs = model.get("colours"); colSel.replaceChildren(...cs.map((o, i) => h("option", { value: i }, o.name))); colSel.selectedIndex = model.get("colour"); recolour(); const k = colourNow().name; if (k !== colourKey) { only.clear(); colourKey = k; } legend(); sayHistogram(); sayNeighbours(); sayMap(); schedule(); }
  function sayStatus() {
    const r = model.get("running"); bar.hidden = stopB.hidden = !r; bar.value = model.get("progress"); status.textContent = model.get("status"); runT.disabled = runU.disabled = !!r;
    if (model.get("umap")) { runU.disabled = true; runU.title = umapNote.textContent = model.get("umap"); }
    if (n < 4) runT.disabled = runU.disabled = true;
    root.dataset.running = r;
  }
  function readNear() { const T_ = n <= 65535 ? Uint16Array : Uint32Array; nearRows = array(model, "near_rows", T_); nearFar = array(model, "near_far", Uint16Array); sayNeighbours(); schedule(); }
  function readThumbs() { thumbs = array(model, "thumbs", Uint8Array); const r = array(model, "thumb_rows", Uint32Array); thumbAt = r.length ? new Map(Array.from(r, (v, i) => [v, i])) : null; }

  const keys = h("div", {}, h("p", {}, "With the map in focus:"), h("table", {}, ...[["arrows", "move"], ["+ \u2212 0", "zoom in, out, whole map"], ["n p", "next, previous point: neighbours of the clicked one, else those nearest the centre"], ["Enter", "show its neighbours"], ["s", "select what is in view"], ["c", "select the class of the point, or the classes shown"], ["l", "lasso or pan"], ["Esc", "forget the point, then the selection"]].map(([k, t]) => h("tr", {}, h("td", {}, k.split(" ").map((o) => [h("kbd", {}, o), " "]).flat()), h("td", {}, t)))),
    h("p", { class: "ssl-note" }, "Mouse: drag moves, wheel zooms once the map has been clicked, Shift and drag draws a lasso (with Ctrl: adds to the selection). Classes in the legend are buttons: show only these."));
  const tabs = tabbed([["Selection", h("div", {}, selLine, gallery, bars, h("div", { class: "ssl-row" }, copyB, csvB, clearB))], ["Neighbours", nearBox], ["Names", h("div", {}, h("div", { class: "ssl-row" }, field, giveB), nameList, h("div", { class: "ssl-row" }, probeB), probeLine)], ["Keys", keys]], { class: "ssl-tabs x-right" });
  function showTab(i) { const t = tabs.querySelectorAll("[role=tab]")[i]; if (t.getAttribute("aria-selected") !== "true") t.click(); }

  const runRow = still ? [h("span", { class: "ssl-note" }, "A page without a kernel: maps that were computed before can be chosen.")] : [runT, runU, stopB, bar];
  root.append(h("div", { class: "ssl-row" }, h("label", {}, "Map", mapSel), h("label", {}, "Colour", colSel), h("label", { hidden: still }, "Perplexity", perp, perpN), ...runRow, umapNote),
    perpLine, h("div", { class: "x-status ssl-row", style: { gap: "4px 14px", margin: "2px 0 5px" } }, noteLine, status),
    h("div", { class: "x-main" }, h("div", { class: "x-left" }, stage, frameRow, legendBox, h("div", { class: "ssl-row", style: { marginTop: "auto" } }, frames, measure)), tabs));

  on("change:coords change:maps change:shown change:frame", () => readCoords()); on("change:frame", () => { sayNeighbours(); sayMap(); }); on("change:shown change:maps", sayPerplexity);
  on("change:colours change:colour_data change:colour", sayColours);
  on("change:selected", readSelection); on("change:assigned change:given", readNames); on("change:probe", sayProbe);
  on("change:picked change:near", () => { sayNeighbours(); schedule(); }); on("change:near_rows change:near_far change:near_frames", readNear);
  on("change:perplexity", sayPerplexity); on("change:running change:progress change:status change:umap", sayStatus); on("change:thumbs change:thumb_rows change:thumb_shape", () => { readThumbs(); sayGallery(); });

  readThumbs(); n = model.get("n"); readCoords(false); readSelection(); readNames(); readNear(); sayColours(); sayStatus(); sayProbe(); sayPerplexity();
  const watch = new ResizeObserver(() => { size(); schedule(); }); watch.observe(stage); size(); fit(); ready = true; root.dataset.ready = "yes";
  return () => { watch.disconnect(); cancelAnimationFrame(asked); stopPlay(); clearTimeout(askLater); off.forEach((f) => f()); fr.stop(); };
}
export default { render };
