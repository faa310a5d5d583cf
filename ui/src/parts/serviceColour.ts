import { tokenColour } from '../app/theme';

/** How many --series-n tokens.css has. */
export const seriesColours = 16;

/** Which of them a service has: always the same, on every page. */
export function serviceSeries(service: string): number {
  let hash = 1521; // a seed with which the services of the demo shop have all colours
  // FNV-1a, then the finalizer of MurmurHash3, as names differ by little.
  for (let i = 0; i < service.length; i++) {
    hash = Math.imul(hash ^ service.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % seriesColours;
}

/** The colour of a service as a style sheet takes it. */
export function serviceColour(service: string): string {
  return `var(--series-${serviceSeries(service)})`;
}

/** The same for a canvas, in the theme that is seen: see tokenColour. */
export function serviceCanvasColour(service: string): string {
  return tokenColour(`--series-${serviceSeries(service)}`);
}
