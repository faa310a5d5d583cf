// @vitest-environment jsdom
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { renderToStaticMarkup } from 'react-dom/server';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Keys as KeyNames } from './KeyboardHelp';
import { handleKey, useKeys, type Binding } from './keyboard';

declare global {
  var IS_REACT_ACT_ENVIRONMENT: boolean;
}

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

let ran: string[];
let remove: () => void;

function Keys({ title, bindings }: { title: string; bindings: readonly Binding[] }) {
  useKeys(title, bindings);
  return <input />;
}

function mount(...groups: Record<string, string | string[]>[]): void {
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  const bindingsOf = (group: Record<string, string | string[]>) =>
    Object.entries(group).map(([label, keys]) => ({ keys, label, whileTyping: label === 'typing', run: () => ran.push(label) }));
  act(() => root.render(groups.map((g, i) => <Keys key={i} title={`group ${i}`} bindings={bindingsOf(g)} />)));
  remove = () => act(() => root.unmount());
}

let now = 0;

function press(key: string, init: KeyboardEventInit & { target?: Element; after?: number } = {}): KeyboardEvent {
  now += init.after ?? 10;
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init });
  const target = init.target ?? document.body;
  const listener = (e: Event) => handleKey(e as KeyboardEvent, now);
  target.addEventListener('keydown', listener);
  target.dispatchEvent(event);
  target.removeEventListener('keydown', listener);
  return event;
}

beforeEach(() => {
  ran = [];
  now += 10_000;
});

afterEach(() => remove());

it('runs single keys, with what is held', () => {
  mount({ next: ['j', 'ArrowDown'], left: 'shift+ArrowLeft', find: 'ctrl+b', help: '?' });
  press('j');
  press('ArrowDown');
  press('ArrowLeft');
  press('ArrowLeft', { shiftKey: true });
  press('b', { ctrlKey: true });
  expect(press('?', { shiftKey: true }).defaultPrevented).toBe(true);
  expect(press('x').defaultPrevented).toBe(false);
  expect(ran).toEqual(['next', 'next', 'left', 'find', 'help']);
});

it('prefers a sequence to its last key, if the first was pressed just before', () => {
  mount({ services: 'g s' }, { scroll: 's' });
  press('s');
  press('g');
  press('s');
  press('g');
  press('s', { after: 5000 });
  expect(ran).toEqual(['scroll', 'services', 'scroll']);
});

it('leaves keys to what is being typed into', () => {
  mount({ next: 'j', typing: 'mod+Enter' });
  const input = document.querySelector('input')!;
  press('j', { target: input });
  press('Enter', { target: input, ctrlKey: true });
  expect(ran).toEqual(['typing']);
});

it('forgets the keys of what is gone', () => {
  mount({ next: 'j' });
  remove();
  press('j');
  expect(ran).toEqual([]);
  mount({});
});

it.each([
  ['+', ['+']],
  ['ctrl++', ['Ctrl', '+']],
  ['shift+ArrowLeft', ['Shift', '←']],
  ['g g', ['g', 'g']],
])('draws %s', (keys, drawn) => {
  mount({});
  expect(renderToStaticMarkup(<KeyNames keys={keys} />)).toBe(drawn.map((k) => `<kbd>${k}</kbd>`).join(''));
});
