import { tokenColour } from '../app/theme';
import { ServiceSeries } from './series';

const series = new ServiceSeries(() => sessionStorage);

/** Gives the services that a page shows together colours that differ. */
export function giveColours(services: readonly string[]): void {
  series.give(services);
}

/** The token with the colour of a service: the same on every page. */
export function serviceToken(service: string): string {
  return `--series-${series.of(service)}`;
}

/** The colour of a service as a style sheet takes it. */
export function serviceColour(service: string): string {
  return `var(${serviceToken(service)})`;
}

/** The same for a canvas, in the theme that is seen: see tokenColour. */
export function serviceCanvasColour(service: string): string {
  return tokenColour(serviceToken(service));
}
