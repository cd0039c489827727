// What can happen to a contract now: who may do it, until when, what follows.
import { Badge, Button, FileInput, Group, NativeSelect, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { save } from "../../parts/save";
import { end } from "../../parts/named";
import { Time, Trouble, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import { desk } from "../../worker/desk";
import { Who } from "./pieces";
import { type Act, type Contract, pick } from "./shapes";

export function Acts({ contract: c, changed }: { contract: Contract; changed: (c: Contract) => void }) {
  const { t, language } = useWords();
  return (
    <Stack gap={0}>
      {c.acts.map((a, i) => (
        <div className="row" key={i}>
          <div>
            <Group gap={8}><Text fw={600}>{a.kind === "pass" ? t("contract.nobody") : pick(language, a.who)}</Text>{a.by.filter((p) => !p.mine).map((p) => <Text key={p.role} size="sm">· <Who of={p} /></Text>)}{a.mine && a.kind !== "pass" && a.kind !== "verdict" && <Badge color="teal" variant="light" tt="none">{t("contract.yours")}</Badge>}</Group>
            <Text size="sm">{pick(language, a.what)}</Text>
            <Text size="sm" className="faint">{a.from ? t("contract.from") : t("contract.until")} <Time at={a.from ?? a.until ?? 0} /> · {t("contract.then", { n: a.then + 1 })}</Text>
          </div>
          <Do act={a} contract={c} changed={changed} />
        </div>
      ))}
    </Stack>
  );
}

// Do is the button of an act, and what it asks before it signs.
function Do({ act: a, contract: c, changed }: { act: Act; contract: Contract; changed: (c: Contract) => void }) {
  const { t, language } = useWords();
  const work = useWork();
  const [sure, setSure] = useState(false);
  const [file, setFile] = useState<File | null>(null);
  const [amount, setAmount] = useState("");
  const [to, setTo] = useState(a.payees?.[0]?.role ?? "");
  const [value, setValue] = useState<number>(a.is ?? 1);
  if (a.kind === "pass" ? c.now < (a.from ?? 0) : !a.mine) return null;
  const word = a.kind === "deposit" ? t("contract.do.deposit", { n: a.amount ?? "" }) : a.kind === "pay" ? t("contract.do.pay") : a.kind === "state" ? t("contract.do.state") : a.kind === "verdict" ? t("contract.do.verdict") : a.kind === "pass" ? t("contract.do.pass") : pick(language, a.what);
  const sign = async () => {
    const folder = file ? await desk().mount([{ path: "evidence", file }]) : "";
    const done = await work.run<{ contract: Contract; evidence?: object }>("contract.step", {
      contract: c.id, hash: c.means.hash, role: a.kind === "pass" || a.kind === "verdict" ? "" : a.role ?? "", choice: a.choice ?? "", deposit: a.kind === "deposit" ? a.amount : "",
      pay: a.kind === "pay" ? amount : "", to: a.kind === "pay" ? to : "", fact: a.fact ?? "", value: a.kind === "state" ? value : 0, job: a.job ?? "", path: folder && folder + "/evidence",
    });
    if (folder) await desk().unmount(folder);
    if (!done) return;
    if (done.evidence && file) save(file.name + ".evidence", JSON.stringify(done.evidence));
    setSure(false);
    changed(done.contract);
  };
  if (!sure) return <Button size="xs" variant={a.mine && a.kind !== "pass" ? "filled" : "default"} onClick={() => setSure(true)}>{word}</Button>;
  return (
    <div role="group" aria-label={word} className="sure">
      <Stack gap="sm">
        {a.kind === "pay" && <NativeSelect label={t("contract.to")} value={to} onChange={(e) => setTo(e.currentTarget.value)} data={(a.payees ?? []).map((p) => ({ value: p.role, label: `${pick(language, p.told)}: ${p.mine ? t("contract.you") : `${p.name ?? ""} ${end(p.party ?? "")}`}` }))} />}
        {a.kind === "pay" && <TextInput label={t("contract.amount.most", { n: a.amount ?? "" })} value={amount} onChange={(e) => setAmount(e.currentTarget.value)} required />}
        {a.kind === "state" && <NumberInput label={t("contract.value")} value={value} onChange={(v) => setValue(Number(v))} allowDecimal={false} />}
        {a.shows && <FileInput label={t("contract.evidence")} description={t("contract.evidence.text")} value={file} onChange={setFile} clearable />}
        <Text size="sm"><b>{t("contract.signed")}</b> {a.kind === "pass" ? t("contract.signed.pass") : pick(language, a.what)}</Text>
        {work.problem && <Trouble problem={work.problem} />}
        <Group grow maw={360}>
          <Button size="xs" variant="outline" disabled={work.busy} onClick={() => setSure(false)}>{t("word.cancel")}</Button>
          <Button size="xs" variant="outline" loading={work.busy} disabled={a.kind === "pay" && !amount} onClick={sign}>{t("contract.sign.step")}</Button>
        </Group>
      </Stack>
    </div>
  );
}
