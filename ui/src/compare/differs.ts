import type { Schemas } from '../api/client';
import { formatDuration } from '../parts/format';
import { addCondition, formatConditions, isTraceQL, readConditions } from '../parts/query/conditions';

export type Differences = Schemas['Differences'];
export type DifferingAttribute = Schemas['DifferingAttribute'];
export type DifferingValue = Schemas['DifferingValue'];
type Typed = NonNullable<DifferingValue['value']>;

/** typedText is a value in one line, durations in readable units. */
export function typedText({ type, value }: Typed): string {
  if (type === 'duration') return formatDuration(Number(value));
  if (type === 'string') return value === '' ? '(empty)' : String(value);
  if (type === 'float' && typeof value === 'number') return String(Number(value.toPrecision(6)));
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** valueLabel is what stands at the bars of a value. */
export function valueLabel(v: DifferingValue): string {
  switch (v.kind) {
    case 'value':
      return v.value ? typedText(v.value) : '';
    case 'range':
      if (!v.from) return v.to ? `below ${typedText(v.to)}` : 'all';
      return v.to ? `${typedText(v.from)} to ${typedText(v.to)}` : `${typedText(v.from)} or more`;
    case 'absent':
      return '(not there)';
    default:
      return '(other values)';
  }
}

/** Parts of an attribute's values: numbers come as ranges, which make a histogram, the rest as bars. */
export interface Parts {
  ranges: DifferingValue[];
  bars: DifferingValue[];
}

export function partsOf({ values }: DifferingAttribute): Parts {
  return { ranges: values.filter((v) => v.kind === 'range'), bars: values.filter((v) => v.kind !== 'range') };
}

/** Attributes whose values tell less than this share of the spans apart have about the same values on both sides. */
const leastScore = 0.01;

/** tells reports whether an attribute has other values on one side than on the other. */
export const tells = (a: DifferingAttribute) => a.score >= leastScore;

/** occurs reports whether any span of either side has an attribute. */
export const occurs = (a: DifferingAttribute) => a.values.some((v) => v.kind !== 'absent');

/**
 * withCondition is a query that also asks for a condition, which is given as text: joined by && where the query is a list of
 * conditions, as a stage behind it where it is more.
 */
export function withCondition(query: string, condition: string): string {
  const conditions = readConditions(query);
  // && and || bind alike, so what has one of them stands in parentheses.
  const added = /&&|\|\|/.test(condition) ? `(${condition})` : condition;
  if (conditions?.length === 0) return `{ ${condition} }`;
  if (conditions) return formatConditions(conditions).replace(/ }$/, () => ` && ${added} }`);
  return isTraceQL(query) ? `${query.trim()} | { ${condition} }` : `{ ${condition} }`;
}

/**
 * selectionQuery finds the spans of a selection among those of a query, as far as one of both is a list of conditions; else
 * those of the selection.
 */
export function selectionQuery(query: string, selection: string): string {
  const added = readConditions(selection);
  if (added) return addCondition(query, ...added);
  return addCondition(selection, ...(readConditions(query) ?? []));
}

/** Whether shares are estimates, as not all spans were looked at. */
export function isEstimate({ matched, compared }: Schemas['ComparedSet']): boolean {
  return compared < matched;
}

/** Whether spans count for more than themselves, as their sender sampled them. */
export function isWeighted({ compared, weight }: Schemas['ComparedSet']): boolean {
  return weight > compared * 1.001;
}
