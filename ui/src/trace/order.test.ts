import { expect, test } from 'vitest';
import { orderBy, ranks } from './order';

test('orders rows as a comparing sort does', () => {
  const keys = Float64Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 1013) * (i % 3 === 0 ? -1.5 : 1e6) + (i % 7) * 1e-9);
  const want = [...keys.keys()].sort((a, b) => keys[a]! - keys[b]! || a - b);
  expect([...orderBy(keys)]).toEqual(want);
});

test('descending, equal keys stay in order of rows', () => {
  expect([...orderBy(Float64Array.of(1, 3, -2, 3, 0), true)]).toEqual([1, 3, 0, 4, 2]);
});

test('all keys alike', () => {
  expect([...orderBy(new Float64Array(4))]).toEqual([0, 1, 2, 3]);
  expect([...orderBy(new Float64Array(0))]).toEqual([]);
});

test('ranks of strings', () => {
  expect([...ranks(['b', 'a', 'c', 'a'])].map((r, i) => [r, i]).sort((x, y) => x[0]! - y[0]!).map((x) => x[1])).toEqual([1, 3, 0, 2]);
});
