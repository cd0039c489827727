import { Anchor, Button, Group, Stack, Text, Textarea, Title } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";
import { Choices, Mark } from "../parts/bar";
import { Passphrase, Stage, Trouble, useWork } from "../parts/parts";
import { useWords } from "../words/words";
import { desk } from "../worker/desk";

const least = 12; // characters, as the module wants

// Door is the first page: keys are made, unlocked or brought back.
export function Door({ known, enter }: { known: boolean; enter: () => void }) {
  const { t } = useWords();
  const [way, setWay] = useState<"new" | "open" | "recover">(known ? "open" : "new");
  useEffect(() => { desk(); }, []); // the module loads while people read
  useEffect(() => { document.title = "Manx"; }, []);
  return (
    <>
      <Group justify="space-between" px="lg" py="sm" component="header"><Mark /><Group gap={6}><Choices /></Group></Group>
      <main className="hero" id="main">
        <div>
          <h1>{t(way === "open" ? "door.open.title" : way === "new" ? "door.new.title" : "door.recover.title")}</h1>
          <Text size="lg" className="faint">{t(way === "open" ? "door.open.text" : way === "new" ? "door.new.text" : "door.recover.text")}</Text>
          <ul>
            <li>{t("door.point.seal")}</li>
            <li>{t("door.point.model")}</li>
            <li>{t("door.point.log")}</li>
          </ul>
          <Text size="sm" className="faint" mt="xl">{t("app.research")}</Text>
        </div>
        <section className="card">
          {way === "open" ? <Unlock enter={enter} /> : <Begin key={way} recover={way === "recover"} enter={enter} />}
          <Group mt="md" gap="lg">
            {way !== "recover" && <Anchor component="button" type="button" size="sm" onClick={() => setWay("recover")}>{t("door.recover.offer")}</Anchor>}
            {way === "recover" && <Anchor component="button" type="button" size="sm" onClick={() => setWay(known ? "open" : "new")}>{t(known ? "door.open.do" : "door.new.offer")}</Anchor>}
          </Group>
        </section>
      </main>
    </>
  );
}

function Unlock({ enter }: { enter: () => void }) {
  const { t } = useWords();
  const work = useWork();
  const [pass, setPass] = useState("");
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    if (await work.run("unlock", { passphrase: pass })) enter();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Passphrase label={t("door.passphrase")} value={pass} onChange={(e) => setPass(e.currentTarget.value)} autoComplete="current-password" autoFocus required disabled={work.busy} />
        {work.problem && <Trouble problem={work.problem} />}
        {work.busy && <Text size="sm" role="status">{t("door.open.doing")}</Text>}
        <Button type="submit" loading={work.busy}>{t("door.open.do")}</Button>
      </Stack>
    </form>
  );
}

// Begin makes keys, or brings them back from the words.
function Begin({ recover, enter }: { recover: boolean; enter: () => void }) {
  const { t } = useWords();
  const work = useWork();
  const [pass, setPass] = useState("");
  const [again, setAgain] = useState("");
  const [words, setWords] = useState("");
  const missing = least - [...pass].length;
  const ok = missing <= 0 && pass === again && (!recover || words.trim() !== "");
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    if (!ok) return;
    void navigator.storage.persist?.(); // so that the browser does not clear it on its own
    const done = recover ? await work.run("recover", { passphrase: pass, phrase: words }) : await work.run("join", { passphrase: pass });
    if (!done) return;
    if (!recover) await work.run("fund");
    enter();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Title order={2} size="h4">{t(recover ? "door.recover.title" : "door.new.form")}</Title>
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
