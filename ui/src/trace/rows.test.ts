import { expect, test } from 'vitest';
import { collapseAll, collapseLevel, decodeCollapsed, encodeCollapsed, expandLevel, placeOf, reveal, visibleRows } from './rows';
import { columnsOf } from './testdata/tree';

// 0
// ├ 1
// │ ├ 2
// │ │ └ 3
// │ └ 4
// └ 5
//   └ 6
const spans = columnsOf([-1, 0, 1, 2, 1, 0, 5]);

function collapsed(...rows: number[]): Uint8Array {
  const set = new Uint8Array(7);
  for (const row of rows) set[row] = 1;
  return set;
}

test('rows below a collapsed one are hidden', () => {
  expect([...visibleRows(spans.descendants, collapsed())]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect([...visibleRows(spans.descendants, collapsed(1))]).toEqual([0, 1, 5, 6]);
  expect([...visibleRows(spans.descendants, collapsed(2, 5))]).toEqual([0, 1, 2, 4, 5]);
  expect([...visibleRows(spans.descendants, collapsed(0))]).toEqual([0]);
});

test('the place of a hidden row is that of what hides it', () => {
  const rows = visibleRows(spans.descendants, collapsed(1));
  expect([0, 1, 3, 4, 5, 6].map((row) => placeOf(rows, row))).toEqual([0, 1, 1, 1, 2, 3]);
});

test('levels are collapsed from below and expanded from above', () => {
  const set = collapsed();
  collapseLevel(spans, set);
  expect(set).toEqual(collapsed(2));
  collapseLevel(spans, set);
  expect(set).toEqual(collapsed(1, 2, 5));
  collapseLevel(spans, set);
  expect(set).toEqual(collapsed(0, 1, 2, 5));
  expandLevel(spans, set);
  expect(set).toEqual(collapsed(1, 2, 5));
  expandLevel(spans, set);
  expect(set).toEqual(collapsed(2));
});

test('a row is revealed through all that hides it', () => {
  const set = collapsed();
  collapseAll(spans, set);
  expect(set).toEqual(collapsed(0, 1, 2, 5));
  expect(reveal(spans, set, 3)).toBe(true);
  expect(set).toEqual(collapsed(5));
  expect(reveal(spans, set, 3)).toBe(false);
});

test.each([[[]], [[0]], [[2]], [[1, 5]], [[0, 1, 2, 5]], [[1, 2, 5]], [[5]], [[0, 5]]])('collapsed rows %j survive a link', (rows) => {
  const set = collapsed(...rows);
  expect(decodeCollapsed(spans, encodeCollapsed(spans, set))).toEqual(set);
});

test('links are short', () => {
  expect(encodeCollapsed(spans, collapsed())).toBe('');
  expect(encodeCollapsed(spans, collapsed(0, 1, 2, 5))).toBe('0');
  expect(encodeCollapsed(spans, collapsed(5))).toBe('-5');
  const wide = columnsOf(Array.from({ length: 40000 }, (_, row) => (row === 0 ? -1 : row % 2 ? 0 : row - 1)));
  const odd = Uint8Array.from({ length: 40000 }, (_, row) => (row % 4 === 1 ? 1 : 0));
  expect(encodeCollapsed(wide, odd).length).toBeLessThan(1510);
});

test('a link that was tampered with does no harm', () => {
  for (const text of ['zzz', '-', '-zzzzzzzz.1', '1-!', 'x-y-z']) expect(decodeCollapsed(spans, text)).toHaveLength(7);
});
