import { Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Time, Trouble, useWork } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import { Checked, Costs, Drawing, Players, Spoken } from "./pieces";
import type { Draft } from "./shapes";

// Reading is a contract before it is signed: both texts, what exploring it found, the
// drawing, what it costs; then signing and leaving it, as large as each other.
export function Reading({ draft, away, sign }: { draft: Draft; away: () => void; sign: "open" | "offer" }) {
  const { t } = useWords();
  const work = useWork();
  const [drawn, setDrawn] = useState(false);
  const means = draft.means;
  const open = async () => {
    const done = await work.run<{ contract: string }>("contract.open", { draft, hash: means.hash });
    if (done) go("/contract/" + done.contract);
  };
  return (
    <>
      <Card title={t("contract.read.title")}>
        <Text className="faint" mb="md">{t("contract.read.text")}</Text>
        <Players of={means.players} />
        <hr className="line" />
        <Spoken text={means.text} />
      </Card>
      <Checked means={means} />
      {means.cost.some((c) => (c.times ?? 0) > 0) && <Card title={t("contract.cost")}><Costs of={means.cost} players={means.players} /></Card>}
      <Card title={t("contract.drawing")}>
        {drawn ? <Drawing of={means.drawing} /> : <Button variant="default" size="xs" onClick={() => setDrawn(true)}>{t("contract.drawing.show")}</Button>}
      </Card>
      <Card title={t("contract.sign")}>
        <Text mb={4}>{t(sign === "offer" ? "contract.sign.offer" : "contract.sign.text")} <Time at={draft.last} />.</Text>
        <Text size="sm" className="faint">{t("contract.sign.fee", { n: means.fee })}</Text>
        <Text className="id faint" mt={6} mb="md">{t("contract.hash")} {means.hash}</Text>
        {work.problem && <Trouble problem={work.problem} />}
        <Group grow maw={460} mt="sm">
          <Button variant="outline" onClick={away} disabled={work.busy}>{t("contract.change")}</Button>
          <Button variant="outline" onClick={open} loading={work.busy} disabled={means.findings.length > 0}>{t("contract.sign.do")}</Button>
        </Group>
      </Card>
    </>
  );
}
