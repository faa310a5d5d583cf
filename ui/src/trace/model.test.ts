import { expect, test, vi } from 'vitest';
import { TraceModel } from './model';
import { viewOf } from './testdata/tree';

function model(): TraceModel {
  return new TraceModel(
    viewOf([
      { parent: -1, start: 0, duration: 100 },
      { parent: 0, start: 10, duration: 40, service: 'pay' },
      { parent: 1, start: 5, duration: 30, service: 'bank' },
      { parent: 0, start: 60, duration: 20, service: 'mail', flags: 2 << 3 },
    ]),
  );
}

test('selecting a hidden row expands what hides it and brings it into sight', () => {
  const trace = model();
  const shown = vi.fn();
  trace.onReveal(shown);
  trace.collapse('all');
  expect([...trace.rows]).toEqual([0]);
  trace.select(2);
  expect([...trace.rows]).toEqual([0, 1, 2, 3]);
  expect(shown).toHaveBeenCalledWith(2);
});

test('steps go through visible rows and stop at the ends', () => {
  const trace = model();
  trace.toggle(1);
  const steps = [1, 1, 1, 1, -1, -1, -1].map((by) => (trace.step(by), trace.selected));
  expect(steps).toEqual([0, 1, 3, 3, 1, 0, 0]);
  trace.select(-1);
  trace.step(-1);
  expect(trace.selected).toBe(3);
});

test('matches are gone through in both directions, round and round', () => {
  const trace = model();
  trace.setFound({ query: 'x', rows: Uint32Array.of(1, 3) });
  expect([...trace.marks]).toEqual([0, 1, 0, 1]);
  const forth = [1, 1, 1].map(() => (trace.nextFound(1), trace.selected));
  expect(forth).toEqual([1, 3, 1]);
  trace.select(2);
  trace.nextFound(-1);
  expect(trace.selected).toBe(1);
  trace.nextFound(-1);
  expect(trace.selected).toBe(3);
  trace.setFound(null);
  expect(trace.nextFound(1)).toBe(-1);
  expect([...trace.marks]).toEqual([0, 0, 0, 0]);
});

test('clocks are adjusted in the picture only', () => {
  const trace = model();
  trace.view.skew.push({ row: 2, adjustNanos: 8 });
  trace.view.skew.push({ row: 1, adjustNanos: -20 });
  trace.setAdjusted(true);
  expect([...trace.start]).toEqual([10, 0, 23, 70]);
  expect(trace.full).toEqual({ from: 0, to: 110 });
  expect(trace.range).toEqual(trace.full);
  trace.setAdjusted(false);
  expect([...trace.start]).toEqual([0, 10, 5, 60]);
  expect(trace.range).toEqual({ from: 0, to: 100 });
});

test('a trace whose clocks are adjusted is as long as what is drawn', () => {
  const trace = new TraceModel(
    viewOf([
      { parent: -1, start: 0, duration: 100 },
      { parent: 0, start: 5000, duration: 60, service: 'pay' },
    ]),
  );
  trace.view.skew.push({ row: 1, adjustNanos: -4980 });
  expect(trace.duration).toBe(5060);
  trace.setAdjusted(true);
  expect(trace.duration).toBe(100);
  expect(trace.full).toEqual({ from: 0, to: 100 });
  expect(trace.shift(1)).toBe(-4980);
  trace.setAdjusted(false);
  expect(trace.full).toEqual({ from: 0, to: 5060 });
});

test('colours', () => {
  const trace = model();
  expect([...trace.legend.codes].map((code) => trace.legend.labels[code - 1])).toEqual(['shop', 'pay', 'bank', 'mail']);
  trace.setColour('status', null);
  expect([...trace.legend.codes].map((code) => trace.legend.labels[code - 1])).toEqual(['unset', 'unset', 'unset', 'error']);
});

test('a change is told once, no change is not', () => {
  const trace = model();
  const told = vi.fn();
  const stop = trace.subscribe(told);
  trace.setRange({ from: 10, to: 50 });
  trace.setRange({ from: 10, to: 50 });
  trace.toggle(2);
  expect(told).toHaveBeenCalledTimes(1);
  stop();
  trace.pan(1);
  expect(told).toHaveBeenCalledTimes(1);
  expect(trace.range).toEqual({ from: 50, to: 90 });
});

test('failed rows below a row', () => {
  expect([0, 1, 2, 3].map((row) => model().failedBelow(row))).toEqual([1, 0, 0, 0]);
});
