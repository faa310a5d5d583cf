import { expect, it } from 'vitest';
import { link } from './graph';
import { place } from './layout';
import { boxHeight, hit, lit, makePicture, thickness } from './picture';
import { edge, node } from './sample';

const graph = link({ nodes: [node('a'), node('b'), node('c'), node('d')], edges: [edge('a', 'b', 1), edge('b', 'c', 1000, 100), edge('c', 'a'), edge('b', 'b')] });
const layout = place({ widths: new Float32Array(4).fill(100), height: boxHeight, edges: Int32Array.from(graph.edges.flatMap((e) => [e.from, e.to])) });
const picture = makePicture(graph, layout);

it('draws edges from side to side', () => {
  const c = picture.curves[0]!;
  expect(c[0]).toBeCloseTo(layout.x[0]! + 50, 0);
  expect(c.at(-2)).toBeCloseTo(layout.x[1]! - 50, 0);
  for (const curve of picture.curves) expect(curve.every(Number.isFinite)).toBe(true);
});

it('finds the node or edge at a point', () => {
  expect(hit(picture, layout.x[1]!, layout.y[1]!, 6)).toEqual({ node: 1 });
  const middle = picture.curves[1]!.length / 2 & ~1;
  expect(hit(picture, picture.curves[1]![middle]!, picture.curves[1]![middle + 1]! + 2, 6)).toEqual({ edge: 1 });
  expect(hit(picture, -500, -500, 6)).toBeUndefined();
});

it('lights what a node is connected to', () => {
  const { nodes, edges } = lit(graph, { node: 0 });
  expect([...nodes].sort()).toEqual([0, 1, 2]);
  expect([...edges].sort()).toEqual([0, 2]);
  expect([...lit(graph, { edge: 1 }).nodes]).toEqual([1, 2]);
});

it('draws more calls thicker', () => {
  expect(thickness(1, 1000)).toBe(1);
  expect(thickness(1000, 1000)).toBe(7);
  expect(thickness(30, 1000)).toBeGreaterThan(thickness(10, 1000));
  expect(thickness(1, 1)).toBe(1);
  expect([picture.severity[0], picture.severity[1]]).toEqual(['none', 'many']);
});
