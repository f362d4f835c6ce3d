// Collections, which are kept in this browser only: lists of article IDs with notes, by name, in local storage, with one
// entry for each archive's path on this host. The server sees a collection only in the URL of its page.
"use strict";

{
  const navigation = document.querySelector("a[data-collection]");
  const base = navigation.getAttribute("href");
  const storageKey = `archiver collections ${navigation.pathname}`;
  const DEFAULT = "Reading list";

  const isList = (list) => Array.isArray(list) && list.every((one) => /^\d+$/.test(one?.id) && typeof one.note === "string");

  // Returns the collections: the name of the current one, and all by name.
  function load() {
    let found;
    try { found = JSON.parse(localStorage.getItem(storageKey)); } catch { }  // storage may be blocked
    const lists = Object.create(null);  // a collection may have the name of a property
    for (const [name, list] of Object.entries(found?.lists ?? {})) if (isList(list)) lists[name] = list;
    const current = typeof found?.current === "string" ? found.current : DEFAULT;
    lists[current] ??= found ? [] : earlierList();
    return {current, lists};
  }

  // The one collection without notes that earlier versions kept.
  function earlierList() {
    try {
      const ids = JSON.parse(localStorage.getItem(`archiver ${navigation.pathname}`)) ?? [];
      return ids.map((id) => ({id, note: ""})).filter((one) => isList([one]));
    } catch { return []; }
  }

  // Returns whether the collections could be stored.
  function save(state) {
    try { localStorage.setItem(storageKey, JSON.stringify(state)); } catch { return false; }
    updateNavigation();
    return true;
  }

  // Returns the URL of a collection: its name, articles and notes.
  function hrefOf(name, list) {
    if (!list.length && name === DEFAULT) return base;
    const args = [["name", name], ["id", list.map((one) => one.id).join(",")],
                  ...list.filter((one) => one.note).map((one) => [`note.${one.id}`, one.note])];
    return `${base}?${args.filter(([, value]) => value).map((pair) => pair.map(encodeURIComponent).join("=")).join("&").replaceAll("%2C", ",")}`;
  }

  function updateNavigation() {
    const {current, lists} = load();
    navigation.setAttribute("href", hrefOf(current, lists[current]));
    navigation.textContent = lists[current].length ? `Collection (${lists[current].length})` : "Collection";
  }

  function put(id, note) {
    const state = load(), list = state.lists[state.current];
    const known = list.find((one) => one.id === id);
    if (known) known.note = note ?? known.note;
    else list.push({id, note: note ?? ""});
    return save(state);
  }

  function take(id) {
    const state = load();
    state.lists[state.current] = state.lists[state.current].filter((one) => one.id !== id);
    save(state);
  }

  const find = (id) => { const {current, lists} = load(); return lists[current].find((one) => one.id === id); };

  updateNavigation();
  addEventListener("storage", updateNavigation);
  addEventListener("pageshow", updateNavigation);

  // Results: ticked articles are in the current collection.
  for (const form of document.querySelectorAll("form.picking")) {
    const boxes = [...form.querySelectorAll("input[name=id]")];
    const button = form.querySelector("button");
    for (const box of boxes) if (find(box.value)) box.checked = box.dataset.kept = true;
    const updateButton = () => {
      const count = boxes.filter((box) => box.checked && !box.dataset.kept).length;
      if (button) button.textContent = count ? `Add ${count} to collection` : "Add to collection";
    };
    updateButton();
    form.addEventListener("change", (event) => {
      if (event.target.name !== "id") return;
      if (event.target.checked) put(event.target.value); else take(event.target.value);
      delete event.target.dataset.kept;
      updateButton();
    });
    form.addEventListener("submit", (event) => {  // the collection includes articles selected on other pages
      event.preventDefault();
      for (const box of boxes) if (box.checked) put(box.value);
      location.href = navigation.href;
    });
  }

  // An article: add it, write a note on it, choose the collection.
  for (const button of document.querySelectorAll("a[data-add]")) {
    const id = button.dataset.add;
    const form = document.querySelector(`[data-keep-form="${id}"]`);
    const {list: choice, note} = form.elements;
    const said = form.querySelector("[data-kept]");
    button.setAttribute("role", "button");
    button.setAttribute("aria-expanded", "false");

    const show = () => {
      const {current, lists} = load(), kept = find(id);
      button.textContent = kept ? "In collection" : "Add to collection";
      choice.replaceChildren(...Object.keys(lists).map((name) => new Option(name, name, false, name === current)),
                             new Option("New collection …", ""));
      note.value = kept?.note ?? "";
      form.querySelector("[data-open-collection]").href = navigation.href;
    };
    const open = (isOpen) => {
      form.hidden = !isOpen;
      button.setAttribute("aria-expanded", isOpen);
      said.textContent = "";
    };
    show();
    button.addEventListener("click", (event) => {
      event.preventDefault();
      if (!form.hidden) { open(false); return; }
      if (!put(id)) {  // this browser stores nothing, so the collection is in its link alone
        location.href = button.href;
        return;
      }
      show();
      open(true);
      note.focus();
    });
    button.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); button.click(); } });
    choice.addEventListener("change", () => {
      const text = note.value, state = load();
      state.current = choice.value || freeName(state.lists, "Collection");
      state.lists[state.current] ??= [];
      save(state);
      put(id, text || undefined);
      show();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      put(id, note.value.trim());
      show();
      said.textContent = "Saved in this browser";
    });
    form.querySelector("[data-remove]").addEventListener("click", () => {
      take(id);
      show();
      open(false);
      button.focus();
    });
  }

  function freeName(lists, name) {
    for (let n = 2; ; n += 1) {
      const one = n === 2 && !(name in lists) ? name : `${name} ${n}`;
      if (!(one in lists)) return one;
    }
  }

  // The page of a collection.
  const page = document.querySelector("[data-collection-page]");
  if (page) showCollection(page);

  function showCollection(page) {
    const form = document.querySelector("#items");
    const read = (fields) => {
      const notes = {};
      const values = new FormData(fields);
      for (const [name, text] of values) if (name.startsWith("note.")) notes[name.slice(5)] = text.trim();
      const ids = values.getAll("id").join(",").split(",").filter((id) => /^\d+$/.test(id));
      return ids.map((id) => ({id, note: notes[id] ?? ""}));
    };
    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    const state = load();
    let name = page.dataset.name || DEFAULT;
    const shown = form ? read(form) : [];
    let isMine = name in state.lists && same(state.lists[name], shown);
    if (!page.dataset.name && !shown.length && state.lists[state.current].length) {
      location.replace(navigation.href);  // the page was opened by its bare address
      return;
    }
    if (isMine && state.current !== name) save({...state, current: name});

    const bar = page.querySelector("[data-lists]");
    const build = () => {
      const {current, lists} = load();
      const named = Object.entries(lists).filter(([one, list]) => list.length || (one === current && isMine));
      const links = named.map(([one, list]) => {
        const link = document.createElement("a");
        link.className = "chip";
        link.href = hrefOf(one, list);
        link.textContent = `${one} (${list.length})`;
        if (one === current && isMine) link.setAttribute("aria-current", "true");
        link.addEventListener("click", () => save({...load(), current: one}));
        const item = document.createElement("li");
        item.append(link);
        return item;
      });
      bar.querySelector("ul").replaceChildren(...links);
      bar.querySelector("span").hidden = !links.length;
      bar.hidden = false;
    };
    build();
    for (const [selector, isOffered] of [["[data-keep]", !isMine], ["[data-drop]", isMine]]) {
      const button = page.querySelector(selector);
      if (button) button.hidden = !isOffered;
    }
    bar.querySelector("[data-new]").addEventListener("click", () => {
      const state = load();
      state.current = freeName(state.lists, "Collection");
      state.lists[state.current] = [];
      save(state);
      location.href = hrefOf(state.current, []);
    });
    page.querySelector("[data-keep]")?.addEventListener("click", () => {
      const state = load();
      if (name in state.lists && state.lists[name].length) name = freeName(state.lists, name);
      state.lists[name] = read(form);
      state.current = name;
      save(state);
      location.href = navigation.href;
    });
    page.querySelector("[data-drop]")?.addEventListener("click", () => {
      const state = load();
      delete state.lists[name];
      state.current = Object.keys(state.lists)[0] ?? DEFAULT;
      save({current: state.current, lists: {[state.current]: [], ...state.lists}});
      location.href = navigation.href;
    });
    page.querySelector("[data-file]").addEventListener("change", async (event) => {
      const said = page.querySelector("[data-file-said]");
      try {
        const data = JSON.parse(await event.target.files[0].text());
        const items = data.items.map((one) => ({url: String(one.url), note: String(one.note ?? "")}));
        const args = [["name", String(data.name || DEFAULT)], ...items.map((one) => ["id", one.url]),
                      ...items.filter((one) => one.note).map((one) => [`note.${one.url}`, one.note])];
        location.href = `${base}?${args.map((pair) => pair.map(encodeURIComponent).join("=")).join("&")}`;
      } catch {
        said.textContent = "This file is not a collection.";
      }
    });
    page.querySelector("[data-open-file]").hidden = false;
    if (!form) return;

    // Puts the notes into whatever of this page leads to its collection: its file, its link, its other pages and citations.
    const carryNotes = (noted) => {
      const written = (address) => {
        const url = new URL(address, location);
        for (const key of [...url.searchParams.keys()]) if (key.startsWith("note.")) url.searchParams.delete(key);
        for (const {id, note} of noted) url.searchParams.append(`note.${id}`, note);
        return url.href;
      };
      const isOfCollection = (link) => [navigation.pathname, `${navigation.pathname}.json`].includes(link.pathname) && !bar.contains(link);
      for (const link of document.querySelectorAll("main a, body > footer a"))
        if (isOfCollection(link) && link.search) link.href = written(link.href);
      for (const button of page.querySelectorAll("[data-copy]")) button.dataset.copy = written(button.dataset.copy);
      const adding = page.querySelector("form.adding .fields");
      for (const field of adding.querySelectorAll("input[name^='note.']")) field.remove();
      for (const {id, note} of noted) {
        const field = document.createElement("input");
        Object.assign(field, {type: "hidden", name: `note.${id}`, value: note});
        adding.append(field);
      }
    };

    // Edits are stored as soon as they are made, if this collection is one of this browser.
    const store = (list, newName = name) => {
      if (!isMine) return;
      const state = load();
      delete state.lists[name];
      name = newName;
      state.lists[name] = list;
      state.current = name;
      save(state);
    };
    form.addEventListener("change", (event) => {
      if (!event.target.name.startsWith("note.")) return;
      const list = read(form);
      store(list);
      history.replaceState(null, "", hrefOf(name, list));
      carryNotes(list.filter((one) => one.note));
    });
    form.addEventListener("submit", (event) => {
      const button = event.submitter, at = (list) => list.findIndex((one) => one.id === button?.value);
      let list = read(form);
      if (button?.name === "without") list = list.filter((one) => one.id !== button.value);
      const step = {up: -1, down: 1}[button?.name] ?? 0, here = at(list);
      if (step && list[here + step]) [list[here], list[here + step]] = [list[here + step], list[here]];
      store(list, form.elements.name.value.trim() || DEFAULT);
    });
  }
}
