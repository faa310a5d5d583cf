/** The critical path, as a list: which operations the time of the trace was spent in. */

import type { TraceView } from './view';

export interface Stretch {
  service: string;
  name: string;
  /** Time on the critical path, of all its spans. */
  critical: number;
  /** Self time of the spans that lie on the path, on it or not. */
  self: number;
  spans: number;
  /** The span that is on the path for longest. */
  longest: number;
  /** Of the trace's duration. */
  share: number;
}

export function stretchesOf(view: TraceView): Stretch[] {
  const { spans, strings } = view;
  const byOperation = new Map<number, Stretch>();
  const whole = view.path.row.reduce((sum, _, i) => sum + view.path.end[i]! - view.path.start[i]!, 0) || view.duration || 1;
  for (let row = 0; row < view.count; row++) {
    const critical = spans.critical[row]!;
    if (!(critical > 0)) continue;
    const key = spans.service[row]! * 2 ** 26 + spans.name[row]!;
    const found = byOperation.get(key);
    if (!found) {
      byOperation.set(key, {
        service: strings[spans.service[row]!]!, name: strings[spans.name[row]!]!, critical, self: spans.self[row]!, spans: 1, longest: row, share: 0,
      });
      continue;
    }
    found.critical += critical;
    found.self += spans.self[row]!;
    found.spans++;
    if (critical > spans.critical[found.longest]!) found.longest = row;
  }
  const stretches = [...byOperation.values()].sort((a, b) => b.critical - a.critical || a.longest - b.longest);
  for (const stretch of stretches) stretch.share = stretch.critical / whole;
  return stretches;
}

/** What lies together: item i of `rows` belongs to the row, and `of(row)` gives the items of a row. */
export class ByRow {
  private readonly first: Uint32Array;
  private readonly items: Uint32Array;

  constructor(rows: Uint32Array, count: number) {
    this.first = new Uint32Array(count + 1);
    for (const row of rows) this.first[row + 1]!++;
    for (let row = 0; row < count; row++) this.first[row + 1]! += this.first[row]!;
    const next = this.first.slice();
    this.items = new Uint32Array(rows.length);
    rows.forEach((row, item) => (this.items[next[row]!++] = item));
  }

  of(row: number): Uint32Array {
    return this.items.subarray(this.first[row]!, this.first[row + 1]!);
  }
}
