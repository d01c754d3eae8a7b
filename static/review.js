// The review desk: zoom, window and frames of two pictures at once, and boxes drawn by hand or keys.
// The form's fields are the boxes; this script draws them and fills them in. It holds no words.
"use strict";

(() => {
  const viewer = document.getElementById("viewer");
  if (!viewer) return keysOnly();
  const { columns, rows, frames, before, after } = viewer.dataset;
  const [width, height, count] = [columns, rows, frames].map(Number);
  const isEditable = "editable" in viewer.dataset && !!document.querySelector("#boxes-form fieldset:not(:disabled)");
  const list = document.getElementById("boxes");
  const panes = [...viewer.querySelectorAll("[data-pane]")].map((figure) => ({
    figure,
    side: figure.dataset.pane,
    svg: figure.querySelector("svg"),
    image: figure.querySelector("image"),
    layer: figure.querySelector("[data-boxes]"),
  }));
  const frameInput = document.getElementById("frame");
  const low = document.getElementById("low");
  const high = document.getElementById("high");
  const SVG = "http://www.w3.org/2000/svg";
  const view = { x: 0, y: 0, w: width, h: height };
  const past = []; // what the list of boxes was before each change
  let frame = 1;
  let windowed = false;
  let mode = "pan";
  let isChanged = false;
  let selected = null;

  // --- boxes are list items -----------------------------------------------------------------
  const items = () => [...(list?.querySelectorAll("[data-box]") ?? [])];
  const field = (item, name) => item.querySelector(`[name="${name}"]`);
  const number = (item, name) => Number(field(item, name).value);
  const fate = (item) => field(item, "fate").value;
  const isHere = (item) => {
    const [first, last] = ["first", "last"].map((name) => field(item, name).value);
    return !first || (Number(first) <= frame && frame <= Number(last || first));
  };
  const families = { blank: "moving", keep: "done", "": "held" };

  function remember() {
    past.push(items().map((item) => ({ item, values: [...item.querySelectorAll("input, select")].map((one) => one.value) })));
    const undo = document.querySelector('[data-do="undo"]');
    if (undo) undo.hidden = false;
    isChanged = true;
  }
  function undo() {
    const was = past.pop();
    if (!was) return;
    list.replaceChildren(...was.map((one) => one.item));
    was.forEach(({ item, values }) => item.querySelectorAll("input, select").forEach((one, n) => (one.value = values[n])));
    if (!list.contains(selected)) selected = null;
    isChanged = past.length > 0;
    draw();
  }
  function add(x, y, w, h) {
    remember();
    const item = document.getElementById("new-box").content.firstElementChild.cloneNode(true);
    list.append(item);
    prepare(item);
    place(item, x, y, w, h);
    selected = item;
    draw();
  }
  function place(item, x, y, w, h) {
    const left = Math.min(Math.max(Math.round(x), 0), width - 1);
    const top = Math.min(Math.max(Math.round(y), 0), height - 1);
    field(item, "x").value = left;
    field(item, "y").value = top;
    field(item, "width").value = Math.max(1, Math.min(Math.round(w), width - left));
    field(item, "height").value = Math.max(1, Math.min(Math.round(h), height - top));
  }
  function remove(item) {
    remember();
    item.remove();
    if (selected === item) selected = null;
    draw();
  }
  function prepare(item) {
    const seg = item.querySelector(".seg");
    const remover = item.querySelector("[data-remove]");
    field(item, "fate").closest("label").hidden = true;
    seg.hidden = false;
    remover.hidden = false;
    seg.addEventListener("click", (event) => {
      const value = event.target.closest("button")?.value;
      if (!value || !isEditable) return;
      remember();
      field(item, "fate").value = value;
      selected = item;
      draw();
    });
    remover.addEventListener("click", () => isEditable && remove(item));
    item.addEventListener("change", () => {
      isChanged = true;
      draw();
    });
    item.addEventListener("focusin", () => {
      selected = item;
      draw();
    });
  }

  // --- drawing --------------------------------------------------------------------------------
  const make = (name, values) => {
    const node = document.createElementNS(SVG, name);
    Object.entries(values).forEach(([key, value]) => node.setAttribute(key, value));
    return node;
  };
  function outline(item, label) {
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => number(item, name));
    const unit = view.w / 640;
    const group = make("g", { class: `s-${families[fate(item)]}` });
    const kept = fate(item) === "keep" ? " keep" : "";
    group.append(make("rect", { class: `box${kept}${item === selected ? " now" : ""}`, x, y, width: w, height: h }));
    const [left, top] = [Math.max(x, view.x + 9 * unit), Math.max(y, view.y + 9 * unit)];
    const tag = make("g", { transform: `translate(${left} ${top}) scale(${unit})` });
    tag.append(make("rect", { class: "boxtag", x: -9, y: -9, width: 18, height: 18, rx: 3 }));
    const text = make("text", { class: "boxlab", x: 0, y: 4.5, "text-anchor": "middle" });
    text.textContent = label;
    tag.append(text);
    group.append(tag);
    return group;
  }
  function blanked(item, isMade) {
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => number(item, name));
    return make("rect", { class: isMade ? "gone line" : "gone", x, y, width: w, height: h });
  }
  function draw() {
    const isMade = !!after && !isChanged;
    items().forEach((item, index) => {
      const family = families[fate(item)];
      item.className = `s-${family}`;
      const label = item.querySelector("[data-n]");
      label.textContent = index + 1;
      label.className = `n s-${family}`;
      item.querySelectorAll(".seg button").forEach((button) => button.setAttribute("aria-pressed", button.value === fate(item)));
      if (item === selected) item.setAttribute("aria-current", "true");
      else item.removeAttribute("aria-current");
    });
    panes.forEach((pane) => {
      const here = items().map((item, index) => [item, index]).filter(([item]) => isHere(item));
      pane.layer.replaceChildren(
        ...here
          .filter(([item]) => pane.side === "before" || fate(item) !== "keep")
          .map(([item, index]) => (pane.side === "before" ? outline(item, index + 1) : blanked(item, isMade))),
      );
      pane.svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
    });
    const said = viewer.querySelector("[data-said]");
    said.textContent = isMade ? said.dataset.made : said.dataset.drawn;
    const outside = viewer.querySelector("[data-outside]");
    if (outside) outside.hidden = !isMade;
    load();
    waits();
  }
  function load() {
    panes.forEach((pane) => {
      const base = pane.side === "after" && after && !isChanged ? after : before;
      const query = windowed ? `?low=${low.value}&high=${high.value}` : "";
      const url = base.replace(/0\.png$/, `${frame - 1}.png`) + query;
      if (pane.image.getAttribute("href") !== url) pane.image.setAttribute("href", url);
    });
  }
  function waits() {
    const note = document.getElementById("waits");
    const open = items().findIndex((item) => fate(item) === "");
    const approve = document.querySelector("#boxes-form [data-approve]");
    if (!note || !approve) return;
    note.hidden = open < 0;
    approve.disabled = open >= 0;
    if (open >= 0) note.querySelector("[data-which]").textContent = note.dataset.one.replace("{n}", open + 1);
    document.querySelector("[data-none]")?.toggleAttribute("hidden", items().length > 0);
  }

  // --- zoom, pan, window, frames ----------------------------------------------------------------
  function zoom(factor, x = view.x + view.w / 2, y = view.y + view.h / 2) {
    const w = Math.min(Math.max(view.w * factor, width / 16), width);
    const h = (w * height) / width;
    view.x = Math.min(Math.max(x - ((x - view.x) * w) / view.w, 0), width - w);
    view.y = Math.min(Math.max(y - ((y - view.y) * h) / view.h, 0), height - h);
    [view.w, view.h] = [w, h];
    draw();
  }
  function pan(dx, dy) {
    view.x = Math.min(Math.max(view.x + dx, 0), width - view.w);
    view.y = Math.min(Math.max(view.y + dy, 0), height - view.h);
    draw();
  }
  function show(wanted) {
    frame = Math.min(Math.max(wanted, 1), count);
    if (frameInput) {
      frameInput.value = frame;
      const label = viewer.querySelector('label[for="frame"]');
      label.textContent = label.dataset.label.replace("{n}", frame);
    }
    draw();
  }
  function setMode(wanted) {
    mode = mode === wanted ? "pan" : wanted;
    viewer.querySelectorAll('[data-do="draw"], [data-do="window"]').forEach((button) => button.setAttribute("aria-pressed", button.dataset.do === mode));
    document.getElementById("window").hidden = mode !== "window";
    panes.forEach((pane) => pane.svg.classList.toggle("drawing", mode === "draw"));
  }
  const acts = {
    in: () => zoom(0.8),
    out: () => zoom(1.25),
    window: () => setMode("window"),
    draw: () => isEditable && setMode("draw"),
    undo,
    recorded: () => {
      windowed = false;
      [low.value, high.value] = [0, 1000];
      draw();
    },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) acts[button.dataset.do]?.();
    const side = event.target.closest("[data-view]");
    if (!side) return;
    viewer.querySelectorAll("[data-view]").forEach((one) => one.setAttribute("aria-pressed", one === side));
    panes[1].figure.hidden = side.dataset.view === "one";
  });
  let later = 0;
  [low, high].forEach((input) =>
    input.addEventListener("input", () => {
      windowed = true;
      clearTimeout(later);
      later = setTimeout(draw, 120); // each step is a picture made anew by the server
    }),
  );
  frameInput?.addEventListener("input", () => show(Number(frameInput.value)));

  // --- the pointer ---------------------------------------------------------------------------------
  function at(svg, event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }
  const boxAt = (x, y) =>
    items().findLast((item) => {
      const [left, top, w, h] = ["x", "y", "width", "height"].map((name) => number(item, name));
      return isHere(item) && x >= left && x <= left + w && y >= top && y <= top + h;
    });
  panes.forEach(({ svg }) => {
    let start = null;
    let rubber = null;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const [x, y] = at(svg, event);
      const hit = mode === "pan" && isEditable ? boxAt(x, y) : null;
      start = { x, y, hit, moved: false, from: hit && [number(hit, "x"), number(hit, "y")] };
      svg.setPointerCapture(event.pointerId);
      if (mode === "draw") {
        rubber = make("rect", { class: "box", x, y, width: 0, height: 0 });
        svg.append(rubber);
      }
      if (hit) {
        selected = hit;
        draw();
      }
    });
    svg.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [x, y] = at(svg, event);
      const [dx, dy] = [x - start.x, y - start.y];
      if (rubber) {
        rubber.setAttribute("x", Math.min(x, start.x));
        rubber.setAttribute("y", Math.min(y, start.y));
        rubber.setAttribute("width", Math.abs(dx));
        rubber.setAttribute("height", Math.abs(dy));
      } else if (start.hit) {
        if (!start.moved) remember();
        start.moved = true;
        place(start.hit, start.from[0] + dx, start.from[1] + dy, number(start.hit, "width"), number(start.hit, "height"));
        draw();
      } else {
        pan(-dx, -dy);
      }
    });
    const end = (event) => {
      if (!start) return;
      const [x, y] = at(svg, event);
      if (rubber) {
        rubber.remove();
        rubber = null;
        const [w, h] = [Math.abs(x - start.x), Math.abs(y - start.y)];
        if (w >= 2 && h >= 2) {
          add(Math.min(x, start.x), Math.min(y, start.y), w, h);
          setMode("pan");
        }
      }
      start = null;
    };
    svg.addEventListener("pointerup", end);
    svg.addEventListener("pointercancel", end);
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // the page scrolls; with Ctrl, or two fingers, the picture grows
      event.preventDefault();
      zoom(event.deltaY < 0 ? 0.85 : 1.18, ...at(svg, event));
    }, { passive: false });
  });

  // --- keys ------------------------------------------------------------------------------------------
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function arrow(event) {
    const [dx, dy] = steps[event.key];
    if (!selected || !isEditable) return pan((dx * view.w) / 20, (dy * view.h) / 20);
    remember();
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => number(selected, name));
    if (event.shiftKey) place(selected, x, y, w + dx, h + dy);
    else place(selected, x + dx, y + dy, w, h);
    draw();
  }
  function drawInTheMiddle() {
    if (!isEditable) return;
    add(view.x + view.w * 0.4, view.y + view.h * 0.45, view.w * 0.2, view.h * 0.1);
    panes[0].svg.focus();
  }
  const keys = {
    b: drawInTheMiddle,
    w: acts.window,
    u: undo,
    "+": acts.in,
    "=": acts.in,
    "-": acts.out,
    0: () => zoom(16),
    ",": () => show(frame - 1),
    ".": () => show(frame + 1),
    Delete: () => selected && isEditable && remove(selected),
    Escape: () => {
      selected = null;
      draw();
    },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog, summary")) return;
    const isOnPicture = !!event.target.closest("#viewer svg");
    if (event.key in steps && (isOnPicture || selected)) {
      event.preventDefault();
      return arrow(event);
    }
    if (!isOnPicture && !("keys" in document.body.dataset)) return;
    keys[event.key.length === 1 ? event.key.toLowerCase() : event.key]?.();
  });
  keysOnly();

  function keysOnly() {
    const press = {
      j: 'a[rel="prev"]',
      k: 'a[rel="next"]',
      a: "[data-approve]:not(:disabled)",
      x: "a[data-exclude]",
    };
    document.addEventListener("keydown", (event) => {
      if (!("keys" in document.body.dataset) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, textarea, select, dialog")) return;
      const target = document.querySelector(press[event.key.toLowerCase()] ?? "none");
      if (target) {
        event.preventDefault();
        target.click();
      }
    });
  }

  viewer.querySelector("[data-tools]").hidden = false;
  items().forEach(prepare);
  draw();
})();
