import { useQuery } from '@tanstack/react-query';
import { answer, api, type Schemas } from '../api/client';
import { useSetting } from '../app/settings';
import type { Params, SetParams } from '../app/url';
import { formatDuration, formatNumber, formatTime, nanosToMillis } from '../parts/format';
import { ErrorMessage, Loading } from '../parts/Message';
import { quote } from '../parts/query/conditions';
import { Service } from '../parts/Service';
import { Table } from '../parts/Table';
import { ToggleGroup } from '../parts/ToggleGroup';

const shown = 20;

/** Traces that begin like trace A, to choose B from. */
export function Candidates({ params, setParams }: { params: Params; setParams: SetParams }) {
  const [zone] = useSetting('zone');
  const sort = params.sort === 'slowest' ? 'slowest' : 'newest';
  const asked = useQuery({ queryKey: ['candidates', params.a, sort], queryFn: ({ signal }) => candidates(params.a!, sort, signal) });
  if (asked.isPending) return <Loading what="Looking for traces like it" />;
  if (asked.isError) return <ErrorMessage what="Traces like it could not be looked for" error={asked.error} onRetry={() => void asked.refetch()} />;
  if (!asked.data) return <p className="muted">Trace A is not stored here; give the id of the other one.</p>;
  const { like, traces } = asked.data;
  return (
    <section className="compare-candidates">
      <header>
        <h2>
          Compare with another <Service name={like.rootServiceName} /> <bdi>{like.rootSpanName}</bdi>
        </h2>
        <ToggleGroup
          label="Order"
          value={sort}
          options={[
            { value: 'newest', label: 'Newest' },
            { value: 'slowest', label: 'Slowest' },
          ]}
          onChange={(value) => setParams({ sort: value === 'newest' ? undefined : value })}
        />
      </header>
      <div className="panel">
        <Table
          label="Traces to compare with"
          rows={traces}
          rowKey={(t) => t.traceId}
          columns={[
            {
              key: 'start',
              title: 'Start',
              cell: (t) => (
                <button type="button" className="button quiet" onClick={() => setParams({ b: t.traceId, sort: undefined })}>
                  {formatTime(nanosToMillis(t.startTimeUnixNano), zone)}
                </button>
              ),
            },
            { key: 'duration', title: 'Duration', number: true, cell: (t) => formatDuration(Number(t.durationNanos)) },
            { key: 'spans', title: 'Spans', number: true, cell: (t) => formatNumber(t.spanCount) },
            { key: 'errors', title: 'Errors', number: true, cell: (t) => (t.errorCount > 0 ? <span className="failed">{formatNumber(t.errorCount)}</span> : '–') },
          ]}
        />
        {traces.length === 0 && <p className="muted compare-none">There is no other one.</p>}
      </div>
    </section>
  );
}

/** Traces whose root, or what stands for it, is called as that of a trace; null if that is not stored. */
async function candidates(id: string, sort: 'newest' | 'slowest', signal: AbortSignal) {
  const find = async (q: string, limit: number) =>
    (await answer(api.GET('/search', { params: { query: { q, limit, sort } }, signal }))) as Schemas['SearchResult'];
  const [like] = (await find(`{ trace:id = ${quote(id)} }`, 1)).traces ?? [];
  if (!like) return null;
  const same = like.root
    ? `{ trace:rootService = ${quote(like.rootServiceName)} && trace:rootName = ${quote(like.rootSpanName)} }`
    : `{ resource.service.name = ${quote(like.rootServiceName)} && name = ${quote(like.rootSpanName)} && nestedSetParent < 0 }`;
  const { traces = [] } = await find(same, shown + 1);
  return { like, traces: traces.filter((t) => t.traceId !== like.traceId).slice(0, shown) };
}
