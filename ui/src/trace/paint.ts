/** Draws the rows of the waterfall that are in sight. */

import { formatDuration } from '../parts/format';
import { toneOf } from './logs';
import type { TraceModel } from './model';
import { placeOf } from './rows';
import { ticks } from './range';
import { oneLine } from './text';
import { Flag, failed } from './view';
import type { Viewport } from './viewport';

export interface Look {
  font: string;
  ink: string;
  muted: string;
  line: string;
  surface: string;
  hover: string;
  selected: string;
  accent: string;
  error: string;
  warning: string;
  found: string;
  /** Lines between the segments of the critical path. */
  joint: string;
  /** Colour of a code of the legend. */
  bar: (code: number) => string;
}

export interface Frame {
  ctx: CanvasRenderingContext2D;
  model: TraceModel;
  viewport: Viewport;
  look: Look;
  width: number;
  /** Width of the column of names. */
  names: number;
  /** Height of the axis above the rows. */
  axis: number;
  /** Where the pointer is, or -1. */
  pointer: number;
  /** A stretch that is being marked by dragging. */
  drag: { from: number; to: number } | null;
}

export const indent = 12;
/** Space of the arrow that collapses. */
export const arrow = 16;
const endPadding = 10;

/** X of a time, and the time at an x. */
export function xOf(frame: Pick<Frame, 'model' | 'width' | 'names'>, time: number): number {
  const { from, to } = frame.model.range;
  return frame.names + ((time - from) / (to - from)) * (frame.width - frame.names - endPadding);
}

export function timeAt(frame: Pick<Frame, 'model' | 'width' | 'names'>, x: number): number {
  const { from, to } = frame.model.range;
  return from + ((x - frame.names) / (frame.width - frame.names - endPadding)) * (to - from);
}

/** Where the name of a row begins. Deep rows share the last third of the column. */
export function indentOf(depth: number, names: number): number {
  const room = Math.max(0, names * 0.5 - arrow);
  const wanted = depth * indent;
  return 4 + (wanted <= room ? wanted : room + (names * 0.15 * (wanted - room)) / (wanted + room));
}

export function paint(frame: Frame): void {
  const { ctx, viewport, look, width, names, axis } = frame;
  ctx.fillStyle = look.surface;
  ctx.fillRect(0, 0, width, axis + viewport.height);
  ctx.font = look.font;
  ctx.textBaseline = 'middle';
  ctx.direction = 'ltr';
  const times = ticks(frame.model.range, Math.max(2, (width - names) / 110));
  paintGround(frame);
  for (let place = viewport.first; place < viewport.end; place++) paintName(frame, place);
  paintTimeGround(frame, times);
  if (frame.model.showPath) paintPath(frame, 'joints');
  for (let place = viewport.first; place < viewport.end; place++) paintBar(frame, place);
  if (frame.model.showPath) paintPath(frame, 'segments');
  for (let place = viewport.first; place < viewport.end; place++) {
    paintDuration(frame, place);
    paintLogs(frame, place);
  }
  paintAxis(frame, times);
}

/** Grounds of selected, hovered and found rows. */
function paintGround(frame: Frame, from = 0): void {
  const { ctx, model, viewport, look, width, axis } = frame;
  for (let place = viewport.first; place < viewport.end; place++) {
    const row = model.rows[place]!;
    const ground = row === model.selected ? look.selected : row === model.hovered ? look.hover : model.marks[row] ? look.found : '';
    if (!ground) continue;
    ctx.fillStyle = ground;
    ctx.fillRect(from, axis + viewport.y(place), width - from, viewport.rowHeight);
  }
}

function paintName(frame: Frame, place: number): void {
  const { ctx, model, viewport, look, names, axis } = frame;
  const { spans, strings } = model.view;
  const row = model.rows[place]!;
  const top = axis + viewport.y(place);
  const middle = top + viewport.rowHeight / 2;
  const flags = spans.flags[row]!;
  let x = indentOf(spans.depth[row]!, names);
  ctx.fillStyle = look.line;
  for (let depth = 1; depth <= Math.min(spans.depth[row]!, 60); depth++) {
    const at = indentOf(depth - 1, names) + 7;
    if (at < x) ctx.fillRect(Math.round(at), top, 1, viewport.rowHeight);
  }
  if (spans.descendants[row]! > 0) paintArrow(ctx, x + 7, middle, model.collapsed[row] === 1, look.muted);
  x += arrow;
  ctx.fillStyle = look.bar(model.legend.codes[row]!);
  ctx.fillRect(x, top + 5, 3, viewport.rowHeight - 10);
  x += 8;
  if (failed(flags)) x += paintBadge(ctx, x, middle, look.error, look.surface, (flags & Flag.errorOrigin) !== 0);
  if (flags & Flag.orphan) x += paintOrphan(ctx, x, middle, look.warning);
  const parent = spans.parent[row]!;
  if (parent < 0 || spans.service[parent] !== spans.service[row]) {
    ctx.fillStyle = look.ink;
    ctx.font = `600 ${look.font}`;
    const service = oneLine(strings[spans.service[row]!] || 'no service');
    ctx.fillText(service, x, middle);
    x += ctx.measureText(service).width + 7;
    ctx.font = look.font;
  }
  ctx.fillStyle = parent < 0 || spans.service[parent] !== spans.service[row] ? look.muted : look.ink;
  const name = oneLine(strings[spans.name[row]!] || 'no name');
  ctx.fillText(name, x, middle);
  if (model.collapsed[row]) {
    x += ctx.measureText(name).width + 8;
    ctx.fillStyle = look.accent;
    const hidden = `+${spans.descendants[row]!.toLocaleString('en')}`;
    ctx.fillText(hidden, x, middle);
    const bad = model.failedBelow(row);
    if (bad > 0) {
      ctx.fillStyle = look.error;
      ctx.fillText(`${bad.toLocaleString('en')} failed`, x + ctx.measureText(hidden).width + 6, middle);
    }
  }
}

function paintArrow(ctx: CanvasRenderingContext2D, x: number, y: number, collapsed: boolean, colour: string): void {
  ctx.fillStyle = colour;
  ctx.beginPath();
  if (collapsed) {
    ctx.moveTo(x - 2.5, y - 4);
    ctx.lineTo(x + 3, y);
    ctx.lineTo(x - 2.5, y + 4);
  } else {
    ctx.moveTo(x - 4, y - 2.5);
    ctx.lineTo(x + 4, y - 2.5);
    ctx.lineTo(x, y + 3);
  }
  ctx.fill();
}

/** The mark of a span that failed; filled where the error began. Returns its width. */
function paintBadge(ctx: CanvasRenderingContext2D, x: number, y: number, colour: string, ground: string, filled: boolean): number {
  ctx.beginPath();
  ctx.arc(x + 6, y, 5.5, 0, 2 * Math.PI);
  ctx.fillStyle = colour;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.2;
  if (filled) ctx.fill();
  else ctx.stroke();
  ctx.fillStyle = filled ? ground : colour;
  ctx.fillRect(x + 5.25, y - 3.2, 1.5, 4);
  ctx.fillRect(x + 5.25, y + 1.7, 1.5, 1.5);
  return 16;
}

/** The mark of a span whose parent is missing: a broken line. */
function paintOrphan(ctx: CanvasRenderingContext2D, x: number, y: number, colour: string): number {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(x + 5, y - 6);
  ctx.lineTo(x + 10, y);
  ctx.lineTo(x + 5, y + 6);
  ctx.lineTo(x, y);
  ctx.closePath();
  ctx.setLineDash([2.5, 2]);
  ctx.stroke();
  ctx.setLineDash([]);
  return 15;
}

/** Covers what of the names is too long, then draws the lines of the axis. */
function paintTimeGround(frame: Frame, times: number[]): void {
  const { ctx, viewport, look, width, names, axis } = frame;
  ctx.fillStyle = look.surface;
  ctx.fillRect(names, axis, width - names, viewport.height);
  paintGround(frame, names);
  ctx.fillStyle = look.line;
  for (const time of times) ctx.fillRect(Math.round(xOf(frame, time)), axis, 1, viewport.height);
  ctx.fillRect(names, 0, 1, axis + viewport.height);
}

/** Where the bar of a row begins and ends; one that ends before it starts is drawn from its end. */
function barOf(frame: Frame, row: number): { from: number; to: number } {
  const start = frame.model.start[row]!;
  const end = start + frame.model.view.spans.duration[row]!;
  const from = xOf(frame, Math.min(start, end));
  return { from, to: Math.max(xOf(frame, Math.max(start, end)), from + 2) };
}

function paintBar(frame: Frame, place: number): void {
  const { ctx, model, viewport, look, width, names, axis } = frame;
  const row = model.rows[place]!;
  const flags = model.view.spans.flags[row]!;
  const { from, to } = barOf(frame, row);
  const height = Math.min(12, viewport.rowHeight - 10);
  const y = axis + viewport.y(place) + (viewport.rowHeight - height) / 2;
  const left = Math.max(names + 1, from);
  const right = Math.min(width, to);
  if (right <= left) return;
  ctx.fillStyle = look.bar(model.legend.codes[row]!);
  ctx.beginPath();
  ctx.roundRect(left, y, right - left, height, Math.min(2, (right - left) / 2));
  ctx.fill();
  if (failed(flags)) {
    ctx.fillStyle = look.error;
    ctx.fillRect(left, y + height - 2.5, right - left, 2.5);
  }
  if (flags & Flag.events) paintEvents(frame, row, y, height);
}

/** Log records: points below the bar, those that warn or tell of an error larger. */
function paintLogs(frame: Frame, place: number): void {
  const { ctx, model, viewport, look, width, names, axis } = frame;
  const { logs } = model;
  if (!logs) return;
  const row = model.rows[place]!;
  const y = axis + viewport.y(place) + viewport.rowHeight - 3.5;
  const colours = { error: look.error, warning: look.warning, plain: look.ink };
  let last = -Infinity;
  for (const at of logs.of(row)) {
    const x = xOf(frame, logs.at[at]! + model.shift(row));
    const tone = toneOf(logs.list.logs[at]!);
    if (x < names || x > width || (x - last < 3 && tone === 'plain')) continue;
    last = x;
    ctx.fillStyle = colours[tone];
    ctx.beginPath();
    ctx.arc(x, y, tone === 'plain' ? 1.5 : 2.5, 0, 2 * Math.PI);
    ctx.fill();
  }
}

/** Beside the bar where there is room, otherwise on it. */
function paintDuration(frame: Frame, place: number): void {
  const { ctx, model, viewport, look, width, names, axis } = frame;
  const row = model.rows[place]!;
  const { from, to } = barOf(frame, row);
  const y = axis + viewport.y(place) + viewport.rowHeight / 2;
  if (to < names || from > width) {
    ctx.fillStyle = look.muted;
    ctx.fillText(to < names ? '\u2039' : '\u203a', to < names ? names + 4 : width - 9, y);
    return;
  }
  const text = formatDuration(model.view.spans.duration[row]!);
  const room = ctx.measureText(text).width + 6;
  ctx.fillStyle = failed(model.view.spans.flags[row]!) ? look.error : look.muted;
  if (to + room < width) ctx.fillText(text, to + 5, y);
  else if (from - room > names + 2) ctx.fillText(text, from - room + 1, y);
  else {
    const x = Math.min(to, width) - room - 2;
    ctx.fillStyle = look.bar(model.legend.codes[row]!);
    ctx.fillRect(x - 3, y - 5, room, 8.5);
    ctx.fillStyle = look.surface;
    ctx.fillText(text, x, y - 0.5);
  }
}

function paintEvents(frame: Frame, row: number, y: number, height: number): void {
  const { ctx, model, look, width, names } = frame;
  const { events } = model.view;
  let last = -Infinity;
  for (const event of model.eventsOf(row)) {
    const at = events.at[event]! + model.shift(row);
    const x = Math.round(xOf(frame, at));
    if (x < names || x > width || (x - last < 2 && !events.exception[event])) continue;
    last = x;
    ctx.fillStyle = events.exception[event] ? look.error : look.ink;
    ctx.fillRect(x - 0.75, y - 3, 1.5, height + 6);
  }
}

/** Segments of the critical path that lie in rows in sight, none of them closer than half a pixel to the one before. */
function segmentsInSight(frame: Frame): { row: number; at: number; from: number; to: number; y: number }[] {
  const { model, viewport, width, names, axis } = frame;
  const { path } = model.view;
  const segments = [];
  for (let place = viewport.first; place < viewport.end; place++) {
    const row = model.rows[place]!;
    const shift = model.shift(row);
    let drawn = -Infinity;
    for (const at of model.segmentsOf(row)) {
      const from = xOf(frame, path.start[at]! + shift);
      const to = xOf(frame, path.end[at]! + shift);
      if (to < names || from > width || to - drawn < 0.5) continue;
      drawn = to;
      segments.push({ row, at, from, to, y: axis + viewport.y(place) + viewport.rowHeight / 2 });
    }
  }
  return segments;
}

/** With more lines than this between them, segments are not joined: the lines would be a wall. */
const mostJoints = 120;

/** The critical path: lines in the bars, and, fainter and behind them, what joins one to the next. */
function paintPath(frame: Frame, what: 'segments' | 'joints'): void {
  const { ctx, viewport, look, width, names, axis } = frame;
  const segments = segmentsInSight(frame);
  if (what === 'joints' && 2 * segments.length > mostJoints) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(names + 1, axis, width - names, viewport.height);
  ctx.clip();
  ctx.fillStyle = what === 'segments' ? look.ink : look.joint;
  ctx.globalAlpha = what === 'segments' ? 1 : 0.45;
  for (const { row, at, from, to, y } of segments) {
    if (what === 'segments') ctx.fillRect(from, y - 1.5, Math.max(1, to - from), 3);
    else {
      paintJoint(frame, row, at - 1, Math.round(from), y);
      paintJoint(frame, row, at + 1, Math.round(to), y);
    }
  }
  ctx.restore();
}

/** From a row's segment up or down to the one before or behind it; what is out of sight ends at the edge. */
function paintJoint({ ctx, model, viewport, axis }: Frame, row: number, other: number, x: number, y: number): void {
  const { path } = model.view;
  if (other < 0 || other >= path.row.length || path.row[other] === row) return;
  const target = axis + viewport.y(placeOf(model.rows, path.row[other]!)) + viewport.rowHeight / 2;
  const there = Math.min(Math.max(target, axis - 5), axis + viewport.height + 5);
  ctx.fillRect(x, Math.min(there, y), 1, Math.abs(there - y));
}

function paintAxis(frame: Frame, times: number[]): void {
  const { ctx, model, viewport, look, width, names, axis } = frame;
  ctx.fillStyle = look.surface;
  ctx.fillRect(0, 0, width, axis);
  ctx.fillStyle = look.muted;
  ctx.fillText('Service and operation', 10, axis / 2);
  ctx.fillStyle = look.surface;
  ctx.fillRect(names, 0, width - names, axis);
  ctx.fillStyle = look.muted;
  for (const time of times) {
    const x = xOf(frame, time);
    const text = formatDuration(time);
    if (x + ctx.measureText(text).width + 4 < width) ctx.fillText(text, x + 4, axis / 2);
  }
  ctx.fillStyle = look.line;
  for (const time of times) ctx.fillRect(Math.round(xOf(frame, time)), axis - 6, 1, 6);
  ctx.fillRect(0, axis - 1, width, 1);
  ctx.fillRect(names, 0, 1, axis);
  if (frame.drag) paintDrag(frame, frame.drag);
  else if (frame.pointer > names) {
    ctx.fillStyle = look.accent;
    ctx.fillRect(Math.round(frame.pointer), axis - 4, 1, viewport.height + 4);
    const text = formatDuration(timeAt(frame, frame.pointer) - model.full.from);
    const room = ctx.measureText(text).width + 8;
    const x = Math.min(frame.pointer + 1, width - room);
    ctx.fillRect(x, 2, room, axis - 6);
    ctx.fillStyle = look.surface;
    ctx.fillText(text, x + 4, axis / 2 - 1);
  }
}

function paintDrag({ ctx, look, axis, viewport }: Frame, drag: { from: number; to: number }): void {
  ctx.globalAlpha = 0.18;
  ctx.fillStyle = look.accent;
  ctx.fillRect(Math.min(drag.from, drag.to), 0, Math.abs(drag.to - drag.from), axis + viewport.height);
  ctx.globalAlpha = 1;
}
