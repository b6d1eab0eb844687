// What is told of the chosen box: where it stands in the program, what it gives and keeps, what is around it.

const panel = document.getElementById("panel");
const STATES = ["", "only before", "only after", "changed"];

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function add(parent, ...parts) {
  parent.append(...parts.filter(part => part !== null));
  return parent;
}

function row(table, label, value, kind) {
  table.append(add(element("tr"), element("td", label, "faint"), element("td", value, kind || "")));
}

function link(text, act) {
  const made = element("button", text, "link");
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function showPanel(view) {
  panel.replaceChildren();
  if (view.selected === null) showWhole(view);
  else if (view.selected >= 0) showNode(view, view.selected);
  else showGroup(view, ~view.selected);
}

function showWhole(view) {
  const { tape, fold } = view, table = element("table");
  panel.append(element("h2", tape.title));
  row(table, "nodes", String(tape.count));
  row(table, "of these leaves", String(tape.leaf.length));
  row(table, "kept for backward", bytesText(fold.size[0]));
  if (tape.states) for (const state of [REMOVED, ADDED, CHANGED])
    row(table, STATES[state], String(tape.states.filter(x => x === state).length));
  panel.append(table);
  showBad(view);
  if (tape.states) showChanges(view);
  showLargest(view);
  showKeys();
}

const KEYS = [
  ["click, arrow keys", "choose"], ["double click, Enter", "fold, unfold"], ["Backspace", "choose the group around"],
  ["drag, Shift and arrows", "move"], ["wheel, + and −", "zoom"], ["F", "fit"], ["/", "find, Enter for the next"], ["Esc", "let go"],
];

function showKeys() {
  const table = element("table");
  for (const [keys, what] of KEYS) row(table, keys, what, "faint");
  panel.append(element("h3", "Mouse and keys"), table);
}

function nodeList(view, title, nodes, remark) {
  if (!nodes.length) return;
  const list = element("div", undefined, "links");
  for (const node of nodes.slice(0, 40)) list.append(add(element("p"), link(nodeTitle(view.tape, node), () => view.reveal(node)), element("span", ` ${remark ? remark(node) : ""}`, "faint")));
  if (nodes.length > 40) list.append(element("p", `and ${nodes.length - 40} more`, "faint"));
  panel.append(element("h3", title), list);
}

function nodeTitle(tape, node) { return `${tape.words[tape.name[node]]} %${node}`; }

function showBad(view) {
  const { mark, count } = view.tape, values = [], gradients = [];
  for (let i = 0; i < count && values.length < 1000; i++) if (mark[i] & (NAN | INFINITE)) values.push(i);
  for (let i = count - 1; i >= 0 && gradients.length < 1000; i--) if (mark[i] & (GRADIENT_NAN | GRADIENT_INFINITE)) gradients.push(i);
  const text = (node, some) => marksText(mark[node] & some).replace(/ in its .*/, "");
  nodeList(view, "NaN or Inf in values, the earliest first", values, node => text(node, NAN | INFINITE));
  nodeList(view, "NaN or Inf in gradients, as backward met them", gradients, node => text(node, GRADIENT_NAN | GRADIENT_INFINITE));
}

function showChanges(view) {
  const changed = [];
  for (let i = 0; i < view.tape.count && changed.length < 1000; i++) if (view.tape.states[i] !== SAME) changed.push(i);
  nodeList(view, "Differences", changed, node => STATES[view.tape.states[node]]);
}

function showLargest(view) {
  const sized = [];
  view.tape.size.forEach((size, node) => { if (size) sized.push(node); });
  sized.sort((a, b) => view.tape.size[b] - view.tape.size[a]);
  nodeList(view, "Keep the most bytes", sized.slice(0, 8), node => bytesText(view.tape.size[node]));
}

function marksText(marks) {
  return [[NAN, "NaN in its value"], [INFINITE, "Inf in its value"], [GRADIENT_NAN, "NaN in its gradient"], [GRADIENT_INFINITE, "Inf in its gradient"]]
    .filter(([mark]) => marks & mark).map(([, text]) => text).join(", ");
}

function showPath(view, group) {
  const path = [];
  for (let g = group; g > 0; g = view.fold.parents[g]) path.unshift(g);
  if (!path.length) return;
  const line = element("p", undefined, "path faint");
  path.forEach((g, k) => add(line, k ? " › " : "in ", link(groupTitle(view.tape, view.fold, g), () => view.close(g))));
  line.title = "fold this group";
  panel.append(line);
}

function showNode(view, node) {
  const { tape, fold } = view, table = element("table"), { words } = tape;
  panel.append(element("h2", words[tape.name[node]]), element("p", `${tape.isLeaf[node] ? "leaf" : "node"} %${node}`, "faint"));
  showPath(view, fold.of[node]);
  if (tape.mark[node] & BAD) panel.append(element("p", marksText(tape.mark[node]), "bad"));
  if (tape.states && tape.states[node] !== SAME) panel.append(element("p", STATES[tape.states[node]]));
  if (tape.remarks && tape.remarks[node]) for (const text of tape.remarks[node].split("\n")) panel.append(element("p", text));
  row(table, "output", words[tape.form[node]] || "not on the tape");
  const range = tape.values[node];
  if (range) row(table, "values", `${range[0]} to ${range[1]}`, "number");
  if (tape.norms) row(table, "gradient norm", tape.norms[node] === null ? "none arrived" : String(tape.norms[node]), "number");
  if (tape.mark[node] & FREED) row(table, "kept", "freed by backward");
  if (tape.mark[node] & OUTPUT) row(table, "role", "output of the graph");
  panel.append(table);
  const attributes = words[tape.attributes[node]];
  if (attributes) {
    const rows = element("table");
    for (const text of attributes.split("\n")) row(rows, text.split(" = ")[0], text.slice(text.indexOf(" = ") + 3));
    panel.append(element("h3", "Attributes"), rows);
  }
  showSaved(tape, node);
  showSource(tape, tape.line[node]);
  const inputs = [...tape.source.slice(tape.start[node], tape.start[node + 1])];
  nodeList(view, "Inputs", inputs, source => words[tape.form[source]]);
  nodeList(view, "Used by", consumersOf(tape, node), user => words[tape.form[user]]);
}

function showSaved(tape, node) {
  const text = tape.words[tape.saved[node]];
  if (!text) return;
  const table = element("table");
  for (const saved of text.split("\n")) {
    const [label, form, size, shared] = saved.split("\t");
    row(table, `${label}  ${form}`, shared === "1" ? `${bytesText(Number(size))}, shared` : bytesText(Number(size)), "number");
  }
  panel.append(element("h3", `Kept for backward, ${bytesText(tape.size[node])}`), table);
}

function showSource(tape, line) {
  if (line < 0) return;
  const [file, number, name] = tape.lines[line], texts = tape.sources[tape.words[file]];
  panel.append(element("h3", "Line of the program"), element("p", `${tape.words[file]}:${number}, in ${tape.words[name]}`, "faint"));
  if (!texts || texts[number] === undefined) return;
  const block = element("pre"), rows = [];
  for (let near = number - 4; near <= number + 4; near++) if (texts[near] !== undefined) rows.push([near, tape.words[texts[near]]]);
  const indents = rows.filter(([, text]) => text.trim()).map(([, text]) => text.search(/\S/)), indent = Math.min(99, ...indents);
  for (const [near, text] of rows) block.append(add(element("div", undefined, near === number ? "here" : ""), element("i", String(near)), ` ${text.slice(indent)}`));
  panel.append(block);
}

function showGroup(view, group) {
  const { tape, fold } = view, table = element("table");
  panel.append(element("h2", tape.words[fold.labels[group]]));
  showPath(view, fold.parents[group]);
  const toggle = element("button", fold.open[group] ? "Fold" : "Unfold", "toggle");
  toggle.addEventListener("click", () => view.toggle(group));
  row(table, "nodes", String(fold.nodes[group]));
  row(table, "kept for backward", bytesText(fold.size[group]));
  if (tape.norms && fold.norm[group] >= 0) row(table, "largest gradient norm", String(fold.norm[group]), "number");
  if (tape.states) row(table, "differences", String(fold.changes[group]));
  panel.append(toggle, table);
  if (fold.marks[group] & BAD) panel.append(element("p", marksText(fold.marks[group]), "bad"));
  const rows = element("table");
  for (const [name, times] of [...(fold.operations[group] || [])].sort((a, b) => b[1] - a[1]).slice(0, 25)) row(rows, name, `×${times}`, "number");
  panel.append(element("h3", "Operations"), rows);
  showSource(tape, fold.lines[group]);
}
