import { useQuery } from '@tanstack/react-query';
import { answer, api, type Schemas } from '../api/client';
import { rangeQuery, type TimeRange } from '../app/timeRange';
import { formatPlural } from '../parts/format';
import { ErrorMessage } from '../parts/Message';
import { Examples } from './Examples';

type Check = Schemas['Finding'];

/** What the doctor knows from the same rules as the page. */
const toldByRules: readonly Check['check'][] = ['propagation', 'quality'];

/** What keeps traces from arriving, from being whole and from being found: what the doctor says of the server. */
export function Health({ range }: { range: TimeRange }) {
  const asked = useQuery({
    queryKey: ['doctor', range.start, range.end],
    queryFn: ({ signal }): Promise<Schemas['DoctorReport']> => answer(api.GET('/doctor', { params: { query: rangeQuery(range) }, signal })),
  });
  if (asked.isError) return <ErrorMessage what="The server's health could not be asked for" error={asked.error} onRetry={() => void asked.refetch()} />;
  const wrong = asked.data?.findings.filter((f) => (f.result === 'problem' || f.result === 'warning') && !toldByRules.includes(f.check)) ?? [];
  if (wrong.length === 0) return null;
  const problems = wrong.filter((f) => f.result === 'problem').length;
  return (
    <details className="quality-more">
      <summary>
        On the way to the store: {formatPlural(problems, 'problem')}, {formatPlural(wrong.length - problems, 'warning')}
      </summary>
      <ul className="quality-health">
        {wrong.map((f, i) => (
          <Trouble key={i} finding={f} />
        ))}
      </ul>
    </details>
  );
}

function Trouble({ finding: f }: { finding: Check }) {
  return (
    <li>
      <p>
        <span className={`quality-impact ${f.result === 'problem' ? 'critical' : 'normal'}`}>{f.result}</span> <strong className="untrusted">{f.title}</strong>
      </p>
      {f.cause && <p className="untrusted">{f.cause}</p>}
      {f.evidence?.map((line, i) => (
        <p key={i} className="muted untrusted">
          {line}
        </p>
      ))}
      {f.fix && (
        <p>
          <strong>Fix:</strong> <span className="untrusted">{f.fix}</span>
        </p>
      )}
      {f.traces && <Examples examples={f.traces.map((traceId) => ({ traceId }))} />}
    </li>
  );
}
