import { expect, test } from 'vitest';
import { exceptionTexts, filterEvents } from './events';
import { viewOf } from './testdata/tree';

const view = viewOf([{ parent: -1 }, { parent: 0, service: 'pay' }, { parent: 0, service: 'mail' }]);
view.strings.push('exception', 'sent');
const [thrown, sent] = [view.strings.indexOf('exception'), view.strings.indexOf('sent')];
view.events = { row: Uint32Array.of(1, 1, 2), at: Float64Array.of(1, 2, 3), name: Uint32Array.of(thrown, thrown, sent), exception: Uint8Array.of(1, 1, 0) };

const type = { codes: Uint32Array.of(0, 1, 0), values: ['CardError'] };
const message = { codes: Uint32Array.of(0, 1, 0), values: ['The card has expired'] };
const texts = exceptionTexts(view, type, message);

test('an exception has its type and message', () => {
  expect([...texts]).toEqual([[0, 'CardError: The card has expired']]);
  expect([...exceptionTexts(view, undefined, message)]).toEqual([[0, 'The card has expired']]);
  expect(exceptionTexts(view, undefined, undefined).size).toBe(0);
});

test.each([
  ['', [], [0, 1, 2]],
  ['carderror', [], [0]],
  ['card expired', [], [0]],
  ['exception -expired', [], [1]],
  ['postbox', [2], [2]],
  ['expired', [1], [0]],
  ['stripe', [1], [0, 1]],
  ['postbox -sent', [2], []],
])('the filter %j', (filter, found, events) => {
  expect([...filterEvents(view, filter, texts, new Set(found))]).toEqual(events);
});
