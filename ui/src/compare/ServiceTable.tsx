import { useMemo } from 'react';
import { useParams } from '../app/url';
import { formatDuration, formatNumber } from '../parts/format';
import { Service } from '../parts/Service';
import { Table, type Column, type Sort } from '../parts/Table';
import { signed } from './DiffHeader';
import type { DiffSide, ServiceRow } from './tree';

const keys: Record<string, (r: ServiceRow) => number | string> = {
  name: (r) => r.name,
  spansA: (r) => r.a?.spans ?? 0,
  spansB: (r) => r.b?.spans ?? 0,
  errorsA: (r) => r.a?.errors ?? 0,
  errorsB: (r) => r.b?.errors ?? 0,
  selfA: (r) => Number(r.a?.selfNanos ?? 0),
  selfB: (r) => Number(r.b?.selfNanos ?? 0),
  delta: (r) => r.delta,
};

/** What each service has in both traces. Without a choice those whose own time changed most come first. */
export function ServiceTable({ rows }: { rows: readonly ServiceRow[] }) {
  const [params, setParams] = useParams();
  const key = params.sort?.replace(/^-/, '') ?? '';
  const sort: Sort | undefined = Object.hasOwn(keys, key) ? { key, descending: params.sort!.startsWith('-') } : undefined;
  const sorted = useMemo(() => {
    const of = keys[key];
    if (!of) return rows;
    const sign = params.sort?.startsWith('-') ? -1 : 1;
    return rows.toSorted((x, y) => (of(x) === of(y) ? 0 : sign * (of(x) < of(y) ? -1 : 1)));
  }, [rows, key, params.sort]);
  const count = (name: string, title: string, of: (r: ServiceRow) => number | undefined): Column<ServiceRow> => ({
    key: name,
    title,
    number: true,
    sortable: true,
    cell: (r) => orDash(of(r)),
  });
  const time = (name: string, title: string, of: (r: ServiceRow) => DiffSide | undefined): Column<ServiceRow> => ({
    key: name,
    title,
    number: true,
    sortable: true,
    cell: (r) => (of(r) ? formatDuration(Number(of(r)!.selfNanos)) : '–'),
  });
  return (
    <div className="panel compare-services">
      <Table
        label="Services in both traces"
        columns={[
          { key: 'name', title: 'Service', sortable: true, cell: (r) => <Service name={r.name} /> },
          count('spansA', 'Spans, A', (r) => r.a?.spans),
          count('spansB', 'Spans, B', (r) => r.b?.spans),
          count('errorsA', 'Errors, A', (r) => r.a?.errors),
          count('errorsB', 'Errors, B', (r) => r.b?.errors),
          time('selfA', 'Own time, A', (r) => r.a),
          time('selfB', 'Own time, B', (r) => r.b),
          { key: 'delta', title: 'B − A', number: true, sortable: true, cell: (r) => signed(r.delta) },
        ]}
        rows={sorted}
        rowKey={(r) => r.name}
        sort={sort}
        onSort={(s) => setParams({ sort: (s.descending ? '-' : '') + s.key }, { replace: true })}
      />
    </div>
  );
}

function orDash(n: number | undefined): string {
  return n === undefined ? '–' : formatNumber(n);
}
