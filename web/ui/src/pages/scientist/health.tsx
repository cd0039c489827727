import { Alert, Button, Checkbox, Group, Text } from "@mantine/core";
import { useState } from "react";
import type { Chosen } from "../../parts/chosen";
import { Card, Facts, Page, Stage, Trouble, useWork } from "../../parts/parts";
import { Notice, Said } from "../../words/said";
import { useWords } from "../../words/words";
import { desk } from "../../worker/desk";
import { blank } from "./blank";
import type { CardOf, Shown, Sketch } from "./shapes";
import { CardForm, OnOffer, Pick, noTerms, termsOf, useFolder } from "./wizard";

// Health takes a health model's file and its card through the checks that the command
// line makes, and puts it on offer when all of them pass.
export default function Health() {
  const { t } = useWords();
  const work = useWork();
  const [folder, take] = useFolder();
  const [fit, setFit] = useState("");
  const [sketch, setSketch] = useState<Sketch>();
  const [card, setCard] = useState<CardOf>();
  const [raw, setRaw] = useState<string>();
  const [terms, setTerms] = useState(noTerms);
  const [hide, setHide] = useState(false);
  const [checked, setChecked] = useState<Shown>();

  const choose = async (files: Chosen[]) => {
    if (files.length === 0) return;
    setChecked(undefined); setSketch(undefined);
    const at = await take(files);
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
  const send = async (dry: boolean) => {
    const got = await work.run<Shown>("publish", { folder, ...(fit ? { fit } : {}), card: raw ?? JSON.stringify(card), dry, hide, ...termsOf(terms) });
    if (got) setChecked(got);
  };

  if (checked?.published) return <OnOffer model={checked.model ?? ""} name={`${checked.name} ${checked.version}`} price={checked.price} earns={checked.earns} />;
  return (
    <Page title={t("publish.title")} text={t("publish.text")}>
      <Card title={"1 · " + t("publish.file")}>
        <Pick choose={choose} label="model" word={t("publish.choose")} help={t("publish.choose.help")} again={sketch !== undefined} />
        {sketch && (
          <>
            <Facts of={[[t("publish.format"), sketch.format], [t("publish.input"), sketch.input.join(" × ")], ...(sketch.features.length ? [[t("publish.features"), <span className="id">{sketch.features.join(", ")}</span>] as [string, React.ReactNode]] : []),
              ...(sketch.changed ? [[t("publish.changed"), <Said text={sketch.changed} span size="md" />] as [string, React.ReactNode]] : []),
              ...(sketch.plan ? [[t("publish.plan"), t("publish.plan.of", { set: sketch.plan.set, used: sketch.plan.layers[0]?.level ?? 0, levels: sketch.plan.levels, layers: sketch.plan.layers.length })] as [string, string]] : [])]} />
            {sketch.plan && <Text mt="sm">✓ {t("publish.compiles")}</Text>}
          </>
        )}
        {sketch && (sketch.needs || (sketch.plan?.replaced?.length ?? 0) > 0) && (
          <Alert color="orange" mt="md" title={t("publish.needs")}><Text size="sm" mb="sm">{t("publish.needs.text")}</Text>{sketch.needs && <details><summary>{t("word.details")}</summary><Notice text={sketch.needs} hint={sketch.hint} /></details>}
            <Pick choose={calibrate} label="fit" word={t("publish.fit")} help="" again={fit !== ""} folders /></Alert>
        )}
      </Card>
      {sketch?.plan && card && (
        <CardForm card={card} raw={raw} found={!!sketch.card} terms={terms} setTerms={setTerms}
          change={(part) => { setCard({ ...card, ...part }); setRaw(undefined); setChecked(undefined); }} write={(text) => { setRaw(text); setChecked(undefined); }}>
          <Checkbox label={t("publish.graph")} checked={!hide} onChange={(e) => setHide(!e.currentTarget.checked)} />
        </CardForm>
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
