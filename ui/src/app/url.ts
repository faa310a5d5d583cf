import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

/** The parameters of a page: text, as it stands in the URL. */
export type Params = Readonly<Record<string, string | undefined>>;

/** Values stay text: { } is a query, not a JSON object. */
export function parseParams(search: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(search));
}

export function formatParams(params: Params): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== '') out.set(name, value);
  }
  const text = out.toString();
  return text && `?${text}`;
}

export type SetParams = (change: Params, how?: { replace?: boolean }) => void;

/**
 * The parameters in the URL, and what changes some of them: those set to
 * undefined or '' are removed. A change is a step in the browser's history,
 * unless it replaces the one before.
 */
export function useParams(): readonly [Params, SetParams] {
  const params = useSearch({ strict: false }) as Params;
  const navigate = useNavigate();
  const set = useCallback<SetParams>(
    (change, how) => {
      void navigate({
        to: '.',
        search: (before: Params) => ({ ...before, ...change }),
        replace: how?.replace ?? false,
        resetScroll: false,
      });
    },
    [navigate],
  );
  return [params, set];
}
