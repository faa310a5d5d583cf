import { expect, it } from 'vitest';
import { checkAccess, open, shot } from './harness';

it('keys lead everywhere, and ? tells them', async () => {
  const page = await open('/', { expectFailures: true }); // the last trace is not there
  await page.locator('.results-body .row-link').first().waitFor();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keys' });
  await help.waitFor();
  await shot(page, 'keys');
  await checkAccess(page);
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Keys' }).click();
  await help.waitFor();
  expect(await help.evaluate((dialog) => dialog === document.activeElement)).toBe(true);
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'hidden' });
  for (const [keys, path] of [['gs', '/services'], ['gm', '/map'], ['gc', '/compare'], ['gq', '/quality'], ['go', '/upload'], ['ge', '/']] as const) {
    await page.keyboard.type(keys);
    await page.waitForURL((url) => url.pathname === path);
    // The focus is on the page that was gone to.
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('main');
  }
  await page.keyboard.type('gt');
  await page.keyboard.type('hello\n');
  await page.getByText('A trace id has up to 32 of the digits').waitFor();
  await shot(page, 'no-trace-id');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('5b8efff798038103d269b633813fc60c\n');
  await page.waitForURL('**/trace/5b8efff798038103d269b633813fc60c');
  await page.getByRole('heading', { name: 'There is no such trace' }).waitFor();
}, 60_000);

it('the theme and the time zone are chosen, and kept', async () => {
  const page = await open('/?from=2026-01-31T12:00:00Z&to=2026-01-31T13:00:00Z', { theme: 'light' });
  await page.getByRole('button', { name: '31 Jan 2026, 13:00:00 – 14:00:00' }).waitFor(); // Berlin
  const choose = async (name: string) => {
    await page.getByRole('button', { name: 'Theme and time zone' }).click();
    await page.getByRole('menuitemcheckbox', { name }).click();
  };
  await choose('Dark');
  await choose('UTC');
  await page.reload();
  await page.getByRole('button', { name: '31 Jan 2026, 12:00:00 – 13:00:00 UTC' }).waitFor();
  const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  expect(ground).toBe('rgb(16, 19, 23)');
});

it("links to Jaeger's pages lead to those that show the same", async () => {
  const page = await open('/search?service=frontend&tags=%7B%22http.status_code%22%3A%22500%22%7D&lookback=2d&limit=20', { expectFailures: true });
  await page.waitForURL((url) => url.pathname === '/');
  const params = new URL(page.url()).searchParams;
  expect([params.get('q'), params.get('from')]).toEqual(['service=frontend http.status_code=500', 'now-2d']);
  const links = [
    ['/dependencies', '/map'],
    ['/monitor?service=a', '/services?service=a'],
    ['/deep-dependencies?service=a%20b&operation=c', '/map?focus=a+b'],
    ['/quality-metrics?service=a', '/quality?service=a'],
    ['/search?traceID=5b8efff798038103d269b633813fc60c', '/trace/5b8efff798038103d269b633813fc60c'],
    ['/search?tag=error%3Atrue&tag=a%3Ab', '/?q=error%3Dtrue+a%3Db'],
  ] as const;
  for (const [from, to] of links) {
    await page.goto(new URL(from, page.url()).href);
    await page.waitForURL((url) => url.pathname + url.search === to);
  }
  await page.goto(new URL('/nowhere', page.url()).href);
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
});
