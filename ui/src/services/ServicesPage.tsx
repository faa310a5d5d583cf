import './services.css';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef } from 'react';
import { answer, api, type Schemas } from '../api/client';
import { useKeys } from '../app/keyboard';
import { NothingSent } from '../app/NothingSent';
import { TimeRangePicker } from '../app/TimeRangePicker';
import { rangeQuery, useTimeRange, type TimeRange } from '../app/timeRange';
import { useParams } from '../app/url';
import { formatPercent, formatPlural, formatRate } from '../parts/format';
import { LongTable } from '../parts/LongTable';
import { ErrorMessage, Gaps, Loading } from '../parts/Message';
import { Select } from '../parts/Select';
import { giveColours } from '../parts/serviceColour';
import { ToggleGroup } from '../parts/ToggleGroup';
import { serviceColumns } from './columns';
import { formatOrder, operationRows, parseOrder, serviceRows, sum, type Row } from './rows';
import { ServiceCharts } from './ServiceCharts';

type Compare = 'none' | 'hour' | 'day' | 'week' | 'previous';

const compares: readonly { value: Compare; label: string }[] = [
  { value: 'hour', label: 'against an hour before' },
  { value: 'day', label: 'against the day before' },
  { value: 'week', label: 'against the week before' },
  { value: 'previous', label: 'against the time just before' },
  { value: 'none', label: 'against nothing' },
];

type List = Schemas['ServiceList'];

/** Rate, errors and durations of every service and operation, and how they changed. */
export default function ServicesPage() {
  const [params, setParams] = useParams();
  const { range } = useTimeRange();
  const search = useRef<HTMLInputElement>(null);
  const byOperation = params.by === 'operation';
  const compare = compares.find((c) => c.value === params.compare)?.value ?? 'hour';
  const asked = useServices(range, compare, { operations: byOperation });
  const opened = useServices(range, compare, { operations: true, service: params.service, enabled: params.service !== undefined && !byOperation });
  const order = parseOrder(params.sort);
  const open = useMemo(() => {
    if (params.service === undefined) return undefined;
    const found = opened.data?.services.find((s) => s.name === params.service);
    return { name: params.service, operations: found?.operations ?? [] };
  }, [params.service, opened.data]);
  const services = asked.data?.services;
  const find = params.find ?? '';
  const rows = useMemo(() => {
    if (!services) return [];
    giveColours(services.map((s) => s.name));
    return byOperation ? operationRows(services, order, find) : serviceRows(services, open, order, find);
  }, [services, byOperation, open, order.key, order.descending, find]);
  // Where nothing was before, everything would be new.
  const compared = services?.some((s) => (s.before?.seen ?? 0) > 0) ?? false;
  const columns = useMemo(
    () =>
      serviceColumns({
        compared,
        byOperation,
        onOpen: (row) => setParams({ service: row.open ? undefined : row.service }),
      }),
    [compared, byOperation, setParams],
  );
  useKeys('Services', [
    { keys: '/', label: 'Find a service', run: () => search.current?.focus() },
    { keys: 'o', label: 'Services or operations', run: () => setParams({ by: byOperation ? undefined : 'operation', service: undefined }) },
  ]);
  const shown = !byOperation && params.service !== undefined ? services?.find((s) => s.name === params.service) : undefined;
  return (
    <div className="page services-page">
      <header className="services-header">
        <h1>Services</h1>
        <div className="services-tools">
          <input
            ref={search}
            className="input"
            type="search"
            placeholder={byOperation ? 'Find an operation' : 'Find a service'}
            aria-label={byOperation ? 'Find an operation' : 'Find a service'}
            spellCheck={false}
            value={find}
            onChange={(e) => setParams({ find: e.target.value }, { replace: true })}
            onKeyDown={(e) => e.key === 'Escape' && (setParams({ find: undefined }, { replace: true }), e.currentTarget.blur())}
          />
          <ToggleGroup
            label="Rows"
            value={byOperation ? 'operation' : 'service'}
            options={[
              { value: 'service', label: 'Services' },
              { value: 'operation', label: 'Operations' },
            ]}
            onChange={(by) => setParams({ by: by === 'operation' ? by : undefined, service: undefined })}
          />
          <Select label="Compare" value={compare} options={compares} onChange={(value) => setParams({ compare: value === 'hour' ? undefined : value })} />
        </div>
        <TimeRangePicker />
      </header>
      <Gaps gaps={asked.data?.gaps} />
      {asked.isError && <ErrorMessage what="The services could not be counted" error={asked.error} onRetry={() => void asked.refetch()} />}
      {opened.isError && <ErrorMessage what="The operations could not be counted" error={opened.error} onRetry={() => void opened.refetch()} />}
      {asked.isPending && <Loading what="Counting requests" />}
      {asked.data?.services.length === 0 && <NothingSent what="requests" />}
      {shown && asked.data && <ServiceCharts service={shown} start={asked.data.startTimeUnixNano} step={asked.data.stepNanos} range={range} />}
      {services && services.length > 0 && (
        <>
          <Summary list={asked.data!} rows={rows} byOperation={byOperation} compared={compared || compare === 'none'} />
          <div className="panel services-table">
            <LongTable
              label={byOperation ? 'Operations' : 'Services'}
              columns={columns}
              rows={rows}
              rowKey={(row) => JSON.stringify([row.service, row.operation])}
              rowHeight={33}
              rowClass={(row) => (row.operation === undefined ? (row.open ? 'open' : undefined) : byOperation ? undefined : 'below')}
              sort={order}
              onSort={(sort) => setParams({ sort: formatOrder(sort) }, { replace: true })}
            />
          </div>
        </>
      )}
    </div>
  );
}

function useServices(range: TimeRange, compare: Compare, what: { operations: boolean; service?: string | undefined; enabled?: boolean }) {
  return useQuery({
    queryKey: ['services', range.start, range.end, compare, what.operations, what.service],
    queryFn: ({ signal }): Promise<List> => {
      const query = {
        ...rangeQuery(range),
        by: what.operations ? ('operation' as const) : undefined,
        service: what.service,
        compare: compare === 'none' ? undefined : compare,
      };
      return answer(api.GET('/services', { params: { query }, signal }));
    },
    enabled: what.enabled ?? true,
    placeholderData: (before, query) => (query?.queryKey[4] === what.operations && query.queryKey[5] === what.service ? before : undefined),
  });
}

function Summary({ list, rows, byOperation, compared }: { list: List; rows: readonly Row[]; byOperation: boolean; compared: boolean }) {
  const all = sum(list.services);
  return (
    <p className="muted" aria-live="polite">
      {byOperation ? formatPlural(rows.length, 'operation') : formatPlural(list.services.length, 'service')}; {formatRate(all.rate)}, {formatPercent(all.errorShare)} failed.
      {!compared && ' There are no requests to compare with.'}
      {all.estimated && ' Spans are sampled: numbers are estimates from those that were kept.'}
    </p>
  );
}
