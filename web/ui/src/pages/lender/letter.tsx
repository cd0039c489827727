import "../contract/credit.css";
import { Button, Group, NativeSelect, Stack, Text, TextInput, Textarea } from "@mantine/core";
import { useState } from "react";
import { Card, Loading, Page, Trouble, useCall } from "../../parts/parts";
import { save } from "../../parts/save";
import { type Word, useWords } from "../../words/words";
import type { Letter } from "../borrower/shapes";

const actions = ["denied", "other-terms", "ended", "worse-terms"];

// LetterPage writes the notice of adverse action: its data as JSON and CSV, and a letter
// to print, into which the lender types what the exchange does not know.
export default function LetterPage({ id }: { id: string }) {
  const { t, known, language } = useWords();
  const [action, setAction] = useState("denied");
  const [to, setTo] = useState("");
  const [from, setFrom] = useState("");
  const [agency, setAgency] = useState("");
  const { data, problem, reload } = useCall<{ letter: Letter; csv: string }>("letter", { job: id, action });
  if (!data) return problem ? <Page title={t("lender.letter")}><Trouble problem={problem} again={reload} /></Page> : <Loading />;
  const l = data.letter;
  return (
    <Page title={t("lender.letter")} text={t("lender.letter.text")}>
      <div className="noprint">
        <Card title={t("lender.letter.fill")}>
          <Stack gap="sm">
            <NativeSelect label={t("lender.action")} value={action} onChange={(e) => setAction(e.currentTarget.value)} data={actions.map((a) => ({ value: a, label: known("lender.action." + a) }))} />
            <Textarea label={t("lender.letter.to")} value={to} onChange={(e) => setTo(e.currentTarget.value)} autosize minRows={2} />
            <Textarea label={t("lender.letter.from")} value={from} onChange={(e) => setFrom(e.currentTarget.value)} autosize minRows={2} />
            <TextInput label={t("lender.letter.agency")} description={t("lender.letter.agency.help")} value={agency} onChange={(e) => setAgency(e.currentTarget.value)} />
            <Text size="sm" className="faint">{t("lender.letter.stays")}</Text>
            <Group gap="sm">
              <Button onClick={() => window.print()}>{t("lender.letter.print")}</Button>
              <Button variant="default" onClick={() => save(`adverse-action-${l.request}.json`, JSON.stringify(l, null, 1))}>JSON</Button>
              <Button variant="default" onClick={() => save(`adverse-action-${l.request}.csv`, data.csv, "text/csv")}>CSV</Button>
            </Group>
          </Stack>
        </Card>
      </div>
      <article className="card letter">
        <div className="beside"><div><b>{l.creditor_name}</b><div className="pre">{from}</div></div><div className="pre">{to || t("lender.letter.whom")}</div></div>
        <p>{l.written}</p>
        <h2>{t("lender.letter.head")}</h2>
        <p>{known("lender.did." + l.action, { asked: l.asked })}</p>
        <p>{t("lender.letter.because")}</p>
        <ol className="reasons">{l.reasons.map((r) => <li key={r.code}>{language === "zh" ? r.zh : r.en}</li>)}</ol>
        <p>{t("lender.letter.score", { score: l.score, low: l.score_low, high: l.score_high, date: l.score_date, model: `${l.model} ${l.model_version}` })}</p>
        <p>{t("lender.letter.source", { name: l.furnisher_name })}</p>
        <p>{t("lender.letter.rights", { name: l.furnisher_name })}</p>
        <p className="small">{t("lender.letter.ecoa" satisfies Word)} {agency ? t("lender.letter.agency.is", { agency }) : t("lender.letter.agency.missing")}</p>
        <p className="small faint">{t("lender.letter.proof", { request: l.request })} {l.proof === "verified" ? t("lender.proved") : t("lender.unproved")}</p>
      </article>
    </Page>
  );
}
