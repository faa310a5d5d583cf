/**
 * What the parts of the page share: the trace, and what of it is shown, collapsed, found and selected. Canvases draw from it
 * and React reads it through `subscribe`; a change is told once, after the fact.
 */

import { ByRow } from './critical';
import { legendOf, type ColourBy, type Column, type Legend } from './colour';
import type { PlacedLogs } from './logs';
import { extent, pan, sameRange, within, zoom, type Range } from './range';
import { collapseAll, collapseLevel, expandLevel, placeOf, reveal, visibleRows } from './rows';
import { adjustedStarts } from './skew';
import { failed, type TraceView } from './view';

/** What was looked for, and the rows that match, ascending. */
export interface Found {
  query: string;
  rows: Uint32Array;
}

const nothing: Found = { query: '', rows: new Uint32Array() };

export class TraceModel {
  /** Rows that are shown, ascending. */
  rows: Uint32Array;
  start: Float64Array;
  full: Range;
  range: Range;
  selected = -1;
  hovered = -1;
  found: Found = nothing;
  /** 1 for each row that matches. */
  readonly marks: Uint8Array;
  collapsed: Uint8Array;
  legend: Legend;
  colourBy: ColourBy = 'service';
  showPath = true;
  adjusted = false;
  /** Once they were read. */
  logs: PlacedLogs | null = null;
  /** Counts changes, for those who keep what they made of the model. */
  version = 0;

  private readonly listeners = new Set<() => void>();
  private readonly wanted = new Set<(row: number) => void>();
  private eventsByRow: ByRow | null = null;
  private segmentsByRow: ByRow | null = null;
  private failedBefore: Uint32Array | null = null;

  constructor(readonly view: TraceView) {
    this.collapsed = new Uint8Array(view.count);
    this.marks = new Uint8Array(view.count);
    this.rows = visibleRows(view.spans.descendants, this.collapsed);
    this.start = view.spans.start;
    this.full = extent(this.start, view.spans.duration, view.duration);
    this.range = this.full;
    this.legend = legendOf(view, 'service', null);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Calls `listener` with each row that is to be brought into sight. */
  onReveal(listener: (row: number) => void): () => void {
    this.wanted.add(listener);
    return () => this.wanted.delete(listener);
  }

  /** How many of the rows below a row failed. */
  failedBelow(row: number): number {
    this.failedBefore ??= sums(this.view.spans.flags);
    return this.failedBefore[row + 1 + this.view.spans.descendants[row]!]! - this.failedBefore[row + 1]!;
  }

  /** How far a row is drawn from where it said it was. */
  shift(row: number): number {
    return this.start[row]! - this.view.spans.start[row]!;
  }

  /** How long the trace is, as it is drawn. */
  get duration(): number {
    return this.adjusted ? this.full.to - this.full.from : this.view.duration;
  }

  /** Indices of the row's events. */
  eventsOf(row: number): Uint32Array {
    this.eventsByRow ??= new ByRow(this.view.events.row, this.view.count);
    return this.eventsByRow.of(row);
  }

  /** Indices of the row's segments of the critical path. */
  segmentsOf(row: number): Uint32Array {
    this.segmentsByRow ??= new ByRow(this.view.path.row, this.view.count);
    return this.segmentsByRow.of(row);
  }

  setLogs(logs: PlacedLogs | null): void {
    this.logs = logs;
    this.changed();
  }

  setRange(range: Range): void {
    const next = within(range, this.full);
    if (sameRange(next, this.range)) return;
    this.range = next;
    this.changed();
  }

  zoom(factor: number, at = (this.range.from + this.range.to) / 2): void {
    this.setRange(zoom(this.range, this.full, factor, at));
  }

  pan(share: number): void {
    this.setRange(pan(this.range, this.full, share));
  }

  /** Selects a row (-1: none) and brings it into sight, expanding what hides it. */
  select(row: number, show = true): void {
    if (row >= this.view.count) return;
    this.selected = row;
    if (row >= 0 && show && reveal(this.view.spans, this.collapsed, row)) this.layOut();
    this.changed();
    if (row >= 0 && show) for (const listener of this.wanted) listener(row);
  }

  /** Selects the visible row that is `by` rows further. */
  step(by: number): void {
    if (this.rows.length === 0) return;
    const place = this.selected < 0 ? (by > 0 ? -1 : this.rows.length) : placeOf(this.rows, this.selected);
    this.select(this.rows[Math.min(this.rows.length - 1, Math.max(0, place + by))]!);
  }

  hover(row: number): void {
    if (row === this.hovered) return;
    this.hovered = row;
    this.changed();
  }

  toggle(row: number, to = !this.collapsed[row]): void {
    if (this.view.spans.descendants[row] === 0 || this.collapsed[row] === Number(to)) return;
    this.collapsed[row] = to ? 1 : 0;
    this.layOut();
    this.changed();
  }

  collapse(what: 'all' | 'none' | 'level' | 'expand level'): void {
    const { spans } = this.view;
    if (what === 'all') collapseAll(spans, this.collapsed);
    else if (what === 'none') this.collapsed.fill(0);
    else if (what === 'level') collapseLevel(spans, this.collapsed);
    else expandLevel(spans, this.collapsed);
    this.layOut();
    this.changed();
  }

  setCollapsed(collapsed: Uint8Array): void {
    this.collapsed = collapsed;
    this.layOut();
    this.changed();
  }

  setFound(found: Found | null): void {
    this.marks.fill(0);
    this.found = found ?? nothing;
    for (const row of this.found.rows) this.marks[row] = 1;
    this.changed();
  }

  /** Selects the match after (1) or before (-1) the selected row, going round; says which it is, or -1. */
  nextFound(direction: 1 | -1): number {
    const { rows } = this.found;
    if (rows.length === 0) return -1;
    let at = placeOf(rows, this.selected);
    if (this.selected < 0 || this.selected < rows[0]!) at = direction > 0 ? 0 : rows.length - 1;
    else if (direction > 0) at = (at + 1) % rows.length;
    else at = (rows[at] === this.selected ? at - 1 + rows.length : at) % rows.length;
    this.select(rows[at]!);
    return at;
  }

  setColour(by: ColourBy, column: Column | null): void {
    this.colourBy = by;
    this.legend = legendOf(this.view, by, column);
    this.changed();
  }

  setPath(show: boolean): void {
    this.showPath = show;
    this.changed();
  }

  /** Draws spans where they would be if clocks agreed, or where they said they were. */
  setAdjusted(adjusted: boolean): void {
    if (adjusted === this.adjusted) return;
    this.adjusted = adjusted;
    const whole = sameRange(this.range, this.full);
    this.start = adjusted ? adjustedStarts(this.view) : this.view.spans.start;
    this.full = extent(this.start, this.view.spans.duration, adjusted ? 0 : this.view.duration);
    this.range = whole ? this.full : within(this.range, this.full);
    this.changed();
  }

  private layOut(): void {
    this.rows = visibleRows(this.view.spans.descendants, this.collapsed);
  }

  private changed(): void {
    this.version++;
    for (const listener of this.listeners) listener();
  }
}

/** For each row, and behind the last one, how many of those before it failed. */
function sums(flags: Uint16Array): Uint32Array {
  const before = new Uint32Array(flags.length + 1);
  flags.forEach((each, row) => (before[row + 1] = before[row]! + (failed(each) ? 1 : 0)));
  return before;
}
