import { describe, expect, it } from 'vitest';
import { decodeColumn } from './columns';

function base64(array: ArrayBufferView): string {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
}

describe('decodeColumn', () => {
  it('reads what was written, of each type', () => {
    expect(decodeColumn('u8', base64(Uint8Array.of(0, 255)))).toEqual(Uint8Array.of(0, 255));
    expect(decodeColumn('u16', base64(Uint16Array.of(1, 65_535)))).toEqual(Uint16Array.of(1, 65_535));
    expect(decodeColumn('u32', base64(Uint32Array.of(4_294_967_295)))).toEqual(Uint32Array.of(4_294_967_295));
    expect(decodeColumn('i32', base64(Int32Array.of(-1, 7)))).toEqual(Int32Array.of(-1, 7));
    expect(decodeColumn('f64', base64(Float64Array.of(-0.5, 2 ** 60)))).toEqual(Float64Array.of(-0.5, 2 ** 60));
    expect(decodeColumn('u32', '')).toHaveLength(0);
  });

  it('refuses half an entry and what is no base64', () => {
    expect(() => decodeColumn('u32', base64(Uint8Array.of(1, 2, 3)))).toThrow('column of u32 has 3 bytes');
    expect(() => decodeColumn('u8', '***')).toThrow();
  });
});
