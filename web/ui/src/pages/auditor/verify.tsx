import { Alert, Button, Group, Text } from "@mantine/core";
import { useRef, useState } from "react";
import { Card, Facts, Page, Time, Trouble, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import type { Verdict } from "./shapes";

// Verify checks files of evidence in this tab, by the network that is pinned here.
export default function Verify() {
  const { t } = useWords();
  const work = useWork();
  const input = useRef<HTMLInputElement>(null);
  const [got, setGot] = useState<Verdict>();
  const [names, setNames] = useState("");
  const check = async (files: File[]) => {
    setGot(undefined);
    if (files.length === 0) return;
    setNames(files.map((f) => f.name).join(", "));
    const texts = await Promise.all(files.map((f) => f.text()));
    const sign = files.findIndex((f) => f.name.endsWith(".signature.json"));
    const text = texts[Math.max(0, sign)];
    const file = sign >= 0 ? texts.find((_, i) => i !== sign) ?? "" : "";
    setGot(await work.run<Verdict>("verify", { text, file }));
  };
  return (
    <Page title={t("verify.title")} text={t("verify.text")}>
      <Card>
        <div className="drop" style={{ padding: "32px 18px" }} onDragOver={(e) => e.preventDefault()} onDrop={(e) => { e.preventDefault(); void check([...e.dataTransfer.files]); }}>
          <Text className="faint" mb="md">{t("verify.drop")}</Text>
          <Group justify="center"><Button onClick={() => input.current?.click()} loading={work.busy}>{t("publish.choose")}</Button></Group>
          <input ref={input} type="file" multiple hidden data-for="evidence" onChange={(e) => void check([...(e.currentTarget.files ?? [])])} />
        </div>
        {work.problem && <div style={{ marginTop: 16 }}><Text size="sm" className="id" mb={6}>{names}</Text><Trouble problem={work.problem} /></div>}
        {got && (
          <Alert mt="md" color="teal" title={"✓ " + t(got.kind === "event" ? "verify.event" : got.kind === "receipt" ? "verify.receipt" : "verify.file")} role="status">
            <Facts of={[[t("verify.name"), <span className="id">{got.name}</span>], ...(got.by ? [[t("verify.by"), <>{got.by_name} <span className="id">{got.by}</span></>] as [string, React.ReactNode]] : []), ...(got.at ? [[t("work.when"), <Time at={got.at} />] as [string, React.ReactNode]] : [])]} />
          </Alert>
        )}
      </Card>
    </Page>
  );
}
