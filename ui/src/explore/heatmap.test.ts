import { expect, it } from 'vitest';
import type { SeriesResult } from './data';
import { boxOf, cellsBetween, countIn, readGrid, roundBound, strength, timeTicks } from './heatmap';

const stats = { rows: 0, chunksRead: 0, chunksSkipped: 0, bytesRead: 0 };

function series(buckets: Record<string, (number | null)[]>): SeriesResult {
  return {
    query: '',
    stepNanos: '1000000000',
    timesUnixMilli: [1000, 2000, 3000],
    series: Object.entries(buckets).map(([bucket, values]) => ({ labels: [{ name: '__bucket', type: 'float', value: Number(bucket) }], values })),
    stats,
  };
}

const grid = readGrid(series({ '16': [1, 0, 0], '1': [0, 4, 0], '0.25': [2, 0, 1], '0': [0, 0, 3], '8': [0, 0, null] }))!;

it('has a row for each power of two, also for those without spans', () => {
  expect(grid.bounds).toEqual([0, 0.25e9, 0.5e9, 1e9, 2e9, 4e9, 8e9, 16e9]);
  expect([...grid.counts]).toEqual([0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0]);
  expect(grid.max).toBe(4);
  expect(readGrid(series({ '0.25': [1, 1, 1] }))?.bounds).toEqual([0.25e9, 0.5e9, 1e9, 2e9, 4e9, 8e9]);
  expect(readGrid(series({}))).toBeUndefined();
  expect(readGrid(series({ '1': [0, 0, 0] }))).toBeUndefined();
});

it('makes a box of cells, open at the edges', () => {
  const middle = cellsBetween([1, 2], [0, 1]);
  expect(boxOf(grid, middle)).toEqual({ range: { start: 0, end: 2000 }, longerThan: 0, atMost: 0.5e9 });
  expect(boxOf(grid, cellsBetween([2, 0], [2, 7]))).toEqual({ range: { start: 2000, end: 3000 }, longerThan: undefined, atMost: undefined });
  expect(countIn(grid, middle)).toBe(2);
  expect(countIn(grid, cellsBetween([0, 0], [2, 7]))).toBe(11);
});

it('shows one span among a million', () => {
  expect(strength(0, 1e6)).toBe(0);
  expect(strength(1, 1e6)).toBeGreaterThan(0.15);
  expect(strength(1e6, 1e6)).toBeCloseTo(1);
});

it('labels round times of the zone', () => {
  const start = Date.UTC(2026, 0, 31, 10, 7);
  const clock = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  expect(timeTicks(start, start + 3_600_000, 8, 0).times.map(clock)).toEqual(['10:10', '10:20', '10:30', '10:40', '10:50', '11:00']);
  // Midnight in a zone that is five and a half hours ahead is 18:30 in UTC.
  expect(timeTicks(start, start + 3 * 86_400_000, 3, 5.5 * 3_600_000).times.map(clock)).toEqual(['18:30', '18:30', '18:30']);
  expect(timeTicks(start, start + 1e13, 5, 0).times.length).toBeLessThanOrEqual(6);
});

it('rounds the bounds of rows to units', () => {
  expect([-30, -20, -11, -10, -7, -1, 0, 6].map((e) => roundBound(2 ** e * 1e9))).toEqual([1, 1e3, 512e3, 1e6, 8e6, 512e6, 1e9, 64e9]);
});
