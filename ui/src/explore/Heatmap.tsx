import { useEffect, useMemo, useRef, useState } from 'react';
import { useSetting } from '../app/settings';
import { tokenColour, useTheme } from '../app/theme';
import { Button } from '../parts/Button';
import { useWidth } from '../parts/Chart';
import { formatClock, formatDate, formatDuration, formatMinute, formatPlural, type Zone } from '../parts/format';
import { boxOf, cellsBetween, countIn, roundBound, strength, timeTicks, type Cells, type Grid } from './heatmap';
import type { Box } from './request';

export interface HeatmapProps {
  grid: Grid;
  height: number;
  onNarrow: (box: Box) => void;
  onDiffers: (box: Box) => void;
}

type Cell = readonly [column: number, row: number];

// Of the box's menu, with its margin.
const actionsWidth = 210;
const actionsHeight = 130;

const axisWidth = 56;
const axisHeight = 22;

/** Durations over time. A box of it can be dragged open, or grown with Shift and the arrows. */
export function Heatmap({ grid, height, onNarrow, onDiffers }: HeatmapProps) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(frame);
  const theme = useTheme();
  const [zone] = useSetting('zone');
  const [hover, setHover] = useState<Cell>();
  const [anchor, setAnchor] = useState<Cell>();
  const [cells, setCells] = useState<Cells>();
  const [dragging, setDragging] = useState(false);
  const layout = useMemo(() => new Layout(grid, width, height), [grid, width, height]);

  useEffect(() => {
    if (canvas.current && width > 0) draw(canvas.current, layout, zone);
  }, [layout, width, theme, zone]);

  useEffect(() => setCells(undefined), [grid]);

  const cellAt = (e: React.PointerEvent): Cell => {
    const rect = e.currentTarget.getBoundingClientRect();
    return layout.cellAt(e.clientX - rect.left, e.clientY - rect.top);
  };
  const down = (e: React.PointerEvent) => {
    if (e.button !== 0) return;
    e.currentTarget.setPointerCapture(e.pointerId);
    const cell = cellAt(e);
    setAnchor(cell);
    setCells(cellsBetween(cell, cell));
    setDragging(true);
  };
  const move = (e: React.PointerEvent) => {
    const cell = cellAt(e);
    setHover(cell);
    if (dragging && anchor) setCells(cellsBetween(anchor, cell));
  };
  const key = (e: React.KeyboardEvent) => {
    const next = keyCells(e, cells, grid);
    if (next === undefined) return;
    e.preventDefault();
    setCells(next ?? undefined);
  };
  const box = cells && boxOf(grid, cells);
  return (
    <div className="heatmap" ref={frame} style={{ height }}>
      <canvas ref={canvas} style={{ width, height }} aria-hidden />
      <div
        className="heatmap-cells"
        style={layout.frame}
        role="application"
        aria-label="Durations over time: arrows move a box, Shift and arrows make it larger, Escape removes it"
        tabIndex={0}
        onPointerDown={down}
        onPointerMove={move}
        onPointerLeave={() => setHover(undefined)}
        onPointerUp={() => setDragging(false)}
        onPointerCancel={() => setDragging(false)}
        onKeyDown={key}
      >
        {cells && <div className="heatmap-box" style={layout.boxOf(cells)} />}
        {hover && !cells && <HoverTip grid={grid} cell={hover} layout={layout} zone={zone} />}
      </div>
      {cells && box && !dragging && (
        <div className="heatmap-actions" role="group" aria-label="The box" style={layout.actionsAt(cells)}>
          <p aria-live="polite">
            {formatPlural(countIn(grid, cells), 'span')}, {describeDurations(box)}
          </p>
          <Button variant="primary" onClick={() => onDiffers(box)}>
            What differs here?
          </Button>
          <Button onClick={() => onNarrow(box)}>Narrow the query</Button>
          <Button variant="quiet" onClick={() => setCells(undefined)}>
            Remove the box
          </Button>
        </div>
      )}
    </div>
  );
}

function describeDurations({ longerThan, atMost }: Box): string {
  if (longerThan === undefined) return atMost === undefined ? 'of any duration' : `up to ${formatDuration(atMost)}`;
  return atMost === undefined ? `longer than ${formatDuration(longerThan)}` : `${formatDuration(longerThan)} to ${formatDuration(atMost)}`;
}

/** The cells after a key: null for none, undefined if the key says nothing. */
function keyCells(e: React.KeyboardEvent, cells: Cells | undefined, grid: Grid): Cells | null | undefined {
  if (e.key === 'Escape') return cells ? null : undefined;
  const step = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] } as const)[e.key];
  if (!step || e.altKey || e.ctrlKey || e.metaKey) return undefined;
  const lastColumn = grid.times.length - 1;
  const lastRow = grid.bounds.length - 1;
  if (!cells) return { columns: [lastColumn, lastColumn], rows: [lastRow, lastRow] };
  const by = ([from, to]: readonly [number, number], d: number, last: number) =>
    [clamp(e.shiftKey && d > 0 ? from : from + d, last), clamp(e.shiftKey && d < 0 ? to : to + d, last)] as const;
  return { columns: by(cells.columns, step[0], lastColumn), rows: by(cells.rows, step[1], lastRow) };
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}

function HoverTip({ grid, cell, layout, zone }: { grid: Grid; cell: Cell; layout: Layout; zone: Zone }) {
  const [column, row] = cell;
  const cells = cellsBetween(cell, cell);
  const box = layout.boxOf(cells);
  const end = grid.times[column] ?? 0;
  const toLeft = box.left > layout.frame.width / 2;
  return (
    <div className="chart-tip" style={{ transform: `translate(calc(${box.left}px ${toLeft ? '- 100% - 8px' : '+ 14px'}), ${Math.max(0, box.top - 20)}px)` }}>
      <div className="muted">
        {formatDate(end, zone)}, {formatClock(end - grid.stepMillis, zone)}
      </div>
      {formatPlural(grid.counts[column * grid.bounds.length + row] ?? 0, 'span')}, {describeDurations(rowBox(grid, row))}
    </div>
  );
}

function rowBox(grid: Grid, row: number): Box {
  return { range: { start: 0, end: 0 }, longerThan: row > 0 ? grid.bounds[row - 1] : undefined, atMost: grid.bounds[row] };
}

/** Where things are, in CSS pixels. */
class Layout {
  readonly frame: { left: number; top: number; width: number; height: number };
  readonly cellWidth: number;
  readonly cellHeight: number;

  constructor(
    readonly grid: Grid,
    readonly width: number,
    readonly height: number,
  ) {
    this.frame = { left: axisWidth, top: 4, width: Math.max(width - axisWidth - 4, 1), height: height - axisHeight - 4 };
    this.cellWidth = this.frame.width / grid.times.length;
    this.cellHeight = this.frame.height / grid.bounds.length;
  }

  cellAt(x: number, y: number): Cell {
    const column = clamp(Math.floor(x / this.cellWidth), this.grid.times.length - 1);
    const row = clamp(Math.floor((this.frame.height - y) / this.cellHeight), this.grid.bounds.length - 1);
    return [column, row];
  }

  /** Within the frame. */
  boxOf({ columns, rows }: Cells): { left: number; top: number; width: number; height: number } {
    return {
      left: columns[0] * this.cellWidth,
      top: this.frame.height - (rows[1] + 1) * this.cellHeight,
      width: (columns[1] - columns[0] + 1) * this.cellWidth,
      height: (rows[1] - rows[0] + 1) * this.cellHeight,
    };
  }

  /** Beside the box, on a side that has room; or else in it. */
  actionsAt(cells: Cells): React.CSSProperties {
    const box = this.boxOf(cells);
    const top = Math.min(this.frame.top + box.top, Math.max(this.height - actionsHeight, 0));
    const left = this.frame.left + box.left;
    const right = left + box.width;
    if (this.width - right > actionsWidth) return { top, left: right + 8 };
    if (left > actionsWidth) return { top, right: this.width - left + 8 };
    return { top, left: Math.max((left + right - actionsWidth) / 2, 0) };
  }
}

function draw(canvas: HTMLCanvasElement, layout: Layout, zone: Zone): void {
  const scale = devicePixelRatio;
  canvas.width = Math.round(layout.width * scale);
  canvas.height = Math.round(layout.height * scale);
  const ctx = canvas.getContext('2d');
  if (!ctx) return;
  ctx.scale(scale, scale);
  drawCells(ctx, layout);
  drawAxes(ctx, layout, zone);
}

function drawCells(ctx: CanvasRenderingContext2D, { grid, frame, cellWidth, cellHeight }: Layout): void {
  const rows = grid.bounds.length;
  ctx.fillStyle = tokenColour('--series-0');
  for (let c = 0; c < grid.times.length; c++) {
    for (let r = 0; r < rows; r++) {
      const alpha = strength(grid.counts[c * rows + r] ?? 0, grid.max);
      if (alpha === 0) continue;
      ctx.globalAlpha = alpha;
      const gap = cellWidth > 3 ? 0.5 : 0;
      ctx.fillRect(frame.left + c * cellWidth, frame.top + frame.height - (r + 1) * cellHeight, cellWidth - gap, cellHeight - gap);
    }
  }
  ctx.globalAlpha = 1;
}

function drawAxes(ctx: CanvasRenderingContext2D, { grid, frame, cellHeight }: Layout, zone: Zone): void {
  ctx.fillStyle = tokenColour('--muted');
  ctx.strokeStyle = tokenColour('--line');
  ctx.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'right';
  const everyRow = Math.max(1, Math.ceil(22 / cellHeight));
  grid.bounds.forEach((bound, row) => {
    if (row % everyRow !== 0 || bound === 0) return;
    // A bound is the upper edge of its row.
    const y = frame.top + frame.height - (row + 1) * cellHeight;
    ctx.fillText(formatDuration(roundBound(bound)), frame.left - 6, Math.max(y, 7));
  });
  ctx.textBaseline = 'top';
  ctx.textAlign = 'center';
  const start = (grid.times[0] ?? 0) - grid.stepMillis;
  const end = grid.times.at(-1) ?? 0;
  const offset = zone === 'utc' ? 0 : -new Date(start).getTimezoneOffset() * 60_000;
  const { times, step } = timeTicks(start, end, frame.width / 80, offset);
  const label = step >= 86_400_000 ? (t: number) => formatDate(t, zone).replace(/ \d{4}$/, '') : (t: number) => (step < 60_000 ? formatClock : formatMinute)(t, zone);
  for (const t of times) {
    const x = frame.left + (frame.width * (t - start)) / (end - start);
    if (x < frame.left + frame.width - 20) ctx.fillText(label(t), x, frame.top + frame.height + 7);
  }
  ctx.strokeRect(frame.left - 0.5, frame.top - 0.5, frame.width + 1, frame.height + 1);
}
