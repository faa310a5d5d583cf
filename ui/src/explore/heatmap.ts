import type { SeriesResult } from './data';
import type { Box } from './request';

/** Spans by time and duration: a column for each interval, a row for each power of two. */
export interface Grid {
  /** Unix milliseconds: the end of each column. */
  times: readonly number[];
  stepMillis: number;
  /** Of each row, from the bottom: its upper bound, in nanoseconds; 0 for spans without a duration. */
  bounds: readonly number[];
  /** By column, then row. */
  counts: Float64Array;
  max: number;
}

/** The grid of a histogram_over_time(duration); undefined if it counts nothing. */
export function readGrid(result: SeriesResult): Grid | undefined {
  const found = result.series
    .map((s) => ({ seconds: Number(s.labels.find((l) => l.name === '__bucket')?.value), values: s.values.map(Number) }))
    .filter((s) => Number.isFinite(s.seconds) && s.values.some((v) => v > 0));
  if (found.length === 0) return undefined;
  const bounds = boundsOf(found.map((s) => s.seconds));
  const times = result.timesUnixMilli;
  const counts = new Float64Array(times.length * bounds.length);
  let max = 0;
  for (const { seconds, values } of found) {
    const row = bounds.indexOf(seconds * 1e9);
    values.forEach((value, column) => {
      counts[column * bounds.length + row] = value;
      max = Math.max(max, value);
    });
  }
  return { times, stepMillis: Number(result.stepNanos) / 1e6, bounds, counts, max };
}

/**
 * A bound as it is written on the axis: steps of 1,000 between the units for the
 * steps of 1,024 that ten rows are, as 8 ms for 7.8125 ms.
 */
export function roundBound(nanos: number): number {
  const exponent = Math.round(Math.log2(nanos / 1e9));
  const units = Math.max(0, Math.ceil(-exponent / 10)); // below seconds
  return 2 ** (exponent + 10 * units) * 1000 ** (3 - units);
}

const fewestRows = 7;

/**
 * All powers of two from the smallest to the largest, and 0 if it is among them:
 * rows without spans are rows too. There are some more above, where all spans are
 * about as long.
 */
function boundsOf(seconds: readonly number[]): number[] {
  const exponents = seconds.filter((s) => s > 0).map((s) => Math.round(Math.log2(s)));
  const bounds = seconds.includes(0) ? [0] : [];
  if (exponents.length === 0) return bounds;
  const first = Math.min(...exponents);
  const last = Math.max(...exponents, first + fewestRows - 2);
  for (let e = first; e <= last; e++) bounds.push(2 ** e * 1e9);
  return bounds;
}

/** Columns and rows of a grid, both ends included. */
export interface Cells {
  columns: readonly [number, number];
  rows: readonly [number, number];
}

/** The cells between two corners, in whatever order. */
export function cellsBetween(a: readonly [number, number], b: readonly [number, number]): Cells {
  return {
    columns: [Math.min(a[0], b[0]), Math.max(a[0], b[0])],
    rows: [Math.min(a[1], b[1]), Math.max(a[1], b[1])],
  };
}

/** The lowest and the highest row have no bound below and above. */
export function boxOf(grid: Grid, { columns, rows }: Cells): Box {
  const [first, last] = columns;
  const [lowest, highest] = rows;
  const below = lowest > 0 ? grid.bounds[lowest - 1] : undefined;
  const above = highest < grid.bounds.length - 1 ? grid.bounds[highest] : undefined;
  return {
    range: { start: (grid.times[first] ?? 0) - grid.stepMillis, end: grid.times[last] ?? 0 },
    longerThan: below === undefined ? undefined : Math.floor(below),
    atMost: above === undefined ? undefined : Math.floor(above),
  };
}

export function countIn(grid: Grid, { columns, rows }: Cells): number {
  let count = 0;
  for (let c = columns[0]; c <= columns[1]; c++) {
    for (let r = rows[0]; r <= rows[1]; r++) count += grid.counts[c * grid.bounds.length + r] ?? 0;
  }
  return count;
}

/** How strong a cell's colour is, from 0 to 1: few spans among many are still seen. */
export function strength(count: number, max: number): number {
  return count > 0 ? 0.15 + (0.85 * Math.log1p(count)) / Math.log1p(max) : 0;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const tickSteps = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * day),
];

/** Round times between two, at most so many; offset is what the zone is ahead of UTC. */
export function timeTicks(start: number, end: number, most: number, offset: number): { times: number[]; step: number } {
  const step = tickSteps.find((s) => (end - start) / s <= most) ?? end - start;
  const times: number[] = [];
  for (let t = Math.ceil((start + offset) / step) * step - offset; t <= end && times.length < most + 1; t += step) times.push(t);
  return { times, step };
}
