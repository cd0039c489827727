// What the module and the node say, in the reader's language. They speak English
// (privacy/notice); a Chinese reader's page loads said.zh.json, which has their sentences,
// with {} where an id, a number or another sentence stands.
import { Text } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import { useWords } from "./words";

type Table = Record<string, string>;
interface Pattern { of: RegExp; into: string; fixed: number }

let loaded: Promise<(text: string) => string | undefined> | undefined;
const load = () => (loaded ??= import("./said.zh.json").then((m) => reader(m.default as Table)));

// reader returns what puts a sentence into Chinese, or undefined where it cannot. Of the
// patterns that fit, the one counts that leaves least open.
function reader(table: Table): (text: string) => string | undefined {
  const patterns: Pattern[] = Object.entries(table).filter(([k]) => k.includes("{}")).map(([k, into]) => ({
    of: new RegExp("^" + k.split("{}").map((s) => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("(.+?)") + "$", "s"), into, fixed: k.length,
  })).sort((a, b) => b.fixed - a.fixed);
  const read = (text: string): string | undefined => {
    if (text in table) return table[text];
    for (const p of patterns) {
      const got = p.of.exec(text);
      if (got) return p.into.replace(/\{(\d)\}/g, (_, n: string) => read(got[Number(n) + 1]) ?? got[Number(n) + 1]);
    }
    const parts = text.split("; ").map((part, _, all) => (all.length > 1 ? read(part) : undefined)); // several sentences in one
    return parts.includes(undefined) ? undefined : parts.join(";");
  };
  return read;
}

// Said is a sentence of the module's or the node's; commands in it look like commands.
export function Said({ text, span, ...rest }: { text: string; span?: boolean; size?: string; fw?: number; className?: string }) {
  const { language } = useWords();
  const [chinese, setChinese] = useState<string>();
  useEffect(() => {
    let live = true;
    setChinese(undefined);
    if (language === "zh") void load().then((read) => { if (live) setChinese(read(text)); }, () => {});
    return () => { live = false; };
  }, [language, text]);
  return <Text size="sm" span={span} {...rest} lang={chinese ? "zh-Hans" : "en"}>{(chinese ?? text).split("`").map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</Text>;
}

// Notice is what happened, and under it what to do; what the page adds stands between.
export function Notice({ text, hint, children }: { text: string; hint?: string; children?: ReactNode }) {
  return <><Said text={text} className="said" />{children}{hint && <Said text={hint} className="said hint" />}</>;
}
