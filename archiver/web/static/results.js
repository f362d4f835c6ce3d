// Enhancements of charts and maps: values on hover, focus and touch, arrow keys, a period or an area drawn by dragging, a
// map to zoom and to move. Links and forms do all of it without scripts, but for zooming.

const form = document.querySelector("form.search");

// Fills in the search form and submits it.
function submitSearch(values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  form.requestSubmit();
}

// Shows what a bar, point or spot stands for while it is pointed at or has the focus. The first touch shows it, a second
// one follows the link.
function explain(svg) {
  const tip = svg.parentElement.querySelector(".tip");
  let shown = null, touched = null;
  const show = (link) => {
    shown?.classList.remove("shown");
    shown = link;
    tip.hidden = !link;
    if (!link) return;
    link.classList.add("shown");
    tip.textContent = link.getAttribute("aria-label") + (touched === link && link.href ? " (touch again to open)" : "");
    const around = svg.parentElement.getBoundingClientRect(), own = link.getBoundingClientRect();
    const left = own.left + own.width / 2 - around.left - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(0, Math.min(around.width - tip.offsetWidth, left))}px`;
    tip.style.top = `${Math.max(own.top - around.top - tip.offsetHeight - 4, -tip.offsetHeight / 2)}px`;
  };
  const linkAt = (event) => event.target.closest?.("a[aria-label]");
  svg.addEventListener("pointerover", (event) => show(linkAt(event)));
  svg.addEventListener("pointerleave", () => show(null));
  // Not on the SVG itself: browsers take an SVG element that listens to the focus for one that can have it.
  svg.parentElement.addEventListener("focusin", (event) => show(linkAt(event)));
  svg.parentElement.addEventListener("focusout", () => show(null));
  svg.addEventListener("click", (event) => {
    const link = linkAt(event);
    if (event.pointerType !== "touch" || !link || touched === link) return;
    touched = link;
    show(link);
    event.preventDefault();
  }, true);
}

// A chart or a map is one tab stop (the newest bar, the largest spot); arrow keys move among its links.
function moveByKeys(svg, first) {
  const stops = [...svg.querySelectorAll("a[aria-label]")].filter((link) => link.hasAttribute("href"));
  stops.forEach((stop, n) => stop.setAttribute("tabindex", n === first(stops) ? 0 : -1));
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

// Tracks a drag within an SVG. Calls `move` while dragging and `end` at its end with both points, in CSS pixels from the
// upper left corner of the SVG.
function drag(svg, move, end) {
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    return {x: event.clientX - box.left - svg.clientLeft, y: event.clientY - box.top - svg.clientTop};
  };
  let from = null, moved = false;
  svg.addEventListener("pointerdown", (event) => { if (event.button === 0) { from = at(event); moved = false; } });
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    if (!moved && Math.abs(to.x - from.x) < 6 && Math.abs(to.y - from.y) < 6) return;
    if (!moved) svg.setPointerCapture(event.pointerId);
    moved = true;
    move(from, to);
  });
  svg.addEventListener("pointerup", (event) => { if (from && moved) end(from, at(event)); from = null; });
  svg.addEventListener("pointercancel", () => { from = null; });
  svg.addEventListener("click", (event) => { if (moved) event.preventDefault(); moved = false; }, true);
}

// Adds a selection rectangle to an SVG and returns a function that sets its position and size.
function addBrush(svg) {
  const brush = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  brush.setAttribute("class", "brush");
  svg.append(brush);
  return (x, y, width, height, round = 0) => {
    for (const [name, value] of Object.entries({x, y, width, height, rx: round})) brush.setAttribute(name, value);
  };
}

for (const svg of document.querySelectorAll(".graph .area")) {
  explain(svg);
  moveByKeys(svg, (stops) => stops.length - 1);
}

for (const svg of form ? document.querySelectorAll(".graph .bars") : []) {
  const show = addBrush(svg), left = svg.getBoundingClientRect.bind(svg);
  const bars = [...svg.querySelectorAll("a[data-period]")];
  const sides = (bar) => {
    const box = bar.querySelector(".whole").getBoundingClientRect();
    return [box.left - left().left, box.right - left().left];
  };
  const among = (a, b) => bars.filter((bar) => {
    const [start, end] = sides(bar);
    return end > Math.min(a.x, b.x) && start < Math.max(a.x, b.x);
  });
  drag(svg, (a, b) => {
    const some = among(a, b);
    if (some.length) show(sides(some[0])[0], 10, sides(some.at(-1))[1] - sides(some[0])[0], 100);
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

for (const svg of document.querySelectorAll(".sky")) {
  explain(svg);
  moveByKeys(svg, (stops) => stops.length - 1);  // the largest spot is drawn last
  const whole = svg.dataset.view.split(" ").map(Number), ground = svg.querySelector(".ground");
  // Each spot with its place on the ground, from its percentages of the whole view.
  const spots = [...svg.querySelectorAll("a > svg")].map((spot) => ({
    spot, x: whole[0] + parseFloat(spot.getAttribute("x")) / 100 * whole[2],
    y: whole[1] + parseFloat(spot.getAttribute("y")) / 100 * whole[3],
  }));
  let view = [...whole];

  function draw() {
    ground.setAttribute("viewBox", view.join(" "));
    for (const {spot, x, y} of spots) {
      spot.setAttribute("x", `${(x - view[0]) / view[2] * 100}%`);
      spot.setAttribute("y", `${(y - view[1]) / view[3] * 100}%`);
    }
  }

  function zoom(times) {
    if (!times) view = [...whole];
    else {
      const width = Math.max(whole[2] / 64, Math.min(3600, view[2] / times)), scale = width / view[2];
      view = [view[0] + view[2] * (1 - scale) / 2, view[1] + view[3] * (1 - scale) / 2, width, view[3] * scale];
    }
    draw();
  }

  const buttons = svg.closest(".atlas").querySelector(".zoom");
  buttons.hidden = false;
  for (const button of buttons.children) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  if (!form) continue;
  const show = addBrush(svg), shapes = svg.closest(".atlas").querySelector(".shapes");
  shapes.hidden = false;
  const shape = () => shapes.querySelector(":checked").value;
  shapes.addEventListener("change", () => svg.classList.toggle("moving", shape() === "move"));
  const onMap = (point) => ({
    x: view[0] + point.x / svg.clientWidth * view[2], y: view[1] + point.y / svg.clientHeight * view[3],
  });
  const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
  const degrees = (x) => (((x / 10 + 180) % 360 + 360) % 360 - 180).toFixed(2);
  let before = null;
  drag(svg, (a, b) => {
    if (shape() === "move") {
      before ??= [...view];
      view = [before[0] - (b.x - a.x) / svg.clientWidth * view[2], before[1] - (b.y - a.y) / svg.clientHeight * view[3],
              view[2], view[3]];
      draw();
      return;
    }
    const reach = Math.hypot(a.x - b.x, a.y - b.y);
    if (shape() === "circle") show(a.x - reach, a.y - reach, 2 * reach, 2 * reach, "50%");
    else show(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y));
  }, (from, to) => {
    before = null;
    const a = onMap(from), b = onMap(to);
    if (shape() === "move") return;
    if (shape() === "circle") {
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

// A sheet of filters closes with Escape; without scripts, its own link does.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.querySelector("aside:target, aside:has(:target)")) location.hash = "found";
});

// On a narrow screen the map starts closed, so that the hits are near.
if (matchMedia("(max-width: 60rem)").matches) for (const one of document.querySelectorAll(".atlas")) one.open = false;
