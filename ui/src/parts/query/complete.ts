import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { formatCount, shorten } from '../format';
import { isTraceQL, operators as allOperators, quote } from './conditions';
import { constants, functions, intrinsics, tokenize, type Token } from './tokens';

/** A name, or a value, and on how many spans it is. */
export interface Suggestion {
  text: string;
  type: string;
  count?: number | undefined;
}

/** Where names and values come from. */
export interface Suggestions {
  fields: () => Promise<readonly Suggestion[]>;
  /** The values of a field, narrowed by the query so far. */
  values: (field: string, query: string) => Promise<readonly Suggestion[]>;
}

/** What can stand at the cursor. */
export type Expected =
  | { kind: 'field' | 'operator' | 'joint' | 'stage' | 'nothing'; from: number }
  | { kind: 'value'; from: number; field: string };

const wordKeys = ['service', 'operation', 'status', 'kind', 'duration', 'minDuration', 'maxDuration', 'error', 'traceID'];

const wordFields: Readonly<Record<string, string>> = {
  service: 'resource.service.name',
  operation: 'name',
  error: 'status',
};

/** What the text before the cursor leaves room for. */
export function expectedAt(before: string): Expected {
  const tokens = tokenize(before);
  const last = tokens.at(-1);
  const open = last !== undefined && isPart(last);
  const from = open ? last.from : before.length;
  const rest = (open ? tokens.slice(0, -1) : tokens).filter((t) => t.kind !== 'space' && t.kind !== 'comment');
  if (!isTraceQL(before)) return expectedWord(rest, from, last);
  const [beforeLast, previous] = [rest.at(-2), rest.at(-1)];
  if (!previous || last?.kind === 'comment') return { kind: 'nothing', from };
  if (depth(rest) === 0 && !inCall(rest)) return { kind: previous.text === '|' ? 'stage' : 'nothing', from };
  if (isComparison(previous) && beforeLast && isField(beforeLast)) return { kind: 'value', from, field: beforeLast.text };
  if (/^[{(!,]$|^&&$|^\|\|$|^[-+*/]$/.test(previous.text) || isComparison(previous)) return { kind: 'field', from };
  if (isField(previous) && !isValueOf(rest)) return { kind: 'operator', from };
  return { kind: 'joint', from };
}

/** In plain words a key may follow anything, and a value the operator behind a key. */
function expectedWord(rest: readonly Token[], from: number, last: Token | undefined): Expected {
  const [key, op] = [rest.at(-2), rest.at(-1)];
  if (op && isComparison(op) && key?.kind === 'word') return { kind: 'value', from, field: wordFields[key.text] ?? fieldOfWord(key.text) };
  return last?.kind === 'comment' ? { kind: 'nothing', from } : { kind: 'field', from };
}

function fieldOfWord(word: string): string {
  return (intrinsics as readonly string[]).includes(word) ? word : `.${word}`;
}

/** Whether the cursor stands in it: what is typed goes on with it. */
function isPart(token: Token): boolean {
  return token.kind === 'word' || token.kind === 'attribute' || token.kind === 'number' || token.kind === 'string' || token.text === '.';
}

function isField(token: Token): boolean {
  return token.kind === 'attribute' || token.kind === 'word';
}

function isComparison(token: Token): boolean {
  return (allOperators as readonly string[]).includes(token.text);
}

/** Whether the last one is the value of a comparison. */
function isValueOf(tokens: readonly Token[]): boolean {
  const before = tokens.at(-2);
  return before !== undefined && isComparison(before);
}

function depth(tokens: readonly Token[]): number {
  return tokens.reduce((n, t) => n + (t.text === '{' ? 1 : t.text === '}' ? -1 : 0), 0);
}

/** Whether an argument of a function, such as by(, is being typed. */
function inCall(tokens: readonly Token[]): boolean {
  const open = tokens.findLastIndex((t) => t.text === '(' || t.text === ')');
  return tokens[open]?.text === '(' && tokens[open - 1]?.kind === 'word';
}

/** Completes queries with the names and values of the store. */
export function completeQuery(suggestions: () => Suggestions) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const before = context.state.sliceDoc(0, context.pos);
    const expected = expectedAt(before);
    const words = !isTraceQL(before);
    if (expected.kind === 'nothing') return null;
    // In plain words nothing pops up where nothing was begun.
    if (!context.explicit && words && expected.kind === 'field' && expected.from === context.pos) return null;
    const options = await optionsFor(expected, before, words, suggestions()).catch(() => []);
    if (context.aborted || options.length === 0) return null;
    return { from: expected.from, options, validFor: expected.kind === 'value' ? /^"?[^"\s]*$/ : /^[\w.:/-]*$/ };
  };
}

async function optionsFor(expected: Expected, before: string, words: boolean, from: Suggestions): Promise<Completion[]> {
  switch (expected.kind) {
    case 'field':
      return fieldOptions(await from.fields(), words);
    case 'value':
      return (await from.values(expected.field, before.slice(0, expected.from))).map(valueOption);
    case 'operator':
      return allOperators.map((label) => ({ label, type: 'operator', apply: `${label} ` }));
    case 'joint':
      return words ? [] : [{ label: '&&', apply: '&& ' }, { label: '||', apply: '|| ' }, { label: '}' }];
    case 'stage':
      return [{ label: '{ }', apply: '{  }' }, ...functions.map((label) => ({ label, type: 'function', apply: label === 'with' ? 'with(' : `${label}(` }))];
    default:
      return [];
  }
}

function fieldOptions(found: readonly Suggestion[], words: boolean): Completion[] {
  const keys = words ? wordKeys.map((label) => ({ label, type: 'keyword', boost: 50 })) : [];
  // Counted by their place, as the most frequent come first.
  const fields = found.map((s, i) => ({
    label: s.text,
    type: s.type,
    ...(s.count ? { detail: formatCount(s.count) } : {}),
    boost: -Math.min(i, 90),
  }));
  const others = words ? [] : intrinsics.map((label) => ({ label, type: 'keyword', boost: 40 }));
  const known = new Set(others.map((o) => o.label as string));
  return [...keys, ...others, ...fields.filter((f) => !known.has(f.label))];
}

function valueOption(s: Suggestion, i: number): Completion {
  const text = s.type === 'string' ? quote(s.text) : s.type === 'duration' ? `${s.text}ns` : s.text;
  return {
    label: shorten(text),
    apply: text,
    type: (constants as readonly string[]).includes(text) ? 'constant' : 'text',
    ...(s.count ? { detail: formatCount(s.count) } : {}),
    boost: -Math.min(i, 90),
  };
}
