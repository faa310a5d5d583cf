import { formatCount } from '../parts/format';

/** Change is how a number differs from what it was. */
export interface Change {
  /** As in "+12 %", "×3.1", "new"; empty if there is nothing to say. */
  text: string;
  /** Whether somebody should look: the number got clearly worse or better. */
  mood: 'worse' | 'better' | 'same';
  /** To sort by: growth as a logarithm, or the difference of shares. */
  size: number;
}

/** Changes of less than this are not called better or worse. */
const clear = 0.1;
/** Fewer spans than this, now or before, say nothing for sure. */
const fewest = 20;

const same: Change = { text: '', mood: 'same', size: 0 };

/** What the two numbers were taken from. */
export interface Seen {
  now: number;
  before: number;
}

/** growth compares rates or durations. Durations that grow are worse; a rate is neither. */
export function growth(now: number, before: number, seen: Seen, moreIs: 'worse' | 'same'): Change {
  if (seen.now === 0 && seen.before === 0) return same;
  if (seen.before === 0) return { text: 'new', mood: 'same', size: Infinity };
  if (seen.now === 0) return { text: 'gone', mood: 'same', size: -Infinity };
  if (before <= 0 || now <= 0) return same;
  const ratio = now / before;
  const enough = seen.now >= fewest && seen.before >= fewest && moreIs === 'worse';
  const mood = !enough || Math.abs(ratio - 1) < clear ? 'same' : ratio > 1 ? 'worse' : 'better';
  return { text: ratioText(ratio), mood, size: Math.log(ratio) };
}

/** ratioText says small changes in percent and large ones as factors. */
export function ratioText(ratio: number): string {
  if (ratio >= 3) return `×${formatCount(Number(ratio.toPrecision(2)))}`;
  const percent = Math.round((ratio - 1) * 100);
  if (percent === 0) return '±0 %';
  return `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %`;
}

/** difference compares shares, from 0 to 1, in points of percent. */
export function difference(now: number, before: number, seen: Seen): Change {
  if (seen.now === 0 || seen.before === 0) return same;
  const points = (now - before) * 100;
  if (Math.abs(points) < 0.05) return { text: now === 0 && before === 0 ? '' : '±0', mood: 'same', size: 0 };
  const enough = seen.now >= fewest && seen.before >= fewest;
  const mood = !enough || Math.abs(points) < 0.5 ? 'same' : points > 0 ? 'worse' : 'better';
  return { text: `${points > 0 ? '+' : '−'}${Math.abs(points).toFixed(1)} pp`, mood, size: points };
}
