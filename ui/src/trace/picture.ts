import { lookOf } from './look';
import type { TraceModel } from './model';
import { arrow, indentOf, paint, timeAt, type Frame, type Look } from './paint';
import { placeOf } from './rows';
import { Viewport } from './viewport';

/** Height of the axis above the rows. */
export const axis = 26;
export const rowHeight = 24;

/** Which places are in sight, and how far the list is scrolled: for those who cannot see the canvas. */
export interface Sight {
  first: number;
  end: number;
  top: number;
}

/** The canvas and the scroll bar; it draws at most once a frame. */
export class Picture {
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
