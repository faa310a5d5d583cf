import { ApiError } from '../api/client';
import { basePath } from '../app/server';
import type { TraceView } from './view';

export type LoadAnswer = { view: TraceView } | { message: string; code: number };

/** Opens a trace, as it is now or, with the token of a view, as it was then. */
export function loadView(traceId: string, token: string | undefined, signal: AbortSignal): Promise<TraceView> {
  const url = new URL(`${basePath}api/clew/v1/traces/${encodeURIComponent(traceId)}/view`, window.location.href);
  if (token) url.searchParams.set('view', token);
  const worker = new Worker(new URL('./load.worker.ts', import.meta.url), { type: 'module' });
  return new Promise<TraceView>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
    worker.onmessage = ({ data }: MessageEvent<LoadAnswer>) => {
      if ('view' in data) resolve(data.view);
      else reject(new ApiError(data.message, data.code));
    };
    worker.onerror = () => reject(new ApiError('the trace cannot be read', 0));
    worker.postMessage(url.href);
  }).finally(() => worker.terminate());
}
