import './trace.css';
import './panel.css';
import './views.css';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams as useRouteParams } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { ApiError } from '../api/client';
import { useParams, type Params, type SetParams } from '../app/url';
import { IconButton } from '../parts/Button';
import { Icon } from '../parts/Icon';
import { Empty, ErrorMessage, Gaps, Loading } from '../parts/Message';
import { giveColours } from '../parts/serviceColour';
import { Tabs } from '../parts/Tabs';
import { CallGraph } from './CallGraph';
import { EventList } from './EventList';
import { FlameGraph } from './FlameGraph';
import { readLink, tabs, type Tab, type TraceLink } from './link';
import { loadView } from './load';
import { LogLines } from './LogLines';
import { PlacedLogs } from './logs';
import { Minimap } from './Minimap';
import { TraceModel } from './model';
import { Overview } from './Overview';
import { useColumn, useFind, useLogs } from './queries';
import { RawJson } from './RawJson';
import { SpanPanel } from './SpanPanel';
import { SpanTable } from './SpanTable';
import { Statistics } from './Statistics';
import { Toolbar } from './Toolbar';
import { TraceHeader } from './TraceHeader';
import { useTraceKeys } from './useTraceKeys';
import { applyLink, useLink } from './useLink';
import { useModel } from './useModel';
import { nameOf, rowOfId, serviceOf, type TraceView } from './view';
import { Waterfall, type WaterfallHandle } from './Waterfall';

/** One trace: why it took so long, or failed. */
export default function TracePage() {
  const { traceId = '' } = useRouteParams({ strict: false });
  const [params, setParams] = useParams();
  const token = readLink(params).view;
  const { data, error, refetch } = useQuery({
    queryKey: ['trace', traceId, token ?? ''],
    queryFn: ({ signal }) => loadView(traceId, token, signal),
    // Typed arrays are not to be compared member by member, nor kept when nobody looks at them.
    structuralSharing: false,
    gcTime: 5_000,
    staleTime: Infinity,
  });
  if (data) return <OpenTrace key={data.view} view={data} params={params} setParams={setParams} onRefresh={token ? undefined : () => void refetch()} />;
  return (
    <div className="page">
      {!error ? <Loading what="Opening the trace" /> : <NotOpened traceId={traceId} token={token} error={error} onRetry={() => void refetch()} onNewest={() => setParams({ view: undefined })} />}
    </div>
  );
}

function NotOpened({ traceId, token, error, onRetry, onNewest }: { traceId: string; token: string | undefined; error: Error; onRetry: () => void; onNewest: () => void }) {
  const code = error instanceof ApiError ? error.code : 0;
  if (code === 404) return <NoSpans traceId={traceId} error={error} />;
  const lost = token?.startsWith('upload-');
  return (
    <>
      <ErrorMessage what="The trace could not be opened" error={error} onRetry={token && !lost ? onNewest : onRetry} />
      {lost && (
        <p>
          <Link to="/upload">Open the file again</Link>
        </p>
      )}
    </>
  );
}

/** A trace that is not there; its logs may be. */
function NoSpans({ traceId, error }: { traceId: string; error: Error }) {
  const { data: logs } = useLogs(traceId);
  const [filter, setFilter] = useState('');
  return (
    <>
      <Empty title={logs ? 'There are log records of this trace, and no spans' : 'There is no such trace'}>
        <p className="untrusted">
          <code>{traceId}</code>: {logs?.note ?? error.message}
        </p>
        <p>
          <Link to="/">Look for traces in Explore</Link>.
        </p>
      </Empty>
      {logs && (
        <div className="lone-logs">
          <LogLines list={logs} filter={filter} onFilter={setFilter} />
        </div>
      )}
    </>
  );
}

const tabLabels: Record<Tab, string> = {
  timeline: 'Time line',
  flame: 'Flame graph',
  table: 'Spans',
  statistics: 'Statistics',
  graph: 'Graph',
  events: 'Events',
  logs: 'Logs',
  json: 'JSON',
};

interface OpenProps {
  view: TraceView;
  params: Params;
  setParams: SetParams;
  /** There is none for a view that is not to change. */
  onRefresh: (() => void) | undefined;
}

function OpenTrace({ view, params, setParams, onRefresh }: OpenProps) {
  const [model] = useState(() => {
    giveColours(view.services.map((service) => service.name));
    const made = new TraceModel(view);
    applyLink(made, params);
    return made;
  });
  useLink(model, params, setParams);
  const link = readLink(params);
  const waterfall = useRef<WaterfallHandle>(null);
  const findInput = useRef<HTMLInputElement>(null);
  const find = useFound(model, link);
  useColour(model, link.colour);
  useTitle(view);
  const wide = useWide();
  const side = useSide(model, link, wide);

  const open = useCallback(
    (row: number) => {
      model.select(row);
      if (params.panel !== undefined) setParams({ panel: undefined }, { replace: true });
    },
    [model, params.panel, setParams],
  );
  const setTab = (tab: string) => setParams({ tab: tab === 'timeline' ? undefined : tab, by: undefined, sort: undefined, filter: undefined });
  const replace = useCallback((change: Params) => setParams(change, { replace: true }), [setParams]);
  const setFind = useCallback((text: string) => replace({ find: text || undefined }), [replace]);
  useTraceKeys({ model, tab: link.tab, waterfall, findInput, onTab: setTab, onFind: setFind, onPanel: (panel) => replace({ panel }) });

  const logs = usePlacedLogs(model);
  const counts: Partial<Record<Tab, number>> = { events: view.events.row.length, logs: logs?.list.total ?? 0 };
  const labels = tabs
    .filter((tab) => counts[tab] !== 0 || link.tab === tab)
    .map((tab) => ({ value: tab, label: counts[tab] === undefined ? tabLabels[tab] : `${tabLabels[tab]} ${counts[tab].toLocaleString('en')}` }));
  return (
    <div className="trace-page">
      <TraceHeader model={model} onRefresh={onRefresh} />
      {(side === 'closed' || !wide) && <ErrorLine model={model} onOpen={open} />}
      <Gaps gaps={view.gaps} />
      <div className="trace-body">
        <Tabs label="Views of the trace" tabs={labels} value={link.tab} onChange={setTab}>
          <TabContent model={model} link={link} replace={replace} onOpen={open}>
            <Toolbar
              model={model}
              find={link.find ?? ''}
              onFind={setFind}
              finding={find.isFetching}
              findError={find.error?.message ?? ''}
              findRef={findInput}
              colour={link.colour}
              onColour={(colour) => replace({ colour: colour === 'service' ? undefined : colour })}
            />
            <Minimap model={model} />
            <Waterfall model={model} onOpen={open} ref={waterfall} />
          </TabContent>
        </Tabs>
        <SidePanel model={model} shown={side} replace={replace} onOpen={open} />
      </div>
    </div>
  );
}

interface ContentProps {
  model: TraceModel;
  link: TraceLink;
  replace: (change: Params) => void;
  onOpen: (row: number) => void;
}

function TabContent({ model, link, replace, onOpen, children }: ContentProps & { children: ReactNode }) {
  switch (link.tab) {
    case 'timeline':
      return children;
    case 'flame':
      return <FlameGraph model={model} onOpen={onOpen} />;
    case 'table':
      return (
        <SpanTable
          model={model}
          sort={link.sort}
          filter={link.filter ?? ''}
          onSort={(sort) => replace({ sort: sort === 'start' ? undefined : sort })}
          onFilter={(filter) => replace({ filter: filter || undefined })}
          onOpen={onOpen}
        />
      );
    case 'statistics':
      return (
        <Statistics
          view={model.view}
          by={link.by ?? 'service,name'}
          sort={link.sort}
          onBy={(by) => replace({ by: by === 'service,name' ? undefined : by })}
          onSort={(sort) => replace({ sort: sort === '-selfNanos' ? undefined : sort })}
        />
      );
    case 'graph':
      return (
        <CallGraph
          model={model}
          by={link.by === 'operation' ? 'operation' : 'service'}
          onBy={(by) => replace({ by: by === 'service' ? undefined : by })}
          onOpen={onOpen}
        />
      );
    case 'events':
      return <EventList model={model} filter={link.filter ?? ''} onFilter={(filter) => replace({ filter: filter || undefined })} onOpen={onOpen} />;
    case 'logs':
      return <Logs model={model} filter={link.filter ?? ''} onFilter={(filter) => replace({ filter: filter || undefined })} onOpen={onOpen} />;
    case 'json':
      return <RawJson view={model.view} />;
  }
}

function Logs({ model, filter, onFilter, onOpen }: { model: TraceModel; filter: string; onFilter: (filter: string) => void; onOpen: (row: number) => void }) {
  const placed = useModel(model, (m) => m.logs);
  const { error } = useLogs(model.view.traceId, model.view.view);
  if (error) return <ErrorMessage what="The logs could not be read" error={error} />;
  if (!placed) return <Loading what="Reading the logs" />;
  if (placed.list.total === 0) {
    return (
      <Empty title="There are no logs of this trace">
        <p>Log records that have its id would be listed here: sent by OTLP, or as lines of JSON by “clew logs send”.</p>
      </Empty>
    );
  }
  return <LogLines list={placed.list} placed={placed} model={model} filter={filter} onFilter={onFilter} onOpen={onOpen} />;
}

/** Reads the log records and gives them to the model, which draws them. */
function usePlacedLogs(model: TraceModel): PlacedLogs | null {
  const { data } = useLogs(model.view.traceId, model.view.view);
  useEffect(() => {
    if (data) model.setLogs(new PlacedLogs(model.view, data));
  }, [model, data]);
  return useModel(model, (m) => m.logs);
}

/** What is beside the spans: what the address says, else the selected span or, where there is room, the overview. */
function useSide(model: TraceModel, link: TraceLink, wide: boolean): 'closed' | 'overview' | 'span' {
  const selected = useModel(model, (m) => m.selected);
  return link.panel ?? (selected >= 0 ? 'span' : wide ? 'overview' : 'closed');
}

/** Where the first error began, in one line; it stays where it is, so that nothing moves when a row is chosen. */
function ErrorLine({ model, onOpen }: Pick<ContentProps, 'model' | 'onOpen'>) {
  const error = model.view.errors[0];
  if (!error) return null;
  return (
    <button type="button" className="trace-error" onClick={() => onOpen(error.origin)}>
      <Icon name="error" />
      <span className="ellipsis">
        The error began in <strong>{error.service.slice(0, 100)}</strong> <bdi>{error.name.slice(0, 200)}</bdi>
        {error.message && ': '}
        <bdi>{error.message.slice(0, 300)}</bdi>
      </span>
      <Icon name="arrowRight" />
    </button>
  );
}

/** The selected span, or what is worth knowing of the trace. */
function SidePanel({ model, shown, replace, onOpen }: Omit<ContentProps, 'link'> & { shown: 'closed' | 'overview' | 'span' }) {
  const selected = useModel(model, (m) => m.selected);
  if (shown === 'closed') {
    return (
      <div className="side-closed">
        <IconButton icon="info" label="Overview of the trace" onClick={() => replace({ panel: selected >= 0 ? undefined : 'overview' })} />
      </div>
    );
  }
  return (
    <aside className="side-panel" aria-label={shown === 'span' ? 'Span' : 'Overview of the trace'}>
      <div className="side-tabs" role="group" aria-label="What is shown here">
        <button type="button" aria-pressed={shown === 'overview'} onClick={() => replace({ panel: 'overview' })}>
          Overview
        </button>
        <button type="button" aria-pressed={shown === 'span'} disabled={selected < 0} onClick={() => replace({ panel: undefined })}>
          Span
        </button>
        <IconButton icon="close" label="Close" onClick={() => replace({ panel: 'closed' })} />
      </div>
      <div className="side-content">
        {shown === 'span' ? (
          <SpanPanel model={model} row={selected} />
        ) : (
          <Overview
            model={model}
            onOpen={onOpen}
            onSelect={(row) => {
              replace({ panel: 'overview' });
              model.select(row);
            }}
          />
        )}
      </div>
    </aside>
  );
}

const wideQuery = window.matchMedia('(min-width: 1000px)');

function useWide(): boolean {
  const [wide, setWide] = useState(wideQuery.matches);
  useEffect(() => {
    const listener = () => setWide(wideQuery.matches);
    wideQuery.addEventListener('change', listener);
    return () => wideQuery.removeEventListener('change', listener);
  }, []);
  return wide;
}

/** Marks what matches the address's `find`; a span's id is looked up here. */
function useFound(model: TraceModel, link: TraceLink) {
  const q = link.find ?? '';
  const byId = useMemo(() => (/^[0-9a-f]{16}$/i.test(q) ? rowOfId(model.view, q) : -1), [model, q]);
  const found = useFind(model.view, byId >= 0 ? '' : q);
  useEffect(() => {
    if (byId >= 0) {
      model.setFound({ query: q, rows: Uint32Array.of(byId) });
      model.select(byId);
    } else model.setFound(q === '' ? null : (found.data ?? null));
  }, [model, q, byId, found.data]);
  return found;
}

function useColour(model: TraceModel, by: string): void {
  const { data } = useColumn(model.view, by);
  useEffect(() => {
    model.setColour(by, data ?? null);
  }, [model, by, data]);
}

/** So that a trace is found again among the tabs of a browser. */
function useTitle(view: TraceView): void {
  useEffect(() => {
    const { title } = document;
    document.title = `${view.root?.service ?? serviceOf(view, 0)} ${view.root?.name ?? nameOf(view, 0)}`.slice(0, 100);
    return () => {
      document.title = title;
    };
  }, [view]);
}
