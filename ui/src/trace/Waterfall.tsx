import { useEffect, useImperativeHandle, useRef, useState, type KeyboardEvent, type Ref } from 'react';
import { useTheme } from '../app/theme';
import { formatDuration } from '../parts/format';
import type { TraceModel } from './model';
import { axis, Picture, rowHeight, type Sight } from './picture';
import { placeOf } from './rows';
import { useModel } from './useModel';
import { failed, Flag, nameOf, serviceOf } from './view';

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
