import type { ReactNode } from 'react';
import { Icon } from './Icon';

export interface Column<Row> {
  key: string;
  title: ReactNode;
  /** A number: to the right. */
  number?: boolean;
  sortable?: boolean;
  width?: number | string;
  cell: (row: Row) => ReactNode;
}

export interface Sort {
  key: string;
  descending: boolean;
}

export interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string | number;
  sort?: Sort | undefined;
  /** Numbers begin with the largest, text with A. */
  onSort?: (sort: Sort) => void;
  rowClass?: (row: Row) => string | undefined;
}

/** Up to some hundred rows; who has more, shows a part of them at a time. */
export function Table<Row>({ label, columns, rows, rowKey, sort, onSort, rowClass }: TableProps<Row>) {
  return (
    <table className="table" aria-label={label}>
      <thead>
        <tr>
          {columns.map((c) => (
            <ColumnHeader key={c.key} column={c} sort={sort} onSort={onSort} />
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={rowKey(row)} className={rowClass?.(row)}>
            {columns.map((c) => (
              <td key={c.key} className={c.number ? 'number' : undefined}>
                {c.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export interface ColumnHeaderProps<Row> {
  column: Column<Row>;
  sort: Sort | undefined;
  onSort: ((sort: Sort) => void) | undefined;
}

/** The <th> of a column, for tables that draw their rows themselves. */
export function ColumnHeader<Row>({ column, sort, onSort }: ColumnHeaderProps<Row>) {
  const sorted = sort?.key === column.key ? sort : undefined;
  const next = sorted ? !sorted.descending : (column.number ?? false);
  return (
    <th
      scope="col"
      className={column.number ? 'number' : undefined}
      style={{ width: column.width }}
      aria-sort={sorted && (sorted.descending ? 'descending' : 'ascending')}
    >
      {column.sortable && onSort ? (
        <button type="button" onClick={() => onSort({ key: column.key, descending: next })}>
          {column.title}
          {sorted && <Icon name={sorted.descending ? 'chevronDown' : 'chevronUp'} size={12} />}
        </button>
      ) : (
        column.title
      )}
    </th>
  );
}
