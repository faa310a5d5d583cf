/** The table of spans: what its columns are sorted by, and which rows it has. */

import { orderBy, ranks } from './order';
import { failed, kindOf, statusOf, type TraceView } from './view';

export const columns = ['service', 'name', 'start', 'duration', 'self', 'critical', 'kind', 'status'] as const;
export type ColumnKey = (typeof columns)[number];

export interface TableSort {
  key: ColumnKey;
  descending: boolean;
}

/** As in a link: `-duration` for descending. */
export function readSort(text: string | undefined): TableSort {
  const key = text?.replace(/^-/, '') as ColumnKey | undefined;
  return key && columns.includes(key) ? { key, descending: text!.startsWith('-') } : { key: 'start', descending: false };
}

/**
 * Rows that have all the words in their service, operation, kind or status, in the order of the sort. `-word` leaves out
 * what has it; `error` alone means those that failed.
 */
export function tableRows(view: TraceView, sort: TableSort, filter: string): Uint32Array {
  const order = orderBy(keysOf(view, sort.key), sort.descending);
  const test = filterOf(view, filter);
  return test ? order.filter(test) : order;
}

function keysOf({ spans, strings, count }: TraceView, key: ColumnKey): Float64Array {
  switch (key) {
    case 'start':
    case 'duration':
    case 'self':
    case 'critical':
      return spans[key];
    case 'service':
    case 'name': {
      const rank = ranks(strings);
      return Float64Array.from({ length: count }, (_, row) => rank[spans[key][row]!]!);
    }
    case 'kind':
      return Float64Array.from(spans.flags, (flags) => flags & 7);
    case 'status':
      return Float64Array.from(spans.flags, (flags) => (flags >> 3) & 3);
  }
}

function filterOf(view: TraceView, filter: string): ((row: number) => boolean) | null {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const { spans, strings } = view;
  const lower = strings.map((text) => text.toLowerCase());
  const tests = words.map((word) => {
    const out = word.length > 1 && word.startsWith('-');
    const wanted = out ? word.slice(1) : word;
    const texts = Uint8Array.from(lower, (text) => (text.includes(wanted) ? 1 : 0));
    return { out, has: (row: number) => has(row, wanted, texts) };
  });
  function has(row: number, word: string, texts: Uint8Array): boolean {
    const flags = spans.flags[row]!;
    if (word === 'error') return failed(flags);
    return texts[spans.service[row]!] === 1 || texts[spans.name[row]!] === 1 || kindOf(flags) === word || statusOf(flags) === word;
  }
  return (row) => tests.every((test) => test.has(row) !== test.out);
}
