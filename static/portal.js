// What pages gain when scripts run: copying, toasts, dialogs, calm polling, keys, fresh times.
// Every page works without it. It holds no words: they come with the page, in #words and data-*.
"use strict";

(() => {
  const words = document.getElementById("words")?.dataset ?? {};
  const fill = (text, values) => (text ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

  // --- one polite voice ---------------------------------------------------------------------
  const queue = [];
  let speaking = 0;
  function speak() {
    const voice = document.getElementById("said");
    speaking = queue.length && voice ? setTimeout(speak, 1000) : 0; // each is heard before the next
    if (speaking) voice.textContent = queue.shift();
  }
  function say(text) {
    queue.push(text);
    if (!speaking) speak();
  }
  document.addEventListener("portal:say", (event) => say(event.detail));

  // --- copying ------------------------------------------------------------------------------
  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea"); // plain http has no clipboard object
    field.value = text;
    field.className = "vh";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await copy(button.dataset.copy);
    button.focus();
    say(button.dataset.said);
  });

  // --- toasts: ten seconds, resting under the pointer or the focus --------------------------
  const TOAST_MS = 10000;
  function live(toast) {
    if (toast.dataset.live) return;
    toast.dataset.live = "1";
    let timer = 0;
    const start = () => { timer = setTimeout(() => toast.remove(), TOAST_MS); };
    const rest = () => clearTimeout(timer);
    for (const name of ["mouseenter", "focusin"]) toast.addEventListener(name, rest);
    for (const name of ["mouseleave", "focusout"]) toast.addEventListener(name, start);
    start();
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]")?.remove();
  });

  // --- menus where the browser has no popover -----------------------------------------------
  if (!("popover" in HTMLElement.prototype)) {
    each("[popover].menu", (menu) => { menu.hidden = true; });
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[popovertarget]");
      const menu = button && document.getElementById(button.getAttribute("popovertarget"));
      if (menu) menu.hidden = !menu.hidden;
    });
  }

  // --- dialogs: a confirmation page's form, lifted out of its page --------------------------
  // <a href="/batches/1/cancel" data-dialog>: the page holds <form data-confirm>.
  async function lift(link) {
    const answer = await fetch(link.href, { headers: { "X-Dialog": "1" }, credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const form = answer.ok && !answer.redirected && page.querySelector("form[data-confirm]");
    if (!form) return location.assign(link.href);
    const dialog = document.createElement("dialog");
    dialog.className = "dlg";
    const title = form.querySelector("h1, h2");
    if (title) {
      title.id ||= "dialog-title";
      dialog.setAttribute("aria-labelledby", title.id);
    }
    form.setAttribute("action", form.getAttribute("action") || link.href);
    dialog.append(document.importNode(form, true));
    dialog.addEventListener("close", () => {
      dialog.remove();
      const twin = `a[data-dialog][href="${CSS.escape(link.getAttribute("href"))}"]`;
      (link.isConnected ? link : document.querySelector(twin))?.focus(); // a poll may have redrawn it
    });
    document.body.append(dialog);
    window.htmx?.process(dialog);
    dialog.showModal();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
    if (link && plain && window.HTMLDialogElement) {
      event.preventDefault();
      lift(link).catch(() => location.assign(link.href));
    }
    const leave = event.target.closest("dialog [data-cancel]");
    if (leave) {
      event.preventDefault();
      leave.closest("dialog").close();
    }
  });

  // --- polling: quiet while hidden, patient after a failure ---------------------------------
  const polls = new Map(); // id of a region -> {good: time of the last answer, fails, skip}
  const memory = (region) => {
    if (!polls.has(region.id)) polls.set(region.id, { good: new Date(), fails: 0, skip: 0 });
    return polls.get(region.id);
  };
  const polled = (event) => {
    const region = event.detail.elt;
    return region?.dataset?.poll ? region : null;
  };
  document.addEventListener("htmx:configRequest", (event) => {
    if (polled(event)) event.detail.headers["X-Poll"] = "1";
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const region = polled(event);
    if (!region) return;
    const past = memory(region);
    if (document.hidden || past.skip > 0) {
      past.skip = Math.max(0, past.skip - 1);
      event.preventDefault();
    }
  });
  function failed(event) {
    const region = polled(event);
    if (!region) return;
    const past = memory(region);
    past.fails += 1;
    past.skip = Math.min(15, 2 ** past.fails - 1);
    let age = region.querySelector("[data-age]");
    if (!age) {
      age = document.createElement("p");
      age.className = "xs muted";
      age.dataset.age = "";
      region.prepend(age);
    }
    const clock = past.good.toLocaleTimeString(document.documentElement.lang);
    age.textContent = fill(words.asOf, { n: clock });
    age.classList.add("stale");
  }
  for (const name of ["responseError", "sendError", "timeout"]) {
    document.addEventListener(`htmx:${name}`, failed);
  }

  // A swap keeps the sections that a person opened or closed open or closed, and the focus where
  // it was. An answer that says the same as the last one changes nothing, so marked text stays.
  const opened = new Map();
  let focused = null;
  const CONTROLS = "a[href], button, summary, input, select, textarea";
  const bare = (text) => text.replace(/name="csrfmiddlewaretoken" value="\w+"/g, "");
  function place(region) {
    const element = document.activeElement;
    if (!region.contains(element)) return null;
    const home = element.parentElement.closest("[id]");
    const all = [...home.querySelectorAll(CONTROLS)];
    return { id: home.id, at: all.indexOf(element), text: element.textContent };
  }
  function refocus() {
    if (!focused || document.activeElement !== document.body) return;
    const all = [...(document.getElementById(focused.id)?.querySelectorAll(CONTROLS) ?? [])];
    const same = all[focused.at]?.textContent === focused.text;
    (same ? all[focused.at] : all.find((one) => one.textContent === focused.text))?.focus();
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    const region = polled(event);
    if (!region) return;
    const text = bare(event.detail.xhr.responseText);
    const same = polls.get(region.id)?.text === text && event.detail.xhr.status === 200;
    polls.set(region.id, { good: new Date(), fails: 0, skip: 0, text });
    if (same && !region.querySelector("[data-age]")) {
      event.detail.shouldSwap = false;
      return;
    }
    each("details[id]", (part) => opened.set(part.id, part.open), region);
    focused = place(region);
  });
  document.addEventListener("htmx:afterSettle", () => {
    opened.forEach((open, id) => {
      const part = document.getElementById(id);
      if (part) part.open = open;
    });
    opened.clear();
    refocus();
    focused = null;
    freshen();
  });

  // --- progress read out at the quarters ----------------------------------------------------
  const quarters = new Map();
  function announce(bar) {
    const label = bar.getAttribute("aria-label");
    const quarter = Math.floor(bar.value / 25);
    const before = quarters.get(label);
    quarters.set(label, quarter);
    if (before !== undefined && quarter > before) say(fill(words.percent, { label, n: quarter * 25 }));
  }

  // --- times --------------------------------------------------------------------------------
  function age(time) {
    const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000);
    if (!(minutes >= 0 && minutes < 1440)) return;
    const [text, n] =
      minutes < 1 ? [words.now, 0]
      : minutes < 60 ? [words.min, minutes]
      : [words.hour, Math.floor(minutes / 60)];
    time.textContent = fill(text, { n });
  }

  function freshen() {
    each("[data-toast]", live);
    each("progress[data-announce]", announce);
    each("time[data-ago]", age);
  }
  setInterval(() => each("time[data-ago]", age), 30000);

  // --- keys: silent in fields, off by the account -------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (!("keys" in document.body.dataset) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (event.key === "/") {
      const search = document.querySelector("[data-search]");
      if (search?.checkVisibility()) {
        event.preventDefault();
        search.focus();
      }
    } else if (event.key === "?") {
      document.getElementById("keys")?.showModal();
    }
  });

  // --- the theme shows while it is chosen; the server keeps it ------------------------------
  document.addEventListener("change", (event) => {
    if (!event.target.matches("input[name=theme]")) return;
    const theme = event.target.value;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  });

  freshen();
})();
