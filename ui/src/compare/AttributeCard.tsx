import { Link } from '@tanstack/react-router';
import type { Params } from '../app/url';
import { formatCount, formatDuration, formatNumber, formatPercent } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Popover } from '../parts/Popover';
import { partsOf, valueLabel, type DifferingAttribute, type DifferingValue } from './differs';

/** Where a condition leads: to Explore, with the query that also asks for it. */
export type LinkTo = (condition: string) => { to: '/'; search: Params };

/** How the values of an attribute are distributed on both sides. */
export function AttributeCard({ attribute, linkTo }: { attribute: DifferingAttribute; linkTo: LinkTo }) {
  const { ranges, bars } = partsOf(attribute);
  const isDuration = ranges.some((r) => (r.from ?? r.to)?.type === 'duration');
  return (
    <li className="attribute-card panel">
      <header>
        <h2 className="mono untrusted">{attribute.name}</h2>
        <span className="attribute-score" title="How much of the spans the values tell apart, beyond chance">
          <span className="score-bar" aria-hidden>
            <span style={{ width: `${attribute.score * 100}%` }} />
          </span>
          {formatPercent(attribute.score)}
        </span>
      </header>
      {ranges.length > 0 && <Histogram ranges={ranges} linkTo={linkTo} />}
      {attribute.quantiles && <QuantileLine quantiles={attribute.quantiles} format={isDuration ? formatDuration : formatCount} />}
      {bars.length > 0 && <ValueList values={bars.slice(0, seenValues)} linkTo={linkTo} />}
      {bars.length > seenValues && (
        <details className="attribute-more">
          <summary>{bars.length - seenValues} more</summary>
          <ValueList values={bars.slice(seenValues)} linkTo={linkTo} />
        </details>
      )}
      {attribute.more && ranges.length === 0 && <p className="muted attribute-more">and others; {formatNumber(attribute.distinct)} values were told apart</p>}
    </li>
  );
}

/** So many values are seen at once; the others are asked for. */
const seenValues = 5;

function ValueList({ values, linkTo }: { values: readonly DifferingValue[]; linkTo: LinkTo }) {
  return (
    <ul className="value-list">
      {values.map((v, i) => (
        <ValueBars key={i} value={v} linkTo={linkTo} />
      ))}
    </ul>
  );
}

/** A value with the part of each side that has it, one bar over the other. */
function ValueBars({ value, linkTo }: { value: DifferingValue; linkTo: LinkTo }) {
  const label = valueLabel(value);
  return (
    <li className={value.kind === 'value' ? undefined : 'no-value'}>
      <bdi className="ellipsis value-label" title={label}>
        {label}
      </bdi>
      <span className="value-bars">
        <Bar side="selection" share={value.selection.share} />
        <Bar side="baseline" share={value.baseline.share} />
      </span>
      <Filters value={value} label={label} linkTo={linkTo} />
    </li>
  );
}

function Bar({ side, share }: { side: 'selection' | 'baseline'; share: number }) {
  return (
    <span className="value-bar">
      <span className="value-track">
        <span className={side} style={{ width: `${share * 100}%` }} />
      </span>
      <span className="value-share">
        <span className="visually-hidden">{side === 'selection' ? 'selection' : 'the rest'} </span>
        {formatPercent(Number(share.toPrecision(2)))}
      </span>
    </span>
  );
}

function Filters({ value, label, linkTo }: { value: DifferingValue; label: string; linkTo: LinkTo }) {
  return (
    <span className="value-filters">
      {value.in && (
        <Link {...linkTo(value.in)} className="button quiet icon-button" aria-label={`Filter on ${label}`} title="Filter on">
          <Icon name="include" />
        </Link>
      )}
      {value.out && (
        <Link {...linkTo(value.out)} className="button quiet icon-button" aria-label={`Filter out ${label}`} title="Filter out">
          <Icon name="exclude" />
        </Link>
      )}
    </span>
  );
}

/** Ranges of numbers side by side; both sides have the same height for the same share. */
function Histogram({ ranges, linkTo }: { ranges: readonly DifferingValue[]; linkTo: LinkTo }) {
  const top = ranges.reduce((max, r) => Math.max(max, r.selection.share, r.baseline.share), 0.0001);
  return (
    <div className="histogram">
      <div className="histogram-bars" role="group" aria-label="Ranges of values">
        {ranges.map((r, i) => (
          <Range key={i} range={r} top={top} linkTo={linkTo} />
        ))}
      </div>
      <div className="histogram-ends muted" aria-hidden>
        <span>{valueLabel(ranges[0]!)}</span>
        {ranges.length > 1 && <span>{valueLabel(ranges.at(-1)!)}</span>}
      </div>
    </div>
  );
}

function Range({ range, top, linkTo }: { range: DifferingValue; top: number; linkTo: LinkTo }) {
  const label = valueLabel(range);
  const [mine, rest] = [formatPercent(Number(range.selection.share.toPrecision(2))), formatPercent(Number(range.baseline.share.toPrecision(2)))];
  return (
    <Popover
      label={label}
      trigger={
        <button type="button" className="histogram-range" aria-label={`${label}: selection ${mine}, the rest ${rest}`} title={`${label}\nselection ${mine}\nthe rest ${rest}`}>
          <span className="selection" style={{ height: `${(range.selection.share / top) * 100}%` }} />
          <span className="baseline" style={{ height: `${(range.baseline.share / top) * 100}%` }} />
        </button>
      }
    >
      <div className="range-popover">
        <strong>{label}</strong>
        <span>
          <span className="swatch selection" aria-hidden /> selection {mine}
        </span>
        <span>
          <span className="swatch baseline" aria-hidden /> the rest {rest}
        </span>
        {range.in && (
          <Link className="button normal" {...linkTo(range.in)}>
            Filter on
          </Link>
        )}
        {range.out && (
          <Link className="button normal" {...linkTo(range.out)}>
            Filter out
          </Link>
        )}
      </div>
    </Popover>
  );
}

function QuantileLine({ quantiles, format }: { quantiles: NonNullable<DifferingAttribute['quantiles']>; format: (n: number) => string }) {
  const { selection, baseline } = quantiles;
  return (
    <p className="quantile-line">
      {(['p50', 'p90', 'p99'] as const).map((q) => (
        <span key={q}>
          <span className="muted">{q}</span> {selection ? format(selection[q]) : '–'} <span className="muted">against</span> {baseline ? format(baseline[q]) : '–'}
        </span>
      ))}
    </p>
  );
}
