import createClient, { type Middleware } from 'openapi-fetch';
import { basePath } from '../app/server';
import { serverEvents } from './events';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

const baseUrl = `${basePath}api/clew/v1`;

/** What the server answered instead of a result, or that it did not answer (code 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    readonly code: number,
    /** Where in the text of the query it is wrong, from 1. */
    readonly line?: number,
    readonly column?: number,
  ) {
    super(message);
  }

  /** What was asked is wrong, however often it is asked. */
  get isRefusal(): boolean {
    return this.code >= 400 && this.code < 500;
  }
}

function errorOf(body: unknown, status: number, statusText: string): ApiError {
  const e = (body as { error?: Partial<Schemas['ErrorBody']> } | undefined)?.error;
  if (e?.message) return new ApiError(e.message, e.code ?? status, e.line, e.column);
  return new ApiError(`the server answered ${status} ${statusText}`.trim(), status);
}

async function failed(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  try {
    return errorOf(JSON.parse(text), response.status, response.statusText);
  } catch {
    return errorOf(undefined, response.status, response.statusText);
  }
}

function unreachable(error: unknown): Error {
  if (error instanceof DOMException && error.name === 'AbortError') return error;
  return new ApiError('the server cannot be reached', 0);
}

const throwErrors: Middleware = {
  async onResponse({ response }) {
    if (!response.ok) throw await failed(response);
  },
  onError: ({ error }) => unreachable(error),
};

/** Our API, with the types of its description: see answer. */
export const api = createClient<paths>({ baseUrl });
api.use(throwErrors);

/**
 * The body of an answer. It fails with an ApiError.
 *
 *     const tags = await answer(api.GET('/tags', { params: { query: { scope: 'span' } }, signal }));
 */
export async function answer<T>(request: Promise<{ data?: T; response: Response }>): Promise<T> {
  const { data } = await request;
  return data as T;
}

/** The answers that can be watched while they are made. */
interface Watched {
  '/search': Schemas['SearchResult'];
  '/series': Schemas['SeriesResult'];
  '/differs': Schemas['Differences'];
}

type Query<P extends keyof Watched> = NonNullable<paths[P]['get']['parameters']['query']>;

export interface Watcher<T> {
  signal: AbortSignal;
  onProgress?: (progress: Schemas['Progress']) => void;
  /** What would be the answer if it ended now. */
  onPartial?: (partial: T) => void;
}

/** Asks, and tells how far the server has come until the result is there. */
export async function watch<P extends keyof Watched>(path: P, query: Query<P>, watcher: Watcher<Watched[P]>): Promise<Watched[P]> {
  const url = new URL(baseUrl + path, window.location.href);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const { signal } = watcher;
  const response = await fetch(url, { headers: { Accept: 'text/event-stream' }, signal }).catch((e: unknown) => {
    throw unreachable(e);
  });
  if (!response.ok || !response.body) throw await failed(response);
  try {
    for await (const { event, data } of serverEvents(response.body)) {
      const document: unknown = JSON.parse(data);
      if (event === 'progress') watcher.onProgress?.(document as Schemas['Progress']);
      else if (event === 'partial') watcher.onPartial?.(document as Watched[P]);
      else if (event === 'result') return document as Watched[P];
      else if (event === 'error') throw errorOf(document, 500, '');
    }
  } catch (e) {
    throw e instanceof ApiError ? e : unreachable(e);
  }
  throw new ApiError('the answer broke off', 0);
}
