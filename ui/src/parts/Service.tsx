import { shorten } from './format';
import { serviceColour } from './serviceColour';

/** The colour of a service, before its name. */
export function ServiceSwatch({ service }: { service: string }) {
  return <span className="swatch" style={{ background: serviceColour(service) }} aria-hidden />;
}

/** A service: its colour and its name. */
export function Service({ name }: { name: string }) {
  return (
    <span className="service">
      <ServiceSwatch service={name} />
      <bdi className="ellipsis">{shorten(name) || '(no name)'}</bdi>
    </span>
  );
}
