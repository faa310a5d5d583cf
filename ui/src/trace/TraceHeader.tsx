import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { basePath } from '../app/server';
import { useSetting } from '../app/settings';
import { IconButton } from '../parts/Button';
import { CopyButton } from '../parts/CopyButton';
import { formatDuration, formatNumber, formatPlural, formatTime } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Menu, MenuItem } from '../parts/Menu';
import { ServiceSwatch } from '../parts/Service';
import type { TraceModel } from './model';
import { unturned } from './text';
import { useModel } from './useModel';
import { nameOf, serviceOf, uploaded, type TraceView } from './view';

/** Says by which policy of tail sampling a trace stays. */
function decision({ policy, dryRun, kept }: NonNullable<TraceView['sampling']>) {
  const by = policy ? `by ${unturned(policy.slice(0, 200))}` : 'by no policy';
  return dryRun && !kept ? `would be sampled out ${by}` : `kept ${by}`;
}

/** Which trace it is, and its numbers. */
export function TraceHeader({ model, onRefresh }: { model: TraceModel; onRefresh?: (() => void) | undefined }) {
  const { view } = model;
  const duration = useModel(model, (m) => m.duration);
  const [zone] = useSetting('zone');
  const depth = useMemo(() => view.spans.depth.reduce((most, each) => Math.max(most, each), 0) + 1, [view]);
  const errors = useMemo(() => view.services.reduce((sum, service) => sum + service.errors, 0), [view]);
  const service = view.root?.service ?? serviceOf(view, 0);
  const name = view.root?.name ?? nameOf(view, 0);
  return (
    <header className="trace-header">
      <div className="trace-title">
        <h1>
          <ServiceSwatch service={service} />
          <bdi>{unturned(service.slice(0, 200)) || 'no service'}</bdi>
          <bdi className="trace-name">{unturned(name.slice(0, 300)) || 'no name'}</bdi>
        </h1>
        <div className="trace-actions">
          {onRefresh && <IconButton icon="refresh" label="Look for spans that arrived since" onClick={onRefresh} />}
          <CopyButton text={() => window.location.href} label="Copy a link to this view" />
          <Link className="button quiet icon-button" to="/compare" search={{ a: view.traceId, aView: uploaded(view) ? view.view : undefined }} aria-label="Compare with another trace" title="Compare with another trace">
            <Icon name="swap" />
          </Link>
          <Downloads view={view} />
        </div>
      </div>
      <ul className="trace-facts" aria-label="The trace in numbers">
        <li>
          <strong>{formatDuration(duration)}</strong>
        </li>
        <li>{formatPlural(view.count, 'span')}</li>
        <li>{formatPlural(view.services.length, 'service')}</li>
        <li className={errors ? 'failed' : undefined}>{formatPlural(errors, 'error')}</li>
        {view.warnings.length > 0 && <li className="warned">{formatPlural(view.warnings.length, 'warning')}</li>}
        <li>depth {depth}</li>
        {view.adjustedCount > 1 && <li title="By the probability with which it was sampled">stands for {formatNumber(Math.round(view.adjustedCount))} traces</li>}
        {view.sampling && <li title={`Decided at ${view.sampling.at}: ${view.sampling.reason}`}>{decision(view.sampling)}</li>}
        <li>
          <time>{formatTime(Number(view.startUnixNano / 1_000_000n), zone)}</time>
        </li>
        <li className="trace-id">
          <code>{view.traceId}</code>
          <CopyButton text={view.traceId} label="Copy the trace id" />
        </li>
      </ul>
    </header>
  );
}

function Downloads({ view }: { view: TraceView }) {
  const save = (path: string, name: string) => {
    const link = document.createElement('a');
    link.href = `${basePath}${path}`;
    link.download = name;
    link.click();
  };
  return (
    <Menu trigger={<IconButton icon="download" label="Download" />}>
      <MenuItem label="OTLP (JSON)" onSelect={() => save(`api/clew/v1/traces/${view.traceId}${uploaded(view) ? `?view=${view.view}` : ''}`, `${view.traceId}.otlp.json`)} />
      {!uploaded(view) && <MenuItem label="Jaeger (JSON)" onSelect={() => save(`api/traces/${view.traceId}`, `${view.traceId}.jaeger.json`)} />}
    </Menu>
  );
}
