import { Alert, Button, Checkbox, Group, NativeSelect, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { Bars, Gauge } from "../../parts/chart";
import { Card, Copy, Facts, Loading, Page, Time, Trouble, useCall, useWork } from "../../parts/parts";
import { To } from "../../parts/way";
import { type Word, useWords } from "../../words/words";
import { localToken } from "../../worker/local";
import type { Here, Tables, TrainingPage } from "./shapes";
import { stageTone } from "./trainings";

// Training is one agreement of hospitals: who votes, what it costs, rounds, what each
// brought, versions and the release.
export default function Training({ id }: { id: string }) {
  const { t, known } = useWords();
  const { data: x, problem, reload } = useCall<TrainingPage>("training", { training: id });
  const live = x && x.stage !== "released" && x.stage !== "stopped";
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(reload, 4000);
    return () => clearInterval(timer);
  }, [live, reload]);
  if (!x) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const name = (p: string) => x.names[p] || `…${p.slice(-8)}`;
  const vote = (p: string) => (x.left?.includes(p) ? "left" : x.votes?.find((v) => v.site === p)?.yes === true ? "yes" : x.votes?.some((v) => v.site === p) ? "no" : "not");
  return (
    <Page title={x.title} text={t("train.by", { name: name(x.proposer) })} aside={<span className={stageTone(x.stage)}>{t(("train.stage." + x.stage) as Word)}</span>}>
      {problem && <Trouble problem={problem} again={reload} />}
      <Alert color="teal" variant="light">✓ {t("train.signed")}</Alert>
      <Card>
        <Facts of={[
          [t("train.model"), `${x.model.kind}, ${t("train.parameters", { n: x.model.parameters })}`], [t("train.on"), known("kind." + x.kind) || x.kind], [t("train.needs"), t("train.needs.of", { n: x.quorum, m: x.minimum })],
          [t("train.leaves"), t(x.export ? "train.leaves.yes" : "train.leaves.no")], [t("train.hub"), <span className="id">{x.hub}</span>], [t("consent.end"), <Time at={x.until} />],
          ...(x.parent ? [[t("train.from"), <To to={"/training/" + x.parent.id}>{x.parent.title}</To>] as [string, React.ReactNode]] : []),
        ]} />
        <Group gap={8} mt="sm"><Copy text={x.id} /><Text className="id faint">{x.id}</Text></Group>
        <details style={{ marginTop: 12 }}><summary>{t("train.columns", { n: x.columns.length })}</summary>
          <Facts of={[...x.columns, x.label].map((c) => [c.name, c.codes?.length ? c.codes.join(", ") : `${c.low} – ${c.high} ${c.unit ?? ""}`])} /></details>
      </Card>
      {x.invited && (localToken() ? <Mine training={x} changed={reload} /> : x.stage === "voting" && !x.voted && <Elsewhere />)}
      <Card title={t("train.privacy")}>
        {x.epsilon ? (
          <>
            <Gauge label={t("train.spent", { n: x.spent.toFixed(2), all: x.epsilon.toFixed(2) })} whole={x.epsilon} spent={x.spent} />
            <Text size="sm" mt={8}>{t("train.spent", { n: x.spent.toFixed(2), all: x.epsilon.toFixed(2) })} {t("train.paid")}</Text>
          </>
        ) : <Alert color="orange">{t("train.unbounded.text")}</Alert>}
      </Card>
      <Card title={t("train.who")}>
        {x.sites.map((p) => (
          <div className="row" key={p}><Text fw={500}>{name(p)}</Text><span className={vote(p) === "yes" ? "pill good" : vote(p) === "not" ? "pill wait" : "pill"}>{t(("train.vote." + vote(p)) as Word)}</span></div>
        ))}
      </Card>
      <Card title={t("train.rounds", { n: x.round ?? 0, all: x.rounds })}>
        {x.rounded.length === 0 ? <Text>{t("train.rounds.none")}</Text> : (
          <>
            <Bars title={t("train.records")} first={t("train.round")} second={t("train.records.short")} bars={x.rounded.map((r) => ({ label: String(r.round), value: r.records ?? 0, text: String(r.records ?? 0), quiet: r.failed }))} />
            <div className="scroll" tabIndex={0}><table className="changes stack">
              <thead><tr><th scope="col">{t("train.round")}</th><th scope="col">{t("train.opened")}</th><th scope="col">{t("train.covered")}</th><th scope="col">{t("train.result")}</th><th scope="col">{t("train.records.short")}</th></tr></thead>
              <tbody>{[...x.rounded].reverse().map((r) => (
                <tr key={r.round}><td data-label={t("train.round")}>{r.round}</td><td data-label={t("train.opened")}><Time at={r.opened} /></td><td data-label={t("train.covered")}>{(r.covers ?? []).map((c) => name(c.site)).join(", ") || "–"}</td>
                  <td data-label={t("train.result")}>{r.failed ? <span className="pill bad">{t("train.round.failed")}</span> : r.result ? <span className="id">{r.result.slice(0, 10)}</span> : <span className="pill wait">{t("train.round.under")}</span>}</td><td data-label={t("train.records.short")}>{r.records ?? "–"}</td></tr>
              ))}</tbody>
            </table></div>
          </>
        )}
      </Card>
      {x.release && (
        <Card title={t("train.release")}>
          <Text mb="md">{t("train.release.text", { n: x.release.round, agreed: x.release.agreed?.length ?? 0, quorum: x.quorum })}</Text>
          <Bars title={t("train.brought")} first={t("train.site")} second="%" bars={x.release.shares.map((s) => ({ label: name(s.to), value: s.parts, text: `${(s.parts / 100).toFixed(2)} %` }))} />
          {x.offered.map((m) => <Text key={m.id} mt="sm">{t("train.offered", { name: `${m.name} ${m.version}` })}</Text>)}
        </Card>
      )}
      {(x.versions?.length ?? 0) > 0 && (
        <Card title={t("train.lineage")}>
          <ol className="timeline">{[...(x.versions ?? [])].reverse().slice(0, 30).map((v) => (
            <li key={v.round}><Text fw={500}>{t("train.version", { n: v.round })} <span className="id faint">{v.hash.slice(0, 16)}</span></Text><Text size="sm" className="faint">{t("train.version.of", { parent: v.parent.slice(0, 12), sites: v.sites.map(name).join(", ") })}</Text></li>
          ))}<li><Text size="sm" className="faint">{t("train.start")} <span className="id">{x.start.slice(0, 16)}</span></Text></li></ol>
        </Card>
      )}
    </Page>
  );
}

// Mine is what this hospital has decided, and can decide.
function Mine({ training: x, changed }: { training: TrainingPage; changed: () => void }) {
  const { t } = useWords();
  const here = useCall<{ status: Here[] }>("train.status", { training: x.id });
  const tables = useCall<Tables>("train.tables");
  const work = useWork();
  const [table, setTable] = useState("");
  const [release, setRelease] = useState(true);
  const does = async (what: string, more?: object) => {
    if (await work.run("train." + what, { training: x.id, ...more })) { changed(); here.reload(); }
  };
  const me = here.data?.status?.[0];
  const names = tables.data?.tables ?? [];
  const picked = table || names[0] || "";
  return (
    <Card title={t("train.here")}>
      {here.problem && <Trouble problem={here.problem} again={here.reload} />}
      {me && <Facts of={[[t("train.table"), me.table || "–"], [t("train.granted"), String(me.granted)]]} />}
      {x.stage === "voting" && !x.voted && (
        <>
          <Text my="sm">{t("train.ask")}</Text>
          {names.length === 0 ? <Alert color="gray" mb="sm">{t("train.tables.none")} <span className="id">{tables.data?.folder}</span></Alert> : (
            <Group align="flex-end" gap="sm" mb="sm"><NativeSelect label={t("train.table")} value={picked} onChange={(e) => setTable(e.currentTarget.value)} data={names} />
              {x.export && <Checkbox pb={8} label={t("train.assent.too")} checked={release} onChange={(e) => setRelease(e.currentTarget.checked)} />}</Group>
          )}
          <Group grow maw={420}><Button variant="outline" loading={work.busy} onClick={() => void does("decline")}>{t("train.decline")}</Button><Button variant="outline" loading={work.busy} disabled={!picked} onClick={() => void does("join", { table: picked, export: x.export && release })}>{t("train.join")}</Button></Group>
        </>
      )}
      {x.stage === "asked" && !x.release?.agreed?.length && <Button mt="sm" loading={work.busy} onClick={() => void does("assent")}>{t("train.assent")}</Button>}
      {work.problem && <Trouble problem={work.problem} />}
    </Card>
  );
}

function Elsewhere() {
  const { t } = useWords();
  return <Card title={t("train.here")}><Text className="faint" mb="sm">{t("train.elsewhere")}</Text><div className="command"><code>manx edge{"\n"}manx edge page</code></div></Card>;
}
