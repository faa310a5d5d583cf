import { describe, expect, it } from 'vitest';
import { isEstimate, isWeighted, occurs, partsOf, selectionQuery, tells, valueLabel, withCondition, type DifferingAttribute, type DifferingValue } from './differs';

const part = (share: number) => ({ count: share * 100, share });
const value = (text: string, a: number, b: number): DifferingValue => ({
  kind: 'value',
  value: { type: 'string', value: text },
  selection: part(a),
  baseline: part(b),
});
const range = (from: string | undefined, to: string | undefined): DifferingValue => ({
  kind: 'range',
  ...(from ? { from: { type: 'duration', value: from } } : {}),
  ...(to ? { to: { type: 'duration', value: to } } : {}),
  selection: part(0.5),
  baseline: part(0.5),
});

describe('withCondition', () => {
  it('joins what is a list of conditions', () => {
    expect(withCondition('{ }', 'span.a = 1')).toBe('{ span.a = 1 }');
    expect(withCondition('{ status = error && span.b = "x } y" }', 'span.a = "$&"')).toBe('{ status = error && span.b = "x } y" && span.a = "$&" }');
  });
  it('puts what is itself joined in parentheses', () => {
    expect(withCondition('{ status = error }', 'span.a != 1 || span.a = nil')).toBe('{ status = error && (span.a != 1 || span.a = nil) }');
  });
  it('comes behind what is more than conditions', () => {
    expect(withCondition('{ kind = server } >> { status = error } ', 'span.a = 1')).toBe('{ kind = server } >> { status = error } | { span.a = 1 }');
  });
});

it('asks for the selection among the spans that were compared', () => {
  expect(selectionQuery('{ }', '{ status = error }')).toBe('{ status = error }');
  expect(selectionQuery('{ kind = server }', '{ status = error && kind = server }')).toBe('{ kind = server && status = error }');
  expect(selectionQuery('{ kind = server } >> { }', '{ status = error }')).toBe('{ kind = server } >> { } | { status = error }');
  expect(selectionQuery('{ kind = server }', '{ a = 1 || b = 2 }')).toBe('{ a = 1 || b = 2 } | { kind = server }');
  expect(selectionQuery('{ kind = server }', '')).toBe('{ kind = server }');
});

it('names values, ranges and what has none', () => {
  expect(valueLabel(value('eu', 1, 0))).toBe('eu');
  expect(valueLabel(value('', 1, 0))).toBe('(empty)');
  expect(valueLabel(range('1000000', '2500000'))).toBe('1 ms to 2.5 ms');
  expect(valueLabel(range(undefined, '1000'))).toBe('below 1 µs');
  expect(valueLabel(range('1000', undefined))).toBe('1 µs or more');
  expect(valueLabel({ ...value('', 0, 0), kind: 'absent', value: undefined })).toBe('(not there)');
  expect(valueLabel({ ...value('', 0, 0), kind: 'others', value: undefined })).toBe('(other values)');
});

it('tells ranges from bars, and attributes that differ from others', () => {
  const values = [range('1', '2'), value('a', 0.2, 0.3), value('b', 0.7, 0.1)];
  const attribute = { name: 'span.x', score: 0.6, given: false, distinct: 3, more: false, values } as DifferingAttribute;
  expect(partsOf(attribute).ranges).toHaveLength(1);
  expect(partsOf(attribute).bars).toHaveLength(2);
  expect(tells(attribute)).toBe(true);
  expect(tells({ ...attribute, score: 0.004 })).toBe(false);
  expect(occurs(attribute)).toBe(true);
  expect(occurs({ ...attribute, values: [{ ...value('', 1, 1), kind: 'absent', value: undefined }] })).toBe(false);
});

it('tells spans that were not looked at from those that stand for more', () => {
  expect(isEstimate({ matched: 100, compared: 100, weight: 100 })).toBe(false);
  expect(isEstimate({ matched: 100, compared: 50, weight: 50 })).toBe(true);
  expect(isEstimate({ matched: 100, compared: 100, weight: 900 })).toBe(false);
  expect(isWeighted({ matched: 100, compared: 100, weight: 900 })).toBe(true);
  expect(isWeighted({ matched: 100, compared: 50, weight: 50 })).toBe(false);
});
