import { tokenize, type Token } from './tokens';

/** How a value of a condition is written. */
export type ValueKind = 'string' | 'number' | 'word'; // word: true, nil, error, client

export const operators = ['=', '!=', '>', '>=', '<', '<=', '=~', '!~'] as const;

export type Operator = (typeof operators)[number];

/** A field compared with a value: what a filter in braces has, joined by &&. */
export interface Condition {
  /** As TraceQL calls it, such as span.http.method. */
  field: string;
  op: Operator;
  kind: ValueKind;
  /** Text without its quotes; others as they are written. */
  value: string;
}

/** The filter of conditions that all have to hold. */
export function formatConditions(conditions: readonly Condition[]): string {
  return conditions.length === 0 ? '{ }' : `{ ${conditions.map(formatCondition).join(' && ')} }`;
}

export function formatCondition({ field, op, kind, value }: Condition): string {
  return `${field} ${op} ${kind === 'string' ? quote(value) : value}`;
}

/** Text as TraceQL writes it. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

/** The conditions that a query is made of, or undefined if it is more than a list of them. */
export function readConditions(query: string): Condition[] | undefined {
  const tokens = joinSigns(tokenize(query)).filter((t) => t.kind !== 'space');
  if (tokens.length === 0) return [];
  if (tokens[0]?.text !== '{' || tokens.at(-1)?.text !== '}') return undefined;
  const inner = tokens.slice(1, -1);
  if (inner.length === 0) return [];
  const conditions: Condition[] = [];
  for (let at = 0; at < inner.length; at += 4) {
    const condition = readCondition(inner.slice(at, at + 3));
    const joint = inner[at + 3];
    if (!condition || (joint && (joint.text !== '&&' || at + 4 === inner.length))) return undefined;
    conditions.push(condition);
  }
  return conditions;
}

/** A minus right before a number and behind an operator is the number's sign. */
function joinSigns(tokens: readonly Token[]): Token[] {
  const out: Token[] = [];
  for (const token of tokens) {
    const [before, sign] = [out.findLast((t, i) => i < out.length - 1 && t.kind !== 'space'), out.at(-1)];
    if (token.kind === 'number' && sign?.text === '-' && before?.kind === 'operator') {
      out[out.length - 1] = { kind: 'number', text: `-${token.text}`, from: sign.from };
    } else {
      out.push(token);
    }
  }
  return out;
}

function readCondition([field, op, value]: Token[]): Condition | undefined {
  if (!field || !op || !value) return undefined;
  if (field.kind !== 'attribute' && !(field.kind === 'word' && /^[a-zA-Z]+$/.test(field.text))) return undefined;
  if (!(operators as readonly string[]).includes(op.text)) return undefined;
  const read = readValue(value);
  return read && { field: field.text, op: op.text as Operator, ...read };
}

function readValue({ kind, text }: Token): Pick<Condition, 'kind' | 'value'> | undefined {
  if (kind === 'number') return { kind, value: text };
  if (kind === 'word') return { kind, value: text };
  if (kind !== 'string') return undefined;
  const value = unquote(text);
  return value === undefined ? undefined : { kind, value };
}

/** The text of a literal; undefined if it has escapes that only the server knows. */
function unquote(literal: string): string | undefined {
  if (literal.startsWith('`')) return literal.length > 1 && literal.endsWith('`') ? literal.slice(1, -1) : undefined;
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

/**
 * The query that also asks for some conditions: joined by && where the query is a
 * list of conditions, behind the pipeline where it is more. In plain words they
 * are more of them.
 */
export function addCondition(query: string, ...added: readonly Condition[]): string {
  if (added.length === 0) return query;
  const conditions = readConditions(query);
  if (conditions) {
    const present = new Set(conditions.map(formatCondition));
    return formatConditions([...conditions, ...added.filter((c) => !present.has(formatCondition(c)))]);
  }
  if (isTraceQL(query)) return `${query.trim()} | ${formatConditions(added)}`;
  const words = added.map(({ field, op, kind, value }) => `${field}${op}${kind === 'string' ? quote(value) : value}`);
  return `${query.trim()} ${words.join(' ')}`;
}

/** Whether it is TraceQL or, otherwise, plain words. */
export function isTraceQL(query: string): boolean {
  return /^\s*[{(]/.test(query);
}

/** A typed value of the server's answers, as a condition compares with it. */
export function typedCondition(field: string, op: Operator, type: string, value: unknown): Condition | undefined {
  switch (type) {
    case 'string':
      return { field, op, kind: 'string', value: String(value) };
    case 'int':
    case 'float':
      return { field, op, kind: 'number', value: String(value) };
    case 'duration':
      return { field, op, kind: 'number', value: `${String(value)}ns` };
    case 'bool':
    case 'status':
    case 'kind':
      return { field, op, kind: 'word', value: String(value) };
    case 'nil':
      return { field, op, kind: 'word', value: 'nil' };
    default:
      return undefined; // bytes, arrays and maps can only be tested for being there
  }
}
