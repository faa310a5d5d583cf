import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { seriesColours, seriesOf, ServiceSeries } from './series';

const names = Array.from({ length: 200 }, (_, i) => `service-${i}`);

function storage() {
  const kept = new Map<string, string>();
  return { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
}

it('gives services of one page colours of their own', () => {
  expect(seriesOf('rv-front')).toBe(seriesOf('rv-pay'));
  const series = new ServiceSeries(storage);
  series.give(['rv-pay', 'rv-front']);
  expect(series.of('rv-front')).toBe(seriesOf('rv-front'));
  expect(series.of('rv-pay')).not.toBe(series.of('rv-front'));
  const many = names.slice(0, seriesColours);
  series.give(many);
  expect(new Set(many.map((name) => series.of(name))).size).toBe(seriesColours);
});

it('does so in whatever order they come', () => {
  const [a, b] = [new ServiceSeries(storage), new ServiceSeries(storage)];
  a.give(names.slice(0, 20));
  b.give(names.slice(0, 20).reverse());
  expect(names.slice(0, 20).map((name) => a.of(name))).toEqual(names.slice(0, 20).map((name) => b.of(name)));
});

it('keeps the colour of a service from page to page', () => {
  const kept = storage();
  new ServiceSeries(() => kept).give(['rv-pay']);
  const next = new ServiceSeries(() => kept);
  next.give(['rv-front', 'rv-pay']);
  expect(next.of('rv-pay')).toBe(seriesOf('rv-pay'));
  expect(next.of('rv-front')).not.toBe(next.of('rv-pay'));
});

it('lets a page have its own colours after any number of services', () => {
  const series = new ServiceSeries(storage);
  series.give(names);
  for (const name of names) expect(series.of(name)).toBeLessThan(seriesColours);
  const last = names.slice(-seriesColours);
  series.give(last);
  expect(new Set(last.map((name) => series.of(name))).size).toBe(seriesColours);
});

it.each(['nonsense', '{}', '[["a",99],["b",-1],["c"],null,["d",3],["e",3]]'])('takes no nonsense from the storage: %s', (text) => {
  const series = new ServiceSeries(() => ({ getItem: () => text, setItem: () => {} }));
  for (const name of ['a', 'b', 'c', 'd', 'e']) expect(series.of(name)).toBeLessThan(seriesColours);
  expect(series.of('d')).not.toBe(series.of('e'));
});

it('has colours that differ and stand out from the ground in both themes', () => {
  const css = readFileSync(new URL('../app/tokens.css', import.meta.url), 'utf8');
  const surface = [1, luminance(0.2224, 0.0106, 256)]; // --surface
  const tokens = [...css.matchAll(/--series-\d+: light-dark\(oklch\((.+?)\), oklch\((.+?)\)\)/g)];
  expect(tokens).toHaveLength(seriesColours);
  for (const theme of [0, 1]) {
    const colours = tokens.map((token) => token[theme + 1]!);
    expect(new Set(colours).size).toBe(seriesColours);
    for (const colour of colours) {
      const [l, c, h] = colour.split(' ').map(Number) as [number, number, number];
      const [dark, light] = [luminance(l, c, h), surface[theme]!].sort((a, b) => a - b) as [number, number];
      expect((light + 0.05) / (dark + 0.05), `${colour} in theme ${theme}`).toBeGreaterThan(3);
    }
  }
});

/** Relative luminance as WCAG has it; the matrices are those of CSS Color 4. */
function luminance(lightness: number, chroma: number, hue: number): number {
  const [a, b] = [chroma * Math.cos((hue * Math.PI) / 180), chroma * Math.sin((hue * Math.PI) / 180)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s];
  const [red, green, blue] = linear.map((each) => Math.min(1, Math.max(0, each))) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
