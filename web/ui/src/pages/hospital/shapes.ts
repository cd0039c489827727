// What a hospital's edge and the ledger say (cmd/manx/edge.go, desk/training.go).
export interface Item {
  id: string; from: "pacs" | "folder"; came: number; last: number; files: number; bytes: number; stage: "received" | "uploaded" | "deidentified" | "failed"; records?: string[]; copies?: string[];
  held: number; left: number; tries: number; problem?: { kind: string; text: string; hint: string };
}
export interface Gate {
  pacs: string; folder: string; profile: string; options: { ModifiedDates: boolean; PatientCharacteristics: boolean; DeviceIdentity: boolean }; heard: number; node: string; reached: string; hint: string; items: Item[]; held: number; log: string[]; pid: number;
}
export interface Held { record: string; file: string; reason: string; may: boolean }
export interface Person { id: string; name: string; born: string; date: string; pseudonym: string; record: string; copy: string }
export interface Training {
  id: string; title: string; proposer: string; stage: string; sites: string[]; quorum: number; kind: string; model: { kind: string; parameters: number }; columns: Column[]; label: Column; rounds: number; minimum: number;
  votes?: { site: string; yes: boolean }[]; left?: string[]; round?: number; busy?: boolean; versions?: { round: number; hash: string; parent: string; sites: string[] }[];
  release?: { round: number; model: string; shares: { to: string; parts: number }[]; agreed?: string[] }; export: boolean; own: number; hub: string; until: number; voting: number; noise?: { sigma: number; rate: number; sums: number }; start: string; from?: { training: string; round: number };
}
export interface Column { name: string; unit?: string; low?: number; high?: number; codes?: string[] }
export interface Line extends Training { epsilon?: number; mine: boolean; invited: boolean; voted?: "yes" | "no"; names: Record<string, string> }
export interface Round { round: number; opened: number; covers?: { site: string; digest: string }[]; result?: string; result_sites?: string[]; records?: number; failed?: boolean; parent: string }
export interface TrainingPage extends Line { rounded: Round[]; spent: number; signed: boolean; offered: { id: string; name: string; version: string }[]; parent?: { id: string; title: string } }
export interface Here { table?: string; granted: number }
export interface Tables { tables: string[]; folder: string; rules: { table: string; epsilon: number; export?: boolean; unbounded?: boolean }[] }
