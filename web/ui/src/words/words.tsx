// What people read, in English and Chinese: two tables with the same keys, of which the
// page loads the one that is read.
import { type ReactNode, createContext, useContext, useEffect, useMemo, useState } from "react";
import type en from "./en.json";

export type Word = keyof typeof en;
export type Language = "en" | "zh";
type Table = Record<Word, string>;
const tables: Partial<Record<Language, Table>> = {};

async function load(l: Language): Promise<Table> {
  return (tables[l] ??= (l === "zh" ? await import("./zh.json") : await import("./en.json")).default as Table);
}

// loadWords fetches the table of who comes, before anything is shown.
export const loadWords = () => load(first());

// A Zone is whose times are shown: the reader's own, or the ledger's.
export type Zone = "local" | "utc";

type Values = Record<string, string | number>;

export interface Say {
  language: Language;
  speak(l: Language): void;
  t(key: Word, values?: Values): string;
  // known is t for a key made of outside text: "" where there is none.
  known(key: string, values?: Values): string;
  time(seconds: number): string;
  day(seconds: number): string;
  month(seconds: number): string;
  utc(seconds: number): string;
  zone: Zone;
  zoned(z: Zone): void;
  here: string; // the reader's own zone, as "GMT+1"
  bytes(n: number): string;
  number(n: number): string;
}

const Context = createContext<Say | null>(null);

function first(): Language {
  const kept = localStorage.getItem("language");
  if (kept === "en" || kept === "zh") return kept;
  return navigator.languages.some((l) => l.startsWith("zh")) && !navigator.languages[0]?.startsWith("en") ? "zh" : "en";
}

export function Speech({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(first);
  const [zone, setZone] = useState<Zone>(() => (localStorage.getItem("zone") === "utc" ? "utc" : "local"));
  const speak = (l: Language) => void load(l).then(() => setLanguage(l));
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
    localStorage.setItem("language", language);
  }, [language]);
  const say = useMemo<Say>(() => {
    const table = tables[language]!; // loaded before it is spoken
    const fill = (text: string, values?: Values) => text.replace(/\{(\w+)\}/g, (_, name: string) => String(values?.[name] ?? ""));
    const locale = language === "zh" ? "zh-CN" : "en-GB";
    const of = zone === "utc" ? { timeZone: "UTC" } : {};
    const at = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", ...of });
    const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", ...of });
    const month = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", ...of });
    const here = new Intl.DateTimeFormat(locale, { timeZoneName: "shortOffset" }).formatToParts().find((p) => p.type === "timeZoneName")?.value ?? "";
    const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
    return {
      language,
      speak,
      t: (key, values) => fill(table[key], values),
      known: (key, values) => (key in table ? fill(table[key as Word], values) : ""),
      zone,
      zoned: (z) => { localStorage.setItem("zone", z); setZone(z); },
      here,
      time: (s) => at.format(new Date(s * 1000)) + (zone === "utc" ? " UTC" : ""),
      day: (s) => day.format(new Date(s * 1000)),
      month: (s) => month.format(new Date(s * 1000)),
      utc: (s) => new Date(s * 1000).toISOString().replace("T", " ").slice(0, 19),
      number: (n) => number.format(n),
      bytes: (n) => {
        for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]] as const) if (n >= size) return `${number.format(n / size)} ${unit}`;
        return `${n} B`;
      },
    };
  }, [language, zone]);
  return <Context.Provider value={say}>{children}</Context.Provider>;
}

export function useWords(): Say {
  const say = useContext(Context);
  if (!say) throw new Error("outside Speech");
  return say;
}

// readWords puts what a model read, "8 slices" or "5 of 13 measurements", into the
// reader's language.
export function readWords(say: Say, read: string): string {
  const [, n = "", , of = "", noun] = /^(\d+)( of (\d+))? (slice|radiograph|measurement)s?$/.exec(read) ?? [];
  return (noun && say.known(`read.${noun}s`, { n, of })) || read;
}
