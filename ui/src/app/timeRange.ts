import { useCallback, useEffect, useMemo, useState } from 'react';
import { useParams } from './url';

/** Milliseconds since 1970; end is left out. */
export interface TimeRange {
  start: number;
  end: number;
}

export const defaultFrom = 'now-1h';

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

/** Reads "now", "now-15m", a time in ISO 8601 or milliseconds since 1970. */
export function parseInstant(text: string, now: number): number | undefined {
  const relative = /^now(?:-(\d{1,9})([smhdw]))?$/.exec(text);
  if (relative) return now - Number(relative[1] ?? 0) * (unitMillis[relative[2] ?? 's'] ?? 0);
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

export function parseRange(from: string | undefined, to: string | undefined, now: number): TimeRange {
  const end = parseInstant(to ?? 'now', now) ?? now;
  const start = parseInstant(from ?? defaultFrom, now);
  return start !== undefined && start < end ? { start, end } : { start: end - 3_600_000, end };
}

/** The range as the server takes it: nanoseconds since 1970. */
export function rangeQuery(range: TimeRange): { start: string; end: string } {
  return { start: `${Math.round(range.start)}000000`, end: `${Math.round(range.end)}000000` };
}

export interface UrlTimeRange {
  from: string;
  to: string;
  /** Stays as it is until the URL changes or refresh is called. */
  range: TimeRange;
  /** Looks at the clock again. */
  refresh: () => void;
  set: (range: TimeRange) => void;
}

/**
 * The time range of the page, from its parameters `from` and `to`. If `refresh`
 * says a number of seconds, the clock is looked at so often.
 */
export function useTimeRange(): UrlTimeRange {
  const [params, setParams] = useParams();
  const [now, setNow] = useState(() => Date.now());
  const from = params.from ?? defaultFrom;
  const to = params.to ?? 'now';
  const refresh = useCallback(() => setNow(Date.now()), []);
  const seconds = Number(params.refresh);

  useEffect(() => {
    if (!(seconds >= 1)) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) refresh();
    }, seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds, refresh]);

  const range = useMemo(() => parseRange(from, to, now), [from, to, now]);
  const set = useCallback(
    (r: TimeRange) => setParams({ from: isoTime(r.start), to: isoTime(r.end), refresh: undefined }),
    [setParams],
  );
  return useMemo(() => ({ from, to, range, refresh, set }), [from, to, range, refresh, set]);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
