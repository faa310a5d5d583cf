/** Queries for what stands on the page. */

import { formatConditions, typedCondition } from '../parts/query/conditions';
import type { SpanAttribute } from './queries';

/** A query for spans that have the value, or another one; null if the value cannot be asked for. */
export function attributeQuery({ traceql, type, value }: Pick<SpanAttribute, 'traceql' | 'type' | 'value'>, equal: boolean): string | null {
  if (typeof value === 'string' && value.length > 2000) return null;
  const condition = typedCondition(traceql, equal ? '=' : '!=', type, value);
  return condition ? formatConditions([condition]) : null;
}

/** All spans of an operation. */
export function operationQuery(service: string, name: string): string {
  return formatConditions([
    { field: 'resource.service.name', op: '=', kind: 'string', value: service },
    { field: 'name', op: '=', kind: 'string', value: name },
  ]);
}

const hour = 3_600_000;

/** The parameters of Explore for a query around the time of a trace. */
export function exploreAround(startUnixNano: bigint, duration: number, query: string): { q: string; from: string; to: string } {
  const start = Number(startUnixNano / 1_000_000n);
  const at = (ms: number) => new Date(Math.min(8.64e15, Math.max(0, ms))).toISOString();
  return { q: query, from: at(start - hour), to: at(start + duration / 1e6 + hour) };
}
