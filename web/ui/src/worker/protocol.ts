// What page and worker say to each other.
export interface Problem { kind: string; text: string; hint: string; cause?: string; request?: string }
export interface Progress { stage: string; done: number; total: number }

export type Asked =
  | { id: number; call: string; args?: object }
  | { id: number; mount: string; files: { path: string; file: File }[] }
  | { id: number; unmount: string }
  | { stop: number };

export type Said =
  | { ready: true }
  | { broken: Problem }
  | { id: number; progress: Progress }
  | { id: number; done: unknown }
  | { id: number; failed: Problem };

// What Go's wasm_exec.js gives.
export interface Go { argv: string[]; importObject: WebAssembly.Imports; run(instance: WebAssembly.Instance): Promise<void> }
