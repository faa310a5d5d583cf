import { useEffect, useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { tokenColour, useTheme } from '../app/theme';
import { formatDuration } from '../parts/format';
import { lookOf } from './look';
import { minimapOf, type Minimap as Map } from './minimap';
import type { TraceModel } from './model';
import type { Range } from './range';
import { useModel } from './useModel';

const height = 52;

/** The whole trace in small; what is marked on it by dragging is shown below in full. */
export function Minimap({ model }: { model: TraceModel }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const range = useModel(model, (m) => m.range);
  const theme = useTheme();

  useEffect(() => {
    const draw = (): void => paintMap(model, canvas.current!, box.current!.clientWidth);
    const resize = new ResizeObserver(draw);
    resize.observe(box.current!);
    // Only what the picture is made of: not the range, nor what is under the pointer.
    let drawn: unknown[] = [];
    const off = model.subscribe(() => {
      const now = [model.start, model.legend, model.found];
      if (now.some((each, i) => each !== drawn[i])) draw();
      drawn = now;
    });
    return () => {
      resize.disconnect();
      off();
    };
  }, [model, theme]);

  const { full } = model;
  const share = (time: number) => `${((time - full.from) / (full.to - full.from)) * 100}%`;
  const drag = useDrag(model, box);
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, () => void> = {
      ArrowLeft: () => model.pan(-0.1),
      ArrowRight: () => model.pan(0.1),
      ArrowUp: () => model.zoom(0.8),
      ArrowDown: () => model.zoom(1.25),
      Home: () => model.setRange(full),
    };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step();
  };
  return (
    <div
      className="minimap"
      ref={box}
      role="slider"
      tabIndex={0}
      aria-label="Part of the trace that is shown"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(((range.from - full.from) / (full.to - full.from)) * 100)}
      aria-valuetext={`${formatDuration(range.from)} to ${formatDuration(range.to)}`}
      onKeyDown={onKeyDown}
      {...drag}
      onDoubleClick={() => model.setRange(full)}
    >
      <canvas ref={canvas} aria-hidden="true" />
      <div className="minimap-veil" style={{ left: 0, right: `calc(100% - ${share(range.from)})` }} />
      <div className="minimap-veil" style={{ left: share(range.to), right: 0 }} />
      <div className="minimap-window" style={{ left: share(range.from), right: `calc(100% - ${share(range.to)})` }} />
    </div>
  );
}

/** Dragging marks a new range; at the edges of the one that is there it moves that edge. */
function useDrag(model: TraceModel, box: React.RefObject<HTMLDivElement | null>) {
  const drag = useRef<{ anchor: number; x: number } | null>(null);
  const timeAt = (clientX: number) => {
    const { left, width } = box.current!.getBoundingClientRect();
    return model.full.from + Math.min(1, Math.max(0, (clientX - left) / width)) * (model.full.to - model.full.from);
  };
  const nearEdge = (clientX: number, range: Range): number | null => {
    const { left, width } = box.current!.getBoundingClientRect();
    const x = (time: number) => left + ((time - model.full.from) / (model.full.to - model.full.from)) * width;
    if (Math.abs(clientX - x(range.from)) < 7) return range.to;
    if (Math.abs(clientX - x(range.to)) < 7) return range.from;
    return null;
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.current = { anchor: nearEdge(event.clientX, model.range) ?? timeAt(event.clientX), x: event.clientX };
    },
    onPointerMove: (event: PointerEvent) => {
      const now = drag.current;
      if (!now || Math.abs(event.clientX - now.x) < 4) return;
      now.x = -Infinity;
      const time = timeAt(event.clientX);
      model.setRange({ from: Math.min(now.anchor, time), to: Math.max(now.anchor, time) });
    },
    onPointerUp: () => {
      drag.current = null;
    },
  };
}

function paintMap(model: TraceModel, canvas: HTMLCanvasElement, width: number): void {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const columns = Math.max(1, Math.round(width * ratio));
  const lines = Math.round(height * ratio);
  canvas.width = columns;
  canvas.height = lines;
  const ctx = canvas.getContext('2d')!;
  // With few rows each has its own line, no thicker than a bar.
  const each = Math.min(5 * ratio, Math.max(1, Math.floor(lines / Math.max(1, model.view.count))));
  const map = minimapOf(model.view.spans, model.start, model.full, columns, Math.floor(lines / each));
  const top = Math.max(0, Math.floor((lines - map.height * each) / 2));
  const look = lookOf(model);
  paintCells(ctx, map, (service) => look.bar(model.colourBy === 'service' ? codeOf(model, service) : 0), top, each);
  const mark = tokenColour('--warning');
  ctx.fillStyle = mark;
  for (const row of model.found.rows.length < 5000 ? model.found.rows : model.found.rows.filter((_, i) => i % 97 === 0)) {
    ctx.fillRect(0, top + Math.floor((row * map.height) / model.view.count) * each, 5 * ratio, Math.max(each, ratio));
  }
}

/** The legend's code of a service, which cells have as the index of its string plus 1. */
function codeOf(model: TraceModel, service: number): number {
  return model.legend.labels.indexOf(model.view.strings[service - 1]!) + 1;
}

function paintCells(ctx: CanvasRenderingContext2D, map: Map, colourOf: (service: number) => string, top: number, each: number): void {
  const colours = new globalThis.Map<number, string>();
  const error = tokenColour('--error');
  for (let line = 0; line < map.height; line++) {
    for (let x = 0; x < map.width; ) {
      const at = line * map.width + x;
      let end = x + 1;
      while (end < map.width && same(map, at, line * map.width + end)) end++;
      if (map.cover[at]) {
        let colour = colours.get(map.service[at]!);
        if (colour === undefined) colours.set(map.service[at]!, (colour = colourOf(map.service[at]!)));
        ctx.globalAlpha = 0.35 + (0.65 * map.cover[at]!) / 255;
        ctx.fillStyle = map.error[at] ? error : colour;
        ctx.fillRect(x, top + line * each, end - x, Math.max(1, each - (each > 2 ? 1 : 0)));
      }
      x = end;
    }
  }
  ctx.globalAlpha = 1;
}

function same(map: Map, a: number, b: number): boolean {
  return map.service[a] === map.service[b] && map.cover[a] === map.cover[b] && map.error[a] === map.error[b];
}
