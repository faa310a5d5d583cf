import { expect, test } from 'vitest';
import { readSort, tableRows } from './columns';
import { viewOf } from './testdata/tree';

const view = viewOf([
  { parent: -1, start: 0, duration: 90, name: 'GET /', flags: 2 },
  { parent: 0, start: 5, duration: 50, service: 'Pay', name: 'charge', flags: 2 << 3 },
  { parent: 1, start: 7, duration: 70, service: 'bank', name: 'charge card', flags: 3 },
]);

test('sorted by numbers and by text', () => {
  expect([...tableRows(view, { key: 'duration', descending: true }, '')]).toEqual([0, 2, 1]);
  expect([...tableRows(view, { key: 'name', descending: false }, '')]).toEqual([0, 1, 2]);
  expect([...tableRows(view, { key: 'service', descending: false }, '')]).toEqual([1, 2, 0]);
  expect([...tableRows(view, { key: 'status', descending: true }, '')]).toEqual([1, 0, 2]);
});

test('filtered by words', () => {
  const rows = (filter: string) => [...tableRows(view, readSort(undefined), filter)];
  expect(rows('charge')).toEqual([1, 2]);
  expect(rows('CHARGE pay')).toEqual([1]);
  expect(rows('charge -bank')).toEqual([1]);
  expect(rows('error')).toEqual([1]);
  expect(rows('-error')).toEqual([0, 2]);
  expect(rows('server')).toEqual([0]);
  expect(rows('nowhere')).toEqual([]);
});

test('the sort of a link', () => {
  expect(readSort('-self')).toEqual({ key: 'self', descending: true });
  expect(readSort('name')).toEqual({ key: 'name', descending: false });
  expect(readSort('evil')).toEqual({ key: 'start', descending: false });
});
