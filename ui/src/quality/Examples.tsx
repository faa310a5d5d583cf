import { Link } from '@tanstack/react-router';
import { useSetting } from '../app/settings';
import { formatTime, nanosToMillis } from '../parts/format';

export interface Example {
  traceId: string;
  spanId?: string;
  startTimeUnixNano?: string;
}

/** Traces that show what is meant, by the beginnings of their ids. */
export function Examples({ examples }: { examples: readonly Example[] }) {
  const [zone] = useSetting('zone');
  return (
    <span className="quality-examples">
      {examples.map((e) => (
        <Link
          key={e.traceId + e.spanId}
          className="mono"
          to="/trace/$traceId"
          params={{ traceId: e.traceId }}
          search={{ span: e.spanId }}
          title={e.startTimeUnixNano && formatTime(nanosToMillis(e.startTimeUnixNano), zone)}
        >
          <span className="visually-hidden">Example: trace </span>
          {e.traceId.slice(0, 8)}
        </Link>
      ))}
    </span>
  );
}
