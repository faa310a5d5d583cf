import { Graph as Digraph, layout as dagre } from '@dagrejs/dagre';

/** Boxes are what is laid out: sizes of nodes, and edges as pairs of their rows. */
export interface Boxes {
  widths: Float32Array;
  height: number;
  edges: Int32Array;
}

/** Layout is where the centres of the boxes are; left to right, callers before callees. */
export interface Layout {
  x: Float32Array;
  y: Float32Array;
  /** Half the width of each box. */
  half: Float32Array;
  width: number;
  height: number;
  /** For each edge the points that it passes, as x and y in turn; empty where it goes straight. */
  paths: Float32Array[];
}

const gapX = 64;
const gapY = 14;

/** A picture that is taller than this, and too tall for its width, is made of columns that are cut. */
const tallest = 900;
const aspect = 1.7;

/** Above this dagre, which also places the bends of edges, takes seconds. */
const fewNodes = 150;
const fewEdges = 400;

/** place lays out boxes. */
export function place(boxes: Boxes): Layout {
  const n = boxes.widths.length;
  const out: Layout = {
    x: new Float32Array(n),
    y: new Float32Array(n),
    half: boxes.widths.map((w) => w / 2),
    width: 0,
    height: 0,
    paths: Array.from({ length: boxes.edges.length / 2 }, () => new Float32Array()),
  };
  const rows = connectedRows(boxes);
  const few = rows.length <= fewNodes && boxes.edges.length / 2 <= fewEdges;
  if (few && rows.length > 0) placeFew(boxes, rows, out);
  if (!few || (out.height > tallest && out.height * aspect > out.width)) placeMany(boxes, rows, out);
  shelve(boxes, rows, out);
  return out;
}

function connectedRows(boxes: Boxes): number[] {
  const seen = new Uint8Array(boxes.widths.length);
  for (const [, from, to] of pairs(boxes)) seen[from] = seen[to] = 1;
  return [...seen.keys()].filter((row) => seen[row]);
}

function placeFew(boxes: Boxes, rows: number[], out: Layout): void {
  const g = new Digraph({ multigraph: true });
  g.setGraph({ rankdir: 'LR', nodesep: gapY, ranksep: gapX, edgesep: 6, marginx: 0, marginy: 0 });
  for (const row of rows) g.setNode(String(row), { width: boxes.widths[row]!, height: boxes.height });
  for (const [i, from, to] of pairs(boxes)) g.setEdge(String(from), String(to), {}, String(i));
  dagre(g);
  for (const row of rows) {
    const at = g.node(String(row));
    out.x[row] = at.x;
    out.y[row] = at.y;
    out.width = Math.max(out.width, at.x + boxes.widths[row]! / 2);
    out.height = Math.max(out.height, at.y + boxes.height / 2);
  }
  for (const [i, from, to] of pairs(boxes)) {
    const points: { x: number; y: number }[] = g.edge(String(from), String(to), String(i)).points ?? [];
    out.paths[i] = Float32Array.from(points.flatMap((p) => [p.x, p.y]));
  }
}

/** pairs are the edges between different boxes: number, from, to. */
function* pairs(boxes: Boxes): Generator<[edge: number, from: number, to: number]> {
  for (let i = 0; i < boxes.edges.length; i += 2) {
    const [from, to] = [boxes.edges[i]!, boxes.edges[i + 1]!];
    if (from !== to) yield [i / 2, from, to];
  }
}

/**
 * placeMany gives each box a column behind all of its callers and cuts columns that are too tall into several
 * side by side, so that a wide picture shows them all. In a column, boxes that talk to the same ones lie together.
 */
function placeMany(boxes: Boxes, rows: number[], out: Layout): void {
  const columns = toColumns(boxes, rows);
  for (let sweep = 0; sweep < sweeps; sweep++) order(boxes, columns);
  const cell = boxes.height + gapY;
  const strides = columns.map((column) => Math.max(...column.map((row) => boxes.widths[row]!)) + gapY * 2);
  const widthWith = (most: number) => columns.reduce((sum, column, i) => sum + Math.ceil(column.length / most) * strides[i]! + gapX, 0);
  let most = Math.max(...columns.map((column) => column.length));
  while (most > 1 && most * cell * aspect > widthWith(most)) most--;

  let left = 0;
  columns.forEach((column, i) => {
    const stride = strides[i]!;
    const parts = Math.ceil(column.length / most);
    const each = Math.ceil(column.length / parts);
    column.forEach((row, at) => {
      const part = Math.floor(at / each);
      const inPart = Math.min(each, column.length - part * each);
      out.x[row] = left + part * stride + stride / 2 - gapY;
      out.y[row] = ((most - inPart) / 2 + (at % each) + 0.5) * cell;
    });
    left += parts * stride + gapX;
  });
  out.width = left - gapX - gapY * 2;
  out.height = most * cell;
  out.paths.fill(new Float32Array());
}

const sweeps = 6;

/** toColumns finds the column of each box: the length of the longest way to it, without the edges that close circles. */
function toColumns(boxes: Boxes, rows: number[]): number[][] {
  const callees = new Map<number, number[]>(rows.map((row) => [row, []]));
  const called = new Set<number>();
  for (const [, from, to] of pairs(boxes)) {
    callees.get(from)!.push(to);
    called.add(to);
  }
  const [unseen, open, done] = [0, 1, 2];
  const state = new Map<number, number>();
  const finished: number[] = []; // callees before their callers
  const forward = new Map<number, number[]>();
  const visit = (row: number) => {
    state.set(row, open);
    const onward = callees.get(row)!.filter((to) => {
      if ((state.get(to) ?? unseen) === unseen) visit(to);
      return state.get(to) === done;
    });
    forward.set(row, onward);
    state.set(row, done);
    finished.push(row);
  };
  for (const row of [...rows.filter((r) => !called.has(r)), ...rows]) if (!state.has(row)) visit(row);

  const column = new Map<number, number>();
  const columns: number[][] = [];
  for (const row of finished.reverse()) {
    const at = column.get(row) ?? 0;
    (columns[at] ??= []).push(row);
    for (const to of forward.get(row)!) column.set(to, Math.max(column.get(to) ?? 0, at + 1));
  }
  return columns;
}

/** order sorts each column by the mean place of those that a box talks to, places being from 0 to 1. */
function order(boxes: Boxes, columns: number[][]): void {
  const at = new Map<number, number>();
  for (const column of columns) column.forEach((row, i) => at.set(row, (i + 0.5) / column.length));
  const sum = new Map<number, number>();
  const count = new Map<number, number>();
  const tell = (row: number, place: number) => {
    sum.set(row, (sum.get(row) ?? 0) + place);
    count.set(row, (count.get(row) ?? 0) + 1);
  };
  for (const [, from, to] of pairs(boxes)) {
    tell(from, at.get(to)!);
    tell(to, at.get(from)!);
  }
  const mean = (row: number) => sum.get(row)! / count.get(row)!;
  for (const column of columns) column.sort((a, b) => mean(a) - mean(b) || a - b);
}

/** shelve puts boxes without edges to others in lines below the rest. */
function shelve(boxes: Boxes, connected: number[], out: Layout): void {
  const placed = new Set(connected);
  const widest = boxes.widths.reduce((a, b) => Math.max(a, b), 0);
  const alone = [...boxes.widths.keys()].filter((row) => !placed.has(row));
  if (alone.length === 0) return;
  const column = widest + gapY * 2;
  const line = boxes.height + gapY;
  const fitting = Math.sqrt((alone.length * line * aspect) / column);
  const columns = Math.max(1, Math.floor(out.width / column), Math.ceil(fitting));
  const top = out.height === 0 ? 0 : out.height + gapY * 3;
  alone.forEach((row, i) => {
    out.x[row] = (i % columns) * column + boxes.widths[row]! / 2;
    out.y[row] = top + Math.floor(i / columns) * line + boxes.height / 2;
    out.width = Math.max(out.width, out.x[row]! + boxes.widths[row]! / 2);
  });
  out.height = top + Math.ceil(alone.length / columns) * line - gapY;
}
