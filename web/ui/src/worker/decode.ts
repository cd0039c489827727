// Decodes JPEG-LS (CharLS) and JPEG 2000 (OpenJPEG), compiled by the Cornerstone project,
// within a bound of memory. It runs in a worker of its own (codec.ts), and in the tests
// under Node: codec and module are given by who calls.
export type Codec = "jpeg-ls" | "jpeg-2000";

// Samples row by row, of 1 byte up to 8 bits, else of 2, little endian; planar has the
// components one after another. failed is the kind of a notice.
export interface Samples { rows: number; columns: number; samples: number; bits: number; planar: boolean; bytes: Uint8Array }
export type Decoded = Samples | { failed: "integrity" | "exhausted" | "unavailable" };

interface FrameInfo { width: number; height: number; bitsPerSample: number; componentCount: number }
interface Decoder {
  getEncodedBuffer(length: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): FrameInfo;
  getInterleaveMode?(): number;
  delete(): void;
}
export interface Module { JpegLSDecoder?: new () => Decoder; J2KDecoder?: new () => Decoder }
export type Factory = (given: { wasmBinary: ArrayBuffer; print(text: string): void; printErr(text: string): void }) => Promise<Module>;

// A codec's memory, in bytes: eight times the largest frame there may be.
const limit = 256 << 20;
let over = false;

// bound refuses memory above the limit to modules of this realm.
export function bound(): void {
  const grow = WebAssembly.Memory.prototype.grow;
  WebAssembly.Memory.prototype.grow = function (pages: number) {
    if (this.buffer.byteLength + pages * 65536 <= limit) return grow.call(this, pages);
    over = true;
    throw new RangeError("a codec's memory");
  };
}

// start makes an instance of a codec. What it would print says nothing to anybody.
export const start = (make: Factory, wasmBinary: ArrayBuffer): Promise<Module> => make({ wasmBinary, print() {}, printErr() {} });

// decode decodes one frame.
export function decode(module: Module, bytes: Uint8Array): Decoded {
  over = false;
  try {
    const decoder = new (module.JpegLSDecoder ?? module.J2KDecoder)!();
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { width, height, bitsPerSample, componentCount } = decoder.getFrameInfo();
    const out = { rows: height, columns: width, samples: componentCount, bits: bitsPerSample, planar: decoder.getInterleaveMode?.() === 0, bytes: decoder.getDecodedBuffer().slice() };
    decoder.delete();
    return out;
  } catch {
    return { failed: over ? "exhausted" : "integrity" };
  }
}
