import { expect, test } from 'vitest';
import { boxAt, flameOf } from './flame';
import { viewOf } from './testdata/tree';

test('calls with the same way from the root are one box', () => {
  const { spans } = viewOf([
    { parent: -1, self: 10, name: 'GET /' },
    { parent: 0, self: 5, name: 'query', service: 'db', duration: 5 },
    { parent: 1, self: 1, name: 'lock', service: 'db' },
    { parent: 0, self: 20, name: 'query', service: 'db', duration: 21, flags: 2 << 3 },
    { parent: 3, self: 1, name: 'lock', service: 'db' },
    { parent: 0, self: 30, name: 'render' },
    { parent: 5, self: 3, name: 'lock', service: 'db' },
  ]);
  const flame = flameOf(spans);
  const boxes = [...flame.spans.keys()].map((at) => ({
    spans: flame.spans[at], total: flame.total[at], left: flame.left[at], depth: flame.depth[at], parent: flame.parent[at],
  }));
  expect(boxes).toEqual([
    { spans: 1, total: 70, left: 0, depth: 0, parent: -1 },
    { spans: 2, total: 27, left: 33, depth: 1, parent: 0 },
    { spans: 2, total: 2, left: 33, depth: 2, parent: 1 },
    { spans: 1, total: 33, left: 0, depth: 1, parent: 0 },
    { spans: 1, total: 3, left: 0, depth: 2, parent: 3 },
  ]);
  expect(flame.width).toBe(70);
  expect(flame.levels).toBe(3);
  expect(flame.errors[1]).toBe(1);
  expect(flame.longest[1]).toBe(3);
  expect(boxAt(flame, 34, 1)).toBe(1);
  expect(boxAt(flame, 69, 1)).toBe(-1);
});

test('several roots stand side by side', () => {
  const flame = flameOf(viewOf([{ parent: -1, self: 4, name: 'a' }, { parent: -1, self: 6, name: 'b' }]).spans);
  expect([...flame.left]).toEqual([6, 0]);
  expect(flame.width).toBe(10);
});
