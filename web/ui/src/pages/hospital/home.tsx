import { Alert, Button, Group, NativeSelect, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { Bars } from "../../parts/chart";
import { Card, Copy, Facts, Loading, Page, Time, Trouble, useCall, useWork } from "../../parts/parts";
import { To, go } from "../../parts/way";
import { Notice } from "../../words/said";
import { type Word, useWords } from "../../words/words";
import type { Gate, Item } from "./shapes";

const often = 3000; // milliseconds between looks
const tones = { received: "pill wait", uploaded: "pill wait", deidentified: "pill good", failed: "pill bad" };

// Gateway is the health of the gateway and the queue of studies through it.
export default function Gateway() {
  const { t } = useWords();
  const { data: g, problem, reload } = useCall<Gate>("edge");
  useEffect(() => {
    const timer = setInterval(reload, often);
    return () => clearInterval(timer);
  }, [reload]);
  if (!g) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const count = (s: Item["stage"]) => g.items.filter((i) => i.stage === s).length;
  return (
    <Page title={t("gate.title")} text={t("gate.text")}>
      {problem && <Trouble problem={problem} again={reload} />}
      {g.reached && <Alert color="red" title={t("gate.away")}><Text size="sm">{t("gate.away.text")}</Text><Notice text={g.reached} hint={g.hint} /></Alert>}
      {g.held > 0 && <Alert color="orange" title={t("gate.held", { n: g.held })}><Button mt={6} size="xs" variant="default" onClick={() => go("/held")}>{t("nav.held")}</Button></Alert>}
      <Card>
        <div className="figures">
          <div><b>{count("received") + count("uploaded")}</b><span>{t("gate.under")}</span></div>
          <div><b>{count("deidentified")}</b><span>{t("gate.done")}</span></div>
          <div><b>{count("failed")}</b><span>{t("gate.failed")}</span></div>
          <div><b>{g.heard ? <Time at={g.heard} /> : "–"}</b><span>{t("gate.heard")}</span></div>
        </div>
      </Card>
      <Pacs gate={g} />
      <Queue items={g.items} changed={reload} />
      <Card title={t("gate.profile")}>
        <Facts of={[[t("gate.profile.name"), g.profile], [t("gate.dates"), t(g.options.ModifiedDates ? "gate.dates.moved" : "gate.dates.removed")], [t("gate.people"), t(g.options.PatientCharacteristics ? "gate.kept" : "gate.removed")], [t("gate.device"), t(g.options.DeviceIdentity ? "gate.kept" : "gate.removed")], [t("gate.node"), <span className="id">{g.node}</span>], [t("machine.pid"), String(g.pid)]]} />
        <details style={{ marginTop: 14 }}><summary>{t("work.log")}</summary>{g.log.length > 0 ? <pre className="log" lang="en" tabIndex={0} aria-label={t("work.log")}>{g.log.join("\n")}</pre> : <Text size="sm">{t("work.log.none")}</Text>}</details>
      </Card>
    </Page>
  );
}

// Pacs is where a PACS sends to, and a test of the way.
function Pacs({ gate: g }: { gate: Gate }) {
  const { t } = useWords();
  const work = useWork();
  const [took, setTook] = useState<number>();
  const test = async () => {
    setTook(undefined);
    const r = await work.run<{ seconds: number }>("edge.try");
    if (r) setTook(r.seconds);
  };
  return (
    <Card title={t("gate.pacs")}>
      <Text mb="sm">{t("gate.pacs.text")}</Text>
      <div className="command"><code>{g.pacs}</code><Copy text={g.pacs} /></div>
      <Text size="sm" className="faint" mt="sm" mb={6}>{t("gate.folder")}</Text>
      <div className="command"><code>{g.folder}</code><Copy text={g.folder} /></div>
      <Group mt="md" gap="md"><Button variant="default" loading={work.busy} onClick={test}>{t("gate.test")}</Button>{took !== undefined && <Text role="status">✓ {t("gate.tested", { n: Math.max(1, Math.round(took * 1000)) })}</Text>}</Group>
      {work.problem && <Trouble problem={work.problem} again={test} />}
    </Card>
  );
}

function Queue({ items, changed }: { items: Item[]; changed: () => void }) {
  const { t, bytes } = useWords();
  const work = useWork();
  const [only, setOnly] = useState("all");
  const shown = items.filter((i) => only === "all" || i.stage === only);
  const retry = async (id: string) => {
    await work.run("edge.retry", { id });
    changed();
  };
  const days = new Map<string, number>();
  for (const i of [...items].reverse()) {
    const day = new Date(i.came * 1000).toISOString().slice(0, 10);
    days.set(day, (days.get(day) ?? 0) + 1);
  }
  return (
    <Card title={t("gate.queue")}>
      {days.size > 1 && <Bars title={t("gate.days")} first={t("earn.day")} second={t("gate.studies")} bars={[...days].slice(-30).map(([label, n]) => ({ label, value: n, text: String(n) }))} />}
      {items.length > 0 && <NativeSelect label={t("activity.filter")} value={only} onChange={(e) => setOnly(e.currentTarget.value)} maw={260} mb="md"
        data={[{ value: "all", label: t("activity.all") }, ...Object.keys(tones).map((s) => ({ value: s, label: t(("gate.stage." + s) as Word) }))]} />}
      {items.length === 0 && <Text>{t("gate.none")}</Text>}
      {shown.slice(0, 100).map((i) => (
        <div className="row" key={i.id}>
          <div style={{ flex: "1 1 300px" }}>
            <Group gap={8}><span className={tones[i.stage]}>{t(("gate.stage." + i.stage) as Word)}</span><Text span fw={600}>{t("gate.files", { n: i.files, size: bytes(i.bytes) })}</Text></Group>
            <Text size="sm" className="faint">{t(i.from === "pacs" ? "gate.from.pacs" : "gate.from.folder")} · <Time at={i.came} /> · <span className="id">{i.id}</span></Text>
            {i.copies?.map((c) => <Text key={c} size="sm">{t("gate.copy")} <span className="id">{c}</span></Text>)}
            {i.held > 0 && <Text size="sm"><To to="/held">{t("gate.held", { n: i.held })}</To></Text>}
            {i.left > 0 && <Text size="sm" className="faint">{t("upload.rejected", { n: i.left })}</Text>}
          </div>
          {i.stage === "failed" && <Button size="xs" loading={work.busy} onClick={() => void retry(i.id)}>{t("gate.retry")}</Button>}
          {i.problem && <div style={{ width: "100%" }}><Trouble problem={i.problem} /></div>}
        </div>
      ))}
      {work.problem && <Trouble problem={work.problem} />}
    </Card>
  );
}
