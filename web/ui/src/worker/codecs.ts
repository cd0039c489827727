// What the module calls for pixels that it does not decode itself (health/dicom/codec_js.go).
// The codecs' worker ends, and with it all that it holds, where a frame takes too long or
// fails, and when no picture has needed it for a while.
import type { Codec, Decoded } from "./decode";

const patience = 30_000; // ms for one frame
const idle = 20_000; // ms

let worker: Worker | undefined;
let resting = 0;
let last: Promise<unknown> = Promise.resolve();

function end() {
  worker?.terminate();
  worker = undefined;
}

// decode decodes frames one after another. It does not reject.
export function decodeFrame(codec: Codec, bytes: Uint8Array): Promise<Decoded> {
  const mine = last.then(() => one(codec, bytes));
  last = mine;
  return mine;
}

function one(codec: Codec, bytes: Uint8Array): Promise<Decoded> {
  clearTimeout(resting);
  return new Promise<Decoded>((resolve) => {
    const done = (d: Decoded) => {
      clearTimeout(late);
      if ("failed" in d) end();
      else resting = setTimeout(end, idle) as unknown as number;
      resolve(d);
    };
    const late = setTimeout(() => done({ failed: "exhausted" }), patience);
    worker ??= new Worker(new URL("./codec.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Decoded>) => done(data);
    worker.onerror = () => done({ failed: "unavailable" });
    worker.postMessage({ codec, bytes }, [bytes.buffer]);
  });
}
