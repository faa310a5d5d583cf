import { beforeAll, describe, expect, it } from 'vitest';
import { checkAccess, checkFits, open, send, shot, themes } from './harness';
import { otlp, spanId, type Span, type Trace } from './traces';

const start = Date.now() - 60_000;

/** An order at a kiosk; the slow one asks the printer again, which fails, and leaves out the loyalty points. */
function order(id: string, slow: boolean): Trace {
  const spans: Span[] = [
    { id: spanId(1), service: 'kiosk', name: 'order', at: 0, took: slow ? 900 : 120, kind: 2 },
    { id: spanId(2), parent: spanId(1), service: 'kitchen', name: 'cook', at: 10, took: slow ? 610 : 60, kind: 2 },
    { id: spanId(3), parent: spanId(2), service: 'printer', name: 'print ticket', at: 20, took: 30, kind: 2 },
  ];
  if (slow) spans.push({ id: spanId(4), parent: spanId(2), service: 'printer', name: 'print ticket again', at: 60, took: 540, kind: 2, failed: 'no paper' });
  else spans.push({ id: spanId(5), parent: spanId(1), service: 'loyalty', name: 'add points', at: 80, took: 20, kind: 2 });
  return { id, start, spans };
}

const usual = order('c0a0e000000000000000000000000001', false);
const slow = order('c0a0e000000000000000000000000002', true);
const path = `/compare?a=${usual.id}&b=${slow.id}`;

beforeAll(() => send([usual, slow]));

describe('compare two traces', () => {
  it('by their ids: what took longer, what is only in one of them', async () => {
    const page = await open('/compare');
    await page.getByLabel('Id of trace A').fill(usual.id);
    await page.getByLabel('Id of trace B').fill(slow.id);
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByText('B took 780 ms longer.').waitFor();
    await page.getByText(/1 span only in A, 1 span only in B/).waitFor();
    const rows = page.getByRole('table').getByRole('row');
    expect(await rows.count()).toBe(6); // with the head
    await page.getByRole('row', { name: /print ticket again.*only in B/ }).waitFor();
    await page.getByRole('row', { name: /add points.*only in A/ }).waitFor();
    await page.getByRole('row', { name: /cook.*slower/ }).waitFor();
    await checkAccess(page);

    await page.keyboard.press('d');
    await page.waitForURL('**only=differences*');
    await expect.poll(() => rows.count()).toBe(5);
    await page.getByRole('button', { name: 'Close cook' }).click();
    await expect.poll(() => rows.count()).toBe(4);

    await page.keyboard.press('x');
    await page.getByText('B took 780 ms less.').waitFor();
    await page.goBack();
    await page.getByRole('tab', { name: /Services/ }).click();
    await page.getByRole('row', { name: /printer.*\+540 ms/ }).waitFor();
    await page.getByRole('tab', { name: 'Tree' }).click();
    await page.getByRole('row', { name: /cook/ }).getByRole('link', { name: '610 ms' }).click();
    await page.waitForURL(`**/trace/${slow.id}?*span=${spanId(2)}*`);
  });

  it('with one chosen from those that begin alike', async () => {
    const page = await open(`/compare?a=${usual.id}`);
    await page.getByRole('heading', { name: /Compare with another.*kiosk.*order/ }).waitFor();
    const rows = page.getByRole('table', { name: 'Traces to compare with' }).getByRole('row');
    expect(await rows.count()).toBe(2); // with the head
    await checkAccess(page);
    await rows.last().getByRole('button').click();
    await page.getByText('B took 780 ms longer.').waitFor();
  });

  it('says which trace is not there', async () => {
    const page = await open(`/compare?a=${usual.id}&b=77`, { expectFailures: true });
    await page.getByRole('alert').getByText(/not found/).waitFor();
  });

  for (const theme of themes) {
    it(`in the ${theme} theme, on a desk and on a phone`, async () => {
      for (const width of [1280, 390]) {
        const page = await open(path, { theme, width });
        await page.getByText('B took 780 ms longer.').waitFor();
        await shot(page, `compare-${theme}-${width}`);
        await checkAccess(page);
        await checkFits(page);
      }
    });
  }
});

describe('open a file', () => {
  const lines = [usual, slow].map((trace) => JSON.stringify(otlp({ ...trace, id: `ab${trace.id.slice(2)}` }))).join('\n');

  it('with several traces, and compare two of them', async () => {
    const page = await open('/upload');
    await page.getByLabel('Files with traces').setInputFiles({ name: 'orders.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(lines) });
    await page.getByRole('heading', { name: '2 traces' }).waitFor();
    await shot(page, 'upload-list');
    await checkAccess(page);
    for (const box of await page.getByRole('checkbox').all()) await box.check();
    await page.getByRole('link', { name: 'Compare', exact: true }).last().click();
    await page.getByText(/^B took 780 ms/).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: /kiosk order/ }).first().click();
    await page.waitForURL('**/trace/ab*?view=upload-*');
    await page.getByText('print ticket').first().waitFor();
  });

  it('with one trace, which is shown at once; nothing of it is stored', async () => {
    const page = await open('/upload', { expectFailures: true });
    const id = 'ab'.padEnd(32, '7');
    await page.getByLabel('Or paste JSON').fill(JSON.stringify(otlp({ ...usual, id })));
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.waitForURL(`**/trace/${id}?view=upload-*`);
    await page.getByText('add points').first().waitFor();
    const stored = await page.request.get(new URL(`/api/clew/v1/traces/${id}`, page.url()).href);
    expect(stored.status()).toBe(404);
  });

  it('that is broken: the message says where', async () => {
    const page = await open('/upload', { expectFailures: true });
    await page.getByLabel('Or paste JSON').fill('{"resourceSpans": [\n  {"resource": oops}\n]}');
    await page.getByLabel('Or paste JSON').press('ControlOrMeta+Enter');
    await page.getByRole('alert').getByText(/^line 2, column 16:/).waitFor();
    expect(await page.locator('.wrong-place mark').textContent()).toBe('o');
    await shot(page, 'upload-error');
    await checkAccess(page);
  });

  for (const theme of themes) {
    it(`in the ${theme} theme on a phone`, async () => {
      const page = await open('/upload', { theme, width: 390 });
      await page.getByText('Drop files here').waitFor();
      await shot(page, `upload-${theme}-390`);
      await checkAccess(page);
      await checkFits(page);
    });
  }
});
