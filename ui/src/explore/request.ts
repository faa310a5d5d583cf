import { addCondition, type Condition } from '../parts/query/conditions';
import type { TimeRange } from '../app/timeRange';
import type { Params } from '../app/url';

/** What Explore shows, as its URL says. */
export interface Request {
  /** As it was typed: TraceQL, plain words or nothing. */
  text: string;
  mode: 'traces' | 'spans';
  sort: 'newest' | 'slowest';
  /** Attributes that have a column of their own, as TraceQL calls them. */
  columns: readonly string[];
}

export function readRequest(params: Params): Request {
  return {
    text: params.q ?? '',
    mode: params.mode === 'spans' ? 'spans' : 'traces',
    sort: params.sort === 'slowest' ? 'slowest' : 'newest',
    columns: readColumns(params.cols ?? ''),
  };
}

/** Names are separated by commas, which within a name stand in quotes. */
export function readColumns(text: string): string[] {
  const names = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,])+/g) ?? [];
  return [...new Set(names.map((n) => n.trim()).filter(Boolean))];
}

/** The query that also asks for the values of the columns. */
export function withColumns(query: string, columns: readonly string[]): string {
  return columns.length === 0 ? query : `${query} | select(${columns.join(', ')})`;
}

/** So many intervals, of whole milliseconds, make a range. */
export function stepOf(range: TimeRange, intervals: number): number {
  return Math.max(1, Math.ceil((range.end - range.start) / intervals));
}

/** Spans in a stretch of time and of durations; a bound that is missing is open. */
export interface Box {
  range: TimeRange;
  /** Nanoseconds: longer than the one, and at most as long as the other. */
  longerThan?: number | undefined;
  atMost?: number | undefined;
}

/** A duration as TraceQL reads it: exact, in the largest unit that it reaches. */
export function durationLiteral(nanos: number): string {
  for (const [unit, name] of [[1e9, 's'], [1e6, 'ms'], [1e3, 'us']] as const) {
    if (nanos >= unit) return `${nanos / unit}${name}`;
  }
  return `${nanos}ns`;
}

function durationConditions({ longerThan, atMost }: Box): Condition[] {
  const conditions: Condition[] = [];
  if (longerThan !== undefined) conditions.push({ field: 'duration', op: '>', kind: 'number', value: durationLiteral(longerThan) });
  if (atMost !== undefined) conditions.push({ field: 'duration', op: '<=', kind: 'number', value: durationLiteral(atMost) });
  return conditions;
}

/** The query narrowed to the durations of a box; its time is that of the page. */
export function narrowed(query: string, box: Box): string {
  return addCondition(query, ...durationConditions(box));
}

/** The spans in a box, without regard to the time range of the page. */
export function selection(query: string, box: Box): string {
  const start = (op: '>=' | '<', ms: number): Condition => ({ field: 'span:start', op, kind: 'number', value: `${Math.round(ms)}000000` });
  return addCondition(query, ...durationConditions(box), start('>=', box.range.start), start('<', box.range.end));
}


