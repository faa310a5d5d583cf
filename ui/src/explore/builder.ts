import type { Condition, Operator } from '../parts/query/conditions';

/** The query as a form: the fields that everybody asks for, and all other conditions. */
export interface BuilderForm {
  service: string;
  operation: string;
  status: string;
  longerThan: string;
  shorterThan: string;
  rest: readonly Condition[];
}

type Field = Exclude<keyof BuilderForm, 'rest'>;

interface Shape {
  fields: readonly string[];
  ops: readonly Operator[];
  kind: Condition['kind'];
}

/** Which condition a field of the form stands for; the first names are those that it writes. */
const shapes: Readonly<Record<Field, Shape>> = {
  service: { fields: ['resource.service.name', '.service.name'], ops: ['='], kind: 'string' },
  operation: { fields: ['name', 'span:name'], ops: ['='], kind: 'string' },
  status: { fields: ['status', 'span:status'], ops: ['='], kind: 'word' },
  longerThan: { fields: ['duration', 'span:duration'], ops: ['>=', '>'], kind: 'number' },
  shorterThan: { fields: ['duration', 'span:duration'], ops: ['<=', '<'], kind: 'number' },
};

const fields = Object.keys(shapes) as Field[];

function fieldOf(condition: Condition): Field | undefined {
  return fields.find((name) => {
    const { fields: names, ops, kind } = shapes[name];
    return names.includes(condition.field) && ops.includes(condition.op) && kind === condition.kind;
  });
}

/** The conditions as a form. A second one for the same field is one of the rest. */
export function readForm(conditions: readonly Condition[]): BuilderForm {
  const form = { service: '', operation: '', status: '', longerThan: '', shorterThan: '' };
  const rest: Condition[] = [];
  for (const condition of conditions) {
    const field = fieldOf(condition);
    if (field && form[field] === '') form[field] = condition.value;
    else rest.push(condition);
  }
  return { ...form, rest };
}

/**
 * The conditions with a field of the form changed: in their order, and with the
 * operator that they had. An empty value removes the condition.
 */
export function setField(conditions: readonly Condition[], field: Field, value: string): Condition[] {
  const at = conditions.findIndex((c) => fieldOf(c) === field);
  if (value === '') return conditions.filter((_, i) => i !== at);
  const { fields: names, ops, kind } = shapes[field];
  if (at < 0) return [...conditions, { field: names[0] ?? '', op: ops[0] ?? '=', kind, value }];
  return conditions.map((c, i) => (i === at ? { ...c, value } : c));
}

/** Where the rest of the form lies among the conditions. */
export function restIndexes(conditions: readonly Condition[]): number[] {
  const { rest } = readForm(conditions);
  return conditions.flatMap((c, i) => (rest.includes(c) ? [i] : []));
}

const literal = /^(?:-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:ns|us|µs|ms|s|m|h|d|w|y)?|(?:\d+(?:ns|us|µs|ms|s|m|h|d|w|y))+)$/;
const word = /^(?:true|false|nil)$/;
const wordOf: Readonly<Record<string, RegExp>> = {
  status: /^(?:ok|error|unset)$/,
  kind: /^(?:unspecified|internal|server|client|producer|consumer)$/,
};

export function isDuration(text: string): boolean {
  return /^(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h|d|w|y)$|^(?:\d+(?:ns|us|µs|ms|s|m|h|d|w|y))+$/.test(text);
}

/** What is typed as a value: a number, a word that is a value of the field, or text; in quotes it is text. */
export function readValueText(field: string, text: string): Pick<Condition, 'kind' | 'value'> {
  if (/^".*"$/s.test(text) && text.length > 1) return { kind: 'string', value: text.slice(1, -1) };
  if (literal.test(text)) return { kind: 'number', value: text };
  if (word.test(text) || wordOf[field.replace('span:', '')]?.test(text)) return { kind: 'word', value: text };
  return { kind: 'string', value: text };
}

/** The other way round. */
export function showValueText({ field, kind, value }: Condition): string {
  if (kind !== 'string') return value;
  const read = readValueText(field, value);
  return read.kind === 'string' && read.value === value ? value : `"${value}"`;
}
