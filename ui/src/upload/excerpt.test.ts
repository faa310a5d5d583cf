import { expect, it } from 'vitest';
import { excerpt, placeIn } from './excerpt';

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

it('reads the place from a message', () => {
  expect(placeIn("line 1, column 20: this is no JSON: invalid character '}'")).toEqual({ line: 1, column: 20 });
  expect(placeIn('no span: line 1, column 2')).toBeUndefined();
});
