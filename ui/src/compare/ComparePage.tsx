import './compare.css';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef } from 'react';
import { answer, api } from '../api/client';
import { useKeys } from '../app/keyboard';
import { useParams, type Params } from '../app/url';
import { formatPlural } from '../parts/format';
import { ErrorMessage, Gaps, Loading, Warning } from '../parts/Message';
import { Tabs } from '../parts/Tabs';
import { Candidates } from './Candidates';
import { ChooseTraces } from './ChooseTraces';
import { DiffHeader } from './DiffHeader';
import { DiffTree } from './DiffTree';
import { ServiceTable } from './ServiceTable';
import { serviceRows, type TraceDiff } from './tree';

/** How one trace differs from another one. */
export default function ComparePage() {
  const [params, setParams] = useParams();
  const { a, b } = params;
  useKeys('Compare', [
    { keys: 'x', label: 'Swap the traces', run: () => setParams(swapped(params)) },
    { keys: 'd', label: 'All spans, or differences only', run: () => setParams({ only: params.only ? undefined : 'differences' }) },
    { keys: '1', label: 'Tree', run: () => setParams({ tab: undefined }) },
    { keys: '2', label: 'Services', run: () => setParams({ tab: 'services' }) },
  ]);
  return (
    <div className="page compare-page">
      <header className="compare-title">
        <h1>Compare</h1>
        <ChooseTraces key={`${a} ${b}`} params={params} setParams={setParams} onSwap={() => setParams(swapped(params))} />
      </header>
      {a && b && <Comparison params={params} />}
      {a && !b && !params.aView && <Candidates params={params} setParams={setParams} />}
    </div>
  );
}

function swapped({ a, b, aView, bView }: Params): Params {
  return { a: b, b: a, aView: bView, bView: aView, closed: undefined };
}

function Comparison({ params }: { params: Params }) {
  const { a, b, aView, bView } = params;
  const asked = useQuery({
    queryKey: ['diff', a, b, aView, bView],
    queryFn: ({ signal }): Promise<TraceDiff> => answer(api.GET('/diff', { params: { query: { a: a!, b: b!, aView, bView } }, signal })),
  });
  if (asked.isPending) return <Loading what="Comparing the traces" />;
  if (asked.isError) return <ErrorMessage what="The traces could not be compared" error={asked.error} onRetry={() => void asked.refetch()} />;
  return <Diff diff={asked.data} />;
}

function Diff({ diff }: { diff: TraceDiff }) {
  const [params, setParams] = useParams();
  const services = useMemo(() => serviceRows(diff.services), [diff]);
  const search = useRef<HTMLInputElement>(null);
  useKeys('Compare', [{ keys: '/', label: 'Find a service or span', run: () => search.current?.focus() }]);
  const tab = params.tab === 'services' ? 'services' : 'tree';
  return (
    <>
      <Gaps gaps={diff.gaps} />
      <DiffHeader diff={diff} services={services} />
      {diff.omitted !== undefined && <Warning>{formatPlural(diff.omitted, 'path')} more are not shown: the traces are too large.</Warning>}
      <Tabs
        label="Views"
        tabs={[
          { value: 'tree', label: 'Tree' },
          { value: 'services', label: `Services (${services.length})` },
        ]}
        value={tab}
        onChange={(value) => setParams({ tab: value === 'tree' ? undefined : value })}
      >
        {tab === 'tree' ? <DiffTree diff={diff} searchRef={search} /> : <ServiceTable rows={services} />}
      </Tabs>
    </>
  );
}
