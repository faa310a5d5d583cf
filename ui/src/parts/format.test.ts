import { describe, expect, it } from 'vitest';
import { formatBytes, formatClock, formatCount, formatDuration, formatPercent, formatPlural, formatRate, formatTime } from './format';

describe('formatDuration', () => {
  it.each([
    [0, '0'],
    [1, '1 ns'],
    [999, '999 ns'],
    [1234, '1.23 µs'],
    [999_499, '999 µs'],
    [999_600, '1 ms'],
    [12_345_678, '12.3 ms'],
    [1_000_000_000, '1 s'],
    [59_940_000_000, '59.9 s'],
    [59_960_000_000, '1m'],
    [125_000_000_000, '2m 5s'],
    [3_599_600_000_000, '1h'],
    [11_520_000_000_000, '3h 12m'],
    [26 * 3600e9, '1d 2h'],
    [-1500, '−1.5 µs'],
  ])('%d', (nanos, text) => expect(formatDuration(nanos)).toBe(text));
});

it('writes counts, shares, rates and sizes with three digits', () => {
  expect([0, 7, 999, 1000, 12_345, 999_900, 5e9].map(formatCount)).toEqual(['0', '7', '999', '1k', '12.3k', '1M', '5G']);
  expect([0, 0.0001, 0.1234, 1].map(formatPercent)).toEqual(['0 %', '< 0.1 %', '12.3 %', '100 %']);
  expect([0, 1500, 0.5, 0.01, 0.0005].map(formatRate)).toEqual(['0/s', '1.5k/s', '0.5/s', '0.6/min', '1.8/h']);
  expect([512, 1536, 20 << 20].map(formatBytes)).toEqual(['512 B', '1.5 KiB', '20 MiB']);
  expect([formatPlural(1, 'span'), formatPlural(2000, 'span')]).toEqual(['1 span', '2,000 spans']);
});

it('writes times in the zone that is asked for', () => {
  const at = Date.UTC(2025, 6, 11, 14, 3, 27, 45);
  expect(formatTime(at, 'utc')).toBe('11 Jul 2025, 14:03:27.045 UTC');
  expect(formatClock(at, 'utc')).toBe('14:03:27');
  expect(formatTime(1e300, 'utc')).toContain('–');
});
