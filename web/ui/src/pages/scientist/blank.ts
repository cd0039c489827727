import type { CardOf, CreditSketch, Sketch } from "./shapes";

type Blank = CardOf & { format: number; vertical: string; hash: string };

// blank is a card to begin with: what the file tells, and gaps that the checks name.
// What a model reads is known of those that name measurements; pictures need a hand.
export function blank(s: Sketch): Blank {
  const fields = s.features.map((name) => ({ name, meaning: name, min: 0, max: 1000, centre: 0, spread: 1 }));
  return {
    format: 1, vertical: "health", hash: "", name: "", version: "1.0.0", summary: "", licence: "", price: "1", intended_use: [], not_for: ["diagnosis without a physician"],
    ...(fields.length > 0
      ? { chart: { fields }, rule: { top_k: 1, threshold: 0.5, margin: 0.1 }, words: { record: { en: "this chart", zh: "这份检查" }, sign: { en: "what it looks for", zh: "它所寻找的迹象" }, limit: { en: "It knows whom it was trained on.", zh: "它只了解其训练数据中的人群。" } } }
      : { input: { modality: "CT", body_part: "CHEST", center: -600, width: 1500, size: s.input.at(-1) ?? 64, min_rows: 64, slices: 8, windowing: "lung window" } as CardOf["input"], rule: { top_k: 1, threshold: 0.5, margin: 0.1 } }),
    data: [{ name: "", licence: "", attribution: "", where: "", rows: 0 }], metrics: [{ name: "AUC", value: 0, method: "" }], versions: [{ version: "1.0.0", what: "first" }],
  };
}

// creditBlank is blank for a credit model.
export function creditBlank(s: CreditSketch): Blank {
  return {
    format: 1, vertical: "credit", hash: "", name: s.name, version: s.version || "1.0.0", summary: "", licence: "", price: "1", intended_use: [],
    not_for: ["Decisions by score alone, or without telling the consumer the reasons.", "Employment, insurance, tenancy or marketing decisions."],
    data: [{ name: "", licence: "", attribution: "", where: "", rows: 0 }], metrics: [{ name: "AUC", value: 0, method: "" }], versions: [{ version: s.version || "1.0.0", what: "first" }],
  };
}
