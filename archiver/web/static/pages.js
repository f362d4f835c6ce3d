// Enhancements that work only with scripts: shortcuts on the keyboard, select a period on the chart or an area on the map
// by dragging, move among bars and spots with the arrow keys. Links and forms do all of it without scripts.
"use strict";

{
  // Shortcuts: / goes to the search box, j and k to the next and previous article of a list, o opens it, ? lists them. They
  // can be switched off, since a person who speaks to the computer types by accident (WCAG 2.2, 2.1.4).
  const shortcutsKey = "archiver shortcuts off";
  const stops = () => [...document.querySelectorAll(".hits > li :is(h2, h3) a, .list > li > a, [data-stop]")]
    .filter((link) => link.checkVisibility());
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };  // storage may be blocked
  const write = (key, text) => { try { localStorage.setItem(key, text); } catch { } };

  function step(by) {
    const all = stops();
    if (!all.length) return;
    const here = all.indexOf(document.activeElement);
    const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, here + by));
    all[next].focus();
    all[next].scrollIntoView({block: "nearest"});
  }

  function listShortcuts() {
    let box = document.querySelector("dialog.shortcuts");
    if (!box) {
      box = document.createElement("dialog");
      box.className = "shortcuts";
      box.setAttribute("aria-labelledby", "shortcuts");
      box.innerHTML = `<h2 id="shortcuts">Keyboard shortcuts</h2><dl class="keys">
        <dt><kbd>/</kbd></dt><dd>Search</dd><dt><kbd>j</kbd></dt><dd>Next article of the list</dd>
        <dt><kbd>k</kbd></dt><dd>Previous article of the list</dd><dt><kbd>o</kbd></dt><dd>Open it</dd>
        <dt><kbd>?</kbd></dt><dd>This list</dd></dl>
        <label><input type="checkbox"> Use shortcuts</label><form method="dialog"><button class="main">Close</button></form>`;
      const tick = box.querySelector("input");
      tick.addEventListener("change", () => write(shortcutsKey, tick.checked ? "" : "yes"));
      document.body.append(box);
    }
    box.querySelector("input").checked = !read(shortcutsKey);
    box.showModal();
  }

  const SHORTCUTS = {
    "/": () => {
      const box = document.querySelector("main input[type=search]") ?? document.querySelector("[data-find]");
      if (box) { box.focus(); box.select(); } else location.href = document.querySelector("a.brand").href;
    },
    j: () => step(1),
    k: () => step(-1),
    o: () => { if (stops().includes(document.activeElement)) document.activeElement.click(); },
    "?": listShortcuts,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || read(shortcutsKey)) return;
    if (event.target.closest("input, select, textarea, dialog, [contenteditable]")) return;
    if (!Object.hasOwn(SHORTCUTS, event.key)) return;
    event.preventDefault();
    SHORTCUTS[event.key]();
  });

  const shortcutsButton = document.createElement("button");
  shortcutsButton.className = "linklike";
  shortcutsButton.textContent = "Keyboard shortcuts";
  shortcutsButton.addEventListener("click", listShortcuts);
  document.querySelector(".bottom").append(shortcutsButton);

  // Escape closes the menu.
  document.querySelector(".menu").addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.currentTarget.open = false;
  });
}

const form = document.querySelector("form.search");

// Fills in the search form and submits it.
function submitSearch(values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  form.requestSubmit();
}

// Tracks a drag within an SVG. Calls `move` while dragging and `end` at its end with both points, in SVG units.
function drag(svg, move, end) {
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
    move(from, to);
  });
  svg.addEventListener("pointerup", (event) => {
    if (from && moved) end(from, at(event));
    from = null;
  });
  svg.addEventListener("pointercancel", () => { from = null; });
  svg.addEventListener("click", (event) => { if (moved) event.preventDefault(); moved = false; }, true);
}

// Adds a selection rectangle to an SVG and returns a function that sets its position and size.
function addBrush(svg) {
  const brush = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  brush.setAttribute("class", "brush");
  svg.append(brush);
  return (x, y, width, height) => {
    for (const [name, value] of Object.entries({x, y, width, height})) brush.setAttribute(name, value);
  };
}

// Each chart and map is one tab stop (the newest bar, the largest spot); arrow keys move among its links.
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
  const show = addBrush(svg);
  const among = (a, b) => bars.filter((bar) => start(bar) + 10 > Math.min(a.x, b.x) && start(bar) < Math.max(a.x, b.x));
  drag(svg, (a, b) => {
    const some = among(a, b);
    if (some.length) show(start(some[0]), 0, start(some.at(-1)) - start(some[0]) + 10, 100);
  }, (a, b) => {
    const some = among(a, b);
    if (some.length) submitSearch({since: some[0].dataset.period, until: some.at(-1).dataset.period});
  });
}

// Great-circle distance in km between two points in tenths of a degree.
function kilometres(a, b) {
  const [p, q] = [a.y, b.y].map((y) => -y / 10 * Math.PI / 180), turn = (b.x - a.x) / 10 * Math.PI / 180;
  const h = Math.sin((q - p) / 2) ** 2 + Math.cos(p) * Math.cos(q) * Math.sin(turn / 2) ** 2;
  return 2 * 6371 * Math.asin(Math.min(1, Math.sqrt(h)));
}

for (const svg of form ? document.querySelectorAll(".map > svg") : []) {
  const show = addBrush(svg);
  const shapes = document.querySelector(".map .shapes");
  shapes.hidden = false;
  const isCircle = () => shapes.querySelector("[value=circle]").checked;
  const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
  const degrees = (x) => { const turned = ((x / 10 + 180) % 360 + 360) % 360 - 180; return turned.toFixed(2); };
  drag(svg, (a, b) => {
    const reach = Math.hypot(a.x - b.x, a.y - b.y);
    svg.querySelector(".brush").setAttribute("rx", isCircle() ? "50%" : 0);
    if (isCircle()) show(a.x - reach, a.y - reach, 2 * reach, 2 * reach);
    else show(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y));
  }, (a, b) => {
    if (isCircle()) {
      const latitude = clamp(-a.y / 10, -90, 90).toFixed(3), km = Math.max(1, Math.round(kilometres(a, b)));
      submitSearch({near: `${latitude},${degrees(a.x)}`, within: km, bbox: ""});
      return;
    }
    const north = clamp(-Math.min(a.y, b.y) / 10, -90, 90), south = clamp(-Math.max(a.y, b.y) / 10, -90, 90);
    const values = {bbox: [degrees(Math.min(a.x, b.x)), south.toFixed(2), degrees(Math.max(a.x, b.x)), north.toFixed(2)].join(","),
                    near: "", within: ""};
    if (form.elements.sort.value === "distance") values.sort = "";
    submitSearch(values);
  });
}

// Leaves empty fields out of the URL.
for (const one of document.querySelectorAll("form.search")) {
  one.addEventListener("submit", () => {
    for (const field of one.elements) if (field.name && !field.value && !field.disabled) {
      field.disabled = true;
      setTimeout(() => { field.disabled = false; });
    }
  });
}

// On a narrow screen facets and map start collapsed.
if (matchMedia("(max-width: 50rem)").matches) {
  for (const one of document.querySelectorAll("details.facets, details.map")) one.open = false;
}
