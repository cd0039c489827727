// The page's end of a process on this machine, a worker's or a hospital's: the same
// calls as the worker in the tab answers, over HTTP on loopback. Its address opened the
// page with a token behind the #.
import type { Problem, Progress } from "./protocol";

const kept = "local";

// takeToken moves a token from the address into this tab's memory.
export function takeToken(): void {
  const token = /^#local=([0-9a-zA-Z]+)$/.exec(location.hash)?.[1];
  if (!token) return;
  sessionStorage.setItem(kept, token);
  history.replaceState(null, "", location.pathname);
}

export const localToken = () => sessionStorage.getItem(kept);

type Line = { progress: Progress } | { done: unknown } | { failed: Problem };

export class Local {
  ready = Promise.resolve();
  constructor(private token: string) {}

  async call<T>(name: string, args?: object, progress?: (p: Progress) => void, signal?: AbortSignal): Promise<T> {
    const gone: Problem = { kind: "unavailable", text: "the process that serves this page does not answer", hint: "" };
    const answer = await fetch("/desk/" + name, { method: "POST", body: JSON.stringify(args ?? {}), headers: { Authorization: "Bearer " + this.token }, signal }).catch(() => { throw gone; });
    if (!answer.ok || !answer.body) throw { ...gone, kind: answer.status === 403 ? "denied" : gone.kind, text: answer.status === 403 ? "this page belongs to a process that has ended: open the address that it prints now" : gone.text };
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ;) {
      const { value, done } = await reader.read().catch(() => { throw gone; });
      text += value ?? "";
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const line = JSON.parse(text.slice(0, end)) as Line;
        text = text.slice(end + 1);
        if ("progress" in line) progress?.(line.progress);
        else if ("failed" in line) throw line.failed;
        else return line.done as T;
      }
      if (done) throw gone;
    }
  }

  // Files are read by the process itself, from its own folders.
  mount(): Promise<string> {
    return Promise.reject({ kind: "unsupported", text: "this process reads its own folders", hint: "" } satisfies Problem);
  }

  unmount(): Promise<unknown> {
    return Promise.resolve(null);
  }
}
