import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTimeRange } from '../app/timeRange';
import type { SetParams } from '../app/url';
import { Button, IconButton } from '../parts/Button';
import { formatPlural } from '../parts/format';
import { Popover } from '../parts/Popover';
import { ToggleGroup } from '../parts/ToggleGroup';
import { useSuggestions } from './data';
import type { Request } from './request';

export interface ResultsBarProps {
  request: Request;
  count: number;
  hasMore: boolean;
  picked: readonly string[];
  onChange: SetParams;
}

const modes = [
  { value: 'traces', label: 'Traces' },
  { value: 'spans', label: 'Spans' },
] as const;

const sorts = [
  { value: 'newest', label: 'Newest' },
  { value: 'slowest', label: 'Slowest' },
] as const;

/** Which results are listed, in what order, with what columns. */
export function ResultsBar({ request, count, hasMore, picked, onChange }: ResultsBarProps) {
  const { mode, sort, columns } = request;
  const [a, b] = picked;
  return (
    <div className="results-bar">
      <h2 aria-live="polite">
        {formatPlural(count, mode === 'spans' ? 'span' : 'trace')}
        {hasMore && <span className="muted"> so far</span>}
      </h2>
      <ToggleGroup label="What is listed" value={mode} options={modes} onChange={(m) => onChange({ mode: m === 'traces' ? undefined : m })} />
      <ToggleGroup label="Order" value={sort} options={sorts} onChange={(s) => onChange({ sort: s === 'newest' ? undefined : s })} />
      <ColumnChooser columns={columns} onChange={(next) => onChange({ cols: next.join(',') }, { replace: true })} />
      {mode === 'traces' && a !== undefined && b !== undefined ? (
        <Link className="button primary compare" to="/compare" search={{ a, b }}>
          Compare the two
        </Link>
      ) : (
        mode === 'traces' && <span className="muted compare">{a === undefined ? '' : 'Pick another trace to compare'}</span>
      )}
    </div>
  );
}

function ColumnChooser({ columns, onChange }: { columns: readonly string[]; onChange: (columns: string[]) => void }) {
  return (
    <Popover
      label="Columns"
      trigger={
        <Button icon="columns">
          Columns{columns.length > 0 && ` (${columns.length})`}
        </Button>
      }
    >
      <ColumnForm columns={columns} onChange={onChange} />
    </Popover>
  );
}

const namesShown = 200;

function ColumnForm({ columns, onChange }: { columns: readonly string[]; onChange: (columns: string[]) => void }) {
  const { range } = useTimeRange();
  const suggestions = useSuggestions(range);
  const [text, setText] = useState('');
  const { data: names = [] } = useQuery({ queryKey: ['column names', range], queryFn: suggestions.fields });
  const found = names.filter((n) => !columns.includes(n.text) && n.text.toLowerCase().includes(text.toLowerCase())).slice(0, namesShown);
  return (
    <div className="column-form">
      {columns.length > 0 && (
        <ul aria-label="Columns that are shown">
          {columns.map((name) => (
            <li key={name}>
              <code className="untrusted">{name}</code>
              <IconButton icon="close" label={`Remove the column ${name}`} onClick={() => onChange(columns.filter((c) => c !== name))} />
            </li>
          ))}
        </ul>
      )}
      <input className="input" value={text} onChange={(e) => setText(e.target.value)} placeholder="Find an attribute" aria-label="Find an attribute" spellCheck={false} />
      <ul className="column-choices" aria-label="Attributes">
        {found.map((n) => (
          <li key={n.text}>
            <button type="button" onClick={() => onChange([...columns, n.text])}>
              <bdi className="ellipsis">{n.text}</bdi>
            </button>
          </li>
        ))}
        {found.length === 0 && <li className="muted">No attribute has such a name</li>}
      </ul>
    </div>
  );
}
