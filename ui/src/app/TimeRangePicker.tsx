import { useState } from 'react';
import { Button, IconButton } from '../parts/Button';
import { formatClock, formatDate, type Zone } from '../parts/format';
import { Icon } from '../parts/Icon';
import { Popover } from '../parts/Popover';
import { Select } from '../parts/Select';
import { useKeys } from './keyboard';
import { useSetting } from './settings';
import { isoTime, parseInstant, refreshClock, relativeRanges, shiftRange, useLiveClock, useRefresh, useTimeRange, zoomRange } from './timeRange';
import { useParams } from './url';

const liveChoices = [
  { value: '', label: 'Not live' },
  { value: '5', label: 'Every 5 s' },
  { value: '10', label: 'Every 10 s' },
  { value: '30', label: 'Every 30 s' },
  { value: '60', label: 'Every minute' },
];

/** The time range of the page, which its URL holds: see useTimeRange. */
export function TimeRangePicker() {
  const { from, to, range, set } = useTimeRange();
  const [params, setParams] = useParams();
  const [zone] = useSetting('zone');
  const [open, setOpen] = useState(false);
  useLiveClock(Number(params.refresh));
  const refresh = useRefresh();
  useKeys('Time', [
    { keys: 't', label: 'Choose the time range', run: () => setOpen(true) },
    { keys: 'r', label: 'Refresh', run: refresh },
    { keys: 'alt+ArrowLeft', label: 'Earlier', run: () => set(shiftRange(range, -1)) },
    { keys: 'alt+ArrowRight', label: 'Later', run: () => set(shiftRange(range, 1)) },
    { keys: 'alt+ArrowDown', label: 'Zoom out', run: () => set(zoomRange(range, 2)) },
  ]);
  const choose = (next: { from: string; to: string }) => {
    setOpen(false);
    refreshClock();
    setParams({ from: next.from, to: next.to === 'now' ? undefined : next.to });
  };
  const relative = to === 'now' && relativeRanges.find((r) => r.from === from);
  return (
    <div className="time-range" role="group" aria-label="Time range">
      <IconButton icon="chevronLeft" label="Earlier" shortcut="Alt ←" onClick={() => set(shiftRange(range, -1))} />
      <Popover
        label="Time range"
        align="end"
        open={open}
        onOpenChange={setOpen}
        trigger={
          <Button className="time-range-value">
            <Icon name="clock" />
            {relative ? relative.label : describeRange(range.start, range.end, zone)}
            <Icon name="chevronDown" size={12} />
          </Button>
        }
      >
        <RangeForm key={`${from} ${to}`} from={from} to={to} zone={zone} onChoose={choose} />
      </Popover>
      <IconButton icon="chevronRight" label="Later" shortcut="Alt →" onClick={() => set(shiftRange(range, 1))} />
      <IconButton icon="zoomOut" label="Zoom out" shortcut="Alt ↓" onClick={() => set(zoomRange(range, 2))} />
      <IconButton icon="refresh" label="Refresh" shortcut="r" onClick={refresh} />
      <Select label="Live" value={params.refresh ?? ''} options={liveChoices} onChange={(refresh) => setParams({ refresh }, { replace: true })} />
    </div>
  );
}

function describeRange(start: number, end: number, zone: Zone): string {
  const suffix = zone === 'utc' ? ' UTC' : '';
  const withMillis = end - start < 10_000;
  const [from, to] = [start, end].map((t) => formatClock(t, zone, withMillis));
  const days = [start, end].map((t) => formatDate(t, zone));
  if (days[0] === days[1]) return `${days[0]}, ${from} – ${to}${suffix}`;
  return `${days[0]}, ${from} – ${days[1]}, ${to}${suffix}`;
}

interface RangeFormProps {
  from: string;
  to: string;
  zone: Zone;
  onChoose: (range: { from: string; to: string }) => void;
}

function RangeForm({ from, to, zone, onChoose }: RangeFormProps) {
  const [fromText, setFrom] = useState(() => showInstant(from, zone));
  const [toText, setTo] = useState(() => showInstant(to, zone));
  const now = Date.now();
  const [start, end] = [fromText, toText].map((t) => parseInstant(t.trim(), now, zone));
  const wrong = start === undefined || end === undefined || start >= end;
  const submit = () => {
    if (!wrong) onChoose({ from: keepInstant(fromText.trim(), start), to: keepInstant(toText.trim(), end) });
  };
  return (
    <div className="range-form">
      <ul aria-label="Until now">
        {relativeRanges.map((r) => (
          <li key={r.from}>
            <button type="button" aria-current={to === 'now' && from === r.from} onClick={() => onChoose({ from: r.from, to: 'now' })}>
              {r.label}
            </button>
          </li>
        ))}
      </ul>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          submit();
        }}
      >
        <label>
          From
          <input className="input" value={fromText} aria-invalid={start === undefined} onChange={(e) => setFrom(e.target.value)} spellCheck={false} />
        </label>
        <label>
          To
          <input className="input" value={toText} aria-invalid={end === undefined} onChange={(e) => setTo(e.target.value)} spellCheck={false} />
        </label>
        <p className="muted">
          As <code>2026-01-31 14:05</code> ({zone === 'utc' ? 'UTC' : 'local'}), <code>now-90m</code> or <code>now</code>.
        </p>
        <Button type="submit" variant="primary" disabled={wrong}>
          Apply
        </Button>
      </form>
    </div>
  );
}

function isRelative(text: string): boolean {
  return text.startsWith('now');
}

/** A time of the URL, in the zone in which it is typed. */
function showInstant(text: string, zone: Zone): string {
  const at = isRelative(text) ? undefined : parseInstant(text, 0);
  if (at === undefined) return text;
  const shifted = zone === 'utc' ? at : at - new Date(at).getTimezoneOffset() * 60_000;
  return isoTime(shifted).replace('T', ' ').replace(/(\.000)?Z$/, '');
}

function keepInstant(text: string, at: number): string {
  return isRelative(text) ? text : isoTime(at);
}
