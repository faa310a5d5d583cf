import { useEffect, useImperativeHandle, useLayoutEffect, useRef, useState, type ReactNode, type Ref } from 'react';
import { Viewport } from './viewport';

export interface LongListHandle {
  /** Brings an entry into sight. */
  show: (place: number) => void;
}

export interface LongListProps {
  count: number;
  rowHeight: number;
  /** The entry at a place; it is laid into a row of the height above. */
  children: (place: number) => ReactNode;
  label: string;
  role: 'table' | 'list';
  /** Stays at the top. */
  header?: ReactNode;
  className?: string;
  ref?: Ref<LongListHandle>;
}

/** A list of any length, of which only what is in sight is there; also where a browser could not make it high enough. */
export function LongList({ count, rowHeight, children, label, role, header, className = '', ref }: LongListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [viewport] = useState(() => new Viewport(rowHeight));
  const barSetTo = useRef(0);
  const [, render] = useState(0);
  const bump = () => render((n) => n + 1);
  viewport.count = count;
  viewport.scrollTo(viewport.top);

  const moveTo = (top: number) => {
    viewport.scrollTo(top);
    scroller.current!.scrollTop = viewport.bar();
    barSetTo.current = scroller.current!.scrollTop;
    bump();
  };
  useImperativeHandle(ref, () => ({
    show: (place) => {
      viewport.show(place);
      moveTo(viewport.top);
    },
  }));
  useLayoutEffect(() => {
    const element = scroller.current!;
    const resize = new ResizeObserver(() => {
      viewport.height = element.clientHeight - (element.querySelector<HTMLElement>('.long-list-header')?.offsetHeight ?? 0);
      bump();
    });
    resize.observe(element);
    return () => resize.disconnect();
  }, [viewport]);
  useEffect(() => {
    const element = scroller.current!;
    const onWheel = (event: WheelEvent) => {
      if (!viewport.scaled || event.ctrlKey || event.deltaY === 0) return;
      event.preventDefault();
      moveTo(viewport.top + event.deltaY * (event.deltaMode === 1 ? rowHeight : 1));
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  });

  const onScroll = () => {
    const { scrollTop } = scroller.current!;
    if (Math.abs(scrollTop - barSetTo.current) < 1) return;
    barSetTo.current = scrollTop;
    viewport.fromBar(scrollTop);
    bump();
  };
  const places = Array.from({ length: Math.max(0, viewport.end - viewport.first) }, (_, i) => viewport.first + i);
  const counted = role === 'table' ? { 'aria-rowcount': count + (header ? 1 : 0) } : {};
  return (
    <div className={`long-list ${className}`} ref={scroller} onScroll={onScroll} tabIndex={0} role={role} aria-label={label} {...counted}>
      {header && <div className="long-list-header">{header}</div>}
      <div className="long-list-rows" role="presentation" style={{ height: viewport.spacer }}>
        <div role="presentation" style={{ transform: `translateY(${viewport.bar() - (viewport.top - viewport.first * rowHeight)}px)` }}>
          {places.map((place) => children(place))}
        </div>
      </div>
    </div>
  );
}
