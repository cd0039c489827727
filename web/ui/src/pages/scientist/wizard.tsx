// What the wizards of both sides share: files, the card, the terms, the end.
import { Button, Group, Stack, Text, TextInput, Textarea } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { type Chosen, dropped, listed } from "../../parts/chosen";
import { Card, Page } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import { desk } from "../../worker/desk";
import type { CardOf, Metric } from "./shapes";

export interface Terms { calls: string; hours: string }
export const noTerms: Terms = { calls: "", hours: "24" };
export const termsOf = (of: Terms) => (of.calls ? { calls: Number(of.calls), within: Number(of.hours) } : {});

const list = (text: string) => text.split("\n").map((s) => s.trim()).filter(Boolean);

// useFolder is a folder of chosen files that the module reads, for as long as the page
// is shown.
export function useFolder(): [string, (files: Chosen[]) => Promise<string>] {
  const [folder, setFolder] = useState("");
  const held = useRef("");
  useEffect(() => () => { if (held.current) void desk().unmount(held.current); }, []);
  const take = async (files: Chosen[]) => {
    if (held.current) await desk().unmount(held.current);
    held.current = await desk().mount(files);
    setFolder(held.current);
    return held.current;
  };
  return [folder, take];
}

// CardForm is a model's card: what most cards hold in fields, and the whole of it as
// JSON, which is what is sent. raw is undefined while the fields are.
export function CardForm({ card, raw, found, change, write, terms, setTerms, children }: {
  card: CardOf; raw?: string; found: boolean; change: (part: Partial<CardOf>) => void; write: (raw: string) => void; terms: Terms; setTerms: (t: Terms) => void; children?: React.ReactNode;
}) {
  const { t } = useWords();
  const data = card.data?.[0] ?? { name: "", licence: "", attribution: "", where: "", rows: 0 }, metric = card.metrics?.[0] ?? { name: "", value: 0, method: "" };
  const source = (part: Partial<typeof data>) => change({ data: [{ ...data, ...part }, ...(card.data ?? []).slice(1)] });
  const measured = (part: Partial<Metric>) => change({ metrics: [{ ...metric, ...part }, ...(card.metrics ?? []).slice(1)] });
  return (
    <Card title={"2 · " + t("publish.card")}>
      <Text className="faint" mb="md">{t(found ? "publish.card.found" : "publish.card.text")}</Text>
      <Stack gap="sm">
        <div className="fields">
          <TextInput label={t("publish.name")} description={t("publish.name.help")} value={card.name} onChange={(e) => change({ name: e.currentTarget.value })} spellCheck={false} />
          <TextInput label={t("publish.version")} description={t("publish.version.help")} value={card.version} onChange={(e) => change({ version: e.currentTarget.value })} />
          <TextInput label={t("publish.price")} description={t("publish.price.help")} value={card.price} onChange={(e) => change({ price: e.currentTarget.value })} inputMode="decimal" />
        </div>
        <TextInput label={t("publish.summary")} value={card.summary} onChange={(e) => change({ summary: e.currentTarget.value })} />
        <TextInput label={t("publish.licence")} value={card.licence} onChange={(e) => change({ licence: e.currentTarget.value })} />
        <Textarea label={t("publish.use")} description={t("publish.lines")} rows={2} value={card.intended_use?.join("\n") ?? ""} onChange={(e) => change({ intended_use: list(e.currentTarget.value) })} />
        <Textarea label={t("publish.not")} description={t("publish.lines")} rows={2} value={card.not_for?.join("\n") ?? ""} onChange={(e) => change({ not_for: list(e.currentTarget.value) })} />
        <div className="fields">
          <TextInput label={t("publish.data")} description={t("publish.data.help")} value={data.name} onChange={(e) => source({ name: e.currentTarget.value })} />
          <TextInput label={t("publish.data.licence")} description={t("publish.data.licence.help")} value={data.licence} onChange={(e) => source({ licence: e.currentTarget.value })} />
          <TextInput label={t("publish.data.rows")} description={t("publish.data.rows.help")} type="number" min={0} value={data.rows} onChange={(e) => source({ rows: Number(e.currentTarget.value) })} />
        </div>
        <div className="fields">
          <TextInput label={t("publish.metric")} description={t("publish.metric.help")} value={metric.name} onChange={(e) => measured({ name: e.currentTarget.value })} />
          <TextInput label={t("publish.metric.value")} description={t("publish.metric.value.help")} type="number" step="any" value={metric.value} onChange={(e) => measured({ value: Number(e.currentTarget.value) })} />
          <TextInput label={t("publish.metric.method")} description={t("publish.metric.method.help")} value={metric.method} onChange={(e) => measured({ method: e.currentTarget.value })} />
        </div>
        <details open={raw !== undefined}><summary>{t("publish.json")}</summary>
          <Textarea aria-label={t("publish.json")} description={t("publish.json.help")} rows={14} mt="xs" value={raw ?? JSON.stringify(card, null, 1)} onChange={(e) => write(e.currentTarget.value)} spellCheck={false} styles={{ input: { fontFamily: "monospace", fontSize: ".8rem" } }} />
        </details>
        <div className="fields">
          <TextInput type="number" min={0} label={t("publish.limit")} description={t("publish.limit.help")} value={terms.calls} onChange={(e) => setTerms({ ...terms, calls: e.currentTarget.value })} />
          <TextInput type="number" min={1} label={t("publish.hours")} description={t("publish.hours.help")} value={terms.hours} onChange={(e) => setTerms({ ...terms, hours: e.currentTarget.value })} />
        </div>
        {children}
      </Stack>
    </Card>
  );
}

// OnOffer is shown when a model has been published.
export function OnOffer({ model, name, price, earns }: { model: string; name: string; price: string; earns: string }) {
  const { t } = useWords();
  return (
    <Page title={t("publish.title")}>
      <Card><Text fw={600} size="lg" role="status">{t("publish.done", { name })}</Text>
        <Text className="faint" mb="md">{t("publish.done.text", { price, earns })}</Text>
        <Group><Button onClick={() => go("/model/" + model)}>{t("publish.see")}</Button><Button variant="default" onClick={() => go("/earnings")}>{t("nav.earnings")}</Button></Group></Card>
    </Page>
  );
}

export function Pick({ choose, label, word, help, again, folders }: { choose: (files: Chosen[]) => void; label: string; word: string; help: string; again: boolean; folders?: boolean }) {
  const { t } = useWords();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  useEffect(() => { if (folders) input.current?.setAttribute("webkitdirectory", ""); }, [folders]);
  return (
    <div className={again ? "" : over ? "drop over" : "drop"} style={again ? { marginBottom: 14 } : { padding: "28px 18px" }} onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
      onDrop={(e) => { e.preventDefault(); setOver(false); void dropped(e.dataTransfer).then(choose); }}>
      {!again && help && <Text className="faint" mb="md">{help}</Text>}
      <Button variant={again ? "default" : "filled"} size={again ? "xs" : "sm"} onClick={() => input.current?.click()}>{again ? t("upload.other") : word}</Button>
      <input ref={input} type="file" multiple hidden data-for={label} onChange={(e) => choose(listed(e.currentTarget.files))} />
    </div>
  );
}
