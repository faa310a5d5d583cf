import { useState } from 'react';
import type { Schemas } from '../api/client';
import { formatDuration, formatNumber, formatPercent } from '../parts/format';
import { Icon } from '../parts/Icon';
import { ErrorMessage, Loading, Warning } from '../parts/Message';
import { Select } from '../parts/Select';
import { ServiceSwatch } from '../parts/Service';
import { ColumnHeader, type Column, type Sort } from '../parts/Table';
import { AttributeInput } from './Toolbar';
import { plainText, useStatistics } from './queries';
import type { TraceView } from './view';

type Group = Schemas['StatisticsGroup'];

const columns: readonly Column<Group>[] = [
  { key: 'count', title: 'Spans', number: true, sortable: true, cell: (g) => formatNumber(g.count) },
  { key: 'errors', title: 'Errors', number: true, sortable: true, cell: (g) => <span className={g.errors ? 'failed' : 'muted'}>{formatNumber(g.errors)}</span> },
  { key: 'totalNanos', title: 'Total', number: true, sortable: true, cell: (g) => formatDuration(Number(g.totalNanos)) },
  { key: 'avgNanos', title: 'Mean', number: true, sortable: true, cell: (g) => formatDuration(Number(g.avgNanos)) },
  { key: 'p50Nanos', title: 'p50', number: true, sortable: true, cell: (g) => formatDuration(Number(g.p50Nanos)) },
  { key: 'p95Nanos', title: 'p95', number: true, sortable: true, cell: (g) => formatDuration(Number(g.p95Nanos)) },
  { key: 'maxNanos', title: 'Max', number: true, sortable: true, cell: (g) => formatDuration(Number(g.maxNanos)) },
  { key: 'selfNanos', title: 'Self', number: true, sortable: true, cell: (g) => formatDuration(Number(g.selfNanos)) },
  { key: 'criticalNanos', title: 'On the path', number: true, sortable: true, cell: (g) => formatDuration(Number(g.criticalNanos)) },
  { key: 'criticalShare', title: 'Share', number: true, sortable: true, cell: (g) => <Share share={g.criticalShare} /> },
];

/** Most groups that are shown at first, and most of those within one. */
const few = 200;

export interface StatisticsProps {
  view: TraceView;
  by: string;
  sort: string | undefined;
  onBy: (by: string) => void;
  onSort: (sort: string) => void;
}

/** The spans of the trace in groups, on one or two levels. */
export function Statistics({ view, by, sort: sortText, onBy, onSort }: StatisticsProps) {
  const [first = 'service', second = ''] = by.split(',');
  const { data, error, isPending, refetch } = useStatistics(view, second ? [first, second] : [first]);
  const sort = readSort(sortText);
  return (
    <div className="statistics">
      <div className="trace-toolbar">
        <GroupChoice label="Group by" value={first} onChange={(next) => onBy([next, second].filter(Boolean).join(','))} />
        <GroupChoice label="then by" value={second} optional onChange={(next) => onBy([first, next].filter(Boolean).join(','))} />
      </div>
      {error && <ErrorMessage what="The statistics could not be made" error={error} onRetry={() => void refetch()} />}
      {isPending && !error && <Loading what="Grouping the spans" />}
      {data?.more && <Warning>There are more groups than are shown: those with the least time were left out.</Warning>}
      {data && !error && (
        <div className="table-scroll">
          <table className="table" aria-label="Statistics">
            <thead>
              <tr>
                <th scope="col">{[first, second].filter(Boolean).join(' / ')}</th>
                {columns.map((column) => (
                  <ColumnHeader key={column.key} column={column} sort={sort} onSort={(next) => onSort(`${next.descending ? '-' : ''}${next.key}`)} />
                ))}
              </tr>
            </thead>
            <tbody>
              {sorted(data.groups, sort)
                .slice(0, few)
                .map((group, i) => (
                  <GroupRows key={`${plainText(group.value.value)} ${i}`} group={group} sort={sort} by={[first, second]} />
                ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function readSort(text: string | undefined): Sort {
  const key = text?.replace(/^-/, '') ?? '';
  return columns.some((column) => column.key === key) ? { key, descending: text!.startsWith('-') } : { key: 'selfNanos', descending: true };
}

function sorted(groups: readonly Group[], sort: Sort): Group[] {
  const key = sort.key as keyof Group;
  return [...groups].sort((a, b) => (Number(a[key]) - Number(b[key])) * (sort.descending ? -1 : 1));
}

function GroupRows({ group, sort, by }: { group: Group; sort: Sort; by: string[] }) {
  const [open, setOpen] = useState(false);
  const below = group.groups ?? [];
  return (
    <>
      <tr>
        <th scope="row" className="group-name">
          {below.length > 0 ? (
            <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
              <Icon name={open ? 'chevronDown' : 'chevronRight'} size={12} />
              <GroupName group={group} by={by[0]!} />
            </button>
          ) : (
            <GroupName group={group} by={by[0]!} />
          )}
        </th>
        <Cells group={group} />
      </tr>
      {open &&
        sorted(below, sort)
          .slice(0, few)
          .map((each, i) => (
            <tr key={i} className="group-below">
              <th scope="row" className="group-name">
                <GroupName group={each} by={by[1]!} />
              </th>
              <Cells group={each} />
            </tr>
          ))}
    </>
  );
}

function GroupName({ group, by }: { group: Group; by: string }) {
  const text = group.value.type === 'nil' ? '' : plainText(group.value.value);
  return (
    <>
      {by === 'service' && <ServiceSwatch service={text} />} {text ? <bdi>{text.slice(0, 200)}</bdi> : <span className="muted">no value</span>}
    </>
  );
}

function Cells({ group }: { group: Group }) {
  return columns.map((column) => (
    <td key={column.key} className="number">
      {column.cell(group)}
    </td>
  ));
}

function Share({ share }: { share: number }) {
  return (
    <span className="share">
      <span className="share-bar" style={{ width: `${share * 100}%` }} />
      {formatPercent(share)}
    </span>
  );
}

const usual = ['service', 'name', 'kind', 'status'];

function GroupChoice({ label, value, optional = false, onChange }: { label: string; value: string; optional?: boolean; onChange: (value: string) => void }) {
  const known = value === '' || usual.includes(value);
  const [attribute, setAttribute] = useState(!known);
  return (
    <span className="colour-choice">
      <span className="muted">{label}</span>
      <Select
        label={label}
        value={attribute || !known ? 'attribute' : value}
        options={[
          ...(optional ? [{ value: '', label: 'nothing' }] : []),
          { value: 'service', label: 'service' },
          { value: 'name', label: 'operation' },
          { value: 'kind', label: 'kind' },
          { value: 'status', label: 'status' },
          { value: 'attribute', label: 'attribute' },
        ]}
        onChange={(next) => {
          setAttribute(next === 'attribute');
          if (next !== 'attribute') onChange(next);
        }}
      />
      {(attribute || !known) && <AttributeInput label={`Attribute to group by: ${label}`} value={known ? '' : value} onChange={onChange} />}
    </span>
  );
}
