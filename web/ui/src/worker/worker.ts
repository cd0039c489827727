// The worker: a file system, the Go module, and messages between it and the page
// (protocol.ts). Nothing of the page's reaches keys or plaintext but by these calls.
/// <reference lib="webworker" />
import "../made/wasm_exec.js";
import { integrity as hashes } from "../made/integrity";
import credit from "../made/credit.wasm?url";
import health from "../made/manx.wasm?url";
import { Files } from "./files";
import type { Work } from "./apart";
import { bodyOf, carry } from "./carry";
import { decodeFrame } from "./codecs";
import type { Compiled } from "./compile";
import type { Asked, Go, Problem, Progress, Said } from "./protocol";
import { homeStore } from "./store";

interface Manx {
  call(id: number, name: string, args: string, progress: (stage: string, done: number, total: number) => void, done: (json?: string, problem?: Problem) => void): void;
  stop(id: number): void;
}
type Apart = (what: string, text: string, bytes: Uint8Array) => Promise<object>;
declare const self: DedicatedWorkerGlobalScope & { fs: Files; process: object; manx: Manx; ready: () => void; Go: new () => Go; apart: Apart; carry: typeof carry; bodyOf: typeof bodyOf; decode: typeof decodeFrame };

// The page says by the worker's name which module it wants.
const [module, integrity] = self.name === "credit" ? [credit, hashes.credit] : [health, hashes.health];

const say = (m: Said) => self.postMessage(m);

// apart has another instance of the module do what takes much memory.
const apart = (module: WebAssembly.Module): Apart => (what, text, bytes) =>
  new Promise((resolve, reject) => {
    const other = new Worker(new URL("./apart.ts", import.meta.url), { type: "module" });
    other.onerror = () => { other.terminate(); reject(new Error("the other instance has stopped")); };
    other.onmessage = ({ data }) => { other.terminate(); resolve(data); };
    other.postMessage({ module, do: what, text, bytes } satisfies Work);
  });

// compile has another worker fetch the module and compile it.
const compile = () =>
  new Promise<WebAssembly.Module>((resolve, reject) => {
    const other = new Worker(new URL("./compile.ts", import.meta.url), { type: "module" });
    other.onerror = () => { other.terminate(); reject(new Error("what compiles the module could not be started")); };
    other.onmessage = ({ data }: MessageEvent<Compiled>) => {
      other.terminate();
      if ("module" in data) resolve(data.module);
      else reject(new Error(data.failed));
    };
    other.postMessage({ url: module, integrity });
  });

// seldom leaves out what would be drawn for less than a tenth of a second: each drawing
// leaves the page's memory something to collect.
function seldom(tell: (p: Progress) => void): (stage: string, done: number, total: number) => void {
  let last = "", at = -Infinity;
  return (stage, done, total) => {
    const now = performance.now();
    if (stage === last && done !== total && now - at < 100) return;
    [last, at] = [stage, now];
    tell({ stage, done, total });
  };
}

async function start(): Promise<Files> {
  const files = new Files(await homeStore());
  await files.start();
  self.fs = files;
  self.process = { pid: 1, ppid: 0, umask: () => 0o077, cwd: () => "/home", chdir() {}, getuid: () => 0, getgid: () => 0, geteuid: () => 0, getegid: () => 0, getgroups: () => [] };
  const go = new self.Go();
  const compiled = await compile();
  const instance = await WebAssembly.instantiate(compiled, go.importObject);
  self.apart = apart(compiled);
  Object.assign(self, { carry, bodyOf, decode: decodeFrame });
  const ready = new Promise<void>((resolve) => (self.ready = resolve));
  go.run(instance).then(() => say({ broken: { kind: "internal", text: "the module has stopped", hint: "" } }), (e) => say({ broken: problem(e) }));
  await ready;
  return files;
}

function problem(e: unknown): Problem {
  if (e && typeof e === "object" && "kind" in e) return e as Problem;
  return { kind: "internal", text: "the module could not be started", hint: "", cause: String(e) };
}

const started = start();
started.then(() => say({ ready: true }), (e) => say({ broken: problem(e) }));

self.onmessage = async (event: MessageEvent<Asked>) => {
  const m = event.data;
  const files = await started.catch(() => null);
  if (!files) return; // it was told
  if ("mount" in m) {
    say({ id: m.id, done: files.mount(m.mount, m.files) });
  } else if ("unmount" in m) {
    files.unmount(m.unmount);
    say({ id: m.id, done: null });
  } else if ("stop" in m) {
    self.manx.stop(m.stop);
  } else {
    self.manx.call(m.id, m.call, JSON.stringify(m.args ?? {}),
      seldom((progress) => say({ id: m.id, progress })),
      (json, failed) => say(failed ? { id: m.id, failed } : { id: m.id, done: JSON.parse(json as string) }));
  }
};
