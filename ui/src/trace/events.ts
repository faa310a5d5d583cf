/** What the list of events shows of each, and which of them a filter leaves. */

import type { Column } from './colour';
import { nameOf, serviceOf, type TraceView } from './view';

/** Type and message of the exception of each event, if it is one; the columns have those of a span's first. */
export function exceptionTexts(view: TraceView, type: Column | undefined, message: Column | undefined): Map<number, string> {
  const texts = new Map<number, string>();
  const told = new Set<number>();
  view.events.exception.forEach((is, event) => {
    const row = view.events.row[event]!;
    if (!is || told.has(row)) return;
    told.add(row);
    const text = [valueOf(type, row), valueOf(message, row)].filter(Boolean).join(': ');
    if (text) texts.set(event, text);
  });
  return texts;
}

function valueOf(column: Column | undefined, row: number): string {
  return column?.values[column.codes[row]! - 1] ?? '';
}

/**
 * Events that have all words and none with a minus. `found` are rows whose spans have the words somewhere: if none of a
 * span's events has them by what is known here, such as in an attribute, it is all of them.
 */
export function filterEvents(view: TraceView, filter: string, exceptions: ReadonlyMap<number, string>, found: ReadonlySet<number>): Uint32Array {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const isExcluding = (word: string) => word.length > 1 && word.startsWith('-');
  const without = words.filter(isExcluding).map((word) => word.slice(1));
  const wanted = words.filter((word) => !isExcluding(word));
  const all = Uint32Array.from({ length: view.events.row.length }, (_, event) => event);
  if (words.length === 0) return all;
  const itself = new Set<number>();
  const kept = all.filter((event) => {
    const text = textOf(view, event, exceptions);
    if (without.some((word) => text.includes(word))) return false;
    if (wanted.every((word) => text.includes(word))) itself.add(event);
    return true;
  });
  const rows = new Set([...itself].map((event) => view.events.row[event]!));
  return kept.filter((event) => itself.has(event) || (found.has(view.events.row[event]!) && !rows.has(view.events.row[event]!)));
}

function textOf(view: TraceView, event: number, exceptions: ReadonlyMap<number, string>): string {
  const row = view.events.row[event]!;
  const parts = [view.strings[view.events.name[event]!], serviceOf(view, row), nameOf(view, row), view.events.exception[event] ? 'exception' : '', exceptions.get(event)];
  return parts.join(' ').toLowerCase();
}
