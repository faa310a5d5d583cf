/**
 * The whole trace in few pixels. A line stands for a run of rows, a cell for a stretch of time in it: how many of the spans
 * cover it, the service of one of them, and whether one failed.
 */

import type { Range } from './range';
import { failed, type SpanColumns } from './view';

export interface Minimap {
  width: number;
  height: number;
  /** Index of the service's string plus 1; 0 where nothing runs. */
  service: Uint32Array;
  /** Share of the line's rows that run there, 0 to 255. */
  cover: Uint8Array;
  error: Uint8Array;
}

/** Most cells that are painted span by span; beyond, services are taken from a sample of the rows. */
const budget = 4_000_000;

export function minimapOf(spans: SpanColumns, start: Float64Array, full: Range, width: number, height: number): Minimap {
  const n = start.length;
  const lines = Math.max(1, Math.min(height, n));
  const map: Minimap = {
    width, height: lines, service: new Uint32Array(width * lines), cover: new Uint8Array(width * lines), error: new Uint8Array(width * lines),
  };
  const scale = width / (full.to - full.from);
  const column = (time: number) => Math.min(width - 1, Math.max(0, Math.floor((time - full.from) * scale)));
  const change = new Int32Array((width + 1) * lines);
  let cells = 0;
  for (let row = 0; row < n; row++) {
    const line = Math.floor((row * lines) / n);
    const left = column(start[row]!);
    const right = column(start[row]! + Math.max(0, spans.duration[row]!));
    change[line * (width + 1) + left]!++;
    change[line * (width + 1) + right + 1]!--;
    cells += right - left + 1;
    if (failed(spans.flags[row]!)) map.error.fill(1, line * width + left, line * width + right + 1);
  }
  sum(map, change, n);
  const step = Math.max(1, Math.ceil(cells / budget));
  for (let row = 0; row < n; row += step) {
    const at = Math.floor((row * lines) / n) * width;
    map.service.fill(spans.service[row]! + 1, at + column(start[row]!), at + column(start[row]! + Math.max(0, spans.duration[row]!)) + 1);
  }
  return map;
}

function sum(map: Minimap, change: Int32Array, n: number): void {
  const each = n / map.height;
  for (let line = 0; line < map.height; line++) {
    let running = 0;
    for (let x = 0; x < map.width; x++) {
      running += change[line * (map.width + 1) + x]!;
      map.cover[line * map.width + x] = running === 0 ? 0 : Math.max(1, Math.min(255, Math.round((255 * running) / each)));
    }
  }
}
