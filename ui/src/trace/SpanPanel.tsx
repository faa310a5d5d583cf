import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Button } from '../parts/Button';
import { CopyButton } from '../parts/CopyButton';
import { formatClock, formatDuration, formatNumber, nanosToMillis } from '../parts/format';
import { useSetting } from '../app/settings';
import { Icon } from '../parts/Icon';
import { ErrorMessage, Loading } from '../parts/Message';
import { Service, ServiceSwatch } from '../parts/Service';
import { Attributes } from './Attributes';
import { BigText } from './BigText';
import { Conversation } from './Conversation';
import { exploreAround, operationQuery } from './filter';
import { LogLinks, SpanLogs } from './LogLines';
import type { TraceModel } from './model';
import { Percentile } from './Percentile';
import { plainText, useSpan, type SpanDetails, type SpanEvent } from './queries';
import { StackTrace } from './StackTrace';
import { unturned } from './text';
import { useModel } from './useModel';
import { failed, Flag, kindOf, nameOf, serviceOf, spanId, statusOf } from './view';

/** All that is known of the selected span. What the view has is there at once, the rest as soon as the server answers. */
export function SpanPanel({ model, row }: { model: TraceModel; row: number }) {
  const { view } = model;
  const { spans } = view;
  const { data: span, error, refetch } = useSpan(view, row);
  const flags = spans.flags[row]!;
  const start = useModel(model, (m) => m.start[row]!);
  return (
    <div className="span-panel">
      <h2 id="span-details" tabIndex={-1}>
        <ServiceSwatch service={serviceOf(view, row)} />
        <bdi>{unturned(serviceOf(view, row).slice(0, 200)) || 'no service'}</bdi>
      </h2>
      <p className="span-name">
        <BigText text={nameOf(view, row) || 'no name'} label="Name of the span" />
      </p>
      <dl className="span-facts">
        <Fact name="Duration">{formatDuration(spans.duration[row]!)}</Fact>
        <Fact name="Self time">{formatDuration(spans.self[row]!)}</Fact>
        <Fact name="On the path">{spans.critical[row]! > 0 ? formatDuration(spans.critical[row]!) : 'not on it'}</Fact>
        <Fact name="Starts at">{formatDuration(start)}</Fact>
        <Fact name="Kind">{kindOf(flags)}</Fact>
        <Fact name="Status">
          <span className={failed(flags) ? 'failed' : undefined}>{statusOf(flags)}</span>
        </Fact>
      </dl>
      <SpanActions model={model} row={row} />
      {span?.statusMessage && (
        <p className={failed(flags) ? 'status-message failed' : 'status-message'}>
          <BigText text={span.statusMessage} label="Status message" />
        </p>
      )}
      {flags & Flag.errorPath ? <ToOrigin model={model} row={row} /> : null}
      {error ? <ErrorMessage what="The details could not be read" error={error} onRetry={() => void refetch()} /> : !span ? <Loading what="Reading the span" /> : <Details key={row} model={model} span={span} />}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function SpanActions({ model, row }: { model: TraceModel; row: number }) {
  const { view } = model;
  const [start, duration] = [model.start[row]!, Math.abs(view.spans.duration[row]!)];
  return (
    <div className="span-actions">
      <Button onClick={() => model.setRange({ from: start - duration * 0.05, to: start + duration * 1.05 })}>Zoom to it</Button>
      {view.spans.parent[row]! >= 0 && <Button onClick={() => model.select(view.spans.parent[row]!)}>Parent</Button>}
      <Link className="button" to="/" search={exploreAround(view.startUnixNano, view.duration, operationQuery(serviceOf(view, row), nameOf(view, row)))}>
        Others like it
      </Link>
    </div>
  );
}

/** From a span that failed because one below it did, to that one. */
function ToOrigin({ model, row }: { model: TraceModel; row: number }) {
  const error = model.view.errors.find(({ path }) => path.includes(row));
  if (!error) return null;
  return (
    <button type="button" className="trace-error" onClick={() => model.select(error.origin)}>
      <Icon name="error" />
      <span className="ellipsis">
        It failed below: <strong>{error.service.slice(0, 100)}</strong> <bdi>{error.name.slice(0, 200)}</bdi>
      </span>
      <Icon name="arrowRight" />
    </button>
  );
}

function Details({ model, span }: { model: TraceModel; span: SpanDetails }) {
  const { view } = model;
  const exceptions = span.events.filter((event) => event.exception);
  const logs = useModel(model, (m) => m.logs);
  const logCount = logs?.of(span.row).length ?? 0;
  const links = span.links.length + span.linkedFrom.length;
  return (
    <>
      <Percentile view={view} span={span} />
      {view.spans.flags[span.row]! & Flag.genAI ? (
        <Section title="Conversation">
          <Conversation span={span} />
        </Section>
      ) : null}
      {exceptions.length > 0 && (
        <Section title="Exceptions" count={exceptions.length}>
          <Events model={model} span={span} events={exceptions} />
        </Section>
      )}
      <Section title="Attributes" count={span.attributes.length}>
        <Attributes view={view} attributes={span.attributes} dropped={span.droppedAttributes} />
      </Section>
      {span.events.length > exceptions.length && (
        <Section title="Events" count={span.events.length - exceptions.length}>
          <Events model={model} span={span} events={span.events.filter((event) => !event.exception)} />
        </Section>
      )}
      {logs && logCount > 0 && (
        <Section title="Logs" count={logCount}>
          <SpanLogs model={model} placed={logs} row={span.row} />
        </Section>
      )}
      {span.logLinks.length > 0 && (
        <Section title="Logs elsewhere">
          <p className="span-actions">
            <LogLinks list={{ links: span.logLinks }} />
          </p>
        </Section>
      )}
      {span.droppedEvents > 0 && <p className="muted">{formatNumber(span.droppedEvents)} events were dropped before they were sent.</p>}
      {(links > 0 || span.linkedFromPartial) && (
        <Section title="Links" count={links}>
          <Links model={model} span={span} />
        </Section>
      )}
      <Section title="Resource" count={span.resource.attributes.length} closed>
        <Attributes view={view} attributes={span.resource.attributes} dropped={span.resource.droppedAttributes} />
      </Section>
      <Section title="Scope and ids" closed>
        <Identity view={model} span={span} />
      </Section>
    </>
  );
}

function Section({ title, count, closed = false, children }: { title: string; count?: number; closed?: boolean; children: ReactNode }) {
  return (
    <details className="span-section" open={!closed}>
      <summary>
        <h3>{title}</h3>
        {count !== undefined && <span className="muted">{formatNumber(count)}</span>}
      </summary>
      {children}
    </details>
  );
}

/** Most events of one span that are listed here; the tab of events has all. */
const mostEvents = 200;

function Events({ model, span, events }: { model: TraceModel; span: SpanDetails; events: readonly SpanEvent[] }) {
  const [zone] = useSetting('zone');
  return (
    <ol className="span-events">
      {events.slice(0, mostEvents).map((event, i) => (
        <li key={i}>
          <header>
            <bdi className={event.exception ? 'failed' : undefined}>{event.name.slice(0, 300) || 'no name'}</bdi>
            <span className="muted" title={formatClock(nanosToMillis(event.timeUnixNano), zone, true)}>
              {formatDuration(Number(BigInt(event.timeUnixNano) - BigInt(span.startUnixNano)))} in
            </span>
          </header>
          {event.exception ? (
            <Exception model={model} event={event} />
          ) : (
            event.attributes.length > 0 && <Attributes view={model.view} attributes={event.attributes} dropped={event.droppedAttributes} />
          )}
        </li>
      ))}
      {events.length > mostEvents && <li className="muted">and {formatNumber(events.length - mostEvents)} more</li>}
    </ol>
  );
}

const told = new Set(['exception.type', 'exception.message', 'exception.stacktrace']);

function Exception({ model, event }: { model: TraceModel; event: SpanEvent }) {
  const get = (key: string) => plainText(event.attributes.find((attribute) => attribute.key === key)?.value ?? '');
  const [type, message, stack] = [get('exception.type'), get('exception.message'), get('exception.stacktrace')];
  const others = event.attributes.filter(({ key }) => !told.has(key));
  return (
    <>
      {(type || message) && (
        <p className="exception">
          {type && <strong className="untrusted">{type.slice(0, 300)}</strong>}
          {type && message && ': '}
          {message && <BigText text={message} label="Message of the exception" />}
        </p>
      )}
      {stack && <StackTrace text={stack} />}
      {others.length > 0 && <Attributes view={model.view} attributes={others} dropped={event.droppedAttributes} />}
    </>
  );
}

function Links({ model, span }: { model: TraceModel; span: SpanDetails }) {
  return (
    <ul className="span-links">
      {span.links.map((link, i) => (
        <li key={i}>
          <span className="muted">links to</span> <LinkTarget model={model} traceId={link.traceId} spanId={link.spanId} row={link.row} />
          {link.attributes.length > 0 && <Attributes view={model.view} attributes={link.attributes} dropped={link.droppedAttributes} />}
        </li>
      ))}
      {span.linkedFrom.map((link, i) => (
        <li key={`from ${i}`}>
          <span className="muted">linked from</span> <LinkTarget model={model} traceId={link.traceId} spanId={link.spanId} row={link.row} />
          <div>
            <Service name={link.service.slice(0, 200)} /> <bdi>{link.name.slice(0, 200)}</bdi> <span className="muted">{formatDuration(Number(link.durationNanos))}</span>
          </div>
        </li>
      ))}
      {span.linkedFromPartial && <li className="muted">There may be more spans that link here.</li>}
      {span.droppedLinks > 0 && <li className="muted">{formatNumber(span.droppedLinks)} links were dropped before they were sent.</li>}
    </ul>
  );
}

function LinkTarget({ model, traceId, spanId: id, row }: { model: TraceModel; traceId: string; spanId: string; row: number | undefined }) {
  if (row !== undefined) {
    return (
      <button type="button" className="span-link" onClick={() => model.select(row)}>
        <bdi>{`${serviceOf(model.view, row)} ${nameOf(model.view, row)}`.slice(0, 200)}</bdi>
      </button>
    );
  }
  return (
    <Link to="/trace/$traceId" params={{ traceId }} search={{ span: id }}>
      <code>
        {traceId} / {id}
      </code>
    </Link>
  );
}

function Identity({ view: { view }, span }: { view: TraceModel; span: SpanDetails }) {
  const facts: [string, string][] = [
    ['Span id', spanId(view, span.row)],
    ['Parent span id', span.parentSpanId ?? ''],
    ['Scope', [span.scope.name, span.scope.version].filter(Boolean).join(' ')],
    ['Trace state', span.traceState ?? ''],
    ['Trace flags', span.flags ? `0x${span.flags.toString(16)}` : ''],
    ['Stands for', span.adjustedCount > 1 ? `${formatNumber(Math.round(span.adjustedCount))} spans` : ''],
    ['Start', `${span.startUnixNano} ns`],
    ['End', `${span.endUnixNano} ns`],
    ['Schema of the resource', span.resource.schemaUrl ?? ''],
    ['Schema of the scope', span.scope.schemaUrl ?? ''],
  ];
  return (
    <>
      <dl className="attributes">
        {facts.map(([name, value]) =>
          value ? (
            <div className="attribute" key={name}>
              <dt>{name}</dt>
              <dd>
                <BigText text={value} label={name} />
                <span className="attribute-tools">
                  <CopyButton text={value} />
                </span>
              </dd>
            </div>
          ) : null,
        )}
      </dl>
      {span.scope.attributes.length > 0 && <Attributes view={view} attributes={span.scope.attributes} dropped={span.scope.droppedAttributes} />}
    </>
  );
}

