import { useSyncExternalStore } from 'react';

/**
 * What a user chose, kept in this browser. The defaults say which settings
 * there are and of what type; a kept value of another type is not used.
 */
const defaults = {
  theme: 'system' as 'system' | 'light' | 'dark',
  zone: 'local' as 'local' | 'utc',
  pinnedAttributes: [] as string[],
  recentQueries: [] as string[],
  savedQueries: [] as { name: string; query: string }[],
};

export type Settings = typeof defaults;

const listeners = new Set<() => void>();
const kept = new Map<keyof Settings, unknown>();

function keyOf(name: keyof Settings): string {
  return `clew.${name}`;
}

function read<K extends keyof Settings>(name: K): Settings[K] {
  if (!kept.has(name)) kept.set(name, parse(name));
  return kept.get(name) as Settings[K];
}

function parse(name: keyof Settings): unknown {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(keyOf(name)) ?? 'null');
    const fits = value !== null && typeof value === typeof defaults[name] && Array.isArray(value) === Array.isArray(defaults[name]);
    return fits ? value : defaults[name];
  } catch {
    return defaults[name]; // no JSON, or the browser keeps nothing
  }
}

export function setSetting<K extends keyof Settings>(name: K, value: Settings[K]): void {
  kept.set(name, value);
  try {
    localStorage.setItem(keyOf(name), JSON.stringify(value));
  } catch {
    // Full or forbidden: it holds until the page is closed.
  }
  for (const listener of listeners) listener();
}

export function getSetting<K extends keyof Settings>(name: K): Settings[K] {
  return read(name);
}

export function onSettings(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Another tab changed something.
window.addEventListener('storage', () => {
  kept.clear();
  for (const listener of listeners) listener();
});

export function useSetting<K extends keyof Settings>(name: K): readonly [Settings[K], (value: Settings[K]) => void] {
  const value = useSyncExternalStore(onSettings, () => read(name));
  return [value, (next) => setSetting(name, next)];
}
