import { Alert, Text } from "@mantine/core";
import { Card, Facts, Loading, Page, Trouble, useCall } from "../../parts/parts";
import { useWords } from "../../words/words";
import { Scale } from "./scale";
import type { Own, Step } from "./shapes";

// Score is the borrower's own: made on her device of her own file by a public scorecard.
export default function Score() {
  const { t, language } = useWords();
  const { data: o, problem, reload } = useCall<Own>("score", { model: "" });
  if (!o) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  return (
    <Page title={t("borrower.score")} text={t("borrower.score.text")}>
      <Card>
        <Scale score={o.score} low={o.low} high={o.high} gain={Math.max(0, ...o.steps.map((s) => s.gain))} />
        <Facts of={[
          [t("borrower.range"), t("borrower.range.of", { low: o.low, high: o.high })], [t("borrower.date"), o.date], [t("borrower.source"), o.furnisher_name], [t("borrower.model"), `${o.model} ${o.model_version}`],
        ]} />
      </Card>
      <Card title={t("borrower.reasons")}>
        {o.reasons.length === 0 ? <Text>{t("borrower.reasons.none")}</Text> : (
          <>
            <Text className="faint" mb="sm">{t("borrower.reasons.text")}</Text>
            <ol className="reasons">{o.reasons.map((r) => <li key={r.code}>{language === "zh" ? r.zh : r.en}</li>)}</ol>
          </>
        )}
      </Card>
      {o.steps.length > 0 && (
        <Card title={t("borrower.steps")}>
          <Text className="faint" mb="sm">{t("borrower.steps.text")}</Text>
          {o.steps.map((s) => <StepRow key={s.code} of={s} most={o.steps[0].lost} />)}
        </Card>
      )}
      <Alert color="gray" variant="light">{t("borrower.score.note")}</Alert>
    </Page>
  );
}

function StepRow({ of: s, most }: { of: Step; most: number }) {
  const { t, known, number } = useWords();
  const unit = s.unit === "percent" ? " %" : "";
  return (
    <div className="row">
      <div style={{ flex: "1 1 260px" }}>
        <Text fw={600} size="sm">{known("credit.feature." + s.feature)}</Text>
        <Text size="sm">{t(s.at_least ? "borrower.step.least" : "borrower.step.most", { now: number(s.value) + unit, want: number(s.want) + unit })}</Text>
        <svg viewBox="0 0 200 6" className="lost" aria-hidden="true" preserveAspectRatio="none"><rect width="200" height="6" rx="3" className="rail" /><rect width={(200 * s.lost) / most} height="6" rx="3" className="gone" /></svg>
        <Text size="xs" className="faint">{t("borrower.step.lost", { n: s.lost })}</Text>
      </div>
      <Text fw={700} className="plus">{t("borrower.step.gain", { n: s.gain })}</Text>
    </div>
  );
}
