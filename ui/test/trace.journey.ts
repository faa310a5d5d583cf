import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { checkAccess, checkFits, open, send, shot, themes } from './harness';
import { checkout, hostile, otlp, spanId } from './traces';

const now = Date.now();
const failedCheckout = 'c0ffee00000000000000000000000001';
const evilTrace = 'bad00000000000000000000000000001';

/** Others of the same operations, so that a span has what to be compared with. */
const others = Array.from({ length: 20 }, (_, n) => {
  const trace = checkout((0xc0ffee00000000000000000000001000n + BigInt(n)).toString(16), now - 120_000 - n * 1000);
  for (const span of trace.spans) {
    span.took *= 0.4 + n / 40;
    delete span.failed;
  }
  return trace;
});

beforeAll(() => send([checkout(failedCheckout, now - 60_000), hostile(evilTrace, now - 50_000), ...others]));

const tree = (page: Page) => page.getByRole('tree', { name: 'Spans' });
const span = (page: Page, name: string | RegExp) => tree(page).getByRole('treeitem', { name });
const panel = (page: Page) => page.getByRole('complementary');

async function openTrace(id: string, params = '', view: Parameters<typeof open>[1] = {}): Promise<Page> {
  const page = await open(`/trace/${id}${params}`, view);
  await page.getByRole('treeitem').first().or(page.locator('.flame, .span-table, .statistics, .call-graph, .event-list, .raw-json').first()).waitFor({ state: 'attached' });
  return page;
}

describe('follow an error to its origin', () => {
  it('one click from the overview to the span, its exception and its own frames', async () => {
    const page = await openTrace(failedCheckout);
    const overview = panel(page);
    await overview.getByRole('heading', { name: 'Where the error began' }).waitFor();
    const way = overview.getByRole('list', { name: 'The way the error took up' }).getByRole('listitem');
    expect(await way.allInnerTexts()).toHaveLength(4);
    await shot(page, 'trace-overview');
    await overview.getByRole('button', { name: /payments POST bank\/authorize payments.CardDeclined/ }).click();

    await panel(page).getByRole('heading', { level: 2, name: 'payments' }).waitFor();
    await panel(page).getByText('payments.CardDeclinedException', { exact: true }).waitFor();
    await panel(page).getByText('payments.Gateway.charge').waitFor();
    await panel(page).getByRole('button', { name: '6 lines of libraries' }).click();
    await panel(page).getByText('DispatcherServlet.doService').waitFor();
    await panel(page).getByText(/(Slower|Faster) than/).waitFor();
    await page.waitForURL(`**span=${spanId(31)}*`);
    await span(page, /bank\/authorize.*error begins here/).waitFor({ state: 'attached' });
    await shot(page, 'trace-error');
  });

  it('from a span that failed with it, and by key', async () => {
    const page = await openTrace(failedCheckout, `?span=${spanId(2)}`);
    await panel(page).getByRole('button', { name: /It failed below/ }).click();
    await panel(page).getByRole('heading', { level: 2, name: 'payments' }).waitFor();
    await page.keyboard.press('Escape');
    await panel(page).getByRole('heading', { name: 'Where the error began' }).waitFor();
    await page.keyboard.press('e');
    await panel(page).getByRole('heading', { level: 2, name: 'payments' }).waitFor();
  });
});

describe('what is odd about a trace', () => {
  it('says which parent is missing, and moves clocks in the picture only', async () => {
    const page = await openTrace(failedCheckout, `?span=${spanId(27)}&panel=overview`);
    await panel(page).getByText(spanId(901)).first().waitFor();
    const skewed = span(page, /quote calculate/);
    const before = await skewed.textContent();
    expect(before).toContain('starts at 240 ms');
    await panel(page).getByText(/differs from that of its caller.*as they came/).waitFor();
    await panel(page).getByRole('checkbox', { name: /as if the clocks agreed/ }).check();
    await expect.poll(() => skewed.textContent()).toContain('starts at 355 ms');
    await panel(page).getByText(/differs from that of its caller.*as if they agreed/).waitFor();
    await page.waitForURL('**skew=1*');
  });

  it('shows links in both directions', async () => {
    const page = await openTrace(failedCheckout, `?span=${spanId(2)}`);
    await panel(page).getByText('linked from').waitFor();
    await panel(page).getByRole('button', { name: 'accounting consume order' }).click();
    await panel(page).getByText('links to').waitFor();
    await panel(page).getByRole('button', { name: 'checkout PlaceOrder' }).waitFor();
  });
});

it('tokens of language models are summed up', async () => {
  const page = await openTrace(failedCheckout, '?panel=overview');
  await panel(page).getByText('876 tokens: 812 read, 64 written').waitFor();
});

it('a conversation with a language model is read as one', async () => {
  const page = await openTrace(failedCheckout, `?span=${spanId(32)}`);
  const talk = panel(page).locator('.conversation');
  await talk.getByText('The card has expired.').waitFor();
  expect(await talk.locator('.talk-message').count()).toBe(5);
  await talk.getByText('812').waitFor();
  await talk.getByText('Calls lookup_decline').waitFor();
  await shot(page, 'trace-conversation');
});

it('events tell which exception it was, and are found by it', async () => {
  const page = await openTrace(failedCheckout, '?tab=events');
  const thrown = page.locator('.event-row', { hasText: 'payments.CardDeclinedException: card expired' });
  await thrown.waitFor();
  await page.getByRole('searchbox', { name: 'Filter the events' }).fill('carddeclined');
  await page.getByRole('status').filter({ hasText: /^1 event/ }).waitFor();
  await thrown.waitFor();
});

it('finds, colours, filters', async () => {
  const page = await openTrace(failedCheckout);
  const find = page.getByLabel('Find spans in this trace');
  await expect
    .poll(async () => {
      await page.keyboard.press('/');
      return find.evaluate((input) => input === document.activeElement);
    })
    .toBe(true);
  await page.keyboard.type('redis');
  await page.getByRole('status').filter({ hasText: /^6$/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: '1 of 6' }).waitFor();
  await panel(page).getByText('HGETALL cart:880').hover();
  await panel(page).getByRole('button', { name: 'Explore spans with this value' }).first().waitFor();
  await page.getByRole('combobox', { name: 'Colour by' }).selectOption('attribute');
  await page.getByRole('combobox', { name: 'Attribute to colour by' }).fill('span.db.system');
  await page.keyboard.press('Enter');
  await page.getByRole('list', { name: 'Colours' }).getByText('postgresql').waitFor();
  await shot(page, 'trace-find');
  const attribute = panel(page).locator('.attribute', { hasText: 'db.system' }).first();
  await attribute.hover();
  await attribute.getByRole('button', { name: 'Explore spans with this value' }).click();
  await page.waitForURL(/\/\?.*q=/);
  expect(new URL(page.url()).searchParams.get('q')).toBe('{ span.db.system = "redis" }');
});

it('by pointer: rows, arrows, dragging and the wheel', async () => {
  const page = await openTrace(failedCheckout);
  const { x, y, width } = (await page.locator('.waterfall canvas').boundingBox())!;
  const rowAt = (place: number) => y + 26 + place * 24 + 12;
  const shown = () => page.getByRole('slider', { name: /Part of the trace/ }).getAttribute('aria-valuetext');
  const whole = await shown();

  await page.mouse.click(x + 120, rowAt(2));
  await panel(page).getByRole('heading', { level: 2, name: 'cart' }).waitFor();
  await page.mouse.click(x + 36, rowAt(2)); // the arrow before it
  await expect.poll(() => span(page, /cart GetCart/).getAttribute('aria-expanded')).toBe('false');

  await page.mouse.move(x + width * 0.6, rowAt(5));
  await page.mouse.down();
  await page.mouse.move(x + width * 0.8, rowAt(6), { steps: 4 });
  await page.mouse.up();
  await expect.poll(shown).not.toBe(whole);
  await page.getByRole('button', { name: 'Whole trace' }).click();
  await expect.poll(shown).toBe(whole);

  const map = (await page.locator('.minimap').boundingBox())!;
  await page.mouse.move(map.x + map.width * 0.25, map.y + 20);
  await page.mouse.down();
  await page.mouse.move(map.x + map.width * 0.5, map.y + 20, { steps: 4 });
  await page.mouse.up();
  await expect.poll(shown).toMatch(/^310 ms to 620 ms$/);

  await page.mouse.move(x + width * 0.7, rowAt(5));
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, 200);
  await page.keyboard.up('Control');
  await expect.poll(shown).not.toMatch(/^310 ms/);
  await page.mouse.wheel(0, 400);
  await span(page, /accounting consume order/).waitFor({ state: 'attached' });
});

it('spans that arrive later are there after a look', async () => {
  const trace = checkout('c0ffee00000000000000000000000002', now - 30_000);
  await send([{ ...trace, spans: trace.spans.slice(0, 10) }]);
  const page = await openTrace(trace.id, `?span=${spanId(2)}`);
  await page.getByText('10 spans').waitFor();
  await send([{ ...trace, spans: trace.spans.slice(10) }]);
  await page.getByRole('button', { name: /Look for spans/ }).click();
  await page.getByText('34 spans').waitFor();
  await panel(page).getByRole('heading', { level: 2, name: 'checkout' }).waitFor();
});

it('an upload is opened by its view, and what was sampled stands for others', async () => {
  const trace = checkout('c0ffee00000000000000000000000003', now - 30_000);
  for (const each of trace.spans) each.traceState = 'ot=th:c';
  const response = await fetch(`${inject('http')}/api/clew/v1/uploads`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(otlp(trace)) });
  const { traces } = (await response.json()) as { traces: { view: string }[] };
  const page = await openTrace(trace.id, `?view=${traces[0]!.view}`);
  await page.getByText('stands for 4 traces').waitFor();
  await page.keyboard.press('e');
  await panel(page).getByText('payments.CardDeclinedException', { exact: true }).waitFor();
  await page.getByRole('tab', { name: 'JSON' }).click();
  await page.getByText(`"traceId": "${trace.id}"`).first().waitFor();
});

describe('keyboard only', () => {
  it('goes through the tree, collapses, zooms, opens details, shows all keys', async () => {
    const page = await openTrace(failedCheckout);
    await tree(page).focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
    await expect.poll(() => tree(page).getAttribute('aria-activedescendant')).toBe('span-2');
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => span(page, /cart GetCart/).getAttribute('aria-expanded')).toBe('false');
    expect(await span(page, /HGETALL/).count()).toBe(0);
    await page.keyboard.press('ArrowRight');
    await span(page, /HGETALL/).first().waitFor({ state: 'attached' });
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('span-details');

    await page.keyboard.press(']');
    await expect.poll(() => tree(page).getByRole('treeitem').count()).toBe(2);
    await page.keyboard.press('[');
    await expect.poll(() => tree(page).getByRole('treeitem').count()).toBeGreaterThan(10);
    await page.keyboard.press('p');
    await page.waitForURL('**collapsed=*');

    await page.keyboard.press('Shift+ArrowUp');
    await page.waitForURL('**range=*');
    await page.keyboard.press('0');
    await page.waitForURL((url) => !url.searchParams.has('range'));

    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).getByText('Collapse one level').waitFor();
    await page.keyboard.press('Escape');
    for (const tab of ['2', '3', '4', '5', '6', '7', '8']) {
      await page.keyboard.press(tab);
      await page.waitForURL('**tab=*');
    }
    await page.getByRole('list', { name: 'The trace as JSON' }).getByText('"resourceSpans": [').waitFor();
  });
});

it('a link brings the same view to somebody else', async () => {
  const page = await openTrace(failedCheckout);
  await page.keyboard.press('p');
  await page.keyboard.press('p');
  await page.keyboard.press('Shift+ArrowUp');
  await page.keyboard.press('e');
  await page.getByRole('textbox', { name: 'Find spans' }).fill('card');
  await page.getByRole('combobox', { name: 'Colour by' }).selectOption('status');
  await page.waitForURL((url) => ['span', 'range', 'collapsed', 'find', 'colour'].every((key) => url.searchParams.has(key)));
  const state = async (of: Page) => ({
    rows: await tree(of).getByRole('treeitem').allTextContents(),
    range: await of.getByRole('slider', { name: /Part of the trace/ }).getAttribute('aria-valuetext'),
    selected: await tree(of).locator('[aria-selected=true]').allTextContents(),
    heading: await panel(of).getByRole('heading', { level: 2 }).textContent(),
    find: await of.getByRole('textbox', { name: 'Find spans' }).inputValue(),
    colours: await of.getByRole('list', { name: 'Colours' }).allInnerTexts(),
  });
  await page.getByRole('status').filter({ hasText: /\d of \d/ }).waitFor();
  const mine = await state(page);
  const { pathname, search } = new URL(page.url());
  const theirs = await open(pathname + search);
  await theirs.getByRole('status').filter({ hasText: /\d of \d/ }).waitFor();
  await expect.poll(() => state(theirs)).toEqual(mine);
  await theirs.getByRole('button', { name: 'Whole trace' }).click();
  await theirs.waitForURL((url) => !url.searchParams.has('range'));
});

describe('hostile data', () => {
  it('stays text in every view', async () => {
    const page = await openTrace(evilTrace, `?span=${spanId(2)}`);
    await panel(page).getByText('Attributes').first().waitFor();
    await panel(page).getByRole('button', { name: /Show 300 of 9,\d+ more/ }).waitFor();
    await panel(page).getByText('user‹U+202E›gnp.exe‹U+2066› \u200f<b>bold</b>').first().waitFor();
    await shot(page, 'trace-hostile');
    for (const tab of ['flame', 'table', 'statistics', 'graph', 'events', 'json']) {
      await page.goto(page.url().replace(/\?.*/, `?tab=${tab}`));
      await page.locator('.flame canvas, .span-row, .statistics td, .call-node, .event-row, .json-line').first().waitFor();
      expect(await page.evaluate(() => 'fooled' in globalThis)).toBe(false);
    }
    expect(await page.locator('img, main script').count()).toBe(0);
  });

  it('a value of 1 MiB and 10,000 attributes are shown in parts', async () => {
    const page = await openTrace(evilTrace, `?span=${spanId(2)}`);
    expect(await panel(page).locator('.attribute').count()).toBeLessThan(200);
    await panel(page).getByRole('searchbox', { name: 'Filter the attributes' }).first().fill('big');
    await panel(page).getByRole('button', { name: /Show all \(1 MiB\)/ }).click();
    const lines = page.getByRole('dialog', { name: 'big' }).getByRole('listitem');
    await lines.first().waitFor();
    expect(await lines.count()).toBeLessThan(100);
    await page.getByRole('dialog', { name: 'big' }).getByRole('button', { name: 'Close' }).click();
    await panel(page).getByRole('searchbox', { name: 'Filter the attributes' }).first().fill('attribute.09999');
    await panel(page).getByText('value 9999').waitFor();
  });
});

it('says so when there is no such trace', async () => {
  const page = await open('/trace/00000000000000000000000000000abc', { expectFailures: true });
  await page.getByRole('heading', { name: 'There is no such trace' }).waitFor();
});

describe.each(themes)('in the %s theme', (theme) => {
  it.each(['timeline', 'flame', 'table', 'statistics', 'graph', 'events', 'json'])('%s is accessible, fits a phone, and looks as it should', async (tab) => {
    const page = await openTrace(failedCheckout, `?tab=${tab}&span=${spanId(31)}`, { theme });
    await panel(page).getByText(/(Slower|Faster) than/).waitFor();
    await shot(page, `trace-${tab}-${theme}`);
    await checkAccess(page);
    const phone = await openTrace(failedCheckout, `?tab=${tab}&panel=closed`, { theme, width: 390, height: 844 });
    await checkFits(phone);
    await shot(phone, `trace-${tab}-${theme}-phone`);
  });
});
