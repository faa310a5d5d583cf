/** The state of the page as its address holds it: whoever opens the link sees the same. */

import type { Params } from '../app/url';

export const tabs = ['timeline', 'flame', 'table', 'statistics', 'graph', 'events', 'logs', 'json'] as const;
export type Tab = (typeof tabs)[number];

export const panels = ['overview', 'closed'] as const;
export type Panel = (typeof panels)[number];

/** What is absent has its usual value. */
export interface TraceLink {
  /** Token of a view: an upload, or the trace as it was when the link was made. */
  view?: string;
  tab: Tab;
  /** A span's id, `~n` behind it if it comes more than once. */
  span?: string;
  /** What is beside the spans; absent it is the selected span or, where there is room, the overview. */
  panel?: Panel;
  /** The stretch of time that is shown: nanoseconds, `from~to`. */
  range?: string;
  find?: string;
  /** `service`, `status`, `kind`, or an attribute as TraceQL calls it. */
  colour: string;
  /** See `encodeCollapsed`. */
  collapsed?: string;
  /** Clocks are adjusted. */
  skew: boolean;
  /** The critical path is drawn. */
  path: boolean;
  /** What statistics are grouped by: one or two, with a comma between. */
  by?: string;
  /** Column of the table, `-` before it for descending. */
  sort?: string;
  /** Words that rows of a list have. */
  filter?: string;
}

export function readLink(params: Params): TraceLink {
  const { view, span, range, find, collapsed, by, sort, filter } = params;
  return {
    view, range, find, collapsed, by, sort, filter,
    tab: oneOf(tabs, params.tab) ?? 'timeline',
    panel: oneOf(panels, params.panel),
    span: span && /^[0-9a-f]{16}(~\d{1,6})?$/i.test(span) ? span.toLowerCase() : undefined,
    colour: params.colour || 'service',
    skew: params.skew === '1',
    path: params.path !== '0',
  };
}

function oneOf<T extends string>(known: readonly T[], value: string | undefined): T | undefined {
  return known.find((each) => each === value);
}
