/** Colours and fonts of canvases, from the tokens of the theme that is seen. */

import { tokenColour } from '../app/theme';
import { seriesOf } from '../parts/series';
import { serviceToken } from '../parts/serviceColour';
import type { TraceModel } from './model';
import type { Look } from './paint';

export function lookOf(model: TraceModel): Look {
  const { fontFamily } = getComputedStyle(document.body);
  const bars = model.legend.labels.map((label) => tokenColour(labelToken(model.colourBy, label)));
  const none = tokenColour('--line-strong');
  return {
    font: `12.5px ${fontFamily}`,
    ink: tokenColour('--ink'),
    muted: tokenColour('--muted'),
    line: tokenColour('--line'),
    surface: tokenColour('--surface'),
    hover: tokenColour('--hover'),
    selected: tokenColour('--selected'),
    accent: tokenColour('--accent'),
    error: tokenColour('--error'),
    warning: tokenColour('--warning'),
    found: tokenColour('--warning-ground'),
    joint: tokenColour('--muted'),
    bar: (code) => (code === 0 ? none : bars[code - 1]!),
  };
}

const statusTokens: Readonly<Record<string, string>> = { error: '--error', ok: '--ok' };

/** The token that colours one value of what spans are coloured by. */
export function labelToken(by: string, label: string): string {
  if (by === 'status') return statusTokens[label] ?? '--line-strong';
  return by === 'service' ? serviceToken(label) : `--series-${seriesOf(label)}`;
}
