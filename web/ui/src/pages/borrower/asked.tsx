import "../contract/credit.css";
import { Alert, Badge, Button, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { go } from "../../parts/way";
import { Named } from "../../parts/named";
import { Card, Empty, Facts, Loading, Page, Stage, Time, Trouble, useCall, useWork } from "../../parts/parts";
import { save } from "../../parts/save";
import { type Word, useWords } from "../../words/words";
import { desk } from "../../worker/desk";
import type { Borrowing, Permit, Reason, Request } from "./shapes";

const over = ["settled", "refunded"];

// Asked is who wants or had a score: what was asked for against what was granted.
export default function Asked() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Borrowing>("borrower");
  const [said, setSaid] = useState<Word>();
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const waiting = data.requests.filter((r) => r.stage === "asked" || (!over.includes(r.stage) && !r.holders));
  const past = data.requests.filter((r) => !waiting.includes(r));
  const done = (w: Word) => { setSaid(w); reload(); };
  return (
    <Page title={t("nav.asked")} text={t("borrower.asked.text")}>
      {said && <Alert color="teal" variant="light" role="status">{t(said)}</Alert>}
      {problem && <Trouble problem={problem} again={reload} />}
      {waiting.length === 0 && <Card><Empty text={t("borrower.waiting.none")} next={[t("borrower.id"), () => go("/")]} /></Card>}
      {waiting.map((r) => <Wish key={r.id} of={r} files={data.files.some((f) => f.latest)} done={done} reload={reload} />)}
      <Beforehand data={data} done={done} />
      {data.permits.filter((g) => (g.calls ?? 0) > 0).length > 0 && (
        <Card title={t("borrower.permits")}>{data.permits.filter((g) => (g.calls ?? 0) > 0).map((g) => <PermitRow key={g.id} of={g} now={data.now} done={done} />)}</Card>
      )}
      {past.length > 0 && <Card title={t("borrower.past")}>{past.map((r) => <Past key={r.id} of={r} />)}</Card>}
    </Page>
  );
}

// Wish is one request: asked for against granted; then allow and deny, as large as each
// other, and what allowing cannot undo.
function Wish({ of: r, files, done, reload }: { of: Request; files: boolean; done: (w: Word) => void; reload: () => void }) {
  const { t, known, time } = useWords();
  const work = useWork();
  const [given, setGiven] = useState<{ score: number; reasons: Reason[] }>();
  const { language } = useWords();
  const allow = async () => {
    const got = await work.run<{ score: number; reasons: Reason[] }>("consent", { job: r.id });
    if (got) setGiven(got); else reload();
  };
  const deny = async () => { if (await work.run("deny", { job: r.id })) done("borrower.denied"); };
  const begun = r.stage !== "asked";
  return (
    <Card title={t("borrower.asks", { lender: r.lender })}>
      <table className="changes against">
        <thead><tr><th /><th>{t("borrower.asked.for")}</th><th>{t("borrower.granted.if")}</th></tr></thead>
        <tbody>
          <tr><th scope="row">{t("borrower.away.who")}</th><td><Named name={r.lender} id={r.asker} /></td><td>{t("borrower.who.only")}</td></tr>
          <tr><th scope="row">{t("borrower.what")}</th><td>{t("borrower.what.score", { model: r.model_name })}</td><td>{t("borrower.what.given")}</td></tr>
          <tr><th scope="row">{t("consent.purpose")}</th><td>{known("purpose." + r.purpose)}</td><td>{t("borrower.purpose.same")}</td></tr>
          <tr><th scope="row">{t("consent.price")}</th><td>{t("borrower.price", { lender: r.lender, n: r.fee })}</td><td>{t("borrower.price.none")}</td></tr>
          <tr><th scope="row">{t("consent.end")}</th><td>{time(r.deadline)}</td><td>{t("borrower.end.once")}</td></tr>
          <tr><th scope="row">{t("borrower.file")}</th><td>{t("borrower.file.not")}</td><td>{t("borrower.file.never")}</td></tr>
        </tbody>
      </table>
      <Text size="sm" mt="md"><b>{t("borrower.undo")}</b> {t("borrower.undo.text", { lender: r.lender })}</Text>
      <Text size="sm" className="faint" mt={6} mb="md">{t("borrower.consent.how")}</Text>
      {!files && <Alert color="orange" variant="light" mb="md">{t("borrower.nofile")}</Alert>}
      {work.problem && <Trouble problem={work.problem} />}
      {work.busy && <Stage progress={work.progress} />}
      {given ? (
        <Alert color="teal" variant="light" title={t("borrower.consented", { lender: r.lender, n: given.score })} role="status">
          <ul className="reasons">{given.reasons.map((x) => <li key={x.code}>{language === "zh" ? x.zh : x.en}</li>)}</ul>
          <Button size="xs" variant="default" mt="sm" onClick={() => done("borrower.consented.done")}>{t("borrower.ok")}</Button>
        </Alert>
      ) : (
        <Group grow maw={460} mt="sm">
          <Button variant="outline" disabled={work.busy || begun} onClick={deny}>{t("consent.deny")}</Button>
          <Button variant="outline" loading={work.busy} disabled={!files} onClick={allow}>{t(begun ? "borrower.goon" : "consent.allow")}</Button>
        </Group>
      )}
    </Card>
  );
}

// Beforehand permits a lender some scores while the borrower is away.
function Beforehand({ data, done }: { data: Borrowing; done: (w: Word) => void }) {
  const { t, known, time } = useWords();
  const work = useWork();
  const [open, setOpen] = useState(false);
  const [to, setTo] = useState("");
  const [who, setWho] = useState<{ name: string; role: string }>();
  const [purpose, setPurpose] = useState("credit-transaction");
  const [days, setDays] = useState("30");
  const [calls, setCalls] = useState("3");
  const away = data.files.some((f) => f.latest && f.away);
  if (!open) {
    return (
      <Card title={t("borrower.away")} quiet>
        <Group justify="space-between"><Text className="faint" maw={560}>{t(away ? "borrower.away.text" : "borrower.away.cannot")}</Text>{away && <Button size="xs" variant="default" onClick={() => setOpen(true)}>{t("borrower.away.do")}</Button>}</Group>
      </Card>
    );
  }
  const look = async (e: FormEvent) => { e.preventDefault(); setWho(await work.run("party", { party: to.trim() })); };
  const allow = async () => {
    if (await work.run("permit", { model: "", lender: to.trim(), purpose, days: Number(days), calls: Number(calls) })) { setOpen(false); done("borrower.away.done"); }
  };
  return (
    <Card title={t("borrower.away")}>
      <form onSubmit={look}>
        <Stack gap="sm">
          <Text size="sm">{t("borrower.away.how")}</Text>
          <TextInput label={t("borrower.away.who")} description={t("borrower.away.who.help")} value={to} onChange={(e) => { setTo(e.currentTarget.value); setWho(undefined); }} autoComplete="off" spellCheck={false} required />
          <NativeSelect label={t("consent.purpose")} value={purpose} onChange={(e) => setPurpose(e.currentTarget.value)} data={["credit-transaction", "account-review"].map((p) => ({ value: p, label: known("purpose." + p) }))} />
          <Group grow><TextInput type="number" min={1} max={3650} label={t("consent.days")} value={days} onChange={(e) => setDays(e.currentTarget.value)} /><TextInput type="number" min={1} max={64} label={t("borrower.away.calls")} value={calls} onChange={(e) => setCalls(e.currentTarget.value)} /></Group>
          {work.problem && <Trouble problem={work.problem} />}
          {!who && <Group><Button type="submit" variant="default" loading={work.busy}>{t("consent.to.check")}</Button><Button variant="subtle" onClick={() => setOpen(false)}>{t("word.cancel")}</Button></Group>}
        </Stack>
      </form>
      {who && (
        <Stack gap={6} mt="md" role="group" aria-label={t("consent.summary")}>
          <Facts of={[[t("borrower.away.who"), <><Named name={who.name} id={to.trim()} /> · {known("role." + who.role) || who.role}</>], [t("consent.purpose"), known("purpose." + purpose)], [t("borrower.away.calls"), calls], [t("consent.end"), time(data.now + Number(days) * 86400)]]} />
          <Text size="sm">{t("borrower.away.undo")}</Text>
          <Group mt="xs" grow maw={460}><Button variant="outline" disabled={work.busy} onClick={() => setOpen(false)}>{t("consent.deny")}</Button><Button variant="outline" loading={work.busy} onClick={allow}>{t("consent.allow")}</Button></Group>
        </Stack>
      )}
    </Card>
  );
}

function PermitRow({ of: g, now, done }: { of: Permit; now: number; done: (w: Word) => void }) {
  const { t, known, time } = useWords();
  const work = useWork();
  const [sure, setSure] = useState(false);
  const live = !g.revoked && g.until > now;
  const revoke = async () => { if (await work.run("revoke", { grant: g.id })) done("consent.revoked.now"); };
  return (
    <div className="row">
      <div>
        <Group gap={8}><Text fw={600}><Named name={g.name} id={g.to} /></Text><Badge variant="light" color={live ? "teal" : "gray"} tt="none">{t(live ? "consent.live" : "consent.over")}</Badge></Group>
        <Text size="sm">{t("borrower.permit", { purpose: known("purpose." + g.purpose), used: g.jobs?.length ?? 0, calls: g.calls ?? 0, until: time(g.until) })}</Text>
      </div>
      {live && !sure && <Button size="xs" variant="default" onClick={() => setSure(true)}>{t("consent.revoke")}</Button>}
      {sure && (
        <div role="alertdialog" aria-label={t("consent.revoke.title")} style={{ width: "100%" }}>
          <Text size="sm">{t("borrower.revoke.stops")}</Text>
          <Text size="sm" mb={10}>{t("borrower.revoke.stays", { lender: g.name })}</Text>
          {work.problem && <Trouble problem={work.problem} />}
          <Group gap={8}><Button size="xs" color="red" loading={work.busy} onClick={revoke}>{t("consent.revoke")}</Button><Button size="xs" variant="default" onClick={() => setSure(false)}>{t("word.cancel")}</Button></Group>
        </div>
      )}
    </div>
  );
}

function Past({ of: r }: { of: Request }) {
  const { t, known } = useWords();
  const [busy, setBusy] = useState(false);
  const receipt = async () => {
    setBusy(true);
    try {
      const got = await desk().call<{ bundle: unknown }>("receipt", { job: r.id });
      save(r.id + ".receipt.json", JSON.stringify(got.bundle, null, 1));
    } finally { setBusy(false); }
  };
  const at = r.at.settled ?? r.at.refunded ?? r.at.ready ?? r.at.asked ?? 0;
  return (
    <div className="row">
      <div>
        <Group gap={8}><Text fw={600}>{r.lender}</Text><Badge variant="light" color={r.stage === "settled" ? "teal" : "gray"} tt="none">{known("credit.stage." + r.stage) || r.stage}</Badge></Group>
        <Text size="sm">{t("borrower.past.asked", { purpose: known("purpose." + r.purpose), model: r.model_name })} · {r.granted ? t("borrower.past.granted") : t("borrower.past.nothing")}</Text>
        <Text size="sm" className="faint"><Time at={at} /></Text>
      </div>
      {r.stage === "settled" && <Button size="xs" variant="default" loading={busy} onClick={() => void receipt()}>{t("finding.receipt.save")}</Button>}
    </div>
  );
}
