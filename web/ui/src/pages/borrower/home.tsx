import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { Card, Copy, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import type { Listed } from "../contract/shapes";
import { Row } from "../contract/list";
import { Scale } from "./scale";
import type { Borrowing, Own } from "./shapes";

export default function Home() {
  const { t, known } = useWords();
  const { data, problem, reload } = useCall<Borrowing>("borrower");
  const contracts = useCall<Listed[]>("contracts");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const waiting = data.requests.filter((r) => r.stage === "asked");
  const latest = data.files.find((f) => f.latest);
  const mine = (contracts.data ?? []).filter((c) => !c.over && c.turn);
  return (
    <Page title={t("borrower.home")} aside={<Button variant={latest ? "default" : "filled"} onClick={() => go("/file")}>{t("borrower.file.add")}</Button>}>
      {problem && <Trouble problem={problem} again={reload} />}
      <Card title={t("borrower.waiting")}>
        {waiting.length === 0 ? <Text className="faint">{t("borrower.waiting.none")}</Text> : waiting.map((r) => (
          <div className="row" key={r.id}>
            <div><Text fw={600}>{t("borrower.asks", { lender: r.lender })}</Text>
              <Text size="sm" className="faint">{known("purpose." + r.purpose)} · {t("contract.until")} <Time at={r.deadline} /></Text></div>
            <Button size="xs" onClick={() => go("/asked")}>{t("borrower.decide")}</Button>
          </div>
        ))}
      </Card>
      <Card title={t("borrower.score")}>{latest ? <Mine /> : (
        <Stack align="flex-start"><Text className="faint">{t("borrower.score.none")}</Text><Button onClick={() => go("/file")}>{t("borrower.file.first")}</Button></Stack>
      )}</Card>
      {mine.length > 0 && <Card title={t("borrower.turn")}>{mine.map((c) => <Row key={c.id} of={c} />)}</Card>}
      <Card title={t("borrower.files")}>
        {data.files.length === 0 ? <Text className="faint">{t("borrower.files.none")}</Text> : data.files.map((f) => (
          <div className="row" key={f.record}>
            <div><Group gap={8}><Text fw={600}>{f.furnisher_name}</Text><Badge variant="light" color={f.latest ? "teal" : "orange"} tt="none">{t(f.latest ? "borrower.latest" : "borrower.stale")}</Badge></Group>
              <Text size="sm" className="faint">{t("borrower.file.number", { n: f.sequence, date: f.date })}{f.disputed.length > 0 && " · " + t("borrower.disputed.n", { n: f.disputed.length })}</Text></div>
            <Button size="xs" variant="default" onClick={() => go("/file/" + f.record)}>{t("contract.look")}</Button>
          </div>
        ))}
      </Card>
      <Card title={t("borrower.id")} quiet>
        <Text className="faint" size="sm" mb={6}>{t("borrower.id.text")}</Text>
        <Group gap={8}><Text className="id">{data.party}</Text><Copy text={data.party} /></Group>
      </Card>
      <Text size="sm" className="faint">{t("home.balance")}: <b>{t("word.man", { n: data.balance })}</b>, {t("home.balance.test")}</Text>
    </Page>
  );
}

function Mine() {
  const { t } = useWords();
  const { data: o, problem, reload } = useCall<Own>("score", { model: "" });
  if (!o) return problem ? <Trouble problem={problem} again={reload} /> : <Text className="faint">{t("word.loading")}</Text>;
  return (
    <Stack gap="xs" align="flex-start">
      <Scale score={o.score} low={o.low} high={o.high} />
      <Button size="xs" variant="default" onClick={() => go("/score")}>{t("borrower.score.why")}</Button>
    </Stack>
  );
}
