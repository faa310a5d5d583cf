// What large traces cost in the browser:
//
//     node test/measure-trace.mjs [--clew ../bin/clew] [--chromium /usr/bin/chromium] [100000 1000000]
//
// For each size it starts a server, stores a trace of that many spans, opens it in Chromium and scrolls through it. It
// reports, in milliseconds and MiB, when the spans are drawn, the longest task of the page's thread, frames while scrolling
// (late: those that took longer than one and a half intervals of 60 Hz), the page's thread's own time for both, which a busy
// machine does not add to, and the memory of the page's process.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    clew: { type: 'string', default: new URL('../../bin/clew', import.meta.url).pathname },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});

const requestSpans = 10_000;
const used = ['http', 'otlp-http'];

for (const size of positionals.length > 0 ? positionals.map(Number) : [100_000, 1_000_000]) {
  process.stdout.write(`${JSON.stringify(await measure(size))}\n`);
}

async function measure(size) {
  const folder = await mkdtemp(join(tmpdir(), 'clew-measure-'));
  const server = await serve(folder);
  const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox'] });
  try {
    const traceId = await store(server.otlp, size);
    return { spans: size, ...(await open(browser, `${server.http}/trace/${traceId}`)) };
  } finally {
    await browser.close();
    server.process.kill();
    await new Promise((resolve) => server.process.once('exit', resolve));
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts a server on free ports and returns its addresses. */
async function serve(folder) {
  const { stdout: help } = await promisify(execFile)(values.clew, ['serve', '--help']);
  const off = [...help.matchAll(/--listen\.([\w-]+)/g)].map(([, name]) => name).filter((name) => !used.includes(name));
  const listen = [...used.map((name) => `--listen.${name}=127.0.0.1:0`), ...off.map((name) => `--listen.${name}=off`)];
  const args = ['serve', '--data-dir', folder, '--memory.limit=2GiB', ...listen];
  const process = spawn(values.clew, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const addresses = {};
  let log = '';
  await new Promise((resolve, reject) => {
    process.once('exit', (code) => reject(new Error(`clew ended with ${code}: ${log}`)));
    process.stderr.on('data', (text) => {
      log += text;
      for (const [, name, address] of log.matchAll(/listener=(\S+) address=(\S+)/g)) addresses[name] = `http://${address}`;
      if (addresses.http && addresses['otlp-http']) resolve();
    });
  });
  return { process, http: addresses.http, otlp: addresses['otlp-http'] };
}

/** Sends a trace: calls of 20 services, up to 9 deep, with some attributes, events and failures. */
async function store(otlp, size) {
  const traceId = size.toString(16).padStart(32, 'a');
  const start = BigInt(Date.now() - 600_000) * 1_000_000n;
  const random = numbers(7);
  // What each open span has left of its time, from the root down.
  const open = [{ id: id(0), at: 0, end: size * 1000 }];
  let spans = [span(traceId, start, 0, '', 0, size * 1000, random)];
  for (let i = 1; i < size; i++) {
    while (open.length > 1 && (open.length > 8 || random() < 0.35)) open.pop();
    const parent = open.at(-1);
    // Those below the root are spread over its time, the others lie in their parents.
    if (open.length === 1) parent.at = Math.max(parent.at, (parent.end * i) / size);
    const room = open.length === 1 ? Math.min(50_000, parent.end - parent.at) : parent.end - parent.at;
    const took = Math.max(1, Math.floor(room * (0.1 + 0.5 * random())));
    spans.push(span(traceId, start, i, parent.id, parent.at, took, random));
    open.push({ id: id(i), at: parent.at, end: parent.at + took });
    parent.at += Math.floor(took * 0.9);
    if (spans.length === requestSpans) spans = await send(otlp, spans);
  }
  if (spans.length > 0) await send(otlp, spans);
  return traceId;
}

function span(traceId, start, i, parent, at, took, random) {
  const failed = random() < 0.003;
  const begin = start + BigInt(Math.floor(at)) * 1000n;
  return {
    service: `service-${Math.floor(random() * 20)}`,
    span: {
      traceId, spanId: id(i), parentSpanId: parent, name: `operation ${i % 211}`, kind: 1 + (i % 5),
      startTimeUnixNano: String(begin), endTimeUnixNano: String(begin + BigInt(took) * 1000n),
      status: failed ? { code: 2, message: 'it failed' } : {},
      attributes: [
        { key: 'http.route', value: { stringValue: `/route/${i % 97}` } },
        { key: 'request.id', value: { stringValue: `r-${i}` } },
        { key: 'size', value: { intValue: String(i % 1000) } },
      ],
      events: random() < 0.02 ? [{ name: 'event', timeUnixNano: String(begin) }] : [],
    },
  };
}

function id(i) {
  return (0x1000000000000000n + BigInt(i) * 2654435761n).toString(16).slice(-16);
}

/** Numbers from 0 to 1, the same each time. */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

async function send(otlp, spans) {
  const services = Map.groupBy ? Map.groupBy(spans, (each) => each.service) : groupBy(spans);
  const body = {
    resourceSpans: [...services].map(([service, list]) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeSpans: [{ spans: list.map((each) => each.span) }],
    })),
  };
  const text = JSON.stringify(body);
  for (;;) {
    const response = await fetch(`${otlp}/v1/traces`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: text });
    if (response.ok) return [];
    if (response.status !== 429 && response.status !== 503) throw new Error(`${response.status}: ${await response.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get('retry-after') ?? 1)));
  }
}

function groupBy(spans) {
  const groups = new Map();
  for (const each of spans) groups.set(each.service, [...(groups.get(each.service) ?? []), each]);
  return groups;
}

async function open(browser, url) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(() => {
    globalThis.longest = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, entry.duration);
    }).observe({ type: 'longtask', buffered: true });
  });
  // The process of the site is there before the trace is opened.
  await page.goto(new URL('/healthz', url).href);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  const idle = await ownTime(cdp);
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName('trace drawn').length > 0, undefined, { timeout: 120_000 });
  const drawn = await page.evaluate(() => performance.getEntriesByName('trace drawn')[0].startTime);
  await page.waitForTimeout(1500);
  const longTask = await page.evaluate(() => globalThis.longest);
  const opened = await ownTime(cdp);
  const frames = await scroll(page, cdp);
  const scrolled = await ownTime(cdp);
  const memory = await memoryOf(browser, page);
  // Once more, now that the server has the view at hand.
  await page.reload();
  await page.waitForFunction(() => performance.getEntriesByName('trace drawn').length > 0, undefined, { timeout: 120_000 });
  const again = await page.evaluate(() => performance.getEntriesByName('trace drawn')[0].startTime);
  return {
    drawn: Math.round(drawn), drawnAgain: Math.round(again), ownTimeToOpen: Math.round(opened - idle), longestTask: Math.round(longTask),
    ...frames, ownTimeAFrame: Math.round((10 * (scrolled - opened)) / frames.frames) / 10, ...memory,
  };
}

/** Milliseconds that the page's thread has worked. */
async function ownTime(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return 1000 * metrics.find(({ name }) => name === 'TaskDuration').value;
}

/** Scrolls with the wheel for some seconds and looks at each frame. */
async function scroll(page, cdp) {
  await page.evaluate(() => {
    globalThis.frames = [];
    let last = performance.now();
    const next = (now) => {
      globalThis.frames.push(now - last);
      last = now;
      globalThis.watching = requestAnimationFrame(next);
    };
    globalThis.watching = requestAnimationFrame(next);
  });
  for (const way of [-1, 1, -1]) {
    await cdp.send('Input.synthesizeScrollGesture', { x: 500, y: 600, yDistance: way * 6000, speed: 4000, gestureSourceType: 'mouse' });
  }
  const frames = await page.evaluate(() => {
    cancelAnimationFrame(globalThis.watching);
    return globalThis.frames.slice(2);
  });
  const late = frames.filter((took) => took > 25).length;
  return {
    frames: frames.length,
    perSecond: Math.round((1000 * frames.length) / frames.reduce((sum, took) => sum + took, 0)),
    latePercent: Math.round((1000 * late) / frames.length) / 10,
    worstFrame: Math.round(Math.max(...frames)),
  };
}

/** Of the page's process: all of it, and what scripts hold, typed arrays included. */
async function memoryOf(browser, page) {
  const cdp = await browser.newBrowserCDPSession();
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
  const sizes = await Promise.all(processInfo.filter(({ type }) => type === 'renderer').map(({ id: pid }) => residentMiB(pid)));
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const heap = await session.send('Runtime.getHeapUsage');
  const held = heap.usedSize + (heap.backingStorageSize ?? 0);
  return { processMiB: Math.max(...sizes), heldMiB: Math.round(held / 2 ** 20) };
}

async function residentMiB(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}
