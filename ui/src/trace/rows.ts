/** Which rows are shown: a row is hidden if one of its ancestors is collapsed. */

import type { SpanColumns } from './view';

export function visibleRows(descendants: Uint32Array, collapsed: Uint8Array): Uint32Array {
  const rows = new Uint32Array(descendants.length);
  let shown = 0;
  for (let row = 0; row < descendants.length; row++) {
    rows[shown++] = row;
    if (collapsed[row]) row += descendants[row]!;
  }
  return rows.subarray(0, shown);
}

/** The place of `row` among the visible rows; of a hidden one, the place of what hides it. */
export function placeOf(rows: Uint32Array, row: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (rows[mid]! <= row) low = mid + 1;
    else high = mid;
  }
  return Math.max(0, low - 1);
}

/** Expands whatever hides `row`; says whether anything did. */
export function reveal(spans: SpanColumns, collapsed: Uint8Array, row: number): boolean {
  let changed = false;
  for (let at = spans.parent[row]!; at >= 0; at = spans.parent[at]!) {
    if (collapsed[at]) changed = true;
    collapsed[at] = 0;
  }
  return changed;
}

export function collapseAll(spans: SpanColumns, collapsed: Uint8Array): void {
  for (let row = 0; row < collapsed.length; row++) collapsed[row] = spans.descendants[row]! > 0 ? 1 : 0;
}

/** Collapses the deepest level that is shown. */
export function collapseLevel(spans: SpanColumns, collapsed: Uint8Array): void {
  let deepest = -1;
  const open = visibleRows(spans.descendants, collapsed).filter((row) => spans.descendants[row]! > 0 && !collapsed[row]);
  for (const row of open) deepest = Math.max(deepest, spans.depth[row]!);
  for (const row of open) if (spans.depth[row] === deepest) collapsed[row] = 1;
}

/** Expands the uppermost level that is collapsed. */
export function expandLevel(spans: SpanColumns, collapsed: Uint8Array): void {
  let top = Infinity;
  const shut = visibleRows(spans.descendants, collapsed).filter((row) => collapsed[row]);
  for (const row of shut) top = Math.min(top, spans.depth[row]!);
  for (const row of shut) if (spans.depth[row] === top) collapsed[row] = 0;
}

/** Most characters that the collapsed rows take in a link; what would be longer is told by level only. */
const longest = 1500;

/**
 * What is collapsed, in few characters: the level from which on everything is, then the rows that differ from that, each as
 * the distance to the one before. All numbers are in base 36, as in `2-1a.4`; nothing collapsed is ''.
 */
export function encodeCollapsed(spans: SpanColumns, collapsed: Uint8Array): string {
  const open: number[] = [];
  const shut: number[] = [];
  for (let row = 0; row < collapsed.length; row++) {
    if (spans.descendants[row] === 0) continue;
    const depth = spans.depth[row]!;
    while (open.length <= depth) {
      open.push(0);
      shut.push(0);
    }
    if (collapsed[row]) shut[depth]!++;
    else open[depth]!++;
  }
  const level = cheapestLevel(open, shut);
  const base = level < open.length ? level : Infinity;
  let differ = '';
  let last = 0;
  for (let row = 0; row < collapsed.length && differ.length <= longest; row++) {
    if (spans.descendants[row] === 0 || (spans.depth[row]! >= base) === (collapsed[row] === 1)) continue;
    differ += (differ ? '.' : '') + (row - last).toString(36);
    last = row;
  }
  if (differ.length > longest) differ = '';
  const head = base === Infinity ? '' : base.toString(36);
  return differ ? `${head}-${differ}` : head;
}

/** The level from which on most is collapsed, and before which least is. */
function cheapestLevel(open: number[], shut: number[]): number {
  let cost = open.reduce((sum, n) => sum + n, 0);
  let best = 0;
  let least = cost;
  for (let level = 0; level < open.length; level++) {
    cost += shut[level]! - open[level]!;
    if (cost <= least) {
      least = cost;
      best = level + 1;
    }
  }
  return best;
}

export function decodeCollapsed(spans: SpanColumns, text: string): Uint8Array {
  const collapsed = new Uint8Array(spans.descendants.length);
  const [head = '', differ = ''] = text.split('-');
  const base = head === '' ? Infinity : parseInt(head, 36);
  for (let row = 0; row < collapsed.length; row++) {
    collapsed[row] = spans.descendants[row]! > 0 && spans.depth[row]! >= base ? 1 : 0;
  }
  let row = 0;
  for (const step of differ ? differ.split('.') : []) {
    row += parseInt(step, 36);
    if (!(row < collapsed.length)) break;
    if (spans.descendants[row]! > 0) collapsed[row] = 1 - collapsed[row]!;
  }
  return collapsed;
}
