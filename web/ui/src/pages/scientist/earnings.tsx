import { Alert } from "@mantine/core";
import { Bars } from "../../parts/chart";
import { Card, Empty, Loading, Page, Trouble, useCall } from "../../parts/parts";
import type { Status } from "../../parts/shapes";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import type { Earned } from "./shapes";

// Earnings are calls and what they brought, by day and by month: of a scientist's models,
// of a provider's machine.
export default function Earnings() {
  const { t, known } = useWords();
  const { data, problem, reload } = useCall<Earned>("earnings");
  const worker = useCall<Status>("status").data?.account === "provider";
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const months = [...(data.months ?? [])].reverse();
  const calls = months.reduce((n, m) => n + m.calls, 0);
  const total = data.days.reduce((n, d) => n + Number(d.amount), 0);
  const alarms = Object.entries(data.watched);
  return (
    <Page title={t("earn.title")} text={t("earn.text")}>
      {alarms.map(([m, n]) => <Alert key={m} color="red" title={t("earn.watch", { n, model: data.models[m] ?? m })}>{t("earn.watch.text")}</Alert>)}
      <Card>
        <div className="figures">
          <div><b>{Number(total.toFixed(4))}</b><span>{t("earn.total")}</span></div>
          <div><b>{calls}</b><span>{t("earn.calls")}</span></div>
          <div><b>{data.balance}</b><span>{t("earn.balance")}</span></div>
        </div>
      </Card>
      {data.days.length > 0
        ? <Card><Bars title={t("earn.days")} first={t("earn.day")} second="MAN" bars={data.days.slice(-60).map((d) => ({ label: d.day, value: Number(d.amount), text: t("word.man", { n: d.amount }) }))} /></Card>
        : <Card><Empty text={t("earn.none")} next={worker ? [t("nav.queue"), () => go("/")] : [t("models.publish"), () => go("/publish")]} /></Card>}
      {months.length > 0 && (
        <Card title={t("earn.runs")}>
          <div className="scroll" tabIndex={0}><table className="changes stack">
            <thead><tr><th scope="col">{t("earn.month")}</th><th scope="col">{t("earn.model")}</th><th scope="col">{t("earn.as")}</th><th scope="col">{t("earn.calls")}</th><th scope="col">{t("earn.refunded")}</th><th scope="col">{t("earn.earned")}</th></tr></thead>
            <tbody>{months.map((m) => (
              <tr key={m.month + m.model + m.role}><td data-label={t("earn.month")}>{m.month}</td><td data-label={t("earn.model")}>{data.models[m.model] ?? `…${m.model.slice(-6)}`}</td><td data-label={t("earn.as")}>{known("role." + m.role) || m.role}</td><td data-label={t("earn.calls")}>{m.calls}</td><td data-label={t("earn.refunded")}>{m.calls - m.settled}</td><td data-label={t("earn.earned")}>{t("word.man", { n: m.earned })}
                {m.askers && m.askers.length > 0 && <details><summary>{t("earn.askers", { n: m.askers.length })}</summary>{m.askers.map((a) => <div key={a.asker}><span className={data.askers[a.asker] ? "" : "id"}>{data.askers[a.asker] || `…${a.asker.slice(-8)}`}</span>: {a.calls}</div>)}</details>}</td></tr>
            ))}</tbody>
          </table></div>
        </Card>
      )}
    </Page>
  );
}
