import { describe, expect, it } from 'vitest';
import { filterLogs, PlacedLogs, timeOf, toneOf, type LogList, type LogRecord } from './logs';
import type { TraceView } from './view';

function record(part: Partial<LogRecord>): LogRecord {
  return {
    id: '0000000000000001', timeUnixNano: '0', observedTimeUnixNano: '0', severityNumber: 0, service: '', text: '', body: { type: 'nil', value: null },
    attributes: [], droppedAttributes: 0, flags: 0, resource: 0, scope: 0, ...part,
  } as LogRecord;
}

const view = { startUnixNano: 1000n, count: 3, spans: { id: Uint8Array.from([...Array(7).fill(0), 1, ...Array(7).fill(0), 2, ...Array(7).fill(0), 1]) } } as unknown as TraceView;

describe('placed logs', () => {
  const logs = [
    record({ spanId: '0000000000000002', timeUnixNano: '1500' }),
    record({ timeUnixNano: '1600' }),
    record({ spanId: '0000000000000001', observedTimeUnixNano: '900' }),
    record({ spanId: '0000000000000002', timeUnixNano: '1700' }),
    record({ spanId: '00000000000000ff', timeUnixNano: '1800' }),
  ];
  const placed = new PlacedLogs(view, { logs } as LogList);
  it('finds the first row of each span, and times after the start', () => {
    expect([...placed.row]).toEqual([1, -1, 0, 1, -1]);
    expect([...placed.at]).toEqual([500, 600, -100, 700, 800]);
    expect([0, 1, 2].map((row) => [...placed.of(row)])).toEqual([[2], [0, 3], []]);
  });
});

describe('filter', () => {
  const logs = [
    record({ text: 'Order sold', service: 'cart', severityNumber: 9, attributes: [{ key: 'order', type: 'int', value: '7' }] }),
    record({ text: 'timeout', eventName: 'net.timeout', severityNumber: 17, level: 'error' }),
    record({ text: 'no level' }),
  ];
  it.each([
    ['', 'trace', [0, 1, 2]],
    ['sold', 'trace', [0]],
    ['ORDER 7', 'trace', [0]],
    ['-sold', 'trace', [1, 2]],
    ['cart -sold', 'trace', []],
    ['', 'warn', [1]],
    ['-', 'trace', []],
  ] as const)('%s from %s on', (words, least, want) => expect(filterLogs(logs, words, least)).toEqual(want));
  it('knows tones and times', () => {
    expect(logs.map(toneOf)).toEqual(['plain', 'error', 'plain']);
    expect(timeOf(record({ timeUnixNano: '5', observedTimeUnixNano: '6' }))).toBe('5');
  });
});
