import { useMemo } from 'react';
import { formatDuration, formatPlural } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Empty } from '../parts/Message';
import { Service } from '../parts/Service';
import { LongList } from './LongList';
import type { TraceModel } from './model';
import { useModel } from './useModel';
import { nameOf, serviceOf } from './view';

export interface EventListProps {
  model: TraceModel;
  filter: string;
  onFilter: (filter: string) => void;
  onOpen: (row: number) => void;
}

/** Events and logs of all spans, by time. */
export function EventList({ model, filter, onFilter, onOpen }: EventListProps) {
  const { view } = model;
  const selected = useModel(model, (m) => m.selected);
  const shown = useMemo(() => {
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const all = Uint32Array.from({ length: view.events.row.length }, (_, event) => event);
    if (words.length === 0) return all;
    return all.filter((event) => {
      const row = view.events.row[event]!;
      const text = `${view.strings[view.events.name[event]!]} ${serviceOf(view, row)} ${nameOf(view, row)} ${view.events.exception[event] ? 'exception' : ''}`.toLowerCase();
      return words.every((word) => (word.length > 1 && word.startsWith('-') ? !text.includes(word.slice(1)) : text.includes(word)));
    });
  }, [view, filter]);
  if (view.events.row.length === 0) {
    return (
      <Empty title="No span of this trace has events">
        <p>Exceptions that are recorded on a span, and what an SDK logs to it, would be listed here by time.</p>
      </Empty>
    );
  }
  return (
    <div className="event-list">
      <div className="trace-toolbar">
        <input
          className="input"
          type="search"
          value={filter}
          placeholder="Filter: words, -without, exception"
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
              <span className="number muted">{formatDuration(view.events.at[event]!)}</span>
              <button type="button" className={exception ? 'event-name failed' : 'event-name'} onClick={() => onOpen(row)}>
                {exception && <Icon name="error" size={14} />}
                <bdi className="ellipsis">{view.strings[view.events.name[event]!]!.slice(0, 300) || 'no name'}</bdi>
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
