import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Params, SetParams } from '../app/url';
import { Button, IconButton } from '../parts/Button';

const id = /^[0-9a-f]{1,32}$/i;

/** The ids of two traces. */
export function ChooseTraces({ params, setParams, onSwap }: { params: Params; setParams: SetParams; onSwap: () => void }) {
  const [a, setA] = useState(params.a ?? '');
  const [b, setB] = useState(params.b ?? '');
  const ready = id.test(a.trim()) && id.test(b.trim());
  const changed = a.trim() !== (params.a ?? '') || b.trim() !== (params.b ?? '');
  return (
    <>
      <form
        className="compare-choose"
        onSubmit={(e) => {
          e.preventDefault();
          if (!ready) return;
          const [nextA, nextB] = [a.trim().toLowerCase(), b.trim().toLowerCase()];
          // A view is of one trace.
          setParams({
            a: nextA,
            b: nextB,
            aView: nextA === params.a ? params.aView : undefined,
            bView: nextB === params.b ? params.bView : undefined,
            closed: undefined,
          });
        }}
      >
        <TraceInput side="a" value={a} onChange={setA} />
        <IconButton icon="swap" label="Swap the traces" shortcut="x" disabled={!params.a || !params.b} onClick={onSwap} />
        <TraceInput side="b" value={b} onChange={setB} />
        {changed && (
          <Button variant="primary" type="submit" disabled={!ready}>
            Compare
          </Button>
        )}
      </form>
      {!params.a && !params.b && (
        <p className="muted compare-hint">
          Give the ids of two traces, such as a slow one and a usual one: what is only in one of them and what took longer is shown in one tree. In{' '}
          <Link to="/">Explore</Link> two results can be marked and compared, and <Link to="/upload">a file</Link> may have them. To compare thousands of requests,
          drag over the heatmap of <Link to="/">Explore</Link> and ask <Link to="/differs">what differs</Link>.
        </p>
      )}
    </>
  );
}

function TraceInput({ side, value, onChange }: { side: 'a' | 'b'; value: string; onChange: (value: string) => void }) {
  const name = side.toUpperCase();
  return (
    <label className="compare-input">
      <span className={`side ${side}`}>{name}</span>
      <input
        className="input mono"
        value={value}
        onChange={(e) => onChange(e.target.value)}
        placeholder={side === 'a' ? 'Trace id, the usual one' : 'Trace id, the one that differs'}
        aria-label={`Id of trace ${name}`}
        aria-invalid={value.trim() !== '' && !id.test(value.trim())}
        spellCheck={false}
        autoComplete="off"
      />
    </label>
  );
}
