import { useNavigate } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useKeys } from '../app/keyboard';
import { useSetting } from '../app/settings';
import { Loading } from '../parts/Message';
import type { FoundSpan, TraceSummary } from './data';
import { gridTemplate, spanColumns, traceColumns, type ResultColumn } from './resultColumns';

export interface ResultsProps<Row> {
  rows: readonly Row[];
  /** Attributes with a column of their own. */
  attributes: readonly string[];
  hasMore: boolean;
  loadingMore: boolean;
  onMore: () => void;
}

export interface TraceResultsProps extends ResultsProps<TraceSummary> {
  /** Ids of the traces that are to be compared, the first one first. */
  picked: readonly string[];
  onPick: (traceId: string) => void;
}

export function TraceResults(props: TraceResultsProps) {
  const [zone] = useSetting('zone');
  const navigate = useNavigate();
  const { rows, attributes, picked, onPick } = props;
  const longest = rows.reduce((max, t) => Math.max(max, Number(t.durationNanos)), 1);
  return (
    <ResultList
      {...props}
      label="Traces"
      columns={traceColumns({ zone, longest, attributes, picked, onPick })}
      rowKey={(t) => t.traceId}
      isFailed={(t) => t.errorCount > 0}
      onOpen={(t) => void navigate({ to: '/trace/$traceId', params: { traceId: t.traceId } })}
      onMark={(t) => onPick(t.traceId)}
    />
  );
}

export function SpanResults(props: ResultsProps<FoundSpan>) {
  const [zone] = useSetting('zone');
  const navigate = useNavigate();
  const { rows, attributes } = props;
  const longest = rows.reduce((max, s) => Math.max(max, Number(s.durationNanos)), 1);
  return (
    <ResultList
      {...props}
      label="Spans"
      columns={spanColumns({ zone, longest, attributes })}
      rowKey={(s) => `${s.traceId} ${s.spanId}`}
      isFailed={() => false}
      onOpen={(s) => s.traceId && void navigate({ to: '/trace/$traceId', params: { traceId: s.traceId }, search: { span: s.spanId } })}
    />
  );
}

interface ResultListProps<Row> extends ResultsProps<Row> {
  label: string;
  columns: readonly ResultColumn<Row>[];
  rowKey: (row: Row) => string;
  isFailed: (row: Row) => boolean;
  onOpen: (row: Row) => void;
  onMark?: (row: Row) => void;
}

const rowHeight = 32;
const narrowRowHeight = 56; // two lines
const narrow = window.matchMedia('(max-width: 720px)');

/** The rows that are seen of a list of any length, which goes on as it is scrolled. */
function ResultList<Row>({ label, columns, rows, rowKey, isFailed, hasMore, loadingMore, onMore, onOpen, onMark }: ResultListProps<Row>) {
  const list = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => setOffset(list.current ? list.current.getBoundingClientRect().top + window.scrollY : 0), [rows.length]);
  const height = narrow.matches ? narrowRowHeight : rowHeight;
  const virtual = useWindowVirtualizer({ count: rows.length, estimateSize: () => height, overscan: 12, scrollMargin: offset });
  const seen = virtual.getVirtualItems();

  const lastSeen = seen.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && !loadingMore && lastSeen >= rows.length - 10) onMore();
  }, [hasMore, loadingMore, lastSeen, rows.length, onMore]);

  const [active, setActive] = useState(-1);
  const go = (to: number) => {
    const index = Math.min(Math.max(to, 0), rows.length - 1);
    setActive(index);
    virtual.scrollToIndex(index);
  };
  useEffect(() => {
    list.current?.querySelector<HTMLElement>(`[data-index="${active}"] .row-link`)?.focus({ preventScroll: true });
  }, [active]);
  const activeRow = rows[active];
  useKeys(label, [
    { keys: ['j', 'ArrowDown'], label: 'Next row', run: () => go(active + 1) },
    { keys: ['k', 'ArrowUp'], label: 'Row before', run: () => go(active - 1) },
    { keys: 'o', label: 'Open the row', run: () => activeRow && onOpen(activeRow) },
    ...(onMark ? [{ keys: 'x', label: 'Pick the row, to compare', run: () => activeRow && onMark(activeRow) }] : []),
  ]);

  const style = { '--columns': gridTemplate(columns) } as React.CSSProperties;
  return (
    <div className="results panel" role="table" aria-label={label} aria-rowcount={hasMore ? -1 : rows.length + 1} style={style}>
      <div role="rowgroup" className="results-head">
        <div role="row" aria-rowindex={1} className="result-row">
          {columns.map((c) => (
            <div key={c.key} role="columnheader" className={`cell-${c.kind}`}>
              {c.title}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" ref={list} className="results-body" style={{ height: virtual.getTotalSize() }}>
        {seen.map(({ index, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <div
              key={rowKey(row)}
              role="row"
              aria-rowindex={index + 2}
              data-index={index}
              className={`result-row ${isFailed(row) ? 'failed' : ''} ${index === active ? 'active' : ''}`}
              style={{ height, transform: `translateY(${start - offset}px)` }}
            >
              {columns.map((c) => (
                <div key={c.key} role="cell" className={`cell-${c.kind}`}>
                  {c.cell(row)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
      {loadingMore && <Loading what="Looking for more" />}
    </div>
  );
}

