// What a worker's own page and the node say (cmd/manx/workerpage.go, desk/earn.go).
export interface Worker { worker: string; rates: Record<string, number>; price: number; slots: number; given: number; keys: number; cache_bytes: number; running: number; done: number; failed: number; draining: boolean; silent_seconds: number; holder?: boolean; trust: number }
export interface Pool { workers: Worker[]; waiting: number; running: number; queue_depth: Record<string, number> | null; expected_wait_seconds: Record<string, number> | null; me: string; names: Record<string, string>; now: number }
export interface Machine {
  rates: Record<string, number>; bench: { class: string; rate: number; at: string }; price: number; idle: boolean; log: string[]; pid: number;
  hardware: { cpu: string; cores: number; load: number; memory: number; free: number; gpu?: string; gpu_memory?: number };
  counts: { running: number; done: number; failed: number; cache: number; keys: string[] | null; draining?: boolean };
}
export interface StakePage {
  stake?: { amount: string; since: number; notice?: number; operator: string }; standing: { right: number; silent: number; wrong: number; open?: number }; score: number; best: number; balance: string; least: string; notice: number;
}
export interface Work { job: string; model: string; stage: string; fee: string; at: number; took: number; wrong?: boolean }
