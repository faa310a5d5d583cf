import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useParams, type Params } from '../app/url';
import type { TimeRange } from '../app/timeRange';
import { formatDuration, formatNumber, formatPercent, formatRate } from '../parts/format';
import { LongTable } from '../parts/LongTable';
import { Service } from '../parts/Service';
import type { Column, Sort } from '../parts/Table';
import { errorRate, latency, withMatch, type Edge, type Graph } from './graph';
import { edgeQuery } from './query';
import { edgeParams } from './view';

/** What rows are sorted by. */
const keys: Record<string, (graph: Graph, e: Edge) => number | string> = {
  caller: (_, e) => e.data.caller,
  callee: (_, e) => e.data.callee,
  connection: (_, e) => e.data.connection,
  calls: (_, e) => e.data.calls,
  errors: (_, e) => errorRate(e.data.calls, e.data.errors),
  p50: (_, e) => latency(e.data, 'p50') ?? -1,
  p95: (_, e) => latency(e.data, 'p95') ?? -1,
  p99: (_, e) => latency(e.data, 'p99') ?? -1,
};

export function parseEdgeSort(text: string | undefined): Sort {
  const key = text?.replace(/^-/, '') ?? '';
  return Object.hasOwn(keys, key) ? { key, descending: text!.startsWith('-') } : { key: 'calls', descending: true };
}

/** edgeRows are the edges to or from services whose name has the text, in order. */
export function edgeRows(graph: Graph, find: string, sort: Sort): Edge[] {
  const found = withMatch(graph, find);
  const rows = find.trim() === '' ? [...graph.edges] : graph.edges.filter((e) => found.has(e.from) || found.has(e.to));
  const of = keys[sort.key]!;
  const sign = sort.descending ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [of(graph, a), of(graph, b)];
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  });
}

/** All that the picture shows, as a table for keyboards and readers. */
export function EdgeTable({ graph, find, range }: { graph: Graph; find: string; range: TimeRange }) {
  const [params, setParams] = useParams();
  const sort = parseEdgeSort(params.sort);
  const rows = useMemo(() => edgeRows(graph, find, sort), [graph, find, sort.key, sort.descending]);
  const seconds = (range.end - range.start) / 1000;
  const columns: Column<Edge>[] = [
    { key: 'caller', title: 'Caller', sortable: true, cell: (e) => <NodeLink name={e.data.caller} service={graph.nodes[e.from]!.kind === 'service'} /> },
    { key: 'callee', title: 'Callee', sortable: true, cell: (e) => <NodeLink name={e.data.callee} service={graph.nodes[e.to]!.kind === 'service'} /> },
    { key: 'connection', title: 'Way', sortable: true, cell: (e) => e.data.connection },
    { key: 'calls', title: 'Calls', number: true, sortable: true, cell: (e) => <span title={formatRate(e.data.calls / seconds)}>{formatNumber(e.data.calls)}</span> },
    {
      key: 'errors',
      title: 'Failed',
      number: true,
      sortable: true,
      cell: (e) => (e.data.errors > 0 ? <span className="failed">{formatPercent(errorRate(e.data.calls, e.data.errors))}</span> : '–'),
    },
    ...(['p50', 'p95', 'p99'] as const).map(
      (q): Column<Edge> => ({ key: q, title: q, number: true, sortable: true, cell: (e) => orDash(latency(e.data, q)) }),
    ),
    {
      key: 'traces',
      title: 'Traces',
      cell: (e) => <ExploreLink query={edgeQuery(e.data, graph.nodes[e.from]!.kind, graph.nodes[e.to]!.kind)} label={`Explore calls from ${e.data.caller} to ${e.data.callee}`} />,
    },
  ];
  return (
    <div className="map-table panel">
      <LongTable
        label={`Calls between services: ${formatNumber(rows.length)} links`}
        columns={columns}
        rows={rows}
        rowKey={(e) => JSON.stringify(edgeParams(e.data))}
        rowHeight={29}
        sort={sort}
        onSort={(s) => setParams({ sort: (s.descending ? '-' : '') + s.key }, { replace: true })}
      />
    </div>
  );
}

function orDash(nanos: number | undefined): string {
  return nanos === undefined ? '–' : formatDuration(nanos);
}

function NodeLink({ name, service }: { name: string; service: boolean }) {
  return (
    <Link to="/map" search={(before: Params) => ({ ...before, view: undefined, node: name })} className="map-node-link">
      {service ? <Service name={name} /> : <bdi className="ellipsis">{name}</bdi>}
    </Link>
  );
}

function ExploreLink({ query, label }: { query: string; label: string }) {
  return (
    <Link to="/" search={(before: Params) => ({ q: query, from: before.from, to: before.to })} aria-label={label}>
      Explore
    </Link>
  );
}
