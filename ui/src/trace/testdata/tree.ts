import type { SpanColumns, TraceView } from '../view';

export interface Made {
  parent: number;
  start?: number;
  duration?: number;
  self?: number;
  critical?: number;
  service?: string;
  name?: string;
  flags?: number;
}

/** Columns of spans of which only parents are told; parents come before their children, depth first. */
export function columnsOf(parents: number[]): SpanColumns {
  return viewOf(parents.map((parent) => ({ parent }))).spans;
}

export function viewOf(made: Made[]): TraceView {
  const n = made.length;
  const strings: string[] = [];
  const code = (text: string) => {
    if (!strings.includes(text)) strings.push(text);
    return strings.indexOf(text);
  };
  // Services come first, as the server has them.
  const services = [...new Set(made.map((span) => span.service ?? 'shop'))];
  services.forEach(code);
  const spans: SpanColumns = {
    id: new Uint8Array(8 * n),
    parent: Int32Array.from(made, (span) => span.parent),
    descendants: new Uint32Array(n),
    depth: new Uint16Array(n),
    start: Float64Array.from(made, (span) => span.start ?? 0),
    duration: Float64Array.from(made, (span) => span.duration ?? 0),
    self: Float64Array.from(made, (span) => span.self ?? 0),
    critical: Float64Array.from(made, (span) => span.critical ?? 0),
    name: Uint32Array.from(made, (span) => code(span.name ?? 'work')),
    service: Uint32Array.from(made, (span) => code(span.service ?? 'shop')),
    flags: Uint16Array.from(made, (span) => span.flags ?? 0),
  };
  made.forEach((span, row) => {
    new DataView(spans.id.buffer).setBigUint64(8 * row, BigInt(row + 1));
    if (span.parent >= 0) spans.depth[row] = spans.depth[span.parent]! + 1;
    for (let at = span.parent; at >= 0; at = made[at]!.parent) spans.descendants[at]!++;
  });
  return {
    view: '', traceId: '0'.repeat(31) + '1', startUnixNano: 0n, count: n, root: null, strings, spans,
    duration: made.reduce((most, span) => Math.max(most, (span.start ?? 0) + (span.duration ?? 0)), 0),
    path: { row: new Uint32Array(), start: new Float64Array(), end: new Float64Array() },
    events: { row: new Uint32Array(), at: new Float64Array(), name: new Uint32Array(), exception: new Uint8Array() },
    eventsTruncated: false, services: services.map((name) => ({ name, spans: 0, errors: 0, criticalNanos: 0 })), errors: [], errorOrigins: 0, skew: [], warnings: [], adjustedCount: 1, gaps: [],
  };
}
