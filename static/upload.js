/* Uploads: files are announced, packed into bodies of at most 8 MiB, sent three at a time, and
   resumed after a cut, a reload or a restart of the server. Works on an element with data-upload;
   its words and addresses come from data attributes. No path is ever part of an address. */
(() => {
  "use strict";
  const root = document.querySelector("[data-upload]");
  if (!root || !window.fetch) return;

  const PARALLEL = 3;
  const FRAMES = 1000;
  const WINDOW = 30000;
  const find = (name, below = root) => below.querySelector(`[data-${name}]`);
  const lang = document.documentElement.lang || "en";
  const number = new Intl.NumberFormat(lang);
  const token = find("plain").querySelector("[name=csrfmiddlewaretoken]").value;
  const hashes = Boolean(window.crypto && crypto.subtle);

  let partBytes = 8 << 20;
  let items = [];
  let removed = [];
  let queue = [];
  let working = 0;
  let announcing = false;
  let announceAgain = false;
  let looking = 0;
  let stopped = "";
  let lost = false;
  let startWanted = false;
  let before = { files: 0, bytes: 0 };
  let samples = [];

  // --- words ------------------------------------------------------------------------------------

  const say = (name, values = {}) =>
    (root.dataset[`say${name}`] || "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  const decimal = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 });
  const size = (bytes) => {
    const units = ["B", "KB", "MB", "GB", "TB"];
    let step = 0;
    while (bytes >= 1000 && step < 4) { bytes /= 1000; step += 1; }
    return `${decimal.format(bytes)} ${units[step]}`;
  };
  const duration = (seconds) =>
    seconds < 90 ? say("Seconds", { n: number.format(Math.max(1, Math.round(seconds))) })
      : say("Minutes", { n: number.format(Math.round(seconds / 60)) });

  // --- taking files -------------------------------------------------------------------------------

  const filesOf = async (entry, found) => {
    if (entry.isFile) {
      const file = await new Promise((good, bad) => entry.file(good, bad));
      found.push({ file, path: entry.fullPath.replace(/^\//, "") });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((good, bad) => reader.readEntries(good, bad));
      if (!some.length) return;
      for (const child of some) await filesOf(child, found);
    }
  };

  const drop = async (transfer) => {
    // Entries are only valid during the event: take all of them before waiting for anything.
    const entries = [...transfer.items].filter((item) => item.kind === "file")
      .map((item) => item.webkitGetAsEntry?.() || item.getAsFile()).filter(Boolean);
    for (const entry of entries) {
      if (entry instanceof File) { await add(entry.name, false, [{ file: entry, path: entry.name }]); continue; }
      const found = [];
      looking += 1;
      show();
      try {
        await filesOf(entry, found);
        await add(entry.name, entry.isDirectory, found);
      } catch {
        fail(say("Unreadable"));
      } finally {
        looking -= 1;
        show();
      }
    }
  };

  const pick = async (input) => {
    const folders = new Map();
    for (const file of input.files) {
      const path = file.webkitRelativePath || file.name;
      const name = path.split("/")[0];
      const key = file.webkitRelativePath ? name : `${name}\n${file.size}`;
      if (!folders.has(key)) folders.set(key, { name, found: [], isFolder: path.includes("/") });
      folders.get(key).found.push({ file, path });
    }
    input.value = "";
    for (const { name, isFolder, found } of folders.values()) await add(name, isFolder, found);
  };

  const looks = (path, file) => `${path}\n${file.size}\n${file.lastModified}`;

  /* Whether two files that look alike are one: discs of one maker have the same names and sizes. */
  const isSame = async (one, file) => {
    for (const at of new Set([0, Math.max(file.size - partBytes, 0)])) {
      const [left, right] = await Promise.all([one, file].map(async (each) =>
        new Uint8Array(await each.slice(at, at + partBytes).arrayBuffer())));
      if (!left.every((byte, index) => byte === right[index])) return false;
    }
    return true;
  };

  const add = async (name, isFolder, found) => {
    const item = { name, isFolder, files: [], problem: "" };
    const known = new Map();
    for (const one of items.flatMap((each) => each.files)) {
      const alike = looks(one.path, one.file);
      known.set(alike, [...(known.get(alike) || []), one]);
    }
    looking += 1;
    show();
    for (const { file, path } of found) {
      const twins = known.get(looks(path, file)) || [];
      let isKnown = false;
      for (const twin of twins)
        isKnown ||= await isSame(twin.file, file).catch(() => true);
      // Another file under the same name: its time of change tells the two apart from here on.
      const modified = Math.max((file.lastModified || 0) - 1, ...twins.map((twin) => twin.modified)) + 1;
      if (!isKnown) item.files.push({ file, path, item, modified, number: null, done: 0, left: null });
    }
    looking -= 1;
    if (!item.files.length) { show(); return; }
    items.push(item);
    makeRow(item);
    announce();
  };

  const remove = (item) => {
    items = items.filter((other) => other !== item);
    queue = queue.filter((piece) => piece.one.item !== item);
    removed.push(...item.files.filter((one) => one.number !== null).map((one) => one.number));
    item.row.remove();
    announce();
  };

  // --- announcing: numbers for files, and what is already there --------------------------------------

  const post = async (address, method, body, type) => {
    const response = await fetch(address, {
      method, body, redirect: "manual", credentials: "same-origin", cache: "no-store",
      headers: { "Content-Type": type, "X-CSRFToken": token },
    });
    if (response.type === "opaqueredirect" || response.status === 403 || response.status === 404)
      throw Object.assign(new Error(), { stop: say("Signedout") });
    if (response.status >= 500 || response.status === 429) throw new Error();
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(), { stop: answer.message, code: answer.code });
    return answer;
  };

  const announce = async () => {
    if (announcing) { announceAgain = true; return; }
    announcing = true;
    find("live").textContent = "";
    show();
    const files = items.flatMap((item) => item.files);
    const dropped = [...removed];
    const body = JSON.stringify({
      removed: dropped,
      files: files.map((one) => ({
        path: one.path, size: one.file.size, modified: one.modified,
        ...(one.number === null ? {} : { file: one.number }),
      })),
    });
    try {
      const answer = await persist(() =>
        post(root.dataset.announce, "POST", body, "application/json"));
      removed = removed.filter((taken) => !dropped.includes(taken));
      partBytes = answer.part_bytes;
      for (const [index, one] of files.entries()) {
        one.number = answer.numbers[index];
        if (one.left === null) await plan(one, answer.received[one.number] || []);
      }
    } catch (error) {
      fail(error.stop || say("Lost"));
    } finally {
      announcing = false;
    }
    if (announceAgain) { announceAgain = false; announce(); }
    work();
    finish();
  };

  /* Queue what of a file isn't there. What is there must be what is here, where a hash can tell. */
  const plan = async (one, received) => {
    if (received.length && hashes) {
      const [offset, length, sha256] = received[0];
      try {
        if (await digest(await one.file.slice(offset, offset + length).arrayBuffer()) !== sha256) {
          one.modified += 1;
          announceAgain = true;
          return;
        }
      } catch { unreadable(one); return; }
    }
    one.left = 0;
    one.done = 0;
    countOnce(one, received);
    let at = 0;
    for (const [offset, length] of [...received, [one.file.size, 0]]) {
      for (; at < offset; at += partBytes) enqueue(one, at, Math.min(partBytes, offset - at));
      at = offset + length;
      one.done += length;
    }
    if (!one.file.size && !received.length) enqueue(one, 0, 0);
  };

  /* What an earlier visit brought is counted with its file from here on. */
  const countOnce = (one, received) => {
    const bytes = total(received, ([, length]) => length);
    if (!received.length || one.counted) return;
    one.counted = true;
    before.bytes = Math.max(before.bytes - bytes, 0);
    if (bytes === one.file.size) before.files = Math.max(before.files - 1, 0);
  };

  const enqueue = (one, offset, length) => {
    if (!items.includes(one.item)) return;
    one.left += 1;
    queue.push({ one, offset, length });
  };

  // --- sending ----------------------------------------------------------------------------------

  const digest = async (buffer) =>
    [...new Uint8Array(await crypto.subtle.digest("SHA-256", buffer))]
      .map((byte) => byte.toString(16).padStart(2, "0")).join("");

  const wait = (time) => new Promise((done) => setTimeout(done, time));

  /* Try until it works: a lost connection or a restarting server only costs time. */
  const persist = async (act) => {
    for (let pause = 1000; ; pause = Math.min(pause * 2, 30000)) {
      try {
        const answer = await act();
        lost = false;
        return answer;
      } catch (error) {
        if (error.stop) throw error;
        lost = true;
        show();
        await wait(pause * (0.75 + Math.random() / 2));
        if (stopped) throw error;
      }
    }
  };

  const take = () => {
    const pieces = [];
    let bytes = 0;
    while (queue.length && pieces.length < FRAMES && bytes + queue[0].length <= partBytes) {
      bytes += queue[0].length;
      pieces.push(queue.shift());
    }
    return pieces;
  };

  /* Read and hash pieces side by side: one after the other each waits for the disk by itself. */
  const read = async (piece) => {
    const { one, offset, length } = piece;
    // A slice is an object of its own, which costs as much as reading a small file does.
    const isWhole = !offset && length === one.file.size;
    const data = isWhole ? one.file : one.file.slice(offset, offset + length);
    if (!hashes) return data;
    try {
      const bytes = await data.arrayBuffer();
      piece.sha256 = await digest(bytes);
      return bytes;
    } catch { return null; }
  };

  const encoder = new TextEncoder();

  const pack = async (pieces) => {
    const body = [];
    const packed = [];
    const contents = await Promise.all(pieces.map(read));
    for (const [index, piece] of pieces.entries()) {
      const { one, offset, length } = piece;
      const data = contents[index];
      if (data === null) { unreadable(one); continue; }
      const text = encoder.encode(JSON.stringify({
        file: one.number, path: one.path, size: one.file.size, modified: one.modified,
        offset, length, ...(piece.sha256 ? { sha256: piece.sha256 } : {}),
      }));
      const head = new ArrayBuffer(4);
      new DataView(head).setUint32(0, text.length);
      body.push(head, text, data);
      packed.push(piece);
    }
    return [new Blob(body), packed];
  };

  const work = () => {
    while (working < PARALLEL && queue.length && !stopped && !announcing) {
      working += 1;
      send(take()).finally(() => { working -= 1; work(); finish(); });
    }
    show();
  };

  const send = async (pieces) => {
    try {
      const [body, packed] = await pack(pieces);
      if (!packed.length) return;
      const answer = await persist(() =>
        post(root.dataset.parts, "PUT", body, "application/octet-stream"));
      packed.forEach((piece, index) => settle(piece, answer.parts[index]));
    } catch (error) {
      queue.unshift(...pieces.filter((piece) => items.includes(piece.one.item)));
      fail(error.stop || say("Lost"));
    }
  };

  const settle = (piece, answer) => {
    const { one } = piece;
    if (!items.includes(one.item)) {
      // Removed while this part was on its way: what has just arrived is taken back.
      if (!answer.problem) { removed.push(one.number); announce(); }
      return;
    }
    one.left -= 1;
    const isEchoed = !piece.sha256 || piece.sha256 === answer.sha256;
    if (!answer.problem && isEchoed) {
      one.done += piece.length;
      samples.push([performance.now(), piece.length]);
    } else if (answer.problem === "file-number-taken") {
      restart(one, false);
    } else if (answer.problem === "file-changed" || answer.problem === "part-overlaps") {
      restart(one, true);
    } else {
      enqueue(one, piece.offset, piece.length);
    }
  };

  const restart = (one, isTaken) => {
    queue = queue.filter((piece) => piece.one !== one);
    if (isTaken) removed.push(one.number);
    one.number = null;
    one.left = null;
    one.done = 0;
    announce();
  };

  const unreadable = (one) => {
    queue = queue.filter((piece) => piece.one !== one);
    one.item.problem = say("Unreadable");
    one.item.files = one.item.files.filter((other) => other !== one);
    if (one.number !== null && one.done) removed.push(one.number);
    announceAgain = true;
    if (!announcing) announce();
  };

  const fail = (message) => {
    stopped = message;
    show();
  };

  const resume = () => {
    stopped = "";
    lost = false;
    announce();
  };

  // --- what is seen -------------------------------------------------------------------------------

  const makeRow = (item) => {
    item.row = find("row").content.firstElementChild.cloneNode(true);
    const name = item.isFolder ? `${item.name}/` : item.name;
    find("name", item.row).textContent = name;
    find("bar", item.row).setAttribute("aria-label", name);
    const button = find("remove", item.row);
    button.setAttribute("aria-label", say("Remove", { name }));
    button.addEventListener("click", () => remove(item));
    find("rows").append(item.row);
  };

  const total = (files, of) => files.reduce((sum, one) => sum + of(one), 0);
  const isThere = (one) => one.left === 0;

  const rate = () => {
    const now = performance.now();
    samples = samples.filter(([at]) => now - at < WINDOW);
    if (!samples.length) return 0;
    const seconds = (now - samples[0][0]) / 1000;
    return seconds < 1 ? 0 : total(samples, ([, bytes]) => bytes) / seconds;
  };

  const showRow = (item) => {
    const bytes = total(item.files, (one) => one.file.size);
    const there = item.files.filter(isThere).length;
    const isDone = there === item.files.length && !item.problem;
    const look = item.problem || stopped ? (isDone ? "done" : "stop") : isDone ? "done" : "moving";
    item.row.className = `s-${look}`;
    const bar = find("bar", item.row);
    bar.className = `s-${look}`;
    bar.max = Math.max(bytes, 1);
    bar.value = isDone ? bar.max : Math.min(total(item.files, (one) => one.done), bytes);
    find("facts", item.row).textContent =
      say(item.files.length === 1 ? "Fact" : "Facts",
        { files: number.format(item.files.length), size: size(bytes) });
    find("state", item.row).textContent = item.problem
      || (isDone ? say("All") : stopped || lost ? say("Cut")
        : say("Some", { done: number.format(there), total: number.format(item.files.length) }));
    for (const picture of item.row.querySelectorAll("[data-look]")) {
      picture.toggleAttribute("hidden", picture.dataset.look !== look);
      picture.parentElement.className = `word s-${look}`;
    }
  };

  let shown = 0;
  const show = () => {
    if (shown) return;
    shown = requestAnimationFrame(() => {
      shown = 0;
      paint();
    });
  };

  const paint = () => {
    items.forEach(showRow);
    const files = items.flatMap((item) => item.files);
    const bytes = total(files, (one) => one.file.size);
    const done = total(files, (one) => one.done);
    const there = files.filter(isThere).length;
    const speed = rate();
    find("overall").hidden = !files.length && !looking;
    find("count").textContent = looking && !files.length ? say("Looking")
      : say("Received", { done: number.format(there), total: number.format(files.length) });
    const bar = find("progress");
    bar.max = Math.max(bytes, 1);
    bar.value = there === files.length && files.length ? bar.max : done;
    bar.className = stopped ? "s-stop" : there === files.length ? "s-done" : "s-moving";
    find("rate").textContent = lost && !stopped ? say("Cut")
      : speed && done < bytes
        ? say("Rate", { rate: size(speed), left: duration((bytes - done) / speed) }) : "";
    find("problem").hidden = !stopped;
    find("message").textContent = stopped;
    find("resume").hidden = !stopped;
    const sum = { files: before.files + there, bytes: before.bytes + done };
    const counted = document.getElementById("sum-files");
    const measured = document.getElementById("sum-size");
    if (files.length && counted) counted.textContent = number.format(sum.files);
    if (files.length && measured) measured.textContent = size(sum.bytes);
    for (const button of document.querySelectorAll("[data-start]"))
      button.toggleAttribute("aria-busy", startWanted);
  };

  const isBusy = () => Boolean(queue.length || working || announcing || looking || removed.length
    || items.some((item) => item.files.some((one) => !isThere(one))));

  const finish = () => {
    show();
    if (isBusy() || !items.length) return;
    find("live").textContent = say("Complete");
    root.dispatchEvent(new CustomEvent("upload:complete", { bubbles: true }));
    if (startWanted) document.querySelector("[data-start]")?.form?.submit();
  };

  // --- what an earlier visit left -------------------------------------------------------------------

  const leftOver = async () => {
    const response = await fetch(root.dataset.status, { credentials: "same-origin", redirect: "manual" });
    if (!response.ok) return;
    const status = await response.json();
    const missing = status.announced.files - status.received.files;
    const note = find("leftover");
    if (missing <= 0 || items.length) return;
    note.hidden = false;
    find("leftovercount").textContent = say("Leftover", { n: number.format(missing) });
  };

  // --- events -----------------------------------------------------------------------------------

  const zone = find("drop");
  for (const name of ["dragenter", "dragover"])
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const name of ["dragleave", "drop"])
    zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); hideLeftOver(); drop(event.dataTransfer); });
  const hideLeftOver = () => { find("leftover").hidden = true; };
  const chosen = (input) => { hideLeftOver(); pick(input); };
  const inputs = [...root.querySelectorAll("[data-pick]")];
  for (const input of inputs) input.addEventListener("change", () => chosen(input));
  find("resume").addEventListener("click", resume);
  find("leave").addEventListener("click", () => { hideLeftOver(); announce(); });
  window.addEventListener("online", () => { if (stopped) resume(); });
  document.querySelector("[data-start]")?.form?.addEventListener("submit", (event) => {
    if (!isBusy()) return;
    event.preventDefault();
    startWanted = true;
    find("live").textContent = say("Startlater");
    show();
  });

  find("plainsend").hidden = true;
  for (const part of root.querySelectorAll("[data-script]")) part.hidden = false;
  before = { files: Number(root.dataset.files) || 0, bytes: Number(root.dataset.bytes) || 0 };
  setInterval(() => { if (isBusy()) show(); }, 1000);
  // On a slow line a folder can be chosen before this script is here.
  for (const input of inputs) if (input.files.length) chosen(input);
  leftOver().catch(() => { /* Only a hint is missing then; dropping files says what is wrong. */ });
})();
