import { useEffect, useMemo, useRef, useState } from 'react';
import type { ApiError, Schemas } from '../api/client';
import { useKeys } from '../app/keyboard';
import { getSetting, setSetting, useSetting } from '../app/settings';
import { Button, IconButton } from '../parts/Button';
import { formatBytes, formatNumber } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '../parts/Menu';
import { Progress } from '../parts/Progress';
import type { Suggestions } from '../parts/query/complete';
import { QueryBox, type QueryBoxHandle } from '../parts/query/QueryBox';

export interface QueryBarProps {
  text: string;
  /** The server has understood the text. */
  isQuery: boolean;
  /** Why the text is no query. */
  error: ApiError | undefined;
  running: boolean;
  progress: Schemas['Progress'] | undefined;
  suggestions: Suggestions;
  onRun: (text: string) => void;
  onCancel: () => void;
}

const recentKept = 20;

/** Where the query is typed, run and cancelled. */
export function QueryBar({ text, isQuery, error, running, progress, suggestions, onRun, onCancel }: QueryBarProps) {
  const [draft, setDraft] = useState(text);
  const box = useRef<QueryBoxHandle>(null);
  useEffect(() => setDraft(text), [text]);
  useEffect(() => {
    if (isQuery && text !== '') setSetting('recentQueries', [text, ...getSetting('recentQueries').filter((q) => q !== text)].slice(0, recentKept));
  }, [isQuery, text]);
  const run = (query: string) => {
    const trimmed = query.trim();
    setDraft(trimmed);
    onRun(trimmed);
  };
  useKeys('Explore', [
    { keys: ['/', 'ctrl+k'], label: 'Write the query', run: () => box.current?.focus() },
    { keys: 'Escape', label: 'Cancel the query', run: onCancel },
  ]);
  const unchanged = draft.trim() === text;
  const place = useMemo(() => {
    if (!(error?.line && error.column && unchanged)) return undefined;
    return { line: error.line, column: error.column };
  }, [error, unchanged]);
  return (
    <div className="query-bar">
      <div className="query-line">
        <QueryBox ref={box} value={draft} onChange={setDraft} onSubmit={run} suggestions={suggestions} errorAt={place} />
        {running ? (
          <Button key="cancel" icon="close" onClick={onCancel}>
            Cancel
          </Button>
        ) : (
          <Button key="search" variant="primary" icon="search" onClick={() => run(draft)}>
            Search
          </Button>
        )}
        <KeptQueries query={draft.trim()} onPick={run} />
      </div>
      {running && progress && (
        <div className="query-progress">
          <Progress share={progress.total > 0 ? progress.done / progress.total : 0} label="How far the search is" />
          <span className="muted">
            {formatNumber(progress.stats.rows)} spans looked at, {formatBytes(progress.stats.bytesRead)} read
          </span>
        </div>
      )}
      {error && unchanged && (
        <p className="query-error" role="alert">
          <Icon name="error" /> <span className="untrusted">{error.message}</span>
        </p>
      )}
    </div>
  );
}

/** Queries that were saved under a name, and those that were run of late; in this browser. */
function KeptQueries({ query, onPick }: { query: string; onPick: (query: string) => void }) {
  const [recent] = useSetting('recentQueries');
  const [saved, setSaved] = useSetting('savedQueries');
  const isSaved = saved.some((s) => s.query === query);
  const toggle = () => setSaved(isSaved ? saved.filter((s) => s.query !== query) : [...saved, { name: query, query }]);
  return (
    <Menu trigger={<IconButton icon="star" label="Saved and recent queries" className={isSaved ? 'is-saved' : ''} />}>
      <MenuItem icon={isSaved ? 'minus' : 'plus'} label={isSaved ? 'Do not keep this query' : 'Save this query'} disabled={query === ''} onSelect={toggle} />
      {saved.length > 0 && <MenuSeparator />}
      {saved.length > 0 && <MenuLabel>Saved</MenuLabel>}
      {saved.map((s) => (
        <MenuItem key={s.query} icon="star" label={<QueryText text={s.query} />} onSelect={() => onPick(s.query)} />
      ))}
      {recent.length > 0 && <MenuSeparator />}
      {recent.length > 0 && <MenuLabel>Recent</MenuLabel>}
      {recent.map((q) => (
        <MenuItem key={q} icon="clock" label={<QueryText text={q} />} onSelect={() => onPick(q)} />
      ))}
    </Menu>
  );
}

function QueryText({ text }: { text: string }) {
  return <code className="kept-query ellipsis">{text}</code>;
}
