// What pages do more where scripts run: a period drawn on the chart, a box drawn on the map, arrow keys among bars
// and spots, a collection that this browser keeps. All of it can be done without them, by links and forms.
"use strict";

const form = document.querySelector("form.search");

// Tell a search where to look now, and start it.
function ask(values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  form.requestSubmit();
}

// Follow the pointer from where it goes down in an SVG: `drawn` gets both ends, in the SVG's own units.
function drag(svg, drawn, end) {
  const at = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  let from = null, moved = false;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button === 0) { from = at(event); moved = false; }
  });
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    const scale = svg.getScreenCTM();
    if (!moved && Math.abs(to.x - from.x) * scale.a < 6 && Math.abs(to.y - from.y) * scale.d < 6) return;
    if (!moved) svg.setPointerCapture(event.pointerId);
    moved = true;
    drawn(from, to);
  });
  svg.addEventListener("pointerup", (event) => {
    if (from && moved) end(from, at(event));
    from = null;
  });
  svg.addEventListener("pointercancel", () => { from = null; });
  svg.addEventListener("click", (event) => { if (moved) event.preventDefault(); moved = false; }, true);
}

function box(svg) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  made.setAttribute("class", "brush");
  svg.append(made);
  return (x, y, width, height) => {
    for (const [name, value] of Object.entries({x, y, width, height})) made.setAttribute(name, value);
  };
}

// One stop for the tabulator among the links of a picture, arrows within: of bars the newest first, of spots the largest.
for (const svg of document.querySelectorAll(".chart > svg, .map > svg")) {
  const stops = [...svg.querySelectorAll("a[href]")];
  const first = svg.closest(".chart") ? stops.length - 1 : 0;
  stops.forEach((stop, n) => stop.setAttribute("tabindex", n === first ? 0 : -1));
  svg.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity}[event.key];
    const here = stops.indexOf(document.activeElement);
    if (!step || here < 0) return;
    const next = stops[Math.max(0, Math.min(stops.length - 1, here + step))];
    stops[here].setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
    event.preventDefault();
  });
}

for (const svg of form ? document.querySelectorAll(".chart > svg") : []) {
  const bars = [...svg.querySelectorAll("a[data-period]")];
  const start = (bar) => bar.querySelector(".area").x.baseVal.value;
  const show = box(svg);
  const among = (a, b) => bars.filter((bar) => start(bar) + 10 > Math.min(a.x, b.x) && start(bar) < Math.max(a.x, b.x));
  drag(svg, (a, b) => {
    const some = among(a, b);
    if (some.length) show(start(some[0]), 0, start(some.at(-1)) - start(some[0]) + 10, 100);
  }, (a, b) => {
    const some = among(a, b);
    if (some.length) ask({since: some[0].dataset.period, until: some.at(-1).dataset.period});
  });
}

// Great-circle distance in km between two points in tenths of a degree.
function kilometres(a, b) {
  const [p, q] = [a.y, b.y].map((y) => -y / 10 * Math.PI / 180), turn = (b.x - a.x) / 10 * Math.PI / 180;
  const h = Math.sin((q - p) / 2) ** 2 + Math.cos(p) * Math.cos(q) * Math.sin(turn / 2) ** 2;
  return 2 * 6371 * Math.asin(Math.min(1, Math.sqrt(h)));
}

for (const svg of form ? document.querySelectorAll(".map > svg") : []) {
  const show = box(svg);
  const shapes = document.querySelector(".map .shapes");
  shapes.hidden = false;
  const round = () => shapes.querySelector("[value=circle]").checked;
  const within = (value, least, most) => Math.max(least, Math.min(most, value));
  const degrees = (x) => { const turned = ((x / 10 + 180) % 360 + 360) % 360 - 180; return turned.toFixed(2); };
  drag(svg, (a, b) => {
    const reach = Math.hypot(a.x - b.x, a.y - b.y);
    svg.querySelector(".brush").setAttribute("rx", round() ? "50%" : 0);
    if (round()) show(a.x - reach, a.y - reach, 2 * reach, 2 * reach);
    else show(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y));
  }, (a, b) => {
    if (round()) {
      const latitude = within(-a.y / 10, -90, 90).toFixed(3), km = Math.max(1, Math.round(kilometres(a, b)));
      ask({near: `${latitude},${degrees(a.x)}`, within: km, bbox: ""});
      return;
    }
    const north = within(-Math.min(a.y, b.y) / 10, -90, 90), south = within(-Math.max(a.y, b.y) / 10, -90, 90);
    const values = {bbox: [degrees(Math.min(a.x, b.x)), south.toFixed(2), degrees(Math.max(a.x, b.x)), north.toFixed(2)].join(","),
                    near: "", within: ""};
    if (form.elements.sort.value === "distance") values.sort = "";
    ask(values);
  });
}

// What this browser keeps of a collection: numbers of articles, under the place of this archive.
const basket = document.querySelector("a[data-collection]");
const place = `archiver ${basket.pathname}`;
const listing = basket.getAttribute("href");

function kept() {
  try { return JSON.parse(localStorage.getItem(place) ?? "[]").filter((id) => /^\d+$/.test(id)); } catch { return []; }
}

function keep(ids) {
  try { localStorage.setItem(place, JSON.stringify([...new Set(ids)])); } catch { /* it keeps nothing, and says none */ }
  told();
}

function told() {
  const ids = kept();
  basket.setAttribute("href", ids.length ? `${listing}?${ids.map((id) => `id=${id}`).join("&")}` : listing);
  basket.textContent = ids.length ? `Collection (${ids.length})` : "Collection";
}

told();
for (const form of document.querySelectorAll("form.picking")) {
  const ticks = [...form.querySelectorAll("input[name=id]")];
  const there = new Set(kept());
  for (const tick of ticks) tick.checked ||= there.has(tick.value);
  form.addEventListener("change", (event) => {
    if (event.target.name === "id") {
      keep([...kept().filter((id) => id !== event.target.value), ...event.target.checked ? [event.target.value] : []]);
    }
  });
  form.addEventListener("submit", (event) => {  // those ticked on other pages, too
    event.preventDefault();
    location.href = basket.href;
  });
}
for (const button of document.querySelectorAll("button[data-keep]")) {
  button.parentElement.hidden = false;
  button.addEventListener("click", () => {
    keep(button.dataset.keep.trim().split(" "));
    button.textContent = "Kept in this browser";
  });
}
for (const button of document.querySelectorAll("button.away")) {
  button.addEventListener("click", () => keep(kept().filter((id) => id !== button.value)));
}

// Empty fields need not stand in the address.
for (const one of document.querySelectorAll("form.search")) {
  one.addEventListener("submit", () => {
    for (const field of one.elements) if (field.name && !field.value && !field.disabled) {
      field.disabled = true;
      setTimeout(() => { field.disabled = false; });
    }
  });
}

// On a narrow screen facets and map are closed until they are asked for.
if (matchMedia("(max-width: 50rem)").matches) {
  for (const one of document.querySelectorAll("details.facets, details.map")) one.open = false;
}
