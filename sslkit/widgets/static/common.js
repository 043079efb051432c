// Shared by every widget of sslkit: this text is put before each widget's own. Nothing here asks a network for anything.

// An element: h("button", {class: "x", onclick: f}, "text", child)
function h(tag, attrs = {}, ...kids) {
  const el = tag === "svg" || attrs.xmlns ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) {
    if (v === undefined || v === null || v === false || k === "xmlns") continue;
    if (k.startsWith("on")) el.addEventListener(k.slice(2), v);
    else if (k === "style" && typeof v === "object") Object.assign(el.style, v);
    else if (k === "class") el.setAttribute("class", v);
    else if (k in el && typeof v !== "string" && !attrs.xmlns) el[k] = v;             // SVG's own are read-only
    else el.setAttribute(k, v === true ? "" : v);
  }
  el.append(...kids.flat(Infinity).filter((k) => k !== undefined && k !== null && k !== false));
  return el;
}

// Bytes of a trait as a typed array of its own (a view into a message's buffer need not be aligned)
function array(model, name, Type) {
  const v = model.get(name);
  if (!v || !v.byteLength) return new Type(0);
  return new Type(v.buffer.slice(v.byteOffset, v.byteOffset + v.byteLength));
}

// Is the page dark? JupyterLab and Furo say so on <body>; elsewhere the reader's system does
function isDark() {
  const b = document.body.dataset;
  if (b.jpThemeLight) return b.jpThemeLight === "false";
  if (b.theme && b.theme !== "auto") return b.theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// Marks `el` with data-theme, now and whenever the page changes its theme; returns a function that stops looking
function followTheme(el, changed = () => {}) { // `changed` is told of later changes, not of the first look
  const put = () => { const t = isDark() ? "dark" : "light", was = el.dataset.theme; el.dataset.theme = t; if (was && was !== t) changed(t); };
  const seen = new MutationObserver(put), media = matchMedia("(prefers-color-scheme: dark)");
  seen.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-theme"] });
  media.addEventListener("change", put); put();
  return () => { seen.disconnect(); media.removeEventListener("change", put); };
}

// Classes: Paul Tol's "muted" and an orange; on a dark page the same hues, lighter. Shapes go on where ten colours end.
const PALETTE = {
  light: ["#332288", "#cc6677", "#117733", "#88ccee", "#ddcc77", "#882255", "#44aa99", "#999933", "#aa4499", "#ee7733"],
  dark: ["#8f86e8", "#ee8f9e", "#4fbf73", "#88ccee", "#eadc8f", "#d0709f", "#5fd3c0", "#c8c860", "#dd88cc", "#ff9a5c"],
};
const classColour = (el, i) => PALETTE[el.dataset.theme === "dark" ? "dark" : "light"][((i % 10) + 10) % 10];
// Dashes of lines, where colours alone are too few; as in Python's `_dashes`
const STROKES = [[], [6, 3], [1.5, 2.5], [7, 2.5, 1.5, 2.5], [11, 4]];
// Numbers: cividis, which reads the same with every kind of colour vision; t in 0..1. Only its part that stands out (3:1) from the page of this element
const CIVIDIS = [[0, 32, 76], [0, 57, 112], [67, 78, 108], [102, 102, 110], [138, 127, 120], [175, 154, 110], [215, 183, 85], [255, 234, 70]];
function ramp(el, t) {
  t = el.dataset.theme === "dark" ? .42 + .58 * t : .68 * t;
  const x = Math.min(.999999, Math.max(0, t)) * (CIVIDIS.length - 1), i = Math.floor(x), f = x - i;
  return `rgb(${CIVIDIS[i].map((c, k) => Math.round(c + f * (CIVIDIS[i + 1][k] - c))).join(",")})`;
}

// An element of SVG, with attributes of any kind
const svgEl = (tag, attrs, ...kids) => h(tag, { xmlns: 1, ...Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, String(v)])) }, ...kids);

// Numbers as a reader wants them: whole ones with their thousands apart, others to some digits
const count = (n) => n.toLocaleString("en-US");
function figure(v, digits = 4) {
  if (!Number.isFinite(v)) return "not finite";
  const a = Math.abs(v);
  if (a && (a < .001 || a >= 1e9)) return v.toExponential(digits - 2).replace(/\.?0+e/, "e");
  return a >= 10000 ? count(Math.round(v)) : String(Number(v.toPrecision(a >= 1000 ? 4 : digits)));
}

// Round places on an axis from lo to hi, about n of them
function ticks(lo, hi, n, whole = false) {
  if (!(hi > lo) || !Number.isFinite(hi - lo)) return Number.isFinite(lo) ? [lo] : [];
  const raw = (hi - lo) / Math.max(1, n), p = 10 ** Math.floor(Math.log10(raw)), f = [1, 2, 2.5, 5, 10].find((m) => m * p >= raw * .999);
  const step = whole ? Math.max(1, Math.round(f * p)) : f * p, from = Math.ceil(lo / step - 1e-9), out = [];
  for (let i = 0; i < 60 && (from + i) * step <= hi + step * 1e-6; i++) out.push((from + i) * step || 0);      // counted, not summed: a step may be too small to add
  return out;
}

// Text to the clipboard, also where the page may not write there by itself (http, file://); true when it arrived
async function copyText(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch (e) { /* fall through */ }
  const t = h("textarea", { style: { position: "fixed", opacity: 0 } }); t.value = text;
  document.body.append(t); t.select();
  try { return document.execCommand("copy"); } finally { t.remove(); }
}

// A button that copies what `text()` gives, says so, and shows the text itself where copying is refused
function copyButton(label, text, attrs = {}) {
  const out = h("output", { class: "ssl-copied", "aria-live": "polite" });
  const b = h("button", { class: "ssl-button", type: "button", ...attrs, onclick: async () => {
    const t = text(), ok = await copyText(t);
    out.replaceChildren(ok ? "copied" : h("textarea", { readonly: true, rows: 4 }, t));
    b.dataset.copied = t;
    if (ok) setTimeout(() => out.replaceChildren(), 1600);
  } }, label);
  return h("span", {}, b, out);
}

// A file out of the page: no server needed
function saveText(name, text, type = "text/plain") {
  const a = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  a.click(); setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}

// Tabs by the keyboard's rules: one stop in the tab order, arrows, Home and End move; tabs is [[name, element], ...]
function tabbed(tabs, attrs = {}) {
  const id = "ssl" + Math.random().toString(36).slice(2), heads = [], bodies = [];
  const show = (i) => tabs.forEach((_, j) => {
    heads[j].setAttribute("aria-selected", i === j); heads[j].tabIndex = i === j ? 0 : -1; bodies[j].hidden = i !== j;
  });
  tabs.forEach(([name, body], i) => {
    heads.push(h("button", { role: "tab", type: "button", id: `${id}t${i}`, "aria-controls": `${id}p${i}`, class: "ssl-tab", onclick: () => show(i), onkeydown: (e) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[e.key];
      if (to === undefined) return;
      const j = (to + tabs.length) % tabs.length; show(j); heads[j].focus(); e.preventDefault();
    } }, name));
    bodies.push(h("div", { role: "tabpanel", id: `${id}p${i}`, "aria-labelledby": `${id}t${i}`, class: "ssl-panel" }, body));
  });
  show(0);
  return h("div", { class: "ssl-tabs", ...attrs }, h("div", { role: "tablist", class: "ssl-tablist" }, heads), bodies);
}

// The frame of a widget: theme, and the trait `error` as a readable line; returns {root, stop}
function frame(model, el, name, redraw = () => {}) {
  const root = h("div", { class: `ssl-widget ssl-${name}` }), said = h("p", { class: "ssl-error", role: "alert", hidden: true });
  const tell = () => { said.textContent = model.get("error") || ""; said.hidden = !said.textContent; };
  root.addEventListener("focusin", (e) => { e.target.dataset.lmSuppressShortcuts = "true"; });      // else JupyterLab takes arrow keys for its cells: it asks the element in focus, and no further up
  root.append(said); el.append(root); model.on("change:error", tell); tell();
  const stop = followTheme(root, redraw);
  return { root, stop: () => { stop(); model.off("change:error", tell); } };
}
