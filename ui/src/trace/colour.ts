/** What the colour of a bar tells, and the words of its legend. */

import { kinds, statuses, type TraceView } from './view';

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
  const { service, flags } = view.spans;
  if (by === 'service') return { codes: codesOf(view.count, (row) => service[row]!), labels: view.strings.slice(0, Math.max(1, view.services.length)) };
  if (by === 'status') return { codes: codesOf(view.count, (row) => (flags[row]! >> 3) & 3), labels: [...statuses] };
  if (by === 'kind') return { codes: codesOf(view.count, (row) => flags[row]! & 7), labels: [...kinds] };
  return column ? { codes: column.codes, labels: column.values } : { codes: new Uint32Array(view.count), labels: [] };
}

function codesOf(count: number, placeOf: (row: number) => number): Uint32Array {
  const codes = new Uint32Array(count);
  for (let row = 0; row < count; row++) codes[row] = placeOf(row) + 1;
  return codes;
}

/** Labels by how many spans have them, most first. */
export function commonest(legend: Legend, most: number): { label: string; code: number; spans: number }[] {
  const spans = new Uint32Array(legend.labels.length + 1);
  for (const code of legend.codes) spans[code]!++;
  return legend.labels
    .map((label, at) => ({ label, code: at + 1, spans: spans[at + 1]! }))
    .filter((each) => each.spans > 0)
    .sort((a, b) => b.spans - a.spans)
    .slice(0, most);
}
