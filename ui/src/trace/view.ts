import type { Schemas } from '../api/client';

/**
 * A trace as the server lays it out for drawing: one typed array for each column, a span a row, rows in display order
 * (depth first, siblings by start). Times are nanoseconds after the start of the trace.
 */
export interface SpanColumns {
  /** 8 bytes each. */
  id: Uint8Array;
  /** The parent's row, or -1. */
  parent: Int32Array;
  /** How many of the rows that follow lie below this one. */
  descendants: Uint32Array;
  depth: Uint16Array;
  start: Float64Array;
  /** May be negative: what came in is shown. */
  duration: Float64Array;
  self: Float64Array;
  /** Time on the critical path. */
  critical: Float64Array;
  /** Index into `strings`. */
  name: Uint32Array;
  /** Index into `strings`, of which the services are the first, and into `services`. */
  service: Uint32Array;
  flags: Uint16Array;
}

export interface PathSegments {
  row: Uint32Array;
  start: Float64Array;
  end: Float64Array;
}

export interface EventColumns {
  row: Uint32Array;
  at: Float64Array;
  name: Uint32Array;
  exception: Uint8Array;
}

export interface ServiceShare {
  name: string;
  spans: number;
  errors: number;
  criticalNanos: number;
}

/** A deepest failing span, and the rows from it up to the highest that failed with it. */
export interface ErrorOrigin {
  origin: number;
  path: number[];
  service: string;
  name: string;
  message: string;
  /** How many origins of the trace look the same. */
  count: number;
}

export interface Skew {
  row: number;
  adjustNanos: number;
}

export interface Warning {
  kind: string;
  row?: number;
  spanId?: string;
  parentSpanId?: string;
  text: string;
}

export interface TraceView {
  view: string;
  traceId: string;
  startUnixNano: bigint;
  duration: number;
  count: number;
  root: { service: string; name: string } | null;
  strings: string[];
  spans: SpanColumns;
  path: PathSegments;
  events: EventColumns;
  eventsTruncated: boolean;
  services: ServiceShare[];
  errors: ErrorOrigin[];
  /** How many errors began in all; `errors` has the first of them. */
  errorOrigins: number;
  skew: Skew[];
  warnings: Warning[];
  /** How many traces this one stands for, by how it was sampled; 1 if it was not. */
  adjustedCount: number;
  /** What tail sampling decided about the trace, if it did. */
  sampling?: Schemas['SamplingDecision'];
  gaps: string[];
}

/** Bits of `flags`. */
export const Flag = {
  orphan: 1 << 5,
  duplicate: 1 << 6,
  events: 1 << 7,
  exception: 1 << 8,
  links: 1 << 9,
  sampled: 1 << 10,
  errorOrigin: 1 << 11,
  errorPath: 1 << 12,
  genAI: 1 << 13,
} as const;

export const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
export const statuses = ['unset', 'ok', 'error'] as const;

export function kindOf(flags: number): (typeof kinds)[number] {
  return kinds[flags & 7] ?? 'unspecified';
}

export function statusOf(flags: number): (typeof statuses)[number] {
  return statuses[(flags >> 3) & 3] ?? 'unset';
}

export function failed(flags: number): boolean {
  return ((flags >> 3) & 3) === 2;
}

export function spanId(view: TraceView, row: number): string {
  let hex = '';
  for (let i = row * 8; i < row * 8 + 8; i++) hex += view.spans.id[i]!.toString(16).padStart(2, '0');
  return hex;
}

/** The row of a span id, or -1. Of several spans with one id it is the first, or the one `nth` counts to. */
export function rowOfId(view: TraceView, hex: string, nth = 0): number {
  const want = parseId(hex);
  if (!want) return -1;
  const { id } = view.spans;
  rows: for (let row = 0; row < view.count; row++) {
    for (let i = 0; i < 8; i++) if (id[row * 8 + i] !== want[i]) continue rows;
    if (nth-- === 0) return row;
  }
  return -1;
}

function parseId(hex: string): Uint8Array | null {
  if (!/^[0-9a-f]{16}$/i.test(hex)) return null;
  return Uint8Array.from({ length: 8 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** How a span is named in links: its id, and which of the spans that share this id, if it is not the first. */
export function spanName(view: TraceView, row: number): string {
  const hex = spanId(view, row);
  if (!(view.spans.flags[row]! & Flag.duplicate)) return hex;
  for (let nth = 0; ; nth++) {
    const at = rowOfId(view, hex, nth);
    if (at === row) return nth === 0 ? hex : `${hex}~${nth}`;
    if (at < 0) return hex;
  }
}

export function rowOfName(view: TraceView, name: string): number {
  const [hex, nth] = name.split('~');
  return rowOfId(view, hex!, Number(nth ?? 0) || 0);
}

export function serviceOf(view: TraceView, row: number): string {
  return view.strings[view.spans.service[row]!] ?? '';
}

export function nameOf(view: TraceView, row: number): string {
  return view.strings[view.spans.name[row]!] ?? '';
}

/** Rows from the root down to `row`. */
export function ancestors(view: TraceView, row: number): number[] {
  const rows = [];
  for (let at = view.spans.parent[row]!; at >= 0; at = view.spans.parent[at]!) rows.push(at);
  return rows.reverse();
}

/** An upload is known by its view only: the store does not have it. */
export function uploaded(view: TraceView): boolean {
  return view.view.startsWith('upload-');
}
