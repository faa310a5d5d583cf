import { useMemo, useState } from 'react';
import { Button } from '../parts/Button';
import { formatDuration, formatNumber, formatPercent, formatPlural } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Service } from '../parts/Service';
import { stretchesOf } from './critical';
import type { TraceModel } from './model';
import { useColumn } from './queries';
import { sumTokens } from './tokens';
import { useModel } from './useModel';
import { Flag, nameOf, serviceOf, type ErrorOrigin, type Warning } from './view';

export interface OverviewProps {
  model: TraceModel;
  /** Shows the details of a row. */
  onOpen: (row: number) => void;
  /** Shows where a row is, and stays here. */
  onSelect: (row: number) => void;
}

/** What is worth knowing of the trace before its spans: where it failed, where its time went, what is odd about it. */
export function Overview({ model, onOpen, onSelect }: OverviewProps) {
  const { view } = model;
  return (
    <div className="overview">
      {view.errors.length > 0 && <Errors model={model} onOpen={onOpen} />}
      <CriticalPath model={model} onSelect={onSelect} />
      <Services model={model} />
      {model.view.spans.flags.some((flags) => flags & Flag.genAI) && <Tokens model={model} />}
      {view.warnings.length > 0 && <Warnings model={model} onSelect={onSelect} />}
    </div>
  );
}

/** The first few of a list, the others on demand. */
function useSome<T>(all: readonly T[], few: number): { some: readonly T[]; more: React.ReactNode } {
  const [count, setCount] = useState(few);
  const rest = all.length - count;
  const more =
    rest > 0 ? (
      <Button variant="quiet" onClick={() => setCount(count + 100)}>
        {rest <= 100 ? `Show ${rest} more` : `Show 100 of ${rest.toLocaleString('en')} more`}
      </Button>
    ) : null;
  return { some: all.slice(0, count), more };
}

function Errors({ model, onOpen }: Pick<OverviewProps, 'model' | 'onOpen'>) {
  const { errors, errorOrigins } = model.view;
  const { some, more } = useSome(errors, 3);
  return (
    <section aria-labelledby="overview-errors">
      <h3 id="overview-errors">{errorOrigins === 1 ? 'Where the error began' : `Where ${formatPlural(errorOrigins, 'error')} began`}</h3>
      {some.map((error) => (
        <ErrorCard key={error.origin} model={model} error={error} onOpen={onOpen} />
      ))}
      {more}
      {!more && errors.length < errorOrigins && <p className="muted">These are the first {errors.length}; the table of spans has all.</p>}
    </section>
  );
}

/** The deepest span that failed, and which spans failed with it, up to the root. */
function ErrorCard({ model, error, onOpen }: Pick<OverviewProps, 'model' | 'onOpen'> & { error: ErrorOrigin }) {
  const [all, setAll] = useState(false);
  const way = error.path.filter((row) => row !== error.origin);
  const shown = all || way.length <= 6 ? way : way.slice(0, 3);
  const selected = useModel(model, (m) => m.selected);
  return (
    <article className="error-card">
      <button type="button" className="error-origin" aria-current={selected === error.origin} onClick={() => onOpen(error.origin)}>
        <Icon name="error" />
        <span>
          <strong>
            <bdi>{error.service.slice(0, 200) || 'no service'}</bdi>
          </strong>{' '}
          <bdi>{error.name.slice(0, 300)}</bdi>
          {error.count > 1 && <span className="muted"> ×{error.count}</span>}
          {error.message && <bdi className="error-message">{error.message.slice(0, 500)}</bdi>}
        </span>
      </button>
      {way.length > 0 && (
        <ol className="error-way" aria-label="The way the error took up">
          {shown.map((row) => (
            <li key={row}>
              <button type="button" aria-current={selected === row} onClick={() => onOpen(row)}>
                <Service name={serviceOf(model.view, row)} /> <bdi className="ellipsis muted">{nameOf(model.view, row).slice(0, 200)}</bdi>
              </button>
            </li>
          ))}
          {shown.length < way.length && (
            <li>
              <Button variant="quiet" onClick={() => setAll(true)}>{`${way.length - shown.length} more above`}</Button>
            </li>
          )}
        </ol>
      )}
    </article>
  );
}

function CriticalPath({ model, onSelect }: Pick<OverviewProps, 'model' | 'onSelect'>) {
  const stretches = useMemo(() => stretchesOf(model.view), [model]);
  const { some, more } = useSome(stretches, 8);
  return (
    <section aria-labelledby="overview-path">
      <h3 id="overview-path">Critical path</h3>
      <p className="muted">What the trace waited for: making one of these faster makes the trace faster.</p>
      <table className="table overview-table path-table">
        <thead>
          <tr>
            <th scope="col">Operation</th>
            <th scope="col" className="number">
              Self
            </th>
            <th scope="col" className="number">
              Path
            </th>
            <th scope="col" className="number">
              Share
            </th>
          </tr>
        </thead>
        <tbody>
          {some.map((stretch) => (
            <tr key={stretch.longest}>
              <td>
                <button type="button" onClick={() => onSelect(stretch.longest)}>
                  <Service name={stretch.service.slice(0, 200)} />
                  <bdi className="ellipsis muted">
                    {stretch.name.slice(0, 200)}
                    {stretch.spans > 1 && ` ×${stretch.spans.toLocaleString('en')}`}
                  </bdi>
                </button>
                <span className="path-bar" style={{ width: `${stretch.share * 100}%` }} />
              </td>
              <td className="number muted">{formatDuration(stretch.self)}</td>
              <td className="number">{formatDuration(stretch.critical)}</td>
              <td className="number">{formatPercent(stretch.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more}
    </section>
  );
}

function Services({ model }: { model: TraceModel }) {
  const sorted = useMemo(() => [...model.view.services].sort((a, b) => b.criticalNanos - a.criticalNanos || b.spans - a.spans), [model]);
  const { some, more } = useSome(sorted, 8);
  return (
    <section aria-labelledby="overview-services">
      <h3 id="overview-services">Services</h3>
      <table className="table overview-table">
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col" className="number">
              Spans
            </th>
            <th scope="col" className="number">
              Errors
            </th>
            <th scope="col" className="number">
              On the path
            </th>
          </tr>
        </thead>
        <tbody>
          {some.map((service) => (
            <tr key={service.name}>
              <td>
                <Service name={service.name.slice(0, 200)} />
              </td>
              <td className="number">{service.spans.toLocaleString('en')}</td>
              <td className={service.errors ? 'number failed' : 'number muted'}>{service.errors.toLocaleString('en')}</td>
              <td className="number">{formatDuration(service.criticalNanos)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more}
    </section>
  );
}

/** What language models read and wrote. */
function Tokens({ model }: { model: TraceModel }) {
  const { view } = model;
  const { data: read } = useColumn(view, 'span.gen_ai.usage.input_tokens');
  const { data: written } = useColumn(view, 'span.gen_ai.usage.output_tokens');
  const [input, output] = useMemo(() => [sumTokens(view.spans, read), sumTokens(view.spans, written)], [view, read, written]);
  if (input + output === 0) return null;
  return (
    <section aria-labelledby="overview-tokens">
      <h3 id="overview-tokens">Language models</h3>
      <p>
        {formatPlural(input + output, 'token')}: {formatNumber(input)} read, {formatNumber(output)} written
      </p>
    </section>
  );
}

function Warnings({ model, onSelect }: Pick<OverviewProps, 'model' | 'onSelect'>) {
  const { warnings, skew } = model.view;
  const adjusted = useModel(model, (m) => m.adjusted);
  const { some, more } = useSome(warnings, 6);
  return (
    <section aria-labelledby="overview-warnings">
      <h3 id="overview-warnings">{formatPlural(warnings.length, 'warning')}</h3>
      {skew.length > 0 && (
        <label className="skew-toggle">
          <input type="checkbox" checked={adjusted} onChange={(event) => model.setAdjusted(event.target.checked)} />
          Draw as if the clocks agreed; the data stays as it is
        </label>
      )}
      <ul className="warning-list">
        {some.map((warning, i) => (
          <WarningLine key={i} warning={warning} adjusted={adjusted} onSelect={onSelect} />
        ))}
      </ul>
      {more}
    </section>
  );
}

function WarningLine({ warning, adjusted, onSelect }: Pick<OverviewProps, 'onSelect'> & { warning: Warning; adjusted: boolean }) {
  const { row } = warning;
  return (
    <li>
      <Icon name="warning" size={14} />
      <span>
        <span className="untrusted">{warning.text.slice(0, 1000)}</span>
        {warning.kind === 'skew' && (adjusted ? ': times are shown as if they agreed' : ': times are shown as they came')}{' '}
        {warning.spanId && !warning.text.includes(warning.spanId) && <code>{warning.spanId}</code>}
        {warning.parentSpanId && !warning.text.includes(warning.parentSpanId) && (
          <>
            {' '}
            parent <code>{warning.parentSpanId}</code>
          </>
        )}
        {row !== undefined && (
          <Button variant="quiet" className="in-text" onClick={() => onSelect(row)}>
            Show
          </Button>
        )}
      </span>
    </li>
  );
}
