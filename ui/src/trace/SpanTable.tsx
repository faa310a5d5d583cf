import { useDeferredValue, useEffect, useMemo, useRef } from 'react';
import { formatDuration, formatPlural } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Service } from '../parts/Service';
import { columns, readSort, tableRows, type ColumnKey } from './columns';
import { LongList, type LongListHandle } from './LongList';
import type { TraceModel } from './model';
import { useModel } from './useModel';
import { failed, kindOf, nameOf, serviceOf, statusOf } from './view';

const titles: Record<ColumnKey, string> = {
  service: 'Service',
  name: 'Operation',
  start: 'Start',
  duration: 'Duration',
  self: 'Self time',
  critical: 'On the path',
  kind: 'Kind',
  status: 'Status',
};

const numeric: ReadonlySet<ColumnKey> = new Set<ColumnKey>(['start', 'duration', 'self', 'critical']);

export interface SpanTableProps {
  model: TraceModel;
  sort: string | undefined;
  filter: string;
  onSort: (sort: string) => void;
  onFilter: (filter: string) => void;
  onOpen: (row: number) => void;
}

/** All spans, sorted and filtered. */
export function SpanTable({ model, sort: sortText, filter, onSort, onFilter, onOpen }: SpanTableProps) {
  const sort = readSort(sortText);
  const wanted = useDeferredValue(filter);
  const rows = useMemo(() => tableRows(model.view, readSort(sortText), wanted), [model, sortText, wanted]);
  const selected = useModel(model, (m) => m.selected);
  const list = useRef<LongListHandle>(null);
  const step = (by: number) => {
    const place = Math.min(rows.length - 1, Math.max(0, rows.indexOf(selected) + by));
    if (rows[place] === undefined) return;
    model.select(rows[place]);
    list.current?.show(place);
  };
  useEffect(() => {
    const place = rows.indexOf(model.selected);
    if (place >= 0) list.current?.show(place);
  }, [rows, model]);
  return (
    <div className="span-table">
      <div className="trace-toolbar">
        <input
          className="input"
          type="search"
          value={filter}
          placeholder="Filter: words, -without, error"
          aria-label="Filter the spans of the table"
          onChange={(event) => onFilter(event.target.value)}
        />
        <span className="muted" role="status">
          {rows.length === model.view.count ? formatPlural(rows.length, 'span') : `${rows.length.toLocaleString('en')} of ${formatPlural(model.view.count, 'span')}`}
        </span>
      </div>
      {/* The keys of rows are taken here: rows that scroll out of sight lose the focus. */}
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div
        className="span-table-box"
        onKeyDown={(event) => {
          const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (by === undefined) return;
          event.preventDefault();
          step(selected < 0 ? 0 : by);
        }}
      >
        <LongList
          ref={list}
          count={rows.length}
          rowHeight={26}
          label="Spans"
          role="table"
          header={
            <div role="row" className="span-row">
              {columns.map((key) => (
                <Header key={key} column={key} sorted={sort.key === key ? (sort.descending ? 'descending' : 'ascending') : undefined} onSort={onSort} />
              ))}
            </div>
          }
        >
          {(place) => <SpanRow key={rows[place]} model={model} row={rows[place]!} index={place + 2} selected={rows[place] === selected} onOpen={onOpen} />}
        </LongList>
      </div>
    </div>
  );
}

function Header({ column, sorted, onSort }: { column: ColumnKey; sorted: 'ascending' | 'descending' | undefined; onSort: (sort: string) => void }) {
  const descending = sorted ? sorted === 'ascending' : numeric.has(column) && column !== 'start';
  return (
    <div role="columnheader" aria-sort={sorted} className={numeric.has(column) ? 'number' : undefined}>
      <button type="button" onClick={() => onSort(descending ? `-${column}` : column)}>
        {titles[column]}
        {sorted && <Icon name={sorted === 'descending' ? 'chevronDown' : 'chevronUp'} size={12} />}
      </button>
    </div>
  );
}

function SpanRow({ model, row, index, selected, onOpen }: { model: TraceModel; row: number; index: number; selected: boolean; onOpen: (row: number) => void }) {
  const { view } = model;
  const { spans } = view;
  const flags = spans.flags[row]!;
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div role="row" aria-rowindex={index} aria-selected={selected} className="span-row" onClick={() => onOpen(row)}>
      <div role="cell">
        <Service name={serviceOf(view, row).slice(0, 200)} />
      </div>
      <div role="cell" className="ellipsis">
        <button type="button" className="span-link" onClick={() => onOpen(row)}>
          <bdi>{nameOf(view, row).slice(0, 200) || 'no name'}</bdi>
        </button>
      </div>
      <div role="cell" className="number muted">
        {formatDuration(model.start[row]!)}
      </div>
      <div role="cell" className="number">
        {formatDuration(spans.duration[row]!)}
      </div>
      <div role="cell" className="number">
        {formatDuration(spans.self[row]!)}
      </div>
      <div role="cell" className="number">
        {spans.critical[row]! > 0 ? formatDuration(spans.critical[row]!) : '–'}
      </div>
      <div role="cell" className="muted">
        {kindOf(flags)}
      </div>
      <div role="cell" className={failed(flags) ? 'failed' : 'muted'}>
        {statusOf(flags)}
      </div>
    </div>
  );
}
