import { expect, test } from 'vitest';
import { Viewport } from './viewport';

function viewport(count: number): Viewport {
  const view = new Viewport(20);
  view.count = count;
  view.height = 200;
  return view;
}

test('rows in sight', () => {
  const view = viewport(100);
  view.fromBar(30);
  expect([view.first, view.end]).toEqual([1, 12]);
  expect(view.y(2)).toBe(10);
  expect(view.placeAt(9)).toBe(1);
  view.fromBar(99999);
  expect([view.first, view.end]).toEqual([90, 100]);
  expect(viewport(3).placeAt(61)).toBe(-1);
});

test('a list too high for a browser is scrolled by more than its bar', () => {
  const view = viewport(1_000_000);
  expect(view.spacer).toBe(8_000_000);
  view.fromBar(view.spacer - view.height);
  expect(view.end).toBe(1_000_000);
  view.fromBar(0);
  expect(view.first).toBe(0);
  view.scrollTo(12_345_678);
  const bar = view.bar();
  view.fromBar(bar);
  expect(view.top).toBeCloseTo(12_345_678, 3);
});

test('a row is brought into sight', () => {
  const view = viewport(1000);
  view.show(5);
  expect(view.top).toBe(0);
  view.show(10);
  expect(view.top).toBe(60);
  view.show(500);
  expect(view.top).toBe(9910);
  view.show(496);
  expect(view.top).toBe(9880);
  view.show(999);
  expect(view.end).toBe(1000);
});
