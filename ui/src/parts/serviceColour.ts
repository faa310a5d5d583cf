import { tokenColour } from '../app/theme';

/** How many --series-n tokens.css has. */
export const seriesColours = 16;

/** Which of them a service has: always the same, on every page. */
export function serviceSeries(service: string): number {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < service.length; i++) {
    hash = Math.imul(hash ^ service.charCodeAt(i), 0x01000193);
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % seriesColours;
}

/** The colour of a service as a style sheet takes it. */
export function serviceColour(service: string): string {
  return `var(--series-${serviceSeries(service)})`;
}

/** The same for a canvas, in the theme that is seen: see tokenColour. */
export function serviceCanvasColour(service: string): string {
  return tokenColour(`--series-${serviceSeries(service)}`);
}
