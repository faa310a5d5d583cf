import { useEffect, useImperativeHandle, useRef, useState, type KeyboardEvent, type Ref } from 'react';
import { useTheme } from '../app/theme';
import { formatDuration } from '../parts/format';
import { lookOf } from './look';
import type { TraceModel } from './model';
import { arrow, indentOf, paint, timeAt, type Frame, type Look } from './paint';
import { placeOf } from './rows';
import { useModel } from './useModel';
import { failed, Flag, nameOf, serviceOf } from './view';
import { Viewport } from './viewport';

const axis = 26;
const rowHeight = 24;

/** What is in sight, told to those who cannot see the canvas. */
interface Sight {
  first: number;
  end: number;
  top: number;
}

export interface WaterfallHandle {
  scrollBy: (rows: number) => void;
}

export interface WaterfallProps {
  model: TraceModel;
  /** A row was chosen, and its details are wanted. */
  onOpen: (row: number) => void;
  ref?: Ref<WaterfallHandle>;
}

/** The rows of the trace on a canvas that is as high as what is in sight; a tree of the same rows lies over it unseen. */
export function Waterfall({ model, onOpen, ref }: WaterfallProps) {
  const box = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = useRef<Picture | null>(null);
  const opened = useRef(onOpen);
  const theme = useTheme();
  const [sight, setSight] = useState<Sight>({ first: 0, end: 0, top: 0 });
  const [share, setShare] = useState(() => (window.innerWidth < 720 ? 0.45 : 0.36));
  const selected = useModel(model, (m) => m.selected);
  const rows = useModel(model, (m) => m.rows);

  useEffect(() => {
    const made = new Picture(model, scroller.current!, canvas.current!, (row) => opened.current(row), setSight);
    picture.current = made;
    return () => made.close();
  }, [model]);
  useEffect(() => {
    opened.current = onOpen;
  });
  useImperativeHandle(ref, () => ({ scrollBy: (rows) => picture.current?.scroll(rows * rowHeight) }));
  useEffect(() => picture.current?.setLook(), [theme]);
  useEffect(() => picture.current?.setShare(share), [share]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (treeKey(model, event.key, sight.end - sight.first, onOpen)) event.preventDefault();
  };
  const active = sight.first <= sight.end && selected >= 0 && inSight(rows, sight, selected);
  return (
    <div className="waterfall" ref={box}>
      <div className="waterfall-scroll" ref={scroller}>
        <div className="waterfall-window">
          <canvas ref={canvas} aria-hidden="true" />
          <div
            className="waterfall-tree"
            role="tree"
            tabIndex={0}
            aria-label="Spans"
            aria-activedescendant={active ? `span-${selected}` : undefined}
            onKeyDown={onKeyDown}
          >
            {Array.from({ length: sight.end - sight.first }, (_, i) => sight.first + i)
              .filter((place) => place < rows.length)
              .map((place) => (
                <TreeItem key={rows[place]} model={model} row={rows[place]!} selected={rows[place] === selected} top={axis + place * rowHeight - sight.top} />
              ))}
          </div>
        </div>
        <div />
      </div>
      <Divider share={share} onShare={setShare} box={box} />
    </div>
  );
}

function inSight(rows: Uint32Array, sight: Sight, row: number): boolean {
  const place = placeOf(rows, row);
  return rows[place] === row && place >= sight.first && place < sight.end;
}

/** Keys of a tree, as assistive software expects them. */
function treeKey(model: TraceModel, key: string, page: number, onOpen: (row: number) => void): boolean {
  const row = model.selected;
  switch (key) {
    case 'ArrowDown':
      model.step(1);
      return true;
    case 'ArrowUp':
      model.step(-1);
      return true;
    case 'PageDown':
      model.step(Math.max(1, page - 2));
      return true;
    case 'PageUp':
      model.step(-Math.max(1, page - 2));
      return true;
    case 'Home':
      model.step(-model.rows.length);
      return true;
    case 'End':
      model.step(model.rows.length);
      return true;
    case 'ArrowRight':
      if (row >= 0 && model.collapsed[row]) model.toggle(row, false);
      else if (row >= 0 && model.view.spans.descendants[row]! > 0) model.step(1);
      return true;
    case 'ArrowLeft':
      if (row < 0) return true;
      if (model.view.spans.descendants[row]! > 0 && !model.collapsed[row]) model.toggle(row, true);
      else if (model.view.spans.parent[row]! >= 0) model.select(model.view.spans.parent[row]!);
      return true;
    case 'Enter':
    case ' ':
      if (row < 0) model.step(1);
      else {
        onOpen(row);
        requestAnimationFrame(() => document.getElementById('span-details')?.focus());
      }
      return true;
  }
  return false;
}

function TreeItem({ model, row, selected, top }: { model: TraceModel; row: number; selected: boolean; top: number }) {
  const { view } = model;
  const flags = view.spans.flags[row]!;
  const notes = [
    failed(flags) && (flags & Flag.errorOrigin ? 'error begins here' : 'error'),
    flags & Flag.orphan && 'parent is missing',
    model.collapsed[row] && model.failedBelow(row) > 0 && `${model.failedBelow(row)} failed below`,
    view.spans.critical[row]! > 0 && `${formatDuration(view.spans.critical[row]!)} on the critical path`,
  ].filter(Boolean);
  return (
    <div
      id={`span-${row}`}
      role="treeitem"
      aria-level={view.spans.depth[row]! + 1}
      aria-expanded={view.spans.descendants[row]! > 0 ? !model.collapsed[row] : undefined}
      aria-selected={selected}
      style={{ top, height: rowHeight }}
    >
      <bdi>{serviceOf(view, row).slice(0, 200)}</bdi> <bdi>{nameOf(view, row).slice(0, 200)}</bdi>
      {`, ${formatDuration(view.spans.duration[row]!)}, starts at ${formatDuration(model.start[row]!)}${notes.map((note) => `, ${note}`).join('')}`}
    </div>
  );
}

/** Between names and time: dragged, or moved with the arrow keys. */
function Divider({ share, onShare, box }: { share: number; onShare: (share: number) => void; box: React.RefObject<HTMLDivElement | null> }) {
  const set = (next: number) => onShare(Math.min(0.8, Math.max(0.1, next)));
  return (
    <div
      className="waterfall-divider"
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the names"
      aria-valuenow={Math.round(share * 100)}
      aria-valuemin={10}
      aria-valuemax={80}
      tabIndex={0}
      style={{ left: `${share * 100}%` }}
      onKeyDown={(event) => {
        if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
        event.preventDefault();
        set(share + (event.key === 'ArrowLeft' ? -0.02 : 0.02));
      }}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
        const { left, width } = box.current!.getBoundingClientRect();
        set((event.clientX - left) / width);
      }}
    />
  );
}

/** The canvas and the scroll bar; it draws at most once a frame. */
class Picture {
  private readonly viewport = new Viewport(rowHeight);
  private readonly ctx: CanvasRenderingContext2D;
  private readonly off: (() => void)[] = [];
  private look: Look | null = null;
  private lookOf: unknown = null;
  private share = 0;
  private width = 0;
  private pointer = -1;
  private drag: { from: number; to: number } | null = null;
  private barSetTo = 0;
  private frame = 0;
  private told = 0;
  private drawn = false;
  private rows: Uint32Array | null = null;

  constructor(
    private readonly model: TraceModel,
    private readonly scroller: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly onOpen: (row: number) => void,
    private readonly onSight: (sight: Sight) => void,
  ) {
    this.ctx = canvas.getContext('2d', { alpha: false })!;
    const resize = new ResizeObserver(() => this.resize());
    resize.observe(scroller);
    this.off.push(() => resize.disconnect(), model.subscribe(this.draw), model.onReveal((row) => this.reveal(row)));
    this.listen(scroller, 'scroll', this.onScroll, { passive: true });
    this.listen(scroller, 'wheel', this.onWheel as (event: Event) => void, { passive: false });
    this.listen(canvas.parentElement!, 'pointerdown', this.onDown as (event: Event) => void);
    this.listen(canvas.parentElement!, 'pointermove', this.onMove as (event: Event) => void);
    this.listen(canvas.parentElement!, 'pointerup', this.onUp as (event: Event) => void);
    this.listen(canvas.parentElement!, 'pointercancel', this.onLeave);
    this.listen(canvas.parentElement!, 'pointerleave', this.onLeave);
    this.listen(canvas.parentElement!, 'dblclick', this.onDoubleClick as (event: Event) => void);
    this.resize();
    if (model.selected >= 0) this.reveal(model.selected);
  }

  close(): void {
    for (const off of this.off) off();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.told);
  }

  setLook(): void {
    this.look = null;
    this.draw();
  }

  setShare(share: number): void {
    this.share = share;
    this.draw();
  }

  scroll(by: number): void {
    this.moveTo(this.viewport.top + by);
  }

  private listen(target: EventTarget, type: string, listener: (event: Event) => void, options?: AddEventListenerOptions): void {
    target.addEventListener(type, listener, options);
    this.off.push(() => target.removeEventListener(type, listener));
  }

  private resize(): void {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.scroller.clientWidth;
    const height = this.scroller.clientHeight;
    this.viewport.height = Math.max(0, height - axis);
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${height}px`;
    this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paint();
  }

  private readonly draw = (): void => {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.paint());
  };

  private paint(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.layOut();
    if (this.lookOf !== this.model.legend) this.look = null;
    this.lookOf = this.model.legend;
    this.look ??= lookOf(this.model);
    paint(this.state(this.look));
    if (!this.drawn) performance.mark('trace drawn'); // for those who measure
    this.drawn = true;
    if (!this.told) this.told = window.setTimeout(this.tell, 120);
  }

  private state(look: Look): Frame {
    const { ctx, model, viewport, width, pointer, drag } = this;
    return { ctx, model, viewport, look, width, names: this.names, axis, pointer, drag };
  }

  private get names(): number {
    return Math.round(this.width * this.share);
  }

  private readonly tell = (): void => {
    this.told = 0;
    const { first, end, top } = this.viewport;
    this.onSight({ first, end, top });
  };

  /** Takes over how many rows there are; the row at the top stays. */
  private layOut(): void {
    if (this.rows === this.model.rows) return;
    const anchor = this.rows?.[this.viewport.first];
    const offset = this.viewport.top % rowHeight;
    this.rows = this.model.rows;
    this.viewport.count = this.rows.length;
    (this.scroller.lastElementChild as HTMLElement).style.height = `${axis + this.viewport.spacer}px`;
    if (anchor !== undefined) this.moveTo(placeOf(this.rows, anchor) * rowHeight + offset);
  }

  private reveal(row: number): void {
    this.layOut();
    this.viewport.show(placeOf(this.model.rows, row));
    this.moveTo(this.viewport.top);
  }

  private moveTo(top: number): void {
    this.viewport.scrollTo(top);
    this.scroller.scrollTop = this.viewport.bar();
    this.barSetTo = this.scroller.scrollTop;
    this.draw();
  }

  private readonly onScroll = (): void => {
    // What was set here comes back rounded: only the user's own scrolling is taken over.
    if (Math.abs(this.scroller.scrollTop - this.barSetTo) < 1) return;
    this.barSetTo = this.scroller.scrollTop;
    this.viewport.fromBar(this.scroller.scrollTop);
    this.paint();
  };

  private readonly onWheel = (event: WheelEvent): void => {
    const unit = event.deltaMode === 1 ? rowHeight : 1;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.model.zoom(Math.exp(event.deltaY * unit * 0.002), this.timeAt(event.clientX));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const delta = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      this.model.pan((delta * unit) / (this.width - this.names));
    } else if (this.viewport.scaled) {
      event.preventDefault();
      this.moveTo(this.viewport.top + event.deltaY * unit);
    }
  };

  private x(clientX: number): number {
    return clientX - this.canvas.getBoundingClientRect().left;
  }

  private timeAt(clientX: number): number {
    return timeAt({ model: this.model, width: this.width, names: this.names }, Math.max(this.names, this.x(clientX)));
  }

  private rowAt(event: MouseEvent): number {
    const y = event.clientY - this.canvas.getBoundingClientRect().top - axis;
    const place = y < 0 ? -1 : this.viewport.placeAt(y);
    return place < 0 ? -1 : this.model.rows[place]!;
  }

  private readonly onDown = (event: PointerEvent): void => {
    const x = this.x(event.clientX);
    if (event.button === 0 && event.pointerType === 'mouse' && x > this.names) this.drag = { from: x, to: x };
  };

  private readonly onMove = (event: PointerEvent): void => {
    this.pointer = this.x(event.clientX);
    if (this.drag && event.buttons === 1) {
      if (Math.abs(this.pointer - this.drag.from) > 4) this.canvas.parentElement!.setPointerCapture(event.pointerId);
      this.drag.to = Math.max(this.names, this.pointer);
    }
    this.model.hover(this.rowAt(event));
    this.draw();
  };

  private readonly onUp = (event: PointerEvent): void => {
    const { drag } = this;
    this.drag = null;
    if (drag && Math.abs(drag.to - drag.from) > 4) {
      const { left } = this.canvas.getBoundingClientRect();
      const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      this.model.setRange({ from: this.timeAt(left + from), to: this.timeAt(left + to) });
      return;
    }
    const row = this.rowAt(event);
    if (row < 0 || event.button !== 0) return;
    const at = indentOf(this.model.view.spans.depth[row]!, this.names);
    const x = this.x(event.clientX);
    if (x < this.names && x >= at - 4 && x < at + arrow && this.model.view.spans.descendants[row]! > 0) this.model.toggle(row);
    else this.onOpen(row);
  };

  private readonly onLeave = (): void => {
    this.pointer = -1;
    this.drag = null;
    this.model.hover(-1);
    this.draw();
  };

  private readonly onDoubleClick = (event: MouseEvent): void => {
    const row = this.rowAt(event);
    if (row < 0) return;
    if (this.x(event.clientX) < this.names) this.model.toggle(row);
    else {
      const [start, duration] = [this.model.start[row]!, Math.abs(this.model.view.spans.duration[row]!)];
      this.model.setRange({ from: start - duration * 0.05, to: start + duration * 1.05 });
    }
  };
}
