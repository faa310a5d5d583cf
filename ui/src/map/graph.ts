import type { Schemas } from '../api/client';

export type ServiceGraph = Schemas['ServiceGraph'];
export type GraphNode = Schemas['GraphNode'];
export type GraphEdge = Schemas['GraphEdge'];

/** Quantile names one of the latencies that an edge has. */
export type Quantile = 'p50' | 'p95' | 'p99';

export const quantiles: readonly Quantile[] = ['p50', 'p95', 'p99'];

/** Graph is a service graph with its nodes looked up: edges refer to rows of nodes. */
export interface Graph {
  nodes: GraphNode[];
  edges: Edge[];
}

export interface Edge {
  from: number;
  to: number;
  data: GraphEdge;
}

/** Focus is a service and how many hops to go from it: to its callers, and to what it calls. */
export interface Focus {
  name: string;
  up: number;
  down: number;
}

/** link looks up the ends of the edges. Edges whose ends are no nodes are left out. */
export function link(answer: Pick<ServiceGraph, 'nodes' | 'edges'>): Graph {
  const rows = new Map(answer.nodes.map((n, i) => [n.name, i]));
  const edges: Edge[] = [];
  for (const data of answer.edges) {
    const from = rows.get(data.caller);
    const to = rows.get(data.callee);
    if (from !== undefined && to !== undefined) edges.push({ from, to, data });
  }
  return { nodes: answer.nodes, edges };
}

/** keep is the part of a graph with some of its nodes, and those edges between them that pass, which sees rows of the graph. */
function keep(graph: Graph, nodes: Set<number>, passes: (e: Edge) => boolean): Graph {
  const kept = [...nodes].sort((a, b) => a - b);
  const moved = new Map(kept.map((row, i) => [row, i]));
  const edges: Edge[] = [];
  for (const e of graph.edges) {
    const from = moved.get(e.from);
    const to = moved.get(e.to);
    if (from !== undefined && to !== undefined && passes(e)) edges.push({ from, to, data: e.data });
  }
  return { nodes: kept.map((row) => graph.nodes[row]!), edges };
}

/** hops is how far each node is from start, against the calls or along them, up to a depth. */
function hops(graph: Graph, start: number, depth: number, end: (e: Edge) => [near: number, far: number]): Map<number, number> {
  const next = new Map<number, number[]>();
  for (const e of graph.edges) {
    const [near, far] = end(e);
    const list = next.get(near);
    if (list) list.push(far);
    else next.set(near, [far]);
  }
  const found = new Map([[start, 0]]);
  let ring = [start];
  for (let d = 1; d <= depth && ring.length > 0; d++) {
    const outer: number[] = [];
    for (const near of ring) {
      for (const far of next.get(near) ?? []) {
        if (found.has(far)) continue;
        found.set(far, d);
        outer.push(far);
      }
    }
    ring = outer;
  }
  return found;
}

/**
 * focusOn is what a service is reached from within focus.up hops and reaches within
 * focus.down hops, with the calls on those ways alone. undefined: there is no such service.
 */
export function focusOn(graph: Graph, focus: Focus): Graph | undefined {
  const start = graph.nodes.findIndex((n) => n.name === focus.name);
  if (start < 0) return undefined;
  const up = hops(graph, start, focus.up, (e) => [e.to, e.from]);
  const down = hops(graph, start, focus.down, (e) => [e.from, e.to]);
  const onTheWay = (e: Edge) =>
    (up.has(e.from) && (up.get(e.to) ?? Infinity) < focus.up) || (down.has(e.to) && (down.get(e.from) ?? Infinity) < focus.down);
  return keep(graph, new Set([...up.keys(), ...down.keys()]), onTheWay);
}

/** busiest is the part of a graph with the nodes that take part in most calls. */
export function busiest(graph: Graph, most: number): Graph {
  if (graph.nodes.length <= most) return graph;
  const traffic = trafficOf(graph);
  const rows = graph.nodes.map((_, i) => i).sort((a, b) => traffic[b]! - traffic[a]! || a - b);
  return keep(graph, new Set(rows.slice(0, most)), () => true);
}

/** trafficOf is the number of calls from and to each node, or of its spans where it has no calls. */
export function trafficOf(graph: Graph): Float64Array {
  const traffic = new Float64Array(graph.nodes.length);
  for (const e of graph.edges) {
    traffic[e.from]! += e.data.calls;
    if (e.to !== e.from) traffic[e.to]! += e.data.calls;
  }
  return traffic;
}

/** withMatch are the rows of nodes whose name has a text, in any case. */
export function withMatch(graph: Graph, text: string): Set<number> {
  const wanted = text.trim().toLowerCase();
  const rows = new Set<number>();
  if (wanted === '') return rows;
  graph.nodes.forEach((n, i) => {
    if (n.name.toLowerCase().includes(wanted)) rows.add(i);
  });
  return rows;
}

/** errorRate is the share of failures, from 0 to 1. */
export function errorRate(count: number, errors: number): number {
  return count > 0 ? Math.min(1, errors / count) : 0;
}

/** Severity is how bad a share of errors is, in steps that colours can tell. */
export type Severity = 'none' | 'some' | 'many';

/** manyErrors is the share of failed calls from which an edge is drawn as failing. */
const manyErrors = 0.05;

export function severity(count: number, errors: number): Severity {
  const rate = errorRate(count, errors);
  if (rate === 0) return 'none';
  return rate < manyErrors ? 'some' : 'many';
}

/**
 * latency is that of an edge's calls in nanoseconds: as the caller saw it, network included, or
 * else as the callee did.
 */
export function latency(e: GraphEdge, q: Quantile): number | undefined {
  const l = e.client ?? e.server;
  if (l === undefined) return undefined;
  return Number(q === 'p50' ? l.p50Nanos : q === 'p95' ? l.p95Nanos : l.p99Nanos);
}
