import { describe, expect, it } from 'vitest';
import { difference, growth } from './change';

const enough = { now: 100, before: 100 };

describe('growth', () => {
  it('is in percent, and in factors when it is large', () => {
    expect(growth(112, 100, enough, 'same').text).toBe('+12 %');
    expect(growth(50, 100, enough, 'same').text).toBe('−50 %');
    expect(growth(100.2, 100, enough, 'same').text).toBe('±0 %');
    expect(growth(310, 100, enough, 'same').text).toBe('×3.1');
    expect(growth(123_456, 1, enough, 'same').text).toBe('×120k');
  });
  it('calls longer durations worse, if they are clearly longer and there is enough to go by', () => {
    expect(growth(200, 100, enough, 'worse').mood).toBe('worse');
    expect(growth(50, 100, enough, 'worse').mood).toBe('better');
    expect(growth(105, 100, enough, 'worse').mood).toBe('same');
    expect(growth(200, 100, { now: 3, before: 100 }, 'worse').mood).toBe('same');
    expect(growth(200, 100, enough, 'same').mood).toBe('same');
  });
  it('tells what is new and what is gone, first and last in order', () => {
    expect(growth(5, 0, { now: 5, before: 0 }, 'same')).toMatchObject({ text: 'new', size: Infinity });
    expect(growth(0, 5, { now: 0, before: 5 }, 'same')).toMatchObject({ text: 'gone', size: -Infinity });
    expect(growth(0, 0, { now: 0, before: 0 }, 'same').text).toBe('');
  });
});

it('compares shares in points', () => {
  expect(difference(0.05, 0.02, enough)).toMatchObject({ text: '+3.0 pp', mood: 'worse' });
  expect(difference(0.02, 0.05, enough)).toMatchObject({ text: '−3.0 pp', mood: 'better' });
  expect(difference(0, 0, enough).text).toBe('');
  expect(difference(0.5, 0.5, enough).text).toBe('±0');
  expect(difference(0.5, 0, { now: 2, before: 100 }).mood).toBe('same');
});
