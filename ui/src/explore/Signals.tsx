import { useMemo } from 'react';
import type { TimeRange } from '../app/timeRange';
import { Chart, type ChartSeries } from '../parts/Chart';
import { formatCount, formatDuration, formatPercent, formatRate, shorten } from '../parts/format';
import { ErrorMessage, Gaps, Loading } from '../parts/Message';
import { seriesColours } from '../parts/series';
import { serviceToken } from '../parts/serviceColour';
import { useSeries, valueText, type SeriesResult } from './data';
import { Heatmap } from './Heatmap';
import { readGrid } from './heatmap';
import { stepOf, type Box } from './request';
import { seriesMeaning } from './series';

const intervals = 120;
const noSeries: SeriesResult['series'] = [];

export interface SignalsProps {
  traceql: string;
  range: TimeRange;
  onRange: (range: TimeRange) => void;
  onNarrow: (box: Box) => void;
  onDiffers: (box: Box) => void;
}

/** The rate, errors and durations of the spans that match. */
export function Signals({ traceql, range, onRange, onNarrow, onDiffers }: SignalsProps) {
  const step = stepOf(range, intervals);
  return (
    <section className="signals" aria-label="Rate, errors and durations of the spans that match">
      <Rates traceql={traceql} range={range} step={step} onRange={onRange} />
      <Durations traceql={traceql} range={range} step={step} onRange={onRange} />
      <DurationMap traceql={traceql} range={range} step={step} onNarrow={onNarrow} onDiffers={onDiffers} />
    </section>
  );
}

interface SignalProps {
  traceql: string;
  range: TimeRange;
  step: number;
}

function Rates({ traceql, range, step, onRange }: SignalProps & Pick<SignalsProps, 'onRange'>) {
  const { data, error, refetch, isPending, fetchStatus } = useSeries(`${traceql} | rate() by (status)`, range, step);
  const { series, all, errors } = useMemo(() => rates(data), [data]);
  return (
    <Panel
      title="Rate and errors"
      value={
        all > 0 && (
          <>
            {formatRate(all)} <span className={errors > 0 ? 'error-text' : 'muted'}>{formatPercent(errors / all)} errors</span>
          </>
        )
      }
      error={error}
      onRetry={() => void refetch()}
      isPending={isPending}
      isCancelled={isPending && fetchStatus === 'idle'}
    >
      <Chart
        label={`Spans a second over time; ${formatRate(all)} on average, of which ${formatPercent(all > 0 ? errors / all : 0)} failed`}
        times={data?.timesUnixMilli ?? []}
        series={series}
        format={formatPerSecond}
        range={range}
        onSelect={onRange}
        height={134}
      />
      <Gaps gaps={data?.gaps} />
    </Panel>
  );
}

/** In one unit, along an axis. */
function formatPerSecond(rate: number): string {
  return `${formatCount(rate)}/s`;
}

/** Spans and, drawn over them, those that failed; with their averages. */
function rates(data: SeriesResult | undefined): { series: ChartSeries[]; all: number; errors: number } {
  const length = data?.timesUnixMilli.length ?? 0;
  const total = Array.from({ length }, () => 0);
  const failed = Array.from({ length }, () => 0);
  for (const s of data?.series ?? noSeries) {
    const isError = s.labels.some((l) => l.name === 'status' && l.value === 'error');
    s.values.forEach((value, i) => {
      total[i] = (total[i] ?? 0) + Number(value);
      if (isError) failed[i] = (failed[i] ?? 0) + Number(value);
    });
  }
  const average = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / Math.max(length, 1);
  return {
    series: [
      { label: 'Spans', colour: '--series-0', values: total, kind: 'bars' },
      { label: 'Errors', colour: '--error', values: failed, kind: 'bars' },
    ],
    all: average(total),
    errors: average(failed),
  };
}

const quantiles = [
  { p: 0.99, label: 'p99', colour: '--series-6' },
  { p: 0.95, label: 'p95', colour: '--series-2' },
  { p: 0.5, label: 'p50', colour: '--series-1' },
];

function formatSeconds(seconds: number): string {
  return formatDuration(seconds * 1e9);
}

function Durations({ traceql, range, step, onRange }: SignalProps & Pick<SignalsProps, 'onRange'>) {
  const { data, error, refetch, isPending, fetchStatus } = useSeries(`${traceql} | quantile_over_time(duration, .5, .95, .99)`, range, step);
  const series = useMemo(
    () =>
      quantiles.map(({ p, label, colour }): ChartSeries => {
        const found = data?.series.find((s) => s.labels.some((l) => l.name === 'p' && l.value === p));
        return { label, colour, values: found?.values.map(toNumber) ?? [] };
      }),
    [data],
  );
  return (
    <Panel
      title="Durations"
      value={series.toReversed().map((s) => (
        <span key={s.label} className="legend">
          <span className="swatch" style={{ background: `var(${s.colour})` }} />
          {s.label}
        </span>
      ))}
      error={error}
      onRetry={() => void refetch()}
      isPending={isPending}
      isCancelled={isPending && fetchStatus === 'idle'}
    >
      <Chart label="Quantiles of durations over time" times={data?.timesUnixMilli ?? []} series={series} format={formatSeconds} range={range} onSelect={onRange} height={134} />
    </Panel>
  );
}

function toNumber(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

const mapHeight = 328;

function DurationMap({ traceql, range, step, onNarrow, onDiffers }: SignalProps & Pick<SignalsProps, 'onNarrow' | 'onDiffers'>) {
  const { data, error, refetch, isPending, fetchStatus } = useSeries(`${traceql} | histogram_over_time(duration)`, range, step);
  const grid = useMemo(() => data && readGrid(data), [data]);
  return (
    <Panel title="Durations over time" value={<span className="muted">Drag a box to look closer</span>} error={error} onRetry={() => void refetch()} isPending={isPending} isCancelled={isPending && fetchStatus === 'idle'} large>
      {grid ? (
        <Heatmap grid={grid} height={mapHeight} onNarrow={onNarrow} onDiffers={onDiffers} />
      ) : (
        <p className="muted nothing" style={{ height: mapHeight }}>
          No spans
        </p>
      )}
    </Panel>
  );
}

interface PanelProps {
  title: string;
  value: React.ReactNode;
  error: Error | null;
  onRetry: () => void;
  isPending: boolean;
  isCancelled: boolean;
  large?: boolean;
  children: React.ReactNode;
}

function Panel({ title, value, error, onRetry, isPending, isCancelled, large = false, children }: PanelProps) {
  const failure = error ?? (isCancelled ? 'cancelled' : null);
  return (
    <div className={`panel signal ${large ? 'large' : ''}`}>
      <header>
        <h2>{title}</h2>
        <div>{value}</div>
      </header>
      {failure ? <ErrorMessage what={`${title} could not be computed`} error={failure} onRetry={onRetry} /> : isPending ? <Loading what="Counting" /> : children}
    </div>
  );
}

const seriesShown = 16;

/** What a metrics query answers: its series over time. */
export function QueriedSeries({ traceql, range, onRange }: { traceql: string; range: TimeRange; onRange: (range: TimeRange) => void }) {
  const { data, error, refetch, isPending } = useSeries(traceql, range, stepOf(range, intervals));
  const series = useMemo(
    () =>
      (data?.series ?? noSeries).slice(0, seriesShown).map(
        (s, i): ChartSeries => ({
          label: seriesLabel(s) || traceql,
          colour: seriesColour(s, i),
          values: s.values.map(toNumber),
        }),
      ),
    [data, traceql],
  );
  const { title, unit, format } = useMemo(() => seriesMeaning(traceql), [traceql]);
  if (error) return <ErrorMessage what="The series could not be computed" error={error} onRetry={() => void refetch()} />;
  if (isPending) return <Loading what="Computing the series" />;
  const hidden = (data?.series.length ?? 0) - series.length;
  return (
    <section className="panel queried-series" aria-label="Series">
      <header>
        <h2>
          <code className="untrusted">{title}</code>
        </h2>
        <span className="muted">{unit}</span>
      </header>
      <Gaps gaps={data?.gaps} />
      <Chart label={`${title} over time${unit && `, ${unit}`}`} times={data?.timesUnixMilli ?? []} series={series} format={format} range={range} onSelect={onRange} height={300} />
      <ul>
        {series.map((s) => (
          <li key={s.label}>
            <span className="swatch" style={{ background: `var(${s.colour})` }} /> <bdi className="untrusted">{s.label}</bdi>
          </li>
        ))}
      </ul>
      {series.length === 0 && <p className="muted">No series in this time range.</p>}
      {hidden > 0 && <p className="muted">{hidden} more are not drawn: `| topk({seriesShown})` picks the largest.</p>}
    </section>
  );
}

type Series = SeriesResult['series'][number];

function seriesLabel({ labels }: Series): string {
  if (labels.length === 1) return shorten(valueText(labels[0] ?? {}));
  return labels.map((l) => `${l.name}=${shorten(valueText(l))}`).join(', ');
}

/** A service has its own colour, also here. */
function seriesColour({ labels }: Series, index: number): string {
  const service = labels.find((l) => l.name === 'resource.service.name')?.value;
  return typeof service === 'string' && labels.length === 1 ? serviceToken(service) : `--series-${index % seriesColours}`;
}
