/** How many --series-n tokens.css has. The second half are the hues of the first in another lightness. */
export const seriesColours = 32;
const first = seriesColours / 2;

/** The colour of a name that only the name decides; names may share one. */
export function seriesOf(name: string): number {
  let hash = 1521; // a seed with which the services of the demo shop have all colours
  // FNV-1a, then the finalizer of MurmurHash3, as names differ by little.
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % first;
}

type Kept = Pick<Storage, 'getItem' | 'setItem'>;

/**
 * Which colours services have: the one of seriesOf, or the next that is free if another service had it before.
 * Pages of one session agree, as it is kept in `storage`, which may throw if the browser keeps nothing.
 */
export class ServiceSeries {
  /** The service whose turn was longest ago is the first. */
  private readonly given: Map<string, number>;

  constructor(private readonly storage: () => Kept) {
    this.given = new Map(read(storage));
  }

  /** Gives the services of a page their colours, whatever order they come in: each its own if there are not more services than colours. */
  give(services: readonly string[]): void {
    const page = [...new Set(services)].sort();
    const known = page.filter((service) => this.given.has(service));
    for (const service of known) this.put(service, this.given.get(service)!);
    // What the page does not show makes way, the oldest first.
    for (const service of page) {
      if (this.given.has(service)) continue;
      if (this.given.size === seriesColours) {
        const [oldest] = this.given.keys();
        if (page.includes(oldest!)) break;
        this.given.delete(oldest!);
      }
      this.put(service, this.free(seriesOf(service)));
    }
    this.keep();
  }

  of(service: string): number {
    if (!this.given.has(service) && this.given.size < seriesColours) this.give([service]);
    return this.given.get(service) ?? seriesOf(service);
  }

  /** Puts a service behind all others. */
  private put(service: string, series: number): void {
    this.given.delete(service);
    this.given.set(service, series);
  }

  /** The first from `wanted` on that nobody has, those of the second half last. */
  private free(wanted: number): number {
    const taken = new Set(this.given.values());
    for (let i = 0; i < seriesColours; i++) {
      const series = i < first ? (wanted + i) % first : first + ((wanted + i) % first);
      if (!taken.has(series)) return series;
    }
    return wanted;
  }

  private keep(): void {
    try {
      this.storage().setItem(key, JSON.stringify([...this.given].filter(([service]) => service.length <= longest)));
    } catch {
      // Full or forbidden: this page keeps its colours, the next chooses anew.
    }
  }
}

const key = 'service-colours';
/** Longer names are not kept: there may be little room. */
const longest = 200;

function read(storage: () => Kept): [string, number][] {
  try {
    const kept: unknown = JSON.parse(storage().getItem(key) ?? '[]');
    if (!Array.isArray(kept)) return [];
    const taken = new Set<number>();
    return (kept as unknown[]).filter((each): each is [string, number] => {
      if (!Array.isArray(each) || typeof each[0] !== 'string' || !Number.isInteger(each[1])) return false;
      const series = each[1] as number;
      if (series < 0 || series >= seriesColours || taken.has(series)) return false;
      taken.add(series);
      return true;
    });
  } catch {
    return [];
  }
}
