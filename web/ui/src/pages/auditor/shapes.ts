// What the desk answers an auditor with (cmd/manx-wasm/desk/audit.go).
export interface Found { height: number; n: number; name: string; key: string; about: string; at: number; cause: string; bodied: boolean; facts?: Record<string, string> }
export interface EventPage extends Found {
  body?: object; author?: string; command?: string; said?: object; cosigned?: number; evidence?: object; without?: string; hint?: string; job?: string; receipt?: object; network: string;
  outcome?: { job: string; outcome: string; model: string; at: number };
}
export interface Verdict { kind: "event" | "receipt" | "file"; name: string; by?: string; by_name?: string; at?: number }
export interface Extract { name: string; text: string; events: number; signature: object }
