import { Alert, Badge, Button, Group, NativeSelect, Radio, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Card, Copy, Loading, Page, Time, Trouble, useCall, useWork } from "../../parts/parts";
import { go } from "../../parts/way";
import { Said } from "../../words/said";
import { useWords } from "../../words/words";
import type { Lending, Request, Way } from "../borrower/shapes";
import type { Listed } from "../scientist/shapes";

const usual = "consumer-risk"; // what is asked where no model is named

const over = ["settled", "refunded"];

// Home is who was asked about, each with where her consent stands, and asking another.
export default function Home() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Lending>("lender");
  const [asked, setAsked] = useState(false);
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const open = data.requests.filter((r) => !over.includes(r.stage)), past = data.requests.filter((r) => over.includes(r.stage));
  return (
    <Page title={t("lender.home")} text={t("lender.home.text")} aside={<Button variant="default" size="xs" onClick={reload}>{t("lender.reload")}</Button>}>
      {asked && <Alert color="teal" variant="light" role="status">{t("lender.asked")}</Alert>}
      {problem && <Trouble problem={problem} again={reload} />}
      <Card title={t("lender.open")}>{open.length === 0 ? <Text className="faint">{t("lender.open.none")}</Text> : open.map((r) => <Row key={r.id} of={r} />)}</Card>
      <Ask done={() => { setAsked(true); reload(); }} />
      {past.length > 0 && <Card title={t("lender.past")}>{past.map((r) => <Row key={r.id} of={r} />)}</Card>}
      <Card title={t("borrower.id")} quiet>
        <Text className="faint" size="sm" mb={6}>{t("lender.id.text")}</Text>
        <Group gap={8}><Text className="id">{data.party}</Text><Copy text={data.party} /></Group>
      </Card>
      <Text size="sm" className="faint">{t("home.balance")}: <b>{t("word.man", { n: data.balance })}</b>, {t("home.balance.test")}</Text>
    </Page>
  );
}

// consent is where a request stands, in the words of who waits for it.
export function consent(r: Request): "waits" | "computes" | "ready" | "opened" | "refused" {
  if (r.stage === "refunded") return "refused";
  if (r.opened) return "opened";
  if (r.stage === "asked") return "waits";
  return r.stage === "answered" || r.stage === "settled" ? "ready" : "computes";
}
const colour = { waits: "orange", computes: "blue", ready: "teal", opened: "gray", refused: "red" };

function Row({ of: r }: { of: Request }) {
  const { t, known } = useWords();
  const state = consent(r);
  return (
    <div className="row">
      <div>
        <Group gap={8}><Text fw={600}>{t("lender.applicant")} <span className="id">…{r.subject.slice(-8)}</span></Text><Badge variant="light" color={colour[state]} tt="none">{known("lender.state." + state)}</Badge></Group>
        <Text size="sm">{known("purpose." + r.purpose)} · {r.model_name} · {t("word.man", { n: r.fee })}</Text>
        <Text size="sm" className="faint">{known("lender.state.text." + state)} <Time at={state === "waits" ? r.deadline : r.at.settled ?? r.at.refunded ?? r.at.answered ?? r.at.ready ?? r.at.asked ?? 0} /></Text>
      </div>
      {(state === "ready" || state === "opened") && <Button size="xs" variant={state === "ready" ? "filled" : "default"} onClick={() => go("/score/" + r.id)}>{t(state === "ready" ? "lender.score.open" : "contract.look")}</Button>}
    </div>
  );
}

// Ask shows every way to a score before any is asked for: price, what it waits for, and
// what it rests on.
function Ask({ done }: { done: () => void }) {
  const { t, known } = useWords();
  const work = useWork();
  const [subject, setSubject] = useState("");
  const [purpose, setPurpose] = useState("credit-transaction");
  const [ways, setWays] = useState<Way[]>();
  const [by, setBy] = useState("");
  const models = (useCall<Listed[]>("catalogue").data ?? []).filter((m) => !m.retired);
  const [model, setModel] = useState("");
  const args = { model, subject: subject.trim(), purpose, by: "", hours: 72 };
  const look = async (e: FormEvent) => {
    e.preventDefault();
    const all = await work.run<Way[]>("ways", args);
    setWays(all);
    setBy(all?.find((w) => !w.missing)?.by ?? "");
  };
  const ask = async () => { if (await work.run("score.ask", { ...args, by })) { setWays(undefined); setSubject(""); done(); } };
  return (
    <Card title={t("lender.ask")}>
      <form onSubmit={look}>
        <Stack gap="sm">
          <TextInput label={t("lender.subject")} description={t("lender.subject.help")} value={subject} onChange={(e) => { setSubject(e.currentTarget.value); setWays(undefined); }} autoComplete="off" spellCheck={false} required />
          <NativeSelect label={t("consent.purpose")} description={t("lender.purpose.help")} value={purpose} onChange={(e) => { setPurpose(e.currentTarget.value); setWays(undefined); }} data={["credit-transaction", "account-review"].map((p) => ({ value: p, label: known("purpose." + p) }))} />
          {models.length > 1 && <NativeSelect label={t("lender.model")} value={model} onChange={(e) => { setModel(e.currentTarget.value); setWays(undefined); }}
            data={[...models].sort((a, b) => Number(b.name === usual) - Number(a.name === usual)).map((m) => ({ value: m.name === usual ? "" : m.id, label: t("lender.model.of", { name: `${m.name} ${m.version}`, price: m.price }) }))} />}
          {work.problem && <Trouble problem={work.problem} />}
          {!ways && <Group><Button type="submit" variant="default" loading={work.busy}>{t("lender.ways")}</Button></Group>}
        </Stack>
      </form>
      {ways && (
        <Stack mt="md" gap="sm">
          <Radio.Group value={by} onChange={setBy} label={t("lender.ways.which")}>
            <Stack gap="sm" mt="sm">
              {ways.map((w) => (
                <Radio key={w.by} value={w.by} disabled={!!w.missing} label={`${known("lender.way." + w.by)} · ${t("word.man", { n: w.fee })}`}
                  description={<>{known("lender.way.text." + w.by)}{w.missing && <> <b>{t("lender.way.missing")}</b></>}</>} />
              ))}
            </Stack>
          </Radio.Group>
          {ways.some((w) => w.missing) && <details><summary>{t("word.details")}</summary>{ways.filter((w) => w.missing).map((w) => <div key={w.by}><Text size="sm" span>{known("lender.way." + w.by)}: </Text><Said text={w.missing ?? ""} span /></div>)}</details>}
          <Text size="sm" className="faint">{t("lender.ask.text")}</Text>
          <Group><Button loading={work.busy} disabled={!by} onClick={() => void ask()}>{t("lender.ask.do")}</Button><Button variant="subtle" onClick={() => setWays(undefined)}>{t("word.cancel")}</Button></Group>
        </Stack>
      )}
    </Card>
  );
}
