// What the module says of contracts (cmd/manx-wasm/desk/{draft,contract,cost}.go).
import type { Language } from "../../words/words";

export type Both = [string, string]; // English, Chinese, of the same tree
export const pick = (l: Language, b: Both) => b[l === "zh" ? 1 : 0];

export interface Sort { name: string; title: Both; example: Both }
export interface Question { param: string; text: string; said?: string; candidates?: string[] }
export interface Played { role: string; told: Both; party?: string; name?: string; mine?: boolean }
export interface Cost { role: string; pays: string; gets: string; more: string; rate?: number; times?: number; each?: string; first?: number; until?: number; pledged?: string }
export interface Fault { clause: number; text: Both }
export interface Meaning { hash: string; text: Both; drawing: Both; states: number; ends: number; outcomes: Both[]; findings: Fault[]; players: Played[]; cost: Cost[]; fee: string }
export interface Draft { title: string; terms: unknown; players: unknown[]; last: number; means: Meaning }
export interface Heard {
  language: "en" | "zh"; template?: string; title: Both; values?: Record<string, string>; ask: Question[]; roles: Played[]; draft?: Draft;
  refused?: { understood: string; rest: string; text: string };
}
export interface Listed {
  id: string; title: Both; opened: number; last: number; opener: Played; over: boolean; outcome: Both; off: boolean; begun: boolean; held: string;
  until?: number; turn: boolean; players: Played[]; cost: Cost[]; left: string; comes: string;
}
export interface Act {
  kind: "choose" | "deposit" | "pay" | "state" | "verdict" | "pass"; role?: string; who: Both; by: Played[]; what: Both; mine: boolean; until?: number; from?: number; then: number;
  choice?: string; amount?: string; payees?: Played[]; fact?: string; is?: number; job?: string; shows?: boolean;
}
export interface Mark { clause: number; who: Both; by: Played[]; what: Both; mine: boolean; until: number; state: "done" | "now" | "late" | "later" | "missed"; amount?: string; paid?: number; gets: string }
export interface Payment { at: number; in: boolean; amount: string; cause: string }
export interface Contract extends Listed {
  now: number; means: Meaning; certified: boolean; at: number; clause: Both; acts: Act[]; course: Mark[]; shown: { clause: number; by: string; digest: string }[] | null; payments: Payment[]; terms: unknown;
}
