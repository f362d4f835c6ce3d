// Copies links and citations to the clipboard. Without scripts, a citation is shown to be selected.
"use strict";

{
  async function copyText(text, html) {
    try {
      if (html && window.ClipboardItem && navigator.clipboard?.write) {
        const item = {"text/plain": new Blob([text], {type: "text/plain"}), "text/html": new Blob([html], {type: "text/html"})};
        await navigator.clipboard.write([new ClipboardItem(item)]);
      } else {
        await navigator.clipboard.writeText(text);
      }
      return true;
    } catch {  // over http, browsers do not offer the clipboard
      const box = document.createElement("textarea");
      box.value = text;
      document.body.append(box);
      box.select();
      const isCopied = document.execCommand("copy");
      box.remove();
      return isCopied;
    }
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.textContent = await copyText(button.dataset.copy) ? "Copied" : "Select and copy it";
      setTimeout(() => { button.textContent = label; }, 2500);
    });
  }

  for (const chip of document.querySelectorAll("[data-cite]")) {
    chip.addEventListener("click", async () => {
      const shown = document.querySelector(`#cite-${chip.dataset.cite} .reference`);
      const isCopied = await copyText(shown.textContent, shown.matches("p") ? shown.innerHTML : "");
      document.querySelector("[data-copied]").textContent = isCopied ? `${chip.textContent} citation copied` : "";
    });
  }
}
