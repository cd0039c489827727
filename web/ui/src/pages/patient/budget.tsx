import { Alert, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Gauge } from "../../parts/chart";
import { Card, Empty, Loading, Page, Time, Trouble, useCall, useWork } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";

interface Use { kind: string; of: string; by?: string; at: number; epsilon_alone?: number; exact_results?: number }
interface Preview { exact_results?: number; epsilon_alone: number; epsilon_spent_after: number; epsilon_left_after: number; enough: boolean }
interface Budget {
  record: string; kind: string; epsilon_spent: number; epsilon_left: number; epsilon_limit: number; exact_results: number; uses: Use[]; preview?: Preview;
  names: Record<string, string>; titles: Record<string, string>; training?: string;
}

const eps = (x: number) => x.toFixed(x < 10 ? 2 : 1);

// BudgetPage shows what each record has spent of what may be learnt from it, and what a
// training would spend before anything is granted.
export default function BudgetPage() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Budget[]>("budgets");
  const work = useWork();
  const [training, setTraining] = useState("");
  const [preview, setPreview] = useState<Budget[]>();
  const look = async (e: FormEvent) => {
    e.preventDefault();
    setPreview(await work.run<Budget[]>("budget.preview", { training: training.trim() }));
  };
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const shown = preview ?? data;
  return (
    <Page title={t("budget.title")} text={t("budget.text")}>
      {data.length === 0 ? (
        <Card><Empty text={t("budget.none")} next={[t("nav.upload"), () => go("/upload")]} /></Card>
      ) : (
        <>
          <Card title={t("budget.ask")}>
            <form onSubmit={look}>
              <Stack gap="sm">
                <TextInput label={t("budget.training")} description={t("budget.training.help")} value={training} onChange={(e) => { setTraining(e.currentTarget.value); setPreview(undefined); }} spellCheck={false} autoComplete="off" required />
                <Group><Button type="submit" variant="default" loading={work.busy}>{t("budget.preview")}</Button></Group>
              </Stack>
            </form>
            {work.problem && <Trouble problem={work.problem} />}
            {preview && <Text role="status" mt="sm" fw={600}>{t("budget.previewed", { title: preview[0]?.titles[preview[0].training ?? ""] ?? training })}</Text>}
          </Card>
          {shown.map((b) => <Row key={b.record} budget={b} changed={() => { setPreview(undefined); reload(); }} />)}
        </>
      )}
    </Page>
  );
}

function Row({ budget: b, changed }: { budget: Budget; changed: () => void }) {
  const { t, known } = useWords();
  const p = b.preview;
  const none = b.epsilon_limit === 0;
  const label = t("budget.gauge", { spent: eps(b.epsilon_spent), limit: eps(b.epsilon_limit), left: eps(b.epsilon_left) });
  return (
    <Card title={`${known("kind." + b.kind) || b.kind} …${b.record.slice(-6)}`}>
      <Gauge label={label} whole={b.epsilon_limit} spent={b.epsilon_spent} more={p ? p.epsilon_spent_after - b.epsilon_spent : 0} />
      <Text size="sm" mt={8}>{none ? t("budget.unset") : label}{b.exact_results > 0 && ` ${t("budget.exact", { n: b.exact_results })}`}</Text>
      {p && (p.exact_results
        ? <Alert color="orange" mt="sm">{t("budget.unbounded")}</Alert>
        : <Alert color={p.enough ? "teal" : "red"} mt="sm">{p.enough ? t("budget.enough", { cost: eps(p.epsilon_spent_after - b.epsilon_spent), left: eps(p.epsilon_left_after) }) : t("budget.short", { cost: eps(p.epsilon_spent_after - b.epsilon_spent), left: eps(b.epsilon_left) })}</Alert>)}
      {b.uses.length > 0 && (
        <ol className="timeline" style={{ marginTop: 18 }}>
          {[...b.uses].reverse().map((u, i) => (
            <li key={i}>
              <Text fw={500}>{known("use." + u.kind) || u.kind}{u.by && ` · ${b.names[u.by] || u.by}`}</Text>
              <Text size="sm">{b.titles[u.of] || u.of} · {u.exact_results ? t("budget.exactly", { n: u.exact_results }) : `ε ${eps(u.epsilon_alone ?? 0)}`}</Text>
              <Text size="sm" className="faint"><Time at={u.at} /></Text>
            </li>
          ))}
        </ol>
      )}
      <Limit budget={b} changed={changed} />
    </Card>
  );
}

function Limit({ budget: b, changed }: { budget: Budget; changed: () => void }) {
  const { t } = useWords();
  const work = useWork();
  const [value, setValue] = useState(String(b.epsilon_limit || 4));
  const [open, setOpen] = useState(false);
  const [was, setWas] = useState<number>(); // before the change that was made just now
  const put = async (epsilon: number, before?: number) => {
    if (await work.run("budget.limit", { record: b.record, epsilon })) { setOpen(false); setWas(before); changed(); }
  };
  const set = (e: FormEvent) => { e.preventDefault(); void put(Number(value), b.epsilon_limit); };
  if (!open) {
    return (
      <>
        <Group mt="md" gap="sm"><Button size="xs" variant="default" onClick={() => setOpen(true)}>{t(b.epsilon_limit > 0 ? "budget.change" : "budget.set")}</Button>
          {was !== undefined && <><Text size="sm" role="status">{t("budget.changed", { n: eps(b.epsilon_limit) })}</Text><Button size="xs" variant="default" loading={work.busy} onClick={() => void put(was)}>{t("word.undo")}</Button></>}</Group>
        {work.problem && <Trouble problem={work.problem} />}
      </>
    );
  }
  return (
    <form onSubmit={set}>
      <Group mt="md" align="flex-end" gap="sm">
        <TextInput type="number" min={0} max={100} step="0.1" label={t("budget.limit")} description={t("budget.limit.help")} value={value} onChange={(e) => setValue(e.currentTarget.value)} required />
        <Button type="submit" loading={work.busy}>{t("budget.set")}</Button>
        <Button variant="default" onClick={() => setOpen(false)}>{t("word.cancel")}</Button>
      </Group>
      {work.problem && <Trouble problem={work.problem} />}
    </form>
  );
}
