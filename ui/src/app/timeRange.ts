import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react';
import { flushSync } from 'react-dom';
import { useParams } from './url';

/** Milliseconds since 1970; end is left out. */
export interface TimeRange {
  start: number;
  end: number;
}

const defaultFrom = 'now-1h';

export const relativeRanges = [
  { from: 'now-5m', label: 'Last 5 minutes' },
  { from: 'now-15m', label: 'Last 15 minutes' },
  { from: 'now-30m', label: 'Last 30 minutes' },
  { from: 'now-1h', label: 'Last hour' },
  { from: 'now-3h', label: 'Last 3 hours' },
  { from: 'now-6h', label: 'Last 6 hours' },
  { from: 'now-12h', label: 'Last 12 hours' },
  { from: 'now-24h', label: 'Last 24 hours' },
  { from: 'now-2d', label: 'Last 2 days' },
  { from: 'now-7d', label: 'Last 7 days' },
  { from: 'now-14d', label: 'Last 14 days' },
] as const;

const unitMillis: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Reads "now", "now-15m", a time in ISO 8601 (with a space for the T, if need be)
 * or milliseconds since 1970. A time without a zone is of the one given.
 */
export function parseInstant(text: string, now: number, zone: 'local' | 'utc' = 'local'): number | undefined {
  const relative = /^now(?:-(\d{1,9})([smhdw]))?$/.exec(text);
  if (relative) return now - Number(relative[1] ?? 0) * (unitMillis[relative[2] ?? 's'] ?? 0);
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const hasZone = /(z|[+-]\d\d:?\d\d)$/i.test(text);
  const iso = text.trim().replace(/^(\S+)\s+/, '$1T');
  const at = Date.parse(!hasZone && zone === 'utc' ? `${iso.includes('T') ? iso : `${iso}T00:00`}Z` : iso);
  return Number.isNaN(at) ? undefined : at;
}

export function parseRange(from: string | undefined, to: string | undefined, now: number): TimeRange {
  const end = parseInstant(to ?? 'now', now) ?? now;
  const start = parseInstant(from ?? defaultFrom, now);
  return start !== undefined && start < end ? { start, end } : { start: end - 3_600_000, end };
}

const longest = 8.64e15; // what a Date can hold

/** The range that has the same middle and is so many times as long. */
export function zoomRange({ start, end }: TimeRange, factor: number): TimeRange {
  const middle = (start + end) / 2;
  const half = Math.max(((end - start) / 2) * factor, 0.5);
  return { start: Math.max(0, middle - half), end: Math.min(longest, middle + half) };
}

/** The range of the same length before (-1) or behind (1). */
export function shiftRange({ start, end }: TimeRange, by: -1 | 1): TimeRange {
  const length = Math.min(end - start, by < 0 ? start : longest - end);
  return { start: start + by * length, end: end + by * length };
}

/** The range as the server takes it: nanoseconds since 1970. */
export function rangeQuery(range: TimeRange): { start: string; end: string } {
  return { start: `${Math.round(range.start)}000000`, end: `${Math.round(range.end)}000000` };
}

/** What the ranges that end "now" are reckoned from: the same for all of a page. */
const clock = {
  now: Date.now(),
  listeners: new Set<() => void>(),
};

/** Looks at the clock again. */
export function refreshClock(): void {
  clock.now = Date.now();
  for (const listener of clock.listeners) listener();
}

function onClock(listener: () => void): () => void {
  clock.listeners.add(listener);
  return () => clock.listeners.delete(listener);
}

/** Asks for all that the page shows again, also if it is of a range that has ended, or failed. */
export function useRefresh(): () => void {
  const client = useQueryClient();
  return useCallback(() => {
    flushSync(refreshClock); // what the page shows is of the new range from here on
    void client.refetchQueries({ type: 'active' });
  }, [client]);
}

export interface UrlTimeRange {
  from: string;
  to: string;
  /** Stays as it is until the URL changes or the clock is looked at again. */
  range: TimeRange;
  set: (range: TimeRange) => void;
}

/** The time range of the page, from its parameters `from` and `to`. TimeRangePicker shows and changes it. */
export function useTimeRange(): UrlTimeRange {
  const [params, setParams] = useParams();
  const now = useSyncExternalStore(onClock, () => clock.now);
  const from = params.from ?? defaultFrom;
  const to = params.to ?? 'now';
  const range = useMemo(() => parseRange(from, to, now), [from, to, now]);
  const set = useCallback((r: TimeRange) => setParams({ from: isoTime(r.start), to: isoTime(r.end), refresh: undefined }), [setParams]);
  return useMemo(() => ({ from, to, range, set }), [from, to, range, set]);
}

const staleMillis = 20_000;

/** Refreshes the page every so many seconds, if at all, and looks at the clock when it is opened some time after the one before. */
export function useLiveClock(seconds: number): void {
  const refresh = useRefresh();
  useEffect(() => {
    if (Date.now() - clock.now > staleMillis) refreshClock();
  }, []);
  useEffect(() => {
    if (!(seconds >= 1)) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) refresh();
    }, seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds, refresh]);
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
