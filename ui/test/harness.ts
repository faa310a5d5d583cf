import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, expect, inject } from 'vitest';
import { otlp, type Trace } from './traces';

export const themes = ['light', 'dark'] as const;

export interface View {
  theme?: (typeof themes)[number];
  /** Of the window; that of a phone is 390. */
  width?: number;
  height?: number;
  /** Another server than the one that all journeys share. */
  http?: string;
  /** Answers of the server that a journey provokes, such as 400. */
  expectFailures?: boolean;
}

let browser: Browser | undefined;
let pages: { page: Page; complaints: string[] }[] = [];

/**
 * Opens a path in a window of its own. Errors on the console, among them what
 * the Content-Security-Policy stops, fail the test.
 */
export async function open(path: string, { theme = 'light', width = 1280, height = 900, http = inject('http'), expectFailures = false }: View = {}): Promise<Page> {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', locale: 'en-GB' });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, sourceFile, lineNumber, target }) => {
      // oxlint-disable-next-line no-console -- it is read below
      console.error(`policy: ${violatedDirective} at ${sourceFile}:${lineNumber} for ${(target as Element | null)?.outerHTML?.slice(0, 200)}`);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const provoked = expectFailures && message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !provoked) complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`); // which only a script from outside would open
    void dialog.dismiss();
  });
  pages.push({ page, complaints });
  await page.goto(http + path);
  return page;
}

afterEach(async () => {
  const open = pages;
  pages = [];
  for (const { page } of open) await page.context().close();
  expect(open.flatMap((p) => p.complaints)).toEqual([]);
});

afterAll(async () => {
  await browser?.close();
  browser = undefined;
});

/** Stores traces; they are found from then on. */
export async function send(traces: readonly Trace[], otlpHttp = inject('otlpHttp')): Promise<void> {
  for (const trace of traces) {
    const response = await fetch(`${otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(otlp(trace)),
    });
    expect(response.status, await response.text()).toBe(200);
  }
}

const shots = join(import.meta.dirname, 'shots');

/** Keeps a picture of what is seen, for people to look at. */
export async function shot(page: Page, name: string): Promise<void> {
  await mkdir(shots, { recursive: true });
  // To hide the caret would take an inline style, which the policy stops.
  await page.screenshot({ path: join(shots, `${name}.png`), caret: 'initial' });
}

/** There is nothing serious that axe finds about contrast, labels, roles and focus. */
export async function checkAccess(page: Page): Promise<void> {
  // Playwright evaluates in the page by way of the debugger, which the policy does not stop.
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary ?? ''}`).join('; ')}`);
  });
  expect(violations).toEqual([]);
}

/** The page has no more width than the window. */
export async function checkFits(page: Page): Promise<void> {
  const { width, window } = await page.evaluate(() => ({ width: document.documentElement.scrollWidth, window: innerWidth }));
  expect(width).toBeLessThanOrEqual(window);
}
