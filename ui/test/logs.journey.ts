import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkAccess, checkFits, open, send, shot, themes } from './harness';
import { startServer, type Server } from './server';
import { checkout, spanId } from './traces';

const now = Date.now();
const shopTrace = '10c50000000000000000000000000001';
const lostTrace = '10c50000000000000000000000000002';
const nasty = '"><img src=x onerror=alert(1)>\u202e\u0007</script>';

let server: Server;

/** Log records in OTLP's JSON; times are milliseconds after the start of the trace. */
async function sendLogs(traceId: string, records: { span?: string; at: number; severity: number; text: string; attributes?: Record<string, string> }[]): Promise<void> {
  const response = await fetch(`${server.otlpHttp}/v1/logs`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'payments' } }] },
          scopeLogs: [
            {
              logRecords: records.map(({ span = '', at, severity, text, attributes = {} }) => ({
                traceId, spanId: span, timeUnixNano: String(BigInt(now - 60_000 + at) * 1_000_000n), severityNumber: severity, body: { stringValue: text },
                attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: value } })),
              })),
            },
          ],
        },
      ],
    }),
  });
  expect(response.status, await response.text()).toBe(200);
}

beforeAll(async () => {
  server = await startServer(undefined, '--log-links=Loki=https://logs.example/{trace_id}?service={service}&from={start_ms}');
  await send([checkout(shopTrace, now - 60_000)], server.otlpHttp);
  await sendLogs(shopTrace, [
    { span: spanId(2), at: 15, severity: 9, text: 'order placed', attributes: { 'order.id': '4711' } },
    { span: spanId(31), at: 700, severity: 17, text: nasty, attributes: { [nasty]: nasty } },
    { at: 900, severity: 13, text: 'of the whole trace' },
  ]);
  await sendLogs(lostTrace, [{ span: spanId(1), at: 0, severity: 17, text: 'left alone' }]);
});
afterAll(() => server.stop());

const list = (page: Page) => page.getByRole('list', { name: 'Logs' });

describe('logs of a trace', () => {
  it('from the list of all to the span, with its logs and the way to another system', async () => {
    const page = await open(`/trace/${shopTrace}`, { http: server.http });
    await page.getByRole('tab', { name: 'Logs 3' }).click();
    await list(page).getByRole('listitem').nth(2).waitFor();
    expect(await list(page).getByRole('listitem').allInnerTexts()).toHaveLength(3);
    await list(page).getByText('no span of this trace').waitFor();
    await shot(page, 'trace-logs');
    await page.getByRole('combobox', { name: 'Least level' }).selectOption('warn');
    await page.getByRole('status').filter({ hasText: '2 log records' }).waitFor();
    await page.getByRole('combobox', { name: 'Least level' }).selectOption('trace');
    await page.getByRole('searchbox', { name: 'Filter the logs' }).fill('order 4711');
    await page.getByRole('status').filter({ hasText: '1 log record' }).waitFor();
    await list(page).getByRole('button', { name: /order placed/ }).click();

    const panel = page.getByRole('complementary');
    await panel.getByRole('heading', { level: 2, name: 'checkout' }).waitFor();
    await panel.getByText('order placed', { exact: true }).waitFor();
    await panel.getByText('order.id', { exact: true }).waitFor();
    const link = panel.getByRole('link', { name: 'Loki' });
    expect(await link.getAttribute('href')).toBe(`https://logs.example/${shopTrace}?service=checkout&from=${now - 60_000 + 12 - 60_000}`);
    await page.waitForURL(`**span=${spanId(2)}*`);
  });

  it('are drawn on the time line', async () => {
    const page = await open(`/trace/${shopTrace}?span=${spanId(31)}`, { http: server.http });
    await page.getByRole('complementary').getByText('Logs', { exact: true }).waitFor();
    await shot(page, 'trace-logs-timeline');
  });

  it('of a trace that was not kept', async () => {
    const page = await open(`/trace/${lostTrace}`, { http: server.http, expectFailures: true });
    await page.getByRole('heading', { name: 'There are log records of this trace, and no spans' }).waitFor();
    await page.getByText('there are log records of it').first().waitFor();
    await list(page).getByText('left alone').waitFor();
    await checkAccess(page);
    await shot(page, 'trace-logs-lost');
  });

  for (const theme of themes) {
    it(`can be read and reached, ${theme}`, async () => {
      const page = await open(`/trace/${shopTrace}?tab=logs&span=${spanId(31)}`, { http: server.http, theme });
      await list(page).getByRole('listitem').first().waitFor();
      await page.getByRole('complementary').getByText('onerror').first().waitFor();
      await checkAccess(page);
      await checkFits(page);
    });
  }
});
