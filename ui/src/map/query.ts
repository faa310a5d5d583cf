import type { GraphEdge, GraphNode } from './graph';

/** The attributes by which spans name whom they talk to, as docs/api.md has them for /dependencies. */
const peerKeys = ['span.service.peer.name', 'span.peer.service', 'span.server.address', 'span.net.peer.name'];
const databaseKeys = ['span.db.system.name', 'span.db.system'];
const brokerKeys = ['span.messaging.system', ...peerKeys];

/** text is a string literal of TraceQL, whose escapes are those of JSON and more. */
export const text = (value: string): string => JSON.stringify(value);

const service = (name: string) => `resource.service.name = ${text(name)}`;

function named(keys: readonly string[], name: string): string {
  const any = keys.map((key) => `${key} = ${text(name)}`).join(' || ');
  return keys.length > 1 ? `(${any})` : any;
}

/** edgeQuery is the TraceQL that finds the calls which an edge of the graph stands for. */
export function edgeQuery(e: GraphEdge, caller: GraphNode['kind'], callee: GraphNode['kind']): string {
  const keys = e.connection === 'database' ? databaseKeys : e.connection === 'messaging' ? brokerKeys : peerKeys;
  if (caller !== 'service') {
    const kind = e.connection === 'messaging' ? 'consumer' : 'server';
    return `{ ${service(e.callee)} && kind = ${kind} && ${named(keys, e.caller)} }`;
  }
  // Without spans of the callee's side the caller's alone tell of the calls, by the name of their peer.
  if (callee !== 'service' || e.connection === 'database' || !e.server) {
    return `{ ${service(e.caller)} && ${named(keys, e.callee)} }`;
  }
  if (e.connection === 'messaging') {
    // Who took a message may name its sender by a link, even in another trace.
    const taken = `${service(e.callee)} && kind = consumer`;
    return `{ ${service(e.caller)} } && { ${taken} } || { ${taken} && link:spanID != nil }`;
  }
  if (e.caller === e.callee) {
    // Not each child is a call then: a server's span is, whatever called it.
    return `{ ${service(e.caller)} } > { ${service(e.callee)} && kind = server }`;
  }
  return `{ ${service(e.caller)} } > { ${service(e.callee)} }`;
}

/** nodeQuery is the TraceQL that finds the spans of a node, or those that name it. */
export function nodeQuery(n: GraphNode): string {
  switch (n.kind) {
    case 'service':
      return `{ ${service(n.name)} }`;
    case 'database':
      return `{ ${named(databaseKeys, n.name)} }`;
    case 'messaging':
      return `{ ${named(brokerKeys, n.name)} }`;
    default:
      return `{ ${named(peerKeys, n.name)} }`;
  }
}
