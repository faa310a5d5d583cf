import { formatCount, formatDuration } from '../parts/format';
import { tokenize } from '../parts/query/tokens';

/** What the values of a metrics query are. */
export interface SeriesMeaning {
  /** The part of the query that computes them. */
  title: string;
  /** Of each value; '' if it is that of the attribute, which nobody knows. */
  unit: string;
  format: (value: number) => string;
}

const durations = new Set(['duration', 'span:duration', 'traceDuration', 'trace:duration', 'event:timeSinceStart']);

/** Reads a metrics query as the server writes it. */
export function seriesMeaning(traceql: string): SeriesMeaning {
  const tokens = tokenize(traceql).filter((t) => t.kind !== 'space');
  const calls = tokens.flatMap((t, i) => (t.kind === 'word' && tokens[i + 1]?.text === '(' && /^(rate|compare|\w+_over_time)$/.test(t.text) ? [i] : []));
  const call = tokens[calls[0] ?? -1];
  // More than one is arithmetic with them.
  if (!call || calls.length > 1 || tokens[0]?.text === '(') return { title: traceql, unit: '', format: formatPlain };
  const title = traceql.slice(call.from);
  if (call.text === 'rate') return { title, unit: 'spans a second', format: (v) => `${formatCount(v)}/s` };
  if (/^(compare|count_over_time|histogram_over_time)$/.test(call.text)) return { title, unit: 'spans', format: formatCount };
  const argument = tokens[(calls[0] ?? 0) + 2]?.text ?? '';
  if (durations.has(argument)) return { title, unit: 'duration', format: (seconds) => formatDuration(seconds * 1e9) };
  return { title, unit: '', format: formatPlain };
}

function formatPlain(value: number): string {
  return String(Number(value.toPrecision(3)));
}
