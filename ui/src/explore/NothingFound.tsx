import type { ReactNode } from 'react';
import type { TimeRange } from '../app/timeRange';
import { useSetting } from '../app/settings';
import { Button } from '../parts/Button';
import { formatTime, nanosToMillis } from '../parts/format';
import { Empty, ErrorMessage, Loading } from '../parts/Message';
import { useNewestMatch } from './data';

const around = 30 * 60_000;

/** Says where there is something to find; if nothing is stored at all, how to begin. */
export function NothingFound({ traceql, begin, onGo }: { traceql: string; begin: ReactNode; onGo: (range: TimeRange) => void }) {
  const [zone] = useSetting('zone');
  const newest = useNewestMatch(traceql, true);
  const anything = useNewestMatch('{ }', newest.data === null);
  const failed = [newest, anything].find((q) => q.isError);
  if (failed) return <ErrorMessage what="It could not be looked further" error={failed.error} onRetry={() => void failed.refetch()} />;
  if (newest.isPending) return <Loading what="Looking further" />;
  const found = newest.data;
  if (found) {
    const at = nanosToMillis(found.startTimeUnixNano);
    return (
      <Empty title="Nothing matches in this time range">
        <p>The newest match is of {formatTime(at, zone)}.</p>
        <div>
          <Button variant="primary" onClick={() => onGo({ start: Math.floor(at - around), end: Math.ceil(at + around) })}>
            Go there
          </Button>
        </div>
      </Empty>
    );
  }
  if (anything.data === null) return begin;
  return (
    <Empty title="Nothing matches">
      <p>No trace of any time does. Ask for less, or for other names: while you write, those that are stored are suggested.</p>
    </Empty>
  );
}
