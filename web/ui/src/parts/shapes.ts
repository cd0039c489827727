// What the module answers with (cmd/manx-wasm/desk and the dictionary of the ledger).
export interface Status { accounts: string[]; open: boolean; account?: string; side?: "health" | "credit" | "common"; party?: string; name?: string; local?: boolean; demo?: boolean }
export interface Version { at: number }
export interface Rec { id: string; kind: string; versions: Version[]; erased?: boolean; derived?: string }
export interface Grant { id: string; record: string; owner: string; to: string; purpose: string; access: string; from: number; until: number; revoked?: number }
export interface Job { id: string; model: string; stage: string; fee: string; record?: string; purpose: string; asker: string; at: Record<string, number> }
export interface Overview {
  party: string; balance: string; now: number; ledger: string; records: Rec[] | null; grants: Grant[] | null; jobs: Job[] | null;
  names: Record<string, string>; models: Record<string, string>; opened: string[];
}
export interface Event {
  at: number; what: string; record?: string; kind?: string; version?: number; party?: string; name?: string; purpose?: string; until?: number; job?: string; model?: string; fee: string; epsilon?: number; title?: string;
}
export interface Left { path: string; reason: string }
export interface Found { name: string; born: string; date: string; description: string; modalities: string[] | null; series: number; instances: number; bytes: number }
export interface Scan { studies: Found[]; ignored: number; rejected: Left[]; mixed?: string }
export interface Change { tag: string; keyword: string; action: string; was: string; before: string; after: string }
export interface Preview { files: number; changes: Change[]; held: Left[]; warnings: string[]; images: number; png?: string }
export interface Added { record: string; version: number; instances: number; new: number; bytes: number; stored: number; rejected: Left[] }
export interface Derived extends Added { held: Left[]; warnings: string[]; changes: number }
export interface Offer {
  id: string; name: string; version: string; price: string; accepts: string[];
  card: { summary: string; intended_use?: string[]; not_for?: string[]; metrics?: { name: string; value: number; low?: number; high?: number; method: string }[] };
}
export interface Quote { name: string; price: string; read: string; bytes_up: number; key_bytes: number; seconds: number; unchecked?: string }
export interface Finding {
  job: string; record: string; model: string; model_version: string; read: string; fee: string; at: number; receipt: unknown;
  finding: { level: "suspicious" | "unclear" | "not-suspicious" | "estimate"; score: number; confidence: number; en: string; zh: string };
  curve?: { unit: string; points: { time: number; survival: number; low: number; high: number }[] };
  pictures: { name: string; png: string }[]; moved?: { title: string; title_zh: string; value: string; share: number }[]; without?: string; hint?: string;
}
export interface Slice { number: number; rows: number; columns: number; frame: number }
export interface Window { center: number; width: number }
// A Picture of the viewer (health.View); pixels are base64.
export interface Picture {
  rows: number; columns: number; kind: "int16" | "uint16" | "float32" | "rgb"; pixels: string; low: number; high: number; inverted: boolean;
  window: Window; unit: string; spacing: [number, number]; measured: "patient" | "detector" | "";
}
