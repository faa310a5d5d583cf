import { beforeAll, describe, expect, it } from 'vitest';
import { checkAccess, checkFits, open, send, shot, themes } from './harness';
import { spanId, type Trace } from './traces';

const start = Date.now() - 90_000;

/** Renderings of a document: the new version takes long where the document has many pages. */
function rendering(n: number): Trace {
  const isNew = n % 5 === 0;
  const pages = isNew ? 300 + n : 1 + (n % 40);
  return {
    id: (0xd1ff_0000_0000_0000_0000_0000_0000_0000n + BigInt(n)).toString(16),
    start: start + n * 100,
    spans: [
      {
        id: spanId(1), service: 'renderer', name: 'render', at: 0, took: isNew ? 1500 + n : 40 + (n % 9), kind: 2,
        attributes: { 'app.version': isNew ? '2.0.0-rc1' : '1.9.4', 'doc.pages': pages, 'shop.region': n % 2 ? 'eu' : 'us', 'doc.id': `doc-${n}` },
      },
    ],
  };
}

const search = new URLSearchParams({ a: '{ resource.service.name = "renderer" && duration > 1s }', b: '{ resource.service.name = "renderer" }', from: 'now-15m' });
const path = `/differs?${search}`;

beforeAll(() => send(Array.from({ length: 200 }, (_, n) => rendering(n))));

describe('what differs', () => {
  it('ranks the attributes; a value is filtered on by one click', async () => {
    const page = await open(path);
    await page.getByText('40 spans').waitFor();
    await page.getByText('160 other spans').waitFor();
    const cards = page.locator('.attribute-card');
    const first = [await cards.nth(0).getByRole('heading').textContent(), await cards.nth(1).getByRole('heading').textContent()];
    expect(first.toSorted()).toEqual(['span.app.version', 'span.doc.pages']);

    const version = cards.filter({ hasText: 'span.app.version' });
    await version.getByText('2.0.0-rc1').waitFor();
    const pages = cards.filter({ hasText: 'span.doc.pages' });
    const ranges = pages.getByRole('group', { name: 'Ranges of values' }).getByRole('button');
    expect(await ranges.count()).toBeGreaterThan(2);
    await ranges.last().click();
    await page.getByRole('link', { name: 'Filter on' }).first().waitFor();
    await checkAccess(page);
    await page.keyboard.press('Escape');

    await version.getByRole('link', { name: 'Filter on 2.0.0-rc1' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    expect(new URL(page.url()).searchParams.get('q')).toBe('{ resource.service.name = "renderer" && duration > 1s && span.app.version = "2.0.0-rc1" }');
    await page.getByText('1.7 s').first().waitFor();

    await page.goBack();
    await version.getByRole('link', { name: 'Filter out 2.0.0-rc1' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    expect(new URL(page.url()).searchParams.get('q')).toBe('{ resource.service.name = "renderer" && duration > 1s && !(span.app.version = "2.0.0-rc1") }');
  });

  it('is asked by hand, and says what is wrong with a query', async () => {
    const page = await open('/differs?from=now-15m', { expectFailures: true });
    await page.getByRole('textbox', { name: 'Query' }).first().focus();
    await page.keyboard.insertText('service=renderer duration > 1s');
    await page.keyboard.press('Enter');
    await page.getByText('40 spans').waitFor();
    await page.goto(new URL('/differs?a=%7B+durration+%3E+1s+%7D', page.url()).href);
    await page.getByRole('alert').getByText(/durration/).waitFor();
  });

  it('says that a selection is empty', async () => {
    const page = await open(`/differs?a=${encodeURIComponent('{ resource.service.name = "nobody" }')}`);
    await page.getByRole('heading', { name: 'Nothing is in the selection' }).waitFor();
    await checkAccess(page);
  });

  for (const theme of themes) {
    it(`in the ${theme} theme, on a desk and on a phone`, async () => {
      for (const width of [1280, 390]) {
        const page = await open(path, { theme, width });
        await page.getByText('160 other spans').waitFor();
        await shot(page, `differs-${theme}-${width}`);
        await checkAccess(page);
        await checkFits(page);
      }
    });
  }
});
