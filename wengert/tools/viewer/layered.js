// Places for very many boxes, row below row: rows by longest path, order in a row by the mean place of the neighbours.
// Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures", 1981.

function layeredLayout(boxes, edges) {
  const count = boxes.length, row = new Int32Array(count), open = new Int32Array(count);
  const after = Array.from({ length: count }, () => []), before = Array.from({ length: count }, () => []);
  for (const { from, to } of edges) { after[from].push(to); before[to].push(from); open[to]++; }
  const queue = [], done = new Uint8Array(count);
  for (let i = 0; i < count; i++) if (!open[i]) queue.push(i);
  // Boxes in a circle are taken in the order in which they ran: an edge to an earlier row points upwards.
  for (let head = 0, next = 0; ; head++) {
    while (head >= queue.length && next < count) { if (!done[next] && open[next] > 0) { open[next] = 0; queue.push(next); } next++; }
    if (head >= queue.length) break;
    const i = queue[head];
    if (done[i]) continue;
    done[i] = 1;
    for (const j of after[i]) if (!done[j]) { row[j] = Math.max(row[j], row[i] + 1); if (--open[j] === 0) queue.push(j); }
  }
  // A box without inputs stands just above what uses it.
  for (let i = 0; i < count; i++) if (!before[i].length && after[i].length) row[i] = Math.max(0, Math.min(...after[i].slice(0, 999).map(j => row[j])) - 1);
  const rows = [];
  for (let i = 0; i < count; i++) (rows[row[i]] || (rows[row[i]] = [])).push(i);
  for (let r = 0; r < rows.length; r++) rows[r] = rows[r] || [];
  const place = new Float64Array(count);
  const spread = members => {
    let width = 0;
    for (const i of members) width += boxes[i].w + 24;
    let x = -width / 2;
    for (const i of members) { place[i] = x + 12 + boxes[i].w / 2; x += boxes[i].w + 24; }
  };
  rows.forEach(spread);
  for (let sweep = 0; sweep < 6; sweep++) {
    const near = sweep % 2 ? after : before, order = sweep % 2 ? [...rows].reverse() : rows;
    for (const members of order) {
      if (members.length < 2) continue;
      const wanted = new Map(members.map(i => [i, near[i].length ? near[i].reduce((sum, j) => sum + place[j], 0) / near[i].length : place[i]]));
      members.sort((a, b) => wanted.get(a) - wanted.get(b));
      spread(members);
    }
  }
  straighten(rows, boxes, place, before, after);
  let y = 0;
  const depth = new Float64Array(rows.length);
  rows.forEach((members, r) => {
    const height = Math.max(0, ...members.slice(0, 2000).map(i => boxes[i].h));
    depth[r] = y + height / 2;
    y += height + 34;
  });
  for (let i = 0; i < count; i++) { boxes[i].x = place[i]; boxes[i].y = depth[row[i]]; }
  for (const edge of edges) {
    const a = boxes[edge.from], b = boxes[edge.to], down = a.y <= b.y;
    const [x0, y0, x1, y1] = [a.x, a.y + (down ? a.h : -a.h) / 2, b.x, b.y + (down ? -b.h : b.h) / 2];
    const middle = (y0 + y1) / 2, far = Math.abs(row[edge.to] - row[edge.from]) > 1;
    // Across several rows an edge keeps to the right of the boxes between its ends.
    const side = Math.max(x0 + a.w / 2, x1 + b.w / 2) + 26, turn = Math.min(70, (y1 - y0) / 2);
    edge.points = far && down
      ? [x0, y0, x0 + a.w / 4, y0 + 20, side, y0 + 20, side, y0 + turn, side, y0 + turn, side, y1 - turn, side, y1 - turn, side, y1 - 20, x1 + b.w / 4, y1 - 20, x1, y1]
      : [x0, y0, x0, middle, x1, middle, x1, y1];
  }
  return { clusters: [], placer: "rows" };
}

// Move boxes towards their neighbours where the row has room.
function straighten(rows, boxes, place, before, after) {
  for (let sweep = 0; sweep < 4; sweep++) {
    const near = sweep % 2 ? after : before, order = sweep % 2 ? [...rows].reverse() : rows;
    for (const members of order) {
      const wanted = members.map(i => near[i].length ? near[i].reduce((sum, j) => sum + place[j], 0) / near[i].length : place[i]);
      const left = [...wanted], right = [...wanted];
      for (let k = 1; k < members.length; k++) left[k] = Math.max(left[k], left[k - 1] + (boxes[members[k]].w + boxes[members[k - 1]].w) / 2 + 20);
      for (let k = members.length - 2; k >= 0; k--) right[k] = Math.min(right[k], right[k + 1] - (boxes[members[k]].w + boxes[members[k + 1]].w) / 2 - 20);
      members.forEach((i, k) => { place[i] = (left[k] + right[k]) / 2; });
    }
  }
}
