import { Alert, Button, Group, Text } from "@mantine/core";
import { save } from "../parts/save";
import { Card, Facts, Loading, Page, Time, Trouble, useCall } from "../parts/parts";
import type { Finding } from "../parts/shapes";
import { Notice } from "../words/said";
import { type Word, readWords, useWords } from "../words/words";

const colour = { suspicious: "light-dark(#a8321f, #ff9d8a)", unclear: "light-dark(#8a5300, #ffc46b)", "not-suspicious": "light-dark(#0b6e6e, #6fe0d5)", estimate: "light-dark(#0b6e6e, #6fe0d5)" };

/** Curve draws what share comes how far, and its interval, over a grid of quarters. */
function Curve({ of, label }: { of: NonNullable<Finding["curve"]>; label: string }) {
  const last = of.points[of.points.length - 1]?.time || 1;
  const at = (time: number, share: number) => `${(40 + (time / last) * 440).toFixed(1)},${(10 + (1 - share) * 180).toFixed(1)}`;
  const band = [...of.points.map((p) => at(p.time, p.high)), ...[...of.points].reverse().map((p) => at(p.time, p.low))].join(" ");
  const colour = "light-dark(#0b6e6e, #6fe0d5)";
  return (
    <svg viewBox="0 0 500 215" role="img" aria-label={label} style={{ maxWidth: 640, width: "100%" }} fontSize="11" fill="currentColor">
      {[0, 0.25, 0.5, 0.75, 1].map((share) => (
        <g key={share}>
          <polyline points={`${at(0, share)} ${at(last, share)}`} fill="none" stroke="currentColor" strokeOpacity="0.2" />
          <text x="34" y={14 + (1 - share) * 180} textAnchor="end">{share * 100} %</text>
          <text x={40 + share * 440} y="206" textAnchor={share === 1 ? "end" : "middle"}>{Math.round(share * last)}</text>
        </g>
      ))}
      <polygon points={band} style={{ fill: colour }} fillOpacity="0.25" />
      <polyline points={of.points.map((p) => at(p.time, p.survival)).join(" ")} fill="none" style={{ stroke: colour }} strokeWidth="2" />
    </svg>
  );
}

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
          ...(f.curve ? [] : [[t("finding.score"), x.score.toFixed(2)], [t("finding.confidence"), `${x.confidence.toFixed(2)} (${t("finding.threshold")})`]] as [string, string][]),
          [t("finding.model"), `${f.model} ${f.model_version}`], [t("finding.read"), readWords(say, f.read)], [t("finding.paid"), <><span>{t("word.man", { n: f.fee })}</span>, <Time at={f.at} /></>],
        ]} />
      </Card>
      {f.curve && (
        <Card title={t("finding.curve")}>
          <Text className="faint" mb="md">{t("finding.curve.text", { unit: f.curve.unit })}</Text>
          <Curve of={f.curve} label={t("finding.curve")} />
        </Card>
      )}
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
      {f.without && <Alert color="gray" title={t("finding.without")}><Notice text={f.without} hint={f.hint} /></Alert>}
      <Card title={t("finding.receipt")}>
        {receipt.problem ? <Trouble problem={receipt.problem} again={receipt.reload} /> : receipt.data ? <Text className="faint" mb="md">✓ {t("finding.receipt.text")}</Text> : <Text>{t("word.loading")}</Text>}
        <Text className="id faint" mb="md">{f.job}</Text>
        <Group><Button variant="default" size="xs" onClick={() => save(f.job + ".receipt.json", JSON.stringify(f.receipt, null, 1))}>{t("finding.receipt.save")}</Button></Group>
      </Card>
    </Page>
  );
}
