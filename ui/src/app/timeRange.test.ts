// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { parseInstant, parseRange, rangeQuery, shiftRange, zoomRange } from './timeRange';

const now = Date.UTC(2026, 0, 31, 12);

describe('parseInstant', () => {
  it('reads what is relative to now', () => {
    expect(parseInstant('now', now)).toBe(now);
    expect(parseInstant('now-90m', now)).toBe(now - 90 * 60_000);
    expect(parseInstant('now-2w', now)).toBe(now - 14 * 86_400_000);
    expect(parseInstant('now+1h', now)).toBeUndefined();
  });

  it('reads times, with and without a zone', () => {
    expect(parseInstant('1752242940000', now)).toBe(1752242940000);
    expect(parseInstant('2025-07-11T14:09:00Z', now)).toBe(1752242940000);
    expect(parseInstant('2025-07-11T16:09:00+02:00', now)).toBe(1752242940000);
    expect(parseInstant('2025-07-11 14:09', now, 'utc')).toBe(1752242940000);
    expect(parseInstant('2025-07-11', now, 'utc')).toBe(Date.UTC(2025, 6, 11));
    expect(parseInstant('tomorrow', now)).toBeUndefined();
    expect(parseInstant('', now)).toBeUndefined();
  });
});

it('makes a range of whatever the URL says', () => {
  expect(parseRange(undefined, undefined, now)).toEqual({ start: now - 3_600_000, end: now });
  expect(parseRange('now-5m', 'now-1m', now)).toEqual({ start: now - 300_000, end: now - 60_000 });
  expect(parseRange('now', 'now-1h', now)).toEqual({ start: now - 2 * 3_600_000, end: now - 3_600_000 });
  expect(parseRange('<b>', '?', now)).toEqual({ start: now - 3_600_000, end: now });
});

it('zooms and shifts within the times that there are', () => {
  expect(zoomRange({ start: 1000, end: 3000 }, 2)).toEqual({ start: 0, end: 4000 });
  expect(shiftRange({ start: 1000, end: 3000 }, 1)).toEqual({ start: 3000, end: 5000 });
  expect(shiftRange({ start: 1000, end: 3000 }, -1)).toEqual({ start: 0, end: 2000 });
});

it('asks in nanoseconds', () => {
  expect(rangeQuery({ start: 1, end: 1752242940000 })).toEqual({ start: '1000000', end: '1752242940000000000' });
});
