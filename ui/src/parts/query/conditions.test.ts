import { describe, expect, it } from 'vitest';
import { addCondition, formatConditions, readConditions, typedCondition, type Condition } from './conditions';
import { tokenize } from './tokens';

const conditions: Condition[] = [
  { field: 'resource.service.name', op: '=', kind: 'string', value: 'check "out"\n\\' },
  { field: 'name', op: '=~', kind: 'string', value: 'GET /.*' },
  { field: 'duration', op: '>=', kind: 'number', value: '1m30s' },
  { field: 'duration', op: '<', kind: 'number', value: '1.5s' },
  { field: 'status', op: '=', kind: 'word', value: 'error' },
  { field: 'span."my key".x', op: '!=', kind: 'word', value: 'nil' },
  { field: '.retry', op: '=', kind: 'word', value: 'true' },
  { field: 'span.http.status_code', op: '>', kind: 'number', value: '499' },
  { field: 'span.balance', op: '>', kind: 'number', value: '-5' },
  { field: 'span:childCount', op: '<=', kind: 'number', value: '2' },
  { field: 'parent.resource.region', op: '!~', kind: 'string', value: '‮eu<b>' },
];

describe('conditions', () => {
  it('are read back as they were written, in any number', () => {
    for (let n = 0; n <= conditions.length; n++) {
      const some = conditions.slice(0, n);
      expect(readConditions(formatConditions(some))).toEqual(some);
    }
    expect(readConditions('')).toEqual([]);
    expect(readConditions('{duration>1s&&name=`a`}')).toEqual([
      { field: 'duration', op: '>', kind: 'number', value: '1s' },
      { field: 'name', op: '=', kind: 'string', value: 'a' },
    ]);
  });

  it.each([
    'service=checkout',
    '{ a = 1 || b = 2 }',
    '{ name = "a" } | count() > 1',
    '{ name = "a" } >> { }',
    '{ !(status = ok) }',
    '{ duration > 1s && }',
    '{ duration }',
    '{ 1s < duration }',
    '{ duration / 2 > 1s }',
    '{ name = "a }',
    '{ name = "\\x41" }',
    '{',
  ])('%s is more than a list of them', (query) => expect(readConditions(query)).toBeUndefined());

  it('are added to any query', () => {
    const added: Condition = { field: 'span.a', op: '=', kind: 'string', value: 'x y' };
    expect(addCondition('', added)).toBe('{ span.a = "x y" }');
    expect(addCondition('{ status = error }', added)).toBe('{ status = error && span.a = "x y" }');
    expect(addCondition('{ span.a = "x y" }', added)).toBe('{ span.a = "x y" }');
    expect(addCondition('{ } >> { status = error }', added)).toBe('{ } >> { status = error } | { span.a = "x y" }');
    expect(addCondition('service=cart', added)).toBe('service=cart span.a="x y"');
  });

  it('take typed values', () => {
    expect(typedCondition('.n', '=', 'int', '9007199254740993')?.value).toBe('9007199254740993');
    expect(typedCondition('duration', '>', 'duration', '1500')).toMatchObject({ kind: 'number', value: '1500ns' });
    expect(typedCondition('.b', '=', 'bytes', 'AA==')).toBeUndefined();
  });
});

describe('tokenize', () => {
  it('loses nothing', () => {
    for (const text of ['{ span."a b".c >= 1.5e3 && name =~ `x` } | by(.x) // end', 'service=a "open', '{ "', '\u0000☃𝒳', '/* x']) {
      expect(tokenize(text).map((t) => t.text).join('')).toBe(text);
    }
  });

  it('tells the kinds apart', () => {
    const kinds = tokenize('{ span.a/b = "x" && duration>1h30m } | rate()').filter((t) => t.kind !== 'space');
    expect(kinds.map((t) => t.kind).join(' ')).toBe(
      'bracket attribute operator string operator word operator number bracket operator word bracket bracket',
    );
  });
});
