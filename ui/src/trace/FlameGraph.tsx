import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { tokenColour, useTheme } from '../app/theme';
import { Button } from '../parts/Button';
import { formatDuration, formatPercent, formatPlural } from '../parts/format';
import { boxAt, flameOf, type Flame } from './flame';
import { labelToken } from './look';
import type { TraceModel } from './model';
import { oneLine } from './text';
import { Viewport } from './viewport';

const rowHeight = 22;

/** Where the time of the trace was spent, calls with the same way from the root as one box. */
export function FlameGraph({ model, onOpen }: { model: TraceModel; onOpen: (row: number) => void }) {
  const flame = useMemo(() => flameOf(model.view.spans), [model]);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [viewport] = useState(() => new Viewport(rowHeight));
  const [zoomed, setZoomed] = useState(-1);
  const [hovered, setHovered] = useState(-1);
  const theme = useTheme();
  const from = zoomed < 0 ? 0 : flame.left[zoomed]!;
  const width = (zoomed < 0 ? flame.width : flame.total[zoomed]!) || 1;
  viewport.count = flame.levels;

  useEffect(() => {
    const element = scroller.current!;
    const draw = () => {
      viewport.height = element.clientHeight;
      viewport.fromBar(element.scrollTop);
      paintFlame({ canvas: canvas.current!, flame, model, viewport, width: element.clientWidth, from, span: width, zoomed, hovered });
    };
    const resize = new ResizeObserver(draw);
    resize.observe(element);
    element.addEventListener('scroll', draw, { passive: true });
    draw();
    return () => {
      resize.disconnect();
      element.removeEventListener('scroll', draw);
    };
  }, [flame, model, viewport, from, width, zoomed, hovered, theme]);

  const at = (event: React.MouseEvent) => {
    const { left, top } = canvas.current!.getBoundingClientRect();
    const depth = viewport.placeAt(event.clientY - top);
    return boxAt(flame, from + ((event.clientX - left) / scroller.current!.clientWidth) * width, depth);
  };
  const open = (box: number) => {
    setZoomed(box === zoomed ? flame.parent[box]! : box);
    if (box >= 0) onOpen(flame.longest[box]!);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = neighbour(flame, hovered, event.key);
    if (next === null && event.key !== 'Enter' && event.key !== 'Escape') return;
    event.preventDefault();
    if (event.key === 'Escape') setZoomed(-1);
    else if (next === null) open(hovered);
    else setHovered(next);
  };
  return (
    <div className="flame">
      <div className="flame-line" aria-live="polite">
        {hovered >= 0 ? <BoxText model={model} flame={flame} box={hovered} /> : (
          <span className="muted">Width is self time, summed over all calls with the same way from the root; what ran at once adds up.</span>
        )}
        {zoomed >= 0 && (
          <Button icon="zoomOut" onClick={() => setZoomed(-1)}>
            Whole trace
          </Button>
        )}
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="flame-scroll" ref={scroller} tabIndex={0} role="application" aria-label="Flame graph: arrow keys go from box to box, Enter zooms" onKeyDown={onKeyDown}>
        <canvas
          ref={canvas}
          aria-hidden="true"
          onPointerMove={(event) => setHovered(at(event))}
          onPointerLeave={() => setHovered(-1)}
          onClick={(event) => {
            const box = at(event);
            if (box >= 0) open(box);
          }}
        />
        <div style={{ height: Math.max(0, viewport.spacer - viewport.height) }} />
      </div>
    </div>
  );
}

/** The box that an arrow key goes to, or null for other keys. */
function neighbour(flame: Flame, box: number, key: string): number | null {
  if (!/^Arrow(Up|Down|Left|Right)$/.test(key)) return null;
  if (box < 0) return 0;
  if (key === 'ArrowUp') return Math.max(flame.parent[box]!, 0);
  const alike = (other: number) => (key === 'ArrowDown' ? flame.parent[other] === box : flame.depth[other] === flame.depth[box]);
  let best = box;
  for (let other = 0; other < flame.count; other++) {
    if (other === box || !alike(other)) continue;
    const x = flame.left[other]!;
    const better =
      key === 'ArrowRight' ? x > flame.left[box]! && (best === box || x < flame.left[best]!)
      : key === 'ArrowLeft' ? x < flame.left[box]! && (best === box || x > flame.left[best]!)
      : best === box || flame.total[other]! > flame.total[best]!;
    if (better) best = other;
  }
  return best;
}

function BoxText({ model, flame, box }: { model: TraceModel; flame: Flame; box: number }) {
  const { strings } = model.view;
  return (
    <span>
      <strong>
        <bdi>{strings[flame.service[box]!]!.slice(0, 200)}</bdi>
      </strong>{' '}
      <bdi>{strings[flame.name[box]!]!.slice(0, 300)}</bdi>
      <span className="muted">
        {` ${formatDuration(flame.total[box]!)}, ${formatPercent(flame.total[box]! / (flame.width || 1))}; self ${formatDuration(flame.self[box]!)}; ${formatPlural(flame.spans[box]!, 'span')}`}
        {flame.errors[box]! > 0 && `, ${formatPlural(flame.errors[box]!, 'error')}`}
      </span>
    </span>
  );
}

interface FlameFrame {
  canvas: HTMLCanvasElement;
  flame: Flame;
  model: TraceModel;
  viewport: Viewport;
  width: number;
  /** What is shown on the axis of total: from where, and how much. */
  from: number;
  span: number;
  zoomed: number;
  hovered: number;
}

function paintFlame({ canvas, flame, model, viewport, width, from, span, zoomed, hovered }: FlameFrame): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(viewport.height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${viewport.height}px`;
  const ctx = canvas.getContext('2d', { alpha: false })!;
  ctx.scale(ratio, ratio);
  ctx.fillStyle = tokenColour('--surface');
  ctx.fillRect(0, 0, width, viewport.height);
  ctx.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textBaseline = 'middle';
  const { strings } = model.view;
  const [surface, ink, error] = [tokenColour('--surface'), tokenColour('--ink'), tokenColour('--error')];
  const last = viewport.end;
  // Of boxes that are too narrow to be seen one is drawn for each pixel.
  const dots = new Uint8Array(Math.max(0, last - viewport.first) * Math.ceil(width + 1));
  for (let box = 0; box < flame.count; box++) {
    const depth = flame.depth[box]!;
    if (depth < viewport.first || depth >= last) continue;
    const left = Math.max(0, ((flame.left[box]! - from) / span) * width);
    const right = Math.min(width, ((flame.left[box]! + flame.total[box]! - from) / span) * width);
    if (right < left) continue;
    const y = viewport.y(depth);
    if (right - left < 0.8) {
      const dot = (depth - viewport.first) * Math.ceil(width + 1) + Math.floor(left);
      if (dots[dot]) continue;
      dots[dot] = 1;
    }
    ctx.globalAlpha = zoomed >= 0 && depth < flame.depth[zoomed]! ? 0.12 : box === hovered ? 0.5 : 0.3;
    ctx.fillStyle = tokenColour(labelToken('service', strings[flame.service[box]!]!));
    ctx.fillRect(left, y, Math.max(0.8, right - left - 1), rowHeight - 1);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, y, Math.min(3, right - left), rowHeight - 1);
    if (flame.errors[box]) {
      ctx.fillStyle = error;
      ctx.fillRect(left, y + rowHeight - 3, Math.max(0.5, right - left - 1), 2);
    }
    if (right - left > 28) paintLabel(ctx, oneLine(`${strings[flame.service[box]!]}  ${strings[flame.name[box]!]}`), left, right, y, ink, surface);
  }
}

function paintLabel(ctx: CanvasRenderingContext2D, text: string, left: number, right: number, y: number, ink: string, surface: string): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, y, right - left - 3, rowHeight);
  ctx.clip();
  ctx.fillStyle = ink;
  ctx.strokeStyle = surface;
  ctx.fillText(text, left + 8, y + rowHeight / 2);
  ctx.restore();
}
