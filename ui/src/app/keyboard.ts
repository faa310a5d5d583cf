import { useEffect, useRef, useSyncExternalStore } from 'react';

/** A key, or keys one after the other, such as "g e"; "shift+ArrowLeft", "ctrl+b", "mod+k" (Ctrl, or Cmd on a Mac). */
export interface Binding {
  keys: string | readonly string[];
  label: string;
  run: (event: KeyboardEvent) => void;
  /** Also while something is being typed into. */
  whileTyping?: boolean;
}

export interface BindingGroup {
  title: string;
  bindings: readonly Binding[];
}

let groups: readonly BindingGroup[] = [];
const listeners = new Set<() => void>();

function setGroups(next: readonly BindingGroup[]): void {
  groups = next;
  for (const listener of listeners) listener();
}

/**
 * Keys that hold while the component is there, and are listed under the title in
 * the help. Those that were added last go first.
 */
export function useKeys(title: string, bindings: readonly Binding[]): void {
  const current = useRef(bindings);
  useEffect(() => {
    current.current = bindings;
  });
  const signature = bindings.map((b) => `${[b.keys].flat().join()}=${b.label}`).join('\n');
  useEffect(() => {
    const group: BindingGroup = {
      title,
      // What runs is looked up late, so that it is of the latest render.
      bindings: current.current.map((b, i) => ({ ...b, run: (event) => current.current[i]?.run(event) })),
    };
    setGroups([group, ...groups]);
    return () => setGroups(groups.filter((g) => g !== group));
  }, [title, signature]);
}

export function useBindingGroups(): readonly BindingGroup[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => groups,
  );
}

/** The name of a pressed key in the form of Binding.keys. */
function keyName(e: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string {
  const key = e.key === ' ' ? 'Space' : e.key;
  // With a character, shift is in the character: "?" and "G".
  const shift = e.shiftKey && [...key].length > 1 ? 'shift+' : '';
  return (e.ctrlKey ? 'ctrl+' : '') + (e.metaKey ? 'meta+' : '') + (e.altKey ? 'alt+' : '') + shift + key;
}

export const isMac = /Mac|iP(hone|ad)/.test(navigator.platform);

function parseKeys(keys: string): string[] {
  return keys.split(' ').map((k) => k.replace('mod+', isMac ? 'meta+' : 'ctrl+'));
}

/** Also in a shadow tree, as that of the query box. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0] ?? event.target;
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

const sequenceMillis = 1200; // between two keys of a sequence

let pressed: string[] = [];
let pressedAt = 0;

/** Runs what a key, with those pressed just before it, stands for. */
export function handleKey(event: KeyboardEvent, now: number): void {
  if (event.defaultPrevented || event.isComposing || /^(Shift|Control|Alt|Meta)$/.test(event.key)) return;
  const typing = isTyping(event);
  const name = keyName(event);
  pressed = typing || now - pressedAt > sequenceMillis ? [name] : [...pressed, name].slice(-2);
  pressedAt = now;
  const found = longestMatch(groups, typing);
  if (!found) return;
  pressed = [];
  event.preventDefault();
  found.run(event);
}

/** Of "s" and "g s" the second, if g was pressed before. */
function longestMatch(all: readonly BindingGroup[], typing: boolean): Binding | undefined {
  let best: Binding | undefined;
  let length = 0;
  for (const binding of all.flatMap((g) => g.bindings)) {
    if (typing && !binding.whileTyping) continue;
    for (const keys of [binding.keys].flat()) {
      const n = pressedLength(keys);
      if (n > length) [best, length] = [binding, n];
    }
  }
  return best;
}

/** How many keys it has, if they were just pressed; otherwise 0. */
function pressedLength(keys: string): number {
  const wanted = parseKeys(keys);
  const last = pressed.slice(-wanted.length);
  return last.length === wanted.length && last.every((k, i) => k === wanted[i]) ? wanted.length : 0;
}

/** Listens to the keyboard; once, in the shell. */
export function useKeyboard(): void {
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      // An open dialog or menu has the keyboard for itself.
      if (document.querySelector('dialog[open], [role="menu"], [role="listbox"]') && event.key !== '?') return;
      handleKey(event, performance.now());
    };
    document.addEventListener('keydown', listener);
    return () => document.removeEventListener('keydown', listener);
  }, []);
}
