import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useSetting } from '../app/settings';
import { tokenColour, useTheme } from '../app/theme';
import { formatClock, formatDate, type Zone } from './format';

export interface ChartSeries {
  label: string;
  /** A token of tokens.css, such as "--series-0" or "--error". */
  colour: string;
  values: readonly (number | null)[];
  kind?: 'line' | 'bars' | 'area';
}

export interface ChartProps {
  label: string;
  /** Unix milliseconds, one for each value. */
  times: readonly number[];
  series: readonly ChartSeries[];
  height?: number;
  format: (value: number) => string;
  /** From and to of the axis; otherwise the first and last time. */
  range?: { start: number; end: number };
  /** A stretch of time was dragged over. */
  onSelect?: (range: { start: number; end: number }) => void;
  /** Without axes and tooltip, for a line in a table. */
  bare?: boolean;
}

/** Series over time. */
export function Chart(props: ChartProps) {
  const { label, height = 120 } = props;
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const theme = useTheme();
  const [zone] = useSetting('zone');
  const [tip, setTip] = useState<Tip>();
  const onSelect = useRef(props.onSelect);
  useEffect(() => {
    onSelect.current = props.onSelect;
  });

  const { times, series, format, range, bare } = props;
  useLayoutEffect(() => {
    if (!box.current || width === 0) return undefined;
    const options = chartOptions({ width, height, series, format, range, bare, zone });
    options.hooks = {
      setCursor: [(u) => setTip(bare ? undefined : tipAt(u))],
      setSelect: [
        (u) => {
          if (u.select.width < 3) return;
          const at = (x: number) => u.posToVal(x, 'x') * 1000;
          const picked = { start: at(u.select.left), end: at(u.select.left + u.select.width) };
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onSelect.current?.(picked);
        },
      ],
    };
    const data = [times.map((t) => t / 1000), ...series.map((s) => s.values)] as uPlot.AlignedData;
    const plot = new uPlot(options, data, box.current);
    return () => {
      plot.destroy();
      setTip(undefined);
    };
  }, [times, series, format, range, bare, width, height, theme, zone]);

  return (
    <div className="chart" ref={box} role="img" aria-label={label} style={{ height }}>
      {tip && <ChartTip tip={tip} times={times} series={series} format={format} zone={zone} width={width} />}
    </div>
  );
}

/** The width of an element, as it changes; 0 before it is known. */
export function useWidth(ref: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    if (!ref.current) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(ref.current);
    setWidth(Math.floor(ref.current.clientWidth));
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

interface Tip {
  index: number;
  left: number;
}

function tipAt(u: uPlot): Tip | undefined {
  const { idx, left } = u.cursor;
  if (idx === null || idx === undefined || left === undefined || left < 0) return undefined;
  return { index: idx, left: left + u.bbox.left / devicePixelRatio };
}

function ChartTip({ tip, times, series, format, zone, width }: { tip: Tip; times: readonly number[]; series: readonly ChartSeries[]; format: (v: number) => string; zone: Zone; width: number }) {
  const at = times[tip.index];
  if (at === undefined) return null;
  const toLeft = tip.left > width / 2;
  return (
    <div className="chart-tip" style={{ transform: `translate(calc(${tip.left}px ${toLeft ? '- 100% - 10px' : '+ 10px'}), 0)` }} aria-hidden>
      <div className="muted">
        {formatDate(at, zone)}, {formatClock(at, zone)}
      </div>
      {series.map((s) => {
        const value = s.values[tip.index];
        return (
          <div key={s.label} className="service">
            <span className="swatch" style={{ background: `var(${s.colour})` }} />
            <bdi>{s.label}</bdi> {value === null || value === undefined ? '–' : format(value)}
          </div>
        );
      })}
    </div>
  );
}

type Options = Pick<ChartProps, 'series' | 'format' | 'range' | 'bare'> & { width: number; height: number; zone: Zone };

function chartOptions({ width, height, series, format, range, bare = false, zone }: Options): uPlot.Options {
  const axis = {
    stroke: tokenColour('--muted'),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    ticks: { show: false },
    grid: { stroke: tokenColour('--line'), width: 1 },
  };
  return {
    width,
    height,
    padding: bare ? [2, 0, 2, 0] : [8, 18, 0, 0],
    legend: { show: false },
    cursor: { show: !bare, y: false, points: { size: 5 }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: range ? { time: true, range: () => [range.start / 1000, range.end / 1000] } : { time: true },
      y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.05 : 1] },
    },
    axes: bare
      ? [{ show: false }, { show: false }]
      : [
          { ...axis, grid: { show: false }, size: 24, values: (_u, at) => timeLabels(at, zone), space: 70 },
          { ...axis, size: 52, values: (_u, at) => at.map(format), space: 28 },
        ],
    series: [{}, ...series.map(seriesOptions)],
  };
}

/** The clock, and where a day begins, its date. */
function timeLabels(at: readonly number[], zone: Zone): string[] {
  const step = (at[1] ?? 0) - (at[0] ?? 0);
  return at.map((s) => {
    const clock = formatClock(s * 1000, zone);
    if (step >= 86_400 || clock === '00:00:00') return formatDate(s * 1000, zone).replace(/ \d{4}$/, '');
    return step >= 60 ? clock.slice(0, 5) : clock;
  });
}

function seriesOptions(s: ChartSeries): uPlot.Series {
  const colour = tokenColour(s.colour);
  const bars = s.kind === 'bars' ? uPlot.paths.bars?.({ size: [0.9, 12], align: -1 }) : undefined;
  return {
    label: s.label,
    stroke: colour,
    width: bars ? 0 : 1.4,
    ...(s.kind === 'line' || !s.kind ? {} : { fill: s.kind === 'area' ? translucent(colour) : colour }),
    ...(bars ? { paths: bars } : {}),
    // A value between two that are missing has no line to it.
    points: bars ? { show: false } : { show: true, size: 4, fill: colour, filter: (u, i) => isolated(u.data[i] ?? []) },
    spanGaps: false,
  };
}

function isolated(values: ArrayLike<number | null | undefined>): number[] {
  const missing = (i: number) => values[i] === null || values[i] === undefined;
  return Array.from(values, (_, i) => i).filter((i) => !missing(i) && missing(i - 1) && missing(i + 1));
}

function translucent(colour: string): string {
  return `color-mix(in oklab, ${colour} 22%, transparent)`;
}
