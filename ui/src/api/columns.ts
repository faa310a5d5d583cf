/** Columns of numbers come as base64 of little-endian arrays. */
const arrays = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f64: Float64Array,
} as const;

export type ColumnType = keyof typeof arrays;

/** The array of a column. It fails if the text is no base64 or has no whole number of entries. */
export function decodeColumn<T extends ColumnType>(type: T, base64: string): InstanceType<(typeof arrays)[T]> {
  const bytes = decodeBase64(base64);
  const array = arrays[type];
  if (bytes.length % array.BYTES_PER_ELEMENT !== 0) {
    throw new RangeError(`column of ${type} has ${bytes.length} bytes`);
  }
  // Every machine that runs a browser is little-endian.
  return new array(bytes.buffer, 0, bytes.length / array.BYTES_PER_ELEMENT) as InstanceType<(typeof arrays)[T]>;
}

interface Base64Bytes {
  fromBase64?: (text: string) => Uint8Array<ArrayBuffer>;
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as unknown as Base64Bytes).fromBase64;
  if (native) return native.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
