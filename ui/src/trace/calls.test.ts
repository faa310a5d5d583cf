import { expect, test } from 'vitest';
import { callsOf, failing } from './calls';
import { viewOf } from './testdata/tree';

const view = viewOf([
  { parent: -1, self: 1, duration: 9, name: 'GET' },
  { parent: 0, self: 2, duration: 5, name: 'check' },
  { parent: 1, self: 3, duration: 3, service: 'pay', name: 'charge', flags: 2 << 3 },
  { parent: 0, self: 4, duration: 4, service: 'pay', name: 'charge' },
]);

test('calls between services', () => {
  const { nodes, edges } = callsOf(view, 'service');
  expect(nodes.map(({ service, spans, errors, self, longest }) => [service, spans, errors, self, longest])).toEqual([['shop', 2, 0, 3, 0], ['pay', 2, 1, 7, 3]]);
  expect(edges).toEqual([{ from: 0, to: 1, calls: 2, errors: 1 }]);
});

test('calls between operations', () => {
  const { nodes, edges } = callsOf(view, 'operation');
  expect(nodes.map((node) => node.name)).toEqual(['GET', 'check', 'charge']);
  expect(edges.map(({ from, to, calls }) => [from, to, calls])).toEqual([[0, 1, 1], [1, 2, 1], [0, 2, 1]]);
});

test('a picture has no more nodes than can be read', () => {
  const many = viewOf(Array.from({ length: 501 }, (_, i) => ({ parent: i === 0 ? -1 : 0, name: `op ${i}`, self: i })));
  const calls = callsOf(many, 'operation');
  expect(calls.nodes).toHaveLength(300);
  expect(calls.left).toBe(201);
  expect(calls.nodes[0]!.name).toBe('op 500');
  expect(calls.edges).toEqual([]);
});

test('one failure in a thousand does not colour an edge', () => {
  expect([failing(0, 0), failing(1, 1000), failing(1, 20), failing(5, 5)]).toEqual([false, false, true, true]);
});
