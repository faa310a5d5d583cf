import './differs.css';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useCallback, useDeferredValue, useMemo, useRef, useState } from 'react';
import { watch, type Schemas } from '../api/client';
import { useKeys } from '../app/keyboard';
import { TimeRangePicker } from '../app/TimeRangePicker';
import { rangeQuery, useTimeRange, type TimeRange } from '../app/timeRange';
import { useParams, type Params, type SetParams } from '../app/url';
import { Button } from '../parts/Button';
import { formatNumber, formatPercent, formatPlural } from '../parts/format';
import { Empty, ErrorMessage, Gaps, Loading, Warning } from '../parts/Message';
import { Progress } from '../parts/Progress';
import { AskDiffers } from './AskDiffers';
import { AttributeCard, type LinkTo } from './AttributeCard';
import { isEstimate, isWeighted, occurs, selectionQuery, tells, withCondition, type Differences, type DifferingAttribute } from './differs';

/** What the spans of a selection have that others have not, and the other way round. */
export default function DiffersPage() {
  const [params, setParams] = useParams();
  const { range } = useTimeRange();
  const asked = useDiffers(params, range);
  const search = useRef<HTMLInputElement>(null);
  useKeys('What differs', [
    { keys: '/', label: 'Find an attribute', run: () => search.current?.focus() },
    { keys: 'Escape', label: 'Cancel', run: asked.cancel },
  ]);
  const { query, progress } = asked;
  return (
    <div className="page differs-page">
      <header className="differs-title">
        <h1>What differs</h1>
        <TimeRangePicker />
      </header>
      <AskDiffers key={`${params.a}\n${params.b}`} params={params} setParams={setParams} />
      {query.fetchStatus === 'fetching' && (
        <div className="differs-progress">
          <Progress share={progress && progress.total > 0 ? progress.done / progress.total : 0} label="How far the comparison is" />
          <span className="muted">{progress ? `${formatNumber(progress.stats.rows)} spans looked at` : 'Comparing …'}</span>
          <Button icon="close" variant="quiet" onClick={asked.cancel}>
            Cancel
          </Button>
        </div>
      )}
      {query.isError && <ErrorMessage what="The spans could not be compared" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && query.fetchStatus === 'fetching' && <Loading what="Comparing" />}
      {query.data && <Found found={query.data} searchRef={search} params={params} setParams={setParams} />}
    </div>
  );
}

/** The most attributes that are asked for. */
const mostAttributes = 300;

/** a is the search for the selection, b that for all to compare it with. */
function useDiffers({ a, b }: Params, range: TimeRange) {
  const client = useQueryClient();
  const [progress, setProgress] = useState<Schemas['Progress']>();
  const key = useMemo(() => ['differs', a, b, range.start, range.end], [a, b, range.start, range.end]);
  const query = useQuery<Differences>({
    queryKey: key,
    enabled: a !== undefined,
    // While a live range goes on, what was found last stays.
    placeholderData: (before, last) => (last?.queryKey[1] === a && last?.queryKey[2] === b ? before : undefined),
    queryFn: async ({ signal }) => {
      const showPartial = (partial: Differences) => client.setQueryData(key, partial);
      try {
        return await watch('/differs', { q: b ?? '{ }', selection: a, limit: mostAttributes, ...rangeQuery(range) }, { signal, onProgress: setProgress, onPartial: showPartial });
      } finally {
        setProgress(undefined);
      }
    },
  });
  const cancel = useCallback(() => void client.cancelQueries({ queryKey: key }), [client, key]);
  return { query, progress, cancel };
}

interface FoundProps {
  found: Differences;
  searchRef: React.Ref<HTMLInputElement>;
  params: Params;
  setParams: SetParams;
}

function Found({ found, searchRef, params, setParams }: FoundProps) {
  const find = useDeferredValue((params.find ?? '').trim().toLowerCase());
  const attributes = found.attributes.filter((a) => occurs(a) && a.name.toLowerCase().includes(find));
  const told = attributes.filter((a) => !a.given && tells(a));
  const same = attributes.filter((a) => !a.given && !tells(a));
  const given = attributes.filter((a) => a.given);
  const within = selectionQuery(found.query, params.a ?? '');
  const linkTo: LinkTo = (condition) => ({ to: '/', search: { q: withCondition(within, condition), from: params.from, to: params.to } });
  if (found.selection.matched === 0 || found.baseline.matched === 0) return <OneSided found={found} params={params} />;
  return (
    <>
      <Gaps gaps={found.gaps} />
      <Sides found={found} />
      <div className="differs-tools">
        <input
          ref={searchRef}
          className="input"
          type="search"
          placeholder="Find an attribute"
          aria-label="Find an attribute"
          spellCheck={false}
          value={params.find ?? ''}
          onChange={(e) => setParams({ find: e.target.value }, { replace: true })}
          onKeyDown={(e) => e.key === 'Escape' && (setParams({ find: undefined }, { replace: true }), e.currentTarget.blur())}
        />
        <span className="muted">Those that tell most come first. A value can be filtered on or out: Explore then shows what is left of the selection.</span>
      </div>
      {told.length === 0 && <Empty title={find ? 'No attribute is called so' : 'No attribute differs'} />}
      <ol className="differs-list">
        {told.map((a) => (
          <AttributeCard key={a.name} attribute={a} linkTo={linkTo} />
        ))}
      </ol>
      {found.omitted !== undefined && same.length === 0 && <p className="muted">{formatPlural(found.omitted, 'attribute')} that tell less are not shown.</p>}
      <MoreAttributes attributes={same} linkTo={linkTo} summary={`${formatPlural(same.length, 'attribute')} with about the same values on both sides`} />
      <MoreAttributes attributes={given} linkTo={linkTo} summary={`The selection is made by ${formatPlural(given.length, 'attribute')}, which differ by that`} />
      {found.ignored.length > 0 && (
        <details className="differs-more">
          <summary>{formatPlural(found.ignored.length, 'attribute')} not compared: about every trace has a value of its own</summary>
          <ul>
            {found.ignored.map((i) => (
              <li key={i.name}>
                <code className="untrusted">{i.name}</code> <span className="muted">{formatNumber(i.distinct)} values or more</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** Attributes that are seen when they are asked for. */
function MoreAttributes({ attributes, summary, linkTo }: { attributes: readonly DifferingAttribute[]; summary: string; linkTo: LinkTo }) {
  if (attributes.length === 0) return null;
  return (
    <details className="differs-more">
      <summary>{summary}</summary>
      <ol className="differs-list">
        {attributes.map((a) => (
          <AttributeCard key={a.name} attribute={a} linkTo={linkTo} />
        ))}
      </ol>
    </details>
  );
}

function Sides({ found }: { found: Differences }) {
  const sides = [found.selection, found.baseline];
  return (
    <>
      <p className="differs-sides">
        <span>
          <span className="swatch selection" aria-hidden /> <strong>{formatPlural(found.selection.matched, 'span')}</strong> in the selection
        </span>
        <span>
          <span className="swatch baseline" aria-hidden /> <strong>{formatPlural(found.baseline.matched, 'other span')}</strong> to compare with
        </span>
      </p>
      {sides.some(isEstimate) && (
        <Warning>
          Shares are estimates: {comparedText(found.selection, 'of the selection')}, {comparedText(found.baseline, 'of the rest')}.
        </Warning>
      )}
      {sides.some(isWeighted) && (
        <p className="muted">
          Sampled spans count for those that they stand for: {weightText(found.selection, 'of the selection')}, {weightText(found.baseline, 'of the rest')}.
        </p>
      )}
    </>
  );
}

function comparedText({ matched, compared }: Schemas['ComparedSet'], whose: string): string {
  return `${formatNumber(compared)} of ${formatNumber(matched)} spans ${whose} were compared`;
}

function weightText({ compared, weight }: Schemas['ComparedSet'], whose: string): string {
  return `${formatNumber(compared)} spans ${whose} for ${formatNumber(Math.round(weight))}`;
}

function OneSided({ found, params }: { found: Differences; params: Params }) {
  const empty = found.selection.matched === 0;
  return (
    <Empty title={empty ? 'Nothing is in the selection' : 'Nothing is left to compare with'}>
      <p>
        {empty
          ? 'No span of this time matches the search for the selection. Choose a longer time or another search.'
          : `All ${formatPlural(found.selection.matched, 'span')} are in the selection: ${formatPercent(1)}. Compare with a wider search.`}
      </p>
      <p>
        <Link to="/" search={{ q: empty ? found.query : found.selected, from: params.from, to: params.to }}>
          Look at it in Explore
        </Link>
      </p>
    </Empty>
  );
}
