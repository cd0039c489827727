import { Alert, Button, Text } from "@mantine/core";
import { useState } from "react";
import { Card } from "../parts/parts";
import type { Preview } from "../parts/shapes";
import { Said } from "../words/said";
import { useWords } from "../words/words";

const few = 14;

// Names are what people look for first.
const weight = (was: string) => ["name", "date", "text", "number", "uid"].indexOf(was) + 1 || 9;

// Uncured says what a de-identified copy still tells.
export function Uncured({ warnings }: { warnings: string[] }) {
  const { t } = useWords();
  if (warnings.length === 0) return null;
  return <Alert color="orange" mb="md" title={t("preview.uncured")}>{warnings.map((w) => <Said key={w} text={w} />)}</Alert>;
}

export function Before({ preview }: { preview: Preview }) {
  const { t } = useWords();
  const [all, setAll] = useState(false);
  const changes = [...preview.changes].sort((a, b) => weight(a.was) - weight(b.was)).filter((c) => c.before !== "");
  const shown = all ? changes : changes.slice(0, few);
  return (
    <Card title={t("preview.title")}>
      <Text className="faint" mb="md">{t("preview.text", { n: preview.files })}</Text>
      {preview.held.length > 0 ? (
        <Alert color="orange" mb="md" title={t("preview.held", { n: preview.held.length })}>
          <details><summary>{t("word.details")}</summary><ul>{preview.held.map((h) => <li key={h.path}><span className="id">{h.path}</span>: <Said text={h.reason} span /></li>)}</ul></details>
        </Alert>
      ) : <Text size="sm" mb="md">{t("preview.none")}</Text>}
      <Uncured warnings={preview.warnings} />
      {preview.png && <figure style={{ margin: "0 0 16px" }}><img src={"data:image/png;base64," + preview.png} alt={t("preview.picture")} width={260} style={{ borderRadius: 10, maxWidth: "100%" }} /><figcaption className="faint">{t("preview.picture")}</figcaption></figure>}
      {!preview.png && preview.images > 0 && <Text size="sm" mb="md">{t("preview.undrawn")}</Text>}
      <table className="changes">
        <caption style={{ textAlign: "left" }} className="faint">{t("preview.changes", { n: preview.changes.length })}</caption>
        <thead><tr><th scope="col">{t("preview.field")}</th><th scope="col">{t("preview.before")}</th><th scope="col">{t("preview.after")}</th></tr></thead>
        <tbody>{shown.map((c) => <tr key={c.tag}><td>{c.keyword.replace(/([a-z])([A-Z])/g, "$1 $2") || c.tag}</td><td><del>{c.before}</del></td><td>{c.after || <i>{t("preview.removed")}</i>}</td></tr>)}</tbody>
      </table>
      {!all && changes.length > few && <Button mt="sm" size="xs" variant="default" onClick={() => setAll(true)}>{t("preview.all", { n: changes.length })}</Button>}
    </Card>
  );
}
