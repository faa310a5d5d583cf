import './quality.css';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef } from 'react';
import { answer, api, type Schemas } from '../api/client';
import { useKeys } from '../app/keyboard';
import { NothingSent } from '../app/NothingSent';
import { TimeRangePicker } from '../app/TimeRangePicker';
import { rangeQuery, useTimeRange, type TimeRange } from '../app/timeRange';
import { useParams } from '../app/url';
import { formatCount, formatNumber, formatPlural } from '../parts/format';
import { LongTable } from '../parts/LongTable';
import { ErrorMessage, Gaps, Loading } from '../parts/Message';
import { Service as ServiceName } from '../parts/Service';
import { giveColours } from '../parts/serviceColour';
import type { Column } from '../parts/Table';
import { formatOrder } from '../services/rows';
import { FindingCard } from './FindingCard';
import { Health } from './Health';
import { categoryMood, formatScore, parseQualityOrder, qualityRows, type ServiceQuality } from './quality';

type Report = Schemas['Quality'];

/** How well services are instrumented: their scores, what is wrong, and how to mend it. */
export default function QualityPage() {
  const [params, setParams] = useParams();
  const { range } = useTimeRange();
  const search = useRef<HTMLInputElement>(null);
  const asked = useQuality(range);
  const report = asked.data;
  const order = parseQualityOrder(params.sort);
  const find = params.find ?? '';
  const rows = useMemo(() => {
    if (!report) return [];
    giveColours(report.services.map((s) => s.name));
    return qualityRows(report.services, order, find);
  }, [report, order.key, order.descending, find]);
  const chosen = report?.services.find((s) => s.name === params.service) ?? (params.service === undefined ? report?.services[0] : undefined);
  const columns = useMemo(() => qualityColumns(chosen?.name, (service) => setParams({ service })), [chosen?.name, setParams]);
  useKeys('Quality', [{ keys: '/', label: 'Find a service', run: () => search.current?.focus() }]);
  return (
    <div className="page quality-page">
      <header className="quality-header">
        <h1>Quality</h1>
        <input
          ref={search}
          className="input"
          type="search"
          placeholder="Find a service"
          aria-label="Find a service"
          spellCheck={false}
          value={find}
          onChange={(e) => setParams({ find: e.target.value }, { replace: true })}
          onKeyDown={(e) => e.key === 'Escape' && (setParams({ find: undefined }, { replace: true }), e.currentTarget.blur())}
        />
        <TimeRangePicker />
      </header>
      <Gaps gaps={report?.gaps} />
      {asked.isError && <ErrorMessage what="The quality could not be assessed" error={asked.error} onRetry={() => void asked.refetch()} />}
      {asked.isPending && <Loading what="Looking at spans" />}
      {report && <Summary report={report} />}
      <Health range={range} />
      {report?.services.length === 0 && <NothingSent what="spans" />}
      {report && report.services.length > 0 && (
        <div className="quality-columns">
          <div className="panel quality-services">
            <LongTable
              label="Services"
              columns={columns}
              rows={rows}
              rowKey={(row) => row.name}
              rowHeight={33}
              rowClass={(row) => (row === chosen ? 'open' : undefined)}
              sort={order}
              onSort={(sort) => setParams({ sort: formatOrder(sort) }, { replace: true })}
            />
          </div>
          {chosen ? <Findings service={chosen} report={report} range={range} /> : <p className="muted">This service sent no spans in this time.</p>}
        </div>
      )}
      {report && <NotJudged rules={report.notJudged} />}
    </div>
  );
}

function useQuality(range: TimeRange, service?: string, enabled = true) {
  return useQuery({
    queryKey: ['quality', range.start, range.end, service],
    queryFn: ({ signal }): Promise<Report> => answer(api.GET('/quality', { params: { query: { ...rangeQuery(range), service } }, signal })),
    enabled,
  });
}

function Summary({ report }: { report: Report }) {
  const sampled = report.looked < report.spans;
  return (
    <p className="muted" aria-live="polite">
      {report.score !== null && (
        <>
          On average <Score score={report.score} category={report.category} />;{' '}
        </>
      )}
      {sampled
        ? `${formatCount(report.looked)} of about ${formatPlural(report.spans, 'span')} were looked at, chosen by chance.`
        : `${formatPlural(report.looked, 'span')} of ${formatPlural(report.services.length, 'service')} were looked at.`}
    </p>
  );
}

function Score({ score, category }: { score: number; category: ServiceQuality['category'] | undefined }) {
  return (
    <span className={`quality-score ${categoryMood(category)}`}>
      <strong>{formatScore(score)}</strong> {category}
    </span>
  );
}

function qualityColumns(chosen: string | undefined, onChoose: (service: string) => void): Column<ServiceQuality>[] {
  return [
    {
      key: 'name',
      title: 'Service',
      sortable: true,
      cell: (row) => (
        <button type="button" className="quality-choose" aria-pressed={row.name === chosen} onClick={() => onChoose(row.name)}>
          <ServiceName name={row.name} />
        </button>
      ),
    },
    { key: 'score', title: 'Score', number: true, sortable: true, cell: (row) => <Score score={row.score} category={undefined} /> },
    { key: 'category', title: '', cell: (row) => <span className={`quality-score ${categoryMood(row.category)}`}>{row.category}</span> },
    { key: 'findings', title: 'Findings', number: true, sortable: true, cell: (row) => formatNumber(row.findings.length) },
    { key: 'spans', title: 'Spans', number: true, sortable: true, cell: (row) => formatCount(row.count) },
  ];
}

/** What was found of a service. Of very many spans, those of the service are then chosen from by themselves. */
function Findings({ service: known, report, range }: { service: ServiceQuality; report: Report; range: TimeRange }) {
  const closer = useQuality(range, known.name, report.looked < report.spans && known.name !== '');
  const service = closer.data?.services[0] ?? known;
  return (
    <section className="quality-findings" aria-label={`Findings of ${known.name || 'spans without a service'}`}>
      <header>
        <h2>
          <ServiceName name={service.name} />
        </h2>
        <Score score={service.score} category={service.category} />
        <span className="muted">
          {formatPlural(service.seen, 'span')} looked at, {formatPlural(service.spanNames, 'name')}
          {service.language && <>, {service.language}</>}
        </span>
      </header>
      {service.findings.length === 0 && <p>Nothing is wrong with these spans.</p>}
      <ul>
        {service.findings.map((f) => (
          <FindingCard key={service.name + f.rule} finding={f} />
        ))}
      </ul>
    </section>
  );
}

/** The score is not complete, which its specification wants to be told. */
function NotJudged({ rules }: { rules: Report['notJudged'] }) {
  return (
    <details className="quality-more">
      <summary>The scores are not complete: {formatPlural(rules.length, 'rule')} of the Instrumentation Score cannot be judged</summary>
      <dl>
        {rules.map((r) => (
          <div key={r.id}>
            <dt>
              <code>{r.id}</code> {r.title}
            </dt>
            <dd>{r.reason}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
