import { Alert, Badge, Button, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Named } from "../parts/named";
import { Card, Empty, Facts, Loading, Page, Trouble, useCall, useWork } from "../parts/parts";
import type { Grant, Overview } from "../parts/shapes";
import { go } from "../parts/way";
import { type Word, useWords } from "../words/words";

// A Wish is a hospital's link to this page (pages/hospital/request.tsx):
// /consent?to=ITS-ID&purpose=care&days=30&until=SECONDS, the second until which it is good.
interface Wish { to: string; purpose: string; days: number; until: number }
function asked(): Wish {
  const q = new URLSearchParams(location.search);
  return { to: q.get("to") ?? "", purpose: q.get("purpose") ?? "", days: Number(q.get("days")) || 0, until: Number(q.get("until")) || 0 };
}
const nothing: Wish = { to: "", purpose: "", days: 0, until: 0 };

export default function Consent({ id: record }: { id: string }) {
  const { t, time } = useWords();
  const { data, problem, reload } = useCall<Overview>("home");
  const [link] = useState(asked);
  const [said, setSaid] = useState<Word>();
  const [given, setGiven] = useState(""); // the permission that was given just now
  const work = useWork();
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const mine = (data.grants ?? []).filter((g) => g.owner === data.party);
  const records = (data.records ?? []).filter((r) => !r.erased);
  const undo = async () => {
    if (await work.run("revoke", { grant: given })) { setGiven(""); setSaid("consent.undone"); reload(); }
  };
  const over = link.until > 0 && link.until <= data.now;
  return (
    <Page title={t("consent.title")}>
      {over && <Alert color="orange" role="alert" title={t("consent.link.over", { time: time(link.until) })}><Text size="sm">{t("consent.link.again")}</Text></Alert>}
      {said && <Group gap="sm"><Text role="status" fw={600}>{t(said)}</Text>{given && <Button size="xs" variant="default" loading={work.busy} onClick={undo}>{t("word.undo")}</Button>}</Group>}
      {work.problem && <Trouble problem={work.problem} again={undo} />}
      <Card>
        {mine.length === 0 ? <Empty text={t("consent.none")} next={records.length > 0 ? undefined : [t("home.scans.first"), () => go("/upload")]} /> : mine.map((g) => <Row key={g.id} grant={g} now={data.now} name={data.names[g.to] || g.to} changed={() => { setGiven(""); setSaid("consent.revoked.now"); reload(); }} />)}
      </Card>
      {records.length > 0 && <Give data={data} record={record} wish={over ? nothing : link} done={(w, grant) => { setGiven(grant ?? ""); setSaid(w); reload(); }} />}
    </Page>
  );
}

function Row({ grant: g, now, name, changed }: { grant: Grant; now: number; name: string; changed: () => void }) {
  const { t, known, time } = useWords();
  const work = useWork();
  const [sure, setSure] = useState(false);
  const live = !g.revoked && g.until > now;
  const revoke = async () => {
    if (await work.run("revoke", { grant: g.id })) { setSure(false); changed(); }
  };
  return (
    <div className="row">
      <div>
        <Group gap={8}><Text fw={600}><Named name={name} id={g.to} /></Text><Badge variant="light" color={live ? "teal" : "gray"}>{live ? t("consent.live") : t("consent.over")}</Badge></Group>
        <Text size="sm">{t("consent.granted", { purpose: known("purpose." + g.purpose) || g.purpose, until: time(g.until) })}</Text>
        <Text size="sm" className="faint">{g.revoked ? <Stamp word="consent.revoked" at={g.revoked} /> : !live && <Stamp word="consent.ended" at={g.until} />}</Text>
        <Text className="id faint">{g.record}</Text>
      </div>
      {live && !sure && <Button size="xs" variant="default" onClick={() => setSure(true)}>{t("consent.revoke")}</Button>}
      {sure && (
        <div role="alertdialog" aria-label={t("consent.revoke.title")} style={{ width: "100%" }}>
          <Text fw={600}>{t("consent.revoke.title")}</Text>
          <Text size="sm">{t("consent.revoke.stops")}</Text>
          <Text size="sm" mb={10}>{t("consent.revoke.stays", { name })}</Text>
          <Group gap={8}><Button size="xs" color="red" loading={work.busy} onClick={revoke}>{t("consent.revoke")}</Button><Button size="xs" variant="default" onClick={() => setSure(false)}>{t("word.cancel")}</Button></Group>
        </div>
      )}
      {work.problem && <Trouble problem={work.problem} />}
    </div>
  );
}

function Stamp({ word, at }: { word: Word; at: number }) {
  const { t, time, utc } = useWords();
  return <time dateTime={new Date(at * 1000).toISOString()} title={t("word.utc", { time: utc(at) })}>{t(word, { time: time(at) })}</time>;
}

// Give is the consent page: who, what, purpose, end and price first; then allow and
// deny, as large as each other.
function Give({ data, record, wish, done }: { data: Overview; record: string; wish: Wish; done: (w: Word, grant?: string) => void }) {
  const { t, known, time } = useWords();
  const work = useWork();
  const records = (data.records ?? []).filter((r) => !r.erased);
  const [what, setWhat] = useState(record || records[0].id);
  const [to, setTo] = useState(wish.to);
  const [who, setWho] = useState<{ name: string; role: string }>();
  const [days, setDays] = useState(String(wish.days || 30));
  const kind = records.find((r) => r.id === what)?.kind ?? "";
  const purposes = kind === "health/study" ? ["care"] : ["research", "care"];
  const [picked, setPurpose] = useState(wish.purpose);
  const purpose = purposes.includes(picked) ? picked : purposes[0];
  const look = async (e: FormEvent) => {
    e.preventDefault();
    setWho(await work.run("party", { party: to.trim() }));
  };
  const allow = async () => {
    const grant = await work.run<Grant>("grant", { record: what, to: to.trim(), purpose, days: Number(days) });
    if (grant) { setWho(undefined); setTo(""); done("consent.allowed", grant.id); }
  };
  const until = time(data.now + Number(days) * 86400);
  const name = who && <><Named name={who.name} id={to.trim()} /> · {known("role." + who.role) || who.role}</>, thing = `${known("kind." + kind)} …${what.slice(-6)}`;
  return (
    <Card title={t("consent.new")}>
      <form onSubmit={look}>
        <Stack gap="sm">
          <NativeSelect label={t("consent.record")} value={what} onChange={(e) => setWhat(e.currentTarget.value)}
            data={records.map((r) => ({ value: r.id, label: `${known("kind." + r.kind) || r.kind}, ${time(r.versions[r.versions.length - 1].at)} (…${r.id.slice(-6)})` }))} />
          <NativeSelect label={t("consent.purpose")} value={purpose} onChange={(e) => setPurpose(e.currentTarget.value)} data={purposes.map((p) => ({ value: p, label: known("purpose." + p) }))} />
          <TextInput type="number" min={1} max={3650} label={t("consent.days")} value={days} onChange={(e) => setDays(e.currentTarget.value)} />
          <TextInput label={t("consent.to")} description={t("consent.to.help")} value={to} onChange={(e) => { setTo(e.currentTarget.value); setWho(undefined); }} autoComplete="off" spellCheck={false} required />
          {work.problem && <Trouble problem={work.problem} />}
          {!who && <Group><Button type="submit" variant="default" loading={work.busy}>{t("consent.to.check")}</Button></Group>}
        </Stack>
      </form>
      {who && (
        <Stack gap={6} mt="md" role="group" aria-label={t("consent.summary")}>
          <Text fw={600}>{t("consent.summary")}</Text>
          {wish.to === to.trim() && wish.to !== "" ? (
            <table className="changes against">
              <thead><tr><th /><th>{t("consent.asked.for")}</th><th>{t("consent.granted.if")}</th></tr></thead>
              <tbody>
                <tr><th scope="row">{t("consent.to")}</th><td>{name}</td><td>{name}</td></tr>
                <tr><th scope="row">{t("consent.record")}</th><td>{t("consent.asked.record")}</td><td>{thing}</td></tr>
                <tr><th scope="row">{t("consent.purpose")}</th><td>{known("purpose." + wish.purpose) || t("consent.asked.open")}</td><td>{known("purpose." + purpose)}</td></tr>
                <tr><th scope="row">{t("consent.end")}</th><td>{wish.days > 0 ? time(data.now + wish.days * 86400) : t("consent.asked.open")}</td><td>{until}</td></tr>
                <tr><th scope="row">{t("consent.price")}</th><td>{t("consent.price.none")}</td><td>{t("consent.price.none")}</td></tr>
              </tbody>
            </table>
          ) : <Facts of={[[t("consent.to"), name], [t("consent.record"), thing], [t("consent.purpose"), known("purpose." + purpose)], [t("consent.end"), until], [t("consent.price"), t("consent.price.none")]]} />}
          <Text size="sm">{t("consent.irrevocable")}</Text>
          <Group mt="xs" grow maw={420}>
            <Button variant="outline" onClick={() => { setWho(undefined); setTo(""); done("consent.denied"); }}>{t("consent.deny")}</Button>
            <Button variant="outline" loading={work.busy} onClick={allow}>{t("consent.allow")}</Button>
          </Group>
        </Stack>
      )}
    </Card>
  );
}
