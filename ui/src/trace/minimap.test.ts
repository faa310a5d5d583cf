import { expect, test } from 'vitest';
import { minimapOf } from './minimap';
import { viewOf } from './testdata/tree';

test('a line for each row while there is room', () => {
  const { spans, strings } = viewOf([
    { parent: -1, start: 0, duration: 100 },
    { parent: 0, start: 50, duration: 25, service: 'db', flags: 2 << 3 },
  ]);
  const map = minimapOf(spans, spans.start, { from: 0, to: 100 }, 4, 10);
  expect(map.height).toBe(2);
  expect([...map.cover]).toEqual([255, 255, 255, 255, 0, 0, 255, 255]);
  const db = strings.indexOf('db') + 1;
  expect([...map.service.subarray(4)]).toEqual([0, 0, db, db]);
  expect([...map.error]).toEqual([0, 0, 0, 0, 0, 0, 1, 1]);
});

test('many rows share a line', () => {
  const made = Array.from({ length: 100 }, (_, i) => ({ parent: i === 0 ? -1 : 0, start: i, duration: 1 }));
  const { spans } = viewOf(made);
  const map = minimapOf(spans, spans.start, { from: 0, to: 100 }, 10, 5);
  expect(map.height).toBe(5);
  const covered = [...map.cover.keys()].filter((at) => map.cover[at]! > 0).map((at) => [Math.floor(at / 10), at % 10]);
  expect(covered).toEqual([[0, 0], [0, 1], [0, 2], [1, 2], [1, 3], [1, 4], [2, 4], [2, 5], [2, 6], [3, 6], [3, 7], [3, 8], [4, 8], [4, 9]]);
});
