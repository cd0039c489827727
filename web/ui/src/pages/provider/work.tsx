import { NativeSelect, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Copy, Empty, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import { localToken } from "../../worker/local";
import { itsPage } from "./machine";
import type { Machine, Work } from "./shapes";

const tone = (w: Work) => (w.wrong || w.stage === "refunded" || w.stage === "disputed" ? "pill bad" : w.stage === "settled" ? "pill good" : "pill wait");

// Jobs are what this worker computed, with what failed, and the last of its log.
export default function Jobs() {
  const { t, known } = useWords();
  const { data, problem, reload } = useCall<Work[]>("work");
  const [only, setOnly] = useState("all");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const shown = data.filter((w) => only === "all" || (only === "failed") === (tone(w) === "pill bad"));
  return (
    <Page title={t("work.title")}>
      <Card>
        <NativeSelect label={t("activity.filter")} value={only} onChange={(e) => setOnly(e.currentTarget.value)} maw={260} mb="md" data={[{ value: "all", label: t("activity.all") }, { value: "failed", label: t("work.failed") }]} />
        {shown.length === 0 ? <Empty text={t(data.length === 0 ? "work.none" : "work.none.failed")} next={data.length === 0 ? [t("nav.queue"), () => go("/")] : [t("activity.all"), () => setOnly("all")]} /> : (
          <div className="scroll" tabIndex={0}><table className="changes stack">
            <thead><tr><th scope="col">{t("work.when")}</th><th scope="col">{t("earn.model")}</th><th scope="col">{t("queue.state")}</th><th scope="col">{t("work.took")}</th><th scope="col">{t("work.fee")}</th><th scope="col">{t("work.job")}</th></tr></thead>
            <tbody>{shown.map((w) => (
              <tr key={w.job}><td data-label={t("work.when")}>{w.at > 0 && <Time at={w.at} />}</td><td data-label={t("earn.model")}>{w.model}</td><td data-label={t("queue.state")}><span className={tone(w)}>{w.wrong ? t("work.wrong") : known("work.stage." + w.stage) || w.stage}</span></td><td data-label={t("work.took")}>{w.took > 0 ? t("try.seconds", { n: w.took }) : "–"}</td><td data-label={t("work.fee")}>{t("word.man", { n: w.fee })}</td><td className="id" data-label={t("work.job")}>…{w.job.slice(-8)}</td></tr>
            ))}</tbody>
          </table></div>
        )}
      </Card>
      {localToken() ? <Log /> : <Card title={t("work.log")}><Text className="faint" mb="sm">{t("work.log.there")}</Text><div className="command"><code>{itsPage}</code><Copy text={itsPage} /></div></Card>}
    </Page>
  );
}

function Log() {
  const { t } = useWords();
  const { data } = useCall<Machine>("machine");
  const [only, setOnly] = useState("all");
  const lines = (data?.log ?? []).filter((l) => only === "all" || /level=(WARN|ERROR)/.test(l));
  return (
    <Card title={t("work.log")}>
      <NativeSelect label={t("activity.filter")} value={only} onChange={(e) => setOnly(e.currentTarget.value)} maw={260} mb="md" data={[{ value: "all", label: t("activity.all") }, { value: "bad", label: t("work.log.bad") }]} />
      {lines.length === 0 ? <Text>{t("work.log.none")}</Text> : <pre className="log" lang="en" tabIndex={0} aria-label={t("work.log")}>{lines.join("\n")}</pre>}
      <Text size="sm" className="faint" mt="sm">{t("work.log.text")}</Text>
    </Card>
  );
}
