import { Alert, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { forget, isKept } from "../parts/device";
import { Card, Copy, Page, Passphrase, Time, Trouble, useCall, useWork } from "../parts/parts";
import type { Status } from "../parts/shapes";
import { useWords } from "../words/words";

export default function Keys() {
  const { t } = useWords();
  const status = useCall<Status>("status");
  const side = status.data?.side;
  return (
    <Page title={t("keys.title")}>
      <Card title={t("keys.device")}>
        <Text className="faint" mb="md">{t("keys.device.text")}</Text>
        <Text fw={600} size="sm">{t(side === "health" ? "keys.party" : side === "credit" ? "keys.party.credit" : "keys.party.common")}</Text>
        <Group gap={8}><Text className="id" data-party>{status.data?.party}</Text>{status.data?.party && <Copy text={status.data.party} />}</Group>
        <Text size="sm" className="faint">{t(status.data?.name ? "keys.party.named" : "keys.party.text")}</Text>
      </Card>
      <Devices />
      <Kit />
      <Drill />
      <Change />
      <Replace account={status.data?.account ?? ""} />
    </Page>
  );
}

interface Signed { id: string; opened: number; seen: number; expires: number; current: boolean }

// Devices are where these keys are signed in.
function Devices() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Signed[]>("devices");
  const work = useWork();
  const account = localStorage.getItem("account") ?? "patient";
  const [kept, setKept] = useState(() => isKept(account));
  const end = async (id: string) => { await work.run("devices.end", { id }); reload(); };
  return (
    <Card title={t("keys.devices")}>
      <Text className="faint" mb="md">{t("keys.devices.text")}</Text>
      {!data && (problem ? <Trouble problem={problem} again={reload} /> : <Text>{t("word.loading")}</Text>)}
      {data?.map((s) => (
        <div className="row" key={s.id}>
          <div>
            <Text fw={600}>{t(s.current ? "keys.devices.this" : "keys.devices.other")}</Text>
            <Text size="sm" className="faint">{t("keys.devices.since")} <Time at={s.opened} /> · {t("keys.devices.seen")} <Time at={s.seen} /></Text>
          </div>
          {!s.current && <Button size="xs" variant="default" loading={work.busy} onClick={() => void end(s.id)}>{t("keys.devices.end")}</Button>}
        </div>
      ))}
      {kept && <div className="row"><Text>{t("keys.devices.kept")}</Text><Button size="xs" variant="default" onClick={() => { forget(account); setKept(false); }}>{t("keys.devices.forget")}</Button></div>}
      {work.problem && <Trouble problem={work.problem} />}
    </Card>
  );
}

// Replace is for keys that somebody else may have: those on a lost device.
function Replace({ account }: { account: string }) {
  const { t } = useWords();
  const work = useWork();
  const [sure, setSure] = useState(false);
  const [done, setDone] = useState(false);
  const replace = async () => {
    setDone(false);
    if (await work.run("rotate")) { setSure(false); setDone(true); }
  };
  return (
    <Card title={t("keys.replace")}>
      <Text className="faint" mb="md">{t("keys.replace.text")} {account === "provider" && t("keys.replace.machine")}</Text>
      {done && <Text role="status" fw={600} mb="sm">✓ {t("keys.replace.done")}</Text>}
      {work.problem && <Trouble problem={work.problem} again={replace} />}
      {!sure ? <Button variant="default" onClick={() => setSure(true)}>{t("keys.replace.do")}</Button> : (
        <div role="alertdialog" aria-label={t("keys.replace")}>
          <Text size="sm" mb={8}>{t("keys.replace.sure")}</Text>
          <Group gap={8}><Button size="xs" color="red" loading={work.busy} onClick={replace}>{t("keys.replace.do")}</Button><Button size="xs" variant="default" disabled={work.busy} onClick={() => setSure(false)}>{t("word.cancel")}</Button></Group>
        </div>
      )}
    </Card>
  );
}

function Kit() {
  const { t } = useWords();
  const work = useWork();
  const [words, setWords] = useState<string[]>();
  const show = async () => {
    const kit = await work.run<{ phrase: string }>("kit");
    if (kit) setWords(kit.phrase.split(" "));
  };
  return (
    <Card title={t("keys.kit")}>
      <Text className="faint" mb="md">{t("keys.kit.text")}</Text>
      {work.problem && <Trouble problem={work.problem} again={show} />}
      {words ? (
        <Stack>
          <Alert color="orange">{t("keys.kit.warn")}</Alert>
          <ol className="words" lang="en" translate="no">{words.map((w, i) => <li key={i}>{w}</li>)}</ol>
          <Group><Button onClick={() => setWords(undefined)}>{t("keys.kit.hide")}</Button></Group>
        </Stack>
      ) : <Button loading={work.busy} onClick={show}>{t("keys.kit.do")}</Button>}
    </Card>
  );
}

function Drill() {
  const { t } = useWords();
  const work = useWork();
  const [text, setText] = useState("");
  const [good, setGood] = useState(false);
  const compare = async (e: FormEvent) => {
    e.preventDefault();
    setGood(false);
    if (await work.run("drill", { phrase: text })) { setGood(true); setText(""); }
  };
  return (
    <Card title={t("keys.drill")}>
      <form onSubmit={compare}>
        <Stack>
          <Textarea label={t("door.recover.words")} description={t("keys.drill.text")} value={text} onChange={(e) => setText(e.currentTarget.value)} rows={3} autoCapitalize="off" autoComplete="off" spellCheck={false} required />
          {work.problem && <Trouble problem={work.problem} />}
          {good && <Text role="status" fw={600}>✓ {t("keys.drill.good")}</Text>}
          <Group><Button type="submit" variant="default" loading={work.busy}>{t("keys.drill.do")}</Button></Group>
        </Stack>
      </form>
    </Card>
  );
}

function Change() {
  const { t } = useWords();
  const work = useWork();
  const [pass, setPass] = useState("");
  const [again, setAgain] = useState("");
  const [done, setDone] = useState(false);
  const change = async (e: FormEvent) => {
    e.preventDefault();
    setDone(false);
    if (await work.run("passphrase", { passphrase: pass })) { forget(localStorage.getItem("account") ?? "patient"); setDone(true); setPass(""); setAgain(""); }
  };
  return (
    <Card title={t("keys.passphrase")}>
      <form onSubmit={change}>
        <Stack>
          <Passphrase label={t("door.passphrase")} description={t("door.passphrase.help")} value={pass} onChange={(e) => setPass(e.currentTarget.value)} autoComplete="new-password" required />
          <Passphrase label={t("door.passphrase.again")} value={again} onChange={(e) => setAgain(e.currentTarget.value)} autoComplete="new-password" required error={again !== "" && again.length >= pass.length && again !== pass ? t("door.passphrase.differs") : undefined} />
          {work.problem && <Trouble problem={work.problem} />}
          {done && <Text role="status" fw={600}>✓ {t("keys.passphrase.done")}</Text>}
          <Group><Button type="submit" variant="default" loading={work.busy} disabled={pass === "" || pass !== again}>{t("keys.passphrase.do")}</Button></Group>
        </Stack>
      </form>
    </Card>
  );
}
