import { Link } from '@tanstack/react-router';
import type { TimeRange } from '../app/timeRange';
import type { Params, SetParams } from '../app/url';
import { Button, IconButton } from '../parts/Button';
import { formatDuration, formatNumber, formatPercent, formatPlural, formatRate } from '../parts/format';
import { Service } from '../parts/Service';
import { errorRate, latency, quantiles, withMatch, type Graph, type GraphEdge, type GraphNode } from './graph';
import type { Hit } from './picture';
import { edgeQuery, nodeQuery } from './query';
import { edgeParams, worst, type MapView } from './view';

interface SideProps {
  graph: Graph;
  view: MapView;
  range: TimeRange;
  selected: Hit | undefined;
  setParams: SetParams;
}

/** What there is to say about the selection, or without one about the whole. */
export function MapSide(props: SideProps) {
  const { graph, view, selected } = props;
  return (
    <aside className="map-side panel" aria-label="Details">
      {selected && 'node' in selected ? (
        <NodeDetails {...props} row={selected.node} />
      ) : selected ? (
        <EdgeDetails {...props} row={selected.edge} />
      ) : view.find.trim() ? (
        <Found {...props} />
      ) : (
        <Overview graph={graph} view={view} setParams={props.setParams} />
      )}
    </aside>
  );
}

const kindNames: Record<GraphNode['kind'], [one: string, many: string]> = {
  service: ['service', 'services'],
  database: ['database', 'databases'],
  messaging: ['queue', 'queues'],
  external: ['external peer', 'external peers'],
};

function Overview({ graph, view, setParams }: Pick<SideProps, 'graph' | 'view' | 'setParams'>) {
  const counts = (Object.keys(kindNames) as GraphNode['kind'][])
    .map((kind) => ({ kind, count: graph.nodes.filter((n) => n.kind === kind).length }))
    .filter((c) => c.count > 0)
    .map((c) => formatPlural(c.count, ...kindNames[c.kind]));
  const { failing, slowest } = worst(graph, view.quantile, 6);
  return (
    <>
      <p>
        {counts.join(', ')}; {formatPlural(graph.edges.length, 'link')}.
      </p>
      <EdgeList title="Failing most" edges={failing} value={(e) => formatPercent(errorRate(e.calls, e.errors))} failing setParams={setParams} />
      <EdgeList title={`Slowest, ${view.quantile}`} edges={slowest} value={(e) => formatDuration(latency(e, view.quantile) ?? 0)} setParams={setParams} />
      <p className="muted">Choose a service or a line for more. A double click focuses on a service.</p>
    </>
  );
}

interface EdgeListProps {
  title: string;
  edges: readonly GraphEdge[];
  value: (e: GraphEdge) => string;
  /** Which end to name; both without it. */
  end?: 'caller' | 'callee';
  failing?: boolean;
  setParams: SetParams;
}

function EdgeList({ title, edges, value, end, failing, setParams }: EdgeListProps) {
  if (edges.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul className="map-list">
        {edges.map((e) => (
          <li key={JSON.stringify(edgeParams(e))}>
            <button type="button" onClick={() => setParams(edgeParams(e))}>
              <bdi className="ellipsis">{end ? e[end] : `${e.caller} → ${e.callee}`}</bdi>
              <span className={failing || (end && e.errors > 0) ? 'failed' : undefined}>{value(e)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Found({ graph, view, setParams }: SideProps) {
  const rows = [...withMatch(graph, view.find)];
  return (
    <section>
      <h3>{rows.length === 0 ? `Nothing is called so` : formatPlural(rows.length, 'match', 'matches')}</h3>
      <ul className="map-list">
        {rows.slice(0, 50).map((row) => (
          <li key={row}>
            <button type="button" onClick={() => setParams({ node: graph.nodes[row]!.name, find: undefined })}>
              <Service name={graph.nodes[row]!.name} />
            </button>
          </li>
        ))}
      </ul>
      {rows.length > 50 && <p className="muted">and {formatNumber(rows.length - 50)} more</p>}
    </section>
  );
}

function NodeDetails({ graph, view, range, row, setParams }: SideProps & { row: number }) {
  const node = graph.nodes[row]!;
  const calls = (list: typeof graph.edges) => list.map((e) => e.data).sort((a, b) => b.calls - a.calls);
  const callers = calls(graph.edges.filter((e) => e.to === row));
  const callees = calls(graph.edges.filter((e) => e.from === row));
  const seconds = (range.end - range.start) / 1000;
  const value = (e: GraphEdge) => {
    const took = latency(e, view.quantile);
    return [formatRate(e.calls / seconds), e.errors > 0 && `${formatPercent(errorRate(e.calls, e.errors))} failed`, took !== undefined && formatDuration(took)]
      .filter(Boolean)
      .join(' · ');
  };
  const focused = view.focus?.name === node.name;
  return (
    <>
      <Title name={node.name} service={node.kind === 'service'} setParams={setParams} />
      <p className="muted">
        {kindNames[node.kind][0]}
        {node.kind === 'service' && `; ${formatPlural(node.spans, 'span')}, ${formatPercent(errorRate(node.spans, node.errors))} failed`}
      </p>
      <div className="map-actions">
        <Button icon="search" onClick={() => setParams({ focus: focused ? undefined : node.name })}>
          {focused ? 'Show all' : 'Focus'}
        </Button>
        <ExploreButton query={nodeQuery(node)}>Explore</ExploreButton>
        {node.kind === 'service' && (
          <Link className="button normal" to="/services" search={(before: Params) => ({ from: before.from, to: before.to, service: node.name })}>
            Operations
          </Link>
        )}
      </div>
      <EdgeList title={`Called by ${callers.length || 'nobody'}`} edges={callers} end="caller" value={value} setParams={setParams} />
      <EdgeList title={`Calls ${callees.length}`} edges={callees} end="callee" value={value} setParams={setParams} />
    </>
  );
}

function EdgeDetails({ graph, range, row, setParams }: SideProps & { row: number }) {
  const { data: e, from, to } = graph.edges[row]!;
  const seconds = (range.end - range.start) / 1000;
  const sides = [
    { name: 'for the caller', latency: e.client },
    { name: 'for the callee', latency: e.server },
  ].filter((s) => s.latency);
  return (
    <>
      <Title name={`${e.caller} → ${e.callee}`} service={false} setParams={setParams} />
      <p>
        {formatNumber(e.calls)} {e.connection === 'messaging' ? 'messages' : e.connection === 'database' ? 'queries' : 'calls'}, {formatRate(e.calls / seconds)};{' '}
        <span className={e.errors > 0 ? 'failed' : undefined}>
          {e.errors > 0 ? `${formatNumber(e.errors)} failed, ${formatPercent(errorRate(e.calls, e.errors))}` : 'none failed'}
        </span>
      </p>
      {sides.length > 0 && (
        <table className="table map-latency" aria-label="Latency">
          <thead>
            <tr>
              <th scope="col">Took</th>
              {sides.map((s) => (
                <th key={s.name} scope="col" className="number">
                  {s.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...quantiles, 'max' as const].map((q) => (
              <tr key={q}>
                <th scope="row">{q}</th>
                {sides.map((s) => (
                  <td key={s.name} className="number">
                    {formatDuration(Number(s.latency![`${q}Nanos`]))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div className="map-actions">
        <ExploreButton query={edgeQuery(e, graph.nodes[from]!.kind, graph.nodes[to]!.kind)} primary>
          Traces of these calls
        </ExploreButton>
      </div>
      <ul className="map-list">
        {[e.caller, e.callee].map((name, i) => (
          <li key={i}>
            <button type="button" onClick={() => setParams({ node: name, caller: undefined, callee: undefined, via: undefined })}>
              <Service name={name} />
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Title({ name, service, setParams }: { name: string; service: boolean; setParams: SetParams }) {
  return (
    <header className="map-title">
      <h2 className="untrusted">{service ? <Service name={name} /> : name}</h2>
      <IconButton icon="close" label="Select nothing" onClick={() => setParams({ node: undefined, caller: undefined, callee: undefined, via: undefined })} />
    </header>
  );
}

function ExploreButton({ query, primary = false, children }: { query: string; primary?: boolean; children: string }) {
  return (
    <Link className={`button ${primary ? 'primary' : 'normal'}`} to="/" search={(before: Params) => ({ q: query, from: before.from, to: before.to })}>
      {children}
    </Link>
  );
}
