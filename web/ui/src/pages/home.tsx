import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Loading, Page, Stage, Time, Trouble, useCall, useWork } from "../parts/parts";
import type { Derived, Job, Overview, Rec } from "../parts/shapes";
import { go } from "../parts/way";
import { useWords } from "../words/words";
import { Uncured } from "./preview";

const over = ["settled", "refunded"];

export default function Home() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Overview>("home");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const records = data.records ?? [];
  const jobs = (data.jobs ?? []).filter((j) => j.asker === data.party);
  const pending = jobs.filter((j) => !over.includes(j.stage) && j.record);
  const readers = new Set((data.grants ?? []).filter((g) => g.owner === data.party && !g.revoked && g.until > data.now).map((g) => g.to)).size;
  return (
    <Page title={t("home.title")} aside={<Button onClick={() => go("/upload")}>{t("nav.upload")}</Button>}>
      {problem && <Trouble problem={problem} again={reload} />}
      {pending.map((j) => <Pending key={j.id} job={j} model={data.models[j.model] ?? ""} />)}
      <Card title={t("home.who")}>
        <Group justify="space-between">
          <Text>{readers === 0 ? t("home.who.nobody") : t("home.who.some", { n: readers })}</Text>
          <Button variant="default" size="xs" onClick={() => go("/consent")}>{t("nav.consent")}</Button>
        </Group>
      </Card>
      <Card title={t("home.scans")}>
        {records.length === 0 ? (
          <Stack align="flex-start"><Text className="faint">{t("home.scans.none")}</Text><Button onClick={() => go("/upload")}>{t("home.scans.first")}</Button></Stack>
        ) : records.map((r) => <Row key={r.id} record={r} changed={reload} />)}
      </Card>
      {data.opened.length > 0 && (
        <Card title={t("home.findings")}>
          {jobs.filter((j) => data.opened.includes(j.id)).map((j) => (
            <div className="row" key={j.id}>
              <Text>{data.models[j.model]} · <Time at={j.at.settled ?? j.at.done ?? 0} /></Text>
              <Button variant="default" size="xs" onClick={() => go("/finding/" + j.id)}>{t("finding.title")}</Button>
            </div>
          ))}
        </Card>
      )}
      <Card title={t("home.kit.title")} quiet>
        <Group justify="space-between"><Text className="faint" maw={560}>{t("home.kit.text")}</Text><Button variant="default" size="xs" onClick={() => go("/keys")}>{t("home.kit.do")}</Button></Group>
      </Card>
      <Text size="sm" className="faint">{t("home.balance")}: <b>{t("word.man", { n: data.balance })}</b>, {t("home.balance.test")}</Text>
    </Page>
  );
}

function Pending({ job, model }: { job: Job; model: string }) {
  const { t } = useWords();
  return (
    <Card title={t("home.pending")}>
      <Group justify="space-between"><Text>{t("home.pending.text", { model })}</Text>
        <Button size="xs" onClick={() => go(`/ask/${job.record}?model=${encodeURIComponent(job.model)}`)}>{t("home.pending.do")}</Button></Group>
    </Card>
  );
}

function Row({ record, changed }: { record: Rec; changed: () => void }) {
  const { t, known } = useWords();
  const work = useWork();
  const [sure, setSure] = useState(false);
  const [made, setMade] = useState<Derived>();
  const latest = record.versions[record.versions.length - 1];
  const picture = record.kind.startsWith("health/study");
  const derive = async () => {
    const d = await work.run<Derived>("deidentify", { record: record.id, options: {} });
    if (d) { setMade(d); changed(); }
  };
  const erase = async () => {
    if (await work.run("erase", { record: record.id })) { setSure(false); changed(); }
  };
  return (
    <div className="row">
      <div>
        <Group gap={8}><Text fw={600}>{known("kind." + record.kind) || record.kind}</Text>{record.erased && <Badge color="gray" variant="light">{t("record.erased")}</Badge>}</Group>
        <Text size="sm" className="faint">{latest && <Time at={latest.at} />} · v{record.versions.length}</Text>
        <Text className="id faint">{record.id}</Text>
      </div>
      {!record.erased && !work.busy && (
        <Group gap={8}>
          <Button size="xs" onClick={() => go("/ask/" + record.id)}>{t("record.ask")}</Button>
          {picture && <Button size="xs" variant="default" onClick={() => go("/view/" + record.id)}>{t("record.view")}</Button>}
          <Button size="xs" variant="default" onClick={() => go("/consent/" + record.id)}>{t("record.share")}</Button>
          {record.kind === "health/study" && <Button size="xs" variant="default" onClick={derive}>{t("record.derive")}</Button>}
          <Button size="xs" variant="default" onClick={() => setSure(true)}>{t("record.erase")}</Button>
        </Group>
      )}
      {(work.busy || work.problem || sure || made) && (
        <Stack w="100%" gap="sm">
          {work.busy && <Stage progress={work.progress} />}
          {work.problem && <Trouble problem={work.problem} />}
          {made && <Uncured warnings={made.warnings} />}
          {made && <Text size="sm" role="status"><b>{t("derive.title")}.</b> {t("derive.text")} {t("derive.done", { n: made.instances, changes: made.changes })} {made.held.length > 0 && t("derive.held", { n: made.held.length })}</Text>}
          {sure && !work.busy && (
            <div role="alertdialog" aria-label={t("record.erase")}>
              <Text size="sm" mb={8}>{t("record.erase.sure")}</Text>
              <Group gap={8}><Button size="xs" color="red" onClick={erase}>{t("record.erase")}</Button><Button size="xs" variant="default" onClick={() => setSure(false)}>{t("word.cancel")}</Button></Group>
            </div>
          )}
        </Stack>
      )}
    </div>
  );
}

