// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { formatParams, parseParams } from './url';

it('keeps parameters as text, whatever they look like', () => {
  const params = { q: '{ span.a = "b&c=d" } | rate()', n: '1', empty: '', none: undefined, json: '{"a":1}', plus: 'a+b c', odd: '‮<b>' };
  const { empty: _empty, none: _none, ...rest } = params;
  expect(parseParams(formatParams(params))).toEqual(rest);
  expect(formatParams({})).toBe('');
});
