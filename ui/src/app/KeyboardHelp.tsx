import { Fragment } from 'react';
import { Dialog } from '../parts/Dialog';
import { isMac, useBindingGroups } from './keyboard';

/** All keys that hold at this moment. */
export function KeyboardHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const groups = useBindingGroups();
  return (
    <Dialog open={open} onClose={onClose} title="Keys">
      <div className="keyboard-help">
        {groups.map(({ title, bindings }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {bindings.map((b) => (
                <div key={b.label}>
                  <dt>{b.label}</dt>
                  <dd>
                    {[b.keys].flat().map((keys, i) => (
                      <Fragment key={keys}>
                        {i > 0 && <span className="muted"> or </span>}
                        <Keys keys={keys} />
                      </Fragment>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

const names: Readonly<Record<string, string>> = {
  mod: isMac ? '⌘' : 'Ctrl',
  ctrl: 'Ctrl',
  shift: 'Shift',
  alt: 'Alt',
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  Escape: 'Esc',
};

export function Keys({ keys }: { keys: string }) {
  // A plus joins two keys, or is one.
  const pressed = keys.split(/ |(?<=[^ ])\+(?=[^ ])/);
  return pressed.map((key, i) => <kbd key={i}>{names[key] ?? key}</kbd>);
}
