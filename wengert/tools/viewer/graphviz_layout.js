// Places by Graphviz, with a frame around what is in each open group; layeredLayout takes over where that would be slow.

const GRAPHVIZ_BOXES = 1500, GRAPHVIZ_EDGES = 4000;
let graphvizLoaded = null;

const loud = graph => graph.edges.filter(edge => !edge.quiet);

const framed = graph => Boolean(globalThis.wengertGraphviz) && graph.boxes.length <= GRAPHVIZ_BOXES && loud(graph).length <= GRAPHVIZ_EDGES;

async function placed(tape, fold, graph) {
  if (framed(graph)) {
    try {
      graphvizLoaded = graphvizLoaded || globalThis.wengertGraphviz.load();
      return graphvizLayout(await graphvizLoaded, tape, fold, graph);
    } catch (error) {
      console.warn("Graphviz could not place the boxes:", error);
    }
  }
  return layeredLayout(graph.boxes, loud(graph));
}

function dotText(tape, fold, graph) {
  const many = graph.boxes.length > 250;
  const parts = [`digraph {graph [nodesep=0.22 ranksep=0.4${many ? " nslimit=3 nslimit1=3 mclimit=0.4" : ""}] node [shape=box fixedsize=true label=""] edge [arrowhead=none]\n`];
  const inside = new Map();
  for (const box of graph.boxes) for (let g = box.group, child = box; ; child = ~g, g = fold.parents[g]) {
    const list = inside.get(g);
    if (list) { if (typeof child === "number" && list.includes(child)) break; list.push(child); } else inside.set(g, [child]);
    if (g === 0) break;
  }
  const write = (g, depth) => {
    for (const child of inside.get(g) || []) {
      if (typeof child === "object") parts.push(`${child.place} [width=${(child.w / 72).toFixed(3)} height=${(child.h / 72).toFixed(3)}]\n`);
      else if (depth < 12) {
        parts.push(`subgraph cluster_${~child} {label="${"0".repeat(Math.min(groupTitle(tape, fold, ~child).length + 3, 60))}" labeljust=l fontname=Courier fontsize=13 margin=10\n`);
        write(~child, depth + 1);
        parts.push("}\n");
      } else write(~child, depth + 1);
    }
  };
  write(0, 0);
  for (const { from, to, count } of loud(graph)) parts.push(`${from} -> ${to} [weight=${graph.boxes[from].hub ? 16 : Math.min(count, 4)}]\n`);
  return `${parts.join("")}}`;
}

function depthOf(fold, group) {
  let depth = 0;
  for (let g = group; g > 0; g = fold.parents[g]) depth++;
  return depth;
}

function graphvizLayout(graphviz, tape, fold, graph) {
  const found = JSON.parse(graphviz.layout(dotText(tape, fold, graph), "json", "dot"));
  const height = Number(found.bb.split(",")[3]), clusters = [], names = new Map();
  for (const object of found.objects || []) {
    names.set(object._gvid, object.name);
    if (object.bb) {
      const [x0, y0, x1, y1] = object.bb.split(",").map(Number);
      const group = Number(object.name.slice(8));
      clusters.push({ group, depth: depthOf(fold, group), x0, y0: height - y1, x1, y1: height - y0 });
    } else {
      const [x, y] = object.pos.split(",").map(Number), box = graph.boxes[Number(object.name)];
      box.x = x;
      box.y = height - y;
    }
  }
  const edges = loud(graph);
  (found.edges || []).forEach((edge, k) => {
    const points = edge.pos.split(" ").filter(text => !/^[es],/.test(text)).flatMap(text => { const [x, y] = text.split(",").map(Number); return [x, height - y]; });
    const from = Number(names.get(edge.tail)), to = Number(names.get(edge.head));
    const own = edges[k].from === from && edges[k].to === to ? edges[k] : edges.find(e => e.from === from && e.to === to);
    own.points = points;
  });
  return { clusters, placer: "Graphviz" };
}
