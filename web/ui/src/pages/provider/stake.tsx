import { Alert, Button, Group, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Gauge } from "../../parts/chart";
import { Card, Facts, Loading, Page, Time, Trouble, useCall, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import type { StakePage } from "./shapes";

// Stake is what is locked for this worker, so that jobs that ask for proof draw it.
export default function Stake() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<StakePage>("stake");
  const work = useWork();
  const [amount, setAmount] = useState("");
  const [sure, setSure] = useState(false);
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const { stake: s, standing: st } = data;
  const lock = async (e: FormEvent) => {
    e.preventDefault();
    if (await work.run("stake.lock", { amount })) { setAmount(""); reload(); }
  };
  const free = async () => {
    if (await work.run("stake.free")) { setSure(false); reload(); }
  };
  return (
    <Page title={t("stake.title")} text={t("stake.text")}>
      <Card>
        <div className="figures" style={{ marginBottom: 16 }}>
          <div><b>{s?.amount ?? "0"}</b><span>{t("stake.locked")}</span></div>
          <div><b>{data.balance}</b><span>{t("earn.balance")}</span></div>
          <div><b>{st.open ?? 0}</b><span>{t("stake.open")}</span></div>
        </div>
        <Text size="sm" fw={600} mb={6}>{t("stake.standing", { n: data.score, best: data.best })}</Text>
        <Gauge label={t("stake.standing", { n: data.score, best: data.best })} whole={data.best} spent={data.score} />
        <Text size="sm" className="faint" mt={6}>{t("stake.record", { right: st.right, silent: st.silent, wrong: st.wrong })}</Text>
        {s && <Facts of={[[t("stake.since"), <Time at={s.since} />], ...(s.notice ? [[t("stake.free.from"), <Time at={s.notice + data.notice} />] as [string, React.ReactNode]] : [])]} />}
      </Card>
      <Card title={t("stake.add")}>
        <Alert color="orange" variant="light" mb="md">{t("stake.risk", { least: data.least })}</Alert>
        <form onSubmit={lock}>
          <Group align="flex-end" gap="sm">
            <TextInput label={t("stake.amount")} placeholder={s ? undefined : data.least} value={amount} onChange={(e) => setAmount(e.currentTarget.value)} inputMode="decimal" required />
            <Button type="submit" loading={work.busy}>{t("stake.lock")}</Button>
            {s && !sure && <Button variant="default" onClick={() => setSure(true)}>{t(s.notice ? "stake.take" : "stake.notice")}</Button>}
          </Group>
        </form>
        {sure && (
          <div role="alertdialog" aria-label={t("stake.notice")}>
            <Text size="sm" my={8}>{t("stake.notice.text")}</Text>
            <Group gap={8}><Button size="xs" color="red" loading={work.busy} onClick={free}>{t(s?.notice ? "stake.take" : "stake.notice")}</Button><Button size="xs" variant="default" onClick={() => setSure(false)}>{t("word.cancel")}</Button></Group>
          </div>
        )}
        {work.problem && <div style={{ marginTop: 16 }}><Trouble problem={work.problem} /></div>}
      </Card>
    </Page>
  );
}
