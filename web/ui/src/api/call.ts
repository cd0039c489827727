// Carries the calls of the generated client (client.ts): one request each, an answer or
// a problem. It holds a token for as long as the page lives and nothing longer.
import type { Problem } from "./client";

/** What a node said; value is null where nothing came, as with status 304. */
export interface Answer<T> { value: T; status: number; headers: Headers }

/** One request, before it is sent. */
export interface Asked {
  method: string;
  path: string;
  open: boolean; // needs no session
  as: "json" | "bytes" | "stream" | "nothing";
  json?: unknown;
  bytes?: Uint8Array<ArrayBuffer>;
  query?: Record<string, string | number | undefined>;
  headers?: Record<string, string | undefined>;
}

export type Call = (asked: Asked) => Promise<Answer<unknown>>;

/** An answer that is a problem of RFC 9457. */
export class Refused extends Error {
  constructor(readonly problem: Problem, readonly headers: Headers) {
    super(problem.detail);
  }
}

export const segment = (v: string | number) => encodeURIComponent(String(v));

/** Calls the node at base ("" is the page's own) with the token that token() gives. */
export function calls(base: string, token: () => string): Call {
  return async (asked) => {
    const query = new URLSearchParams();
    for (const [name, v] of Object.entries(asked.query ?? {})) if (v !== undefined) query.set(name, String(v));
    const headers = new Headers();
    for (const [name, v] of Object.entries(asked.headers ?? {})) if (v !== undefined) headers.set(name, v);
    if (asked.json !== undefined) headers.set("Content-Type", "application/json");
    if (asked.bytes) headers.set("Content-Type", "application/octet-stream");
    if (!asked.open && token()) headers.set("Authorization", "Bearer " + token());
    const address = base + asked.path + (query.size > 0 ? "?" + query.toString() : "");
    const r = await fetch(address, { method: asked.method, headers, body: asked.bytes ?? (asked.json === undefined ? undefined : JSON.stringify(asked.json)) });
    if (r.status >= 400) throw new Refused(await problem(r), r.headers);
    return { value: await read(r, asked.as), status: r.status, headers: r.headers };
  };
}

async function read(r: Response, as: Asked["as"]): Promise<unknown> {
  if (r.status === 304 || as === "nothing") return null;
  if (as === "stream") return r.body;
  return as === "bytes" ? new Uint8Array(await r.arrayBuffer()) : await r.json();
}

async function problem(r: Response): Promise<Problem> {
  const said = (await r.json().catch(() => null)) as Problem | null;
  if (said && said.type) return said;
  return { type: "urn:manx:notice:internal", title: "internal", status: r.status, detail: "the node answers " + String(r.status), request_id: "" };
}
