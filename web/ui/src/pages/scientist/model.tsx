import { Alert, Badge, Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Copy, Facts, Loading, Page, Trouble, useCall, useWork } from "../../parts/parts";
import { To } from "../../parts/way";
import { useWords } from "../../words/words";
import type { ModelPage } from "./shapes";
import { Try } from "./try";
import { TryFile } from "./tryfile";

const number = (x: number) => (Math.abs(x) >= 0.001 || x === 0 ? x.toFixed(3) : x.toExponential(1));

// ModelCard is all that is published of a model.
export default function ModelCard({ id }: { id: string }) {
  const { t, known } = useWords();
  const { data, problem, reload } = useCall<ModelPage>("model", { model: id });
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const { model: m, card: c } = data;
  const credit = data.points || data.trees;
  return (
    <Page title={`${m.name} ${m.version}`} text={undefined} aside={<Group gap={8}>{data.mine && <Badge color="teal" variant="light">{t("models.yours")}</Badge>}{m.retired && <Badge color="gray" variant="light">{t("models.off")}</Badge>}</Group>}>
      <Card>
        <Text size="lg" mb="md" lang="en">{c.summary}</Text>
        <Facts of={[
          [t("model.owner"), data.owner_name || m.owner], [t("model.price"), <>{t("word.man", { n: m.price })}, <span className="faint">{t("model.earns", { n: data.earns })}</span></>], [t("model.licence"), c.licence],
          [t("model.reads"), m.accepts.map((k) => known("kind." + k) || k).join(", ")],
          ...(m.limit ? [[t("model.limit"), t("model.limit.of", { n: m.limit.calls, hours: Math.round(m.limit.within / 3600) })] as [string, string]] : []),
          [t("model.hash"), <span className="id">{m.hash}</span>],
        ]} />
        <Group gap={8} mt="sm"><Copy text={m.id} /><Text className="id faint">{m.id}</Text></Group>
      </Card>
      <Card title={t("model.use")}>
        <div lang="en">
          <ul>{c.intended_use?.map((u) => <li key={u}>{u}</li>)}</ul>
          <Text fw={600} size="sm">{t("model.not")}</Text>
          <ul>{c.not_for?.map((u) => <li key={u}>{u}</li>)}</ul>
        </div>
        <Alert color="orange" variant="light">{t(credit ? "app.research.credit" : "app.research")}</Alert>
      </Card>
      {c.metrics && c.metrics.length > 0 && (
        <Card title={t("model.metrics")}>
          <div className="scroll" tabIndex={0}><table className="changes stack">
            <thead><tr><th scope="col">{t("model.metric")}</th><th scope="col">{t("model.value")}</th><th scope="col">{t("model.interval")}</th><th scope="col">{t("model.method")}</th></tr></thead>
            <tbody lang="en">{c.metrics.map((x) => <tr key={x.name}><td data-label={t("model.metric")}>{x.name}</td><td className="whole" data-label={t("model.value")}><b>{number(x.value)}</b></td><td className="whole" data-label={t("model.interval")}>{x.low !== undefined && x.high !== undefined ? `${number(x.low)} – ${number(x.high)}` : "–"}</td><td data-label={t("model.method")}>{x.method}</td></tr>)}</tbody>
          </table></div>
        </Card>
      )}
      <Card title={t("model.encrypted")}>
        {c.precision && <Facts of={[[t("model.scheme"), c.precision.scheme], [t("model.parameters"), <span lang="en">{c.precision.parameters}</span>], [t("model.bound"), number(c.precision.bound)],
          ...(c.precision.seen ? [[t("model.seen"), t("model.seen.of", { d: c.precision.seen.toExponential(1), n: c.precision.inputs ?? 0 })] as [string, string]] : [])]} />}
        {!c.precision && <Text className="faint">{t(data.points ? "publish.proved" : "model.shares")}</Text>}
        {c.comparison && c.comparison.length > 0 && (
          <div className="scroll" tabIndex={0}><table className="changes" style={{ marginTop: 14 }}>
            <thead><tr><th scope="col">{t("model.metric")}</th><th scope="col">{t("model.clear")}</th><th scope="col">{t("model.cipher")}</th><th scope="col">{t("model.inputs")}</th></tr></thead>
            <tbody lang="en">{c.comparison.map((x) => <tr key={x.name}><td>{x.name}</td><td>{x.clear.toFixed(4)}</td><td>{x.encrypted.toFixed(4)}</td><td>{x.inputs}</td></tr>)}</tbody>
          </table></div>
        )}
      </Card>
      <Card title={t("model.input")}>
        {c.input && <Facts of={[[t("model.modality"), `${c.input.modality}, ${c.input.body_part}`], [t("model.size"), `${c.input.size} × ${c.input.size}`], [t("model.slices"), String(c.input.slices)], [t("model.window"), <span lang="en">{c.input.windowing}</span>],
          ...(c.input.max_age ? [[t("model.ages"), `${c.input.min_age ?? 0} – ${c.input.max_age}`] as [string, string]] : [])]} />}
        {c.chart && (
          <div className="scroll" tabIndex={0}><table className="changes stack">
            <thead><tr><th scope="col">{t("model.field")}</th><th scope="col">{t("model.meaning")}</th><th scope="col">{t("model.range")}</th></tr></thead>
            <tbody>{c.chart.fields.map((f) => <tr key={f.name}><td className="id" data-label={t("model.field")}>{f.name}{f.required && " *"}</td><td lang="en" data-label={t("model.meaning")}>{f.meaning}</td><td data-label={t("model.range")}>{f.codes?.length ? f.codes.join(", ") : `${f.min} – ${f.max}`}</td></tr>)}</tbody>
          </table></div>
        )}
        {!c.input && !c.chart && <Text className="id">{m.features.join(", ")}</Text>}
      </Card>
      {data.graph && c.rule && <Try model={m} card={c} />}
      {credit && <TryFile model={m.id} />}
      <Card title={t("model.provenance")}>
        {c.data?.map((d) => (
          <div className="row" key={d.name}><div lang="en"><Text fw={600}>{d.name}</Text><Text size="sm">{d.attribution}</Text><Text size="sm" className="faint">{d.licence} · {d.rows} rows{d.note && ` · ${d.note}`}</Text></div></div>
        ))}
        {data.training && <Text mt="sm">{t("model.training", { title: data.training.title, n: data.training.round ?? 0 })}</Text>}
        <Text size="sm" className="faint" mt="sm">{t(credit ? "model.reasons.shown" : data.graph ? "model.graph.shown" : "model.graph.hidden")}</Text>
        {c.notes && c.notes.length > 0 && <details><summary>{t("model.notes", { n: c.notes.length })}</summary><ul lang="en">{c.notes.map((n) => <li key={n}><Text size="sm">{n}</Text></li>)}</ul></details>}
      </Card>
      <Card title={t("model.versions")}>
        {data.versions.map((v) => (
          <div className="row" key={v.id}>
            <Text>{v.id === m.id ? <b>{v.version}</b> : <To to={"/model/" + v.id}>{v.version}</To>} {v.retired && <span className="pill">{t("models.off")}</span>}</Text>
            <Text size="sm" className="faint" lang="en" style={{ flex: "1 1 300px" }}>{c.versions?.find((x) => x.version === v.version)?.what}</Text>
            <Text>{t("word.man", { n: v.price })}</Text>
          </div>
        ))}
        {data.mine && !m.retired && <Retire id={m.id} changed={reload} />}
      </Card>
    </Page>
  );
}

function Retire({ id, changed }: { id: string; changed: () => void }) {
  const { t } = useWords();
  const work = useWork();
  const [sure, setSure] = useState(false);
  const retire = async () => {
    if (await work.run("retire", { model: id })) changed();
  };
  if (!sure) return <Button mt="md" size="xs" variant="default" onClick={() => setSure(true)}>{t("model.retire")}</Button>;
  return (
    <div role="alertdialog" aria-label={t("model.retire")}>
      <Text size="sm" my={8}>{t("model.retire.sure")}</Text>
      <Group gap={8}><Button size="xs" color="red" loading={work.busy} onClick={retire}>{t("model.retire")}</Button><Button size="xs" variant="default" onClick={() => setSure(false)}>{t("word.cancel")}</Button></Group>
      {work.problem && <Trouble problem={work.problem} />}
    </div>
  );
}
