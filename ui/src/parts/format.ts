/** Three digits, without zeros behind the point that say nothing: 1.2, 12, 123. */
function digits(value: number, precision = 3): string {
  return String(Number(value.toPrecision(precision)));
}

/** Nanoseconds as 1.23 ms, 45.6 s, 2m 5s, 3h 12m or 4d 2h; negative ones too. */
export function formatDuration(nanos: number): string {
  if (nanos < 0) return `−${formatDuration(-nanos)}`;
  if (nanos < 1) return '0';
  if (nanos < 999.5) return `${digits(nanos)} ns`;
  if (nanos < 999.5e3) return `${digits(nanos / 1e3)} µs`;
  if (nanos < 999.5e6) return `${digits(nanos / 1e6)} ms`;
  if (nanos < 59.95e9) return `${digits(nanos / 1e9)} s`;
  const seconds = Math.round(nanos / 1e9);
  if (seconds < 3600) return two(seconds, 60, 'm', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return two(minutes, 60, 'h', 'm');
  return two(Math.round(minutes / 60), 24, 'd', 'h');
}

function two(value: number, base: number, large: string, small: string): string {
  const rest = value % base;
  return `${Math.floor(value / base)}${large}${rest ? ` ${rest}${small}` : ''}`;
}

/** 950, 1.23k, 45.6M: for axes and tight places. */
export function formatCount(value: number): string {
  const size = Math.abs(value);
  for (const [unit, suffix] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (size >= unit * 0.9995) return digits(value / unit) + suffix;
  }
  return digits(value);
}

const whole = new Intl.NumberFormat('en-GB').format;

/** A number in full: 1,234,567. */
export function formatNumber(value: number): string {
  return whole(value);
}

/** "1 span", "2,000 spans". */
export function formatPlural(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

/** A share from 0 to 1 as 12.3 %. */
export function formatPercent(share: number): string {
  if (share > 0 && share < 0.0005) return '< 0.1 %';
  return `${digits(share * 100, share < 0.01 ? 2 : 3)} %`;
}

/** Events a second; less than one in ten seconds as so many a minute or an hour. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  if (perSecond >= 0.1) return `${formatCount(perSecond)}/s`;
  if (perSecond * 60 >= 0.1) return `${digits(perSecond * 60)}/min`;
  return `${digits(perSecond * 3600)}/h`;
}

/** Bytes in units of 1024: 512 B, 1.5 KiB, 20 MiB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${digits(value)} ${units[unit]}`;
}

export type Zone = 'local' | 'utc';

const formats = new Map<string, Intl.DateTimeFormat>();

function dateFormat(zone: Zone, kind: 'date' | 'time' | 'minute'): Intl.DateTimeFormat {
  const key = zone + kind;
  let format = formats.get(key);
  if (!format) {
    const options: Record<typeof kind, Intl.DateTimeFormatOptions> = {
      date: { year: 'numeric', month: 'short', day: 'numeric' },
      time: { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
      minute: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    };
    format = new Intl.DateTimeFormat('en-GB', { ...options[kind], timeZone: zone === 'utc' ? 'UTC' : undefined });
    formats.set(key, format);
  }
  return format;
}

/** Milliseconds since 1970 as 11 Jul 2025. */
export function formatDate(ms: number, zone: Zone): string {
  return valid(ms) ? dateFormat(zone, 'date').format(ms) : '–';
}

/** As 14:03:27, or 14:03:27.123. */
export function formatClock(ms: number, zone: Zone, withMillis = false): string {
  if (!valid(ms)) return '–';
  const millis = Math.floor(((ms % 1000) + 1000) % 1000);
  return dateFormat(zone, 'time').format(ms) + (withMillis ? `.${String(millis).padStart(3, '0')}` : '');
}

/** As 14:03. */
export function formatMinute(ms: number, zone: Zone): string {
  return valid(ms) ? dateFormat(zone, 'minute').format(ms) : '–';
}

/** As 11 Jul 2025, 14:03:27.123; a day in UTC says so. */
export function formatTime(ms: number, zone: Zone): string {
  return `${formatDate(ms, zone)}, ${formatClock(ms, zone, true)}${zone === 'utc' ? ' UTC' : ''}`;
}

/** What a Date can hold. */
function valid(ms: number): boolean {
  return Math.abs(ms) <= 8.64e15;
}

/** Unix nanoseconds, as the server writes them, in milliseconds. */
export function nanosToMillis(nanos: string): number {
  return Number(nanos) / 1e6;
}

const longestLine = 300;

/** The beginning of a text that may be megabytes long, for a line of a list. */
export function shorten(text: string, length = longestLine): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
