// What the module says of credit files and scores (cmd/manx-wasm/desk/{borrower,lender}.go,
// web/owner/score).
import type { Grant, Job } from "../../parts/shapes";

export interface Value { field: string; value: number }
export interface Told {
  record?: string; version?: number; furnisher: string; furnisher_name: string; sequence: number; date: string; latest: boolean; disputed: string[]; away: boolean; values?: Value[];
}
export interface Reason { code: number; feature: string; en: string; zh: string }
export interface Step { code: number; feature: string; unit: string; value: number; lost: number; want: number; at_least: boolean; gain: number }
export interface Own { score: number; low: number; high: number; date: string; furnisher: string; furnisher_name: string; model: string; model_version: string; reasons: Reason[]; steps: Step[] }
export interface Granted extends Grant { model?: string; calls?: number; jobs?: string[] }
export interface Request extends Job { subject: string; lender: string; model_name: string; granted?: Granted; opened?: boolean; deadline: number; holders?: string[] }
export interface Permit extends Granted { name: string }
export interface Borrowing { party: string; balance: string; now: number; ledger: string; files: Told[]; requests: Request[]; permits: Permit[] }
export interface Lending { party: string; balance: string; now: number; ledger: string; requests: Request[] }
export interface Way { by: "ckks" | "mpc" | "committee"; fee: string; seconds: number; waits?: string; trust: string; missing?: string }
export interface Scored {
  job: string; score: number; low: number; high: number; date: string; model: string; model_version: string; reasons: Reason[]; proof_bytes: number; by: Way["by"]; trust?: string; try?: number;
  differs?: string; subject: string; purpose: string; at: number;
}
export interface Letter {
  format: string; written: string; action: string; creditor: string; creditor_name: string; consumer: string; request: string; purpose: string; asked: string; score: number; score_low: number; score_high: number;
  score_date: string; model: string; model_version: string; reasons: Reason[]; furnisher: string; furnisher_name: string; proof: string;
}
export interface Deed { at: number; role: string; who?: string; name?: string; what: string; job?: string; subject?: string; model?: string; purpose?: string; fee: string }
