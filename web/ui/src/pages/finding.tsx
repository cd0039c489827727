import { Alert, Button, Group, Text } from "@mantine/core";
import { save } from "../parts/save";
import { Card, Facts, Loading, Page, Time, Trouble, useCall } from "../parts/parts";
import type { Finding } from "../parts/shapes";
import { type Word, readWords, useWords } from "../words/words";

const colour = { suspicious: "light-dark(#a8321f, #ff9d8a)", unclear: "light-dark(#8a5300, #ffc46b)", "not-suspicious": "light-dark(#0b6e6e, #6fe0d5)", estimate: "light-dark(#0b6e6e, #6fe0d5)" };

export default function FindingPage({ id: job }: { id: string }) {
  const say = useWords();
  const { t, language } = say;
  const { data: f, problem, reload } = useCall<Finding>("finding", { job });
  const receipt = useCall<{ receipt: object }>("receipt", { job });
  if (!f) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const x = f.finding;
  return (
    <Page title={t("finding.title")} text={t("finding.privacy")}>
      <Card>
        <div className="level" style={{ color: colour[x.level] }}>{t(("finding.level." + x.level) as Word)}</div>
        <Text size="lg" my="sm">{language === "zh" ? x.zh : x.en}</Text>
        <Alert color="orange" variant="light" mb="md">{t("finding.not")}</Alert>
        <Facts of={[
          [t("finding.score"), x.score.toFixed(2)], [t("finding.confidence"), `${x.confidence.toFixed(2)} (${t("finding.threshold")})`],
          [t("finding.model"), `${f.model} ${f.model_version}`], [t("finding.read"), readWords(say, f.read)], [t("finding.paid"), <><span>{t("word.man", { n: f.fee })}</span>, <Time at={f.at} /></>],
        ]} />
      </Card>
      {f.moved && f.moved.length > 0 && (
        <Card title={t("finding.moved")}>
          <Facts of={f.moved.slice(0, 8).map((m) => [language === "zh" ? m.title_zh : m.title, `${m.value} · ${m.share > 0 ? "+" : "−"}${Math.round(Math.abs(m.share) * 100)} %`])} />
        </Card>
      )}
      {f.pictures.length > 0 && (
        <Card title={t("finding.pictures")}>
          <Text className="faint" mb="md">{t("finding.pictures.text")}</Text>
          <div className="pictures">
            {f.pictures.map((p, i) => <img key={i} src={"data:image/png;base64," + p.png} alt={t("finding.picture", { n: i + 1, all: f.pictures.length })} loading="lazy" />)}
          </div>
        </Card>
      )}
      {f.without && <Alert color="gray" title={t("finding.without")}><span lang="en">{f.without}</span></Alert>}
      <Card title={t("finding.receipt")}>
        {receipt.problem ? <Trouble problem={receipt.problem} again={receipt.reload} /> : receipt.data ? <Text className="faint" mb="md">✓ {t("finding.receipt.text")}</Text> : <Text>{t("word.loading")}</Text>}
        <Text className="id faint" mb="md">{f.job}</Text>
        <Group><Button variant="default" size="xs" onClick={() => save(f.job + ".receipt.json", JSON.stringify(f.receipt, null, 1))}>{t("finding.receipt.save")}</Button></Group>
      </Card>
    </Page>
  );
}
