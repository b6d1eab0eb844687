// The stage: boxes, edges and frames on a canvas, of which only what is in sight is drawn.

const FONT = '12px "DejaVu Sans Mono", Menlo, Consolas, monospace', LINE = 15;
const canvas = document.getElementById("canvas"), pen = canvas.getContext("2d");
const sight = { scale: 1, x: 0, y: 0 };
const READABLE = 0.8, SMALLEST = 0.02;
const SIGNS = ["", "− ", "+ ", "≠ "];
let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ground", "ink", "faint", "edge", "node", "node-rule", "leaf", "leaf-rule", "group", "group-rule",
    "output", "output-rule", "bad", "accent", "rule", "mark", "added", "removed", "changed", "surface", "edge-added", "edge-removed"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
  colours.frames = [0.025, 0.055, 0.08, 0.1].map(share => mixed(colours.ground, colours.ink, share));
}

// A colour between two of the form #rrggbb; frames inside of frames are opaque, or their tints would add up.
function mixed(from, to, share) {
  const parts = [from, to].map(text => [1, 3, 5].map(k => parseInt(text.slice(k, k + 2), 16)));
  return `rgb(${parts[0].map((x, k) => Math.round(x + share * (parts[1][k] - x)))})`;
}

function groupTitle(tape, fold, group) {
  const title = tape.words[fold.labels[group]] || "all", above = tape.words[fold.labels[fold.parents[group]]];
  return fold.name === "module" && above && title.startsWith(`${above}.`) ? title.slice(above.length + 1) : title;
}

// A parameter inside the frame of its module goes by its last name.
function leafTitle(tape, fold, node, framed) {
  const name = tape.words[tape.name[node]], dot = name.lastIndexOf("."), frame = tape.words[fold.labels[fold.of[node]]];
  return framed && fold.name === "module" && dot > 0 && `.${frame}`.endsWith(`.${name.slice(0, dot)}`) ? name.slice(dot + 1) : name;
}

function signOf(tape, fold, key) {
  if (!tape.states) return "";
  return key >= 0 ? SIGNS[tape.states[key]] : fold.changes[~key] ? SIGNS[CHANGED] : "";
}

// Lines of text in a box, the first in bold.
function boxLines(tape, fold, key, framed) {
  if (key >= 0) {
    const lines = [signOf(tape, fold, key) + clipped(tape.isLeaf[key] ? leafTitle(tape, fold, key, framed) : tape.short[key], 36)];
    const form = tape.words[tape.form[key]];
    return form ? [...lines, clipped(form, 36)] : lines;
  }
  const group = ~key, kind = tape.words[fold.kinds[group]];
  const lines = [`▸ ${signOf(tape, fold, key)}${clipped(groupTitle(tape, fold, group), 36)}`];
  const code = fold.name !== "module" && kind === "group" ? sourceText(tape, fold.lines[group]) : "";
  if (code) lines.push(clipped(code, 38));
  else lines.push(clipped(operationsText(fold, group, 3), 38));
  lines.push(`${counted(fold.nodes[group], "node")}${fold.size[group] ? ` · ${bytesText(fold.size[group])}` : ""}`);
  return lines;
}

function measure(tape, fold, boxes, framed) {
  pen.font = FONT;
  const letter = pen.measureText("M").width;
  sight.letter = letter;
  for (const box of boxes) {
    box.lines = boxLines(tape, fold, box.key, framed);
    if (box.hub) box.lines.push(`used by ${box.users}`);
    box.w = Math.max(...box.lines.map(line => line.length)) * letter + 18;
    box.h = box.lines.length * LINE + 10;
  }
}

function boundsOf(scene) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const b of scene.boxes) {
    x0 = Math.min(x0, b.x - b.w / 2); x1 = Math.max(x1, b.x + b.w / 2);
    y0 = Math.min(y0, b.y - b.h / 2); y1 = Math.max(y1, b.y + b.h / 2);
  }
  for (const c of scene.clusters) { x0 = Math.min(x0, c.x0); x1 = Math.max(x1, c.x1); y0 = Math.min(y0, c.y0); y1 = Math.max(y1, c.y1); }
  return { x0, y0, x1, y1 };
}

// Show everything, or unless `whole` where that would be too small to read the beginning.
function fit(scene, whole = true) {
  const { x0, y0, x1, y1 } = boundsOf(scene), wide = canvas.clientWidth, high = canvas.clientHeight, edge = 28;
  const scale = Math.min(1.4, (wide - 2 * edge) / Math.max(x1 - x0, 1), (high - 2 * edge) / Math.max(y1 - y0, 1));
  whole = whole && scale > SMALLEST;
  sight.scale = Math.max(scale, whole ? 0 : READABLE);
  sight.x = sight.scale * (x1 - x0) <= wide - edge || whole ? wide / 2 - sight.scale * (x0 + x1) / 2 : edge - sight.scale * x0;
  sight.y = sight.scale * (y1 - y0) <= high - edge || whole ? high / 2 - sight.scale * (y0 + y1) / 2 : edge - sight.scale * y0;
  if (!whole && sight.scale * (x1 - x0) > wide - edge) {
    // What ran first in the middle, so that the beginning is in sight.
    const first = scene.boxes.find(b => scene.edges.some(edge => edge.to === b.place)) || scene.boxes[0];
    sight.x = wide / 2 - sight.scale * first.x;
  }
}

function heat(share) {
  const dark = document.documentElement.dataset.theme === "dark";
  return dark ? `hsl(${45 - 40 * share} ${30 + 50 * share}% ${20 + 22 * share}%)` : `hsl(${45 - 40 * share} ${40 + 50 * share}% ${95 - 32 * share}%)`;
}

function marksOf(tape, fold, key) { return key >= 0 ? tape.mark[key] : fold.marks[~key]; }

function fillOf(view, box) {
  const { tape, fold, paint } = view, key = box.key;
  if (paint === "saved") {
    const size = key >= 0 ? tape.size[key] : fold.size[~key];
    return [size ? heat(size / view.most.size) : colours.node, colours["node-rule"]];
  }
  if (paint === "norm") {
    const norm = key >= 0 ? tape.norms[key] : fold.norm[~key];
    if (typeof norm !== "number" || norm <= 0) return [colours.node, colours["node-rule"]];
    const { least, norm: most } = view.most;
    return [heat(most > least ? (Math.log10(norm) - least) / (most - least) : 0.5), colours["node-rule"]];
  }
  if (tape.states) {
    const state = key >= 0 ? tape.states[key] : fold.changes[~key] ? CHANGED : SAME;
    if (state !== SAME) return [colours[["", "removed", "added", "changed"][state]], colours["node-rule"]];
    return [colours[key < 0 ? "surface" : "node"], colours["node-rule"]];
  }
  const kind = key < 0 ? "group" : tape.isLeaf[key] ? "leaf" : tape.mark[key] & OUTPUT ? "output" : "node";
  return [colours[kind], colours[`${kind}-rule`]];
}

function draw(view) {
  const ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
  }
  const { scale } = sight;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, wide, high);
  pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * sight.x, ratio * sight.y);
  const seen = { x0: -sight.x / scale, y0: -sight.y / scale, x1: (wide - sight.x) / scale, y1: (high - sight.y) / scale };
  drawFrames(view);
  drawEdges(view, seen, scale);
  if (scale > 0.35) drawTitles(view);
  drawBoxes(view, seen, scale);
}

function drawFrames(view) {
  for (const c of view.scene.clusters) {
    pen.fillStyle = frameColour(c);
    pen.strokeStyle = view.selected === ~c.group ? colours.accent : colours.rule;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.roundRect(c.x0, c.y0, c.x1 - c.x0, c.y1 - c.y0, 8);
    pen.fill();
    pen.stroke();
  }
}

// After the edges, which would strike them out.
function drawTitles(view) {
  pen.font = FONT;
  pen.textAlign = "left";
  pen.textBaseline = "top";
  for (const c of view.scene.clusters) {
    const room = Math.max(3, Math.floor((c.x1 - c.x0 - 16) / sight.letter));
    const text = clipped(`▾ ${groupTitle(view.tape, view.fold, c.group)}`, room);
    pen.fillStyle = frameColour(c);
    pen.fillRect(c.x0 + 5, c.y0 + 4, pen.measureText(text).width + 6, 16);
    pen.fillStyle = colours.faint;
    pen.fillText(text, c.x0 + 8, c.y0 + 7);
  }
}

function frameColour(frame) { return colours.frames[Math.min(frame.depth, colours.frames.length) - 1]; }

function drawEdges(view, seen, scale) {
  const near = view.scene.touched, plain = { colour: colours.edge, wide: 1.1, dash: [] };
  const styles = view.tape.states ? [plain, { ...plain, colour: colours["edge-removed"], dash: [5, 4] }, { ...plain, colour: colours["edge-added"], wide: 1.5 }] : [plain];
  for (const style of [...styles, { colour: colours.accent, wide: 2, dash: [], lit: true }]) {
    const heads = [];
    pen.strokeStyle = pen.fillStyle = style.colour;
    pen.lineWidth = Math.min(style.wide * Math.max(1, 0.45 / scale), 12);
    pen.setLineDash(style.dash);
    pen.beginPath();
    for (const edge of view.scene.edges) {
      if (style.lit ? !near.has(edge) : edge.quiet || near.has(edge) || styles[edge.change] !== style) continue;
      const p = edge.quiet ? straight(view.scene, edge) : edge.points;
      if (!p || !inSight(p, seen)) continue;
      pen.moveTo(p[0], p[1]);
      for (let k = 2; k + 5 < p.length; k += 6) pen.bezierCurveTo(p[k], p[k + 1], p[k + 2], p[k + 3], p[k + 4], p[k + 5]);
      if (scale > 0.3) heads.push(p);
    }
    pen.stroke();
    pen.setLineDash([]);
    heads.forEach(drawHead);
  }
}

function inSight(p, seen) {
  const last = p.length, [x0, y0, x1, y1] = [p[0], p[1], p[last - 2], p[last - 1]];
  return Math.max(x0, x1) >= seen.x0 - 200 && Math.min(x0, x1) <= seen.x1 + 200 && Math.max(y0, y1) >= seen.y0 - 50 && Math.min(y0, y1) <= seen.y1 + 50;
}

function drawHead(p) {
  const n = p.length, angle = Math.atan2(p[n - 1] - p[n - 3], p[n - 2] - p[n - 4]);
  pen.beginPath();
  pen.moveTo(p[n - 2], p[n - 1]);
  for (const turn of [0.42, -0.42]) pen.lineTo(p[n - 2] - 7 * Math.cos(angle + turn), p[n - 1] - 7 * Math.sin(angle + turn));
  pen.fill();
}

function straight(scene, { from, to }) {
  const a = scene.boxes[from], b = scene.boxes[to];
  const [x, y] = [b.x, b.y - b.h / 2];
  return [a.x, a.y + a.h / 2, a.x + (x - a.x) / 3, a.y + (y - a.y) / 3, a.x + (x - a.x) * 2 / 3, a.y + (y - a.y) * 2 / 3, x, y];
}

function drawBoxes(view, seen, scale) {
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const box of view.scene.boxes) {
    // However far away, a box is a dot.
    const w = Math.max(box.w, 2 / scale), h = Math.max(box.h, 2 / scale), x = box.x - w / 2, y = box.y - h / 2;
    if (x > seen.x1 || x + w < seen.x0 || y > seen.y1 || y + h < seen.y0) continue;
    const bad = marksOf(view.tape, view.fold, box.key) & BAD, chosen = view.selected === box.key;
    const [fill, rule] = fillOf(view, box);
    pen.fillStyle = view.hits.has(box.key) ? colours.mark : fill;
    pen.strokeStyle = chosen ? colours.accent : bad ? colours.bad : rule;
    pen.lineWidth = chosen || bad ? Math.max(2.5, 1.5 / scale) : Math.max(1, 0.7 / scale);
    pen.beginPath();
    if (scale > 0.25) pen.roundRect(x, y, w, h, box.key < 0 ? 8 : 4);
    else pen.rect(x, y, w, h);
    pen.fill();
    if (scale > 0.12 || chosen || bad) pen.stroke();
    if (scale < 0.3) continue;
    drawLines(view, box, y);
    if (bad) badge(box, bad);
  }
}

function drawLines(view, box, top) {
  const calm = view.paint === "kind" && !view.hits.has(box.key);
  box.lines.forEach((line, k) => {
    pen.font = k ? FONT : `600 ${FONT}`;
    pen.fillStyle = k && calm ? colours.faint : colours.ink;
    pen.fillText(line, box.x, top + 5 + LINE * (k + 0.5));
  });
}

// On the upper edge of the box, clear of its first line.
function badge(box, marks) {
  const text = marks & NAN ? "NaN" : marks & INFINITE ? "Inf" : marks & GRADIENT_NAN ? "grad NaN" : "grad Inf";
  pen.font = `600 ${FONT}`;
  const wide = pen.measureText(text).width + 8, x = box.x + box.w / 2 - wide + 8, y = box.y - box.h / 2 - 12;
  pen.fillStyle = colours.bad;
  pen.beginPath();
  pen.roundRect(x, y, wide, 16, 4);
  pen.fill();
  pen.fillStyle = colours.surface;
  pen.fillText(text, x + wide / 2, y + 8.5);
}

// What lies at a point of the window: a box's key, an open group's as ~group from its title, or null.
function at(view, px, py) {
  const x = (px - sight.x) / sight.scale, y = (py - sight.y) / sight.scale;
  for (const b of view.scene.boxes) if (Math.abs(x - b.x) <= b.w / 2 && Math.abs(y - b.y) <= b.h / 2) return b.key;
  let found = null;
  for (const c of view.scene.clusters) if (x >= c.x0 && x <= c.x1 && y >= c.y0 && y <= c.y0 + 24) found = ~c.group;
  return found;
}
