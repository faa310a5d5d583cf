import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkAccess, checkFits, open, send, shot, themes } from './harness';
import { tracesOfServices } from './manyServices';
import { startServer, type Server } from './server';
import { spanId, type Trace } from './traces';

const start = Date.now() - 60_000;

/** A library: the desk asks the catalogue and its database, and tells the mailer by a queue. Every third look-up fails. */
function lending(n: number): Trace {
  const failed = n % 3 === 0 ? 'not found' : undefined;
  return {
    id: (0x11b_0000n + BigInt(n)).toString(16).padStart(32, '0'),
    start: start + n * 10,
    spans: [
      { id: spanId(1), service: 'desk', name: 'lend', at: 0, took: 80, kind: 2 },
      { id: spanId(2), parent: spanId(1), service: 'desk', name: 'find', at: 5, took: 40, kind: 3, failed },
      { id: spanId(3), parent: spanId(2), service: 'catalogue', name: 'find', at: 10, took: 30, kind: 2, failed },
      { id: spanId(4), parent: spanId(3), service: 'catalogue', name: 'SELECT', at: 12, took: 20, kind: 3, attributes: { 'db.system': 'shelfdb' } },
      { id: spanId(5), parent: spanId(1), service: 'desk', name: 'lent send', at: 60, took: 2, kind: 4, attributes: { 'messaging.system': 'postbox' } },
      { id: spanId(6), parent: spanId(5), service: 'mailer', name: 'lent receive', at: 70, took: 5, kind: 5, attributes: { 'messaging.system': 'postbox' } },
      { id: spanId(7), parent: spanId(6), service: 'mailer', name: 'POST', at: 71, took: 3, kind: 3, attributes: { 'server.address': 'mail.example' } },
    ],
  };
}

const library = Array.from({ length: 12 }, (_, n) => lending(n));
let small: Server;
let large: Server;

beforeAll(async () => {
  [small, large] = [await startServer(), await startServer()];
  await send(library, small.otlpHttp);
  await send(tracesOfServices(1000, start), large.otlpHttp);
});

afterAll(async () => {
  await small?.stop();
  await large?.stop();
});

const side = (page: Page) => page.getByRole('complementary', { name: 'Details' });
const picture = (page: Page) => page.getByRole('application', { name: /^Picture of/ });

/** How many different colours the picture has: an empty one has one. */
async function colours(page: Page): Promise<number> {
  return page.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
}

/** What a link to Explore finds there. */
async function countInExplore(page: Page): Promise<number> {
  const query = new URL(page.url()).searchParams.get('q')!;
  const answer = await page.request.get(new URL(`/api/clew/v1/search?${new URLSearchParams({ q: query, limit: '100' })}`, page.url()).href);
  return ((await answer.json()) as { traces: unknown[] }).traces.length;
}

describe('the map', () => {
  it('shows who calls whom, and leads from an edge to its traces', async () => {
    const page = await open('/map', { http: small.http });
    await picture(page).waitFor();
    await expect.poll(() => colours(page)).toBeGreaterThan(10);
    await side(page).getByText('3 services, 1 database, 1 external peer; 4 links.').waitFor();
    await shot(page, 'map-picture');
    await checkAccess(page);

    for (const [edge, found] of [['desk → catalogue', 12], ['catalogue → shelfdb', 12], ['mailer → mail.example', 12]] as const) {
      await side(page).getByRole('button', { name: edge }).first().click();
      await side(page).getByRole('heading', { name: edge }).waitFor();
      await side(page).getByRole('link', { name: 'Traces of these calls' }).click();
      await page.waitForURL((url) => url.pathname === '/');
      expect(await countInExplore(page), edge).toBe(found);
      await page.goBack();
      await page.getByRole('button', { name: 'Select nothing' }).click();
    }
    await side(page).getByText('33.3 %').waitFor();
  });

  it('leads to the traces of calls within a service, whatever span called', async () => {
    const own = await startServer();
    try {
      const gate = { service: 'gate', took: 9, kind: 2 as const };
      const inner = { ...gate, id: spanId(3), parent: spanId(2), name: 'inner', at: 2 };
      const spans = [{ ...gate, id: spanId(1), name: 'outer', at: 0 }, { ...gate, id: spanId(2), parent: spanId(1), name: 'work', at: 1, kind: 1 as const }, inner];
      const direct = [spans[0]!, { ...inner, parent: spanId(1) }];
      await send([spans, direct].map((each, n) => ({ id: spanId(n + 1).padStart(32, '0'), start, spans: each })), own.otlpHttp);
      const page = await open('/map?caller=gate&callee=gate', { http: own.http });
      await side(page).getByRole('link', { name: 'Traces of these calls' }).click();
      await page.waitForURL((url) => url.pathname === '/');
      await expect.poll(() => countInExplore(page)).toBe(2);
      await page.goto('about:blank'); // asks for nothing while the server stops
    } finally {
      await own.stop();
    }
  });

  it('has brokers as places of their own, if that is wanted', async () => {
    const page = await open('/map', { http: small.http });
    await side(page).getByText(/4 links/).waitFor();
    await page.keyboard.press('b');
    await side(page).getByText(/1 queue.*5 links/).waitFor();
    await page.goto(`${small.http}/map?brokers=true&caller=postbox&callee=mailer&via=messaging`);
    await side(page).getByRole('link', { name: 'Traces of these calls' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    expect(await countInExplore(page)).toBe(12);
  });

  it('focuses on a service, so many hops up and down', async () => {
    const page = await open('/map?node=catalogue', { http: small.http });
    await side(page).getByRole('heading', { name: 'catalogue' }).waitFor();
    await picture(page).waitFor();
    await page.keyboard.press('f');
    await page.waitForURL('**focus=catalogue*');
    await page.getByRole('button', { name: 'Select nothing' }).click();
    await side(page).getByText('2 services, 1 database; 2 links.').waitFor();
    await page.getByLabel('How far down to what it calls').selectOption('0');
    await side(page).getByText('2 services; 1 link.').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await side(page).getByText(/4 links/).waitFor();
  });

  it('is moved about in with keys, and is a table as well', async () => {
    const page = await open('/map', { http: small.http });
    await picture(page).focus();
    const before = await page.locator('canvas').evaluate((c: HTMLCanvasElement) => c.toDataURL());
    for (const key of ['+', '+', 'ArrowRight', 'ArrowDown']) await page.keyboard.press(key);
    await expect.poll(() => page.locator('canvas').evaluate((c: HTMLCanvasElement) => c.toDataURL())).not.toBe(before);
    await page.keyboard.press('v');
    const rows = page.getByRole('table', { name: /Calls between services/ }).getByRole('row');
    expect(await rows.count()).toBe(5);
    await page.getByRole('button', { name: 'Failed' }).click();
    await expect.poll(() => rows.nth(1).textContent()).toMatch(/^deskcatalogue.*33.3 %/);
    await page.getByRole('link', { name: 'Explore calls from desk to mailer' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    expect(await countInExplore(page)).toBe(12);
  });

  it('stays usable with a thousand services', async () => {
    const page = await open('/map', { http: large.http });
    await picture(page).waitFor();
    await side(page).getByText(/^1,000 services; 2,002 links/).waitFor();
    await expect.poll(() => colours(page)).toBeGreaterThan(10);
    await shot(page, 'map-thousand');
    await page.keyboard.press('/');
    await page.keyboard.type('0300');
    await side(page).getByRole('button', { name: 'service-0300' }).click();
    await side(page).getByRole('button', { name: 'Focus' }).click();
    await page.getByLabel('How far up to its callers').selectOption('2');
    await picture(page).waitFor();
    await expect.poll(() => picture(page).getAttribute('aria-label')).toMatch(/^Picture of \d services/);
    await shot(page, 'map-thousand-focus');
    await page.goto(`${large.http}/map?view=table`);
    const table = page.getByRole('table', { name: /2,002 links/ });
    await table.waitFor();
    expect(await table.getByRole('row').count()).toBeLessThan(100); // only those that are seen
    await checkAccess(page);
  });

  for (const theme of themes) {
    it(`in the ${theme} theme, on a desk and on a phone`, async () => {
      for (const width of [1280, 390]) {
        const page = await open('/map', { theme, width });
        await picture(page).waitFor();
        await expect.poll(() => colours(page)).toBeGreaterThan(10);
        await shot(page, `map-${theme}-${width}`);
        await checkAccess(page);
        await checkFits(page);
      }
    });
  }
});
