// Requests with long bodies, for web/owner/transport_js.go. A browser keeps what it has
// sent until its collector comes by, which outside JavaScript's own heap is late: hundreds
// of megabytes in an upload. So a worker sends them, off the module's thread, and after
// some megabytes another takes its place; what the first kept goes with it. Bodies come
// back from there, and their room serves again.
export type Load = { id: number; method: string; url: string; headers: Record<string, string>; body: Uint8Array<ArrayBuffer> } | { stop: number };
export type Sent = { id: number; status: number; type: string; bytes: Uint8Array; body: Uint8Array<ArrayBuffer> } | { id: number; failed: string };

const most = 4 << 20; // bytes that one worker sends

const whole = 1 << 20; // bytes of a body's room at least: a blob fits (storage.MaxBlob)
const spare: ArrayBuffer[] = [];
const keep = 6; // as are sent at once (web/owner/transport_js.go)

// bodyOf gives room for a request's body, of as many bytes.
export function bodyOf(length: number): Uint8Array<ArrayBuffer> {
  const room = length <= whole ? spare.pop() : undefined;
  return new Uint8Array(room ?? new ArrayBuffer(Math.max(length, whole)), 0, length);
}

interface Sender { worker: Worker; sent: number; open: number }

let now: Sender | undefined;
let next = 1;
const waiting = new Map<number, { resolve(s: Sent): void; reject(e: Error): void; by: Sender }>();

function sender(): Sender {
  const worker = new Worker(new URL("./send.ts", import.meta.url), { type: "module" });
  const s: Sender = { worker, sent: 0, open: 0 };
  worker.onmessage = ({ data }: MessageEvent<Sent>) => {
    if ("body" in data && data.body.buffer.byteLength === whole && spare.length < keep) spare.push(data.body.buffer);
    end(data.id, (w) => ("failed" in data ? w.reject(new Error(data.failed)) : w.resolve(data)));
  };
  worker.onerror = () => {
    if (now === s) now = undefined;
    for (const [id, w] of [...waiting]) if (w.by === s) end(id, () => w.reject(new Error("the sending worker has stopped")));
  };
  return s;
}

function end(id: number, tell: (w: { resolve(s: Sent): void; reject(e: Error): void }) => void) {
  const w = waiting.get(id);
  if (!w) return;
  waiting.delete(id);
  if (--w.by.open === 0 && w.by !== now) w.by.worker.terminate();
  tell(w);
}

// carry sends a request whose body it takes away, and gives its answer and what stops it.
export function carry(method: string, url: string, headers: Record<string, string>, body: Uint8Array<ArrayBuffer>): { answer: Promise<Sent>; stop(): void } {
  if (!now || now.sent > most) {
    if (now?.open === 0) now.worker.terminate();
    now = sender();
  }
  const by = now, id = next++;
  by.sent += body.length;
  by.open++;
  const answer = new Promise<Sent>((resolve, reject) => waiting.set(id, { resolve, reject, by }));
  by.worker.postMessage({ id, method, url, headers, body } satisfies Load, [body.buffer]);
  return { answer, stop: () => by.worker.postMessage({ stop: id } satisfies Load) };
}
