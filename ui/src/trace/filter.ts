/** Conditions of TraceQL for what stands on the page. */

import type { Schemas } from '../api/client';

type Typed = Pick<Schemas['Attribute'], 'type' | 'value'>;

/** The value as TraceQL writes it, or null if it cannot be asked for. */
export function literal({ type, value }: Typed): string | null {
  switch (type) {
    case 'string':
      return typeof value === 'string' && value.length <= 2000 ? JSON.stringify(value) : null;
    case 'int':
      return /^-?\d+$/.test(String(value)) ? String(value) : null;
    case 'float':
      return typeof value === 'number' && Number.isFinite(value) ? (Number.isInteger(value) ? value.toFixed(1) : String(value)) : null;
    case 'bool':
      return String(value);
  }
  return null;
}

/** A query for spans that have the value, or have another one. */
export function condition(attribute: string, value: Typed, equal: boolean): string | null {
  const text = literal(value);
  return text === null ? null : `{ ${attribute} ${equal ? '=' : '!='} ${text} }`;
}

/** All spans of an operation. */
export function operationQuery(service: string, name: string): string {
  return `{ resource.service.name = ${JSON.stringify(service)} && name = ${JSON.stringify(name)} }`;
}

const hour = 3_600_000;

/** The parameters of Explore for a query around the time of a trace. */
export function exploreAround(startUnixNano: bigint, duration: number, query: string): { q: string; from: string; to: string } {
  const start = Number(startUnixNano / 1_000_000n);
  const at = (ms: number) => new Date(Math.min(8.64e15, Math.max(0, ms))).toISOString();
  return { q: query, from: at(start - hour), to: at(start + duration / 1e6 + hour) };
}
