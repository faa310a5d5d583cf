import { describe, expect, it } from 'vitest';
import { culprits, formatClosed, parseClosed, serviceRows, treeRows, type DiffNode, type DiffSide } from './tree';

const node = (parent: number, depth: number, name: string, more: Partial<DiffNode> = {}): DiffNode => ({
  parent,
  depth,
  service: 'shop',
  name,
  kind: 'server',
  change: 'same',
  matched: 1,
  missing: 0,
  added: 0,
  slower: 0,
  faster: 0,
  broken: 0,
  mended: 0,
  deltaNanos: '0',
  ...more,
});

/** root(a(b, c), d(e)), f */
const nodes = [
  node(-1, 0, 'root'),
  node(0, 1, 'a'),
  node(1, 2, 'b', { change: 'slower', slower: 1 }),
  node(1, 2, 'c'),
  node(0, 1, 'd', { service: 'cart' }),
  node(4, 2, 'e', { broken: 1 }),
  node(-1, 0, 'f'),
];
const all = { closed: new Set<number>(), onlyDifferences: false, find: '' };
const names = (o: Partial<typeof all>) => treeRows(nodes, { ...all, ...o }).map((r) => r.node.name + (r.closed ? '+' : '')).join(' ');

describe('treeRows', () => {
  it('leaves out what is below closed nodes', () => {
    expect(names({})).toBe('root a b c d e f');
    expect(names({ closed: new Set([1, 6]) })).toBe('root a+ d e f');
    expect(names({ closed: new Set([0, 1]) })).toBe('root+ f');
    expect(treeRows(nodes, all).map((r) => r.below)).toEqual([5, 2, 0, 0, 1, 0, 0]);
  });
  it('keeps differences and the ways to them', () => {
    expect(names({ onlyDifferences: true })).toBe('root a b d e');
    expect(names({ onlyDifferences: true, closed: new Set([4]) })).toBe('root a b d+');
  });
  it('finds by name and service, in any case', () => {
    expect(names({ find: ' C' })).toBe('root a c d');
    expect(names({ find: 'nothing' })).toBe('');
  });
});

it('keeps closed nodes in the URL', () => {
  expect(formatClosed(parseClosed('17,3,x,-1'))).toBe('3,17');
  expect(parseClosed(undefined).size).toBe(0);
});

const side = (self: number): DiffSide => ({ spans: 1, errors: 0, durationNanos: String(self), selfNanos: String(self), row: 0, spanId: '00'.repeat(8) });

it('puts the services first whose own time changed most', () => {
  const rows = serviceRows([
    { name: 'same', a: side(50), b: side(52) },
    { name: 'slow', a: side(10), b: side(100) },
    { name: 'gone', a: side(30) },
    { name: 'new', b: side(20) },
  ]);
  expect(rows.map((r) => `${r.name} ${r.delta}`)).toEqual(['slow 90', 'gone -30', 'new 20', 'same 2']);
  expect(culprits(rows, 82).map((r) => r.name)).toEqual(['slow', 'new']);
  expect(culprits(rows, -100).map((r) => r.name)).toEqual(['gone']);
  expect(culprits(serviceRows([{ name: 'same', a: side(5), b: side(5) }]), 0)).toEqual([]);
});
