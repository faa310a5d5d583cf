import { Link } from '@tanstack/react-router';
import { useDeferredValue, useMemo } from 'react';
import { useParams } from '../app/url';
import { formatDuration, formatNumber } from '../parts/format';
import { Icon } from '../parts/Icon';
import { LongTable } from '../parts/LongTable';
import { Service } from '../parts/Service';
import type { Column } from '../parts/Table';
import { signed } from './DiffHeader';
import { formatClosed, parseClosed, treeRows, type DiffNode, type DiffSide, type TraceDiff, type TreeRow } from './tree';

/** The paths of both traces in one tree. */
export function DiffTree({ diff, searchRef }: { diff: TraceDiff; searchRef: React.Ref<HTMLInputElement> }) {
  const [params, setParams] = useParams();
  const closed = useMemo(() => parseClosed(params.closed), [params.closed]);
  const onlyDifferences = params.only === 'differences';
  const find = useDeferredValue(params.find ?? '');
  const rows = useMemo(() => treeRows(diff.nodes, { closed, onlyDifferences, find }), [diff, closed, onlyDifferences, find]);
  const longest = Math.max(Number(diff.a.durationNanos), Number(diff.b.durationNanos), 1);
  const toggle = (index: number) => {
    const next = new Set(closed);
    if (!next.delete(index)) next.add(index);
    setParams({ closed: formatClosed(next) }, { replace: true });
  };
  const columns: Column<TreeRow>[] = [
    { key: 'path', title: 'Path', cell: (row) => <Path row={row} onToggle={() => toggle(row.index)} /> },
    { key: 'change', title: 'Change', width: 96, cell: ({ node }) => <Changes node={node} /> },
    { key: 'spans', title: 'Spans', number: true, width: 70, cell: ({ node }) => counts(node) },
    { key: 'bars', title: 'Duration, A over B', width: '26%', cell: ({ node }) => <Bars node={node} longest={longest} /> },
    { key: 'a', title: 'A', number: true, width: 84, cell: ({ node }) => <SideLink side={node.a} trace={diff.a.traceId} view={params.aView} /> },
    { key: 'b', title: 'B', number: true, width: 84, cell: ({ node }) => <SideLink side={node.b} trace={diff.b.traceId} view={params.bView} /> },
    { key: 'delta', title: 'B − A', number: true, width: 90, cell: ({ node }) => <Delta node={node} /> },
  ];
  return (
    <>
      <div className="compare-tools">
        <input
          ref={searchRef}
          className="input"
          type="search"
          placeholder="Find a service or span"
          aria-label="Find a service or span"
          spellCheck={false}
          value={params.find ?? ''}
          onChange={(e) => setParams({ find: e.target.value }, { replace: true })}
          onKeyDown={(e) => e.key === 'Escape' && (setParams({ find: undefined }, { replace: true }), e.currentTarget.blur())}
        />
        <label className="compare-check">
          <input type="checkbox" checked={onlyDifferences} onChange={(e) => setParams({ only: e.target.checked ? 'differences' : undefined })} /> Only differences
        </label>
        <span className="muted" aria-live="polite">
          {formatNumber(rows.length)} of {formatNumber(diff.nodes.length)} paths
        </span>
      </div>
      <div className="panel compare-tree">
        <LongTable label="Paths of both traces" columns={columns} rows={rows} rowKey={(row) => row.index} rowHeight={30} rowClass={({ node }) => node.change} />
        {rows.length === 0 && <p className="muted compare-none">{onlyDifferences && find === '' ? 'Nothing differs.' : 'Nothing is called so.'}</p>}
      </div>
    </>
  );
}

function Path({ row: { node, below, closed }, onToggle }: { row: TreeRow; onToggle: () => void }) {
  return (
    // Deep trees are indented less from some depth on, so that names can be seen.
    <span className="compare-path" style={{ '--steps': Math.min(node.depth, 12 + node.depth / 8) } as React.CSSProperties}>
      {below > 0 ? (
        <button type="button" className="compare-toggle" aria-expanded={!closed} aria-label={closed ? `Open ${node.name}` : `Close ${node.name}`} onClick={onToggle}>
          <Icon name={closed ? 'chevronRight' : 'chevronDown'} size={13} />
        </button>
      ) : (
        <span className="compare-toggle" />
      )}
      <Service name={node.service} />
      <bdi className="ellipsis compare-name" title={node.name}>
        {node.name}
      </bdi>
      {closed && <span className="muted">+{formatNumber(below)}</span>}
    </span>
  );
}

const changeNames: Record<DiffNode['change'], string> = { same: '', slower: 'slower', faster: 'faster', missing: 'only in A', added: 'only in B' };

function Changes({ node }: { node: DiffNode }) {
  return (
    <span className="compare-changes">
      {node.change !== 'same' && <span className={`badge ${node.change}`}>{changeNames[node.change]}</span>}
      {node.broken > 0 && <span className="badge broken">fails</span>}
      {node.mended > 0 && <span className="badge mended">mended</span>}
    </span>
  );
}

/** How many spans each has, if that is more than one to say. */
function counts({ a, b }: DiffNode): string {
  const [x, y] = [a?.spans ?? 0, b?.spans ?? 0];
  return x === y ? formatNumber(x) : `${formatNumber(x)} → ${formatNumber(y)}`;
}

function Bars({ node, longest }: { node: DiffNode; longest: number }) {
  const width = (side: DiffSide | undefined) => `${Math.min(100, Math.max(0, (Number(side?.durationNanos ?? 0) / longest) * 100))}%`;
  return (
    <span className="compare-bars" aria-hidden>
      {node.a && <span className="compare-bar a" style={{ width: width(node.a) }} />}
      {!node.a && <span className="compare-bar none" />}
      {node.b && <span className="compare-bar b" style={{ width: width(node.b) }} />}
    </span>
  );
}

function SideLink({ side, trace, view }: { side: DiffSide | undefined; trace: string; view: string | undefined }) {
  if (!side) return <span className="muted">–</span>;
  return (
    <Link className={side.errors > 0 ? 'failed' : undefined} to="/trace/$traceId" params={{ traceId: trace }} search={{ view, span: side.spanId }}>
      {formatDuration(Number(side.durationNanos))}
    </Link>
  );
}

function Delta({ node }: { node: DiffNode }) {
  if (!node.a || !node.b) return null;
  const delta = Number(node.deltaNanos);
  return <span className={node.change === 'slower' ? 'worse' : node.change === 'faster' ? 'better' : 'muted'}>{signed(delta)}</span>;
}
