import type { Params } from './url';

const lookback = /^(\d+)(m|h|d|w)$/;

/**
 * The parameters of Explore for those of Jaeger's search page, of which some come
 * more than once. A limit has none: the list goes on as it is scrolled.
 */
export function fromJaegerSearch(search: URLSearchParams): Params {
  const params: Params = Object.fromEntries(search);
  const traces = tracesOfSearch(search);
  if (traces.length > 0) return { q: `{ ${traces.map((id) => `trace:id = ${JSON.stringify(id)}`).join(' || ')} }`, ...timeRange(params) };
  const words = [
    condition('service', params.service),
    condition('operation', params.operation === 'all' ? undefined : params.operation),
    params.minDuration && `duration >= ${params.minDuration}`,
    params.maxDuration && `duration <= ${params.maxDuration}`,
    ...search.getAll('tag').map(tagCondition),
    ...search.getAll('tags').flatMap(tagsConditions),
  ];
  return { q: words.filter(Boolean).join(' '), ...timeRange(params) };
}

/** The ids of the traces that a search of Jaeger names. */
export function tracesOfSearch(search: URLSearchParams): string[] {
  return search.getAll('traceID').map((id) => id.trim().toLowerCase()).filter(Boolean);
}

function condition(key: string, value: string | undefined): string | undefined {
  if (!value) return undefined;
  return `${key}=${/^[\w./-]+$/.test(value) ? value : JSON.stringify(value)}`;
}

/** A tag as key:value. */
function tagCondition(text: string): string | undefined {
  const [, key, value] = /^([^:]+):(.*)$/s.exec(text) ?? [];
  return key && condition(key, value);
}

/** Tags as a JSON object of strings, or in logfmt: a=b c="d e". */
function tagsConditions(text: string): (string | undefined)[] {
  try {
    const tags: unknown = JSON.parse(text);
    return Object.entries(tags as object).map(([key, value]) => condition(key, String(value)));
  } catch {
    return Array.from(text.matchAll(/([^\s="{}]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)/g), ([, key = '', value = '']) => condition(key, unquote(value)));
  }
}

function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}

/** Jaeger's times are microseconds. */
function timeRange(params: Params): Params {
  if (lookback.test(params.lookback ?? '')) return { from: `now-${params.lookback}` };
  const [from, to] = [params.start, params.end].map((t) => (/^\d{13,}$/.test(t ?? '') ? t?.slice(0, -3) : undefined));
  return { from, to };
}
