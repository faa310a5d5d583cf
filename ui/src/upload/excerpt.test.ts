import { expect, it } from 'vitest';
import { excerpt } from './excerpt';

it('shows the place in its line', () => {
  expect(excerpt('{\n  "a": x,\n}', 2, 8)).toEqual({ before: '  "a": ', at: 'x', after: ',' });
  expect(excerpt('{"a"', 1, 5)).toEqual({ before: '{"a"', at: ' ', after: '' });
});

it('cuts long lines on both sides', () => {
  const found = excerpt('a'.repeat(100) + 'X' + 'b'.repeat(100), 1, 101, 5);
  expect(found).toEqual({ before: '…aaaaa', at: 'X', after: 'bbbb…' });
});

it('has no place beyond the text', () => {
  expect(excerpt('{}', 3, 1)).toBeUndefined();
  expect(excerpt('{}', 1, 99)).toBeUndefined();
});
