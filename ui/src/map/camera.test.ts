import { expect, it } from 'vitest';
import { fit, maxScale, pan, toCanvas, toPicture, zoom } from './camera';

const canvas = { width: 800, height: 600 };

it('shows all of a picture, and small ones as they are', () => {
  const c = fit({ width: 4000, height: 1000 }, canvas);
  expect(toCanvas(c, canvas, { x: 0, y: 0 }).x).toBeCloseTo(24);
  expect(toCanvas(c, canvas, { x: 4000, y: 1000 }).x).toBeCloseTo(776);
  expect(fit({ width: 100, height: 100 }, canvas).scale).toBe(1);
});

it('holds the place under the pointer while it zooms', () => {
  const at = { x: 100, y: 500 };
  const before = { x: 50, y: 70, scale: 0.5 };
  const after = zoom(before, canvas, 3, at);
  expect(after.scale).toBe(1.5);
  expect(toPicture(after, canvas, at).x).toBeCloseTo(toPicture(before, canvas, at).x);
  expect(toPicture(after, canvas, at).y).toBeCloseTo(toPicture(before, canvas, at).y);
  expect(zoom(before, canvas, 1e9, at).scale).toBe(maxScale);
});

it('moves the picture by as much as the pointer', () => {
  const before = { x: 0, y: 0, scale: 0.25 };
  expect(toCanvas(pan(before, 30, -20), canvas, { x: 0, y: 0 })).toEqual({ x: 430, y: 280 });
});
