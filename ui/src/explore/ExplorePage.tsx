import './explore.css';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { ApiError } from '../api/client';
import { TimeRangePicker } from '../app/TimeRangePicker';
import { isoTime, useRefresh, useTimeRange } from '../app/timeRange';
import { useParams } from '../app/url';
import { Button } from '../parts/Button';
import { Empty, ErrorMessage, Gaps, Loading } from '../parts/Message';
import { formatConditions, readConditions } from '../parts/query/conditions';
import { Begin } from './Begin';
import { Builder } from './Builder';
import { useCheckedQuery, useResults, useSuggestions } from './data';
import { NothingFound } from './NothingFound';
import { QueryBar } from './QueryBar';
import { narrowed, readRequest, selection, type Box } from './request';
import { SpanResults, TraceResults } from './Results';
import { ResultsBar } from './ResultsBar';
import { QueriedSeries, Signals } from './Signals';

/** From "it is slow" to the traces that are: a query, what it finds, and how that behaves over time. */
export default function ExplorePage() {
  const [params, setParams] = useParams();
  const { range, set: setRange } = useTimeRange();
  const request = useMemo(() => readRequest(params), [params]);
  const { checked, last } = useCheckedQuery(request.text);
  const suggestions = useSuggestions(range);
  const traceql = last?.traceql;
  const isSeries = last?.isSeries ?? false;
  const results = useResults(request, isSeries ? undefined : traceql, range);
  const { isFetching, isFetchingNextPage } = results.query;

  useEffect(() => {
    document.title = request.text ? `${request.text.slice(0, 80)} – Clew` : 'Clew';
  }, [request.text]);

  const refresh = useRefresh();
  const run = (q: string) => (q === request.text ? refresh() : setParams({ q }));
  const refused = checked.error instanceof ApiError && checked.error.isRefusal ? checked.error : undefined;
  const failed = refused ? null : checked.isPending && checked.fetchStatus === 'idle' ? 'cancelled' : checked.error;
  const builderShown = params.builder === '1';
  return (
    <div className="page explore">
      <h1 className="visually-hidden">Explore</h1>
      <section className="ask" aria-label="Query">
        <QueryBar
          text={request.text}
          isQuery={checked.isSuccess}
          error={refused}
          running={checked.isFetching || (isFetching && !isFetchingNextPage)}
          progress={results.progress}
          suggestions={suggestions}
          onRun={run}
          onCancel={results.cancel}
        />
        <div className="ask-tools">
          <Button variant="quiet" icon="filter" aria-pressed={builderShown} onClick={() => setParams({ builder: builderShown ? undefined : '1' }, { replace: true })}>
            Builder
          </Button>
          <TimeRangePicker />
        </div>
        {builderShown && checked.data && <Builder conditions={readConditions(checked.data.traceql)} suggestions={suggestions} onChange={(c) => run(formatConditions(c))} />}
      </section>
      {failed && <ErrorMessage what="The query could not be looked at" error={failed} onRetry={() => void checked.refetch()} />}
      {refused && traceql !== undefined && (
        <p className="muted ellipsis">
          Below is still what was found by <code className="untrusted">{traceql}</code>
        </p>
      )}
      {refused && traceql === undefined && (
        <Empty title="This is no query yet">
          <p>Correct it above, or begin with all that there is: while you write, names and values that are stored are suggested.</p>
          <div>
            <Button onClick={() => run('')}>Show all traces</Button>
          </div>
        </Empty>
      )}
      {traceql !== undefined && isSeries && <QueriedSeries traceql={traceql} range={range} onRange={setRange} />}
      {traceql !== undefined && !isSeries && <Found request={request} traceql={traceql} results={results} />}
      {traceql === undefined && checked.isFetching && <Loading what="Reading the query" />}
    </div>
  );
}

interface FoundProps {
  request: ReturnType<typeof readRequest>;
  traceql: string;
  results: ReturnType<typeof useResults>;
}

/** What a query finds: its signals over time, and the list. */
function Found({ request, traceql, results: { query } }: FoundProps) {
  const navigate = useNavigate();
  const [params, setParams] = useParams();
  const { range, from, to, set: setRange } = useTimeRange();
  const [picked, setPicked] = useState<readonly string[]>([]);
  const pages = query.data?.pages;
  const traces = useMemo(() => pages?.flatMap((p) => p.traces ?? []) ?? [], [pages]);
  const spans = useMemo(() => pages?.flatMap((p) => p.spans ?? []) ?? [], [pages]);
  const count = request.mode === 'spans' ? spans.length : traces.length;
  const more = useCallback(() => void query.fetchNextPage(), [query.fetchNextPage]);

  const narrow = (box: Box) => {
    setParams({ q: narrowed(traceql, box), from: isoTime(box.range.start), to: isoTime(box.range.end), refresh: undefined });
  };
  const differs = (box: Box) => {
    void navigate({ to: '/differs', search: { a: selection(traceql, box), b: traceql, from, to: params.to && to } });
  };
  // The two that were picked last.
  const pick = (id: string) => setPicked((before) => (before.includes(id) ? before.filter((p) => p !== id) : [...before, id].slice(-2)));

  if (query.isSuccess && count === 0 && !query.isFetching) return <NothingFound traceql={traceql} begin={<Begin />} onGo={setRange} />;
  const list = { attributes: request.columns, hasMore: query.hasNextPage && !query.isFetchNextPageError, loadingMore: query.isFetchingNextPage, onMore: more };
  return (
    <>
      <Signals traceql={traceql} range={range} onRange={setRange} onNarrow={narrow} onDiffers={differs} />
      <ResultsBar request={request} count={count} hasMore={query.hasNextPage} picked={picked} onChange={setParams} />
      <Gaps gaps={[...new Set(pages?.flatMap((p) => p.gaps ?? []))]} />
      {query.isError && <ErrorMessage what="The search failed" error={query.error} onRetry={() => void (query.isFetchNextPageError ? query.fetchNextPage() : query.refetch())} />}
      {query.isPending && query.fetchStatus === 'idle' && <ErrorMessage what="The search was cancelled" error="nothing was found before" onRetry={() => void query.refetch()} />}
      {query.isPending && query.fetchStatus === 'fetching' && <Loading what="Searching" />}
      {request.mode === 'spans' && spans.length > 0 && <SpanResults {...list} rows={spans} />}
      {request.mode === 'traces' && traces.length > 0 && <TraceResults {...list} rows={traces} picked={picked} onPick={pick} />}
    </>
  );
}
