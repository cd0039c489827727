import { Alert, Badge, Button, Group, Stack, Text } from "@mantine/core";
import { type DragEvent, useRef, useState } from "react";
import { Card, Copy, Facts, Loading, Page, Stage, Trouble, useCall, useWork } from "../../parts/parts";
import { go } from "../../parts/way";
import { Notice } from "../../words/said";
import { useWords } from "../../words/words";
import { desk } from "../../worker/desk";
import { Statements } from "./statements";
import type { Borrowing, Told } from "./shapes";

// File takes what a furnisher signed and sealed, says what it is, and stores it; with an
// id it shows one that is stored.
export default function File_({ id }: { id: string }) {
  return id ? <Kept id={id} /> : <Add />;
}

function Add() {
  const { t } = useWords();
  const work = useWork();
  const home = useCall<Borrowing>("borrower");
  const [over, setOver] = useState(false);
  const [folder, setFolder] = useState("");
  const [seen, setSeen] = useState<Told>();
  const [stage, setStage] = useState<"look" | "add">("look");
  const pick = useRef<HTMLInputElement>(null);
  const take = async (file?: File) => {
    if (!file || work.busy) return;
    if (folder) await desk().unmount(folder);
    const at = await desk().mount([{ path: "file", file }]);
    setFolder(at);
    setSeen(undefined);
    setStage("look");
    setSeen(await work.run<Told>("file.look", { path: at + "/file" }));
  };
  const drop = (e: DragEvent) => { e.preventDefault(); setOver(false); void take(e.dataTransfer.files[0]); };
  const store = async () => {
    setStage("add");
    const done = await work.run<{ record: string }>("file.add", { path: folder + "/file" });
    if (done) { await desk().unmount(folder); go("/file/" + done.record); }
  };
  const unsigned = work.problem?.kind === "denied" && stage === "look";
  return (
    <Page title={t("borrower.file.add")} text={t("borrower.file.add.text")}>
      {!seen && (
        <div className={over ? "drop over" : "drop"} onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
          <Text size="lg" fw={600}>{t("borrower.drop")}</Text>
          <Text className="faint" mb="md">{t("borrower.drop.text")}</Text>
          <Button onClick={() => pick.current?.click()} disabled={work.busy}>{t("borrower.drop.do")}</Button>
          <input ref={pick} type="file" hidden data-for="credit" aria-label={t("borrower.drop.do")} onChange={(e) => { void take(e.currentTarget.files?.[0]); e.currentTarget.value = ""; }} />
        </div>
      )}
      {work.busy && <Card><Stage progress={work.progress} /></Card>}
      {work.problem && (unsigned && home.data ? (
        <Alert color="orange" variant="light" title={t("borrower.unsigned")} role="alert">
          <Text size="sm" mb={8}>{t("borrower.unsigned.text")}</Text>
          <Group gap={8}><Text className="id">{home.data.party}</Text><Copy text={home.data.party} /></Group>
          <details><summary>{t("word.details")}</summary><Notice text={work.problem.text} hint={work.problem.hint} /></details>
        </Alert>
      ) : <Trouble problem={work.problem} />)}
      {seen && !work.busy && (
        <>
          <Signature of={seen} />
          <Card title={t("borrower.says")}><Statements values={seen.values ?? []} disputed={[]} /></Card>
          <Group grow maw={460}>
            <Button variant="outline" onClick={() => { setSeen(undefined); work.forget(); }}>{t("borrower.leave")}</Button>
            <Button variant="outline" onClick={store}>{t("borrower.store")}</Button>
          </Group>
          <Text size="sm" className="faint">{t("borrower.store.text")}</Text>
        </>
      )}
    </Page>
  );
}

// Signature says in words what was checked of the furnisher's.
function Signature({ of: f }: { of: Told }) {
  const { t } = useWords();
  return (
    <Alert color="teal" variant="light" title={t("borrower.signed", { name: f.furnisher_name })}>
      <Text size="sm">{t("borrower.signed.text", { n: f.sequence, date: f.date })}</Text>
      <Text size="sm" mt={6}>{t(f.away ? "borrower.signed.away" : "borrower.signed.near")}</Text>
    </Alert>
  );
}

function Kept({ id }: { id: string }) {
  const { t, known } = useWords();
  const { data: f, problem, reload } = useCall<Told>("file", { record: id });
  const work = useWork();
  const [field, setField] = useState("");
  if (!f) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const dispute = async () => {
    if (await work.run("dispute", { furnisher: f.furnisher, field })) { setField(""); reload(); }
  };
  const name = (x: string) => { const [, base = x, n = ""] = /^(delay|bill|paid)_(\d)$/.exec(x) ?? []; return known("credit.field." + base, { n }) || x; };
  return (
    <Page title={t("borrower.file.of", { name: f.furnisher_name })} text={t("borrower.file.yours")} aside={<Badge variant="light" size="lg" color={f.latest ? "teal" : "orange"} tt="none">{t(f.latest ? "borrower.latest" : "borrower.stale")}</Badge>}>
      {!f.latest && <Alert color="orange" variant="light" title={t("borrower.stale")}><Text size="sm">{t("borrower.stale.text")}</Text></Alert>}
      <Card>
        <Facts of={[[t("borrower.source"), f.furnisher_name], [t("borrower.number"), String(f.sequence)], [t("borrower.date"), f.date], [t("borrower.version"), String(f.version)], [t("borrower.record"), <span className="id">{f.record}</span>]]} />
      </Card>
      <Card title={t("borrower.says")}>
        <Text className="faint" size="sm" mb="md">{t("borrower.dispute.how")}</Text>
        <Statements values={f.values ?? []} disputed={f.disputed} choose={f.latest ? setField : undefined} />
      </Card>
      {field && (
        <Card title={t("borrower.dispute.title", { field: name(field) })}>
          <Stack gap="sm">
            <Text>{t("borrower.dispute.text", { name: f.furnisher_name })}</Text>
            <Text size="sm" className="faint">{t("borrower.dispute.stays")}</Text>
            {work.problem && <Trouble problem={work.problem} />}
            <Group grow maw={460}><Button variant="outline" onClick={() => setField("")}>{t("word.cancel")}</Button><Button variant="outline" loading={work.busy} onClick={dispute}>{t("borrower.dispute.do")}</Button></Group>
          </Stack>
        </Card>
      )}
      {f.disputed.length > 0 && (
        <Card title={t("borrower.disputed")}>
          {f.disputed.map((d) => <div className="row" key={d}><Text fw={600}>{name(d)}</Text><Badge color="orange" variant="light" tt="none">{t("borrower.disputed.waits", { name: f.furnisher_name })}</Badge></div>)}
        </Card>
      )}
    </Page>
  );
}
