import './upload.css';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import type { Schemas } from '../api/client';
import { useKeys } from '../app/keyboard';
import { useSetting } from '../app/settings';
import { Button } from '../parts/Button';
import { formatDuration, formatPlural, formatTime, nanosToMillis } from '../parts/format';
import { Icon } from '../parts/Icon';
import { ErrorMessage, Loading, Warning } from '../parts/Message';
import { Service } from '../parts/Service';
import { Table } from '../parts/Table';
import { excerpt, placeIn } from './excerpt';
import { upload, type Source, type UploadAnswer } from './upload';

type Uploaded = Schemas['UploadedTrace'];

/** What was opened last; it stays while the user goes to a trace and back. */
const openedKey = ['uploaded'];

/** Opens traces from files or from text, without storing them. */
export default function UploadPage() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [opened, setOpened] = useState(() => client.getQueryData<Opened>(openedKey));
  const opening = useMutation({
    mutationFn: openAll,
    onSuccess: (result) => {
      client.setQueryDefaults(openedKey, { gcTime: Infinity });
      client.setQueryData(openedKey, result);
      setOpened(result);
      const [only] = result.traces;
      if (only && result.traces.length === 1 && result.rejected === 0) {
        void navigate({ to: '/trace/$traceId', params: { traceId: only.traceId }, search: { view: only.view } });
      }
    },
  });
  const open = (sources: readonly Source[]) => sources.length > 0 && opening.mutate(sources);
  const picker = useRef<HTMLInputElement>(null);
  useKeys('Open a file', [{ keys: 'o', label: 'Choose a file', run: () => picker.current?.click() }]);
  usePaste((text) => open([{ name: 'What was pasted', content: text }]));
  return (
    <div className="page upload-page">
      <h1>Open a file</h1>
      <DropZone picker={picker} onFiles={(files) => open(files.map((f) => ({ name: f.name, content: f })))} />
      <PasteForm onText={(text) => open([{ name: 'The text', content: text }])} />
      {opening.isPending && <Loading what="Reading" />}
      {opening.isError && <OpenError error={opening.error} />}
      {opened && !opening.isPending && <TraceList opened={opened} />}
    </div>
  );
}

interface Opened extends Pick<UploadAnswer, 'traces' | 'rejected'> {
  messages: string[];
}

/** A file that could not be opened, with its text if there is any. */
class OpenFailure extends Error {
  constructor(
    readonly source: Source,
    readonly text: string,
    override readonly cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}

async function openAll(sources: readonly Source[]): Promise<Opened> {
  const all: Opened = { traces: [], rejected: 0, messages: [] };
  for (const source of sources) {
    try {
      const { traces, rejected, message } = await upload(source);
      all.traces.push(...traces);
      all.rejected += rejected;
      if (message) all.messages.push(message);
    } catch (e) {
      const text = typeof source.content === 'string' ? source.content : await source.content.slice(0, 4_000_000).text();
      throw new OpenFailure(source, text, e);
    }
  }
  return all;
}

/** Text that is pasted anywhere but into a field. */
function usePaste(onText: (text: string) => void): void {
  const latest = useRef(onText);
  useEffect(() => {
    latest.current = onText;
  });
  useEffect(() => {
    const listener = (e: ClipboardEvent) => {
      if (e.target instanceof HTMLElement && /^(INPUT|TEXTAREA)$/.test(e.target.tagName)) return;
      const text = e.clipboardData?.getData('text/plain');
      if (text?.trim()) latest.current(text);
    };
    document.addEventListener('paste', listener);
    return () => document.removeEventListener('paste', listener);
  }, []);
}

function DropZone({ picker, onFiles }: { picker: React.RefObject<HTMLInputElement | null>; onFiles: (files: File[]) => void }) {
  const [over, setOver] = useState(false);
  return (
    <div
      className={over ? 'drop-zone over' : 'drop-zone'}
      onDragOver={(e) => [e.preventDefault(), setOver(true)]}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        setOver(false);
        onFiles([...e.dataTransfer.files]);
      }}
    >
      <Icon name="upload" size={26} />
      <p>
        <strong>Drop files here</strong>, or{' '}
        <Button onClick={() => picker.current?.click()}>Choose files</Button>
      </p>
      <p className="muted">
        OTLP (JSON, JSON lines or protobuf), Jaeger (a trace downloaded from its UI) or Zipkin v2 JSON; up to 64 MiB. Nothing is stored: traces can be looked at for a while,
        and compared.
      </p>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        aria-label="Files with traces"
        onChange={(e) => {
          onFiles([...(e.target.files ?? [])]);
          e.target.value = ''; // so that the same file can be chosen again
        }}
      />
    </div>
  );
}

function PasteForm({ onText }: { onText: (text: string) => void }) {
  const [text, setText] = useState('');
  return (
    <form
      className="paste-form"
      onSubmit={(e) => {
        e.preventDefault();
        onText(text);
      }}
    >
      <label htmlFor="pasted">Or paste JSON</label>
      <textarea
        id="pasted"
        className="input mono"
        rows={7}
        value={text}
        spellCheck={false}
        placeholder={'{"resourceSpans": […]}'}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={(e) => e.key === 'Enter' && (e.ctrlKey || e.metaKey) && text.trim() && onText(text)}
      />
      <Button variant="primary" type="submit" disabled={text.trim() === ''}>
        Open
      </Button>
    </form>
  );
}

function OpenError({ error }: { error: Error }) {
  const failure = error instanceof OpenFailure ? error : undefined;
  const place = placeIn(error.message);
  const piece = failure && place && excerpt(failure.text, place.line, place.column);
  return (
    <div>
      <ErrorMessage what={failure ? `${failure.source.name} could not be opened` : 'It could not be opened'} error={error} />
      {piece && (
        <pre className="wrong-place untrusted" aria-label="The place in the text">
          {piece.before}
          <mark>{piece.at}</mark>
          {piece.after}
        </pre>
      )}
    </div>
  );
}

function TraceList({ opened }: { opened: Opened }) {
  const [zone] = useSetting('zone');
  const [marked, setMarked] = useState<readonly Uploaded[]>([]);
  const toggle = (t: Uploaded) => setMarked(marked.includes(t) ? marked.filter((m) => m !== t) : [...marked, t].slice(-2));
  const [a, b] = marked;
  return (
    <section className="upload-list">
      <header>
        <h2>{formatPlural(opened.traces.length, 'trace')}</h2>
        {a && b ? (
          <Link className="button primary" to="/compare" search={{ a: a.traceId, aView: a.view, b: b.traceId, bView: b.view }}>
            Compare
          </Link>
        ) : (
          opened.traces.length > 1 && <span className="muted">Mark two to compare them.</span>
        )}
      </header>
      {opened.rejected > 0 && (
        <Warning>
          {formatPlural(opened.rejected, 'span')} left out{opened.messages.length > 0 && ': '}
          <span className="untrusted">{opened.messages.join('; ')}</span>
        </Warning>
      )}
      <div className="panel">
        <Table
          label="Traces that were opened"
          rows={opened.traces.slice(0, 1000)}
          rowKey={(t) => t.view}
          columns={[
            {
              key: 'mark',
              title: <span className="visually-hidden">Compare</span>,
              width: 30,
              cell: (t) => <input type="checkbox" aria-label={`Mark ${t.root?.name ?? t.traceId} to compare it`} checked={marked.includes(t)} onChange={() => toggle(t)} />,
            },
            {
              key: 'trace',
              title: 'Trace',
              cell: (t) => (
                <Link className="upload-trace" to="/trace/$traceId" params={{ traceId: t.traceId }} search={{ view: t.view }}>
                  {t.root ? (
                    <>
                      <Service name={t.root.service} /> <bdi className="ellipsis">{t.root.name}</bdi>
                    </>
                  ) : (
                    <span className="mono">{t.traceId}</span>
                  )}
                </Link>
              ),
            },
            { key: 'start', title: 'Start', cell: (t) => formatTime(nanosToMillis(t.startUnixNano), zone) },
            { key: 'spans', title: 'Spans', number: true, cell: (t) => t.spanCount.toLocaleString('en-GB') },
            { key: 'duration', title: 'Duration', number: true, cell: (t) => formatDuration(Number(t.durationNanos)) },
          ]}
        />
      </div>
    </section>
  );
}
