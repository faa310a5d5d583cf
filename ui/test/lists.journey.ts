import { beforeAll, describe, expect, inject, it } from 'vitest';
import { checkFits, open, send, shot } from './harness';
import { startServer, type Server } from './server';
import { spanId, type Trace } from './traces';

const html = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
const reversed = '‮gnp.exe‬ ‏שלום'; // marks that turn the text around
const long = 'x'.repeat(1 << 20);

// The editor has an <img> of its own beside its placeholder.
const foreign = 'main img:not(.cm-widgetBuffer), main script';

function hostileTrace(n: number, service: string, name: string, attributes: Record<string, string> = {}): Trace {
  return {
    id: (0xbad0_0000_0000_0000_0000_0000_0000_0000n + BigInt(n)).toString(16),
    start: Date.now() - 60_000 + n * 1000,
    spans: [{ id: spanId(1), service, name, at: 0, took: 10 * n, kind: 2, attributes: { hostile: 'yes', ...attributes } }],
  };
}

describe('names and values from outside', () => {
  let server: Server;

  beforeAll(async () => {
    server = await startServer(inject('clew'));
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`attribute.${i}`, `${i}`]));
    const traces = [
      hostileTrace(1, html, html, { [html]: html }),
      hostileTrace(2, reversed, reversed, { value: reversed }),
      hostileTrace(3, 'long', long, { value: long }),
      hostileTrace(4, 'many', 'attributes', many),
      hostileTrace(5, '', ''),
    ];
    await send(traces, server.otlpHttp);
    return server.stop;
  });

  it.each(['traces', 'spans'])('are text in a list of %s', async (mode) => {
    const page = await open(`/?mode=${mode}&cols=span.value`, { http: server.http });
    const rows = page.locator('.results-body .result-row');
    await rows.nth(4).waitFor();
    expect(await rows.count()).toBe(5);
    expect(await page.locator(foreign).count()).toBe(0);
    expect(await page.locator('main').textContent()).toContain(html);
    const heights = await rows.evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height));
    expect(new Set(heights).size).toBe(1);
    // What turns the text around does not reach beyond its own element.
    const cells = await rows.evaluateAll((all) => all.map((row) => row.querySelector('.cell-duration')!.getBoundingClientRect().left));
    expect(new Set(cells).size).toBe(1);
    const text = await page.evaluate(() => document.body.innerText.length);
    expect(text).toBeLessThan(20_000);
    await checkFits(page);
    await shot(page, `hostile-${mode}`);
  });

  it('are text in suggestions, columns and series', async () => {
    const page = await open('/?builder=1', { http: server.http });
    await page.locator('.results-body .result-row').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('{ resource.service.name = ');
    await page.getByRole('option', { name: /onerror/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('textbox', { name: 'Find an attribute' }).fill('img');
    await page.locator('.column-choices button').first().click();
    await page.keyboard.press('Escape');
    await page.getByRole('columnheader', { name: /onerror/ }).waitFor();
    await page.goto(`${server.http}/?q=${encodeURIComponent('{ } | rate() by (resource.service.name, name)')}`);
    await page.getByText(/resource\.service\.name=long/).waitFor();
    expect(await page.locator(foreign).count()).toBe(0);
    await checkFits(page);
    await shot(page, 'hostile-series');
  });
});

describe('what goes wrong', () => {
  it('a search is cancelled, and run again', async () => {
    const page = await open('/');
    await page.locator('.results-body .result-row').first().waitFor();
    await page.route(/\/search\?.*limit=50/, () => undefined); // an answer that does not come
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Search' }).waitFor();
    await page.unrouteAll();
    await page.keyboard.press('r');
    await page.locator('.results-body .result-row').first().waitFor();
  });

  it('a server that is gone is told, and tried again', async () => {
    const page = await open('/', { expectFailures: true });
    await page.locator('.results-body .result-row').first().waitFor();
    await page.route('**/api/**', (route) => route.abort());
    await page.keyboard.press('r');
    const failure = page.getByRole('alert').filter({ hasText: 'The search failed: the server cannot be reached' });
    await failure.waitFor();
    await shot(page, 'explore-unreachable');
    await page.unrouteAll();
    await failure.getByRole('button', { name: 'Try again' }).click();
    await failure.waitFor({ state: 'hidden' });
  });
});
