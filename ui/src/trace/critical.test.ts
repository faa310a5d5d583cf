import { expect, test } from 'vitest';
import { ByRow, stretchesOf } from './critical';
import { viewOf } from './testdata/tree';

test('the path is summed by operation, with shares of the whole', () => {
  const view = viewOf([
    { parent: -1, duration: 100, critical: 20, self: 25 },
    { parent: 0, duration: 50, critical: 50, self: 50, service: 'db', name: 'query' },
    { parent: 0, duration: 30, critical: 30, self: 30, service: 'db', name: 'query' },
    { parent: 0, duration: 30, critical: 0, self: 30, service: 'db', name: 'other' },
  ]);
  view.path = { row: Uint32Array.of(0, 1, 2), start: Float64Array.of(0, 20, 70), end: Float64Array.of(20, 70, 100) };
  expect(stretchesOf(view)).toEqual([
    { service: 'db', name: 'query', critical: 80, self: 80, spans: 2, longest: 1, share: 0.8 },
    { service: 'shop', name: 'work', critical: 20, self: 25, spans: 1, longest: 0, share: 0.2 },
  ]);
});

test('items of a row', () => {
  const by = new ByRow(Uint32Array.of(2, 0, 2, 1, 2), 4);
  expect([0, 1, 2, 3].map((row) => [...by.of(row)])).toEqual([[1], [3], [0, 2, 4], []]);
});
