/**
 * The flame graph: calls that have the same way from the root (service and name of each step) are one box, as wide as the
 * self time below it. What runs at once adds up, so all boxes together may be longer than the trace.
 */

import { orderBy } from './order';
import { failed, type SpanColumns } from './view';

export interface Flame {
  count: number;
  /** Boxes come before those below them. -1 for roots. */
  parent: Int32Array;
  depth: Uint16Array;
  /** Index of strings, of a box's first span. */
  service: Uint32Array;
  name: Uint32Array;
  /** Its spans: how many, how many of them failed, and the row of the longest. */
  spans: Uint32Array;
  errors: Uint32Array;
  longest: Uint32Array;
  /** Nanoseconds: of its spans alone, and with all below. */
  self: Float64Array;
  total: Float64Array;
  /** Where it begins, on the axis of total. */
  left: Float64Array;
  /** Sum of all roots. */
  width: number;
  levels: number;
}

export function flameOf(spans: SpanColumns): Flame {
  const n = spans.parent.length;
  const { box, first } = boxesOf(spans);
  const count = first.length;
  const flame: Flame = {
    count, parent: new Int32Array(count), depth: new Uint16Array(count), service: new Uint32Array(count), name: new Uint32Array(count),
    spans: new Uint32Array(count), errors: new Uint32Array(count), longest: first, self: new Float64Array(count),
    total: new Float64Array(count), left: new Float64Array(count), width: 0, levels: 0,
  };
  for (let at = 0; at < count; at++) {
    const row = first[at]!;
    const parent = spans.parent[row]!;
    flame.parent[at] = parent < 0 ? -1 : box[parent]!;
    flame.depth[at] = spans.depth[row]!;
    flame.service[at] = spans.service[row]!;
    flame.name[at] = spans.name[row]!;
    flame.levels = Math.max(flame.levels, flame.depth[at]! + 1);
  }
  for (let row = 0; row < n; row++) {
    const at = box[row]!;
    flame.spans[at]!++;
    if (failed(spans.flags[row]!)) flame.errors[at]!++;
    flame.self[at]! += Math.max(0, spans.self[row]!);
    if (spans.duration[row]! > spans.duration[flame.longest[at]!]!) flame.longest[at] = row;
  }
  place(flame);
  return flame;
}

/** The box of each row, and the first row of each box. */
function boxesOf(spans: SpanColumns): { box: Uint32Array; first: Uint32Array } {
  const n = spans.parent.length;
  const operations = new Map<number, number>();
  const known = new Map<number, number>();
  const box = new Uint32Array(n);
  const first = new Uint32Array(n);
  for (let row = 0; row < n; row++) {
    const pair = spans.service[row]! * 2 ** 26 + spans.name[row]!;
    let operation = operations.get(pair);
    if (operation === undefined) operations.set(pair, (operation = operations.size));
    const parent = spans.parent[row]!;
    const key = (parent < 0 ? 0 : box[parent]! + 1) * 2 ** 22 + operation;
    let at = known.get(key);
    if (at === undefined) {
      at = known.size;
      known.set(key, at);
      first[at] = row;
    }
    box[row] = at;
  }
  return { box, first: first.slice(0, known.size) };
}

/** Sums from below to above, then places: the widest child first. */
function place(flame: Flame): void {
  const { count, parent, total, left } = flame;
  total.set(flame.self);
  for (let at = count - 1; at >= 0; at--) {
    if (parent[at]! >= 0) total[parent[at]!]! += total[at]!;
    else flame.width += total[at]!;
  }
  const next = new Float64Array(count);
  let root = 0;
  for (const at of widestFirst(flame)) {
    if (parent[at]! < 0) {
      left[at] = root;
      root += total[at]!;
    } else {
      left[at] = next[parent[at]!]!;
      next[parent[at]!]! += total[at]!;
    }
    next[at] = left[at]!;
  }
}

/** Boxes by depth, those of a depth from the widest on. */
function widestFirst({ count, depth, total, levels }: Flame): Uint32Array {
  const next = new Uint32Array(levels + 1);
  for (const each of depth) next[each + 1]!++;
  for (let level = 0; level < levels; level++) next[level + 1]! += next[level]!;
  const order = new Uint32Array(count);
  for (const at of orderBy(total, true)) order[next[depth[at]!]!++] = at;
  return order;
}

/** The box that covers `x` on the axis of total at `depth`, or -1. */
export function boxAt(flame: Flame, x: number, depth: number): number {
  for (let at = 0; at < flame.count; at++) {
    if (flame.depth[at] === depth && x >= flame.left[at]! && x < flame.left[at]! + flame.total[at]!) return at;
  }
  return -1;
}
