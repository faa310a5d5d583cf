/** Who calls whom within one trace. */

import { failed, type TraceView } from './view';

export interface CallNode {
  service: string;
  /** Empty when services are the nodes. */
  name: string;
  spans: number;
  errors: number;
  self: number;
  critical: number;
  /** The row of its longest span. */
  longest: number;
}

export interface CallEdge {
  from: number;
  to: number;
  calls: number;
  errors: number;
}

export interface Calls {
  nodes: CallNode[];
  edges: CallEdge[];
  /** Nodes that were left out, those with the least self time. */
  left: number;
}

/** Most nodes of a picture that somebody can read. */
const most = 300;

export function callsOf(view: TraceView, by: 'service' | 'operation'): Calls {
  const { spans, strings, count } = view;
  const known = new Map<number, number>();
  const nodes: CallNode[] = [];
  const nodeOf = new Uint32Array(count);
  for (let row = 0; row < count; row++) {
    const key = spans.service[row]! * 2 ** 26 + (by === 'service' ? 0 : spans.name[row]!);
    let at = known.get(key);
    if (at === undefined) {
      at = nodes.length;
      known.set(key, at);
      const name = by === 'service' ? '' : strings[spans.name[row]!]!;
      nodes.push({ service: strings[spans.service[row]!]!, name, spans: 0, errors: 0, self: 0, critical: 0, longest: row });
    }
    nodeOf[row] = at;
    const node = nodes[at]!;
    node.spans++;
    if (failed(spans.flags[row]!)) node.errors++;
    node.self += spans.self[row]!;
    node.critical += spans.critical[row]!;
    if (spans.duration[row]! > spans.duration[node.longest]!) node.longest = row;
  }
  return cut(nodes, edgesOf(view, nodeOf, nodes.length));
}

function edgesOf({ spans, count }: TraceView, nodeOf: Uint32Array, nodes: number): CallEdge[] {
  const edges = new Map<number, CallEdge>();
  for (let row = 0; row < count; row++) {
    const parent = spans.parent[row]!;
    if (parent < 0 || nodeOf[parent] === nodeOf[row]) continue;
    const [from, to] = [nodeOf[parent]!, nodeOf[row]!];
    let edge = edges.get(from * nodes + to);
    if (!edge) edges.set(from * nodes + to, (edge = { from, to, calls: 0, errors: 0 }));
    edge.calls++;
    if (failed(spans.flags[row]!)) edge.errors++;
  }
  return [...edges.values()];
}

function cut(nodes: CallNode[], edges: CallEdge[]): Calls {
  if (nodes.length <= most) return { nodes, edges, left: 0 };
  const kept = nodes.map((_, at) => at).sort((a, b) => nodes[b]!.self - nodes[a]!.self).slice(0, most);
  const place = new Map(kept.map((at, i) => [at, i]));
  return {
    nodes: kept.map((at) => nodes[at]!),
    edges: edges.flatMap((edge) => {
      const [from, to] = [place.get(edge.from), place.get(edge.to)];
      return from === undefined || to === undefined ? [] : [{ ...edge, from, to }];
    }),
    left: nodes.length - most,
  };
}

/** Whether enough of them failed to be worth a colour. */
export function failing(errors: number, of: number): boolean {
  return errors > 0 && errors * 20 >= of;
}
