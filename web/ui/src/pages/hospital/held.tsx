import { Alert, Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Empty, Loading, Page, Trouble, useCall, useWork } from "../../parts/parts";
import { go } from "../../parts/way";
import { Said } from "../../words/said";
import { useWords } from "../../words/words";
import type { Held } from "./shapes";

// Review shows files that were kept out of a copy, one picture at a time, here.
export default function Review() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Held[]>("edge.held");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  return (
    <Page title={t("held.title")} text={t("held.text")}>
      {data.length === 0 && <Card><Empty text={t("held.none")} next={[t("nav.gateway"), () => go("/")]} /></Card>}
      {data.map((h) => <One key={h.record + h.file} held={h} done={reload} />)}
    </Page>
  );
}

function One({ held: h, done }: { held: Held; done: () => void }) {
  const { t } = useWords();
  const work = useWork();
  const [png, setPNG] = useState<string>();
  const look = async () => {
    const p = await work.run<{ png: string }>("edge.picture", { record: h.record, file: h.file });
    if (p) setPNG(p.png);
  };
  const release = async () => {
    if (await work.run("edge.release", { record: h.record, file: h.file })) done();
  };
  return (
    <Card>
      <Said text={h.reason} fw={600} size="md" />
      <Text className="id faint">{h.record}</Text>
      <Text className="id faint" mb="md">{h.file}</Text>
      {!h.may && <Alert color="gray" mb="md">{t("held.never")}</Alert>}
      {png && <div className="viewer" style={{ marginBottom: 14 }}><img src={"data:image/png;base64," + png} alt={t("held.picture")} /></div>}
      {work.problem && <Trouble problem={work.problem} />}
      <Group gap={10}>
        {!png && <Button variant="default" size="xs" loading={work.busy} onClick={look}>{t("held.look")}</Button>}
        {png && h.may && <><Text size="sm">{t("held.ask")}</Text><Button size="xs" loading={work.busy} onClick={release}>{t("held.release")}</Button><Button size="xs" variant="default" onClick={() => setPNG(undefined)}>{t("held.keep")}</Button></>}
      </Group>
    </Card>
  );
}
