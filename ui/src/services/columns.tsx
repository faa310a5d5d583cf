import { Link } from '@tanstack/react-router';
import type { Params } from '../app/url';
import { formatDuration, formatPercent, formatRate } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Service } from '../parts/Service';
import type { Column } from '../parts/Table';
import type { Change } from './change';
import { requestsQuery } from './query';
import { toNumbers, type Row } from './rows';
import { Spark } from './Spark';

export interface ColumnOptions {
  /** There is something to compare with. */
  compared: boolean;
  byOperation: boolean;
  onOpen: (row: Row) => void;
}

/** serviceColumns are the columns of the table of services and operations. */
export function serviceColumns({ compared, byOperation, onOpen }: ColumnOptions): Column<Row>[] {
  const change = (key: string, of: (row: Row) => Change, title: string): Column<Row>[] =>
    compared ? [{ key, title: <span title={title}>Change</span>, number: true, sortable: true, cell: (row) => <ChangeText change={of(row)} /> }] : [];
  return [
    { key: 'name', title: byOperation ? 'Operation' : 'Service', sortable: true, cell: (row) => <Name row={row} byOperation={byOperation} onOpen={onOpen} /> },
    ...(byOperation ? [{ key: 'service', title: 'Service', cell: (row: Row) => <Service name={row.service} /> }] : []),
    { key: 'rateSpark', title: '', cell: (row) => <Spark values={toNumbers(row.requests.points.rate)} colour="--series-0" label="Requests over time" /> },
    { key: 'rate', title: 'Requests', number: true, sortable: true, cell: (row) => formatRate(row.requests.now.rate) },
    ...change('rateChange', (row) => row.changes.rate, 'How the rate changed'),
    { key: 'errorsSpark', title: '', cell: (row) => <Spark values={row.requests.now.errors > 0 ? toNumbers(row.requests.points.errorShare) : []} colour="--error" label="Share of failed requests over time" /> },
    {
      key: 'errors',
      title: 'Failed',
      number: true,
      sortable: true,
      cell: (row) => (row.requests.now.errors > 0 ? <span className="failed">{formatPercent(row.requests.now.errorShare)}</span> : <span className="muted">0 %</span>),
    },
    ...change('errorsChange', (row) => row.changes.errors, 'How the share of failures changed, in points'),
    { key: 'p95Spark', title: '', cell: (row) => <Spark values={toNumbers(row.requests.points.p95Nanos)} colour="--series-3" label="p95 over time" /> },
    { key: 'p50', title: 'p50', number: true, sortable: true, cell: (row) => took(row, row.requests.now.p50Nanos) },
    { key: 'p95', title: 'p95', number: true, sortable: true, cell: (row) => took(row, row.requests.now.p95Nanos) },
    ...change('p95Change', (row) => row.changes.p95, 'How p95 changed'),
    { key: 'p99', title: 'p99', number: true, sortable: true, cell: (row) => took(row, row.requests.now.p99Nanos) },
    ...(byOperation
      ? []
      : [
          {
            key: 'waits',
            title: <span title="How much of the critical paths of the traces with a service lies in its spans">Waits</span>,
            number: true,
            sortable: true,
            cell: (row: Row) => (row.waits === undefined ? '' : formatPercent(row.waits)),
          },
        ]),
    { key: 'examples', title: 'Examples', cell: (row) => <Examples row={row} /> },
    { key: 'links', title: <span className="visually-hidden">Go to</span>, cell: (row) => <Links row={row} /> },
  ];
}

function took(row: Row, nanos: string): string {
  return row.requests.now.seen > 0 ? formatDuration(Number(nanos)) : '–';
}

function ChangeText({ change }: { change: Change }) {
  return <span className={`change ${change.mood}`}>{change.text}</span>;
}

function Name({ row, byOperation, onOpen }: { row: Row; byOperation: boolean; onOpen: (row: Row) => void }) {
  if (row.operation !== undefined) {
    return (
      <Link className={byOperation ? 'operation' : 'operation below'} to="/" search={exploreSearch(row)}>
        <bdi className="ellipsis">{row.operation || '(no name)'}</bdi>
      </Link>
    );
  }
  return (
    <button type="button" className="opener" aria-expanded={row.open} onClick={() => onOpen(row)}>
      <Icon name={row.open ? 'chevronDown' : 'chevronRight'} size={14} />
      <Service name={row.service} />
    </button>
  );
}

const exploreSearch = (row: Row) => (before: Params): Params => ({ q: requestsQuery(row.service, row.operation), from: before.from, to: before.to });

/** Examples lead to a trace of the longest request, and to one of the newest that failed. */
function Examples({ row }: { row: Row }) {
  const [slow] = row.requests.slowest;
  const [failed] = row.requests.failing;
  return (
    <span className="examples">
      {slow && (
        <Link to="/trace/$traceId" params={{ traceId: slow.traceId }} search={{ span: slow.spanId }} title="The longest request">
          {formatDuration(Number(slow.durationNanos))}
        </Link>
      )}
      {failed && (
        <Link className="failed" to="/trace/$traceId" params={{ traceId: failed.traceId }} search={{ span: failed.spanId }} title="The newest request that failed">
          failed
        </Link>
      )}
    </span>
  );
}

function Links({ row }: { row: Row }) {
  return (
    <span className="examples">
      <Link to="/" search={exploreSearch(row)} aria-label={`Explore ${row.operation ?? row.service}`}>
        Explore
      </Link>
      {row.operation === undefined && (
        <Link to="/map" search={(before: Params) => ({ focus: row.service, from: before.from, to: before.to })} aria-label={`${row.service} on the map`}>
          Map
        </Link>
      )}
    </span>
  );
}
