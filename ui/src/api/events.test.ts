import { expect, it } from 'vitest';
import { serverEvents, type ServerEvent } from './events';

/** The same bytes, cut at each place in turn: events and characters may come in two pieces. */
it('reads events however they are cut', async () => {
  const bytes = new TextEncoder().encode('event: progress\ndata: {"done":1}\n\ndata: "ü"\n\nevent: result\ndata: {}\n\nevent: cut off');
  for (let at = 0; at <= bytes.length; at++) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes.slice(0, at));
        controller.enqueue(bytes.slice(at));
        controller.close();
      },
    });
    const found: ServerEvent[] = [];
    for await (const event of serverEvents(body)) found.push(event);
    expect(found).toEqual([
      { event: 'progress', data: '{"done":1}' },
      { event: 'message', data: '"ü"' },
      { event: 'result', data: '{}' },
    ]);
  }
});

it('stops reading when nobody wants more', async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode('data: 1\n\n'));
    },
    cancel() {
      cancelled = true;
    },
  });
  for await (const { data } of serverEvents(body)) {
    expect(data).toBe('1');
    break;
  }
  expect(cancelled).toBe(true);
});
