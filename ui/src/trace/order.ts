/** Rows in the order of their keys: a radix sort, since a comparing sort of a million rows would stop the page for a second. */
export function orderBy(keys: Float64Array, descending = false): Uint32Array {
  const n = keys.length;
  const words = sortable(keys, descending);
  let order = Uint32Array.from({ length: n }, (_, i) => i);
  let spare = new Uint32Array(n);
  const counts = new Uint32Array(65537);
  for (let digit = 0; digit < 4; digit++) {
    counts.fill(0);
    for (let i = 0; i < n; i++) counts[words[4 * i + digit]! + 1]!++;
    if (counts.includes(n)) continue;
    for (let i = 0; i < 65536; i++) counts[i + 1]! += counts[i]!;
    for (let i = 0; i < n; i++) {
      const row = order[i]!;
      spare[counts[words[4 * row + digit]!]!++] = row;
    }
    [order, spare] = [spare, order];
  }
  return order;
}

/** Bits of floats that compare like whole numbers, lowest 16 first: negative ones are turned over, for others the sign is. */
function sortable(keys: Float64Array, descending: boolean): Uint16Array {
  const bits = new BigUint64Array(keys.slice().buffer);
  const words = new Uint16Array(bits.buffer);
  for (let i = 0; i < keys.length; i++) {
    const top = words[4 * i + 3]!;
    const flip = (top & 0x8000 ? 0xffff : 0) ^ (descending ? 0xffff : 0);
    words[4 * i] = words[4 * i]! ^ flip;
    words[4 * i + 1] = words[4 * i + 1]! ^ flip;
    words[4 * i + 2] = words[4 * i + 2]! ^ flip;
    words[4 * i + 3] = top ^ flip ^ (top & 0x8000 ? 0 : 0x8000);
  }
  return words;
}

/** For each string its place among all, sorted. */
export function ranks(strings: string[]): Float64Array {
  const order = strings.map((_, i) => i).sort((a, b) => (strings[a]! < strings[b]! ? -1 : strings[a]! > strings[b]! ? 1 : 0));
  const rank = new Float64Array(strings.length);
  order.forEach((index, place) => (rank[index] = place));
  return rank;
}
