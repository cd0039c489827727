// A worker for one piece of work under a passphrase: another instance of the module,
// whose 256 MiB go with it (privacy/seal/apart_js.go).
/// <reference lib="webworker" />
import "../made/wasm_exec.js";
import type { Go } from "./protocol";

export interface Work { module: WebAssembly.Module; do: string; text: string; bytes: Uint8Array }

declare const self: DedicatedWorkerGlobalScope & { Go: new () => Go; asked: Work; answer: (a: object) => void };

self.onmessage = async ({ data }: MessageEvent<Work>) => {
  self.asked = data;
  self.answer = (a) => self.postMessage(a);
  const go = new self.Go();
  go.argv = ["manx", "apart"];
  await go.run(await WebAssembly.instantiate(data.module, go.importObject));
};
