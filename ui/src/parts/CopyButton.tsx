import { useEffect, useState } from 'react';
import { IconButton } from './Button';

/** Copies a text, which may be made when it is pressed. */
export function CopyButton({ text, label = 'Copy' }: { text: string | (() => string | Promise<string>); label?: string }) {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle');
  useEffect(() => {
    if (state === 'idle') return undefined;
    const timer = setTimeout(() => setState('idle'), 1500);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    try {
      await copyText(typeof text === 'string' ? text : await text());
      setState('done');
    } catch {
      setState('failed');
    }
  };
  const labels = { idle: label, done: 'Copied', failed: 'The browser does not allow it' };
  return <IconButton icon={state === 'done' ? 'check' : state === 'failed' ? 'error' : 'copy'} label={labels[state]} onClick={() => void copy()} />;
}

/** Without TLS, on other hosts than this one, there is no clipboard but the old one. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (!copied) throw new Error('not copied');
}
