import { formatDuration, formatNumber, formatPercent } from '../parts/format';
import { usePercentile, type SpanDetails } from './queries';
import type { TraceView } from './view';

const [width, height] = [300, 34];

/** Whether a span is slow for its operation: where it lies among the others, and how those are spread. */
export function Percentile({ view, span }: { view: TraceView; span: SpanDetails }) {
  const { data } = usePercentile(view, span);
  if (!data) return <div className="percentile" />;
  if (data.rank === null || data.seen < 2) return <p className="muted">No other span of this operation an hour around the trace.</p>;
  const duration = Number(span.durationNanos);
  const most = Math.max(...data.histogram.map((bucket) => bucket.count), 1);
  const [low, high] = [Math.log(Math.max(1, Number(data.minNanos))), Math.log(Math.max(2, Number(data.maxNanos)))];
  const x = (nanos: number) => (high > low ? Math.min(1, Math.max(0, (Math.log(Math.max(1, nanos)) - low) / (high - low))) : 0.5) * (width - 4) + 2;
  return (
    <div className="percentile">
      <p>
        {data.rank >= 0.5 ? (
          <>
            Slower than <strong>{formatPercent(data.rank)}</strong> of
          </>
        ) : (
          <>
            Faster than <strong>{formatPercent(1 - data.rank)}</strong> of
          </>
        )}{' '}
        {data.estimated ? 'about ' : ''}
        {formatNumber(Math.round(data.count))} spans of this operation
        {data.estimated && <span className="muted"> (estimated from {formatNumber(data.seen)} that were sampled)</span>}
      </p>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {data.histogram.map((bucket) => {
          const [from, to] = [x(Number(bucket.fromNanos)), x(Number(bucket.toNanos))];
          const tall = bucket.count > 0 ? Math.max(1.5, (bucket.count / most) * (height - 4)) : 0;
          return <rect key={bucket.fromNanos} x={from} y={height - tall} width={Math.max(1, to - from - 0.5)} height={tall} className="percentile-bar" />;
        })}
        <rect x={x(duration) - 1} y={0} width={2} height={height} className="percentile-mark" />
      </svg>
      <p className="percentile-line muted">
        <span>p50 {formatDuration(Number(data.p50Nanos))}</span>
        <span>p95 {formatDuration(Number(data.p95Nanos))}</span>
        <span>p99 {formatDuration(Number(data.p99Nanos))}</span>
        <span>max {formatDuration(Number(data.maxNanos))}</span>
      </p>
    </div>
  );
}
