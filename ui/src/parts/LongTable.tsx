import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import { ColumnHeader, type TableProps } from './Table';

export interface LongTableProps<Row> extends TableProps<Row> {
  /** Of each row, in pixels. */
  rowHeight: number;
}

/** A table of any number of rows, which scrolls in its box and draws only the rows that are seen. */
export function LongTable<Row>({ label, columns, rows, rowKey, sort, onSort, rowClass, rowHeight }: LongTableProps<Row>) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 12 });
  const seen = virtual.getVirtualItems();
  const above = seen[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (seen.at(-1)?.end ?? 0);
  return (
    <div ref={box} className="long-table" role="region" aria-label={label} tabIndex={0}>
      <table className="table" aria-label={label} aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            {columns.map((c) => (
              <ColumnHeader key={c.key} column={c} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {above > 0 && <Gap height={above} />}
          {seen.map(({ index }) => {
            const row = rows[index]!;
            return (
              <tr key={rowKey(row)} aria-rowindex={index + 2} className={rowClass?.(row)} style={{ height: rowHeight }}>
                {columns.map((c) => (
                  <td key={c.key} className={c.number ? 'number' : undefined}>
                    {c.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
          {below > 0 && <Gap height={below} />}
        </tbody>
      </table>
    </div>
  );
}

/** Stands for the rows that are not drawn. */
function Gap({ height }: { height: number }) {
  return (
    <tr aria-hidden className="gap-row">
      <td style={{ height }} />
    </tr>
  );
}
