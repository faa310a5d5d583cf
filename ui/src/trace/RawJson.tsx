import { useMemo, useState } from 'react';
import { Button } from '../parts/Button';
import { CopyButton } from '../parts/CopyButton';
import { formatPlural } from '../parts/format';
import { Empty, ErrorMessage, Loading, Warning } from '../parts/Message';
import { LongList } from './LongList';
import { useJson } from './queries';
import type { TraceView } from './view';

/** Beyond this a trace is better saved than read. */
const mostSpans = 20_000;
const mostText = 32_000_000;

/** The trace in OTLP's JSON. */
export function RawJson({ view }: { view: TraceView }) {
  const [anyway, setAnyway] = useState(view.count <= mostSpans);
  if (!anyway) {
    return (
      <Empty title={`${formatPlural(view.count, 'span')} are much to read`}>
        <p>Download the trace, or look at the attributes of single spans.</p>
        <p>
          <Button onClick={() => setAnyway(true)}>Show the first {mostText / 1_000_000} MB</Button>
        </p>
      </Empty>
    );
  }
  return <Json view={view} />;
}

function Json({ view }: { view: TraceView }) {
  const { data: lines, error, refetch } = useJson(view, mostText);
  const [filter, setFilter] = useState('');
  const shown = useMemo(() => {
    const wanted = filter.toLowerCase();
    return wanted && lines ? lines.filter((line) => line.slice(0, 5000).toLowerCase().includes(wanted)) : lines;
  }, [lines, filter]);
  if (error) return <ErrorMessage what="The trace could not be read" error={error} onRetry={() => void refetch()} />;
  if (!lines || !shown) return <Loading what="Reading the trace" />;
  const cut = lines.at(-1) !== '}';
  return (
    <div className="raw-json">
      <div className="trace-toolbar">
        <input className="input" type="search" value={filter} placeholder="Lines with …" aria-label="Show lines with" onChange={(event) => setFilter(event.target.value)} />
        <span className="muted" role="status">
          {formatPlural(shown.length, 'line')}
        </span>
        <CopyButton text={() => lines.join('\n')} label="Copy all of it" />
      </div>
      {cut && <Warning>This is only the beginning: download the trace for all of it.</Warning>}
      <LongList count={shown.length} rowHeight={18} label="The trace as JSON" role="list" className="mono">
        {(place) => (
          <div role="listitem" key={place} className="json-line">
            <bdi>{shown[place]!.slice(0, 1000)}</bdi>
            {shown[place]!.length > 1000 && <span className="muted"> … {(shown[place]!.length - 1000).toLocaleString('en')} more characters</span>}
          </div>
        )}
      </LongList>
    </div>
  );
}
