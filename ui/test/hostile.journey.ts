import { beforeAll, describe, expect, it } from 'vitest';
import { checkFits, open, send, shot } from './harness';
import { startServer, type Server } from './server';
import { hostile, spanId, type Span, type Trace } from './traces';

const [a, b] = ['bad0bad0bad0bad0bad0bad0bad00001', 'bad0bad0bad0bad0bad0bad0bad00002'];
let server: Server;

beforeAll(async () => {
  server = await startServer();
  const bad = hostile(a!, Date.now() - 20_000);
  const [{ service: evil }, { service: turned }] = bad.spans as [Span, Span];
  const call: Trace = {
    id: 'bad0bad0bad0bad0bad0bad0bad00003', start: bad.start,
    spans: [
      { id: spanId(1), service: evil, name: evil, at: 0, took: 9, kind: 3 },
      { id: spanId(2), parent: spanId(1), service: turned, name: evil, at: 1, took: 5, kind: 2, failed: evil },
      { id: spanId(3), parent: spanId(2), service: turned, name: evil, at: 2, took: 1, kind: 3, attributes: { 'db.system': evil } },
    ],
  };
  await send([bad, hostile(b!, Date.now() - 10_000), call], server.otlpHttp);
  return server.stop;
});

describe('names of somebody who means no good', () => {
  const pages = {
    services: '/services?service=twice',
    operations: '/services?by=operation',
    quality: '/quality',
    map: '/map',
    table: '/map?view=table',
    differs: `/differs?a=${encodeURIComponent('{ status = error }')}`,
    compare: `/compare?a=${a}&b=${b}`,
  };
  for (const [name, path] of Object.entries(pages)) {
    it(`are text and nothing else: ${name}`, async () => {
      for (const width of [1280, 390]) {
        const page = await open(path, { http: server.http, width });
        await page.getByText('<script>').first().waitFor({ state: 'attached' });
        expect(await page.evaluate(() => 'fooled' in globalThis)).toBe(false);
        expect(await page.locator('main script, main img[src="x"]').count()).toBe(0);
        await shot(page, `hostile-${name}-${width}`);
        await checkFits(page);
      }
    });
  }
});
