// Pages that show identity: a countdown that takes the panel away, and printing with its watermark.
// The words come with the page; without script the page leaves by a refresh of the same length.
"use strict";

(() => {
  const panel = document.querySelector("[data-hides]");
  if (!panel) return;
  const clock = panel.querySelector("[data-countdown]");
  const end = Date.now() + 1000 * Number(panel.dataset.hides);
  let timer = 0;

  function hide() {
    clearInterval(timer);
    const gone = panel.querySelector("[data-gone]")?.content.cloneNode(true);
    const held = panel.contains(document.activeElement);
    panel.removeAttribute("data-hides");
    panel.removeAttribute("aria-labelledby");
    panel.replaceChildren(...(gone ? [gone] : []));
    if (held) panel.querySelector(".empty")?.focus();
    const text = panel.querySelector(".empty b")?.textContent;
    if (text) document.dispatchEvent(new CustomEvent("portal:say", { detail: text }));
  }

  // Measured against the clock, not counted: a sleeping tab hides when it wakes.
  function tick() {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    if (!left) return hide();
    const shown = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    clock.textContent = clock.dataset.countdown.replace("{n}", shown);
  }

  timer = setInterval(tick, 1000);
  tick();
  document.addEventListener("visibilitychange", tick);
  // A page taken back from the browser's memory shows nobody.
  window.addEventListener("pageshow", (event) => { if (event.persisted) hide(); });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
    const copier = event.target.closest("[data-copy-from]");
    if (copier) {
      const text = document.querySelector(copier.dataset.copyFrom).innerText;
      navigator.clipboard?.writeText(text).then(() => {
        document.dispatchEvent(new CustomEvent("portal:say", { detail: copier.dataset.said }));
      });
    }
  });
})();
