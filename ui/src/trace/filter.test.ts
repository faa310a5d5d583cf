import { expect, test } from 'vitest';
import { condition, exploreAround, literal, operationQuery } from './filter';

test('values as TraceQL writes them', () => {
  expect(literal({ type: 'string', value: 'a "b"\n' })).toBe('"a \\"b\\"\\n"');
  expect(literal({ type: 'int', value: '9223372036854775807' })).toBe('9223372036854775807');
  expect(literal({ type: 'float', value: 2 })).toBe('2.0');
  expect(literal({ type: 'float', value: 'Infinity' })).toBeNull();
  expect(literal({ type: 'bool', value: false })).toBe('false');
  expect(literal({ type: 'map', value: {} })).toBeNull();
  expect(literal({ type: 'string', value: 'x'.repeat(5000) })).toBeNull();
});

test('conditions', () => {
  expect(condition('span.http.method', { type: 'string', value: 'GET' }, true)).toBe('{ span.http.method = "GET" }');
  expect(condition('span."a b"', { type: 'int', value: '4' }, false)).toBe('{ span."a b" != 4 }');
  expect(operationQuery('shop', 'GET "/"')).toBe('{ resource.service.name = "shop" && name = "GET \\"/\\"" }');
});

test('around the time of the trace', () => {
  expect(exploreAround(1_700_000_000_000_000_000n, 5e9, '{}')).toEqual({ q: '{}', from: '2023-11-14T21:13:20.000Z', to: '2023-11-14T23:13:25.000Z' });
});
