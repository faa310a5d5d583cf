import { useState } from 'react';
import type { Params, SetParams } from '../app/url';
import { Button } from '../parts/Button';
import { QueryBox } from '../parts/query/QueryBox';
import { useTimeRange } from '../app/timeRange';
import { useSuggestions } from '../explore/data';

/** Comparisons that are often asked for. */
const presets: readonly { label: string; a: string }[] = [
  { label: 'Errors', a: '{ status = error }' },
  { label: 'Slower than 1 s', a: '{ duration > 1s }' },
  { label: 'Servers’ errors', a: '{ kind = server && status = error }' },
];

/** The two searches: for the selection, and for what it is compared with. */
export function AskDiffers({ params, setParams }: { params: Params; setParams: SetParams }) {
  const { range } = useTimeRange();
  const suggestions = useSuggestions(range);
  const [a, setA] = useState(params.a ?? '');
  const [b, setB] = useState(params.b ?? '');
  const ask = (selection: string, rest: string) => {
    if (selection.trim() !== '') setParams({ a: selection.trim(), b: rest.trim(), find: undefined });
  };
  const changed = a.trim() !== (params.a ?? '') || b.trim() !== (params.b ?? '');
  return (
    <form
      className="differs-ask"
      onSubmit={(e) => {
        e.preventDefault();
        ask(a, b);
      }}
    >
      <div className="differs-query">
        <span>
          <span className="swatch selection" aria-hidden /> Selection
        </span>
        <QueryBox value={a} onChange={setA} onSubmit={(text) => ask(text, b)} suggestions={suggestions} />
      </div>
      <div className="differs-query">
        <span>
          <span className="swatch baseline" aria-hidden /> Against
        </span>
        <QueryBox value={b} onChange={setB} onSubmit={(text) => ask(a, text)} suggestions={suggestions} />
      </div>
      {(changed || params.a === undefined) && (
        <Button variant="primary" type="submit" disabled={a.trim() === ''}>
          Compare
        </Button>
      )}
      {params.a === undefined && (
        <p className="muted">
          Which attributes have other values on the spans of the selection than on the others that the second search finds, or on all others if it is empty?
        </p>
      )}
      {params.a === undefined && (
        <p className="differs-presets">
          For example:
          {presets.map((p) => (
            <button key={p.label} type="button" className="button normal" onClick={() => ask(p.a, '')}>
              {p.label}
            </button>
          ))}
        </p>
      )}
    </form>
  );
}
