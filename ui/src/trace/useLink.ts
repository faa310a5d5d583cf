import { useEffect, useRef } from 'react';
import type { Params, SetParams } from '../app/url';
import { readLink } from './link';
import type { TraceModel } from './model';
import { decodeRange, encodeRange, sameRange } from './range';
import { decodeCollapsed, encodeCollapsed } from './rows';
import { rowOfName, spanName } from './view';

/** How long the picture has to stay as it is before the address follows; milliseconds. */
const rest = 250;

const keys = ['span', 'range', 'collapsed', 'skew', 'path'] as const;

/** Brings the model to what the address says. */
export function applyLink(model: TraceModel, params: Params): void {
  const link = readLink(params);
  model.setAdjusted(link.skew && model.view.skew.length > 0);
  model.setPath(link.path);
  model.setCollapsed(decodeCollapsed(model.view.spans, link.collapsed ?? ''));
  model.setRange(decodeRange(link.range ?? '', model.full) ?? model.full);
  model.select(link.span ? rowOfName(model.view, link.span) : -1);
}

/** Keeps the address and the model alike, whichever of them changes. */
export function useLink(model: TraceModel, params: Params, setParams: SetParams): void {
  const written = useRef(params);
  const seen = useRef(params);
  useEffect(() => {
    const read = reader(model);
    let timer = 0;
    const write = () => {
      const now = read();
      if (keys.every((key) => (now[key] ?? '') === (written.current[key] ?? ''))) return;
      written.current = now;
      setParams(now, { replace: true });
    };
    const off = model.subscribe(() => {
      clearTimeout(timer);
      timer = window.setTimeout(write, rest);
    });
    return () => {
      off();
      clearTimeout(timer);
    };
  }, [model, setParams]);
  useEffect(() => {
    // Not written here: the user went back or forth, or followed a link on the page.
    const foreign = keys.some((key) => params[key] !== seen.current[key] && (params[key] ?? '') !== (written.current[key] ?? ''));
    seen.current = params;
    if (!foreign) return;
    written.current = params;
    applyLink(model, params);
  }, [model, params]);
}

/** What the address has to say of the model. Collapsed rows are encoded only after they changed. */
function reader(model: TraceModel): () => Params {
  let rows: Uint32Array | null = null;
  let collapsed = '';
  return () => {
    if (rows !== model.rows) collapsed = encodeCollapsed(model.view.spans, model.collapsed);
    rows = model.rows;
    return {
      span: model.selected >= 0 ? spanName(model.view, model.selected) : undefined,
      range: sameRange(model.range, model.full) ? undefined : encodeRange(model.range),
      collapsed: collapsed || undefined,
      skew: model.adjusted ? '1' : undefined,
      path: model.showPath ? undefined : '0',
    };
  };
}
