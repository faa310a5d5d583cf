import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useTheme } from '../app/theme';
import { fit, pan, toPicture, zoom, type Camera, type Size } from './camera';
import { Pen, type Shown, type Words } from './draw';
import { hit, type Hit, type Picture } from './picture';

export interface MapCanvasProps {
  picture: Picture;
  words: Words;
  shown: Shown;
  colourOf: (service: string) => string;
  label: string;
  onHover: (what: Hit | undefined) => void;
  onSelect: (what: Hit | undefined) => void;
  onOpen: (what: Hit) => void;
}

/** How far from an edge a pointer still means it, in pixels of the screen. */
const reach = 8;
/** A pointer that moved less than this was a click. */
const still = 5;

/** The picture of a graph, to be moved about in by pointer, wheel and keys. */
export function MapCanvas({ picture, words, shown, colourOf, label, onHover, onSelect, onOpen }: MapCanvasProps) {
  const pointer = useRef<{ clientX: number; clientY: number }>(undefined);
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(frame);
  const { camera, setCamera, refit } = useCamera(picture, size);
  const theme = useTheme();

  useLayoutEffect(() => {
    const ctx = canvas.current?.getContext('2d', { alpha: false });
    if (!ctx || !canvas.current || size.width === 0) return undefined;
    const request = requestAnimationFrame(() => {
      const density = window.devicePixelRatio || 1;
      const [w, h] = [Math.round(size.width * density), Math.round(size.height * density)];
      if (canvas.current!.width !== w || canvas.current!.height !== h) [canvas.current!.width, canvas.current!.height] = [w, h];
      ctx.setTransform(density, 0, 0, density, 0, 0);
      new Pen(ctx, size, camera, picture, words, shown, getComputedStyle(canvas.current!).fontFamily, colourOf).draw();
    });
    return () => cancelAnimationFrame(request);
  }, [camera, size, picture, words, shown, colourOf, theme]);

  const at = useCallback(
    (e: { clientX: number; clientY: number }) => {
      const box = canvas.current!.getBoundingClientRect();
      return { x: e.clientX - box.left, y: e.clientY - box.top };
    },
    [canvas],
  );
  const find = (e: { clientX: number; clientY: number }): Hit | undefined => {
    const p = toPicture(camera, size, at(e));
    return hit(picture, p.x, p.y, reach / camera.scale);
  };
  // Browsers tell of a pointer that stands still while the picture below it changes.
  const hasMoved = ({ clientX, clientY }: { clientX: number; clientY: number }): boolean => {
    const before = pointer.current;
    pointer.current = { clientX, clientY };
    return before?.clientX !== clientX || before.clientY !== clientY;
  };
  const pointers = usePointers(setCamera, size, at, (e) => onSelect(find(e)));
  useWheel(frame, (e) => setCamera((c) => zoom(c, size, Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0016)), at(e))));

  const byKey = (e: React.KeyboardEvent) => {
    const centre = { x: size.width / 2, y: size.height / 2 };
    const step = e.shiftKey ? 200 : 60;
    const moves: Record<string, (c: Camera) => Camera> = {
      ArrowLeft: (c) => pan(c, step, 0),
      ArrowRight: (c) => pan(c, -step, 0),
      ArrowUp: (c) => pan(c, 0, step),
      ArrowDown: (c) => pan(c, 0, -step),
      '+': (c) => zoom(c, size, 1.3, centre),
      '=': (c) => zoom(c, size, 1.3, centre),
      '-': (c) => zoom(c, size, 1 / 1.3, centre),
    };
    const move = moves[e.key];
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (move) setCamera(move);
    else if (e.key === '0') refit();
    else if (e.key === 'Escape') onSelect(undefined);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };

  return (
    <div ref={frame} className="map-frame" role="application" aria-label={label} tabIndex={0} onKeyDown={byKey}>
      <canvas
        ref={canvas}
        className={shown.nodes ? 'map-canvas over' : 'map-canvas'}
        {...pointers}
        onMouseMove={(e) => e.buttons === 0 && hasMoved(e) && onHover(find(e))}
        onMouseLeave={() => onHover(undefined)}
        onDoubleClick={(e) => {
          const what = find(e);
          if (what) onOpen(what);
        }}
      />
      <div className="map-zoom">
        <button type="button" aria-label="Zoom in" onClick={() => setCamera((c) => zoom(c, size, 1.4, { x: size.width / 2, y: size.height / 2 }))}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => setCamera((c) => zoom(c, size, 1 / 1.4, { x: size.width / 2, y: size.height / 2 }))}>
          −
        </button>
        <button type="button" onClick={refit}>
          Fit
        </button>
      </div>
    </div>
  );
}

function useSize(frame: React.RefObject<HTMLElement | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = frame.current!;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  return size;
}

/** The camera shows all of a new picture, and of the old one what the user looks at. */
function useCamera(picture: Picture, size: Size) {
  const [own, setOwn] = useState<{ picture: Picture; camera: Camera }>();
  const fitted = useMemo(() => fit(picture.layout, size), [picture, size]);
  const camera = own?.picture.layout === picture.layout ? own.camera : fitted;
  const latest = useRef(camera);
  useEffect(() => {
    latest.current = camera;
  }, [camera]);
  const setCamera = useCallback(
    (change: (c: Camera) => Camera) => {
      latest.current = change(latest.current);
      setOwn({ picture, camera: latest.current });
    },
    [picture],
  );
  const refit = useCallback(() => setOwn(undefined), []);
  return { camera, setCamera, refit };
}

/** Dragging with one pointer moves the picture, with two it zooms as well. */
function usePointers(
  setCamera: (change: (c: Camera) => Camera) => void,
  size: Size,
  at: (e: { clientX: number; clientY: number }) => { x: number; y: number },
  onClick: (e: React.PointerEvent) => void,
) {
  const down = useRef(new Map<number, { x: number; y: number }>());
  const moved = useRef(0);
  const onPointerDown = (e: React.PointerEvent<HTMLCanvasElement>) => {
    if (e.button !== 0) return;
    e.currentTarget.setPointerCapture(e.pointerId);
    down.current.set(e.pointerId, at(e));
    if (down.current.size === 1) moved.current = 0;
  };
  const onPointerMove = (e: React.PointerEvent) => {
    const before = down.current.get(e.pointerId);
    if (!before) return;
    const now = at(e);
    const other = [...down.current].find(([id]) => id !== e.pointerId)?.[1];
    down.current.set(e.pointerId, now);
    moved.current += Math.hypot(now.x - before.x, now.y - before.y);
    if (!other) setCamera((c) => pan(c, now.x - before.x, now.y - before.y));
    else {
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / (Math.hypot(before.x - other.x, before.y - other.y) || 1);
      setCamera((c) => pan(zoom(c, size, factor, other), (now.x - before.x) / 2, (now.y - before.y) / 2));
    }
  };
  const onPointerUp = (e: React.PointerEvent) => {
    if (!down.current.delete(e.pointerId)) return;
    if (moved.current < still && down.current.size === 0) onClick(e);
  };
  const onPointerCancel = (e: React.PointerEvent) => void down.current.delete(e.pointerId);
  return { onPointerDown, onPointerMove, onPointerUp, onPointerCancel };
}

/** React's own listener of wheels cannot keep the page from scrolling. */
function useWheel(frame: React.RefObject<HTMLElement | null>, onWheel: (e: WheelEvent) => void): void {
  const latest = useRef(onWheel);
  useEffect(() => {
    latest.current = onWheel;
  });
  useEffect(() => {
    const element = frame.current!;
    const listener = (e: WheelEvent) => {
      e.preventDefault();
      latest.current(e);
    };
    element.addEventListener('wheel', listener, { passive: false });
    return () => element.removeEventListener('wheel', listener);
  }, [frame]);
}
