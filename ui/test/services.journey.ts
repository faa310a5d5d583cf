import { beforeAll, describe, expect, it } from 'vitest';
import { checkAccess, checkFits, open, send, shot, themes } from './harness';
import { spanId, type Trace } from './traces';

const now = Date.now();

/** Requests to a ferry's office: two an hour and a half ago that took 100 ms, and forty now, of which ten failed after 900 ms. */
function booking(n: number, at: number, took: number, failed?: string): Trace {
  return {
    id: (0xfe44_0000_0000_0000_0000_0000_0000_0000n + BigInt(n)).toString(16),
    start: at,
    spans: [{ id: spanId(1), service: 'ferry-office', name: n % 2 ? 'book' : 'list', at: 0, took, kind: 2, failed }],
  };
}

const failing = Array.from({ length: 10 }, (_, n) => booking(100 + n, now - 50_000 + n, 900, 'full'));

beforeAll(async () => {
  await send(Array.from({ length: 30 }, (_, n) => booking(n, now - 90 * 60_000 + n, 100)));
  await send(Array.from({ length: 30 }, (_, n) => booking(200 + n, now - 60_000 + n, 100)));
  await send(failing);
});

describe('services', () => {
  it('tell rate, errors, durations and what changed; an example opens its trace', async () => {
    const page = await open('/services');
    const row = page.getByRole('row', { name: /ferry-office/ });
    await row.waitFor();
    await expect.poll(() => row.textContent()).toMatch(/25 %\+25.0 pp.*900 ms×9/);
    await page.getByRole('button', { name: 'Failed' }).click();
    await page.waitForURL('**sort=-errors*');
    await checkAccess(page);

    await row.getByRole('button').click();
    await page.waitForURL('**service=ferry-office*');
    await page.getByRole('row', { name: /^book/ }).waitFor();
    await page.getByRole('row', { name: /^list/ }).waitFor();
    await page.getByRole('img', { name: 'Requests of ferry-office over time', exact: true }).waitFor();
    await shot(page, 'services-open');
    await checkAccess(page);

    await row.getByRole('link', { name: 'failed' }).click();
    await page.waitForURL(`**/trace/${failing.at(-1)!.id}?span=${spanId(1)}*`);
    await page.goBack();
    await page.getByRole('link', { name: 'Explore book' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    expect(new URL(page.url()).searchParams.get('q')).toBe('{ resource.service.name = "ferry-office" && name = "book" }');
    await page.goBack();
    await page.getByRole('link', { name: 'ferry-office on the map' }).click();
    await page.waitForURL('**/map?*focus=ferry-office*');
  });

  it('list the operations of all, and find by name', async () => {
    const page = await open('/services');
    await page.getByRole('row', { name: /ferry-office/ }).waitFor();
    await page.keyboard.press('o');
    await page.waitForURL('**by=operation*');
    await page.getByRole('columnheader', { name: 'Operation' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('ferry');
    await expect.poll(() => page.getByRole('row').count()).toBe(3);
  });

  for (const theme of themes) {
    it(`in the ${theme} theme, on a desk and on a phone`, async () => {
      for (const width of [1280, 390]) {
        const page = await open('/services', { theme, width });
        await page.getByRole('row', { name: /ferry-office/ }).waitFor();
        await shot(page, `services-${theme}-${width}`);
        await checkAccess(page);
        await checkFits(page);
      }
    });
  }
});
