import './map.css';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import { answer, api } from '../api/client';
import { useKeys } from '../app/keyboard';
import { NothingSent } from '../app/NothingSent';
import { TimeRangePicker } from '../app/TimeRangePicker';
import { rangeQuery, useTimeRange, type TimeRange } from '../app/timeRange';
import { useParams, type Params, type SetParams } from '../app/url';
import { Button } from '../parts/Button';
import { formatNumber, formatPlural } from '../parts/format';
import { Empty, ErrorMessage, Gaps, Loading } from '../parts/Message';
import { Select } from '../parts/Select';
import { giveColours, serviceCanvasColour } from '../parts/serviceColour';
import { ToggleGroup } from '../parts/ToggleGroup';
import { busiest, focusOn, link, quantiles, withMatch, type Graph, type ServiceGraph } from './graph';
import { EdgeTable } from './EdgeTable';
import { MapCanvas } from './MapCanvas';
import { MapSide } from './MapSide';
import { lit, type Hit, type Picture } from './picture';
import { usePicture } from './usePicture';
import { mostHops, mostNodes, parseSelection, parseView, selectionParams, wordsFor, type MapView } from './view';

/** Who calls whom: the map of all services, or what is around one of them. */
export default function MapPage() {
  const [params, setParams] = useParams();
  const { range } = useTimeRange();
  const view = parseView(params);
  const asked = useDependencies(range, view.brokers);
  const graph = useMemo(() => {
    if (!asked.data) return undefined;
    giveColours(asked.data.nodes.filter((node) => node.kind === 'service').map((node) => node.name));
    return link(asked.data);
  }, [asked.data]);
  const search = useRef<HTMLInputElement>(null);
  useMapKeys(params, setParams, view, search);
  return (
    <div className="page map-page">
      <header className="map-header">
        <h1>Map</h1>
        <MapTools ref={search} view={view} setParams={setParams} />
        <TimeRangePicker />
      </header>
      {view.focus && <FocusBar focus={view.focus} setParams={setParams} />}
      <Gaps gaps={asked.data?.gaps} />
      {asked.isError && <ErrorMessage what="Who calls whom could not be found out" error={asked.error} onRetry={() => void asked.refetch()} />}
      {asked.isPending && <Loading what="Looking at who calls whom" />}
      {graph && <MapBody graph={graph} view={view} range={range} params={params} setParams={setParams} />}
    </div>
  );
}

function useDependencies(range: TimeRange, brokers: boolean) {
  return useQuery({
    queryKey: ['dependencies', range.start, range.end, brokers],
    queryFn: ({ signal }): Promise<ServiceGraph> =>
      answer(api.GET('/dependencies', { params: { query: { ...rangeQuery(range), brokers: brokers || undefined } }, signal })),
    placeholderData: (before) => before,
  });
}

function useMapKeys(params: Params, setParams: SetParams, view: MapView, search: React.RefObject<HTMLInputElement | null>): void {
  useKeys('Map', [
    { keys: '/', label: 'Find a service', run: () => search.current?.focus() },
    { keys: 'v', label: 'Picture or table', run: () => setParams({ view: view.table ? undefined : 'table' }) },
    { keys: 'f', label: 'Focus on the selected service, or on all', run: () => setParams({ focus: view.focus?.name === params.node ? undefined : params.node }) },
    { keys: 'b', label: 'Brokers as places of their own, or not', run: () => setParams({ brokers: view.brokers ? undefined : 'true' }) },
    { keys: 'l', label: 'Next latency: p50, p95, p99', run: () => setParams({ latency: quantiles[(quantiles.indexOf(view.quantile) + 1) % quantiles.length] }) },
    { keys: 'Escape', label: 'Select nothing', run: () => setParams({ node: undefined, caller: undefined, callee: undefined, via: undefined, find: undefined }) },
  ]);
}

function MapTools({ ref, view, setParams }: { ref: React.Ref<HTMLInputElement>; view: MapView; setParams: SetParams }) {
  return (
    <div className="map-tools">
      <input
        ref={ref}
        className="input"
        type="search"
        placeholder="Find a service"
        aria-label="Find a service"
        value={view.find}
        spellCheck={false}
        onChange={(e) => setParams({ find: e.target.value }, { replace: true })}
        onKeyDown={(e) => e.key === 'Escape' && (setParams({ find: undefined }, { replace: true }), e.currentTarget.blur())}
      />
      <ToggleGroup
        label="Latency of calls"
        value={view.quantile}
        options={quantiles.map((value) => ({ value, label: value }))}
        onChange={(latency) => setParams({ latency })}
      />
      <label className="map-check">
        <input type="checkbox" checked={view.brokers} onChange={(e) => setParams({ brokers: e.target.checked ? 'true' : undefined })} /> Brokers
      </label>
      <ToggleGroup
        label="View"
        value={view.table ? 'table' : 'picture'}
        options={[
          { value: 'picture', label: 'Picture' },
          { value: 'table', label: 'Table' },
        ]}
        onChange={(value) => setParams({ view: value === 'table' ? 'table' : undefined })}
      />
    </div>
  );
}

const hopOptions = [
  ...Array.from({ length: mostHops + 1 }, (_, n) => ({ value: String(n), label: n === 1 ? '1 hop' : `${n} hops` })),
  { value: 'all', label: 'all' },
];

function FocusBar({ focus, setParams }: { focus: NonNullable<MapView['focus']>; setParams: SetParams }) {
  const text = (hops: number) => (hops === Infinity ? 'all' : String(hops));
  return (
    <div className="map-focus" role="group" aria-label="Focus">
      <span>
        Around <strong className="untrusted">{focus.name}</strong>
      </span>
      <span className="map-hops">
        callers <Select label="How far up to its callers" value={text(focus.up)} options={hopOptions} onChange={(up) => setParams({ up })} />
      </span>
      <span className="map-hops">
        callees <Select label="How far down to what it calls" value={text(focus.down)} options={hopOptions} onChange={(down) => setParams({ down })} />
      </span>
      <Button variant="quiet" icon="close" onClick={() => setParams({ focus: undefined, up: undefined, down: undefined })}>
        Show all
      </Button>
    </div>
  );
}

interface BodyProps {
  graph: Graph;
  view: MapView;
  range: TimeRange;
  params: Params;
  setParams: SetParams;
}

function MapBody({ graph, view, range, params, setParams }: BodyProps) {
  const { name, up, down } = view.focus ?? { name: undefined, up: 0, down: 0 };
  const part = useMemo(() => (name === undefined ? graph : focusOn(graph, { name, up, down })), [graph, name, up, down]);
  if (graph.nodes.length === 0) return <NothingSent what="spans" />;
  if (!part) {
    return (
      <Empty title="No calls of this service in this time">
        <p>
          <span className="untrusted">{name}</span> neither sent a span nor was named by one. Choose a longer time, or <Link to="/map">show all</Link>.
        </p>
      </Empty>
    );
  }
  const selected = parseSelection(part, params);
  const select = (what: Hit | undefined) => setParams(selectionParams(part, what));
  return (
    <div className="map-body">
      {view.table ? (
        <EdgeTable graph={part} find={view.find} range={range} />
      ) : (
        <MapPicture part={part} view={view} range={range} selected={selected} onSelect={select} setParams={setParams} />
      )}
      <MapSide graph={part} view={view} range={range} selected={selected} setParams={setParams} />
    </div>
  );
}

interface PictureProps {
  part: Graph;
  view: MapView;
  range: TimeRange;
  selected: Hit | undefined;
  onSelect: (what: Hit | undefined) => void;
  setParams: SetParams;
}

function MapPicture({ part, view, range, selected, onSelect, setParams }: PictureProps) {
  const drawn = useMemo(() => busiest(part, mostNodes), [part]);
  const picture = usePicture(drawn);
  return (
    <div className="map-picture panel">
      {picture ? (
        <Seen picture={picture} part={part} view={view} range={range} selected={selected} onSelect={onSelect} setParams={setParams} />
      ) : (
        <Loading what={`Laying out ${formatPlural(drawn.nodes.length, 'service')}`} />
      )}
      <Legend left={part.nodes.length - drawn.nodes.length} />
    </div>
  );
}

function Seen({ picture, part, view, range, selected, onSelect, setParams }: PictureProps & { picture: Picture }) {
  const [pointed, setPointed] = useState<{ at: Hit | undefined; graph: Graph; selected: Hit | undefined }>();
  const { graph } = picture;
  const find = useDeferredValue(view.find);
  const seconds = (range.end - range.start) / 1000;
  const words = useMemo(() => wordsFor(graph, seconds, view.quantile), [graph, seconds, view.quantile]);
  const chosen = useMemo(() => inPicture(part, graph, selected), [part, graph, selected]);
  // What the pointer was on before a click is not what it is on in the picture that the click made.
  const hovered = pointed?.graph === graph && sameHit(pointed.selected, selected) ? pointed.at : undefined;
  const what = hovered ?? chosen;
  const shown = useMemo(() => {
    const found = what ? undefined : withMatch(graph, find);
    const bright = what ? lit(graph, what) : found && found.size > 0 ? { nodes: found, edges: new Set<number>() } : undefined;
    return {
      nodes: bright?.nodes,
      edges: bright?.edges,
      selectedNode: chosen && 'node' in chosen ? chosen.node : undefined,
      selectedEdge: chosen && 'edge' in chosen ? chosen.edge : undefined,
      centre: view.focus ? graph.nodes.findIndex((n) => n.name === view.focus?.name) : undefined,
    };
  }, [graph, what, chosen, find, view.focus?.name]);
  const inPart = (hit: Hit | undefined) => inPicture(graph, part, hit);
  return (
    <MapCanvas
      picture={picture}
      words={words}
      shown={shown}
      colourOf={serviceCanvasColour}
      label={`Picture of ${formatNumber(graph.nodes.length)} services and ${formatNumber(graph.edges.length)} links. Arrows move it, plus and minus zoom, 0 shows all. The table has the same.`}
      onHover={(hit) => {
        if (!sameHit(hovered, hit)) setPointed({ at: hit, graph, selected });
      }}
      onSelect={(hit) => onSelect(inPart(hit))}
      onOpen={(hit) => 'node' in hit && setParams({ focus: graph.nodes[hit.node]!.name })}
    />
  );
}

function sameHit(a: Hit | undefined, b: Hit | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** What was hit in one graph, in another one of the same answer. */
function inPicture(from: Graph, to: Graph, hit: Hit | undefined): Hit | undefined {
  if (!hit || from === to) return hit;
  return parseSelection(to, selectionParams(from, hit));
}

function Legend({ left }: { left: number }) {
  return (
    <ul className="map-legend" aria-label="Legend">
      <li>
        <i className="shape service-shape" /> service
      </li>
      <li>
        <i className="shape database-shape" /> database
      </li>
      <li>
        <i className="shape messaging-shape" /> queue
      </li>
      <li>
        <i className="shape external-shape" /> external
      </li>
      <li>
        <i className="stroke some" /> some calls fail
      </li>
      <li>
        <i className="stroke many" /> 5 % or more
      </li>
      <li>
        <i className="stroke dashed" /> messages
      </li>
      {left > 0 && <li>{formatNumber(left)} with few calls are only in the table</li>}
    </ul>
  );
}
