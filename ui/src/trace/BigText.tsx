import { useMemo, useState } from 'react';
import { Button } from '../parts/Button';
import { CopyButton } from '../parts/CopyButton';
import { Dialog } from '../parts/Dialog';
import { formatBytes } from '../parts/format';
import { LongList } from './LongList';
import { unturned } from './text';

/** Most characters of a text that stand in a list. */
const few = 400;
/** Longest line; longer ones are broken. */
const lineLength = 160;

/** Text from outside of any length: its beginning, and all of it in a window, of which only what is in sight is laid out. */
export function BigText({ text, label }: { text: string; label: string }) {
  const [open, setOpen] = useState(false);
  if (text.length <= few) return <bdi className="untrusted value">{unturned(text)}</bdi>;
  return (
    <>
      <bdi className="untrusted value">{unturned(text.slice(0, few))}…</bdi>{' '}
      <Button variant="quiet" className="in-text" onClick={() => setOpen(true)}>
        Show all ({formatBytes(text.length)})
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={label.slice(0, 100)}>
        <Lines text={text} label={label} />
      </Dialog>
    </>
  );
}

function Lines({ text, label }: { text: string; label: string }) {
  const pretty = useMemo(() => prettied(text), [text]);
  const lines = useMemo(() => pretty.split('\n').flatMap(broken), [pretty]);
  return (
    <div className="big-text">
      <CopyButton text={text} label="Copy all of it" />
      <LongList count={lines.length} rowHeight={18} label={label.slice(0, 100)} role="list">
        {(place) => (
          <div role="listitem" key={place} className="big-text-line">
            <bdi>{unturned(lines[place]!)}</bdi>
          </div>
        )}
      </LongList>
    </div>
  );
}

/** JSON of a bearable size with one member a line; other text as it is. */
function prettied(text: string): string {
  if (text.length > 4_000_000 || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function broken(line: string): string[] {
  if (line.length <= lineLength) return [line];
  return Array.from({ length: Math.ceil(line.length / lineLength) }, (_, i) => line.slice(i * lineLength, (i + 1) * lineLength));
}
