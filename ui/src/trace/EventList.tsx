import { useDeferredValue, useMemo } from 'react';
import { formatDuration, formatPlural } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Empty } from '../parts/Message';
import { Service } from '../parts/Service';
import { exceptionTexts, filterEvents } from './events';
import { LongList } from './LongList';
import type { TraceModel } from './model';
import { useColumn, useFind } from './queries';
import { useModel } from './useModel';
import { nameOf, serviceOf } from './view';

export interface EventListProps {
  model: TraceModel;
  filter: string;
  onFilter: (filter: string) => void;
  onOpen: (row: number) => void;
}

/** Events and logs of all spans, by time. */
export function EventList(props: EventListProps) {
  if (props.model.view.events.row.length === 0) {
    return (
      <Empty title="No span of this trace has events">
        <p>Exceptions that are recorded on a span, and what an SDK logs to it, would be listed here by time.</p>
      </Empty>
    );
  }
  return <Events {...props} />;
}

function Events({ model, filter, onFilter, onOpen }: EventListProps) {
  const { view } = model;
  const selected = useModel(model, (m) => m.selected);
  const { data: type } = useColumn(view, 'event.exception.type');
  const { data: message } = useColumn(view, 'event.exception.message');
  const exceptions = useMemo(() => exceptionTexts(view, type, message), [view, type, message]);
  const words = useDeferredValue(filter.trim());
  const { data: found } = useFind(view, words);
  const shown = useMemo(
    () => filterEvents(view, words, exceptions, new Set(found?.query === words ? found.rows : [])),
    [view, words, exceptions, found],
  );
  return (
    <div className="event-list">
      <div className="trace-toolbar">
        <input
          className="input"
          type="search"
          value={filter}
          placeholder="Filter: words of events or their spans, -without"
          aria-label="Filter the events"
          onChange={(event) => onFilter(event.target.value)}
        />
        <span className="muted" role="status">
          {formatPlural(shown.length, 'event')}
          {view.eventsTruncated && ': the first of the trace, there are more'}
        </span>
      </div>
      <LongList count={shown.length} rowHeight={26} label="Events" role="list">
        {(place) => {
          const event = shown[place]!;
          const row = view.events.row[event]!;
          const exception = view.events.exception[event] === 1;
          return (
            <div role="listitem" key={event} className="event-row" data-selected={row === selected || undefined}>
              <span className="number muted">{formatDuration(view.events.at[event]! + model.shift(row))}</span>
              <button type="button" className={exception ? 'event-name failed' : 'event-name'} onClick={() => onOpen(row)}>
                {exception && <Icon name="error" size={14} />}
                <bdi className="ellipsis">{exceptions.get(event)?.slice(0, 300) ?? (view.strings[view.events.name[event]!]!.slice(0, 300) || 'no name')}</bdi>
              </button>
              <Service name={serviceOf(view, row).slice(0, 200)} />
              <bdi className="ellipsis muted">{nameOf(view, row).slice(0, 200)}</bdi>
            </div>
          );
        }}
      </LongList>
    </div>
  );
}
