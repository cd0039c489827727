// What the desk answers with for models (cmd/manx-wasm/desk/market.go, publish.go, sell.go, earn.go).
import type { Reason } from "../borrower/shapes";

export interface Metric { name: string; value: number; low?: number; high?: number; method: string }
export interface Model {
  id: string; owner: string; name: string; version: string; hash: string; accepts: string[]; features: string[]; price: string; retired?: boolean; parameters?: number;
  shares?: { to: string; parts: number }[]; limit?: { calls: number; within: number }; training?: string; plan?: unknown; joint?: unknown;
}
export interface Listed extends Model { owner_name: string; mine: boolean; summary: string; licence: string; reads: "pictures" | "measurements" | "file"; metric?: Metric }
export interface Field { name: string; meaning: string; min: number; max: number; codes?: number[]; centre?: number; required?: boolean }
export interface CardOf {
  name: string; version: string; summary: string; licence: string; price: string; intended_use?: string[]; not_for?: string[]; notes?: string[];
  input?: { modality: string; body_part: string; size: number; slices: number; min_age?: number; max_age?: number; windowing: string }; chart?: { fields: Field[] };
  rule?: { threshold: number; margin: number; top_k: number };
  data?: { name: string; licence: string; attribution: string; where: string; rows: number; note?: string }[]; metrics?: Metric[];
  precision?: { scheme: string; parameters: string; bound: number; seen?: number; inputs?: number }; comparison?: { name: string; clear: number; encrypted: number; inputs: number }[];
  versions?: { version: string; what: string }[];
}
export interface ModelPage {
  model: Model; card: CardOf; owner_name: string; mine: boolean; graph: boolean; points: boolean; trees: boolean; earns: string; versions: Model[]; training?: { id: string; title: string; round?: number };
}
export interface Layer { name: string; level: number; rotations?: number; cpu_ns?: number }
export interface Plan { name: string; format: string; input: number[]; operations: string[]; set: string; slots: number; levels: number; layers: Layer[]; key_bytes: number; input_bytes: number; result_bytes: number; precision: number; replaced?: unknown[] }
export interface Sketch { format: string; features: string[]; input: number[]; changed?: string; plan?: Plan; needs?: string; hint?: string; card?: object }
export interface Shown { published: boolean; model?: string; name: string; version: string; price: string; earns: string; check: { inputs: number; worst: number; mean: number; stated: number }; checked_on: string; plan: Plan; graph: boolean }
export interface Trial { clear: number; encrypted: number; difference: number; stated: number; chance: number; known: number; keys_seconds: number; encrypt_seconds: number; evaluate_seconds: number; decrypt_seconds: number; key_bytes: number; bytes_up: number; bytes_down: number; threshold?: number }
export interface CreditSketch { features: string[]; low: number; high: number; trees: number; name: string; version: string; card?: object }
export interface CreditShown { published: boolean; model?: string; name: string; version: string; price: string; earns: string; files: number; lowest: number; highest: number; worst: number }
export interface CreditTrial {
  score: number; low: number; high: number; reasons: Reason[]; encrypted?: number; difference?: number; keys_seconds?: number; evaluate_seconds?: number; key_bytes?: number; bytes_up?: number; bytes_down?: number;
}
export interface Used { month: string; model: string; role: string; calls: number; settled: number; earned: string; spent: string; askers?: { asker: string; calls: number }[] }
export interface Earned {
  months: Used[] | null; days: { day: string; amount: string; calls: number }[]; models: Record<string, string>; askers: Record<string, string>; watched: Record<string, number>; balance: string;
}
