import { Button, Group, Stack, Text } from "@mantine/core";
import { Card, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import { Who } from "./pieces";
import { type Listed, pick } from "./shapes";
import { Stage } from "./show";

export default function Contracts() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Listed[]>("contracts");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const open = data.filter((c) => !c.over), over = data.filter((c) => c.over);
  return (
    <Page title={t("nav.contracts")} text={t("contract.list.text")} aside={<Button onClick={() => go("/agree")}>{t("contract.new")}</Button>}>
      {problem && <Trouble problem={problem} again={reload} />}
      <Card title={t("contract.list.open")}>
        {open.length === 0 ? <Stack align="flex-start"><Text className="faint">{t("contract.list.none")}</Text><Button onClick={() => go("/agree")}>{t("contract.list.first")}</Button></Stack> : open.map((c) => <Row key={c.id} of={c} />)}
      </Card>
      {over.length > 0 && <Card title={t("contract.list.over")}>{over.map((c) => <Row key={c.id} of={c} />)}</Card>}
    </Page>
  );
}

export function Row({ of: c }: { of: Listed }) {
  const { t, language } = useWords();
  return (
    <div className="row">
      <div>
        <Group gap={8}><Text fw={600}>{pick(language, c.title)}</Text><Stage of={c} /></Group>
        <Text size="sm">{c.players.map((p, i) => <span key={p.role}>{i > 0 && " · "}{pick(language, p.told)}: <Who of={p} /></span>)}</Text>
        <Text size="sm" className="faint">{c.over ? <Time at={c.opened} /> : <>{t("contract.until")} <Time at={c.until ?? c.last} /></>}
          {!c.over && c.left !== "0" && <> · {t("contract.left", { n: c.left })}</>}{!c.over && c.comes !== "0" && <> · {t("contract.comes", { n: c.comes })}</>}</Text>
      </div>
      <Button size="xs" variant={c.turn ? "filled" : "default"} onClick={() => go("/contract/" + c.id)}>{t("contract.look")}</Button>
    </div>
  );
}
