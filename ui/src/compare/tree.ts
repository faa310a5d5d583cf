import type { Schemas } from '../api/client';

export type TraceDiff = Schemas['TraceDiff'];
export type DiffNode = Schemas['DiffNode'];
export type DiffSide = Schemas['DiffSide'];
export type DiffService = Schemas['DiffService'];

/** TreeRow is a line of the tree of both traces. */
export interface TreeRow {
  /** Its place in the nodes of the answer. */
  index: number;
  node: DiffNode;
  /** Nodes below it; 0: there is nothing to close. */
  below: number;
  closed: boolean;
}

/** differs reports whether a node is not the same in both traces. */
export function differs(n: DiffNode): boolean {
  return n.change !== 'same' || n.missing + n.added + n.slower + n.faster + n.broken + n.mended > 0;
}

export interface TreeOptions {
  closed: ReadonlySet<number>;
  /** Only nodes that differ, and the ways to them. */
  onlyDifferences: boolean;
  /** Only nodes whose service or name has this text, and the ways to them. */
  find: string;
}

/** treeRows are the lines that are seen of nodes, which come depth first. */
export function treeRows(nodes: readonly DiffNode[], { closed, onlyDifferences, find }: TreeOptions): TreeRow[] {
  const below = descendants(nodes);
  const wanted = onWay(nodes, wantedBy(onlyDifferences, find));
  const rows: TreeRow[] = [];
  for (let i = 0; i < nodes.length; i++) {
    if (!wanted[i]) continue;
    const isClosed = closed.has(i) && below[i]! > 0;
    rows.push({ index: i, node: nodes[i]!, below: below[i]!, closed: isClosed });
    if (isClosed) i += below[i]!;
  }
  return rows;
}

function wantedBy(onlyDifferences: boolean, find: string): (n: DiffNode) => boolean {
  const text = find.trim().toLowerCase();
  return (n) => (!onlyDifferences || differs(n)) && (text === '' || n.name.toLowerCase().includes(text) || n.service.toLowerCase().includes(text));
}

/** descendants is how many nodes lie below each. */
function descendants(nodes: readonly DiffNode[]): Uint32Array {
  const below = new Uint32Array(nodes.length);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const { parent } = nodes[i]!;
    if (parent >= 0) below[parent]! += below[i]! + 1;
  }
  return below;
}

/** onWay marks the nodes that pass and all above them. */
function onWay(nodes: readonly DiffNode[], passes: (n: DiffNode) => boolean): Uint8Array {
  const marked = new Uint8Array(nodes.length);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const n = nodes[i]!;
    if (!marked[i] && passes(n)) marked[i] = 1;
    if (marked[i] && n.parent >= 0) marked[n.parent] = 1;
  }
  return marked;
}

/** The places of closed nodes as the URL has them: "3,17". */
export function parseClosed(text: string | undefined): Set<number> {
  return new Set((text ?? '').split(',').filter((t) => /^\d{1,7}$/.test(t)).map(Number));
}

export const formatClosed = (closed: ReadonlySet<number>) => [...closed].sort((a, b) => a - b).join(',');

/** ServiceRow is what a service had to do with the difference. */
export interface ServiceRow {
  name: string;
  a: DiffSide | undefined;
  b: DiffSide | undefined;
  /** How much more time it spent itself in b, in nanoseconds. */
  delta: number;
}

/** serviceRows are the services, those whose own time changed most first. */
export function serviceRows(services: readonly DiffService[]): ServiceRow[] {
  return services
    .map(({ name, a, b }) => ({ name, a, b, delta: Number(b?.selfNanos ?? 0) - Number(a?.selfNanos ?? 0) }))
    .sort((x, y) => Math.abs(y.delta) - Math.abs(x.delta) || (x.name < y.name ? -1 : 1));
}

/**
 * culprits are the services that explain most of a change of the whole trace: those whose own time changed in its
 * direction, by at least a tenth of it.
 */
export function culprits(rows: readonly ServiceRow[], change: number): ServiceRow[] {
  if (change === 0) return [];
  return rows.filter((r) => Math.sign(r.delta) === Math.sign(change) && Math.abs(r.delta) >= Math.abs(change) / 10).slice(0, 3);
}
