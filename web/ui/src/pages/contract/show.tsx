import { Alert, Badge, Button, Group, Stack, Text } from "@mantine/core";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Card, Copy, Facts, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { save } from "../../parts/save";
import { useWords } from "../../words/words";
import { Acts } from "./acts";
import { Calendar, dues } from "./calendar";
import { Checked, Costs, Drawing, Players, Spoken, Who } from "./pieces";
import { type Contract, type Mark, pick } from "./shapes";

// ContractPage is one on the ledger: in plain language beside its course, with what can
// happen now, what is due, what was paid, and what it is checked by.
export default function ContractPage({ id }: { id: string }) {
  const { t, language } = useWords();
  const call = useCall<Contract>("contract", { contract: id });
  const [stepped, setStepped] = useState<Contract>();
  const [drawn, setDrawn] = useState(false);
  const c = stepped ?? call.data;
  if (!c) return call.problem ? <Trouble problem={call.problem} again={call.reload} /> : <Loading />;
  const mine = c.course.some((m) => m.mine && m.amount);
  const due = dues(c.course.filter((m) => !mine || m.mine));
  const lines = pick(language, c.means.text).split("\n\n");
  return (
    <Page title={pick(language, c.title)} text={t("contract.page.text")} aside={<Stage of={c} />}>
      {stepped && <Alert color="teal" variant="light" role="status">{t("contract.stepped")}</Alert>}
      {!c.over && <Card title={t("contract.next")}><Text className="faint" size="sm" mb="xs">{t("contract.next.text", { n: c.at + 1 })}</Text><Acts key={c.at} contract={c} changed={setStepped} /></Card>}
      <div className="beside">
        <Card title={t("contract.plain")}>
          <Players of={c.players} />
          <hr className="line" />
          <Clauses text={lines.slice(1).join("\n\n")} at={c.at} />
        </Card>
        <Card title={t("contract.course")}>
          <Text size="sm" className="faint" mb="md">{t("contract.course.text")}</Text>
          <Long label={t("contract.course")}><ol className="timeline">{c.course.map((m, i) => <Step key={i} of={m} />)}
            <li data-state={c.over && !c.off ? "done" : c.over ? "missed" : "later"}><Text fw={600}>{c.over ? t("contract.over", { how: pick(language, c.outcome) }) : t("contract.over.by")}</Text>{!c.over && <Text size="sm" className="faint"><Time at={c.last} /></Text>}</li></ol></Long>
        </Card>
      </div>
      {due.length > 1 && <Card title={t("contract.calendar")}><Calendar of={due} /></Card>}
      {c.cost.some((x) => (x.times ?? 0) > 0) && <Card title={t("contract.cost")}><Costs of={c.cost} players={c.players} /></Card>}
      <Card title={t("contract.receipts")}>
        {c.payments.length === 0 ? <Text className="faint">{t("contract.receipts.none")}</Text> : (
          <div className="scroll" tabIndex={0} role="group" aria-label={t("contract.receipts")}>
            <table className="changes">
              <thead><tr><th>{t("contract.when")}</th><th>{t("contract.amount")}</th><th>{t("contract.command")}</th></tr></thead>
              <tbody>{c.payments.map((p, i) => <tr key={i}><td><Time at={p.at} /></td><td>{p.in ? "+" : "−"}{t("word.man", { n: p.amount })}</td><td className="id">{p.cause.slice(0, 12)}…</td></tr>)}</tbody>
            </table>
          </div>
        )}
        <Group mt="md"><Button size="xs" variant="default" onClick={() => save(c.id + ".json", JSON.stringify({ contract: c.id, title: c.title[0], hash: c.means.hash, terms: c.terms, players: c.players, payments: c.payments }, null, 1))}>{t("contract.save")}</Button></Group>
      </Card>
      {c.shown && c.shown.length > 0 && <Card title={t("contract.shown")}>{c.shown.map((s) => <Text key={s.digest} size="sm">{t("contract.clause", { n: s.clause + 1 })} <span className="id">{s.digest}</span></Text>)}</Card>}
      <Card title={t("contract.drawing")}>{drawn ? <Drawing of={c.means.drawing} /> : <Button variant="default" size="xs" onClick={() => setDrawn(true)}>{t("contract.drawing.show")}</Button>}</Card>
      <details className="card quiet">
        <summary>{t("contract.both")}</summary>
        <Stack mt="md">
          <Spoken text={c.means.text} />
          {c.certified ? <Checked means={c.means} /> : <Alert color="red" variant="light" title={t("contract.uncertified")} role="alert">{t("contract.uncertified.text")}</Alert>}
          <Facts of={[[t("contract.id"), <span className="id">{c.id} <Copy text={c.id} /></span>], [t("contract.hash"), <span className="id">{c.means.hash}</span>], [t("contract.opened"), <><Time at={c.opened} /> · <Who of={c.opener} /></>]]} />
        </Stack>
      </details>
    </Page>
  );
}

export function Stage({ of: c }: { of: { over: boolean; off: boolean; turn: boolean; outcome: [string, string]; begun: boolean } }) {
  const { t, language } = useWords();
  const [color, word] = c.over ? [c.off ? "orange" : "gray", pick(language, c.outcome)] : c.turn ? ["teal", t("contract.turn")] : c.off ? ["red", t("contract.late")] : ["gray", t("contract.waits")];
  return <Badge color={color} variant="light" size="lg" tt="none">{word}</Badge>;
}

// Long scrolls what is long by itself, to where the contract stands.
function Long({ label, children }: { label: string; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const here = box.current?.querySelector<HTMLElement>(".here, [data-state=now], [data-state=late]");
    if (box.current && here) box.current.scrollTop = here.offsetTop - 60;
  });
  return <div ref={box} className="long" tabIndex={0} role="group" aria-label={label}>{children}</div>;
}

// Clauses are the numbered paragraphs; the one that waits is marked.
function Clauses({ text, at }: { text: string; at: number }) {
  const { t } = useWords();
  const parts = text.split(/\n(?=\d+\. )/);
  return <Long label={t("contract.plain")}><div className="terms">{parts.map((p, i) => <p key={i} className={i === at ? "here" : undefined} aria-current={i === at ? "step" : undefined}>{i === at && <b>{t("contract.here")} </b>}{p}</p>)}</div></Long>;
}

function Step({ of: m }: { of: Mark }) {
  const { t, language, known } = useWords();
  return (
    <li data-state={m.state}>
      <Group gap={8}><Text fw={600} size="sm">{pick(language, m.who)}</Text>{m.by.map((p) => <Text key={p.role} size="sm">· <Who of={p} /></Text>)}<Badge size="sm" variant="light" tt="none" color={m.state === "done" ? "teal" : m.state === "late" || m.state === "missed" ? "red" : m.state === "now" ? "orange" : "gray"}>{known("contract.state." + m.state)}</Badge></Group>
      <Text size="sm">{pick(language, m.what)}</Text>
      <Text size="xs" className="faint">{t("contract.until")} <Time at={m.until} />{m.gets !== "0" && <> · {t("contract.gets", { n: m.gets })}</>}</Text>
    </li>
  );
}
