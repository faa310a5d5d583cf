/** What language models read and wrote in a trace. */

import type { Column } from './colour';
import type { SpanColumns } from './view';

/** The sum of a number of tokens over all spans. Of spans below each other only the lowest count: agents tell what their calls took together. */
export function sumTokens(spans: SpanColumns, column: Column | undefined): number {
  if (!column) return 0;
  let sum = 0;
  let next = Infinity; // the row that has a number and comes behind
  for (let row = column.codes.length - 1; row >= 0; row--) {
    const tokens = Number(column.values[column.codes[row]! - 1]);
    if (!Number.isFinite(tokens)) continue;
    if (next > row + spans.descendants[row]!) sum += tokens;
    next = row;
  }
  return sum;
}
