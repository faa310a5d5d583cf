import type { ReactNode } from 'react';
import { Button } from './Button';
import { Icon } from './Icon';

/** What failed, why, and a way to try it again. */
export function ErrorMessage({ what, error, onRetry }: { what: string; error: unknown; onRetry?: (() => void) | undefined }) {
  return (
    <div className="message error" role="alert">
      <Icon name="error" />
      <p>
        <strong>{what}:</strong> <span className="untrusted">{error instanceof Error ? error.message : String(error)}</span>
      </p>
      {onRetry && (
        <Button icon="refresh" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Something to know about what is shown, such as that it is not all. */
export function Warning({ children }: { children: ReactNode }) {
  return (
    <div className="message warning" role="status">
      <Icon name="warning" />
      <div>{children}</div>
    </div>
  );
}

/** Why the answer may lack something, in the words of the server. */
export function Gaps({ gaps }: { gaps: readonly string[] | undefined }) {
  if (!gaps?.length) return null;
  return (
    <Warning>
      <strong>This may not be all.</strong> <span className="untrusted">{gaps.join('; ')}</span>
    </Warning>
  );
}

/** There is nothing to show; the children say what to do next. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <section className="empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** It is on its way. */
export function Loading({ what }: { what: string }) {
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden />
      {what} …
    </div>
  );
}
