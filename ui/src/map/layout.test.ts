import { describe, expect, it } from 'vitest';
import { link } from './graph';
import { place, type Boxes, type Layout } from './layout';
import { manyServices } from './sample';

const height = 38;
const boxes = (n: number, edges: number[]): Boxes => ({ widths: new Float32Array(n).fill(100), height, edges: Int32Array.from(edges) });

function overlaps(l: Layout): number {
  const rows = [...l.x.keys()].sort((a, b) => l.y[a]! - l.y[b]!);
  let found = 0;
  rows.forEach((a, i) => {
    for (const b of rows.slice(i + 1)) {
      if (l.y[b]! - l.y[a]! >= height) break;
      if (Math.abs(l.x[a]! - l.x[b]!) < l.half[a]! + l.half[b]!) found++;
    }
  });
  return found;
}

describe('place', () => {
  it('puts callers left of callees', () => {
    const l = place(boxes(4, [2, 1, 1, 0, 2, 3]));
    expect(l.x[2]).toBeLessThan(l.x[1]!);
    expect(l.x[1]).toBeLessThan(l.x[0]!);
    expect(l.x[1]).toBe(l.x[3]);
    expect(overlaps(l)).toBe(0);
  });
  it('takes circles, calls of itself and several edges between two', () => {
    const l = place(boxes(3, [0, 1, 1, 0, 2, 2, 0, 1]));
    expect(overlaps(l)).toBe(0);
    expect(l.paths).toHaveLength(4);
  });
  it('puts those without edges below, and takes nothing at all', () => {
    const l = place(boxes(30, [0, 1]));
    expect(Math.min(...l.y.slice(2))).toBeGreaterThan(l.y[0]! + height / 2);
    expect(overlaps(l)).toBe(0);
    expect(place(boxes(0, [])).width).toBe(0);
    expect(overlaps(place(boxes(5, [])))).toBe(0);
  });
  it('makes a picture of a thousand services that fits a screen', () => {
    const g = link(manyServices(1000));
    expect(g.edges.length).toBeGreaterThan(1500);
    const l = place(boxes(1000, g.edges.flatMap((e) => [e.from, e.to])));
    expect(overlaps(l)).toBe(0);
    expect(l.width / l.height).toBeGreaterThan(1);
    expect(l.width / l.height).toBeLessThan(3);
    l.x.forEach((x, i) => {
      expect(x - l.half[i]!).toBeGreaterThanOrEqual(-1);
      expect(x + l.half[i]!).toBeLessThanOrEqual(l.width + 1);
      expect(l.y[i]! + height / 2).toBeLessThanOrEqual(l.height + 1);
    });
    expect(l.paths).toHaveLength(g.edges.length);
  });
});
