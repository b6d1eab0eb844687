// The page at work: what is open, what is chosen, what is looked for.

const view = { sight, tape: null, fold: null, scene: null, selected: null, hits: new Set(), matches: [], match: -1, paint: "kind", most: {} };
const find = document.getElementById("find"), found = document.getElementById("found"), status = document.getElementById("status");
let waiting = false;

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; if (view.scene) draw(view); });
}

// Place what is to be shown. `steady`: the key of a box that is to stay where it is in the window.
async function rebuild(steady = null, whole = null) {
  const before = steady === null || !view.scene ? null : anchorOf(steady);
  const graph = shownGraph(view.tape, view.fold);
  measure(view.tape, view.fold, graph.boxes, framed(graph));
  const { clusters, placer } = await placed(view.tape, view.fold, graph);
  view.scene = { ...graph, clusters, placer, touched: new Set() };
  const anchor = before && anchorOf(steady);
  if (anchor) {
    sight.x += (before.x - anchor.x) * sight.scale;
    sight.y += (before.y - anchor.y) * sight.scale;
  } else if (whole !== null || !before) fit(view.scene, Boolean(whole));
  measurePaint();
  legend();
  lookUp();
  choose(view.selected);
  status.textContent = `${counted(graph.boxes.length, "box", "boxes")} for ${counted(view.tape.count, "node")}`;
}

// Where a box or an open group stands; for what is not shown, the box that stands for it.
function anchorOf(key) {
  const { scene } = view;
  const frame = scene.clusters.find(c => ~c.group === key);
  if (frame) return { x: (frame.x0 + frame.x1) / 2, y: frame.y0 };
  const place = scene.places.get(key >= 0 ? scene.standing[key] : key);
  return place === undefined ? null : { x: scene.boxes[place].x, y: scene.boxes[place].y };
}

function measurePaint() {
  const { tape, fold, scene } = view;
  view.most = { size: 1, norm: -Infinity, least: Infinity };
  for (const { key } of scene.boxes) {
    view.most.size = Math.max(view.most.size, key >= 0 ? tape.size[key] : fold.size[~key]);
    const norm = !tape.norms ? null : key >= 0 ? tape.norms[key] : fold.norm[~key];
    if (typeof norm === "number" && norm > 0) {
      view.most.norm = Math.max(view.most.norm, Math.log10(norm));
      view.most.least = Math.min(view.most.least, Math.log10(norm));
    }
  }
}

function choose(key) {
  view.selected = key;
  const place = key === null ? undefined : view.scene.places.get(key);
  view.scene.touched = new Set(place === undefined ? [] : view.scene.edges.filter(edge => edge.from === place || edge.to === place));
  showPanel(view);
  document.body.dataset.selected = key === null ? "" : key >= 0 ? view.tape.words[view.tape.name[key]] : groupTitle(view.tape, view.fold, ~key);
  document.getElementById("said").textContent = spoken(key);
  redraw();
}

// What a screen reader says of the choice.
function spoken(key) {
  if (key === null) return "";
  const { tape, fold } = view, bad = marksText(marksOf(tape, fold, key));
  const parts = key >= 0 ? [tape.words[tape.name[key]], tape.words[tape.form[key]]]
    : [groupTitle(tape, fold, ~key), `${fold.nodes[~key]} nodes`, fold.open[~key] ? "unfolded" : "folded"];
  if (signOf(tape, fold, key)) parts.push(key >= 0 ? STATES[tape.states[key]] : STATES[CHANGED]);
  return [...parts, bad].filter(Boolean).join(", ");
}

// The box that an arrow key leads to: along an edge upwards and downwards, otherwise what is nearest on that side.
function neighbour(dx, dy) {
  const { scene } = view, { boxes } = scene, here = view.selected === null ? null : anchorOf(view.selected);
  if (!here) return boxes.find(box => scene.edges.some(edge => edge.to === box.place)) || boxes[0];
  const own = scene.places.get(view.selected);
  const ends = own === undefined || !dy ? [] : scene.edges.filter(edge => dy > 0 ? edge.from === own : edge.to === own).map(edge => boxes[dy > 0 ? edge.to : edge.from]);
  let best = null, least = Infinity;
  for (const box of ends.length ? ends : boxes) {
    const along = (box.x - here.x) * dx + (box.y - here.y) * dy, across = Math.abs((box.x - here.x) * dy) + Math.abs((box.y - here.y) * dx);
    if (box.place === own || (!ends.length && along <= 1)) continue;
    const distance = Math.abs(along) + 2 * across;
    if (distance < least) [best, least] = [box, distance];
  }
  return best;
}

function step(dx, dy) {
  const box = neighbour(dx, dy);
  if (!box) return;
  choose(box.key);
  bring(box);
}

// Move the picture no more than it takes to have a box in sight.
function bring(box) {
  for (const [at, low, high, room] of [["x", box.x - box.w / 2, box.x + box.w / 2, canvas.clientWidth], ["y", box.y - box.h / 2, box.y + box.h / 2, canvas.clientHeight]]) {
    const from = low * sight.scale + sight[at], to = high * sight.scale + sight[at], edge = 40;
    if (from < edge) sight[at] += edge - from;
    else if (to > room - edge) sight[at] -= to - room + edge;
  }
  redraw();
}

// The group around what is chosen.
function outwards() {
  const { selected, fold } = view;
  const group = selected === null ? 0 : selected >= 0 ? fold.of[selected] : fold.parents[~selected];
  choose(group > 0 ? ~group : null);
}

view.toggle = async group => {
  if (group <= 0) return;
  view.fold.open[group] ^= 1;
  view.selected = ~group;
  await rebuild(~group);
};

view.close = async group => {
  view.fold.open[group] = 0;
  view.selected = ~group;
  await rebuild(~group);
};

// Open what a node is in, and bring it into the middle.
view.reveal = async node => {
  for (let g = view.fold.of[node]; g > 0; g = view.fold.parents[g]) view.fold.open[g] = 1;
  view.selected = node;
  if (view.scene.standing[node] !== node) await rebuild(node);
  else choose(node);
  const box = view.scene.boxes[view.scene.places.get(node)];
  sight.scale = Math.max(sight.scale, 0.7);
  sight.x = canvas.clientWidth / 2 - box.x * sight.scale;
  sight.y = canvas.clientHeight / 2 - box.y * sight.scale;
  redraw();
};

function lookUp() {
  const { tape } = view, wanted = find.value.trim().toLowerCase();
  view.hits = new Set();
  view.matches = [];
  if (wanted) {
    const words = tape.words.map(word => word.toLowerCase().includes(wanted));
    const lines = tape.lines.map((_, k) => `${lineText(tape, k)} ${sourceText(tape, k)}`.toLowerCase().includes(wanted));
    const named = [];
    for (let i = 0; i < tape.count; i++) {
      if (words[tape.name[i]]) named.push(i);
      else if (words[tape.form[i]] || words[tape.attributes[i]] || (tape.line[i] >= 0 && lines[tape.line[i]])) view.matches.push(i);
      else continue;
      view.hits.add(view.scene.standing[i]);
    }
    view.matches = named.concat(view.matches);
  }
  found.textContent = wanted ? `${view.matches.length} found` : "";
  redraw();
}

function zoom(factor, x, y) {
  const scale = Math.min(4, Math.max(0.005, sight.scale * factor)), real = scale / sight.scale;
  sight.x = x - (x - sight.x) * real;
  sight.y = y - (y - sight.y) * real;
  sight.scale = scale;
  redraw();
}

function listenToPointers() {
  const pointers = new Map();
  let moved = 0, apart = 0;
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture?.(event.pointerId);
    pointers.set(event.pointerId, event);
    moved = apart = 0;
  });
  canvas.addEventListener("pointermove", event => {
    const last = pointers.get(event.pointerId);
    if (!last) { canvas.style.cursor = at(view, event.offsetX, event.offsetY) === null ? "" : "pointer"; return; }
    pointers.set(event.pointerId, event);
    const [dx, dy] = [event.offsetX - last.offsetX, event.offsetY - last.offsetY];
    moved += Math.abs(dx) + Math.abs(dy);
    if (pointers.size === 2) {
      const [a, b] = [...pointers.values()], now = Math.hypot(a.offsetX - b.offsetX, a.offsetY - b.offsetY);
      if (apart) zoom(now / apart, (a.offsetX + b.offsetX) / 2, (a.offsetY + b.offsetY) / 2);
      apart = now;
    } else if (moved > 3) {
      canvas.classList.add("dragging");
      sight.x += dx;
      sight.y += dy;
      redraw();
    }
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, event => {
    if (pointers.delete(event.pointerId) && moved <= 3 && name === "pointerup") choose(at(view, event.offsetX, event.offsetY));
    canvas.classList.remove("dragging");
  });
  canvas.addEventListener("dblclick", event => { const key = at(view, event.offsetX, event.offsetY); if (key < 0) view.toggle(~key); });
  canvas.addEventListener("wheel", event => { event.preventDefault(); zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.offsetX, event.offsetY); }, { passive: false });
}

function listenToKeys() {
  find.addEventListener("input", lookUp);
  find.addEventListener("keydown", event => {
    if (event.key === "Escape") { find.value = ""; lookUp(); canvas.focus(); }
    if (event.key !== "Enter" || !view.matches.length) return;
    view.match = (view.match + (event.shiftKey ? view.matches.length - 1 : 1)) % view.matches.length;
    found.textContent = `${view.match + 1} of ${view.matches.length}`;
    const text = found.textContent;
    view.reveal(view.matches[view.match]).then(() => { found.textContent = text; });
  });
  document.addEventListener("keydown", event => {
    if (/^(INPUT|SELECT)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way && event.target !== canvas && event.target !== document.body) return;
    if (way) event.preventDefault();
    if (way && event.shiftKey) { sight.x -= 60 * way[0]; sight.y -= 60 * way[1]; redraw(); }
    else if (way) step(...way);
    else if (event.key === "Backspace" && event.target === canvas) outwards();
    else if (event.key === "/") { event.preventDefault(); find.focus(); }
    else if (event.key === "f" || event.key === "F") { fit(view.scene); redraw(); }
    else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.25 : 0.8, canvas.clientWidth / 2, canvas.clientHeight / 2);
    else if (event.key === "Escape") choose(null);
    else if (event.key === "Enter" && event.target === canvas && view.selected !== null && view.selected < 0) view.toggle(~view.selected);
  });
}

function fillHeader() {
  const { tape } = view, folds = document.getElementById("fold"), paints = document.getElementById("paint");
  document.getElementById("title").textContent = tape.title;
  tape.folds.forEach((fold, k) => folds.append(new Option(fold.title, String(k))));
  const kinds = [["kind", tape.states ? "difference" : "kind"], ["saved", "saved bytes"], ...(tape.norms ? [["norm", "gradient norm"]] : [])];
  for (const [value, text] of kinds) paints.append(new Option(text, value));
  folds.addEventListener("change", () => { view.fold = tape.folds[Number(folds.value)]; view.selected = null; openWithin(tape, view.fold, FIRST_VIEW); rebuild(null, false); });
  paints.addEventListener("change", () => { view.paint = paints.value; legend(); redraw(); });
  document.getElementById("close-all").addEventListener("click", () => { view.fold.open.fill(0); view.fold.open[0] = 1; rebuild(null, false); });
  document.getElementById("open-all").addEventListener("click", () => { openWithin(tape, view.fold, MOST_BOXES, false); rebuild(null, false); });
  document.getElementById("fit").addEventListener("click", () => { fit(view.scene); redraw(); });
  document.getElementById("theme").addEventListener("click", () => { theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"); });
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  readColours();
  legend();
  redraw();
}

function heatEntries() {
  const { least, norm, size } = view.most, text = power => Number((10 ** power).toPrecision(2)).toString();
  const ends = view.paint === "saved" ? ["0 B", bytesText(size)] : least > norm ? ["no gradient", ""] : [text(least), text(norm)];
  return ends.map((end, k) => [end, heat(k), colours["node-rule"]]).filter(([end]) => end);
}

function legend() {
  const box = document.getElementById("legend"), { tape } = view;
  box.replaceChildren();
  if (!tape || !view.scene) return;
  const entries = view.paint !== "kind" ? heatEntries()
    : tape.states ? [["− only before", colours.removed, colours["node-rule"]], ["+ only after", colours.added, colours["node-rule"]], ["≠ changed", colours.changed, colours["node-rule"]]]
      : [["operation", colours.node, colours["node-rule"]], ["leaf", colours.leaf, colours["leaf-rule"]], ["output", colours.output, colours["output-rule"]], ["folded group", colours.group, colours["group-rule"]]];
  if (tape.mark.some(mark => mark & BAD)) entries.push(["NaN or Inf", colours.surface, colours.bad]);
  for (const [text, fill, rule] of entries) {
    const entry = element("span", text);
    entry.style.setProperty("--c", fill);
    entry.style.setProperty("--r", rule);
    box.append(entry);
  }
}

async function begin() {
  const started = performance.now();
  view.tape = await received();
  const wanted = new URLSearchParams(location.hash.slice(1));
  view.fold = view.tape.folds.find(fold => fold.name === wanted.get("fold")) || view.tape.folds[0];
  fillHeader();
  document.getElementById("fold").value = String(view.tape.folds.indexOf(view.fold));
  theme(wanted.get("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  if (wanted.get("open") === "all") openWithin(view.tape, view.fold, MOST_BOXES, false);
  else openWithin(view.tape, view.fold, FIRST_VIEW);
  if (wanted.get("paint")) { view.paint = wanted.get("paint"); document.getElementById("paint").value = view.paint; }
  find.value = wanted.get("find") || "";
  await rebuild(null, wanted.get("fit") !== null);
  if (wanted.get("node")) await view.reveal(Number(wanted.get("node")));
  listenToPointers();
  listenToKeys();
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", event => theme(event.matches ? "dark" : "light"));
  draw(view);
  Object.assign(document.body.dataset, { ready: "yes", boxes: String(view.scene.boxes.length), milliseconds: String(Math.round(performance.now())), own: String(Math.round(performance.now() - started)) });
  globalThis.wengertView = view;
}

begin().catch(error => { status.textContent = `The page cannot be shown: ${error.message}`; document.body.dataset.failed = String(error.stack || error); });
