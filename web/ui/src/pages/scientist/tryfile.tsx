import { Alert, Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Facts, Stage, Trouble, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import { Scale } from "../borrower/scale";
import type { CreditTrial } from "./shapes";

// TryFile runs a credit model on the files of people who do not exist, one after the
// other: nobody is asked and nothing is paid.
export function TryFile({ model }: { model: string }) {
  const { t, language, bytes } = useWords();
  const work = useWork();
  const [seed, setSeed] = useState(0);
  const [got, setGot] = useState<CreditTrial>();
  const run = async () => {
    setGot(await work.run<CreditTrial>("credit.try", { model, seed: seed + 1 }));
    setSeed(seed + 1);
  };
  const seconds = (s: number) => t("try.seconds", { n: s < 0.01 ? s.toFixed(4) : s.toFixed(2) });
  return (
    <Card title={t("try.title")}>
      <Text className="faint" mb="md">{t("try.file")}</Text>
      {!work.busy && <Group><Button onClick={run}>{t(seed === 0 ? "try.do" : "try.next")}</Button></Group>}
      {work.busy && <Stage progress={work.progress} />}
      {work.problem && <Trouble problem={work.problem} />}
      {got && !work.busy && (
        <div role="status" style={{ marginTop: 16 }}>
          <Text fw={600}>{t("try.person", { n: seed })}</Text>
          <Scale score={got.score} low={got.low} high={got.high} />
          <ol className="reasons">{got.reasons.map((r) => <li key={r.code}>{language === "zh" ? r.zh : r.en}</li>)}</ol>
          {got.encrypted !== undefined
            ? <><Alert color="teal" my="md">{t("try.rounds", { n: got.encrypted.toFixed(4), score: got.score })}</Alert>
              <details><summary>{t("try.took")}</summary>
                <Facts of={[[t("try.keys"), `${seconds(got.keys_seconds ?? 0)}, ${bytes(got.key_bytes ?? 0)}`], [t("try.encrypt"), bytes(got.bytes_up ?? 0)], [t("try.evaluate"), seconds(got.evaluate_seconds ?? 0)], [t("try.decrypt"), bytes(got.bytes_down ?? 0)]]} />
              </details></>
            : <Text size="sm" className="faint" mt="sm">{t("try.shares")}</Text>}
        </div>
      )}
    </Card>
  );
}
