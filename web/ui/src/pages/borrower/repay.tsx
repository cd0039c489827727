import { Button, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { Card, Empty, Loading, Page, Time, Trouble, asProblem, useCall } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import { desk } from "../../worker/desk";
import type { Problem } from "../../worker/protocol";
import { Calendar, type Due, dues } from "../contract/calendar";
import { type Contract, type Listed, pick } from "../contract/shapes";

// Repay is the calendar of all that the borrower has to pay, over all contracts.
export default function Repay() {
  const { t, language } = useWords();
  const { data, problem, reload } = useCall<Listed[]>("contracts");
  const [all, setAll] = useState<Contract[]>();
  const [failed, setFailed] = useState<Problem>();
  useEffect(() => {
    if (!data) return;
    const owing = data.filter((c) => c.begun && c.cost.some((x) => (x.times ?? 0) > 0 && c.players.some((p) => p.mine && p.role === x.role)));
    Promise.all(owing.map((c) => desk().call<Contract>("contract", { contract: c.id }))).then(setAll, (e) => setFailed(asProblem(e)));
  }, [data]);
  const trouble = problem ?? failed;
  if (!all) return trouble ? <Trouble problem={trouble} again={reload} /> : <Loading />;
  const due: Due[] = all.flatMap((c) => dues(c.course.filter((m) => m.mine), all.length > 1 ? pick(language, c.title) : undefined)).sort((a, b) => a.at - b.at);
  const next = due.find((d) => d.state === "now" || d.state === "late");
  return (
    <Page title={t("nav.repay")} text={t("borrower.repay.text")}>
      {due.length === 0 ? <Card><Empty text={t("borrower.repay.none")} next={[t("nav.offers"), () => go("/offers")]} /></Card> : (
        <>
          {next && <Card><Text size="sm" className="faint">{t(next.state === "late" ? "borrower.repay.late" : "borrower.repay.next")}</Text><div className="level">{t("word.man", { n: next.amount })}</div><Text>{t("contract.until")} <Time at={next.at} /></Text></Card>}
          <Card title={t("contract.calendar")}><Calendar of={due} /></Card>
          <Card title={t("nav.contracts")}>{all.map((c) => <div className="row" key={c.id}><div><Text fw={600}>{pick(language, c.title)}</Text><Text size="sm" className="faint">{t("contract.left", { n: c.left })}</Text></div><Button size="xs" variant="default" onClick={() => go("/contract/" + c.id)}>{t("contract.look")}</Button></div>)}</Card>
        </>
      )}
    </Page>
  );
}
