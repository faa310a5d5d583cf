import { expect, test } from 'vitest';
import { decodeRange, encodeRange, extent, pan, ticks, within, zoom } from './range';

const full = { from: 0, to: 1000 };

test('zoom keeps what is under the pointer', () => {
  const range = zoom(full, full, 0.5, 250);
  expect(range).toEqual({ from: 125, to: 625 });
  expect(zoom(range, full, 100, 250)).toEqual(full);
  expect(zoom(range, full, 1e-9, 250)).toEqual({ from: 247.5, to: 257.5 });
});

test('a range stays within the trace', () => {
  expect(pan({ from: 100, to: 300 }, full, -2)).toEqual({ from: 0, to: 200 });
  expect(pan({ from: 700, to: 900 }, full, 1)).toEqual({ from: 800, to: 1000 });
  expect(within({ from: -50, to: 2000 }, full)).toEqual(full);
});

test('ticks are round', () => {
  expect(ticks({ from: 0, to: 1000 }, 5)).toEqual([0, 200, 400, 600, 800, 1000]);
  expect(ticks({ from: 130, to: 190 }, 4)).toEqual([140, 160, 180]);
  expect(ticks({ from: 5, to: 5 }, 4)).toEqual([5]);
});

test('a range survives a link', () => {
  expect(decodeRange(encodeRange({ from: 12.4, to: 900 }), full)).toEqual({ from: 12, to: 900 });
  for (const text of ['', '5~5', '9~1', 'a~b', '1~2~3', '1~']) expect(decodeRange(text, full)).toBeNull();
});

test('the extent covers spans before the start and with an end before their start', () => {
  expect(extent(Float64Array.of(0, -20, 50), Float64Array.of(100, 10, -90), 100)).toEqual({ from: -40, to: 100 });
  expect(extent(Float64Array.of(0), Float64Array.of(0), 0)).toEqual({ from: 0, to: 1 });
});
