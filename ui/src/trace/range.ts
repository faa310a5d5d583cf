/** The stretch of time that is shown, in nanoseconds after the start of the trace. */
export interface Range {
  from: number;
  to: number;
}

/** Nobody needs to look closer than this, and numbers stay exact. */
const narrowest = 10;

/** `range` moved and cut so that it lies in `full`. */
export function within(range: Range, full: Range): Range {
  const width = Math.min(Math.max(range.to - range.from, narrowest), full.to - full.from);
  const from = Math.min(Math.max(range.from, full.from), full.to - width);
  return { from, to: from + width };
}

/** Makes the range `factor` times as long; the time `at` stays where it is. */
export function zoom(range: Range, full: Range, factor: number, at: number): Range {
  const width = Math.min(Math.max((range.to - range.from) * factor, narrowest), full.to - full.from);
  const share = (at - range.from) / (range.to - range.from);
  return within({ from: at - share * width, to: at + (1 - share) * width }, full);
}

/** Moves the range by a share of its own length. */
export function pan(range: Range, full: Range, share: number): Range {
  const by = (range.to - range.from) * share;
  return within({ from: range.from + by, to: range.to + by }, full);
}

export function sameRange(a: Range, b: Range): boolean {
  return a.from === b.from && a.to === b.to;
}

/** Times at round distances, about `count` of them. */
export function ticks(range: Range, count: number): number[] {
  const rough = (range.to - range.from) / Math.max(1, count);
  if (!(rough > 0)) return [range.from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10) * power;
  const times = [];
  for (let i = Math.ceil(range.from / step); i * step <= range.to; i++) times.push(i * step);
  return times;
}

/** From and to as whole nanoseconds, as they stand in a link. */
export function encodeRange(range: Range): string {
  return `${Math.round(range.from)}~${Math.round(range.to)}`;
}

export function decodeRange(text: string, full: Range): Range | null {
  const found = /^(-?\d{1,18})~(-?\d{1,18})$/.exec(text);
  if (!found) return null;
  const range = { from: Number(found[1]), to: Number(found[2]) };
  return range.to > range.from ? within(range, full) : null;
}

/** Least and greatest time of all spans, never without length. */
export function extent(start: Float64Array, duration: Float64Array, least: number): Range {
  let from = 0;
  let to = Math.max(least, 1);
  for (let row = 0; row < start.length; row++) {
    const end = start[row]! + duration[row]!;
    if (start[row]! < from) from = start[row]!;
    if (end < from) from = end;
    if (end > to) to = end;
    if (start[row]! > to) to = start[row]!;
  }
  return { from, to };
}
