import { expect, test } from 'vitest';
import { attributeQuery, exploreAround, operationQuery } from './filter';

test('spans with a value, and without', () => {
  expect(attributeQuery({ traceql: 'span.http.method', type: 'string', value: 'a "b"\n' }, true)).toBe('{ span.http.method = "a \\"b\\"\\n" }');
  expect(attributeQuery({ traceql: 'span."a b"', type: 'int', value: '9223372036854775807' }, false)).toBe('{ span."a b" != 9223372036854775807 }');
  expect(attributeQuery({ traceql: 'span.x', type: 'map', value: {} }, true)).toBeNull();
  expect(attributeQuery({ traceql: 'span.x', type: 'string', value: 'x'.repeat(5000) }, true)).toBeNull();
});

test('all spans of an operation', () => {
  expect(operationQuery('shop', 'GET "/"')).toBe('{ resource.service.name = "shop" && name = "GET \\"/\\"" }');
});

test('around the time of the trace', () => {
  expect(exploreAround(1_700_000_000_000_000_000n, 5e9, '{}')).toEqual({ q: '{}', from: '2023-11-14T21:13:20.000Z', to: '2023-11-14T23:13:25.000Z' });
});
