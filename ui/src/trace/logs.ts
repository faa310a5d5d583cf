/** The log records of a trace: where they stand on the time line, and which of them a filter leaves. */

import type { Schemas } from '../api/client';
import { ByRow } from './critical';
import { spanId, type TraceView } from './view';

export type LogList = Schemas['LogList'];
export type LogRecord = Schemas['LogRecord'];

export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof levels)[number];

/** What a record is coloured by. */
export function toneOf(record: LogRecord): 'error' | 'warning' | 'plain' {
  if (record.level === 'error' || record.level === 'fatal') return 'error';
  return record.level === 'warn' ? 'warning' : 'plain';
}

/** When a record was written or, where that is not known, observed: nanoseconds since 1970. */
export function timeOf(record: LogRecord): string {
  return record.timeUnixNano === '0' ? record.observedTimeUnixNano : record.timeUnixNano;
}

/** Records by the rows of a view. */
export class PlacedLogs {
  /** Row of each record's span, -1 if the trace does not have it. */
  readonly row: Int32Array;
  /** Nanoseconds after the start of the trace. */
  readonly at: Float64Array;
  private readonly placed: Uint32Array;
  private readonly byRow: ByRow;

  constructor(readonly view: TraceView, readonly list: LogList) {
    const rows = rowsOf(view, new Set(list.logs.map((record) => record.spanId ?? '')));
    this.row = Int32Array.from(list.logs, (record) => rows.get(record.spanId ?? '') ?? -1);
    this.at = Float64Array.from(list.logs, (record) => Number(BigInt(timeOf(record)) - view.startUnixNano));
    this.placed = Uint32Array.from([...this.row.keys()].filter((i) => this.row[i]! >= 0));
    this.byRow = new ByRow(this.placed.map((i) => this.row[i]!), view.count);
  }

  /** Places in the list of the records of a row. */
  of(row: number): Uint32Array {
    return this.byRow.of(row).map((i) => this.placed[i]!);
  }
}

/** The first row of each span id. */
function rowsOf(view: TraceView, ids: ReadonlySet<string>): Map<string, number> {
  const rows = new Map<string, number>();
  for (let row = 0; row < view.count && rows.size < ids.size; row++) {
    const id = spanId(view, row);
    if (ids.has(id) && !rows.has(id)) rows.set(id, row);
  }
  return rows;
}

/** Places of the records that have all words and none with a minus, and at least a level. */
export function filterLogs(records: readonly LogRecord[], filter: string, least: Level): number[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const floor = 4 * levels.indexOf(least) + 1;
  return [...records.keys()].filter((i) => {
    const record = records[i]!;
    if (floor > 1 && record.severityNumber < floor) return false;
    const text = words.length > 0 ? textOf(record) : '';
    return words.every((word) => (word.length > 1 && word.startsWith('-') ? !text.includes(word.slice(1)) : text.includes(word)));
  });
}

function textOf(record: LogRecord): string {
  const attributes = record.attributes.map(({ key, value }) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [record.text, record.eventName, record.severityText, record.service, ...attributes].join(' ').toLowerCase();
}
