import { useEffect, useRef, useState } from 'react';
import type { Graph } from './graph';
import type { Boxes, Layout } from './layout';
import { boxHeight, boxWidth, makePicture, type Picture } from './picture';

/** The picture of a graph, once a worker has laid it out; until then the one before. */
export function usePicture(graph: Graph | undefined): Picture | undefined {
  const [picture, setPicture] = useState<Picture>();
  const known = useRef<{ shape: string; layout: Layout }>(undefined);
  useEffect(() => {
    if (!graph) return undefined;
    const shape = shapeOf(graph);
    // New numbers for the same services move nothing.
    if (known.current?.shape === shape) {
      setPicture(makePicture(graph, known.current.layout));
      return undefined;
    }
    const worker = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<Layout>) => {
      known.current = { shape, layout: data };
      setPicture(makePicture(graph, data));
      worker.terminate();
    };
    worker.postMessage(boxesOf(graph));
    return () => worker.terminate();
  }, [graph]);
  return graph && picture;
}

function shapeOf(graph: Graph): string {
  return JSON.stringify([graph.nodes.map((n) => n.name), graph.edges.map((e) => [e.from, e.to])]);
}

function boxesOf(graph: Graph): Boxes {
  const ctx = document.createElement('canvas').getContext('2d')!;
  ctx.font = `550 12px ${getComputedStyle(document.body).fontFamily}`;
  return {
    // A name may be of any length; a box is not.
    widths: Float32Array.from(graph.nodes, (n) => boxWidth(ctx.measureText(n.name.slice(0, 100)).width)),
    height: boxHeight,
    edges: Int32Array.from(graph.edges.flatMap((e) => [e.from, e.to])),
  };
}
