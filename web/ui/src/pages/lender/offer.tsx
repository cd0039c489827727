import { Alert, Button, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Card, Page, Trouble, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import { Reading } from "../contract/reading";
import type { Heard } from "../contract/shapes";

// Offer makes a loan in instalments that the borrower must accept before anything is
// lent, from the same template as a sentence comes to.
export default function Offer({ id }: { id: string }) {
  const { t } = useWords();
  const work = useWork();
  const [to, setTo] = useState(id);
  const [loan, setLoan] = useState({ amount: "12", count: "12", every: "1mo", rate: "6%", grace: "10d", late: "2%", collateral: "" });
  const [heard, setHeard] = useState<Heard>();
  const set = (name: keyof typeof loan) => (e: { currentTarget: { value: string } }) => { setLoan({ ...loan, [name]: e.currentTarget.value }); setHeard(undefined); };
  const read = async (e: FormEvent) => {
    e.preventDefault();
    const values = Object.fromEntries(Object.entries({ ...loan, lender: "me", borrower: "borrower", consent: "borrower" }).filter(([, v]) => v.trim()));
    setHeard(await work.run<Heard>("contract.hear", { sentence: "", template: "instalment-loan", values, parties: { borrower: to.trim() } }));
  };
  return (
    <Page title={t("lender.offer")} text={t("lender.offer.text")}>
      <Card>
        <form onSubmit={read}>
          <Stack gap="sm">
            <TextInput label={t("lender.subject")} value={to} onChange={(e) => { setTo(e.currentTarget.value); setHeard(undefined); }} autoComplete="off" spellCheck={false} required />
            <div className="fields">
              <TextInput label={t("lender.offer.amount")} value={loan.amount} onChange={set("amount")} required />
              <TextInput label={t("lender.offer.count")} value={loan.count} onChange={set("count")} required />
              <NativeSelect label={t("lender.offer.every")} value={loan.every} onChange={set("every")} data={[{ value: "1w", label: t("lender.every.week") }, { value: "2w", label: t("lender.every.fortnight") }, { value: "1mo", label: t("lender.every.month") }]} />
              <TextInput label={t("lender.offer.rate")} value={loan.rate} onChange={set("rate")} required />
              <TextInput label={t("lender.offer.grace")} value={loan.grace} onChange={set("grace")} />
              <TextInput label={t("lender.offer.late")} value={loan.late} onChange={set("late")} />
              <TextInput label={t("lender.offer.collateral")} value={loan.collateral} onChange={set("collateral")} />
            </div>
            <Text size="sm" className="faint">{t("lender.offer.help")}</Text>
            {work.problem && <Trouble problem={work.problem} />}
            <Group><Button type="submit" loading={work.busy}>{t("lender.offer.read")}</Button></Group>
          </Stack>
        </form>
      </Card>
      {heard && !heard.draft && <Alert color="orange" variant="light">{heard.ask.map((q) => <Text key={q.param} size="sm" lang="en">{q.text}</Text>)}</Alert>}
      {heard?.draft && <Reading draft={heard.draft} away={() => setHeard(undefined)} sign="offer" />}
    </Page>
  );
}
