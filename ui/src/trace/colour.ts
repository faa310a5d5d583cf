/** What the colour of a bar tells, and the words of its legend. */

import { failed, kindOf, serviceOf, statusOf, type TraceView } from './view';

/** `service`, `status`, `kind`, or an attribute as TraceQL calls it. */
export type ColourBy = string;

export interface Legend {
  /** Index into `labels` plus 1 for each row; 0 has no value. */
  codes: Uint32Array;
  labels: string[];
}

/** Values of one attribute for all rows, as the server gives them. */
export interface Column {
  /** Index into `values` plus 1 for each row; 0 where the span has none. */
  codes: Uint32Array;
  values: string[];
}

export function legendOf(view: TraceView, by: ColourBy, column: Column | null): Legend {
  if (by === 'service') return indexed(view.count, (row) => serviceOf(view, row));
  if (by === 'status') return indexed(view.count, (row) => statusOf(view.spans.flags[row]!));
  if (by === 'kind') return indexed(view.count, (row) => kindOf(view.spans.flags[row]!));
  return column ? { codes: column.codes, labels: column.values } : { codes: new Uint32Array(view.count), labels: [] };
}

function indexed(count: number, labelOf: (row: number) => string): Legend {
  const known = new Map<string, number>();
  const codes = new Uint32Array(count);
  for (let row = 0; row < count; row++) {
    const label = labelOf(row);
    let code = known.get(label);
    if (code === undefined) known.set(label, (code = known.size + 1));
    codes[row] = code;
  }
  return { codes, labels: [...known.keys()] };
}

/** Labels by how many spans have them, most first. */
export function commonest(legend: Legend, most: number): { label: string; code: number; spans: number }[] {
  const spans = new Uint32Array(legend.labels.length + 1);
  for (const code of legend.codes) spans[code]!++;
  return legend.labels
    .map((label, at) => ({ label, code: at + 1, spans: spans[at + 1]! }))
    .sort((a, b) => b.spans - a.spans)
    .slice(0, most);
}

export function errorsOnly(view: TraceView): number {
  return view.spans.flags.reduce((sum, flags) => sum + (failed(flags) ? 1 : 0), 0);
}
