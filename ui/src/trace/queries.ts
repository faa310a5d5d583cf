/** What the page asks the server about a trace that is open. */

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { answer, api, ApiError, type Schemas } from '../api/client';
import { decodeColumn } from '../api/columns';
import type { Column } from './colour';
import type { LogList } from './logs';
import type { Found } from './model';
import { uploaded, type TraceView } from './view';

export type SpanDetails = Schemas['SpanDetails'];
export type SpanAttribute = Schemas['SpanAttribute'];
export type SpanEvent = Schemas['SpanEvent'];

/** Details of the views that were opened last stay at hand. */
const kept = { staleTime: Infinity, gcTime: 60_000 };

function pathOf(view: TraceView) {
  return { traceId: view.traceId };
}

export function useSpan(view: TraceView, row: number) {
  return useQuery({
    ...kept,
    queryKey: ['trace', view.view, 'span', row],
    queryFn: ({ signal }) =>
      answer(api.GET('/traces/{traceId}/spans/{span}', { params: { path: { ...pathOf(view), span: String(row) }, query: { view: view.view } }, signal })),
    enabled: row >= 0,
  });
}

/** Most log records that a page holds. */
const mostLogs = 5000;

/** The log records of a trace, which may be there without its spans. */
export function useLogs(traceId: string, view?: string) {
  return useQuery({
    ...kept,
    queryKey: ['trace', traceId, 'logs', view ?? ''],
    // The other form of the answer is not asked for.
    queryFn: async ({ signal }) => (await answer(api.GET('/traces/{traceId}/logs', { params: { path: { traceId }, query: { view, limit: mostLogs } }, signal }))) as LogList,
    retry: false,
  });
}

export function useFind(view: TraceView, q: string) {
  return useQuery({
    ...kept,
    queryKey: ['trace', view.view, 'find', q],
    queryFn: async ({ signal }): Promise<Found> => {
      const found = await answer(api.GET('/traces/{traceId}/find', { params: { path: pathOf(view), query: { q, view: view.view } }, signal }));
      return { query: q, rows: decodeColumn('u32', found.rows) };
    },
    enabled: q !== '',
    structuralSharing: false,
    retry: false,
  });
}

/** The values of an attribute on all rows; none for what the view itself has. */
export function useColumn(view: TraceView, name: string) {
  return useQuery({
    ...kept,
    queryKey: ['trace', view.view, 'column', name],
    queryFn: async ({ signal }): Promise<Column> => {
      const column = await answer(api.GET('/traces/{traceId}/column', { params: { path: pathOf(view), query: { name, view: view.view } }, signal }));
      return { codes: decodeColumn('u32', column.codes), values: column.values.map(({ value }) => plainText(value)) };
    },
    enabled: !['service', 'status', 'kind'].includes(name),
    structuralSharing: false,
    retry: false,
  });
}

export function useStatistics(view: TraceView, by: string[]) {
  return useQuery({
    ...kept,
    queryKey: ['trace', view.view, 'statistics', ...by],
    queryFn: ({ signal }) => answer(api.GET('/traces/{traceId}/statistics', { params: { path: pathOf(view), query: { by, view: view.view } }, signal })),
    placeholderData: keepPreviousData,
    retry: false,
  });
}

const hour = 3_600_000_000_000n;

/** Where the duration of a span lies among those of its operation, an hour around the trace. */
export function usePercentile(view: TraceView, span: SpanDetails | undefined) {
  return useQuery({
    ...kept,
    queryKey: ['percentile', span?.service, span?.name, span?.kind, span?.durationNanos, view.traceId],
    queryFn: ({ signal }) =>
      answer(
        api.GET('/percentile', {
          params: {
            query: {
              service: span!.service,
              name: span!.name,
              kind: span!.kind as 'server',
              durationNanos: span!.durationNanos,
              start: String(view.startUnixNano > hour ? view.startUnixNano - hour : 0n),
              end: String(view.startUnixNano + BigInt(Math.round(view.duration)) + hour),
            },
          },
          signal,
        }),
      ),
    enabled: span !== undefined,
  });
}

/** The trace as JSON, cut at `most` characters. */
export function useJson(view: TraceView, most: number) {
  return useQuery({
    ...kept,
    queryKey: ['trace', view.view, 'json'],
    queryFn: async ({ signal }) => {
      const { data, response } = await api.GET('/traces/{traceId}', { params: { path: pathOf(view), query: { view: uploaded(view) ? view.view : undefined } }, parseAs: 'text', signal });
      if (typeof data !== 'string') throw new ApiError('the answer is no text', response.status);
      const text = data.length > most ? data : JSON.stringify(JSON.parse(data), null, 2);
      return text.slice(0, most).split('\n');
    },
    structuralSharing: false,
  });
}

/** A value as one line of text. */
export function plainText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
