import { beforeAll, describe, expect, it } from 'vitest';
import { checkAccess, checkFits, open, send, shot, themes } from './harness';
import { startServer, type Server } from './server';
import { spanId, type Trace } from './traces';

const now = Date.now() - 120_000;
const good = { 'service.version': '1', 'service.instance.id': 'one', 'deployment.environment.name': 'test', 'telemetry.sdk.language': 'python' };

/** A pier that writes a password down, and calls a lighthouse that begins a trace of its own. */
function docking(n: number): Trace[] {
  const id = (from: bigint) => (from + BigInt(n)).toString(16).padStart(32, '0');
  const http = { 'http.request.method': 'GET', 'server.address': 'lighthouse', 'server.port': 80 };
  return [
    {
      id: id(0xd0c0n), start: now + n * 1000, resource: good,
      spans: [
        { id: spanId(1), service: 'pier', name: 'dock', at: 0, took: 100, attributes: { note: 'password=seagull7' } },
        { id: spanId(2), parent: spanId(1), service: 'pier', name: 'GET', at: 10, took: 80, kind: 3, attributes: { ...http, 'url.full': 'http://lighthouse/lamp' } },
      ],
    },
    {
      id: id(0xd0c1_0000n), start: now + n * 1000 + 20, resource: good,
      spans: [{ id: spanId(3), service: 'lighthouse', name: 'GET /lamp', at: 0, took: 50, kind: 2, attributes: { ...http, 'url.path': '/lamp', 'url.scheme': 'http' } }],
    },
  ];
}

let server: Server;

beforeAll(async () => {
  server = await startServer();
  await send([0, 1, 2].flatMap(docking), server.otlpHttp);
  return server.stop;
});

describe('quality', () => {
  it('tells scores, what is wrong, how to mend it, and leads to an example', async () => {
    const page = await open('/', { http: server.http });
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Quality' }).click();
    const heading = page.getByRole('heading', { name: 'Quality', exact: true });
    await heading.waitFor(); // Explore has rows too
    const pier = page.getByRole('row', { name: /pier/ });
    await pier.waitFor();
    expect(await pier.textContent()).toContain('89.4 Good');
    const findings = page.getByRole('region', { name: 'Findings of pier' });
    const secret = findings.getByRole('group').filter({ hasText: 'SPA-006' });
    await secret.locator('summary').press('Enter');
    await secret.getByText('note has a password: password=***').waitFor();
    expect(await page.textContent('main')).not.toContain('seagull7');

    const broken = findings.getByRole('group').filter({ hasText: 'CLEW-001' });
    await broken.getByText('Calls break the trace').click();
    await broken.getByText(/pier → lighthouse \(HTTP\)/).waitFor();
    await broken.getByText(/In Python:/).waitFor();
    await shot(page, 'quality-open');
    await checkAccess(page);

    await broken.getByRole('link').first().click();
    await page.waitForURL(`**/trace/*d0c2?span=${spanId(2)}*`);
    await page.goBack();
    await heading.waitFor();
    await page.getByRole('row', { name: /lighthouse/ }).getByRole('button').click();
    await page.waitForURL('**service=lighthouse*');
    await page.getByText('Nothing is wrong with these spans.').waitFor();
    await page.getByText(/rules of the Instrumentation Score cannot be judged/).click();
    await page.getByText('its criterion is not defined yet').waitFor();
  });

  it('is found by keys, and says when there is nothing', async () => {
    const page = await open('/quality?from=now-20m&to=now-19m', { http: server.http });
    await page.getByRole('heading', { name: 'No spans in this time' }).waitFor();
    await page.goto(`${server.http}/quality`);
    await page.getByRole('row', { name: /pier/ }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('light');
    await expect.poll(() => page.getByRole('row').count()).toBe(2);
  });

  for (const theme of themes) {
    it(`in the ${theme} theme, on a desk and on a phone`, async () => {
      for (const width of [1280, 390]) {
        const page = await open('/quality?service=pier', { theme, width, http: server.http });
        await page.getByText('Secrets or personal data in spans').click();
        await shot(page, `quality-${theme}-${width}`);
        await checkAccess(page);
        await checkFits(page);
      }
    });
  }
});
