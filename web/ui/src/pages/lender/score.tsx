import { Alert, Button, Group, Text } from "@mantine/core";
import { Card, Facts, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { save } from "../../parts/save";
import { go } from "../../parts/way";
import { Said } from "../../words/said";
import { useWords } from "../../words/words";
import { Scale } from "../borrower/scale";
import type { Scored } from "../borrower/shapes";

// Score is what a lender may know: score, range, date, version, at most four reasons,
// and what makes it right.
export default function Score({ id }: { id: string }) {
  const { t, language, known } = useWords();
  const { data: s, problem, reload } = useCall<Scored>("score.open", { job: id });
  const receipt = useCall<{ bundle: unknown }>("receipt", { job: id });
  if (!s) return problem ? <Page title={t("lender.score")}><Trouble problem={problem} again={reload} /></Page> : <Loading />;
  const proved = s.by === "ckks";
  return (
    <Page title={t("lender.score")} text={t("lender.score.text")}>
      <Card>
        <Scale score={s.score} low={s.low} high={s.high} />
        <Facts of={[
          [t("lender.applicant"), <span className="id">{s.subject}</span>], [t("consent.purpose"), known("purpose." + s.purpose)], [t("borrower.range"), t("borrower.range.of", { low: s.low, high: s.high })],
          [t("borrower.date"), s.date], [t("borrower.model"), `${s.model} ${s.model_version}`], [t("lender.opened"), <Time at={s.at} />],
        ]} />
      </Card>
      <Card title={t("borrower.reasons")}>
        {s.reasons.length === 0 ? <Text>{t("lender.reasons.none")}</Text> : <ol className="reasons">{s.reasons.map((r) => <li key={r.code}>{language === "zh" ? r.zh : r.en}</li>)}</ol>}
        <Text size="sm" className="faint" mt="sm">{t("lender.reasons.text")}</Text>
      </Card>
      <Alert color={proved ? "teal" : "orange"} variant="light" title={t(proved ? "lender.proved" : "lender.unproved")}>
        <Text size="sm">{proved ? t("lender.proved.text", { n: s.proof_bytes }) : known("lender.way.text." + s.by)}</Text>
        {!proved && s.trust && <Said text={s.trust} className="said hint" />}
        {s.differs && <Text size="sm" mt={6}>{t("lender.differs")} <span className="id">{s.differs}</span></Text>}
      </Alert>
      <Card title={t("lender.then")}>
        <Group gap="sm">
          <Button variant="default" onClick={() => go("/offer/" + s.subject)}>{t("lender.offer")}</Button>
          <Button variant="default" disabled={s.reasons.length === 0} onClick={() => go("/letter/" + id)}>{t("lender.letter")}</Button>
          {receipt.data && <Button variant="default" onClick={() => save(id + ".receipt.json", JSON.stringify(receipt.data!.bundle, null, 1))}>{t("finding.receipt.save")}</Button>}
        </Group>
      </Card>
    </Page>
  );
}
