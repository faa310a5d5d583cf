import { describe, expect, it } from 'vitest';
import { busiest, focusOn, latency, link, severity, withMatch, type Graph } from './graph';
import { edge, node } from './sample';

/** a -> b -> c -> d, e -> b, c -> a, b -> redis */
const shop = link({
  nodes: [node('a'), node('b'), node('c'), node('d'), node('e'), node('redis', 'database')],
  edges: [edge('a', 'b'), edge('b', 'c'), edge('c', 'd'), edge('e', 'b'), edge('c', 'a'), edge('b', 'redis', 5, 0, { connection: 'database' })],
});

const names = (g: Graph | undefined) => g?.nodes.map((n) => n.name).join(' ');
const pairs = (g: Graph | undefined) => g?.edges.map((e) => `${g.nodes[e.from]!.name}${e.data.callee === g.nodes[e.to]!.name ? '>' : '?'}${g.nodes[e.to]!.name}`).join(' ');

describe('link', () => {
  it('leaves out edges without their nodes', () => {
    expect(link({ nodes: [node('a')], edges: [edge('a', 'b'), edge('a', 'a')] }).edges).toHaveLength(1);
  });
});

describe('focusOn', () => {
  it('goes only as far as was asked, in each direction', () => {
    expect(names(focusOn(shop, { name: 'b', up: 0, down: 1 }))).toBe('b c redis');
    expect(names(focusOn(shop, { name: 'b', up: 1, down: 0 }))).toBe('a b e');
    expect(names(focusOn(shop, { name: 'b', up: 1, down: 1 }))).toBe('a b c e redis');
    expect(names(focusOn(shop, { name: 'b', up: 0, down: 0 }))).toBe('b');
  });
  it('has the calls on the way, not those beside it', () => {
    expect(pairs(focusOn(shop, { name: 'b', up: 1, down: 1 }))).toBe('a>b b>c e>b b>redis');
    expect(pairs(focusOn(shop, { name: 'b', up: 2, down: 0 }))).toBe('a>b e>b c>a');
  });
  it('comes to an end where calls go in a circle', () => {
    expect(names(focusOn(shop, { name: 'b', up: Infinity, down: Infinity }))).toBe('a b c d e redis');
  });
  it('says that there is no such service', () => {
    expect(focusOn(shop, { name: 'x', up: 1, down: 1 })).toBeUndefined();
  });
});

describe('busiest', () => {
  it('keeps nodes with the most calls and the edges between them', () => {
    const g = link({ nodes: [node('a'), node('b'), node('c')], edges: [edge('a', 'b', 1), edge('b', 'c', 100)] });
    expect(names(busiest(g, 2))).toBe('b c');
    expect(pairs(busiest(g, 2))).toBe('b>c');
    expect(busiest(g, 3)).toBe(g);
  });
});

it('finds nodes by a part of their name in any case', () => {
  expect([...withMatch(shop, 'RED')]).toEqual([5]);
  expect(withMatch(shop, ' ').size).toBe(0);
});

it('takes the latency that callers saw, or else that of the callee', () => {
  const server = { count: 1, p50Nanos: '7', p95Nanos: '8', p99Nanos: '9', maxNanos: '9' };
  expect(latency(edge('a', 'b'), 'p99')).toBe(9e6);
  expect(latency(edge('a', 'b', 1, 0, { client: undefined, server }), 'p50')).toBe(7);
  expect(latency(edge('a', 'b', 1, 0, { client: undefined, server: undefined }), 'p50')).toBeUndefined();
});

it('tells no, some and many errors apart', () => {
  expect([severity(100, 0), severity(100, 4), severity(100, 5), severity(0, 0)]).toEqual(['none', 'some', 'many', 'none']);
});
