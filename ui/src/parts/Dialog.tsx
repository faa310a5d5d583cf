import { useEffect, useId, useRef, type ReactNode } from 'react';
import { IconButton } from './Button';

/** A window over the page, which is out of reach while it is open. Esc and a click beside it close it. */
export function Dialog({ open, onClose, title, children }: { open: boolean; onClose: () => void; title: string; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (open && dialog && !dialog.open) {
      dialog.showModal();
      dialog.focus(); // not its first button
    }
    if (!open) dialog?.close();
  }, [open]);
  return (
    <dialog
      ref={ref}
      className="dialog"
      tabIndex={-1}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(e) => e.target === e.currentTarget && onClose()}
      // The browser does so too, unless a tooltip took the key.
      onKeyDown={(e) => e.key === 'Escape' && onClose()}
    >
      {open && (
        <div className="dialog-content">
          <header>
            <h2 id={titleId}>{title}</h2>
            <IconButton icon="close" label="Close" onClick={onClose} />
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}
