import { useMemo, useState } from 'react';
import { Button } from '../parts/Button';
import { CopyButton } from '../parts/CopyButton';
import { formatPlural } from '../parts/format';
import { linesOf, sectionsOf, type Section } from './stack';
import { unturned } from './text';

/** Lines that are shown before more are asked for. */
const few = 12;

/** A stack trace with its messages, one's own frames, and runs of library frames folded. */
export function StackTrace({ text }: { text: string }) {
  const lines = useMemo(() => linesOf(text), [text]);
  const [all, setAll] = useState(false);
  const sections = useMemo(() => sectionsOf(all ? lines : lines.slice(0, few)), [lines, all]);
  return (
    <div className="stack">
      <CopyButton text={text} label="Copy the stack trace" />
      <div className="stack-lines">
        {sections.map((section, i) => (
          <StackSection key={i} section={section} />
        ))}
      </div>
      {lines.length > few && (
        <Button variant="quiet" onClick={() => setAll(!all)}>
          {all ? 'Show less' : `Show all ${formatPlural(lines.length, 'line')}`}
        </Button>
      )}
    </div>
  );
}

function StackSection({ section }: { section: Section }) {
  const [open, setOpen] = useState(false);
  if (section.folded && !open) {
    return (
      <Button variant="quiet" className="in-text" aria-expanded={false} onClick={() => setOpen(true)}>
        … {section.lines.length} lines of libraries
      </Button>
    );
  }
  return section.lines.map((line, i) => (
    <div key={i} className={`stack-${line.kind}`}>
      <bdi>{unturned(line.text.trim().slice(0, 2000))}</bdi>
    </div>
  ));
}
