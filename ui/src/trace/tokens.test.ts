import { expect, test } from 'vitest';
import { columnsOf } from './testdata/tree';
import { sumTokens } from './tokens';

test('tokens of an agent are those of its calls', () => {
  // An agent with two calls, a span without tokens over a third, and a call beside.
  const spans = columnsOf([-1, 0, 0, -1, 3, -1]);
  const codes = Uint32Array.of(1, 2, 3, 0, 2, 3);
  expect(sumTokens(spans, { codes, values: ['30', '10', '20'] })).toBe(60);
  expect(sumTokens(spans, { codes, values: ['x', '10', 'y'] })).toBe(20);
  expect(sumTokens(spans, undefined)).toBe(0);
});
