import { describe, expect, it } from 'vitest';
import { formatOrder, operationRows, parseOrder, serviceRows, type Requests, type Service } from './rows';

const traffic = (rate: number, errorShare = 0, p95 = 1e6) => ({
  requests: rate * 60,
  errors: rate * 60 * errorShare,
  seen: rate * 60,
  rate,
  errorShare,
  p50Nanos: String(p95 / 2),
  p95Nanos: String(p95),
  p99Nanos: String(p95 * 2),
  maxNanos: String(p95 * 3),
});
const requests = (rate: number, errorShare = 0, p95 = 1e6, before?: ReturnType<typeof traffic>): Requests => ({
  now: traffic(rate, errorShare, p95),
  before,
  points: { rate: [], errorShare: [], p95Nanos: [] },
  slowest: [],
  failing: [],
});
const service = (name: string, r: Requests, operations: [string, Requests][] = []): Service => ({
  name,
  spans: 1,
  critical: { nanos: 0, share: 0.25 },
  ...r,
  operations: operations.map(([n, o]) => ({ name: n, ...o })),
});

const services = [
  service('cart', requests(5, 0.5, 3e6, traffic(5, 0, 3e6))),
  service('Ad', requests(9, 0, 2e6, traffic(0))),
  service('checkout', requests(1, 0.1, 9e6, traffic(1, 0.1, 1e6))),
];
const names = (order: string, text = '') => serviceRows(services, undefined, parseOrder(order), text).map((r) => r.service).join(' ');

describe('serviceRows', () => {
  it('sorts by numbers and by how they changed', () => {
    expect(names('-rate')).toBe('Ad cart checkout');
    expect(names('rate')).toBe('checkout cart Ad');
    expect(names('-errors')).toBe('cart checkout Ad');
    expect(names('-p99')).toBe('checkout cart Ad');
    expect(names('-rateChange')).toBe('Ad cart checkout');
    expect(names('-p95Change')).toBe('checkout Ad cart');
    expect(names('-errorsChange')).toBe('cart Ad checkout');
    expect(names('name')).toBe('Ad cart checkout');
  });
  it('finds services by a part of their name', () => {
    expect(names('name', ' C')).toBe('cart checkout');
  });
  it('puts the operations of the open service below it, in the same order', () => {
    const operations = [
      { name: 'GET', ...requests(1) },
      { name: 'PUT', ...requests(4) },
    ];
    const rows = serviceRows(services, { name: 'cart', operations }, parseOrder('-rate'), '');
    expect(rows.map((r) => `${r.service}/${r.operation ?? ''}`)).toEqual(['Ad/', 'cart/', 'cart/PUT', 'cart/GET', 'checkout/']);
    expect(rows.map((r) => r.open)).toEqual([false, true, false, false, false]);
  });
});

it('lists the operations of all services', () => {
  const all = [
    service('cart', requests(5), [['GET /a', requests(1)]]),
    service('ad', requests(5), [
      ['get', requests(4)],
      ['PUT', requests(2)],
    ]),
  ];
  const found = (text: string) => operationRows(all, parseOrder('-rate'), text).map((r) => `${r.service} ${r.operation}`);
  expect(found('')).toEqual(['ad get', 'ad PUT', 'cart GET /a']);
  expect(found('GET')).toEqual(['ad get', 'cart GET /a']);
  expect(found('cart')).toEqual(['cart GET /a']);
});

it('keeps the order in the URL', () => {
  expect(formatOrder(parseOrder('-p95'))).toBe('-p95');
  expect(formatOrder(parseOrder('p95'))).toBe('p95');
  expect(formatOrder(parseOrder('nonsense'))).toBe('-rate');
});
