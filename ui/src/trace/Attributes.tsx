import { useNavigate } from '@tanstack/react-router';
import { Fragment, useMemo, useState } from 'react';
import { useSetting } from '../app/settings';
import { Button, IconButton } from '../parts/Button';
import { CopyButton } from '../parts/CopyButton';
import { BigText } from './BigText';
import { attributeQuery, exploreAround } from './filter';
import { plainText, type SpanAttribute } from './queries';
import type { TraceView } from './view';

/** How many are shown at first, and how many more each time. */
const page = 60;

/** Keys and values, each to be copied, searched for or pinned. */
export function Attributes({ view, attributes, dropped = 0 }: { view: TraceView; attributes: readonly SpanAttribute[]; dropped?: number }) {
  const [filter, setFilter] = useState('');
  const [count, setCount] = useState(page);
  const [pinned, setPinned] = useSetting('pinnedAttributes');
  const shown = useMemo(() => {
    const wanted = filter.toLowerCase();
    const matching = wanted
      ? attributes.filter(({ key, value }) => key.toLowerCase().includes(wanted) || plainText(value).slice(0, 10_000).toLowerCase().includes(wanted))
      : attributes;
    return [...matching].sort((a, b) => Number(pinned.includes(b.traceql)) - Number(pinned.includes(a.traceql)) || (a.key < b.key ? -1 : 1));
  }, [attributes, filter, pinned]);
  const toggle = (name: string) => setPinned(pinned.includes(name) ? pinned.filter((each) => each !== name) : [...pinned, name].slice(-50));
  return (
    <>
      {attributes.length > 15 && (
        <input className="input attribute-filter" type="search" placeholder="Filter" aria-label="Filter the attributes" value={filter} onChange={(event) => setFilter(event.target.value)} />
      )}
      <dl className="attributes">
        {shown.slice(0, count).map((attribute) => (
          <AttributeLine
            key={attribute.key}
            view={view}
            attribute={attribute}
            pinned={pinned.includes(attribute.traceql)}
            onPin={() => toggle(attribute.traceql)}
          />
        ))}
      </dl>
      {shown.length > count && (
        <Button variant="quiet" onClick={() => setCount(count + 5 * page)}>
          Show {Math.min(5 * page, shown.length - count)} of {(shown.length - count).toLocaleString('en')} more
        </Button>
      )}
      {dropped > 0 && <p className="muted">{dropped.toLocaleString('en')} more were dropped before they were sent.</p>}
    </>
  );
}

/** A name that is broken behind dots and underscores, and only else within a word. */
function Key({ name }: { name: string }) {
  return name.split(/(?<=[._])/).map((part, i) => (
    <Fragment key={i}>
      {i > 0 && <wbr />}
      {part}
    </Fragment>
  ));
}

function AttributeLine({ view, attribute, pinned, onPin }: { view: TraceView; attribute: SpanAttribute; pinned: boolean; onPin: () => void }) {
  const navigate = useNavigate();
  const text = plainText(attribute.value);
  const explore = (equal: boolean) => {
    const query = attributeQuery(attribute, equal);
    return query ? () => void navigate({ to: '/', search: exploreAround(view.startUnixNano, view.duration, query) }) : null;
  };
  const [only, without] = [explore(true), explore(false)];
  return (
    <div className="attribute" data-pinned={pinned || undefined}>
      <dt>
        <bdi title={attribute.key.length > 100 ? undefined : attribute.key}><Key name={attribute.key.slice(0, 200)} /></bdi>
      </dt>
      <dd>
        <span className={`value-${attribute.type}`}>
          <BigText text={text} label={attribute.key} />
        </span>
        <span className="attribute-tools">
          <CopyButton text={text} label="Copy the value" />
          {only && <IconButton icon="include" label="Explore spans with this value" onClick={only} />}
          {without && <IconButton icon="exclude" label="Explore spans without this value" onClick={without} />}
          <IconButton icon="pin" label={pinned ? 'Unpin' : 'Pin to the top'} aria-pressed={pinned} onClick={onPin} />
        </span>
      </dd>
    </div>
  );
}
