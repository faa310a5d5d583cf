import { expect, test } from 'vitest';
import { linesOf, sectionsOf } from './stack';

function kinds(stack: string): string[] {
  return linesOf(stack).map((line) => line.kind);
}

test('Java', () => {
  const stack = [
    'java.lang.IllegalStateException: no card',
    '\tat shop.Payment.charge(Payment.java:42)',
    '\tat org.springframework.web.Dispatcher.run(Dispatcher.java:1)',
    '\tat java.base/java.lang.Thread.run(Thread.java:840)',
    '\tat java.lang.Thread.exit(Thread.java:1)',
    'Caused by: java.io.IOException: reset',
    '\tat shop.Socket.read(Socket.java:7)',
    '\t... 12 more',
  ].join('\n');
  expect(kinds(stack)).toEqual(['message', 'frame', 'library', 'library', 'library', 'cause', 'frame', 'note']);
});

test('Python keeps the line of code with its frame', () => {
  const stack = [
    'Traceback (most recent call last):',
    '  File "/app/shop.py", line 3, in pay',
    '    charge(card)',
    '  File "/usr/lib/python3.12/site-packages/requests/api.py", line 9, in get',
    '    return request(url)',
    'requests.ConnectionError: refused',
  ].join('\n');
  expect(kinds(stack)).toEqual(['note', 'frame', 'frame', 'library', 'library', 'message']);
});

test('Go and Node', () => {
  const go = 'panic: boom\n\ngoroutine 1 [running]:\nmain.charge(0x1)\n\t/app/main.go:12 +0x1d\nnet/http.HandlerFunc.ServeHTTP(0x2)\n\t/usr/local/go/src/net/http/server.go:2136 +0x29';
  expect(kinds(go)).toEqual(['message', 'note', 'frame', 'frame', 'library', 'library']);
  const node = 'Error: no card\n    at charge (/app/pay.js:3:9)\n    at next (/app/node_modules/express/router.js:1:2)\n    at process.run (node:internal/process:9:1)';
  expect(kinds(node)).toEqual(['message', 'frame', 'library', 'library']);
});

test('runs of library frames are folded', () => {
  const line = (kind: 'message' | 'frame' | 'library') => ({ kind, text: kind });
  const sections = sectionsOf([line('message'), line('frame'), line('library'), line('library'), line('library'), line('frame'), line('library')]);
  expect(sections.map((section) => [section.folded, section.lines.length])).toEqual([[false, 2], [true, 3], [false, 2]]);
});

test('a long trace is cut, and any text is lines', () => {
  expect(linesOf('x\n'.repeat(10_000))).toHaveLength(2000);
  expect(linesOf('')).toEqual([]);
});
