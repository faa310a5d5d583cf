import { severity, trafficOf, type Graph, type Severity } from './graph';
import type { Layout } from './layout';

export const boxHeight = 38;
const boxPadding = 30;
const narrowest = 92;
const widest = 210;

/** boxWidth is that of a node's box, for the width of its name in pixels. */
export const boxWidth = (nameWidth: number) => Math.min(widest, Math.max(narrowest, nameWidth + boxPadding));

/** Picture is a laid out graph with what does not change while one moves about in it. */
export interface Picture {
  graph: Graph;
  layout: Layout;
  /** Width of each edge in pixels of the screen, by its share of the busiest one's calls. */
  thickness: Float32Array;
  severity: Severity[];
  /** The curve of each edge as straight pieces, x and y in turn. */
  curves: Float32Array[];
  /** Rows of nodes, the busiest first: whose name is written if there is not room for all. */
  byTraffic: Int32Array;
}

const thinnest = 1;
const thickest = 7;

export function makePicture(graph: Graph, layout: Layout): Picture {
  const most = graph.edges.reduce((m, e) => Math.max(m, e.data.calls), 1);
  const traffic = trafficOf(graph);
  return {
    graph,
    layout,
    thickness: Float32Array.from(graph.edges, (e) => thickness(e.data.calls, most)),
    severity: graph.edges.map((e) => severity(e.data.calls, e.data.errors)),
    curves: graph.edges.map((e, i) => curve(layout, e.from, e.to, layout.paths[i]!)),
    byTraffic: Int32Array.from(graph.nodes.keys()).sort((a, b) => traffic[b]! - traffic[a]! || a - b),
  };
}

/** thickness grows with the logarithm: services differ by orders of magnitude. */
export function thickness(calls: number, most: number): number {
  if (most <= 1 || calls <= 1) return thinnest;
  return thinnest + ((thickest - thinnest) * Math.log(calls)) / Math.log(most);
}

const pieces = 18;

/** curve goes from the right side of one box to the left side of another, along the points of the layout if there are any. */
function curve(l: Layout, from: number, to: number, path: Float32Array): Float32Array {
  const [x0, y0] = [l.x[from]! + l.half[from]!, l.y[from]!];
  const [x1, y1] = [l.x[to]! - l.half[to]!, l.y[to]!];
  if (from === to) {
    const r = 18;
    return bezier(l.x[from]! + r, y0 - boxHeight / 2, x0 + r, y0 - boxHeight - r, l.x[from]! - r * 2, y0 - boxHeight - r, l.x[from]! - r, y0 - boxHeight / 2);
  }
  if (x1 < x0) {
    // Back to an earlier column: out of the lower edge of one box and into that of the other.
    const sink = Math.max(y0, y1) + boxHeight / 2 + 30;
    return bezier(l.x[from]!, y0 + boxHeight / 2, l.x[from]!, sink, l.x[to]!, sink, l.x[to]!, y1 + boxHeight / 2);
  }
  if (path.length > 6) return spline([x0, y0, ...path.subarray(2, path.length - 2), x1, y1]);
  const bend = Math.max(24, (x1 - x0) / 2);
  return bezier(x0, y0, x0 + bend, y0, x1 - bend, y1, x1, y1);
}

function bezier(x0: number, y0: number, x1: number, y1: number, x2: number, y2: number, x3: number, y3: number): Float32Array {
  const out = new Float32Array((pieces + 1) * 2);
  for (let i = 0; i <= pieces; i++) {
    const t = i / pieces;
    const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
    out[i * 2] = a * x0 + b * x1 + c * x2 + d * x3;
    out[i * 2 + 1] = a * y0 + b * y1 + c * y2 + d * y3;
  }
  return out;
}

/** spline is a uniform B-spline through the first and last of some points, near those between. */
function spline(p: number[]): Float32Array {
  const last = p.length / 2 - 1;
  const at = (i: number, axis: number) => p[Math.min(last, Math.max(0, i)) * 2 + axis]!;
  const each = 6;
  const out: number[] = [];
  for (let i = -1; i <= last; i++) {
    for (let step = 0; step < each; step++) {
      const t = step / each;
      const w = [(1 - t) ** 3 / 6, (3 * t ** 3 - 6 * t * t + 4) / 6, (-3 * t ** 3 + 3 * t * t + 3 * t + 1) / 6, t ** 3 / 6];
      for (const axis of [0, 1]) out.push(w.reduce((sum, weight, k) => sum + weight * at(i - 1 + k, axis), 0));
    }
  }
  out.push(at(last, 0), at(last, 1));
  return Float32Array.from(out);
}

/** Hit is a node or an edge, by its row. */
export type Hit = { node: number } | { edge: number };

/** hit finds what is drawn at a point of the picture; edges within reach of it, in the picture's pixels. */
export function hit(p: Picture, x: number, y: number, reach: number): Hit | undefined {
  const { layout } = p;
  for (let i = layout.x.length - 1; i >= 0; i--) {
    if (Math.abs(x - layout.x[i]!) <= layout.half[i]! + reach / 4 && Math.abs(y - layout.y[i]!) <= boxHeight / 2 + reach / 4) return { node: i };
  }
  let best: Hit | undefined;
  let nearest = reach;
  p.curves.forEach((c, edge) => {
    for (let i = 0; i + 3 < c.length; i += 2) {
      const d = distance(x, y, c[i]!, c[i + 1]!, c[i + 2]!, c[i + 3]!);
      if (d < nearest) [nearest, best] = [d, { edge }];
    }
  });
  return best;
}

function distance(x: number, y: number, x0: number, y0: number, x1: number, y1: number): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const t = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}

/** lit are the nodes and edges that stand out: what was hit and what it is connected to. */
export function lit(graph: Graph, what: Hit): { nodes: Set<number>; edges: Set<number> } {
  const nodes = new Set<number>();
  const edges = new Set<number>();
  if ('node' in what) nodes.add(what.node);
  graph.edges.forEach((e, i) => {
    if ('edge' in what ? what.edge !== i : e.from !== what.node && e.to !== what.node) return;
    edges.add(i);
    nodes.add(e.from).add(e.to);
  });
  return { nodes, edges };
}

