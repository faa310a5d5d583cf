import { Link } from '@tanstack/react-router';
import type { Schemas } from '../api/client';
import { useSetting } from '../app/settings';
import { useParams } from '../app/url';
import { formatDuration, formatPlural, formatTime, nanosToMillis } from '../parts/format';
import { Service } from '../parts/Service';
import { culprits, type DiffNode, type ServiceRow, type TraceDiff } from './tree';

/** Both traces side by side, and what is different in a sentence. */
export function DiffHeader({ diff, services }: { diff: TraceDiff; services: readonly ServiceRow[] }) {
  const longest = Math.max(Number(diff.a.durationNanos), Number(diff.b.durationNanos), 1);
  return (
    <section className="panel compare-header" aria-label="Both traces">
      <TraceLine side="a" trace={diff.a} first={diff.nodes.find((n) => n.a)} longest={longest} />
      <TraceLine side="b" trace={diff.b} first={diff.nodes.find((n) => n.b)} longest={longest} />
      <Verdict diff={diff} services={services} />
    </section>
  );
}

interface TraceLineProps {
  side: 'a' | 'b';
  trace: Schemas['DiffTrace'];
  /** Its first node, which stands for a root that is not there. */
  first: DiffNode | undefined;
  longest: number;
}

function TraceLine({ side, trace, first, longest }: TraceLineProps) {
  const [zone] = useSetting('zone');
  const [params] = useParams();
  const view = side === 'a' ? params.aView : params.bView;
  const named = trace.root ?? first;
  return (
    <div className="compare-trace">
      <span className={`side ${side}`}>{side.toUpperCase()}</span>
      <div className="compare-trace-name">
        <Link to="/trace/$traceId" params={{ traceId: trace.traceId }} search={{ view }}>
          <Service name={named?.service ?? ''} /> <bdi className="ellipsis">{named?.name ?? trace.traceId}</bdi>
        </Link>
        <span className="muted">
          {formatTime(nanosToMillis(trace.startTimeUnixNano), zone)} · {formatPlural(trace.spans, 'span')}
          {!trace.root && ' · root span missing'}
          {trace.errors > 0 && <span className="failed"> · {formatPlural(trace.errors, 'error')}</span>}
        </span>
      </div>
      <div className="compare-bar-cell">
        <span className={`compare-bar ${side}`} style={{ width: `${(Number(trace.durationNanos) / longest) * 100}%` }} />
      </div>
      <strong className="compare-duration">{formatDuration(Number(trace.durationNanos))}</strong>
    </div>
  );
}

function Verdict({ diff, services }: { diff: TraceDiff; services: readonly ServiceRow[] }) {
  const change = Number(diff.b.durationNanos) - Number(diff.a.durationNanos);
  const blamed = culprits(services, change);
  const counts = [
    diff.missing > 0 && `${formatPlural(diff.missing, 'span')} only in A`,
    diff.added > 0 && `${formatPlural(diff.added, 'span')} only in B`,
    diff.slower > 0 && `${diff.slower} slower`,
    diff.faster > 0 && `${diff.faster} faster`,
    diff.broken > 0 && `${diff.broken} failed only in B`,
    diff.mended > 0 && `${diff.mended} failed only in A`,
  ].filter(Boolean);
  return (
    <div className="compare-verdict">
      <p>
        <strong>{sentence(change)}</strong> {counts.length > 0 ? `${counts.join(', ')}; ` : 'No path is only in one of them; '}
        {formatPlural(diff.matched, 'pair')} of spans match.
      </p>
      {blamed.length > 0 && (
        <p>
          Most of it is time spent in{' '}
          {blamed.map((r, i) => (
            <span key={r.name}>
              {i > 0 && ', '}
              <Service name={r.name} /> ({signed(r.delta)})
            </span>
          ))}
          .
        </p>
      )}
    </div>
  );
}

function sentence(change: number): string {
  if (change === 0) return 'Both took the same time.';
  return change > 0 ? `B took ${formatDuration(change)} longer.` : `B took ${formatDuration(-change)} less.`;
}

/** signed is a difference of durations with its sign. */
export function signed(nanos: number): string {
  if (nanos === 0) return '±0';
  return nanos > 0 ? `+${formatDuration(nanos)}` : formatDuration(nanos);
}
