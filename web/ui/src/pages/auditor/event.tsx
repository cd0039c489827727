import { Alert, Button, Group, Text } from "@mantine/core";
import { Card, Copy, Facts, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { go } from "../../parts/way";
import { Notice } from "../../words/said";
import { useWords } from "../../words/words";
import { save } from "../../parts/save";
import type { EventPage } from "./shapes";

// Event is one event, what was signed, and what of it has been verified in this tab.
export default function Event({ id }: { id: string }) {
  const { t, known } = useWords();
  const [height, n] = id.split(".").map(Number);
  const { data: e, problem, reload } = useCall<EventPage>("event", { height, n: n ?? 0 });
  if (!e) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const [family, did = ""] = e.name.split(".");
  const name = `event-${height}-${n}.json`;
  return (
    <Page title={e.without ? t("audit.event") : [known("event." + family), known("event.did." + did) || did].join(" · ")} aside={<Button size="xs" variant="default" onClick={() => go("/")}>{t("audit.back")}</Button>}>
      {e.without ? <Alert color="orange"><Notice text={e.without} hint={e.hint} /></Alert> : (
        <>
          <Alert color="teal" title={"✓ " + t("event.verified")}>{t("event.verified.text")}</Alert>
          <Card>
            <Facts of={[
              [t("audit.place"), `${e.height}.${e.n}`], [t("audit.event"), <span className="id">{e.name}</span>], [t("audit.of"), <span className="id">{e.about}</span>], ...(e.at > 0 ? [[t("work.when"), <Time at={e.at} />] as [string, React.ReactNode]] : []),
              [t("event.author"), <span className="id">{e.author}</span>], [t("event.command"), <><span className="id">{e.command}</span>{(e.cosigned ?? 0) > 0 && ` ${t("event.cosigned", { n: e.cosigned ?? 0 })}`}</>],
            ]} />
          </Card>
          <Card title={t("event.proof")}>
            <Text mb="sm">{t("event.proof.text")}</Text>
            <Group mb="md"><Button size="xs" onClick={() => save(name, JSON.stringify(e.evidence, null, 1))}>{t("event.download")}</Button></Group>
            <Command text={`manx audit verify ${name} --network ${e.network}`} />
          </Card>
          {e.receipt && (
            <Card title={t("event.receipt")}>
              <Text mb="sm">✓ {t("event.receipt.text", { outcome: known("event.did." + (e.outcome?.outcome ?? "")) || e.outcome?.outcome || "" })}</Text>
              <Group mb="md"><Button size="xs" onClick={() => save(`${e.job}.receipt.json`, JSON.stringify(e.receipt, null, 1))}>{t("finding.receipt.save")}</Button></Group>
              <Command text={`manx receipt verify ${e.job}.receipt.json --network ${e.network}`} />
            </Card>
          )}
          <Card title={t("event.said")}><pre className="log" lang="en" tabIndex={0} aria-label={t("event.said")}>{JSON.stringify(e.said ?? {}, null, 1)}</pre></Card>
          {e.body && <Card title={t("event.state")}><pre className="log" lang="en" tabIndex={0} aria-label={t("event.state")}>{JSON.stringify(e.body, null, 1)}</pre></Card>}
        </>
      )}
    </Page>
  );
}

function Command({ text }: { text: string }) {
  const { t } = useWords();
  return <><Text size="sm" className="faint" mb={4}>{t("event.offline")}</Text><div className="command"><code>{text}</code><Copy text={text} /></div></>;
}
