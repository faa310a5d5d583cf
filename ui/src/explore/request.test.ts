import { expect, it } from 'vitest';
import { durationLiteral, narrowed, readColumns, readRequest, selection, stepOf, withColumns } from './request';

it('reads what the URL says, and nothing else', () => {
  expect(readRequest({})).toEqual({ text: '', mode: 'traces', sort: 'newest', columns: [] });
  expect(readRequest({ q: 'a', mode: 'spans', sort: 'slowest', cols: 'span.a,."b,c" ,span.a' })).toEqual({
    text: 'a',
    mode: 'spans',
    sort: 'slowest',
    columns: ['span.a', '."b,c"'],
  });
  expect(readRequest({ mode: 'x', sort: 'y' })).toMatchObject({ mode: 'traces', sort: 'newest' });
  expect(readColumns(' , ')).toEqual([]);
});

it('asks for the values of columns', () => {
  expect(withColumns('{ }', [])).toBe('{ }');
  expect(withColumns('{ }', ['span.a', '.b'])).toBe('{ } | select(span.a, .b)');
});

it('divides a range into whole milliseconds', () => {
  expect(stepOf({ start: 0, end: 3_600_000 }, 120)).toBe(30_000);
  expect(stepOf({ start: 0, end: 5 }, 120)).toBe(1);
});

it('writes durations exactly', () => {
  expect([1, 976_562, 62_500_000, 31_250_000, 2e9, 0.25e9].map(durationLiteral)).toEqual(['1ns', '976.562us', '62.5ms', '31.25ms', '2s', '250ms']);
});

it('narrows a query to a box', () => {
  const box = { range: { start: 1000, end: 2000 }, longerThan: 125e6, atMost: 1e9 };
  expect(narrowed('{ status = error }', box)).toBe('{ status = error && duration > 125ms && duration <= 1s }');
  expect(narrowed('', { range: box.range, longerThan: 1e9 })).toBe('{ duration > 1s }');
  expect(selection('{ } >> { }', { range: box.range })).toBe(
    '{ } >> { } | { span:start >= 1000000000 && span:start < 2000000000 }',
  );
});
