import type { Params } from './url';

const lookback = /^(\d+)(m|h|d|w)$/;

/** The parameters of Explore for those of Jaeger's search page. */
export function fromJaegerSearch(params: Params): Params {
  const words = [
    condition('service', params.service),
    condition('operation', params.operation === 'all' ? undefined : params.operation),
    params.minDuration && `duration >= ${params.minDuration}`,
    params.maxDuration && `duration <= ${params.maxDuration}`,
    ...tagConditions(params.tags),
  ];
  return { q: words.filter(Boolean).join(' '), ...timeRange(params) };
}

function condition(key: string, value: string | undefined): string | undefined {
  if (!value) return undefined;
  return `${key}=${/^[\w./-]+$/.test(value) ? value : JSON.stringify(value)}`;
}

/** Jaeger keeps tags as a JSON object of strings. */
function tagConditions(text: string | undefined): (string | undefined)[] {
  try {
    const tags: unknown = JSON.parse(text ?? '{}');
    return Object.entries(tags as object).map(([key, value]) => condition(key, String(value)));
  } catch {
    return [];
  }
}

/** Jaeger's times are microseconds. */
function timeRange(params: Params): Params {
  if (lookback.test(params.lookback ?? '')) return { from: `now-${params.lookback}` };
  const [from, to] = [params.start, params.end].map((t) => (/^\d{13,}$/.test(t ?? '') ? t?.slice(0, -3) : undefined));
  return { from, to };
}
