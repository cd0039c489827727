import { Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import type { Chosen } from "../../parts/chosen";
import { Card, Facts, Page, Stage, Trouble, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import { creditBlank } from "./blank";
import type { CardOf, CreditShown, CreditSketch } from "./shapes";
import { CardForm, OnOffer, Pick, noTerms, termsOf, useFolder } from "./wizard";

// Credit takes a scorecard or boosted trees, with a card, through checks on made-up
// files, and puts the model on offer to lenders.
export default function Credit() {
  const { t } = useWords();
  const work = useWork();
  const [folder, take] = useFolder();
  const [sketch, setSketch] = useState<CreditSketch>();
  const [card, setCard] = useState<CardOf>();
  const [raw, setRaw] = useState<string>();
  const [terms, setTerms] = useState(noTerms);
  const [checked, setChecked] = useState<CreditShown>();

  const choose = async (files: Chosen[]) => {
    if (files.length === 0) return;
    setChecked(undefined); setSketch(undefined);
    const s = await work.run<CreditSketch>("credit.draft", { folder: await take(files) });
    if (!s) return;
    setSketch(s);
    setCard(s.card ? (s.card as CardOf) : creditBlank(s));
    setRaw(undefined);
  };
  const send = async (dry: boolean) => {
    const got = await work.run<CreditShown>("credit.publish", { folder, card: raw ?? JSON.stringify(card), dry, ...termsOf(terms) });
    if (got) setChecked(got);
  };

  if (checked?.published) return <OnOffer model={checked.model ?? ""} name={`${checked.name} ${checked.version}`} price={checked.price} earns={checked.earns} />;
  const proved = sketch?.trees === 0;
  return (
    <Page title={t("publish.title")} text={t("publish.credit.text")}>
      <Card title={"1 · " + t("publish.file")}>
        <Pick choose={choose} label="model" word={t("publish.choose")} help={t("publish.credit.choose")} again={sketch !== undefined} />
        {sketch && (
          <>
            <Facts of={[[t("publish.format"), proved ? t("publish.scorecard") : t("publish.trees", { n: sketch.trees })], [t("borrower.range"), t("borrower.range.of", { low: sketch.low, high: sketch.high })],
              [t("publish.features"), <span className="id">{sketch.features.join(", ")}</span>]]} />
            <Text mt="sm">✓ {t(proved ? "publish.proved" : "publish.shared")}</Text>
          </>
        )}
      </Card>
      {sketch && card && (
        <CardForm card={card} raw={raw} found={!!sketch.card} terms={terms} setTerms={setTerms}
          change={(part) => { setCard({ ...card, ...part }); setRaw(undefined); setChecked(undefined); }} write={(text) => { setRaw(text); setChecked(undefined); }} />
      )}
      {sketch && card && (
        <Card title={"3 · " + t("publish.check")}>
          <Text className="faint" mb="md">{t(proved ? "publish.credit.check" : "publish.trees.check")}</Text>
          {checked && (
            <div role="status">
              <div className="figures" style={{ marginBottom: 16 }}>
                <div><b>{checked.lowest} – {checked.highest}</b><span>{t("publish.files", { n: checked.files })}</span></div>
                {proved && <div><b>{checked.worst.toExponential(1)}</b><span>{t("publish.rounded")}</span></div>}
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
