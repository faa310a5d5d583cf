/**
 * What the server wrote into index.html about itself. An address is missing if
 * that listener is off; all are, when Vite serves the page.
 */
export interface Server {
  version?: string;
  otlpGrpc?: string;
  otlpHttp?: string;
  tempo?: string;
  zipkin?: string;
}

/** Where the pages begin, with a slash at its end: "/" or the path prefix. */
export const basePath = new URL('.', document.baseURI).pathname;

export const server: Server = readServer();

function readServer(): Server {
  const text = document.querySelector<HTMLMetaElement>('meta[name="clew"]')?.content ?? '{}';
  return JSON.parse(text) as Server;
}
