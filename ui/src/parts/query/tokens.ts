/** What a piece of a query's text is, for its colour and for reading it. */
export type TokenKind = 'space' | 'comment' | 'string' | 'number' | 'attribute' | 'word' | 'operator' | 'bracket' | 'unknown';

export interface Token {
  kind: TokenKind;
  text: string;
  from: number; // offset in the query
}

// An attribute ends where TraceQL says, and may have quoted parts.
const name = String.raw`(?:"(?:[^"\\]|\\.)*"|[^\s{}()=~!<>&|^,"])+`;

// Tried in this order at each place.
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ['space', /\s+/y],
  ['comment', /\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)/y],
  ['string', /"(?:[^"\\\n]|\\.)*(?:"|$)|`[^`]*(?:`|$)/y],
  ['attribute', new RegExp(String.raw`(?:parent\.)?(?:span|resource|event|link|instrumentation|parent)\.${name}|\.${name}|(?:span|trace|event|link|instrumentation):[a-zA-Z]+`, 'y')],
  ['number', /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:(?:ns|us|µs|ms|s|m|h|d|w|y)(?:\d+(?:ns|us|µs|ms|s|m|h|d|w|y))*)?(?![\w])/y],
  ['word', /[\p{L}_][\p{L}\p{N}_.:/-]*/uy],
  ['operator', /!?>>|!?<<|&>>|&<<|&>|&<|&~|!~|!>|!<|&&|\|\||[=!<>]=|=~|[-=<>!~+*/%^|,]/y],
  ['bracket', /[{}()]/y],
  ['unknown', /[^]/y],
];

/** All of a text, spaces and mistakes included. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at);
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

function tokenAt(text: string, at: number): Token {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found) return { kind, text: found, from: at };
  }
  return { kind: 'unknown', text: text.slice(at, at + 1), from: at };
}

/** Words that are fields or values of fields; others are functions, or plain words. */
export const intrinsics = [
  'duration',
  'name',
  'status',
  'statusMessage',
  'kind',
  'traceDuration',
  'rootName',
  'rootServiceName',
  'nestedSetLeft',
  'nestedSetRight',
  'nestedSetParent',
  'span:id',
  'span:parentID',
  'span:childCount',
  'span:traceState',
  'trace:id',
  'event:name',
  'event:timeSinceStart',
  'link:traceID',
  'link:spanID',
  'instrumentation:name',
  'instrumentation:version',
] as const;

export const constants = ['true', 'false', 'nil', 'ok', 'error', 'unset', 'unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

export const functions = [
  'by',
  'coalesce',
  'count',
  'min',
  'max',
  'sum',
  'avg',
  'select',
  'rate',
  'count_over_time',
  'min_over_time',
  'max_over_time',
  'avg_over_time',
  'sum_over_time',
  'quantile_over_time',
  'histogram_over_time',
  'compare',
  'topk',
  'bottomk',
  'with',
] as const;
