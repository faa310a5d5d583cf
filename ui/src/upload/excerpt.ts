/** Excerpt is a piece of a text and how far into it the wrong place is. */
export interface Excerpt {
  before: string;
  at: string;
  after: string;
}

/** excerpt cuts a place, by line and column from 1, out of a text, with so many characters on either side. */
export function excerpt(text: string, line: number, column: number, reach = 60): Excerpt | undefined {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const end = text.indexOf('\n', start);
    if (end < 0) return undefined;
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  const whole = text.slice(start, end < 0 ? undefined : end);
  const at = Math.max(0, column - 1);
  if (at > whole.length) return undefined;
  const from = Math.max(0, at - reach);
  return {
    before: (from > 0 ? '…' : '') + whole.slice(from, at),
    at: whole.slice(at, at + 1) || ' ',
    after: whole.slice(at + 1, at + reach) + (at + reach < whole.length ? '…' : ''),
  };
}

/** placeIn reads the place that a message of the server begins with. */
export function placeIn(message: string): { line: number; column: number } | undefined {
  const found = /^line (\d{1,9}), column (\d{1,9}):/.exec(message);
  return found ? { line: Number(found[1]), column: Number(found[2]) } : undefined;
}
