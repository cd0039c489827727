// The page's end of the worker: one desk for the page, started when it is first needed.
import { Local, localToken } from "./local";
import type { Asked, Problem, Progress, Said } from "./protocol";

interface Waiting { resolve(v: unknown): void; reject(p: Problem): void; progress?: (p: Progress) => void }

// Two modules hold the owner's side: one for accounts of the health side and of both,
// one for borrowers, lenders and those who sell credit models. Neither has the other's code.
type Side = "health" | "credit";
const sideOf = (account: string): Side => (["borrower", "lender", "scientist-credit"].includes(account) ? "credit" : "health");

// One tab at a time has the homes: two would overwrite each other's keyrings. A tab has
// the lock as long as it lives, over workers that follow one another.
let held: Promise<boolean> | undefined;
const alone = () => (held ??= take(8));

// take tries some times: the page that this tab showed before may only just have gone.
async function take(times: number): Promise<boolean> {
  const got = await new Promise<boolean>((resolve) => {
    void navigator.locks.request("manx-home", { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock ? new Promise<void>(() => {}) : undefined;
    });
  });
  if (got || times <= 1) return got;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return take(times - 1);
}

export class Desk {
  private worker?: Worker;
  private begun: Promise<void>;
  private gone = false;
  private waiting = new Map<number, Waiting>();
  private next = 1;
  private broken?: Problem;
  ready: Promise<void>;

  constructor(readonly side: Side) {
    let up!: () => void, down!: (p: Problem) => void;
    this.ready = new Promise((resolve, reject) => ([up, down] = [resolve, reject]));
    this.ready.catch(() => {}); // whoever calls is told
    const fail = (p: Problem) => {
      this.broken = p;
      if (p.cause) console.error(p.cause);
      down(p);
      for (const w of this.waiting.values()) w.reject(p);
      this.waiting.clear();
    };
    const heard = ({ data }: MessageEvent<Said>) => {
      if ("ready" in data) return up();
      if ("broken" in data) return fail(data.broken);
      const w = this.waiting.get(data.id);
      if (!w) return;
      if ("progress" in data) return w.progress?.(data.progress);
      this.waiting.delete(data.id);
      if ("failed" in data) {
        if (data.failed.cause) console.error(data.failed.cause);
        w.reject(data.failed);
      } else w.resolve(data.done);
    };
    this.begun = alone().then((ok) => {
      if (this.gone) return;
      if (!ok) return fail({ kind: "two-tabs", text: "", hint: "" });
      this.worker = side === "credit"
        ? new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "credit" })
        : new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "health" });
      this.worker.onerror = (e) => fail({ kind: "internal", text: "the worker could not be started", hint: "", cause: e.message });
      this.worker.onmessage = heard;
    });
  }

  private async ask(m: Asked & { id: number }, progress?: (p: Progress) => void, signal?: AbortSignal): Promise<unknown> {
    await this.begun;
    if (this.broken) throw this.broken;
    return new Promise((resolve, reject) => {
      this.waiting.set(m.id, { resolve, reject, progress });
      signal?.addEventListener("abort", () => this.worker?.postMessage({ stop: m.id } satisfies Asked));
      this.worker?.postMessage(m);
    });
  }

  // call asks the module; signal pauses it. It rejects with a Problem.
  call<T>(name: string, args?: object, progress?: (p: Progress) => void, signal?: AbortSignal): Promise<T> {
    return this.ask({ id: this.next++, call: name, args }, progress, signal) as Promise<T>;
  }

  // mount shows the module chosen files and returns the folder in which it finds them.
  mount(files: { path: string; file: File }[]): Promise<string> {
    const id = this.next++;
    return this.ask({ id, mount: String(id), files }) as Promise<string>;
  }

  unmount(folder: string): Promise<unknown> {
    return this.ask({ id: this.next++, unmount: folder.split("/")[2] });
  }

  // close ends the worker, and with it all that it holds in memory.
  close() {
    this.gone = true;
    this.worker?.terminate();
  }
}

// desk is the worker in this tab, or the process that serves the page.
let only: Desk | Local | undefined;
let side: Side = "health";
export const desk = (): Pick<Desk, "ready" | "call" | "mount" | "unmount"> => {
  const token = localToken();
  return (only ??= token ? new Local(token) : new Desk(side));
};

// deskFor is desk with the module that an account needs; the other one goes.
export function deskFor(account: string) {
  side = sideOf(account);
  if (only instanceof Desk && only.side !== side) {
    only.close();
    only = undefined;
  }
  return desk();
}
