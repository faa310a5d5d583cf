import { manyServices } from '../src/map/sample';
import { spanId, type Span, type Trace } from './traces';

/** A trace for each of n services, in which it calls each of the services that it calls once. */
export function tracesOfServices(n: number, start: number): Trace[] {
  const { nodes, edges } = manyServices(n);
  return nodes.map(({ name }, i) => {
    const root: Span = { id: spanId(1), service: name, name: 'serve', at: 0, took: 50, kind: 2 };
    const spans = [root];
    for (const call of edges.filter((e) => e.caller === name)) {
      const failed = call.errors > 0 ? 'unavailable' : undefined;
      const client: Span = { id: spanId(spans.length + 1), parent: root.id, service: name, name: `call ${call.callee}`, at: 5, took: 1 + (call.calls % 40), kind: 3, failed };
      spans.push(client, { id: spanId(spans.length + 2), parent: client.id, service: call.callee, name: 'serve', at: 5.5, took: client.took / 2, kind: 2, failed });
    }
    return { id: (0x5e0000n + BigInt(i)).toString(16).padStart(32, '0'), start: start + i, spans };
  });
}
