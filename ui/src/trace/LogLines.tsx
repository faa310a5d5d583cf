import { useDeferredValue, useMemo, useState } from 'react';
import { useSetting } from '../app/settings';
import { formatClock, formatDuration, formatPlural, nanosToMillis } from '../parts/format';
import { Gaps } from '../parts/Message';
import { Select } from '../parts/Select';
import { Service } from '../parts/Service';
import { BigText } from './BigText';
import { filterLogs, levels, timeOf, toneOf, type Level, type LogList as List, type LogRecord, type PlacedLogs } from './logs';
import { LongList } from './LongList';
import type { TraceModel } from './model';
import { plainText } from './queries';
import { unturned } from './text';
import { nameOf } from './view';

const levelOptions = levels.map((value) => ({ value, label: value === 'trace' ? 'All levels' : value === 'fatal' ? 'Fatal' : `${value[0]!.toUpperCase()}${value.slice(1)} and above` }));

export interface LogLinesProps {
  list: List;
  filter: string;
  onFilter: (filter: string) => void;
  /** There are none for records of a trace whose spans are not there. */
  model?: TraceModel;
  placed?: PlacedLogs | null;
  onOpen?: (row: number) => void;
}

/** All log records of a trace by time; from each a way to its span. */
export function LogLines({ list, filter, onFilter, model, placed, onOpen }: LogLinesProps) {
  const [least, setLeast] = useState<Level>('trace');
  const [zone] = useSetting('zone');
  const words = useDeferredValue(filter.trim());
  const shown = useMemo(() => filterLogs(list.logs, words, least), [list, words, least]);
  const more = list.matching - list.logs.length;
  return (
    <div className="event-list">
      <div className="trace-toolbar">
        <input className="input" type="search" value={filter} placeholder="Filter: words of log records, -without" aria-label="Filter the logs" onChange={(event) => onFilter(event.target.value)} />
        <Select label="Least level" value={least} options={levelOptions} onChange={setLeast} />
        <span className="muted" role="status">
          {formatPlural(shown.length, 'log record')}
          {more > 0 && `: of the first ${list.logs.length.toLocaleString('en')}, there are ${more.toLocaleString('en')} more`}
        </span>
        <LogLinks list={list} />
      </div>
      <Gaps gaps={list.gaps ?? []} />
      <LongList count={shown.length} rowHeight={26} label="Logs" role="list">
        {(place) => {
          const at = shown[place]!;
          const record = list.logs[at]!;
          const row = placed?.row[at] ?? -1;
          const clock = formatClock(nanosToMillis(timeOf(record)), zone, true);
          return (
            <div role="listitem" key={at} className="log-row" data-tone={toneOf(record)}>
              <span className="number muted" title={clock}>
                {model && placed ? formatDuration(placed.at[at]! + (row >= 0 ? model.shift(row) : 0)) : clock}
              </span>
              <span className="log-level">{levelText(record)}</span>
              <LogText record={record} row={row} onOpen={onOpen} />
              <Service name={record.service.slice(0, 200)} />
              <bdi className="ellipsis muted">{model ? (row >= 0 ? nameOf(model.view, row).slice(0, 200) : 'no span of this trace') : record.spanId}</bdi>
            </div>
          );
        }}
      </LongList>
    </div>
  );
}

function LogText({ record, row, onOpen }: { record: LogRecord; row: number; onOpen: ((row: number) => void) | undefined }) {
  const text = <bdi className="ellipsis">{lineOf(record).slice(0, 500)}</bdi>;
  if (row < 0 || !onOpen) return <span className="event-name">{text}</span>;
  return (
    <button type="button" className="event-name" onClick={() => onOpen(row)}>
      {text}
    </button>
  );
}

/** A record as one line: its name, its body, and what else it says. */
function lineOf(record: LogRecord): string {
  const attributes = record.attributes.map(({ key, value }) => `${key}=${plainText(value)}`);
  return unturned([record.eventName, record.text, ...attributes].filter(Boolean).join(' ')) || 'empty';
}

function levelText(record: LogRecord): string {
  return record.level ?? record.severityText?.slice(0, 8) ?? '';
}

/** To the logs in the systems that have them all. */
export function LogLinks({ list }: { list: Pick<List, 'links'> }) {
  return list.links.map((link) => (
    <a key={link.name} className="button" href={link.url} target="_blank" rel="noreferrer">
      {link.name.slice(0, 40)}
    </a>
  ));
}

/** Most records of one span that are listed beside it; the tab of logs has all. */
const mostOfSpan = 200;

/** The records of one span, with all that they hold. */
export function SpanLogs({ model, placed, row }: { model: TraceModel; placed: PlacedLogs; row: number }) {
  const [zone] = useSetting('zone');
  const places = placed.of(row);
  return (
    <ol className="span-events">
      {[...places.subarray(0, mostOfSpan)].map((at) => {
        const record = placed.list.logs[at]!;
        return (
          <li key={at} className="span-log" data-tone={toneOf(record)}>
            <header>
              <span className="log-level">{levelText(record)}</span>
              <bdi className="ellipsis">{record.eventName?.slice(0, 200)}</bdi>
              <span className="muted" title={formatClock(nanosToMillis(timeOf(record)), zone, true)}>
                {formatDuration(placed.at[at]! - model.view.spans.start[row]!)} in
              </span>
            </header>
            {record.text && <BigText text={record.text} label="Text of the log record" />}
            {record.attributes.length > 0 && (
              <dl className="attributes">
                {record.attributes.map(({ key, value, type }, i) => (
                  <div className="attribute" key={i}>
                    <dt>
                      <bdi>{key.slice(0, 200)}</bdi>
                    </dt>
                    <dd className={`value-${type}`}>
                      <BigText text={plainText(value)} label={key} />
                    </dd>
                  </div>
                ))}
              </dl>
            )}
          </li>
        );
      })}
      {places.length > mostOfSpan && <li className="muted">and {(places.length - mostOfSpan).toLocaleString('en')} more in the list of all logs</li>}
    </ol>
  );
}
