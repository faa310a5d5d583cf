import { expect, it } from 'vitest';
import { sparkPath } from './Spark';

it('draws from zero to the highest value', () => {
  expect(sparkPath([0, 10, 5], 12, 12).line).toBe('M1 11L6 1L11 6');
});

it('leaves gaps, and shows a point by itself', () => {
  expect(sparkPath([4, null, 4, 4], 11, 12).line).toBe('M1 1h1M7 1L10 1');
  expect(sparkPath([null, null], 11, 12).line).toBe('');
  expect(sparkPath([], 11, 12).line).toBe('');
});

it('draws nothing but zeros at the bottom', () => {
  expect(sparkPath([0, 0], 12, 12).line).toBe('M1 11L11 11');
});
