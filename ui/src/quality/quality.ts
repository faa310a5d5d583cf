import type { Schemas } from '../api/client';
import type { Sort } from '../parts/Table';

export type ServiceQuality = Schemas['ServiceQuality'];
export type Finding = Schemas['QualityFinding'];

export const impactLabels: Record<Finding['impact'], string> = { critical: 'Critical', important: 'Important', normal: 'Normal', low: 'Low' };

/** A score without digits that say nothing. It is not rounded up to 100, or into a better category. */
export function formatScore(score: number): string {
  return String(Math.floor(score * 10) / 10);
}

/** How a category is coloured. */
export function categoryMood(category: ServiceQuality['category'] | undefined): 'good' | 'fair' | 'bad' | 'plain' {
  switch (category) {
    case 'Excellent':
    case 'Good':
      return 'good';
    case 'Needs Improvement':
      return 'fair';
    case 'Poor':
      return 'bad';
    default:
      return 'plain';
  }
}

const keys: Record<string, (s: ServiceQuality) => number | string> = {
  name: (s) => s.name,
  score: (s) => s.score,
  findings: (s) => s.findings.length,
  spans: (s) => s.count,
};

/** The order in the URL; the lowest score first where there is none. */
export function parseQualityOrder(text: string | undefined): Sort {
  const key = text?.replace(/^-/, '') ?? '';
  return Object.hasOwn(keys, key) ? { key, descending: text!.startsWith('-') } : { key: 'score', descending: false };
}

/** The services whose name has a text in it, in an order. */
export function qualityRows(services: readonly ServiceQuality[], { key, descending }: Sort, find: string): ServiceQuality[] {
  const of = keys[key]!;
  const wanted = find.trim().toLowerCase();
  const rows = services.filter((s) => s.name.toLowerCase().includes(wanted));
  const compare = (a: number | string, b: number | string) => (a < b ? -1 : a > b ? 1 : 0);
  return rows.sort((a, b) => compare(of(a), of(b)) * (descending ? -1 : 1) || compare(a.name, b.name));
}
