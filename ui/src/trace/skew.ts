/** Clocks: the starts of spans as if the clocks of their services had agreed. Only the picture changes, never the data. */

import type { TraceView } from './view';

/**
 * Starts with adjustments: each holds for its row and what lies below, up to rows with one of their own.
 * The first of all is at 0, as without them.
 */
export function adjustedStarts(view: TraceView): Float64Array {
  const { start, descendants } = view.spans;
  const moved = start.slice();
  for (const { row, adjustNanos } of [...view.skew].sort((a, b) => a.row - b.row)) {
    const end = Math.min(row + descendants[row]!, view.count - 1);
    for (let at = row; at <= end; at++) moved[at] = start[at]! + adjustNanos;
  }
  const first = moved.reduce((least, each) => Math.min(least, each), Infinity);
  return moved.map((each) => each - first);
}
