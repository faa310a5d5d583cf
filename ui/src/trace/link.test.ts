import { expect, test } from 'vitest';
import { readLink } from './link';

test('an address without parameters is the time line as it usually is', () => {
  expect(readLink({})).toEqual({ tab: 'timeline', colour: 'service', skew: false, path: true });
});

test('takes what it knows and leaves the rest', () => {
  expect(
    readLink({ tab: 'flame', span: '00F067aa0ba902b7~2', range: '5~9', find: 'cart', skew: '1', path: '0', panel: 'closed', evil: '<b>', colour: 'span.x' }),
  ).toEqual({ tab: 'flame', span: '00f067aa0ba902b7~2', range: '5~9', find: 'cart', skew: true, path: false, panel: 'closed', colour: 'span.x' });
  expect(readLink({ tab: 'x', panel: 'x', span: 'x', skew: 'yes' })).toEqual(readLink({}));
});
