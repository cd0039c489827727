import { Badge, Button, Checkbox, Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { Card, Empty, Loading, Page, Trouble, useCall } from "../../parts/parts";
import { To, go } from "../../parts/way";
import { type Word, useWords } from "../../words/words";
import type { Listed } from "./shapes";

const reads = ["any", "pictures", "measurements", "file"] as const;

// Models is the catalogue of one side, with filters.
export default function Models() {
  const { t, known } = useWords();
  const { data, problem, reload } = useCall<Listed[]>("catalogue");
  const [text, setText] = useState("");
  const [kind, setKind] = useState<(typeof reads)[number]>("any");
  const [mine, setMine] = useState(false);
  const [old, setOld] = useState(false);
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const wanted = text.toLowerCase();
  const shown = data.filter((m) => (!mine || m.mine) && (old || !m.retired) && (kind === "any" || m.reads === kind) && (!wanted || [m.name, m.summary, m.owner_name, m.licence].some((s) => s.toLowerCase().includes(wanted))));
  return (
    <Page title={t("models.title")} text={t("models.text")} aside={<Button onClick={() => go("/publish")}>{t("models.publish")}</Button>}>
      {problem && <Trouble problem={problem} again={reload} />}
      <Card quiet>
        <Group align="flex-end" gap="md">
          <TextInput label={t("models.search")} value={text} onChange={(e) => setText(e.currentTarget.value)} style={{ flex: "1 1 200px" }} />
          <NativeSelect label={t("models.reads")} value={kind} onChange={(e) => setKind(e.currentTarget.value as typeof kind)} data={reads.map((r) => ({ value: r, label: t(("models.reads." + r) as Word) }))} />
          <Checkbox label={t("models.mine")} checked={mine} onChange={(e) => setMine(e.currentTarget.checked)} pb={8} />
          <Checkbox label={t("models.retired")} checked={old} onChange={(e) => setOld(e.currentTarget.checked)} pb={8} />
        </Group>
      </Card>
      <Card>
        {data.length === 0 ? <Empty text={t("models.none")} next={[t("models.publish"), () => go("/publish")]} /> : shown.length === 0 && <Empty text={t("models.filtered")} next={[t("models.all"), () => { setText(""); setKind("any"); setMine(false); setOld(true); }]} />}
        {shown.map((m) => (
          <div className="row" key={m.id}>
            <div style={{ flex: "1 1 320px", minWidth: 0 }}>
              <Group gap={8}><Text fw={600} component="span"><To to={"/model/" + m.id}>{m.name} {m.version}</To></Text>
                {m.mine && <Badge variant="light" color="teal">{t("models.yours")}</Badge>}{m.retired && <Badge variant="light" color="gray">{t("models.off")}</Badge>}{m.training && <Badge variant="light" color="grape">{t("models.trained")}</Badge>}</Group>
              <Text size="sm" lang="en">{m.summary}</Text>
              <Text size="sm" className="faint">{m.owner_name} · {m.licence} · {m.accepts.map((k) => known("kind." + k) || k).join(", ")}</Text>
            </div>
            <div className="at-end">
              <Text fw={600}>{t("word.man", { n: m.price })}</Text>
              {m.metric && <Text size="sm" className="faint" lang="en">{m.metric.name} {m.metric.value.toFixed(3)}</Text>}
            </div>
          </div>
        ))}
      </Card>
    </Page>
  );
}
