import { Alert, Button, Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { Card, Facts, Stage, Trouble, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import type { CardOf, Field, Model, Trial } from "./shapes";

const middle = (f: Field) => String(f.codes?.length ? f.codes[0] : Number((f.centre || (f.min + f.max) / 2).toPrecision(3)));

// Try runs a model on measurements that somebody makes up, or on noise, encrypted and in
// the clear, here: nobody is asked and nothing is paid.
export function Try({ model, card }: { model: Model; card: CardOf }) {
  const { t, bytes } = useWords();
  const work = useWork();
  const fields = card.chart?.fields ?? [];
  const [values, setValues] = useState<Record<string, string>>(() => Object.fromEntries(fields.map((f) => [f.name, middle(f)])));
  const [got, setGot] = useState<Trial>();
  const run = async () => {
    const given = Object.fromEntries(Object.entries(values).filter(([, v]) => v.trim() !== "").map(([k, v]) => [k, Number(v)]));
    setGot(await work.run<Trial>("try", { model: model.id, ...(fields.length > 0 ? { values: given } : {}) }));
  };
  const seconds = (s: number) => t("try.seconds", { n: s < 0.01 ? s.toFixed(4) : s.toFixed(2) });
  return (
    <Card title={t("try.title")}>
      <Text className="faint" mb="md">{t(fields.length > 0 ? "try.text" : "try.noise")}</Text>
      {fields.length > 0 && (
        <div className="figures" style={{ marginBottom: 16 }}>
          {fields.map((f) => f.codes?.length
            ? <NativeSelect key={f.name} label={f.name} value={values[f.name]} onChange={(e) => setValues({ ...values, [f.name]: e.currentTarget.value })} data={["", ...f.codes.map(String)]} />
            : <TextInput key={f.name} type="number" step="any" label={f.name} value={values[f.name]} onChange={(e) => setValues({ ...values, [f.name]: e.currentTarget.value })} />)}
        </div>
      )}
      {!work.busy && <Button onClick={run}>{t("try.do")}</Button>}
      {work.busy && <Group justify="space-between" align="flex-end"><div style={{ flex: 1 }}><Stage progress={work.progress} /></div><Button size="xs" variant="default" onClick={work.pause}>{t("word.cancel")}</Button></Group>}
      {work.problem && <Trouble problem={work.problem} again={run} />}
      {got && !work.busy && (
        <div role="status" style={{ marginTop: 16 }}>
          <div className="figures">
            <div><b>{got.clear.toFixed(5)}</b><span>{t("try.clear")}</span></div>
            <div><b>{got.encrypted.toFixed(5)}</b><span>{t("try.encrypted")}</span></div>
            <div><b>{got.difference.toExponential(1)}</b><span>{t("try.difference", { n: got.stated.toExponential(1) })}</span></div>
            <div><b>{(100 * got.chance).toFixed(1)} %</b><span>{got.threshold !== undefined ? t("try.chance", { n: (100 * got.threshold).toFixed(0) }) : t("try.chance.plain")}</span></div>
          </div>
          {got.difference <= got.stated ? <Alert color="teal" my="md">{t("try.good")}</Alert> : <Alert color="red" my="md">{t("try.bad")}</Alert>}
          <details><summary>{t("try.took")}</summary>
            <Facts of={[[t("try.keys"), `${seconds(got.keys_seconds)}, ${bytes(got.key_bytes)}`], [t("try.encrypt"), `${seconds(got.encrypt_seconds)}, ${bytes(got.bytes_up)}`], [t("try.evaluate"), seconds(got.evaluate_seconds)], [t("try.decrypt"), `${seconds(got.decrypt_seconds)}, ${bytes(got.bytes_down)}`]]} />
          </details>
        </div>
      )}
    </Card>
  );
}
