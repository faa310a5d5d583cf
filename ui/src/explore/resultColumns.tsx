import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { formatClock, formatDate, formatDuration, formatNumber, formatPlural, formatTime, nanosToMillis, shorten, type Zone } from '../parts/format';
import { Service, ServiceSwatch } from '../parts/Service';
import { valueText, type FoundSpan, type TraceSummary } from './data';

export interface ResultColumn<Row> {
  key: string;
  /** Decides the width, and what is left out on a phone. */
  kind: 'pick' | 'time' | 'name' | 'duration' | 'number' | 'services' | 'id' | 'attribute';
  title: ReactNode;
  cell: (row: Row) => ReactNode;
}

const widths: Readonly<Record<ResultColumn<unknown>['kind'], string>> = {
  pick: '30px',
  time: '165px',
  name: 'minmax(220px, 2.4fr)',
  duration: '150px',
  number: '62px',
  services: 'minmax(90px, 150px)',
  id: '160px',
  attribute: 'minmax(90px, 1fr)',
};

export function gridTemplate(columns: readonly ResultColumn<never>[]): string {
  return columns.map((c) => widths[c.kind]).join(' ');
}

interface Shown {
  zone: Zone;
  /** The longest duration of all rows, in nanoseconds. */
  longest: number;
  attributes: readonly string[];
}

interface Picking {
  picked: readonly string[];
  onPick: (traceId: string) => void;
}

export function traceColumns({ zone, longest, attributes, picked, onPick }: Shown & Picking): ResultColumn<TraceSummary>[] {
  return [
    {
      key: 'pick',
      kind: 'pick',
      title: <span className="visually-hidden">Compare</span>,
      cell: (t) => <input type="checkbox" checked={picked.includes(t.traceId)} onChange={() => onPick(t.traceId)} aria-label={`Compare ${shorten(t.rootSpanName) || t.traceId}`} />,
    },
    { key: 'time', kind: 'time', title: 'Start', cell: (t) => <Start nanos={t.startTimeUnixNano} zone={zone} /> },
    { key: 'name', kind: 'name', title: 'Trace', cell: (t) => <TraceName trace={t} /> },
    { key: 'duration', kind: 'duration', title: 'Duration', cell: (t) => <Duration nanos={Number(t.durationNanos)} longest={longest} /> },
    { key: 'spans', kind: 'number', title: 'Spans', cell: (t) => formatNumber(t.spanCount) },
    { key: 'errors', kind: 'number', title: 'Errors', cell: (t) => t.errorCount > 0 && <span className="error-text">{formatNumber(t.errorCount)}</span> },
    { key: 'services', kind: 'services', title: 'Services', cell: (t) => <Services trace={t} /> },
    ...attributes.map((name) => attributeColumn<TraceSummary>(name, (t) => t.spanSets.flatMap((set) => [...(set.attributes ?? []), ...set.spans.flatMap((s) => s.attributes ?? [])]))),
  ];
}

export function spanColumns({ zone, longest, attributes }: Shown): ResultColumn<FoundSpan>[] {
  return [
    { key: 'time', kind: 'time', title: 'Start', cell: (s) => <Start nanos={s.startTimeUnixNano} zone={zone} /> },
    { key: 'name', kind: 'name', title: 'Span', cell: (s) => <SpanName span={s} /> },
    { key: 'duration', kind: 'duration', title: 'Duration', cell: (s) => <Duration nanos={Number(s.durationNanos)} longest={longest} /> },
    { key: 'trace', kind: 'id', title: 'Trace', cell: (s) => <span className="mono muted">{s.traceId?.slice(0, 16)}</span> },
    ...attributes.map((name) => attributeColumn<FoundSpan>(name, (s) => s.attributes ?? [])),
  ];
}

function attributeColumn<Row>(name: string, attributes: (row: Row) => FoundSpan['attributes']): ResultColumn<Row> {
  return {
    key: `attribute ${name}`,
    kind: 'attribute',
    title: (
      <bdi className="ellipsis" title={name}>
        {name}
      </bdi>
    ),
    cell: (row) => {
      const found = attributes(row)?.find((a) => a.name === name);
      if (!found) return <span className="muted">–</span>;
      const text = found.type === 'duration' ? formatDuration(Number(found.value)) : shorten(valueText(found));
      return (
        <bdi className="ellipsis" title={text}>
          {text}
        </bdi>
      );
    },
  };
}

function Start({ nanos, zone }: { nanos: string; zone: Zone }) {
  const ms = nanosToMillis(nanos);
  return (
    <time dateTime={isoTime(ms)} title={formatTime(ms, zone)}>
      <span className="muted">{formatDate(ms, zone).replace(/ \d{4}$/, '')}</span> {formatClock(ms, zone, true)}
    </time>
  );
}

function isoTime(ms: number): string | undefined {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : undefined;
}

function TraceName({ trace }: { trace: TraceSummary }) {
  return (
    <span className="row-name">
      <Service name={trace.rootServiceName} />
      <Link className="row-link ellipsis" to="/trace/$traceId" params={{ traceId: trace.traceId }}>
        <bdi>{shorten(trace.rootSpanName) || '(no name)'}</bdi>
      </Link>
      {!trace.root && <span className="tag">no root</span>}
    </span>
  );
}

function SpanName({ span }: { span: FoundSpan }) {
  return (
    <span className="row-name">
      <Service name={span.serviceName} />
      <Link className="row-link ellipsis" to="/trace/$traceId" params={{ traceId: span.traceId ?? '' }} search={{ span: span.spanId }}>
        <bdi>{shorten(span.name) || '(no name)'}</bdi>
      </Link>
    </span>
  );
}

function Duration({ nanos, longest }: { nanos: number; longest: number }) {
  const share = Math.min(Math.max(nanos / longest, 0), 1);
  return (
    <span className="duration">
      <span>{formatDuration(nanos)}</span>
      <span className="duration-bar" aria-hidden>
        <span style={{ width: `${Math.max(share * 100, 0.7)}%` }} />
      </span>
    </span>
  );
}

const swatchesShown = 6;

function Services({ trace }: { trace: TraceSummary }) {
  const { services } = trace;
  const names = shorten(services.map((s) => s.name).join(', '));
  return (
    <span className="services" title={names}>
      {services.slice(0, swatchesShown).map((s) => (
        <ServiceSwatch key={s.name} service={s.name} />
      ))}
      <span className="muted">{formatPlural(services.length, 'service')}</span>
    </span>
  );
}
