import { useSyncExternalStore } from 'react';
import { getSetting, onSettings } from './settings';

const darkSystem = window.matchMedia('(prefers-color-scheme: dark)');

/** Sets the theme of the document, now and whenever it is changed. */
export function applyTheme(): void {
  const apply = () => {
    const theme = getSetting('theme');
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  apply();
  onSettings(apply);
}

function isDark(): boolean {
  const theme = getSetting('theme');
  return theme === 'dark' || (theme === 'system' && darkSystem.matches);
}

function onTheme(listener: () => void): () => void {
  const off = onSettings(listener);
  darkSystem.addEventListener('change', listener);
  return () => {
    off();
    darkSystem.removeEventListener('change', listener);
  };
}

/** The theme that is seen. A canvas is drawn anew when it changes. */
export function useTheme(): 'light' | 'dark' {
  return useSyncExternalStore(onTheme, () => (isDark() ? 'dark' : 'light'));
}

const colours = new Map<string, string>();

/**
 * The colour of a token such as "--ink" in the theme that is seen, as a canvas
 * takes it. To be called after the theme was applied: in effects, not in render.
 */
export function tokenColour(token: string): string {
  const key = `${isDark()} ${token}`;
  let colour = colours.get(key);
  if (colour === undefined) {
    const probe = document.createElement('span');
    probe.style.color = `var(${token})`;
    document.documentElement.append(probe);
    colour = getComputedStyle(probe).color;
    probe.remove();
    colours.set(key, colour);
  }
  return colour;
}
