import type { GraphEdge, GraphNode } from './graph';

/** What tests are made with: graphs as the server answers them. */
export function node(name: string, kind: GraphNode['kind'] = 'service', spans = 10, errors = 0): GraphNode {
  return { name, kind, spans: kind === 'service' ? spans : 0, errors };
}

export function edge(caller: string, callee: string, calls = 10, errors = 0, more: Partial<GraphEdge> = {}): GraphEdge {
  const latency = { count: calls, p50Nanos: '1000000', p95Nanos: '5000000', p99Nanos: '9000000', maxNanos: '12000000' };
  return { caller, callee, connection: 'call', calls, errors, client: latency, server: latency, ...more };
}

/**
 * manyServices is a graph of n services in seven tiers, the upper ones smaller, in which each calls about three of the
 * tiers below, and many the same few.
 */
export function manyServices(n: number): { nodes: GraphNode[]; edges: GraphEdge[] } {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const tier = (i: number) => Math.floor(Math.sqrt(i / n) * 7);
  const name = (i: number) => `service-${String(i).padStart(4, '0')}`;
  const nodes = Array.from({ length: n }, (_, i) => node(name(i), 'service', Math.ceil(random() * 1000)));
  const edges = new Map<string, GraphEdge>();
  for (let i = 0; i < n; i++) {
    for (let k = Math.floor(random() * 6); k >= 0; k--) {
      const shared = random() < 0.2;
      const to = shared ? n - 1 - Math.floor(random() * 0.04 * n) : Math.min(n - 1, i + 1 + Math.floor(random() * 0.3 * n));
      if (tier(to) > tier(i)) edges.set(`${i} ${to}`, edge(name(i), name(to), Math.ceil(10 ** (random() * 5)), random() < 0.1 ? 1 : 0));
    }
  }
  return { nodes, edges: [...edges.values()] };
}
