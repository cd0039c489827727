import { Alert, Button, Checkbox, Group, Stack, Text, TextInput, Textarea } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { type Chosen, dropped, listed } from "../../parts/chosen";
import { Card, Facts, Page, Stage, Trouble, useWork } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import { desk } from "../../worker/desk";
import { blank } from "./blank";
import type { CardOf, Shown, Sketch } from "./shapes";

const list = (text: string) => text.split("\n").map((s) => s.trim()).filter(Boolean);

// Publish takes a model's file and its card through the checks that the command line
// makes, and puts it on offer when all of them pass.
export default function Publish() {
  const { t } = useWords();
  const work = useWork();
  const [folder, setFolder] = useState("");
  const [fit, setFit] = useState("");
  const [sketch, setSketch] = useState<Sketch>();
  const [card, setCard] = useState<CardOf>();
  const [raw, setRaw] = useState<string>();
  const [limit, setLimit] = useState({ calls: "", hours: "24" });
  const [hide, setHide] = useState(false);
  const [checked, setChecked] = useState<Shown>();
  const held = useRef("");
  useEffect(() => { held.current = folder; }, [folder]);
  useEffect(() => () => { if (held.current) void desk().unmount(held.current); }, []);

  const choose = async (files: Chosen[]) => {
    if (files.length === 0) return;
    if (folder) await desk().unmount(folder);
    setChecked(undefined); setSketch(undefined);
    const at = await desk().mount(files);
    setFolder(at);
    const s = await work.run<Sketch>("draft", { folder: at, ...(fit ? { fit } : {}) });
    if (!s) return;
    setSketch(s);
    setCard(s.card ? (s.card as CardOf) : blank(s));
    setRaw(undefined);
  };
  const calibrate = async (files: Chosen[]) => {
    if (files.length === 0) return;
    const at = await desk().mount(files);
    setFit(at);
    const s = await work.run<Sketch>("draft", { folder, fit: at });
    if (s) setSketch(s);
  };
  const text = () => raw ?? JSON.stringify(card);
  const send = async (dry: boolean) => {
    const got = await work.run<Shown>("publish", { folder, ...(fit ? { fit } : {}), card: text(), dry, hide, ...(limit.calls ? { calls: Number(limit.calls), within: Number(limit.hours) } : {}) });
    if (got) setChecked(got);
  };
  const change = (part: Partial<CardOf>) => { setCard({ ...card!, ...part }); setRaw(undefined); setChecked(undefined); };

  if (checked?.published) {
    return (
      <Page title={t("publish.title")}>
        <Card><Text fw={600} size="lg" role="status">{t("publish.done", { name: `${checked.name} ${checked.version}` })}</Text>
          <Text className="faint" mb="md">{t("publish.done.text", { price: checked.price, earns: checked.earns })}</Text>
          <Group><Button onClick={() => go("/model/" + checked.model)}>{t("publish.see")}</Button><Button variant="default" onClick={() => go("/earnings")}>{t("nav.earnings")}</Button></Group></Card>
      </Page>
    );
  }
  return (
    <Page title={t("publish.title")} text={t("publish.text")}>
      <Card title={"1 · " + t("publish.file")}>
        <Pick choose={choose} label="model" word={t("publish.choose")} help={t("publish.choose.help")} again={sketch !== undefined} />
        {sketch && (
          <>
            <Facts of={[[t("publish.format"), sketch.format], [t("publish.input"), sketch.input.join(" × ")], ...(sketch.features.length ? [[t("publish.features"), <span className="id">{sketch.features.join(", ")}</span>] as [string, React.ReactNode]] : []),
              ...(sketch.changed ? [[t("publish.changed"), <span lang="en">{sketch.changed}</span>] as [string, React.ReactNode]] : []),
              ...(sketch.plan ? [[t("publish.plan"), t("publish.plan.of", { set: sketch.plan.set, used: sketch.plan.layers[0]?.level ?? 0, levels: sketch.plan.levels, layers: sketch.plan.layers.length })] as [string, string]] : [])]} />
            {sketch.plan && <Text mt="sm">✓ {t("publish.compiles")}</Text>}
          </>
        )}
        {sketch && (sketch.needs || (sketch.plan?.replaced?.length ?? 0) > 0) && (
          <Alert color="orange" mt="md" title={t("publish.needs")}><Text size="sm" mb="sm">{t("publish.needs.text")}</Text>{sketch.needs && <details><summary>{t("word.details")}</summary><Text size="sm" lang="en">{sketch.needs}</Text></details>}
            <Pick choose={calibrate} label="fit" word={t("publish.fit")} help="" again={fit !== ""} folders /></Alert>
        )}
      </Card>
      {sketch?.plan && card && (
        <Card title={"2 · " + t("publish.card")}>
          <Text className="faint" mb="md">{t(sketch.card ? "publish.card.found" : "publish.card.text")}</Text>
          <Stack gap="sm">
            <Group grow align="flex-start">
              <TextInput label={t("publish.name")} description={t("publish.name.help")} value={card.name} onChange={(e) => change({ name: e.currentTarget.value })} spellCheck={false} />
              <TextInput label={t("publish.version")} description={t("publish.version.help")} value={card.version} onChange={(e) => change({ version: e.currentTarget.value })} />
              <TextInput label={t("publish.price")} description={t("publish.price.help")} value={card.price} onChange={(e) => change({ price: e.currentTarget.value })} />
            </Group>
            <TextInput label={t("publish.summary")} value={card.summary} onChange={(e) => change({ summary: e.currentTarget.value })} />
            <TextInput label={t("publish.licence")} value={card.licence} onChange={(e) => change({ licence: e.currentTarget.value })} />
            <Textarea label={t("publish.use")} description={t("publish.lines")} rows={2} value={card.intended_use?.join("\n") ?? ""} onChange={(e) => change({ intended_use: list(e.currentTarget.value) })} />
            <Textarea label={t("publish.not")} description={t("publish.lines")} rows={2} value={card.not_for?.join("\n") ?? ""} onChange={(e) => change({ not_for: list(e.currentTarget.value) })} />
            <details open={raw !== undefined}><summary>{t("publish.json")}</summary>
              <Textarea aria-label={t("publish.json")} description={t("publish.json.help")} rows={14} mt="xs" value={raw ?? JSON.stringify(card, null, 1)} onChange={(e) => { setRaw(e.currentTarget.value); setChecked(undefined); }} spellCheck={false} styles={{ input: { fontFamily: "monospace", fontSize: ".8rem" } }} />
            </details>
            <Group align="flex-end" gap="sm">
              <TextInput type="number" min={0} label={t("publish.limit")} description={t("publish.limit.help")} value={limit.calls} onChange={(e) => setLimit({ ...limit, calls: e.currentTarget.value })} />
              <TextInput type="number" min={1} label={t("publish.hours")} value={limit.hours} onChange={(e) => setLimit({ ...limit, hours: e.currentTarget.value })} />
            </Group>
            <Checkbox label={t("publish.graph")} checked={!hide} onChange={(e) => setHide(!e.currentTarget.checked)} />
          </Stack>
        </Card>
      )}
      {sketch?.plan && card && (
        <Card title={"3 · " + t("publish.check")}>
          <Text className="faint" mb="md">{t("publish.check.text")}</Text>
          {checked && (
            <div role="status">
              <div className="figures" style={{ marginBottom: 16 }}>
                <div><b>{checked.check.worst.toExponential(1)}</b><span>{t("publish.worst", { n: checked.check.inputs })}</span></div>
                <div><b>{checked.check.stated.toExponential(1)}</b><span>{t("publish.stated")}</span></div>
                <div><b>{checked.price}</b><span>{t("publish.costs")}</span></div>
                <div><b>{checked.earns}</b><span>{t("publish.earns")}</span></div>
              </div>
              <Text mb="md">✓ {t("publish.good")}</Text>
            </div>
          )}
          {!work.busy && <Group>{checked ? <Button onClick={() => void send(false)}>{t("publish.do")}</Button> : <Button onClick={() => void send(true)}>{t("publish.dry")}</Button>}</Group>}
        </Card>
      )}
      {work.busy && <Card><Stage progress={work.progress} /></Card>}
      {work.problem && <Trouble problem={work.problem} />}
    </Page>
  );
}

function Pick({ choose, label, word, help, again, folders }: { choose: (files: Chosen[]) => void; label: string; word: string; help: string; again: boolean; folders?: boolean }) {
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
