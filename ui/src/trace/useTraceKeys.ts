import type { RefObject } from 'react';
import { useKeys } from '../app/keyboard';
import { tabs, type Tab } from './link';
import type { TraceModel } from './model';
import type { WaterfallHandle } from './Waterfall';

interface TraceKeys {
  model: TraceModel;
  tab: Tab;
  waterfall: RefObject<WaterfallHandle | null>;
  findInput: RefObject<HTMLInputElement | null>;
  onTab: (tab: string) => void;
  onFind: (text: string) => void;
  onPanel: (panel: string | undefined) => void;
}

/** The keys of the trace page: those of Jaeger's, and some more. */
export function useTraceKeys({ model, tab, waterfall, findInput, onTab, onFind, onPanel }: TraceKeys): void {
  const onTimeline = (run: () => void) => () => tab === 'timeline' && run();
  const find = () => {
    if (tab !== 'timeline') onTab('timeline');
    requestAnimationFrame(() => findInput.current?.focus());
  };
  useKeys('Trace', [
    { keys: ['f', 'j'], label: 'Next span', run: () => model.step(1) },
    { keys: ['b', 'k'], label: 'Previous span', run: () => model.step(-1) },
    { keys: 'Enter', label: 'Details of the span', run: (event) => openDetails(event, model, onPanel) },
    { keys: 'e', label: 'To where the error began', run: () => model.view.errors[0] && model.select(model.view.errors[0].origin) },
    { keys: 'u', label: 'To the parent', run: () => model.selected >= 0 && model.select(Math.max(0, model.view.spans.parent[model.selected]!)) },
    { keys: ['/', 'ctrl+b'], label: 'Find spans', run: find },
    { keys: 'n', label: 'Next match', run: () => model.nextFound(1) },
    { keys: 'N', label: 'Previous match', run: () => model.nextFound(-1) },
    { keys: 'Escape', label: 'Clear what is found, then the selection', run: () => clear(model, onFind, onPanel) },
    { keys: 's', label: 'Scroll down', run: onTimeline(() => waterfall.current?.scrollBy(8)) },
    { keys: 'w', label: 'Scroll up', run: onTimeline(() => waterfall.current?.scrollBy(-8)) },
    { keys: ['a', 'ArrowLeft'], label: 'Earlier', run: onTimeline(() => model.pan(-0.05)) },
    { keys: ['d', 'ArrowRight'], label: 'Later', run: onTimeline(() => model.pan(0.05)) },
    { keys: ['A', 'shift+ArrowLeft'], label: 'Much earlier', run: onTimeline(() => model.pan(-0.4)) },
    { keys: ['D', 'shift+ArrowRight'], label: 'Much later', run: onTimeline(() => model.pan(0.4)) },
    { keys: ['+', 'ArrowUp'], label: 'Closer', run: onTimeline(() => model.zoom(0.9)) },
    { keys: ['-', 'ArrowDown'], label: 'Further away', run: onTimeline(() => model.zoom(1 / 0.9)) },
    { keys: 'shift+ArrowUp', label: 'Much closer', run: onTimeline(() => model.zoom(0.5)) },
    { keys: 'shift+ArrowDown', label: 'Much further away', run: onTimeline(() => model.zoom(2)) },
    { keys: '0', label: 'The whole trace', run: onTimeline(() => model.setRange(model.full)) },
    { keys: ']', label: 'Collapse all', run: () => model.collapse('all') },
    { keys: '[', label: 'Expand all', run: () => model.collapse('none') },
    { keys: 'p', label: 'Collapse one level', run: () => model.collapse('level') },
    { keys: 'o', label: 'Expand one level', run: () => model.collapse('expand level') },
    { keys: 'c', label: 'Critical path on or off', run: () => model.setPath(!model.showPath) },
    ...tabs.map((each, i) => ({ keys: String(i + 1), label: `Tab: ${each}`, run: () => onTab(each) })),
  ]);
}

/** Enter is taken only where it does nothing else. */
function openDetails(event: KeyboardEvent, model: TraceModel, onPanel: (panel: string | undefined) => void): void {
  if (event.target instanceof HTMLElement && event.target.closest('button, a, summary, [role="button"]')) {
    event.target.closest<HTMLElement>('button, a, summary, [role="button"]')!.click();
    return;
  }
  if (model.selected < 0) return;
  onPanel(undefined);
  requestAnimationFrame(() => document.getElementById('span-details')?.focus());
}

function clear(model: TraceModel, onFind: (text: string) => void, onPanel: (panel: string | undefined) => void): void {
  if (model.found.query) onFind('');
  else if (model.selected >= 0) model.select(-1);
  else onPanel('closed');
}
