import { Button, Group, Text } from "@mantine/core";
import { Card, Empty, Loading, Page, Trouble, useCall } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import type { Scored } from "../borrower/shapes";
import { Row } from "../contract/list";
import { Figure } from "../contract/pieces";
import type { Listed } from "../contract/shapes";

// Portfolio is what is lent and what is to come, and the scores that were opened here.
export default function Portfolio() {
  const { t } = useWords();
  const contracts = useCall<Listed[]>("contracts");
  const scores = useCall<Scored[]>("scores");
  const problem = contracts.problem ?? scores.problem;
  if (!contracts.data || !scores.data) return problem ? <Trouble problem={problem} again={() => { contracts.reload(); scores.reload(); }} /> : <Loading />;
  const open = contracts.data.filter((c) => !c.over), lent = open.filter((c) => c.begun), over = contracts.data.filter((c) => c.over);
  const sum = (of: string[]) => String(Math.round(of.reduce((a, b) => a + Number(b), 0) * 1000) / 1000);
  return (
    <Page title={t("nav.portfolio")} text={t("lender.portfolio.text")} aside={<Button onClick={() => go("/offer")}>{t("lender.offer")}</Button>}>
      <Card>
        <div className="figures">
          <Figure strong label={t("lender.comes")} value={t("word.man", { n: sum(lent.map((c) => c.comes)) })} />
          <Figure label={t("lender.running")} value={String(lent.length)} />
          <Figure label={t("lender.lateness")} value={String(lent.filter((c) => c.off).length)} />
          <Figure label={t("lender.offered")} value={String(open.length - lent.length)} />
        </div>
      </Card>
      <Card title={t("lender.contracts")}>
        {contracts.data.length === 0 ? <Empty text={t("lender.contracts.none")} next={[t("lender.offer"), () => go("/offer")]} /> : [...open, ...over].map((c) => <Row key={c.id} of={c} />)}
      </Card>
      <Card title={t("lender.scores")}>
        {scores.data.length === 0 ? <Empty text={t("lender.scores.none")} next={[t("lender.ask"), () => go("/")]} /> : scores.data.map((s) => <ScoreRow key={s.job} of={s} />)}
      </Card>
    </Page>
  );
}

// ScoreRow draws a score as a place on its scorecard's range.
function ScoreRow({ of: s }: { of: Scored }) {
  const { t } = useWords();
  const at = (200 * (s.score - s.low)) / Math.max(s.high - s.low, 1);
  return (
    <div className="row">
      <div style={{ flex: "1 1 240px" }}>
        <Group gap={8}><Text fw={700}>{s.score}</Text><Text size="sm" className="faint">{t("borrower.range.of", { low: s.low, high: s.high })}</Text></Group>
        <svg viewBox="0 0 200 6" className="lost" aria-hidden="true" preserveAspectRatio="none"><rect width="200" height="6" rx="3" className="rail" /><rect width={at} height="6" rx="3" className="reached" /></svg>
        <Text size="sm" className="faint"><span className="id">…{s.subject.slice(-8)}</span> · {s.model} {s.model_version} · {s.date}</Text>
      </div>
      <Button size="xs" variant="default" onClick={() => go("/score/" + s.job)}>{t("contract.look")}</Button>
    </div>
  );
}
