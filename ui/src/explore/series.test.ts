import { expect, it } from 'vitest';
import { seriesMeaning } from './series';

it.each([
  ['{ name = "rate() | x" } | rate() by (name)', 'rate() by (name)', 'spans a second', '2/s'],
  ['{ } | quantile_over_time(duration, .99)', 'quantile_over_time(duration, .99)', 'duration', '2 s'],
  ['{ } | histogram_over_time(duration)', 'histogram_over_time(duration)', 'spans', '2'],
  ['{ } | avg_over_time(span.size) | topk(3)', 'avg_over_time(span.size) | topk(3)', '', '2'],
  ['({ } | rate()) / ({ } | rate())', '({ } | rate()) / ({ } | rate())', '', '2'],
])('tells what %s computes', (query, title, unit, two) => {
  const meaning = seriesMeaning(query);
  expect([meaning.title, meaning.unit, meaning.format(2)]).toEqual([title, unit, two]);
});
