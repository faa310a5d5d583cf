import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { useEffect, useId, useRef, useState } from 'react';
import { IconButton } from '../parts/Button';
import { Icon } from '../parts/Icon';
import { Menu, MenuChoice, MenuLabel, MenuSeparator } from '../parts/Menu';
import { Empty } from '../parts/Message';
import { KeyboardHelp } from './KeyboardHelp';
import { useKeyboard, useKeys } from './keyboard';
import { useSetting } from './settings';

const pages = [
  { to: '/', label: 'Explore', keys: 'g e' },
  { to: '/services', label: 'Services', keys: 'g s' },
  { to: '/map', label: 'Map', keys: 'g m' },
  { to: '/compare', label: 'Compare', keys: 'g c' },
  { to: '/quality', label: 'Quality', keys: 'g q' },
  { to: '/upload', label: 'Open a file', keys: 'g o' },
] as const;

/** What stands around every page. */
export function Shell() {
  const [helpShown, setHelpShown] = useState(false);
  const lookup = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  useKeyboard();
  useKeys('Everywhere', [
    ...pages.map(({ to, label, keys }) => ({ keys, label: `Go to ${label}`, run: () => void navigate({ to }) })),
    { keys: 'g t', label: 'Go to a trace by its id', run: () => lookup.current?.focus() },
    { keys: '?', label: 'Show the keys', run: () => setHelpShown((shown) => !shown) },
  ]);
  const main = useFocusOnNavigation();
  return (
    <div className="shell">
      <a className="skip-link" href="#main" onClick={(e) => [e.preventDefault(), main.current?.focus()]}>
        Skip to the page
      </a>
      <header className="header">
        <Link to="/" className="brand" aria-label="Clew: Explore">
          <Icon name="clew" size={20} />
          <span>Clew</span>
        </Link>
        <nav aria-label="Pages">
          {pages.map(({ to, label }) => (
            <Link key={to} to={to} search={keepRange} activeOptions={{ exact: true, includeSearch: false }}>
              {label}
            </Link>
          ))}
        </nav>
        <TraceLookup ref={lookup} />
        <div className="tools">
          <Preferences />
          <IconButton icon="keyboard" label="Keys" shortcut="?" onClick={() => setHelpShown(true)} />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      <KeyboardHelp open={helpShown} onClose={() => setHelpShown(false)} />
    </div>
  );
}

/** The time range stays the same from page to page. */
function keepRange({ from, to }: { from?: string; to?: string }): { from?: string; to?: string } {
  return { from, to };
}

/** After a step to another page the focus is on that page, not on a link that is gone. */
function useFocusOnNavigation() {
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (s) => s.location.pathname });
  const before = useRef(path);
  useEffect(() => {
    if (before.current !== path) main.current?.focus({ preventScroll: true });
    before.current = path;
  }, [path]);
  return main;
}

function TraceLookup({ ref }: { ref: React.Ref<HTMLInputElement> }) {
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const id = text.trim();
  const valid = /^[0-9a-f]{1,32}$/i.test(id);
  const wrong = id !== '' && !valid;
  const hintId = useId();
  return (
    <form
      className="lookup"
      role="search"
      onSubmit={(e) => {
        e.preventDefault();
        if (!valid) return;
        setText('');
        void navigate({ to: '/trace/$traceId', params: { traceId: id.toLowerCase() } });
      }}
    >
      <input
        ref={ref}
        className="input mono"
        value={text}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={(e) => e.key === 'Escape' && e.currentTarget.blur()}
        placeholder="Trace id"
        aria-label="Go to a trace by its id"
        aria-invalid={wrong}
        aria-describedby={hintId}
        spellCheck={false}
        autoComplete="off"
      />
      <p id={hintId} className="lookup-hint" role="status">
        {wrong && 'A trace id has up to 32 of the digits 0–9 and a–f.'}
      </p>
    </form>
  );
}

function Preferences() {
  const [theme, setTheme] = useSetting('theme');
  const [zone, setZone] = useSetting('zone');
  return (
    <Menu trigger={<IconButton icon="settings" label="Theme and time zone" />}>
      <MenuLabel>Theme</MenuLabel>
      <MenuChoice checked={theme === 'system'} onSelect={() => setTheme('system')} label="As the system" />
      <MenuChoice checked={theme === 'light'} onSelect={() => setTheme('light')} label="Light" />
      <MenuChoice checked={theme === 'dark'} onSelect={() => setTheme('dark')} label="Dark" />
      <MenuSeparator />
      <MenuLabel>Times</MenuLabel>
      <MenuChoice checked={zone === 'local'} onSelect={() => setZone('local')} label="Local" />
      <MenuChoice checked={zone === 'utc'} onSelect={() => setZone('utc')} label="UTC" />
    </Menu>
  );
}

export function NotFound() {
  return (
    <div className="page">
      <Empty title="There is no such page">
        <p>
          Begin at <Link to="/">Explore</Link>.
        </p>
      </Empty>
    </div>
  );
}
