/** A line of what happened over time, as small as a word. Its highest point is the top. */
export function Spark({ values, colour, label }: { values: readonly (number | null)[]; colour: string; label: string }) {
  const path = sparkPath(values, width, height);
  return (
    <svg className="spark" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {path.area && <path d={path.area} fill={`var(${colour})`} opacity="0.14" />}
      {path.line && <path d={path.line} fill="none" stroke={`var(${colour})`} strokeWidth="1.3" strokeLinejoin="round" strokeLinecap="round" />}
    </svg>
  );
}

const width = 64;
const height = 18;

/** sparkPath draws from 0 up. null is a gap; a point between two gaps is a short stroke. */
export function sparkPath(values: readonly (number | null)[], w: number, h: number): { line: string; area: string } {
  const top = values.reduce<number>((max, v) => Math.max(max, v ?? 0), 0);
  const x = (i: number) => (values.length > 1 ? (i / (values.length - 1)) * (w - 2) + 1 : w / 2);
  const y = (v: number) => h - 1 - (top > 0 ? v / top : 0) * (h - 2);
  const n = (v: number) => String(Math.round(v * 10) / 10);
  let line = '';
  let area = '';
  for (let from = 0; from < values.length; from++) {
    if (values[from] === null) continue;
    let to = from;
    while (to + 1 < values.length && values[to + 1] !== null) to++;
    const points = values.slice(from, to + 1).map((v, k) => `${n(x(from + k))} ${n(y(v!))}`);
    line += `M${points.join('L')}${from === to ? 'h1' : ''}`;
    area += `M${n(x(from))} ${h}L${points.join('L')}L${n(x(to))} ${h}Z`;
    from = to;
  }
  return { line, area };
}
