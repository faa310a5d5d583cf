import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { checkAccess, checkFits, open, send, shot, themes } from './harness';
import { startServer } from './server';
import { spanId, type Trace } from './traces';

const now = Date.now();

/** Checkouts at a till: most take 100 to 200 ms, some wait two seconds for a bank. */
function tillTrace(n: number): Trace {
  const slow = n % 13 === 5;
  const wait = slow ? 2000 + n : 60 + (n % 7) * 8;
  return {
    id: (0xca5e_0000_0000_0000_0000_0000_0000_0000n + BigInt(n)).toString(16),
    start: now - 120_000 + n * 1000,
    spans: [
      { id: spanId(1), service: 'till', name: 'POST /checkout', at: 0, took: wait + 60, kind: 2, attributes: { 'http.request.method': 'POST', 'shop.region': n % 2 ? 'eu' : 'us' } },
      { id: spanId(2), parent: spanId(1), service: 'till', name: 'pay', at: 20, took: wait, kind: 3, attributes: { 'bank.name': slow ? 'Slow & Sons' : 'Quick' } },
    ],
  };
}

const slowest = tillTrace(96).id; // the last one that is 5 more than a multiple of 13
const failing: Trace = {
  id: 'ca5e0000000000000000000000ffffff',
  start: now - 30_000,
  spans: [{ id: spanId(1), service: 'till', name: 'POST /refund', at: 0, took: 30, kind: 2, failed: 'no cash' }],
};

beforeAll(() => send([...Array.from({ length: 100 }, (_, n) => tillTrace(n)), failing]));

const editor = (page: Page) => page.getByRole('textbox', { name: 'Query' });
const rows = (page: Page) => page.locator('.results-body .result-row');

async function ask(page: Page, query: string): Promise<void> {
  await editor(page).focus();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(query);
  await page.getByRole('button', { name: 'Search' }).click();
}

describe('find the slow checkout', () => {
  it('by words, order and keys', async () => {
    const page = await open('/');
    await rows(page).first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('service=till operation="POST /checkout"');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '50 traces so far' }).waitFor();
    await page.getByRole('radio', { name: 'Slowest' }).click();
    await page.getByText('2.16 s').waitFor();
    await shot(page, 'explore-slow-checkout');
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { level: 2 }).first().click();
    await page.keyboard.press('j');
    await page.keyboard.press('o');
    await page.waitForURL(`**/trace/${slowest}*`);
  });

  it('by a box on the heatmap', async () => {
    const page = await open('/?from=now-5m&q=service%3Dtill');
    const map = page.getByRole('application', { name: /Durations over time/ });
    const frame = (await map.boundingBox())!;
    const drag = async () => {
      await page.mouse.move(frame.x + 2, frame.y + 2);
      await page.mouse.down();
      await page.mouse.move(frame.x + frame.width - 2, frame.y + frame.height / 4, { steps: 4 });
      await page.mouse.up();
    };
    await drag();
    await page.getByText(/^16 spans, longer than/).waitFor(); // two of each of the 8 slow traces
    await shot(page, 'explore-heatmap-box');
    await page.getByRole('button', { name: 'What differs here?' }).click();
    await page.waitForURL('**/differs?*');
    const differs = new URL(page.url()).searchParams;
    expect(differs.get('b')).toBe('{ resource.service.name = "till" }');
    expect(differs.get('a')).toMatch(/^\{ resource\.service\.name = "till" && duration > [\d.]+m?s && span:start >= \d+ && span:start < \d+ \}$/);

    await page.goBack();
    await map.waitFor();
    await drag();
    await page.getByRole('button', { name: 'Narrow the query' }).click();
    await page.getByRole('heading', { name: '8 traces' }).waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toMatch(/duration > [\d.]+m?s \}$/);
  });

  it('by the keyboard on the heatmap', async () => {
    const page = await open('/?from=now-5m&q=service%3Dtill');
    await page.getByRole('application', { name: /Durations over time/ }).focus();
    await page.keyboard.press('ArrowLeft');
    for (let i = 0; i < 119; i++) await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByText(/ spans, longer than/).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('group', { name: 'The box' }).count()).toBe(0);
  });
});

describe('the query box', () => {
  it('completes names and values from the store', async () => {
    const page = await open('/');
    await rows(page).first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('{ span.bank.na');
    await page.getByRole('option', { name: /span\.bank\.name/ }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.type(' = "Slo');
    await page.getByRole('option', { name: /Slow & Sons/ }).waitFor();
    await shot(page, 'explore-completion');
    await page.keyboard.press('Tab');
    await page.keyboard.type(' }');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '8 traces' }).waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('{ span.bank.name = "Slow & Sons" }');
  });

  it('tells where a query is wrong', async () => {
    const page = await open('/', { expectFailures: true });
    await ask(page, '{ durration > 1s }');
    await page.getByText(/did you mean "duration"/).waitFor();
    expect(await page.locator('.q-error').textContent()).toBe('durration');
    await shot(page, 'explore-error');
    await checkAccess(page);
    await page.getByRole('button', { name: 'Show all traces' }).or(page.getByText('Below is still')).first().waitFor();
    await page.getByRole('button', { name: 'Saved and recent queries' }).click();
    expect(await page.getByRole('menuitem', { name: 'durration' }).count()).toBe(0);
  });

  it('keeps what was found before a mistake, and says what to do without it', async () => {
    const page = await open('/?q=service%3Dtill', { expectFailures: true });
    await rows(page).first().waitFor();
    await ask(page, '{ durration > 1s }');
    await page.getByText('Below is still what was found by { resource.service.name = "till" }').waitFor();
    await rows(page).first().waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Show all traces' }).click();
    await rows(page).first().waitFor();
  });

  it('takes the place of highlighted text', async () => {
    const page = await open('/');
    await rows(page).first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('{ span.http.st');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('{ s');
    await expect.poll(() => page.locator('.cm-line').textContent()).toBe('{ s');
  });

  it('looks again, with Search, Refresh and after a failure', async () => {
    const page = await open('/', { expectFailures: true });
    await rows(page).first().waitFor();
    await page.route('**/api/**', (route) => route.abort());
    await ask(page, 'service=till');
    const failure = page.getByRole('alert').filter({ hasText: 'The query could not be looked at' });
    const again = async (name: string) => {
      await failure.waitFor();
      await page.unroute('**/api/**');
      await page.getByRole('button', { name, exact: true }).first().click();
      await page.getByRole('heading', { name: '50 traces so far' }).waitFor();
      await failure.waitFor({ state: 'hidden' });
    };
    await again('Try again');
    for (const [i, name] of ['Search', 'Refresh'].entries()) {
      await page.route('**/api/**', (route) => route.abort());
      await ask(page, `service=till duration >= ${i}ms`);
      await again(name);
    }
    const search = page.waitForRequest((r) => r.url().includes('/search?'));
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await search;
  });

  it('keeps queries', async () => {
    const page = await open('/');
    await ask(page, 'service=till');
    await page.getByRole('heading', { name: '50 traces so far' }).waitFor();
    await page.getByRole('button', { name: 'Saved and recent queries' }).click();
    await page.getByRole('menuitem', { name: 'Save this query' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Saved and recent queries' }).click();
    expect(await page.getByRole('menuitem', { name: 'service=till' }).count()).toBe(2); // saved, and recent
  });

  it('draws the series of a metrics query', async () => {
    const page = await open(`/?q=${encodeURIComponent('{ resource.service.name = "till" } | rate() by (name)')}`);
    await page.getByText('POST /refund').waitFor();
    await page.getByRole('heading', { name: 'rate() by (name)' }).waitFor();
    await page.getByText('spans a second', { exact: true }).waitFor();
    await shot(page, 'explore-series');
    await checkAccess(page);
  });
});

it('the builder reads a query and writes it', async () => {
  const page = await open(`/?builder=1&q=${encodeURIComponent('service=till duration >= 1s')}`);
  const service = page.getByRole('combobox', { name: 'Service' });
  await service.waitFor();
  expect(await service.inputValue()).toBe('till');
  expect(await page.getByRole('combobox', { name: 'Duration from' }).inputValue()).toBe('1s');
  await page.getByRole('combobox', { name: 'Attribute to ask for' }).fill('span.bank.name');
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'Value of span.bank.name' }).fill('Slow & Sons');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: '8 traces' }).waitFor();
  expect(new URL(page.url()).searchParams.get('q')).toBe('{ resource.service.name = "till" && duration >= 1s && span.bank.name = "Slow & Sons" }');
  await shot(page, 'explore-builder');
  await checkAccess(page);
  await ask(page, '{ } >> { status = error }');
  await page.getByText('This query does more than the form can show').waitFor();
});

it('the list goes on as it is scrolled, as traces and as spans with columns', async () => {
  const page = await open('/?q=service%3Dtill');
  await page.getByRole('heading', { name: '50 traces so far' }).waitFor();
  await page.mouse.move(600, 700);
  const heading = page.getByRole('heading', { name: /traces/ });
  const scroll = async () => {
    await page.mouse.wheel(0, 2000);
    return heading.textContent();
  };
  await expect.poll(scroll, { timeout: 15_000 }).toBe('101 traces');
  await page.getByRole('radio', { name: 'Spans' }).click();
  await page.getByRole('radio', { name: 'Slowest' }).click();
  await page.getByText('2.16 s').waitFor();
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('textbox', { name: 'Find an attribute' }).fill('bank');
  await page.getByRole('button', { name: 'span.bank.name' }).click();
  await page.keyboard.press('Escape');
  await page.getByText('Slow & Sons').first().waitFor();
  expect(new URL(page.url()).searchParams.get('cols')).toBe('span.bank.name');
  await page.evaluate(() => scrollTo(0, 0));
  await shot(page, 'explore-spans');
});

it('two traces are picked to be compared', async () => {
  const page = await open('/?q=service%3Dtill');
  await rows(page).first().waitFor();
  await page.getByRole('checkbox').nth(0).check();
  await page.getByRole('checkbox').nth(2).check();
  await page.getByRole('link', { name: 'Compare the two' }).click();
  await page.waitForURL('**/compare?a=*&b=*');
});

describe.each(themes)('%s', (theme) => {
  it.each([1280, 390])('%i px: looks as it should, and is accessible', async (width) => {
    const page = await open('/?from=now-5m', { theme, width, height: width === 390 ? 844 : 900 });
    await rows(page).first().waitFor();
    await page.locator('.heatmap-cells').waitFor();
    await shot(page, `explore-${theme}-${width}`);
    await checkFits(page);
    await checkAccess(page);
  });
});

describe('an empty store', () => {
  it('says how to send the first trace, to the addresses of this server and under its prefix', async () => {
    const server = await startServer(inject('clew'), '--http.path-prefix=/clew');
    try {
      const page = await open('/clew/', { http: server.http });
      await page.getByRole('heading', { name: 'No traces yet' }).waitFor();
      for (const language of ['Go', 'Python', 'Node.js', 'Java']) {
        await page.getByRole('tab', { name: language }).click();
        await page.getByRole('tabpanel').getByText(server.otlpHttp).first().waitFor();
      }
      await shot(page, 'explore-begin');
      await checkAccess(page);
      await page.getByRole('link', { name: 'Services' }).click();
      await page.waitForURL('**/clew/services*');
      await page.reload(); // a page is found on its own path too
      await page.getByRole('link', { name: 'Clew: Explore' }).click();
      await page.getByRole('heading', { name: 'No traces yet' }).waitFor();
    } finally {
      await server.stop();
    }
  });

  it('is told from a range without traces', async () => {
    const page = await open('/?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z&q=service%3Dtill');
    await page.getByRole('heading', { name: 'Nothing matches in this time range' }).waitFor();
    await page.getByRole('button', { name: 'Go there' }).click();
    await rows(page).first().waitFor();
  });
});
