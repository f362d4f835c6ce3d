// Enhancements that work only with scripts: shortcuts on the keyboard, move among the spots of a map with the arrow keys.
// Links and forms do all of it without scripts.
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

// A map of an article is one tab stop; arrow keys move among its links.
for (const svg of document.querySelectorAll(".map > svg")) {
  const stops = [...svg.querySelectorAll("a[href]")];
  stops.forEach((stop, n) => stop.setAttribute("tabindex", n === 0 ? 0 : -1));
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

// Leaves empty fields out of the URL.
for (const one of document.querySelectorAll("form.search")) {
  one.addEventListener("submit", () => {
    for (const field of one.elements) if (field.name && !field.value && !field.disabled) {
      field.disabled = true;
      setTimeout(() => { field.disabled = false; });
    }
  });
}
