"use strict";
// The tape as the page received it, and what of it is shown: nodes and closed groups as boxes, edges between them.

const NAN = 1, INFINITE = 2, GRADIENT_NAN = 4, GRADIENT_INFINITE = 8, FREED = 16, OUTPUT = 32;
const BAD = NAN | INFINITE | GRADIENT_NAN | GRADIENT_INFINITE;
const SAME = 0, REMOVED = 1, ADDED = 2, CHANGED = 3;
const FIRST_VIEW = 60, MOST_BOXES = 20000, FEW_BOXES = 12, FEW_PASSES = 24, FEW_USERS = 6;

async function received() {
  const bytes = Uint8Array.from(atob(document.getElementById("tape").textContent), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return prepared(JSON.parse(await new Response(stream).text()));
}

function prepared(tape) {
  const { count, words } = tape;
  tape.isLeaf = new Uint8Array(count);
  for (const index of tape.leaf) tape.isLeaf[index] = 1;
  tape.start = new Int32Array(count + 1);
  for (let i = 0; i < count; i++) tape.start[i + 1] = tape.start[i] + tape.degree[i];
  tape.source = new Int32Array(tape.inputs.length);
  for (let i = 0; i < count; i++) for (let k = tape.start[i]; k < tape.start[i + 1]; k++) tape.source[k] = i - tape.inputs[k];
  tape.change = new Uint8Array(tape.inputs.length);
  if (tape.states) for (let i = 0; i < count; i++) for (let k = tape.start[i]; k < tape.start[i + 1]; k++) tape.change[k] = edgeChange(tape, i, k);
  tape.mark = new Uint8Array(count);
  for (const [index, marks] of Object.entries(tape.marks)) tape.mark[index] = marks;
  tape.short = tape.name.map(word => words[word].replace(/Backward\d*$/, "") || words[word]);
  for (const fold of tape.folds) prepareFold(tape, fold);
  return tape;
}

// Whether both graphs have an edge: as the page was told, or as its ends are in both.
function edgeChange(tape, node, k) {
  const told = tape.rewired[node];
  if (told) return told[k - tape.start[node]];
  const ends = [tape.states[node], tape.states[tape.source[k]]];
  return ends.includes(ADDED) ? ADDED : ends.includes(REMOVED) ? REMOVED : SAME;
}

// Totals of each group; members: the groups and nodes directly inside, as numbers (a group g as ~g).
function prepareFold(tape, fold) {
  const groups = fold.parents.length;
  fold.nodes = new Int32Array(groups);
  fold.size = new Float64Array(groups);
  fold.marks = new Uint8Array(groups);
  fold.norm = new Float64Array(groups).fill(-1);
  fold.changes = new Int32Array(groups);
  fold.open = new Uint8Array(groups);
  fold.members = Array.from({ length: groups }, () => []);
  fold.operations = Array.from({ length: groups }, () => null);
  for (let i = 0; i < tape.count; i++) {
    const g = fold.of[i];
    fold.members[g].push(i);
    fold.nodes[g]++;
    fold.size[g] += tape.size[i];
    fold.marks[g] |= tape.mark[i];
    if (tape.norms && typeof tape.norms[i] === "number") fold.norm[g] = Math.max(fold.norm[g], tape.norms[i]);
    if (tape.states && tape.states[i] !== SAME) fold.changes[g]++;
    if (!tape.isLeaf[i]) {
      const table = fold.operations[g] || (fold.operations[g] = new Map());
      table.set(tape.short[i], (table.get(tape.short[i]) || 0) + 1);
    }
  }
  for (let g = groups - 1; g > 0; g--) {
    const p = fold.parents[g];
    fold.members[p].push(~g);
    fold.nodes[p] += fold.nodes[g];
    fold.size[p] += fold.size[g];
    fold.marks[p] |= fold.marks[g];
    fold.norm[p] = Math.max(fold.norm[p], fold.norm[g]);
    fold.changes[p] += fold.changes[g];
    const table = fold.operations[p] || (fold.operations[p] = new Map());
    for (const [name, times] of fold.operations[g] || []) table.set(name, (table.get(name) || 0) + times);
  }
}

// Groups of one look are open together: lines, passes of a loop, pieces of a group, modules of one name or of one list.
function lookOf(tape, fold, group) {
  const kind = tape.words[fold.kinds[group]], label = tape.words[fold.labels[group]];
  if (kind !== "group") return `${kind} in ${fold.parents[group]}`;
  return fold.name === "module" ? label.slice(label.lastIndexOf(".") + 1).replace(/^\d+$/, "part") : fold.name === "loop" ? kind : label;
}

// Open groups level by level, groups of one look together, as long as not more than `budget` boxes are on the stage, or twice
// as many where there would be few.
// `calm` leaves long loops and groups of one node folded.
function openWithin(tape, fold, budget, calm = budget < tape.count) {
  const wordOf = g => tape.words[fold.kinds[g]], { members, nodes } = fold;
  const folded = g => calm && ((members[g].length === 1 && members[g][0] >= 0) || (members[g].length > FEW_PASSES && wordOf(g) === "loop"));
  fold.open.fill(0);
  fold.open[0] = 1;
  let shown = members[0].length;
  for (let level = [0]; level.length;) {
    const alike = new Map();
    for (const g of level.flatMap(above => members[above].filter(m => m < 0).map(m => ~m))) {
      if (folded(g)) continue;
      const look = lookOf(tape, fold, g);
      if (alike.has(look)) alike.get(look).push(g); else alike.set(look, [g]);
    }
    level = [];
    for (const groups of [...alike.values()].sort((a, b) => nodes[b[0]] - nodes[a[0]])) {
      const more = groups.reduce((sum, g) => sum + members[g].length - 1, 0);
      if (shown + more > (shown < FEW_BOXES ? 2 * budget : budget)) continue;
      shown += more;
      for (const g of groups) { fold.open[g] = 1; level.push(g); }
    }
  }
  return shown;
}

// What stands for each node: itself, or as ~g the outermost closed group around it.
function standIns(tape, fold) {
  const groups = fold.parents.length, standing = new Int32Array(groups), out = new Int32Array(tape.count);
  for (let g = 1; g < groups; g++) {
    const above = standing[fold.parents[g]];
    standing[g] = above || (fold.open[g] ? 0 : ~g);
  }
  for (let i = 0; i < tape.count; i++) out[i] = standing[fold.of[i]] || i;
  return out;
}

// Boxes (key: node, or ~group), edges between them as [from, to, how many], and open groups that hold boxes.
function shownGraph(tape, fold) {
  const standing = standIns(tape, fold), places = new Map(), boxes = [], edges = [], known = new Map();
  for (let i = 0; i < tape.count; i++) {
    const key = standing[i];
    if (places.has(key)) continue;
    places.set(key, boxes.length);
    boxes.push({ key, group: key < 0 ? fold.parents[~key] : fold.of[i], place: boxes.length });
  }
  for (let i = 0; i < tape.count; i++) {
    const to = places.get(standing[i]);
    for (let k = tape.start[i]; k < tape.start[i + 1]; k++) {
      const from = places.get(standing[tape.source[k]]);
      if (from === to) continue;
      const word = from * 4194304 + to, edge = known.get(word);
      if (edge) { edge.count++; if (edge.change !== tape.change[k]) edge.change = SAME; }
      else { const made = { from, to, count: 1, change: tape.change[k] }; known.set(word, made); edges.push(made); }
    }
  }
  quieten(tape, boxes, edges);
  return { boxes, edges, places, standing };
}

// A leaf that very many boxes use keeps one edge for its place; the others are drawn when one of their ends is chosen.
function quieten(tape, boxes, edges) {
  for (const box of boxes) box.users = 0;
  for (const edge of edges) boxes[edge.from].users++;
  const seen = new Set();
  for (const edge of edges) {
    const box = boxes[edge.from];
    if (box.key < 0 || !tape.isLeaf[box.key] || box.users <= FEW_USERS) continue;
    box.hub = true;
    edge.quiet = seen.has(box.key);
    seen.add(box.key);
  }
}

function consumersOf(tape, node) {
  if (!tape.consumers) {
    tape.consumers = new Map();
    for (let i = 0; i < tape.count; i++) for (let k = tape.start[i]; k < tape.start[i + 1]; k++) {
      const list = tape.consumers.get(tape.source[k]);
      if (list) list.push(i); else tape.consumers.set(tape.source[k], [i]);
    }
  }
  return tape.consumers.get(node) || [];
}

function lineText(tape, line) {
  if (line < 0) return "";
  const [file, number] = tape.lines[line];
  return `${tape.words[file].split(/[\\/]/).pop()}:${number}`;
}

function sourceText(tape, line) {
  if (line < 0) return "";
  const [file, number] = tape.lines[line], texts = tape.sources[tape.words[file]];
  return texts && texts[number] !== undefined ? tape.words[texts[number]].trim() : "";
}

function bytesText(count) {
  if (count < 1024) return `${count} B`;
  for (const unit of ["KiB", "MiB", "GiB", "TiB"]) {
    count /= 1024;
    if (count < 1024) return `${count < 10 ? count.toFixed(1) : Math.round(count)} ${unit}`;
  }
  return `${Math.round(count)} PiB`;
}

function operationsText(fold, group, most) {
  const table = [...(fold.operations[group] || [])].sort((a, b) => b[1] - a[1]);
  const text = table.slice(0, most).map(([name, times]) => times > 1 ? `${name} ×${times}` : name).join(", ");
  return table.length > most ? `${text} …` : text;
}

const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

const clipped = (text, most) => text.length > most ? `${text.slice(0, most - 1)}…` : text;
