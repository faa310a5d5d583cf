import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { Layout } from '../map/layout';
import { formatDuration, formatPercent, formatPlural } from '../parts/format';
import { Loading } from '../parts/Message';
import { serviceColour } from '../parts/serviceColour';
import { ToggleGroup } from '../parts/ToggleGroup';
import { Tooltip } from '../parts/Tooltip';
import { callsOf, failing, type CallNode, type Calls } from './calls';
import type { TraceModel } from './model';
import { oneLine } from './text';

const [nodeWidth, nodeHeight] = [210, 50];

/** Services or operations of the trace, and who called whom how often. */
export function CallGraph({ model, by, onBy, onOpen }: { model: TraceModel; by: 'service' | 'operation'; onBy: (by: string) => void; onOpen: (row: number) => void }) {
  const calls = useMemo(() => callsOf(model.view, by), [model, by]);
  const [layout, setLayout] = useState<{ of: Calls; at: Layout } | null>(null);
  useEffect(() => {
    let wanted = true;
    // The layout library is loaded with this tab only.
    void import('../map/layout').then(({ place }) => {
      const boxes = { widths: new Float32Array(calls.nodes.length).fill(nodeWidth), height: nodeHeight, edges: Int32Array.from(calls.edges.flatMap((edge) => [edge.from, edge.to])) };
      if (wanted) setLayout({ of: calls, at: place(boxes) });
    });
    return () => {
      wanted = false;
    };
  }, [calls]);
  return (
    <div className="call-graph">
      <div className="trace-toolbar">
        <ToggleGroup label="Nodes" value={by} options={[{ value: 'service', label: 'Services' }, { value: 'operation', label: 'Operations' }]} onChange={onBy} />
        <span className="muted">
          {formatPlural(calls.nodes.length, 'node')}
          {calls.left > 0 && `; ${calls.left.toLocaleString('en')} with less self time are left out`}
        </span>
      </div>
      {layout?.of === calls ? <Drawing model={model} calls={calls} layout={layout.at} onOpen={onOpen} /> : <Loading what="Laying out the graph" />}
    </div>
  );
}

function Drawing({ model, calls, layout, onOpen }: { model: TraceModel; calls: Calls; layout: Layout; onOpen: (row: number) => void }) {
  const margin = 20;
  const most = Math.max(1, ...calls.edges.map((edge) => edge.calls));
  const [width, height] = [layout.width + 2 * margin, layout.height + 2 * margin];
  const scroller = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    // The first node, that of the root, is in sight.
    const { clientHeight, scrollHeight } = scroller.current!;
    scroller.current!.scrollTop = ((layout.y[0] ?? 0) / layout.height) * scrollHeight - clientHeight / 2;
  }, [layout]);
  return (
    // A region that scrolls has to be reached by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="call-graph-scroll" ref={scroller} tabIndex={0} role="region" aria-label="Graph of calls">
      <svg style={{ width: `clamp(${0.85 * width}px, 100%, ${width}px)` }} viewBox={`${-margin} ${-margin} ${width} ${height}`}>
        <defs>
          <marker id="call-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
            <path d="M0 0.500 8 4 0 7.500z" className="call-head" />
          </marker>
        </defs>
        {calls.edges.map((edge, i) => {
          const path = pathOf(layout, i, edge.from, edge.to);
          return (
            <g key={i} className={failing(edge.errors, edge.calls) ? 'call-edge failed' : 'call-edge'}>
              <path d={path.d} strokeWidth={1 + 2.5 * (Math.log(edge.calls) / Math.log(most + 1))} markerEnd="url(#call-arrow)" />
              {edge.calls > 1 && (
                <text x={path.x} y={path.y - 4}>
                  ×{edge.calls.toLocaleString('en')}
                </text>
              )}
            </g>
          );
        })}
        {calls.nodes.map((node, i) => (
          <Node key={i} model={model} node={node} x={layout.x[i]! - nodeWidth / 2} y={layout.y[i]! - nodeHeight / 2} onOpen={onOpen} />
        ))}
      </svg>
    </div>
  );
}

/** A curve from the right side of a box through the bends of the layout to the left side of the other, and its middle. */
function pathOf(layout: Layout, edge: number, from: number, to: number): { d: string; x: number; y: number } {
  const bends = layout.paths[edge] ?? [];
  const points = [[layout.x[from]! + nodeWidth / 2, layout.y[from]!]];
  // The first and the last of them lie on the edges of the boxes.
  for (let i = 2; i + 3 < bends.length; i += 2) points.push([bends[i]!, bends[i + 1]!]);
  points.push([layout.x[to]! - nodeWidth / 2, layout.y[to]!]);
  const curves = points.slice(1).map(([x, y], i) => {
    const [fromX, fromY] = points[i]!;
    const middle = (fromX! + x!) / 2;
    return `C${middle} ${fromY} ${middle} ${y} ${x} ${y}`;
  });
  const half = points.length / 2 - 0.5;
  const [a, b] = [points[Math.floor(half)]!, points[Math.ceil(half)]!];
  return { d: `M${points[0]!.join(' ')}${curves.join('')}`, x: (a[0]! + b[0]!) / 2, y: (a[1]! + b[1]!) / 2 };
}

function Node({ model, node, x, y, onOpen }: { model: TraceModel; node: CallNode; x: number; y: number; onOpen: (row: number) => void }) {
  const share = node.critical / (model.view.duration || 1);
  const facts = `${formatPlural(node.spans, 'span')}, self ${formatDuration(node.self)}${node.errors ? `, ${formatPlural(node.errors, 'error')}` : ''}`;
  const title = clip(node.name || node.service, 28);
  const line = clip(node.name ? `${node.service} · ${formatPlural(node.spans, 'span')}, ${formatDuration(node.self)}` : facts, 34);
  return (
    <Tooltip text={<bdi>{`${node.service} ${node.name}`.slice(0, 300)}: {formatPercent(share)} of the trace on the critical path</bdi>}>
      <g
        className="call-node"
        transform={`translate(${x} ${y})`}
        role="button"
        tabIndex={0}
        onClick={() => onOpen(node.longest)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' && event.key !== ' ') return;
          event.preventDefault();
          onOpen(node.longest);
        }}
      >
        <rect width={nodeWidth} height={nodeHeight} rx={5} className={failing(node.errors, node.spans) ? 'failed' : undefined} />
        <rect width={4} height={nodeHeight} rx={2} style={{ fill: serviceColour(node.service) }} stroke="none" />
        <rect x={4} y={nodeHeight - 3} width={(nodeWidth - 6) * Math.min(1, share)} height={2.5} className="call-share" />
        <text x={13} y={20} className="call-title">
          {title}
        </text>
        <text x={13} y={37} className="call-facts">
          {line}
        </text>
      </g>
    </Tooltip>
  );
}

function clip(text: string, most: number): string {
  const plain = oneLine(text);
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain;
}
