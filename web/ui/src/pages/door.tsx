import { Anchor, Button, Checkbox, Group, Stack, Text, TextInput, Textarea, Title } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";
import { Choices, Mark } from "../parts/bar";
import { canAsk, forget, isKept, unwrap, wrap } from "../parts/device";
import { Passphrase, Stage, Trouble, useWork } from "../parts/parts";
import { Who, lastAccount } from "../parts/who";
import { kinds, roleOf } from "../roles";
import { useWords } from "../words/words";
import { deskFor } from "../worker/desk";

const least = 12; // characters, as the module wants

// Door is the first page: keys of an account are made, unlocked or brought back.
export function Door({ known, enter }: { known: string[]; enter: () => void }) {
  const { t } = useWords();
  const [account, setAccount] = useState(() => lastAccount(known));
  const has = known.includes(account);
  const [recover, setRecover] = useState(false);
  const way = recover ? "recover" : has ? "open" : "new";
  const kind = kinds[roleOf(account)];
  useEffect(() => void deskFor(account), [account]); // the module loads while people read
  useEffect(() => { document.title = "Manx"; }, []);
  return (
    <>
      <Group justify="space-between" px="lg" py="sm" component="header"><Mark /><Group gap={6}><Choices /></Group></Group>
      <main className="hero" id="main">
        <div>
          <h1>{t(way === "open" ? "door.open.title" : way === "new" ? kind.text : "door.recover.title")}</h1>
          <Text size="lg" className="faint">{t(way === "open" ? "door.open.text" : way === "new" ? "door.new.text" : "door.recover.text")}</Text>
          <ul>
            <li>{t(account === "patient" ? "door.point.seal" : "door.point.own")}</li>
            <li>{t(account === "patient" ? "door.point.model" : "door.point.side")}</li>
            <li>{t("door.point.log")}</li>
          </ul>
          <Text size="sm" className="faint" mt="xl">{t("app.research")}</Text>
        </div>
        <section className="card">
          <Who known={known} account={account} choose={(a) => { setAccount(a); setRecover(false); }} />
          {way === "open" ? <Unlock key={account} account={account} enter={enter} /> : <Begin key={way + account} account={account} named={kind.named} recover={recover} enter={enter} />}
          <Group mt="md" gap="lg">
            <Anchor component="button" type="button" size="sm" onClick={() => setRecover(!recover)}>{t(!recover ? "door.recover.offer" : has ? "door.open.do" : "door.new.offer")}</Anchor>
          </Group>
        </section>
      </main>
    </>
  );
}

function Unlock({ account, enter }: { account: string; enter: () => void }) {
  const { t } = useWords();
  const work = useWork();
  const [pass, setPass] = useState("");
  const [next, setNext] = useState(false);
  const [silent, setSilent] = useState(false);
  const kept = canAsk() && isKept(account);
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    setSilent(false);
    // Asked for while the click counts; kept once the passphrase has proved right.
    const keep = next ? await wrap(account, pass).catch(() => null) : undefined;
    if (keep === null) { setNext(false); setSilent(true); return; }
    if (await work.run("unlock", { account, passphrase: pass })) { keep?.(); enter(); }
  };
  const byDevice = async () => {
    setSilent(false);
    const found = await unwrap(account).catch(() => { setSilent(true); return ""; });
    if (!found) return;
    if (await work.run("unlock", { account, passphrase: found })) enter();
    else forget(account); // the passphrase was changed elsewhere
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {kept && <Button onClick={byDevice} loading={work.busy}>{t("door.device.do")}</Button>}
        <Passphrase label={t("door.passphrase")} value={pass} onChange={(e) => setPass(e.currentTarget.value)} autoComplete="current-password" autoFocus required disabled={work.busy} />
        {work.problem && <Trouble problem={work.problem} />}
        {work.busy && <Text size="sm" role="status">{t("door.open.doing")}</Text>}
        {canAsk() && !kept && <Checkbox checked={next} onChange={(e) => setNext(e.currentTarget.checked)} label={t("door.device.next")} description={t("door.device.help")} />}
        {silent && <Text size="sm" role="alert">{t("door.device.silent")}</Text>}
        <Button type="submit" variant={kept ? "default" : "filled"} loading={work.busy}>{t("door.open.do")}</Button>
      </Stack>
    </form>
  );
}

// Begin makes keys, or brings them back from the words.
function Begin({ account, named, recover, enter }: { account: string; named: boolean; recover: boolean; enter: () => void }) {
  const { t } = useWords();
  const work = useWork();
  const [pass, setPass] = useState("");
  const [again, setAgain] = useState("");
  const [words, setWords] = useState("");
  const [name, setName] = useState("");
  const missing = least - [...pass].length;
  const ok = missing <= 0 && pass === again && (!recover || words.trim() !== "") && (recover || !named || name.trim() !== "");
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    if (!ok) return;
    void navigator.storage.persist?.(); // so that the browser does not clear it on its own
    const done = recover ? await work.run("recover", { account, passphrase: pass, phrase: words }) : await work.run("join", { account, passphrase: pass, name });
    if (!done) return;
    if (!recover) await work.run("fund");
    enter();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Title order={2} size="h4">{t(recover ? "door.recover.title" : "door.new.form")}</Title>
        {!recover && named && <TextInput label={t("door.name")} description={t("door.name.help")} value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={80} autoComplete="organization" required disabled={work.busy} />}
        {recover && <Textarea label={t("door.recover.words")} value={words} onChange={(e) => setWords(e.currentTarget.value)} rows={4} autoCapitalize="off" autoComplete="off" spellCheck={false} required />}
        <Passphrase label={t(recover ? "door.recover.new" : "door.passphrase")} description={t("door.passphrase.help")} value={pass} onChange={(e) => setPass(e.currentTarget.value)}
          autoComplete="new-password" required disabled={work.busy} error={pass !== "" && missing > 0 ? t("door.passphrase.short", { n: missing }) : undefined} />
        <Passphrase label={t("door.passphrase.again")} value={again} onChange={(e) => setAgain(e.currentTarget.value)} autoComplete="new-password" required disabled={work.busy}
          error={again !== "" && again.length >= pass.length && again !== pass ? t("door.passphrase.differs") : undefined} />
        {work.problem && <Trouble problem={work.problem} />}
        {work.busy && <Stage progress={work.progress} />}
        <Button type="submit" disabled={!ok} loading={work.busy}>{t(recover ? "door.recover.do" : "door.new.do")}</Button>
      </Stack>
    </form>
  );
}
