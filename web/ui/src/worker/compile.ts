// A worker that fetches and compiles a module: a browser keeps the bytes that it has
// checked and compiled, twice 23 MB, until its collector comes by, and here they go with
// the worker. The module itself is shared by all that have it.
/// <reference lib="webworker" />
export type Compiled = { module: WebAssembly.Module } | { failed: string };

declare const self: DedicatedWorkerGlobalScope;

self.onmessage = async ({ data }: MessageEvent<{ url: string; integrity: string }>) => {
  let out: Compiled;
  try {
    out = { module: await WebAssembly.compileStreaming(fetch(data.url, { integrity: data.integrity })) };
  } catch (e) {
    out = { failed: String(e) };
  }
  self.postMessage(out);
};
