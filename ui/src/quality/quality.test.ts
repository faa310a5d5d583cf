import { describe, expect, it } from 'vitest';
import { categoryMood, formatScore, parseQualityOrder, qualityRows, type ServiceQuality } from './quality';

const service = (name: string, score: number, count = 1): ServiceQuality => ({ name, score, category: 'Good', seen: count, count, spanNames: 1, findings: [] });

describe('quality', () => {
  it('never rounds a score up', () => {
    expect([100, 99.99, 89.96, 75, 0].map(formatScore)).toEqual(['100', '99.9', '89.9', '75', '0']);
  });

  it('orders services, the lowest score first where nobody says', () => {
    const list = [service('b', 50), service('a', 90, 7), service('c', 50)];
    const names = (sort: string | undefined, find = '') => qualityRows(list, parseQualityOrder(sort), find).map((s) => s.name);
    expect(names(undefined)).toEqual(['b', 'c', 'a']);
    expect(names('-score')).toEqual(['a', 'b', 'c']);
    expect(names('name')).toEqual(['a', 'b', 'c']);
    expect(names('-spans')).toEqual(['a', 'b', 'c']);
    expect(names('toString')).toEqual(['b', 'c', 'a']);
    expect(names(undefined, ' C')).toEqual(['c']);
  });

  it('has a mood for each category', () => {
    expect([undefined, 'Excellent', 'Good', 'Needs Improvement', 'Poor'].map((c) => categoryMood(c as ServiceQuality['category']))).toEqual(['plain', 'good', 'good', 'fair', 'bad']);
  });
});
