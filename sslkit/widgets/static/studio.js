// The augmentation studio: sliders here, pictures computed in Python. One request is under way at a time, and of those that wait only the newest is kept.

const STYLE = `
.ssl-studio { container-type: inline-size; --st-a: #0072b2; --st-b: #d55e00; }
.ssl-studio[data-theme="dark"] { --st-a: #5db8f0; --st-b: #ff9a5c; }
.st-bar { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; padding-bottom: 8px; border-bottom: 1px solid var(--ssl-line); margin-bottom: 8px; }
.st-bar label { display: inline-flex; gap: 6px; align-items: center; }
.st-bar .st-right { margin-left: auto; display: inline-flex; gap: 6px; align-items: center; }
.st-main { display: grid; grid-template-columns: minmax(270px, 330px) minmax(0, 1fr); gap: 16px; align-items: start; }
@container (max-width: 680px) { .st-main { grid-template-columns: minmax(0, 1fr); } }
.st-gallery { display: flex; flex-wrap: wrap; gap: 3px; max-height: 92px; overflow-y: auto; padding: 2px; }
.st-gallery button { padding: 0; border: 2px solid transparent; background: none; line-height: 0; border-radius: 3px; cursor: pointer; }
.st-gallery button[aria-checked="true"] { border-color: var(--ssl-accent); }
.st-chain { border: 1px solid var(--ssl-line); border-radius: 5px; margin: 8px 0 0; padding: 4px 8px 6px; min-width: 0; }
.st-chain > legend { font-weight: 600; padding: 0 4px; }
.st-ops { max-height: 760px; overflow-y: auto; padding-right: 2px; }
.st-op { border-top: 1px solid var(--ssl-line); padding: 3px 0; }
.st-op:first-of-type { border-top: 0; }
.st-op.off .st-sliders { opacity: .45; }
.st-head { display: flex; align-items: center; gap: 4px; }
.st-head label { flex: 1; font-weight: 500; display: flex; gap: 6px; align-items: center; }
.st-move { padding: 0 6px; line-height: 18px; font-size: 12px; }
.st-slider { display: grid; grid-template-columns: 92px minmax(0, 1fr) 46px; gap: 6px; align-items: center; font-size: 12px; color: var(--ssl-soft); }
.st-slider i { display: block; text-align: right; font-style: normal; }
.st-slider output { text-align: right; color: var(--ssl-ink); font-variant-numeric: tabular-nums; }
.st-slider input { width: 100%; margin: 0; height: 18px; accent-color: var(--ssl-accent); }
.st-top { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 14px; margin-bottom: 8px; }
.st-words { font-size: 12px; display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 2px 14px; align-content: start; max-height: 268px; overflow-y: auto; }
.st-words h4 { margin: 0 0 2px; font-size: 12px; display: flex; align-items: center; gap: 6px; }
.st-words h4 svg { flex: none; }
.st-words dl { margin: 0 0 6px; display: grid; grid-template-columns: 96px minmax(0, 1fr); gap: 0 8px; }
.ssl-studio .st-words dl dt { color: var(--ssl-soft); font-weight: 400; float: none; width: auto; margin: 0; } .ssl-studio .st-words dl dd { margin: 0; width: auto; } .st-words .rest { color: var(--ssl-soft); font-style: italic; }
.st-grid { display: grid; gap: 5px 5px; align-items: center; justify-content: start; }
.st-grid .st-name { font-size: 11.5px; color: var(--ssl-soft); text-align: center; overflow-wrap: anywhere; align-self: end; line-height: 1.15; }
.st-grid canvas { display: block; margin: 0 auto; background: var(--ssl-raised); }
.st-row { font-size: 11.5px; padding: 2px 0; width: 22px; justify-self: end; }
.st-row[aria-checked="true"] { background: var(--ssl-accent); border-color: var(--ssl-accent); color: var(--ssl-bg); }
.st-tabs { margin-top: 10px; }
.st-tabs pre { max-height: 300px; overflow: auto; background: var(--ssl-raised); padding: 8px; border-radius: 4px; margin: 4px 0; }
.st-hists { display: grid; grid-template-columns: max-content repeat(3, minmax(90px, 190px)); gap: 4px 12px; align-items: center; font-size: 12px; }
.st-hists svg { width: 100%; height: 62px; display: block; border-bottom: 1px solid var(--ssl-line); }
.st-strip { display: grid; grid-template-columns: max-content repeat(4, minmax(48px, 100px)); gap: 4px 8px; align-items: center; font-size: 12px; }
.st-strip canvas { width: 100%; display: block; } .st-strip span { color: var(--ssl-soft); font-size: 11px; }
.st-px { image-rendering: pixelated; }
.st-mae { display: flex; flex-wrap: wrap; gap: 8px; } .st-mae figure { margin: 0; width: 118px; } .st-mae canvas { width: 100%; display: block; } .st-mae figcaption { font-size: 11.5px; color: var(--ssl-soft); }
.st-keys kbd { background: var(--ssl-raised); border: 1px solid var(--ssl-line); border-radius: 3px; padding: 0 4px; font: 11px ui-monospace, monospace; }
`;
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]], TITLES = ["image", "what is seen", "reconstruction", "with what is seen"];
const svg = (tag, attrs, ...kids) => h(tag, { xmlns: 1, ...Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, String(v)])) }, ...kids);   // properties of SVG elements cannot be set, only attributes
const say = (v) => (typeof v !== "number" ? String(v) : Number.isInteger(v) ? String(v) : Math.abs(v) < .01 ? v.toPrecision(2) : String(Math.round(v * 100) / 100));

// Pixels (h, w, 1 or 3 channels) from `at` on into a canvas
function paint(canvas, bytes, at, [hh, ww, c]) {
  canvas.width = ww; canvas.height = hh; canvas.classList.toggle("st-px", ww < 100);
  const ctx = canvas.getContext("2d"), im = ctx.createImageData(ww, hh), d = im.data;
  for (let i = 0, j = at, n = ww * hh; i < n; i++, j += c) { d[4 * i] = bytes[j]; d[4 * i + 1] = bytes[j + (c > 1)]; d[4 * i + 2] = bytes[j + (c > 1 ? 2 : 0)]; d[4 * i + 3] = 255; }
  ctx.putImageData(im, 0, 0);
  return at + hh * ww * c;
}

// Hidden tokens in grey, with a line around each block where the mask was grown of blocks
function cover(canvas, grid, cells) {
  const [gh, gw] = grid, ctx = canvas.getContext("2d"), y = (r) => Math.round(r * canvas.height / gh), x = (q) => Math.round(q * canvas.width / gw);
  const id = (r, q) => (r < 0 || q < 0 || r >= gh || q >= gw ? 0 : cells[r * gw + q]);
  for (let r = 0; r < gh; r++) for (let q = 0; q < gw; q++) {
    if (!id(r, q)) continue;
    ctx.fillStyle = "#737373"; ctx.fillRect(x(q), y(r), x(q + 1) - x(q), y(r + 1) - y(r));
    ctx.fillStyle = "#ffffff";
    if (id(r, q - 1) && id(r, q - 1) !== id(r, q)) ctx.fillRect(x(q), y(r), 1, y(r + 1) - y(r));
    if (id(r - 1, q) && id(r - 1, q) !== id(r, q)) ctx.fillRect(x(q), y(r), x(q + 1) - x(q), 1);
  }
}

// A slider with its name and value; `put(v)` tells what it says now
function slider(label, value, lo, hi, step, put, attrs = {}) {
  const out = h("output", {}, say(value)), top = Math.max(hi, value), low = Math.min(lo, value);
  const { short, ...more } = attrs, input = h("input", { type: "range", min: String(low), max: String(top), step: String(step), "aria-label": label, ...more, oninput: () => { const v = Number(input.value); out.textContent = say(v); put(v); } });
  input.value = String(value);
  return { el: h("label", { class: "st-slider" }, h("span", {}, short ?? label), input, out), input, out };
}

// Two sliders for a range; neither passes the other
function pair(name, label, v, lo, hi, step, put, fixed) {
  const b = [...v], a = ["from", "to"].map((w, i) => slider(`${label} ${w}`, b[i], lo, hi, step, (x) => {
    b[i] = x; const j = 1 - i;
    if (b[0] > b[1]) { b[j] = x; a[j].input.value = String(x); a[j].out.textContent = say(x); }
    put([...b]);
  }, { "data-name": `${name}.${i}`, short: i ? h("i", {}, "to") : label, ...fixed }));
  return a.map((o) => o.el);
}

export default { render({ model, el }) {
  const { root, stop } = frame(model, el, "studio");
  const who = Math.random().toString(36).slice(2), fixed = model.isStatic ? { disabled: true } : {};
  const about = model.get("about"), times = [];
  let s = structuredClone(model.get("state")), busy = 0, ticket = 0, waiting = null, since = 0, stuck = 0, pics = [];
  root.append(h("style", {}, STYLE));

  // --- requests: one under way, the newest of the others waits
  function request(now) {
    if (model.isStatic) return;
    waiting = { ...waiting, ...now };
    if (waiting.name) delete waiting.spec; else waiting.spec = structuredClone(s.spec);       // another recipe, or always what the sliders say: also after they were refused
    Object.assign(s, now);
    since ||= performance.now(); pump();
  }
  function pump() {
    if (busy || !waiting) return;
    busy = ++ticket; model.send({ what: "ask", ticket: busy, who, new: waiting }); waiting = null;
    clearTimeout(stuck); stuck = setTimeout(() => { note.textContent = "Python is busy or was restarted: no answer yet"; busy = 0; pump(); }, 8000);           // a kernel that was restarted never answers
  }
  const respec = () => request({});

  // --- the bar
  const pick = h("select", { "aria-label": "recipe", "data-name": "recipe", ...fixed, onchange: () => request({ name: pick.value }) }, about.recipes.map((n) => h("option", { value: n }, n)));
  const seed = h("input", { type: "number", min: "0", max: "2147483647", step: "1", style: { width: "92px" }, "aria-label": "seed", "data-name": "seed", ...fixed, onchange: () => { const v = Number(seed.value); if (Number.isInteger(v) && v >= 0) request({ seed: v }); } });
  const another = () => { s.seed = Math.floor(Math.random() * 1e6); seed.value = s.seed; request({ seed: s.seed }); };
  const draws = h("input", { type: "number", min: "1", max: "12", step: "1", style: { width: "56px" }, "aria-label": "draws", "data-name": "draws", ...fixed, onchange: () => request({ draws: Math.min(12, Math.max(1, Math.round(Number(draws.value)) || 1)) }) });
  const speed = h("span", { class: "ssl-note", "data-name": "speed", "aria-live": "off" });
  root.append(h("div", { class: "st-bar" }, h("label", {}, "recipe", pick), h("button", { class: "ssl-button", type: "button", "data-name": "reset", ...fixed, onclick: () => request({ name: s.name }) }, "reset"),
    h("label", {}, "seed", seed), h("button", { class: "ssl-button", type: "button", "data-name": "new-seed", ...fixed, onclick: another }, "new draw"), h("label", {}, "draws", draws),
    h("span", { class: "st-right" }, speed, copyButton("copy as config", () => model.get("answer").config || `# ${model.get("answer").config_error}`, { "data-name": "copy-config" }))));
  if (model.isStatic) root.append(h("p", { class: "ssl-note" }, "The sliders need Python: open the notebook to move them. The draws, colours, strip and config below are those of the saved page."));

  // --- left: images and ops
  const gallery = h("div", { class: "st-gallery", role: "radiogroup", "aria-label": "images" }), note = h("p", { class: "ssl-note", role: "status", "data-name": "note", style: { margin: "2px 0" } });
  const step = (d) => { const n = model.get("answer").images; request({ index: (s.index + d + n) % n }); };
  const file = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp", hidden: true, onchange: async () => {
    const f = file.files[0]; file.value = ""; if (!f) return;
    if (f.size > about.upload_mb * 2 ** 20) { note.textContent = `${f.name} has ${(f.size / 2 ** 20).toFixed(1)} MB, at most ${about.upload_mb} are taken`; return; }
    model.send({ what: "upload", name: f.name }, undefined, [await f.arrayBuffer()]);
  } });
  const btn = (text, label, f, attrs = {}) => h("button", { class: "ssl-button", type: "button", "aria-label": label, title: label, ...fixed, ...attrs, onclick: f }, text);
  const ops = h("div", { class: "st-ops" });
  const left = h("div", {}, h("div", { class: "ssl-row", style: { marginTop: 0 } }, btn("‹", "previous image", () => step(-1), { "data-name": "previous" }), btn("›", "next image", () => step(1), { "data-name": "next" }), btn("upload…", "upload a PNG, JPEG or WebP", () => file.click(), { "data-name": "upload" }), file), gallery, note, ops);

  function drawGallery() {
    const bytes = array(model, "thumbs", Uint8Array), n = bytes.length / 4800;
    gallery.replaceChildren(...Array.from({ length: n }, (_, i) => {
      const c = h("canvas", { style: { width: "32px", height: "32px" } }); paint(c, bytes, i * 4800, [40, 40, 3]); c.classList.remove("st-px");
      return h("button", { type: "button", role: "radio", "aria-checked": String(i === s.index), tabIndex: i === s.index ? 0 : -1, "aria-label": `image ${i + 1}`, ...fixed, onclick: () => request({ index: i }), onkeydown: (e) => {
        const d = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key]; if (!d) return;
        e.preventDefault(); const j = (i + d + n) % n; mark(j); gallery.children[j].focus(); request({ index: j });
      } }, c);
    }));
  }
  const mark = (j) => [...gallery.children].forEach((b, i) => { b.setAttribute("aria-checked", String(i === j)); b.tabIndex = i === j ? 0 : -1; });

  // Kinds of ops (or masks) and a button that adds the chosen one; a select alone would add at every arrow key
  function adder(list, kinds, key, what) {
    const kind = h("select", { "aria-label": what, "data-name": `${key}.add`, ...fixed }, Object.keys(kinds).map((k) => h("option", { value: k }, about.labels[k])));
    return h("div", { class: "ssl-row" }, kind, h("button", { class: "ssl-button", type: "button", "data-name": `${key}.add-it`, ...fixed, onclick: () => {
      const j = list.length - about.many.includes(list.at(-1)?.kind);                            // nothing can follow an op that makes several views
      list.splice(j, 0, structuredClone(kinds[kind.value])); drawOps(); at(`${key}.${j}.on`).focus(); respec();
    } }, "Add"));
  }
  const at = (name) => ops.querySelector(`[data-name="${name}"]`);
  // One op: on/off, order, sliders
  function card(list, i, key) {
    const d = list[i], fields = "kept" in d ? ("p" in d.v ? [["p", "probability", "number", 0, 1, .05]] : []) : about.fields[d.kind] || [], label = about.labels[d.kind] || d.kind;
    const on = h("input", { type: "checkbox", checked: d.on, "aria-label": `${label} on`, "data-name": `${key}.on`, ...fixed, onchange: () => { d.on = on.checked; box.classList.toggle("off", !d.on); respec(); } });
    const move = (by) => { const j = i + by; if (j < 0 || j >= list.length) return; [list[i], list[j]] = [list[j], list[i]]; drawOps(); const b = at(`${key.replace(/\d+$/, j)}.${by < 0 ? "up" : "down"}`); (b.disabled ? b.parentElement.querySelector("input") : b).focus(); respec(); };
    const remove = () => { list.splice(i, 1); drawOps(); (at(key + ".remove") || at(key.replace(/\d+$/, list.length - 1) + ".remove") || at(key.replace(/\d+$/, "add")))?.focus(); respec(); };
    const box = h("div", { class: "st-op" + (d.on ? "" : " off"), onkeydown: (e) => { if (e.altKey && (e.key === "ArrowUp" || e.key === "ArrowDown") && !model.isStatic) { e.preventDefault(); move(e.key === "ArrowUp" ? -1 : 1); } } },
      h("div", { class: "st-head" }, h("label", {}, on, label), list.length > 1 ? [btn("↑", `${label} earlier`, () => move(-1), { class: "ssl-button st-move", "data-name": `${key}.up`, disabled: i === 0 || model.isStatic }), btn("↓", `${label} later`, () => move(1), { class: "ssl-button st-move", "data-name": `${key}.down`, disabled: i === list.length - 1 || model.isStatic })] : null, btn("×", `remove ${label}`, remove, { class: "ssl-button st-move", "data-name": `${key}.remove` })));
    const body = h("div", { class: "st-sliders" });
    if (d.kind === "ColorJitter" && !("kept" in d)) body.append(strength(d));
    for (const [name, text, how, lo, hi, st] of fields) {
      const put = (v) => { d.v[name] = v; if (d.base && name in d.base) d.base[name] = v / (d.factor || 1); respec(); }, attrs = { "data-name": `${key}.${name}`, ...fixed };
      const cell = name === "size" ? s.spec.masks.find((m) => m.kind === "SimMIMMask")?.v.mask_unit : name === "mask_unit" ? d.v.patch : 0;      // a view is whole blocks, a block whole tokens
      if (name === "mask_unit") attrs.onchange = () => { drawOps(); at(attrs["data-name"]).focus(); };
      const top = d.v.grid && name !== "ratio" ? d.v.grid[0] * d.v.grid[1] - 1 : hi;
      if (Array.isArray(d.v[name])) body.append(...pair(`${key}.${name}`, text, d.v[name], lo, top, st, put, fixed));
      else body.append(slider(text, d.v[name] ?? top, cell || lo, top, cell || st, put, attrs).el);
    }
    box.append(body); return box;
  }
  // One slider for all of the jitter, as SimCLR's strength: 1 is what the recipe has
  function strength(d) {
    const names = ["brightness", "contrast", "saturation", "hue"].filter((k) => !Array.isArray(d.v[k])); if (!names.length) return "";
    d.base ||= Object.fromEntries(names.map((k) => [k, d.v[k]])); d.factor ??= 1;
    return slider("strength", d.factor, 0, 2, .05, (f) => {
      d.factor = f; for (const k of names) d.v[k] = Math.min(k === "hue" ? .5 : 1e9, Math.round(d.base[k] * f * 1e4) / 1e4);
      for (const i of ops.querySelectorAll("input[type=range]")) { const m = i.dataset.name?.match(/^c(\d+)\.(\d+)\.(\w+)$/); if (m && s.spec.chains[m[1]]?.ops[m[2]] === d && names.includes(m[3])) { if (d.v[m[3]] > Number(i.max)) i.max = d.v[m[3]]; i.value = d.v[m[3]]; i.parentElement.querySelector("output").textContent = say(d.v[m[3]]); } }
      respec();
    }, { "data-name": "strength", short: "all, × recipe", ...fixed }).el;
  }
  function drawOps() {
    let v = 0; const many = s.spec.chains.length > 1;
    const kids = s.spec.chains.map((c, i) => {
      const from = v + 1, each = Math.max(1, Math.round((model.get("answer").k || 1) / s.spec.chains.reduce((a, o) => a + o.views, 0))); v += c.views * each;
      return h("fieldset", { class: "st-chain" }, h("legend", {}, (from === v ? `view ${v}` : `views ${from} to ${v}`) + (many ? ` (${String.fromCharCode(65 + i)})` : "")),
        slider("views", c.views, 1, 12, 1, (x) => { c.views = x; respec(); }, { "data-name": `c${i}.views`, "aria-label": "number of views", ...fixed }).el, c.ops.map((_, j) => card(c.ops, j, `c${i}.${j}`)), adder(c.ops, about.add, `c${i}`, "an op to add"));
    });
    kids.push(h("fieldset", { class: "st-chain" }, h("legend", {}, "mask"), s.spec.masks.length ? s.spec.masks.map((_, j) => card(s.spec.masks, j, `m.${j}`)) : adder(s.spec.masks, about.add_masks, "m", "a mask to add")));
    ops.replaceChildren(...kids);
  }

  // --- right: original, words, grid
  const original = h("canvas", { role: "img", "aria-label": "the image with the windows of the chosen draw", style: { maxWidth: "260px", maxHeight: "360px", alignSelf: "start" } }), words = h("div", { class: "st-words" }), grid = h("div", { class: "st-grid", role: "radiogroup", "aria-label": "draws" });
  function paintOriginal() {
    const a = model.get("answer"); if (!a?.original) return;
    const [hh, ww] = a.original, src = document.createElement("canvas"), f = Math.max(1, Math.round(520 / Math.max(ww, hh))), ctx = original.getContext("2d");
    paint(src, array(model, "original", Uint8Array), 0, a.original);
    original.width = ww * f; original.height = hh * f; ctx.imageSmoothingEnabled = ww > 100; ctx.drawImage(src, 0, 0, ww * f, hh * f);
    const u = Math.max(original.width / 260, original.height / 360);                          // pixels of the canvas for one of the page
    (a.windows[s.row] || []).forEach(([x0, y0, x1, y1], i) => {
      const r = [x0 * f + u, y0 * f + u, (x1 - x0) * f - 2 * u, (y1 - y0) * f - 2 * u];
      ctx.setLineDash([]); ctx.lineWidth = 4 * u; ctx.strokeStyle = "rgba(255,255,255,.85)"; ctx.strokeRect(...r);
      ctx.setLineDash(DASHES[i % 4].map((d) => d * u)); ctx.lineWidth = 2 * u; ctx.strokeStyle = PALETTE.light[i % 10]; ctx.strokeRect(...r);
      ctx.setLineDash([]); ctx.font = `${12 * u}px sans-serif`; const w = ctx.measureText(i + 1).width + 5 * u;
      ctx.fillStyle = "rgba(255,255,255,.9)"; ctx.fillRect(r[0], r[1], w, 15 * u); ctx.fillStyle = "#000"; ctx.fillText(i + 1, r[0] + 2.5 * u, r[1] + 12 * u);
    });
  }
  function drawWords() {
    const a = model.get("answer");
    words.replaceChildren(...(a.words[s.row] || []).map((ops, i) => h("section", {}, h("h4", {}, svg("svg", { width: 22, height: 10, viewBox: "0 0 22 10" }, svg("line", { x2: 22, y1: 5, y2: 5, stroke: "#fff", "stroke-width": 6 }), svg("line", { x2: 22, y1: 5, y2: 5, stroke: PALETTE.light[i % 10], "stroke-width": 3, "stroke-dasharray": DASHES[i % 4].join(" ") })), `${a.names[i]}, draw ${s.row + 1}`),
      h("dl", {}, ops.map(([op, text, acted]) => [h("dt", {}, op), h("dd", { class: acted ? "" : "rest" }, text)]).flat()))));
  }
  const choose = (r, focus) => { s.row = r; [...grid.querySelectorAll(".st-row")].forEach((b, i) => { b.setAttribute("aria-checked", String(i === r)); b.tabIndex = i === r ? 0 : -1; if (focus && i === r) b.focus(); }); paintOriginal(); drawWords(); request({ row: r }); };
  function drawGrid() {
    const a = model.get("answer"), bytes = array(model, "views", Uint8Array), k = a.k, m = a.masks.length, n = a.sizes.length / k, widest = Math.max(...a.sizes.slice(0, k).map((z) => z[1]));
    const room = Math.max(260, (grid.parentElement?.clientWidth || 640) - 8), most = Math.max(1, Math.min(n, Math.floor(room / ((k + m) * 112 + 34)))), even = [...Array(most).keys()].map((i) => i + 1).filter((i) => n % i === 0).pop(), per = even * 2 > most ? even : most, cell = Math.max(36, Math.min(132, Math.floor((room / per - 34) / (k + m)) - 6));
    grid.style.gridTemplateColumns = Array(per).fill(`28px repeat(${k + m}, ${cell}px)`).join(" ");
    const head = [h("span", {}), ...a.names.map((t, i) => h("span", { class: "st-name" }, t, h("br"), `${a.sizes[i][1]} px`)), ...a.masks.map((o) => h("span", { class: "st-name" }, `${Math.round(o.hidden * 100)} % hidden`))];
    const kids = Array.from({ length: per }, () => head.map((o) => o.cloneNode(true))).flat();
    const fit = (w, z) => ({ width: Math.max(1, Math.round(Math.min(w, 2 * cell * z[1] / z[0]))) + "px" });      // a very thin view is not made miles long
    let at = 0;
    for (let r = 0; r < n; r++) {
      kids.push(h("button", { type: "button", class: "ssl-button st-row", role: "radio", "aria-checked": String(r === s.row), tabIndex: r === s.row ? 0 : -1, "aria-label": `draw ${r + 1}`, "data-name": `row.${r}`, onclick: () => choose(r), onkeydown: (e) => { const d = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[e.key]; if (d) { e.preventDefault(); choose((r + d + n) % n, true); } } }, r + 1));
      const first = at, size0 = a.sizes[r * k];
      for (let i = 0; i < k; i++) {
        const z = a.sizes[r * k + i], c = h("canvas", { class: "st-view", role: "img", "aria-label": `${a.names[i]} of draw ${r + 1}`, style: fit(cell * Math.max(.7, z[1] / widest), z) });
        at = paint(c, bytes, at, z); kids.push(c);
      }
      for (const o of a.masks) { const c = h("canvas", { class: "st-mask", role: "img", "aria-label": `mask of draw ${r + 1}`, style: fit(cell, size0) }), g = o.grid[0] * o.grid[1]; paint(c, bytes, first, size0); cover(c, o.grid, o.cells.slice(r * g, (r + 1) * g)); kids.push(c); }
    }
    const had = grid.contains(document.activeElement);                                         // the keyboard stays where it was
    grid.replaceChildren(...kids);
    if (had) grid.querySelector('.st-row[aria-checked="true"]')?.focus({ preventScroll: true });
  }

  // --- tabs
  const colours = h("div", {}), strip = h("div", {}), cost = h("div", {}), mae = h("div", {}), config = h("pre", { tabIndex: 0, "aria-label": "pipeline of the config" }), source = h("pre", { tabIndex: 0, "aria-label": "Python source" });
  function hist(a, b) { // two histograms as steps, their common area filled
    const n = a.length, top = Math.min(.2, Math.max(...a, ...b)), x = (i) => (i * 100 / n).toFixed(2), y = (v) => (58 - 56 * Math.min(1, v / top)).toFixed(2), path = (z) => "M" + z.map((v, i) => `${x(i)},${y(v)} ${x(i + 1)},${y(v)}`).join(" L");
    const low = a.map((v, i) => Math.min(v, b[i])), line = { fill: "none", "stroke-width": 1.6, "vector-effect": "non-scaling-stroke" };
    return svg("svg", { viewBox: "0 0 100 60", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("path", { d: `${path(low)} L100,58 L0,58 Z`, fill: "var(--ssl-soft)", opacity: .35 }), svg("path", { ...line, d: path(a), stroke: "var(--st-a)" }), svg("path", { ...line, d: path(b), stroke: "var(--st-b)", "stroke-dasharray": "4 2" }));
  }
  function drawColours() {
    const c = model.get("answer").colours, names = c.hist[0].length === 3 ? ["red", "green", "blue"] : ["grey"], mean = (v) => (v.reduce((a, b) => a + b, 0) / v.length).toFixed(2), g = model.get("slow").guess;
    const row = (title, hs, o) => [h("span", {}, title, h("br"), h("b", {}, mean(o)), " in common"), ...names.map((n, i) => h("div", {}, hist(hs[0][i], hs[1][i]), h("span", { class: "ssl-note" }, `${n} ${o[i].toFixed(2)}`))), ...Array(3 - names.length).fill(0).map(() => h("span"))];
    colours.replaceChildren(h("p", { class: "ssl-note", style: { margin: "0 0 6px" } }, `${c.what} ${s.row + 1}: `, h("span", { style: { color: "var(--st-a)" } }, "one ━"), " ", h("span", { style: { color: "var(--st-b)" } }, "the other ┅"), ", their common area in grey. What two views share in colour, a network need not see in shape."),
      h("div", { class: "st-hists", "data-name": "hists" }, row("as drawn", c.hist, c.overlap), row("colour ops at rest", c.rest, c.overlap_rest)),
      g ? h("p", { "data-name": "guess" }, `By its histogram alone the second view is found for ${Math.round(g.guessed * 100)} % of ${g.n} images (chance: ${(g.chance * 100).toFixed(1)} %).`) : model.isStatic ? "" : h("p", { class: "ssl-note" }, "With eight images of one size or more, it is also measured how often the histogram alone finds the partner."));
  }
  function drawSlow() {
    const z = model.get("slow"), bytes = array(model, "extra", Uint8Array); let at = 0, i = 0;
    const next = (cls) => { const c = h("canvas", { class: cls, role: "img" }); at = paint(c, bytes, at, z.sizes[i++]); return c; };
    strip.replaceChildren(z.strip?.length ? h("div", { class: "st-strip" }, z.strip.map(([op, labels]) => [h("b", {}, op), ...labels.map((l) => h("div", {}, next("st-step"), h("span", {}, l)))]).flat()) : h("p", { class: "ssl-note" }, "no op of this recipe has a strength"));
    pics = Array.from({ length: z.recon || 0 }, () => next("st-recon"));
    cost.replaceChildren(h("p", { "data-name": "cost" }, z.cost ? `${Math.round(z.cost.views_s)} views a second on one core: ${z.cost.ms.toFixed(1)} ms for all views of an image (median of ${z.cost.runs} batches of ${z.cost.n}, this image).` : model.isStatic ? "not measured for this page" : "measured once the sliders rest …"), h("p", { class: "ssl-note" }, "A loader has more cores and does other things beside: this is what the recipe alone costs."));
    speed.textContent = z.cost ? `${Math.round(z.cost.views_s)} views/s a core` : "";
    drawMae(); drawColours();
    if (z.error) cost.append(h("p", { class: "ssl-error" }, z.error));
  }
  const ratio = slider("hidden", s.ratio, .05, .95, .05, (v) => request({ ratio: v }), { "data-name": "ratio", ...fixed }), patch = slider("patch, px", s.patch, 1, 64, 1, (v) => request({ patch: v }), { "data-name": "patch", ...fixed });
  const maeBody = h("div", {}), maskCanvas = h("canvas", { role: "img", "aria-label": "random mask on view 1" });
  mae.append(h("p", { class: "ssl-note", style: { marginTop: 0 } }, "MAE draws its mask inside the model: patches at random, so it is no part of the pipeline."), h("div", { style: { maxWidth: "330px" } }, ratio.el, patch.el), maeBody);
  function drawMae() {
    const a = model.get("answer"), z = model.get("slow"), f = (c, t) => h("figure", {}, c, h("figcaption", {}, t)), kids = [];
    if (a.random) { paint(maskCanvas, array(model, "views", Uint8Array), 0, a.sizes[0]); cover(maskCanvas, a.random.grid, a.random.cells); kids.push(f(maskCanvas, `view 1: ${a.random.kept} of ${a.random.cells.length} patches seen`)); }
    else kids.push(h("p", { class: "ssl-note" }, a.random_line));
    kids.push(...pics.map((c, i) => f(c, TITLES[i])));
    maeBody.replaceChildren(h("div", { class: "st-mae" }, kids), z.mae_line ? h("p", { class: "ssl-error", "data-name": "mae-line" }, z.mae_line) : pics.length ? "" : h("p", { class: "ssl-note" }, "With mae=CHECKPOINT or a Learner the reconstruction is shown here."));
  }
  const key = (k, t) => h("p", { style: { margin: "2px 0" } }, h("kbd", {}, k), " ", t);
  const keys = h("div", { class: "st-keys" }, key("Tab", "from control to control"), key("← →", "on a slider: a step; on a thumbnail: another image; on a draw's number: another draw"), key("Alt ↑ ↓", "within an op: earlier or later in the chain"), key("Space", "on an op's box: off or on"), key("Enter", "on Add: the chosen op, at the end of the chain; on ×: the op goes"));
  const tabs = tabbed([["Colours", colours], ["One op at a time", strip], ["Masked autoencoder", mae], ["Cost", cost], ["Config", h("div", {}, config)], ["Python", h("div", {}, copyButton("copy as Python", () => model.get("answer").python, { "data-name": "copy-python" }), source)], ["Keys", keys]], { class: "ssl-tabs st-tabs" });
  root.append(h("div", { class: "st-main" }, left, h("div", { class: "st-stage" }, h("div", { class: "st-top" }, original, words), grid, tabs)));

  function answered() {
    const a = model.get("answer"), mine = a.who === who && a.ticket === busy;
    if (a.who === who && a.ticket < busy) return;
    if (mine) { busy = 0; clearTimeout(stuck); }
    if (waiting && a.replace && (mine || model.get("state").name !== s.name)) { delete waiting.spec; if (!Object.keys(waiting).length) waiting = null; }      // sliders of the recipe that is gone
    if (a.replace || a.who !== who) { const w = waiting; s = { ...structuredClone(model.get("state")), ...w }; drawOps(); ratio.input.value = s.ratio; ratio.out.textContent = say(s.ratio); patch.input.value = s.patch; patch.out.textContent = say(s.patch); }
    if (model.get("error") && mine && !waiting) s = { ...structuredClone(model.get("state")), spec: s.spec };     // the sliders stay as they are, so that one can go back
    show();
    if (mine && !waiting) { const t = performance.now() - since; since = 0; times.push(t); root.dataset.ms = t.toFixed(1); if (times.length > 200) times.shift(); root.dataset.times = JSON.stringify(times.map((x) => Math.round(x * 10) / 10)); root.dataset.python = a.ms.toFixed(1); }
    root.dataset.ticket = a.ticket; root.dataset.busy = busy || waiting ? "yes" : "";
    pump();
  }
  function show() {
    const a = model.get("answer"); pick.value = s.name; seed.value = s.seed; draws.value = s.draws; note.textContent = a.note || ""; mark(s.index);
    drawGrid(); paintOriginal(); drawWords(); drawColours(); drawMae();
    config.textContent = a.config || a.config_error; source.textContent = a.python;
  }
  const watch = { "change:answer": answered, "change:thumbs": drawGallery, "change:slow": drawSlow };
  for (const [k, f] of Object.entries(watch)) model.on(k, f);
  drawGallery(); drawOps(); show(); drawSlow();
  let wide = 0; const seen = new ResizeObserver((es) => { const w = Math.round(es[0].contentRect.width); if (w && w !== wide) { wide = w; drawGrid(); } }); seen.observe(grid.parentElement);
  return () => { clearTimeout(stuck); seen.disconnect(); for (const [k, f] of Object.entries(watch)) model.off(k, f); stop(); };
} };
