import { Badge, Group, Text } from "@mantine/core";
import { Gauge } from "../../parts/chart";
import { Card, Loading, Page, Trouble, useCall } from "../../parts/parts";
import { To } from "../../parts/way";
import { type Word, useWords } from "../../words/words";
import type { Line } from "./shapes";

export const stageTone = (s: string) => (s === "released" ? "pill good" : s === "stopped" ? "pill" : "pill wait");

// Trainings are those that concern this hospital.
export default function Trainings() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Line[]>("trainings");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  return (
    <Page title={t("train.title")} text={t("train.text")}>
      {data.length === 0 && <Card><Text>{t("train.none")}</Text><div className="command" style={{ marginTop: 12 }}><code>manx train propose recipe.json --with PARTY --with PARTY --title '…' --hub 127.0.0.1:7000</code></div></Card>}
      {data.map((x) => (
        <Card key={x.id}>
          <Group justify="space-between" align="flex-start">
            <div>
              <Group gap={8}><Text fw={600} size="lg"><To to={"/training/" + x.id}>{x.title}</To></Text><span className={stageTone(x.stage)}>{t(("train.stage." + x.stage) as Word)}</span>{x.mine && <Badge variant="light" color="teal">{t("train.mine")}</Badge>}</Group>
              <Text size="sm" className="faint">{t("train.by", { name: x.names[x.proposer] || x.proposer })} · {t("train.sites", { n: x.sites.length })} · {x.model.kind}</Text>
            </div>
            {x.invited && x.stage === "voting" && <span className={x.voted ? "pill" : "pill wait"}>{t(x.voted === "yes" ? "train.voted.yes" : x.voted === "no" ? "train.voted.no" : "train.voted.not")}</span>}
          </Group>
          <div style={{ marginTop: 12 }}><Gauge label={t("train.rounds", { n: x.round ?? 0, all: x.rounds })} whole={x.rounds} spent={x.round ?? 0} /></div>
          <Text size="sm" mt={6}>{t("train.rounds", { n: x.round ?? 0, all: x.rounds })} · {x.epsilon ? t("train.costs", { n: x.epsilon.toFixed(2) }) : t("train.unbounded")}</Text>
        </Card>
      ))}
    </Page>
  );
}
