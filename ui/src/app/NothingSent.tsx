import { Link } from '@tanstack/react-router';
import { Empty } from '../parts/Message';

/** No spans, or requests, are there for a page that looks at all of a time. */
export function NothingSent({ what }: { what: string }) {
  return (
    <Empty title={`No ${what} in this time`}>
      <p>
        Choose a longer time. If nothing was sent yet, <Link to="/">Explore</Link> says how to send the first trace.
      </p>
    </Empty>
  );
}
