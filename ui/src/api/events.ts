export interface ServerEvent {
  event: string;
  data: string;
}

/** The server-sent events of a response, as they come. */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        yield parseEvent(text.slice(0, end));
        text = text.slice(end + 2);
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined); // or it has failed already
  }
}

function parseEvent(block: string): ServerEvent {
  const found: ServerEvent = { event: 'message', data: '' };
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) found.event = line.slice(7);
    else if (line.startsWith('data: ')) found.data += line.slice(6);
  }
  return found;
}
