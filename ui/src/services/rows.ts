import type { Schemas } from '../api/client';
import type { Sort } from '../parts/Table';
import { difference, growth, type Change } from './change';

export type Service = Schemas['ServiceStats'];
export type Operation = Schemas['OperationStats'];
/** What a service and one of its operations have in common. */
export type Requests = Omit<Operation, 'name'>;

/** What rows can be sorted by. */
const sortKeys = ['name', 'rate', 'errors', 'p50', 'p95', 'p99', 'waits', 'rateChange', 'errorsChange', 'p95Change'] as const;
export type SortKey = (typeof sortKeys)[number];

/** parseOrder reads a key, with a minus before it if the largest come first. */
export function parseOrder(text: string | undefined): Sort {
  const key = sortKeys.find((k) => k === text?.replace(/^-/, ''));
  return key ? { key, descending: text!.startsWith('-') } : { key: 'rate', descending: true };
}

export const formatOrder = (o: Sort) => (o.descending ? '-' : '') + o.key;

/** Row is a line of the table: a service, or an operation of the one above. */
export interface Row {
  service: string;
  /** undefined: all of the service. */
  operation: string | undefined;
  open: boolean;
  requests: Requests;
  /** Share of the critical paths of traces with the service; operations have none. */
  waits: number | undefined;
  changes: Changes;
}

export interface Changes {
  rate: Change;
  errors: Change;
  p95: Change;
}

const none: Change = { text: '', mood: 'same', size: 0 };

export function changesOf(r: Requests): Changes {
  const { now, before } = r;
  if (!before) return { rate: none, errors: none, p95: none };
  const seen = { now: now.seen, before: before.seen };
  return {
    rate: growth(now.rate, before.rate, seen, 'same'),
    errors: difference(now.errorShare, before.errorShare, seen),
    p95: now.seen && before.seen ? growth(Number(now.p95Nanos), Number(before.p95Nanos), seen, 'worse') : none,
  };
}

const numbers: Record<Exclude<SortKey, 'name'>, (row: Row) => number> = {
  rate: (row) => row.requests.now.rate,
  errors: (row) => row.requests.now.errorShare,
  p50: (row) => Number(row.requests.now.p50Nanos),
  p95: (row) => Number(row.requests.now.p95Nanos),
  p99: (row) => Number(row.requests.now.p99Nanos),
  waits: (row) => row.waits ?? 0,
  rateChange: (row) => row.changes.rate.size,
  errorsChange: (row) => row.changes.errors.size,
  p95Change: (row) => row.changes.p95.size,
};

function sorted(rows: Row[], { key, descending }: Sort): Row[] {
  const sign = descending ? -1 : 1;
  const name = (row: Row) => row.operation ?? row.service;
  const byName = (a: Row, b: Row) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0);
  if (key === 'name') return rows.sort((a, b) => sign * byName(a, b));
  const of = numbers[key as Exclude<SortKey, 'name'>];
  // Infinite ones are equal to each other; their difference is no number.
  return rows.sort((a, b) => (of(a) === of(b) ? byName(a, b) : sign * (of(a) < of(b) ? -1 : 1)));
}

/** has reports whether a name has a text, in any case. */
const has = (name: string, text: string) => name.toLowerCase().includes(text.trim().toLowerCase());

/**
 * serviceRows are the lines of the table: services whose name has the text, and below the one that is open its operations, as
 * far as they are known.
 */
export function serviceRows(services: readonly Service[], open: { name: string; operations: readonly Operation[] } | undefined, order: Sort, text: string): Row[] {
  const rows = services
    .filter((s) => has(s.name, text))
    .map((s): Row => ({ service: s.name, operation: undefined, open: open?.name === s.name, requests: s, waits: s.critical.share, changes: changesOf(s) }));
  return sorted(rows, order).flatMap((row) => (row.open ? [row, ...sorted(open!.operations.map((o) => operationRow(row.service, o)), order)] : [row]));
}

/** operationRows are the operations of all services, those whose name or service has the text. */
export function operationRows(services: readonly Service[], order: Sort, text: string): Row[] {
  const rows = services.flatMap((s) => (s.operations ?? []).filter((o) => has(o.name, text) || has(s.name, text)).map((o) => operationRow(s.name, o)));
  return sorted(rows, order);
}

function operationRow(service: string, o: Operation): Row {
  return { service, operation: o.name, open: false, requests: o, waits: undefined, changes: changesOf(o) };
}

/** sum is all services together. Quantiles cannot be summed up. */
export function sum(services: readonly Service[]): { rate: number; errorShare: number; estimated: boolean } {
  let [rate, requests, errors, seen] = [0, 0, 0, 0];
  for (const { now } of services) {
    rate += now.rate;
    requests += now.requests;
    errors += now.errors;
    seen += now.seen;
  }
  // Sampled spans stand for more than themselves.
  return { rate, errorShare: requests > 0 ? errors / requests : 0, estimated: requests > seen * 1.001 };
}

/** toNumbers are the points of an answer; infinite ones are gaps. */
export function toNumbers(points: readonly (number | string | null)[]): (number | null)[] {
  return points.map((p) => (typeof p === 'number' ? p : null));
}
