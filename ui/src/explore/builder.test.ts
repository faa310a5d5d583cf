import { describe, expect, it } from 'vitest';
import { formatConditions, readConditions, type Condition } from '../parts/query/conditions';
import { isDuration, readForm, readValueText, restIndexes, setField, showValueText } from './builder';

const query = '{ span.http.status_code >= 500 && resource.service.name = "check out" && duration > 1s && name = "GET /\\"x\\"" && status = error && duration < 1m30s && name = "b" }';
const conditions = readConditions(query)!;

describe('the builder', () => {
  it('reads a query', () => {
    expect(readForm(conditions)).toEqual({
      service: 'check out',
      operation: 'GET /"x"',
      status: 'error',
      longerThan: '1s',
      shorterThan: '1m30s',
      rest: [conditions[0], conditions[6]],
    });
    expect(restIndexes(conditions)).toEqual([0, 6]);
  });

  it('writes the same query when a field is set to what it is', () => {
    const form = readForm(conditions);
    for (const field of ['service', 'operation', 'status', 'longerThan', 'shorterThan'] as const) {
      expect(formatConditions(setField(conditions, field, form[field]))).toBe(query);
    }
  });

  it('reads back what it writes', () => {
    let written: Condition[] = [];
    written = setField(written, 'service', 'a "b"');
    written = setField(written, 'longerThan', '250ms');
    written = setField(written, 'status', 'error');
    expect(formatConditions(written)).toBe('{ resource.service.name = "a \\"b\\"" && duration >= 250ms && status = error }');
    expect(readConditions(formatConditions(written))).toEqual(written);
    expect(formatConditions(setField(written, 'service', ''))).toBe('{ duration >= 250ms && status = error }');
    expect(formatConditions(setField(written, 'longerThan', '2s'))).toBe('{ resource.service.name = "a \\"b\\"" && duration >= 2s && status = error }');
  });

  it('takes values as they are typed', () => {
    expect(readValueText('span.a', '500')).toEqual({ kind: 'number', value: '500' });
    expect(readValueText('span.a', '"500"')).toEqual({ kind: 'string', value: '500' });
    expect(readValueText('span.a', 'true')).toEqual({ kind: 'word', value: 'true' });
    expect(readValueText('span.a', 'error')).toEqual({ kind: 'string', value: 'error' });
    expect(readValueText('kind', 'client')).toEqual({ kind: 'word', value: 'client' });
    expect(readValueText('span.a', '1.5s')).toEqual({ kind: 'number', value: '1.5s' });
    for (const value of ['500', 'x', '', '"', '"q"', 'true', '-5', '1h30m']) {
      const condition: Condition = { field: 'span.a', op: '=', kind: 'string', value };
      expect(readValueText('span.a', showValueText(condition))).toEqual({ kind: 'string', value });
    }
  });

  it('knows a duration', () => {
    expect(['1s', '1.5ms', '1h30m', '250us'].every(isDuration)).toBe(true);
    expect(['', '1', 's', '1x', '1s x'].some(isDuration)).toBe(false);
  });
});
