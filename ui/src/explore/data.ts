import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { answer, api, ApiError, watch, type Schemas } from '../api/client';
import { rangeQuery, type TimeRange } from '../app/timeRange';
import type { Suggestion, Suggestions } from '../parts/query/complete';
import { withColumns, type Request } from './request';

export type SearchResult = Schemas['SearchResult'];
export type SeriesResult = Schemas['SeriesResult'];
export type TraceSummary = Schemas['TraceSummary'];
export type FoundSpan = Schemas['FoundSpan'];

/** A query as the server understands it. */
export interface CheckedQuery {
  traceql: string;
  /** It makes time series instead of finding spans. */
  isSeries: boolean;
}

/** Looks at no data at all: only whether the text is a query. */
const nowhere = { start: '1', end: '2' };

/** Only a guess, for which of the two to ask first. */
const metricsCall = /\b(?:rate|compare|\w+_over_time)\s*\(/;

async function check(text: string, signal: AbortSignal): Promise<CheckedQuery> {
  const asSearch = async () => {
    const found = await answer(api.GET('/search', { params: { query: { q: text, limit: 1, ...nowhere } }, signal }));
    return { traceql: (found as SearchResult).query, isSeries: false };
  };
  const asSeries = async () => {
    const found = await answer(api.GET('/series', { params: { query: { q: text, instant: true, ...nowhere } }, signal }));
    return { traceql: (found as SeriesResult).query, isSeries: true };
  };
  const [first, second] = metricsCall.test(text) ? [asSeries, asSearch] : [asSearch, asSeries];
  try {
    return await first();
  } catch (e) {
    // A query of the other kind is refused as a whole, not for a place in it.
    if (!(e instanceof ApiError) || e.code !== 400 || e.line) throw e;
    return await second().catch(() => {
      throw e;
    });
  }
}

/** Whether the text is a query, and the last text that was one: a mistake does not empty the page. */
export function useCheckedQuery(text: string) {
  const checked = useQuery({
    queryKey: ['check', text],
    queryFn: ({ signal }) => check(text, signal),
    staleTime: Infinity,
    enabled: text.trim() !== '',
    ...(text.trim() === '' ? { initialData: { traceql: '{ }', isSeries: false } } : {}),
  });
  const [last, setLast] = useState(checked.data);
  if (checked.data && checked.data !== last) setLast(checked.data);
  return { checked, last: checked.data ?? last };
}

const pageSize = 50;
const slowestTraces = 200; // they have one page

/** The pages of results that were asked for so far. */
export function useResults(request: Request, traceql: string | undefined, range: TimeRange) {
  const client = useQueryClient();
  const [progress, setProgress] = useState<Schemas['Progress']>();
  const { mode, sort, columns } = request;
  const key = ['search', traceql, mode, sort, columns, range];
  const query = useInfiniteQuery({
    queryKey: key,
    enabled: traceql !== undefined,
    initialPageParam: '',
    getNextPageParam: (last: SearchResult) => last.next || undefined,
    placeholderData: keepPreviousData,
    queryFn: async ({ pageParam, signal }) => {
      const asked = {
        q: withColumns(traceql ?? '', columns),
        mode,
        sort,
        limit: sort === 'slowest' && mode === 'traces' ? slowestTraces : pageSize,
        after: pageParam || undefined,
        ...rangeQuery(range),
      };
      const showPartial = (partial: SearchResult) => client.setQueryData(key, { pages: [partial], pageParams: [''] });
      try {
        return await watch('/search', asked, { signal, onProgress: setProgress, ...(pageParam ? {} : { onPartial: showPartial }) });
      } finally {
        setProgress(undefined);
      }
    },
  });
  const cancel = useCallback(() => {
    for (const kind of ['check', 'search', 'series']) void client.cancelQueries({ queryKey: [kind] });
  }, [client]);
  return { query, progress, cancel };
}

/** A metrics query over a range; what is known so far is shown while it runs. */
export function useSeries(q: string | undefined, range: TimeRange, stepMillis: number) {
  const client = useQueryClient();
  const key = ['series', q, range, stepMillis];
  return useQuery({
    queryKey: key,
    enabled: q !== undefined,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      watch(
        '/series',
        { q: q ?? '', step: `${stepMillis}ms`, exemplars: 0, ...rangeQuery(range) },
        { signal, onPartial: (partial) => client.setQueryData(key, partial) },
      ),
  });
}

/** The newest span that matches, whenever it was; to tell where to look. */
export function useNewestMatch(traceql: string | undefined, enabled: boolean) {
  return useQuery({
    queryKey: ['newest', traceql],
    enabled: enabled && traceql !== undefined,
    queryFn: async ({ signal }) => {
      const found = await answer(api.GET('/search', { params: { query: { q: traceql ?? '', limit: 1 } }, signal }));
      return (found as SearchResult).traces?.[0] ?? null;
    },
  });
}

const suggestedFields = 1000;
const suggestedValues = 100;

/** Names and values of the time range, for completion. */
export function useSuggestions(range: TimeRange): Suggestions {
  const client = useQueryClient();
  return useMemo(() => {
    const time = rangeQuery(range);
    return {
      fields: () =>
        client.fetchQuery({
          queryKey: ['tags', time],
          queryFn: async ({ signal }): Promise<Suggestion[]> => {
            const { tags } = await answer(api.GET('/tags', { params: { query: { limit: suggestedFields, ...time } }, signal }));
            return tags.map((t) => ({ text: t.traceql, type: t.types.join(' or '), count: t.count }));
          },
        }),
      values: (field, query) =>
        client.fetchQuery({
          queryKey: ['values', field, query, time],
          queryFn: async ({ signal }): Promise<Suggestion[]> => {
            const params = { path: { tag: field }, query: { q: query, limit: suggestedValues, ...time } };
            const { values } = await answer(api.GET('/tags/{tag}/values', { params, signal }));
            return values.map((v) => ({ text: valueText(v), type: v.type, count: v.count }));
          },
        }),
    };
  }, [client, range]);
}

/** A typed value in one line. */
export function valueText(value: { value?: unknown }): string {
  return typeof value.value === 'object' ? JSON.stringify(value.value) : String(value.value ?? 'nil');
}
