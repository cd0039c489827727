import "./credit.css";
import { Alert, Button, Chip, Group, NativeSelect, Stack, Text, TextInput, Textarea } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Card, Loading, Page, Trouble, useCall, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import { Listen } from "./listen";
import { Reading } from "./reading";
import { type Heard, type Sort, pick } from "./shapes";

// A sentence is read word for word: refused with the place, asked about, or told back
// in both languages.
export default function NewContract() {
  const { t, language } = useWords();
  const sorts = useCall<Sort[]>("contract.sorts");
  const work = useWork();
  const [sentence, setSentence] = useState("");
  const [answers, setAnswers] = useState<Record<string, string>>({});
  const [parties, setParties] = useState<Record<string, string>>({});
  const [heard, setHeard] = useState<Heard>();
  const anew = (text: string) => { setSentence(text); setHeard(undefined); setAnswers({}); setParties({}); };
  const read = async (more?: { template?: string }) => {
    const given = (all: Record<string, string>) => Object.fromEntries(Object.entries(all).map(([k, v]) => [k, v.trim()]).filter(([, v]) => v));
    setHeard(await work.run<Heard>("contract.hear", { sentence: sentence.trim(), template: more?.template ?? "", answers: given(answers), parties: given(parties) }));
  };
  const submit = (e: Pick<FormEvent, "preventDefault">) => { e.preventDefault(); void read(); };
  if (!sorts.data) return sorts.problem ? <Trouble problem={sorts.problem} again={sorts.reload} /> : <Loading />;
  return (
    <Page title={t("contract.new")} text={t("contract.new.text")}>
      <Card>
        <form onSubmit={submit}>
          <Stack>
            <NativeSelect label={t("contract.example")} value="" onChange={(e) => e.currentTarget.value && anew(e.currentTarget.value)}
              data={[{ value: "", label: t("contract.example.none") }, ...sorts.data.map((s) => ({ value: pick(language, s.example), label: pick(language, s.title) }))]} />
            <Textarea label={t("contract.sentence")} description={t("contract.sentence.help")} value={sentence} onChange={(e) => anew(e.currentTarget.value)} autosize minRows={3} maxLength={2000} required
              placeholder={sorts.data[0] && pick(language, sorts.data[0].example)} onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && sentence.trim()) submit(e); }} />
            <Listen heard={anew} />
            <Group><Button type="submit" loading={work.busy} disabled={!sentence.trim()}>{t("contract.hear")}</Button></Group>
          </Stack>
        </form>
      </Card>
      {work.problem && <Trouble problem={work.problem} />}
      {heard?.refused && <Refused of={heard.refused} />}
      {heard && !heard.refused && (heard.ask.length > 0 || heard.roles.length > 0) && (
        <Card title={t("contract.ask", { what: heard.template ? pick(language, heard.title) : t("contract.ask.open") })}>
          <form onSubmit={submit}>
            <Stack>
              {heard.ask.map((q) => q.param === "template"
                ? <Group key={q.param} gap={8}>{q.candidates?.map((c) => <Button key={c} size="xs" variant="default" onClick={() => void read({ template: c })}>{pick(language, sorts.data!.find((s) => s.name === c)!.title)}</Button>)}</Group>
                : <Asked key={q.param} text={q.text} lang={heard.language} candidates={q.candidates ?? []} value={answers[q.param] ?? ""} set={(v) => setAnswers({ ...answers, [q.param]: v })} />)}
              {heard.roles.map((r) => (
                <TextInput key={r.role} label={t("contract.party", { role: pick(language, r.told) })} description={t("contract.party.help")} value={parties[r.role] ?? ""} autoComplete="off" spellCheck={false} required
                  onChange={(e) => setParties({ ...parties, [r.role]: e.currentTarget.value })} />
              ))}
              <Group><Button type="submit" loading={work.busy}>{t("contract.answer")}</Button></Group>
            </Stack>
          </form>
        </Card>
      )}
      {heard?.draft && <Reading draft={heard.draft} away={() => setHeard(undefined)} sign="open" />}
    </Page>
  );
}

function Asked({ text, lang, candidates, value, set }: { text: string; lang: string; candidates: string[]; value: string; set: (v: string) => void }) {
  return (
    <div>
      <TextInput label={<span lang={lang === "zh" ? "zh-Hans" : "en"}>{text}</span>} value={value} onChange={(e) => set(e.currentTarget.value)} autoComplete="off" required />
      {candidates.length > 0 && <Group gap={8} mt={8}>{candidates.map((c) => <Chip key={c} size="xs" checked={value === c} onChange={() => set(c)}>{c}</Chip>)}</Group>}
    </div>
  );
}

function Refused({ of }: { of: NonNullable<Heard["refused"]> }) {
  const { t } = useWords();
  return (
    <Alert color="orange" variant="light" title={t("contract.refused")} role="alert">
      <Text className="understood"><span>{of.understood}</span> <mark>{of.rest}</mark></Text>
      <Text size="sm" mt={8}>{of.rest ? t("contract.refused.place") : t("contract.refused.more")}</Text>
    </Alert>
  );
}
