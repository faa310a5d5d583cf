import { formatDuration, formatPercent, formatRate } from '../parts/format';
import type { Params } from '../app/url';
import type { Words } from './draw';
import { errorRate, latency, quantiles, severity, type Focus, type Graph, type GraphEdge, type Quantile } from './graph';
import type { Hit } from './picture';

/** MapView is what the URL says of how the map is looked at. */
export interface MapView {
  focus: Focus | undefined;
  find: string;
  brokers: boolean;
  quantile: Quantile;
  table: boolean;
}

/** The most services that are drawn: those with the most calls. The table has them all. */
export const mostNodes = 2000;

const defaultHops = 1;
export const mostHops = 5;

export function parseView(params: Params): MapView {
  return {
    focus: params.focus ? { name: params.focus, up: parseHops(params.up), down: parseHops(params.down) } : undefined,
    find: params.find ?? '',
    brokers: params.brokers === 'true',
    quantile: quantiles.find((q) => q === params.latency) ?? 'p95',
    table: params.view === 'table',
  };
}

/** parseHops reads how far to go from the service in focus: a number, or "all". */
export function parseHops(text: string | undefined): number {
  if (text === 'all') return Infinity;
  return text && /^\d$/.test(text) ? Math.min(mostHops, Number(text)) : defaultHops;
}

/** The parameters that name what is selected; without anything those that clear it. */
export function selectionParams(graph: Graph, what: Hit | undefined): Params {
  const none = { node: undefined, caller: undefined, callee: undefined, via: undefined };
  if (!what) return none;
  if ('node' in what) return { ...none, node: graph.nodes[what.node]!.name };
  return { ...none, ...edgeParams(graph.edges[what.edge]!.data) };
}

export function edgeParams(e: GraphEdge): Params {
  return { node: undefined, caller: e.caller, callee: e.callee, via: e.connection };
}

/** The node or edge that the parameters name, if the graph has it. */
export function parseSelection(graph: Graph, params: Params): Hit | undefined {
  if (params.node !== undefined) {
    const node = graph.nodes.findIndex((n) => n.name === params.node);
    return node < 0 ? undefined : { node };
  }
  const edge = graph.edges.findIndex(
    ({ data: e }) => e.caller === params.caller && e.callee === params.callee && (params.via === undefined || e.connection === params.via),
  );
  return edge < 0 ? undefined : { edge };
}

/** What is written into the picture, for a range of so many seconds. */
export function wordsFor(graph: Graph, seconds: number, quantile: Quantile): Words {
  const calls = new Float64Array(graph.nodes.length);
  const errors = new Float64Array(graph.nodes.length);
  for (const e of graph.edges) {
    calls[e.to]! += e.data.calls;
    errors[e.to]! += e.data.errors;
  }
  const failing = new Set<number>();
  const nodes = graph.nodes.map((_, i) => {
    if (calls[i] === 0) return '';
    if (severity(calls[i]!, errors[i]!) !== 'many') return formatRate(calls[i]! / seconds);
    failing.add(i);
    return `${formatPercent(errorRate(calls[i]!, errors[i]!))} failed`;
  });
  return {
    nodes,
    failing,
    edges: graph.edges.map((e) => {
      const took = latency(e.data, quantile);
      return took === undefined ? '' : formatDuration(took);
    }),
  };
}

/** The edges that somebody should look at first: those with the largest share of errors, and the slowest. */
export function worst(graph: Graph, quantile: Quantile, most: number): { failing: GraphEdge[]; slowest: GraphEdge[] } {
  const edges = graph.edges.map((e) => e.data);
  const rate = (e: GraphEdge) => errorRate(e.calls, e.errors);
  const took = (e: GraphEdge) => latency(e, quantile) ?? 0;
  return {
    failing: edges.filter((e) => e.errors > 0).sort((a, b) => rate(b) - rate(a) || b.errors - a.errors).slice(0, most),
    // What waits for messages is not slow.
    slowest: edges.filter((e) => e.connection !== 'messaging' && took(e) > 0).sort((a, b) => took(b) - took(a)).slice(0, most),
  };
}
