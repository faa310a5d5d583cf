/** Reads a view away from the page's own thread: of a million spans it is 80 MB of text. */

import { buffersOf, decodeView } from './decode';
import type { LoadAnswer } from './load';

/** Of lib.webworker, which cannot stand beside lib.dom. */
const scope = globalThis as unknown as { postMessage: (answer: LoadAnswer, transfer: Transferable[]) => void };

onmessage = async ({ data: url }: MessageEvent<string>) => {
  try {
    const response = await fetch(url);
    const body: unknown = await response.json().catch(() => undefined);
    if (response.ok && body !== undefined) {
      const view = decodeView(body as Parameters<typeof decodeView>[0]);
      scope.postMessage({ view }, buffersOf(view));
      return;
    }
    const { error } = (body ?? {}) as { error?: { message?: string; code?: number } };
    const message = error?.message ?? `the server answered ${response.status} ${response.statusText}`.trim();
    scope.postMessage({ message, code: error?.code ?? response.status }, []);
  } catch (error) {
    const message = error instanceof TypeError ? 'the server cannot be reached' : error instanceof Error ? error.message : String(error);
    scope.postMessage({ message, code: 0 }, []);
  }
};
