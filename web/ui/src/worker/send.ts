// A worker that sends what is long (carry.ts).
/// <reference lib="webworker" />
import type { Load, Sent } from "./carry";

declare const self: DedicatedWorkerGlobalScope;

const stops = new Map<number, AbortController>();

self.onmessage = async ({ data }: MessageEvent<Load>) => {
  if ("stop" in data) return stops.get(data.stop)?.abort();
  const control = new AbortController();
  stops.set(data.id, control);
  let said: Sent;
  try {
    const r = await fetch(data.url, { method: data.method, headers: data.headers, body: data.body, credentials: "same-origin", signal: control.signal });
    said = { id: data.id, status: r.status, type: r.headers.get("Content-Type") ?? "", bytes: new Uint8Array(await r.arrayBuffer()), body: data.body };
  } catch (e) {
    said = { id: data.id, failed: String(e) };
  }
  stops.delete(data.id);
  self.postMessage(said, "body" in said ? [said.body.buffer] : []);
};
