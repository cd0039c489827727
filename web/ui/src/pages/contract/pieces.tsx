// What draft and contract pages share: the text in both languages, the drawing, what
// it costs, who plays.
import "./credit.css";
import { Alert, Badge, Group, Stack, Text } from "@mantine/core";
import { Named, end } from "../../parts/named";
import { Facts, Time } from "../../parts/parts";
import { useWords } from "../../words/words";
import { type Both, type Cost, type Meaning, type Played, pick } from "./shapes";

// Who tells who plays a role: "you", or a name with the end of the id beside it, or that.
export function Who({ of }: { of: Played }) {
  const { t } = useWords();
  if (of.mine) return <b>{t("contract.you")}</b>;
  const id = of.party ?? "";
  return of.name ? <Named name={of.name} id={id} /> : <span title={id} className="id faint" style={{ whiteSpace: "nowrap" }}>{end(id)}</span>;
}

export function Players({ of }: { of: Played[] }) {
  const { language } = useWords();
  return <Facts of={of.map((p) => [pick(language, p.told), <Who of={p} />])} />;
}

// Spoken shows a text in both languages beside each other, the reader's first.
export function Spoken({ text }: { text: Both }) {
  const { t, language } = useWords();
  const order = language === "zh" ? [1, 0] : [0, 1];
  return (
    <div className="beside">
      {order.map((l) => (
        <section key={l} lang={l === 1 ? "zh-Hans" : "en"} aria-label={t(l === 1 ? "contract.in.zh" : "contract.in.en")}>
          <Text size="sm" fw={600} mb={4} lang={language === "zh" ? "zh-Hans" : "en"}>{t(l === 1 ? "contract.in.zh" : "contract.in.en")}</Text>
          <div className="terms long" tabIndex={0} role="group" aria-label={t(l === 1 ? "contract.in.zh" : "contract.in.en")}>{text[l]}</div>
        </section>
      ))}
    </div>
  );
}

// Drawing is the module's picture of the terms. As an image it can run nothing.
export function Drawing({ of }: { of: Both }) {
  const { t, language } = useWords();
  const svg = pick(language, of);
  return (
    <div className="drawing" tabIndex={0} role="group" aria-label={t("contract.drawing")}>
      <img src={"data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg)} alt={t("contract.drawing.text")} />
    </div>
  );
}

// Checked says what exploring everything that can happen found.
export function Checked({ means }: { means: Meaning }) {
  const { t, language } = useWords();
  if (means.findings.length > 0) {
    return (
      <Alert color="red" variant="light" title={t("contract.unsound", { n: means.findings.length })} role="alert">
        {means.findings.map((f, i) => <Text key={i} size="sm" mb={6}><b>{t("contract.clause", { n: f.clause + 1 })}</b> {pick(language, f.text)}</Text>)}
      </Alert>
    );
  }
  return (
    <Alert color="teal" variant="light" title={t("contract.sound")}>
      <Text size="sm">{t("contract.sound.text", { n: means.states })} <Time at={means.ends} />.</Text>
      <Group gap={6} mt={8}><Text size="sm">{t("contract.ends")}</Text>{means.outcomes.map((o) => <Badge key={o[0]} variant="outline" color="gray" tt="none">{pick(language, o)}</Badge>)}</Group>
    </Alert>
  );
}

// Costs is what a loan costs who gets money first and pays later, in numbers that can
// be compared.
export function Costs({ of, players }: { of: Cost[]; players: Played[] }) {
  const { t, language, day } = useWords();
  const all = of.filter((c) => (c.times ?? 0) > 0 && players.some((p) => p.role === c.role));
  if (all.length === 0) return null;
  return (
    <Stack gap="md">
      {all.map((c) => {
        const who = players.find((p) => p.role === c.role)!;
        const pledge = c.pledged && c.pledged !== "0" ? c.pledged : "";
        return (
          <div key={c.role}>
            <Text fw={600} mb={6}>{t("contract.cost.of", { who: pick(language, who.told) })}</Text>
            <div className="figures">
              <Figure label={t("contract.cost.more")} value={t("word.man", { n: c.more })} strong />
              <Figure label={t("contract.cost.pays")} value={t("word.man", { n: c.pays })} />
              <Figure label={t("contract.cost.gets")} value={t("word.man", { n: c.gets })} />
              <Figure label={t("contract.cost.rate")} value={c.rate ? `${c.rate} %` : "–"} />
            </div>
            <Text size="sm" className="faint" mt={8}>
              {c.times === 1 ? t("contract.cost.once", { when: day(c.until ?? 0) }) : c.each ? t("contract.cost.each", { n: c.times ?? 0, each: c.each, from: day(c.first ?? 0), until: day(c.until ?? 0) })
                : t("contract.cost.times", { n: c.times ?? 0, from: day(c.first ?? 0), until: day(c.until ?? 0) })}
              {pledge && " " + t("contract.cost.pledge", { n: pledge })}
            </Text>
          </div>
        );
      })}
      <Text size="xs" className="faint">{t("contract.cost.how")}</Text>
    </Stack>
  );
}

export function Figure({ label, value, strong }: { label: string; value: string; strong?: boolean }) {
  return <div className={strong ? "figure strong" : "figure"}><div>{label}</div><b>{value}</b></div>;
}
