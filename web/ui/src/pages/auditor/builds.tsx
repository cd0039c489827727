import { Alert, Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { useWords } from "../../words/words";

interface Portal { version: number; release: string; files: { path: string; sha384: string }[]; at: number }

async function sum(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-384", bytes));
  return btoa(String.fromCharCode(...hash));
}

// served fetches a file of the portal again; of the page, what is drawn for each visit is
// taken out.
async function served(path: string): Promise<string> {
  if (path !== "index.html") return fetch("/" + path, { cache: "no-store" }).then(async (r) => (r.ok ? sum(await r.arrayBuffer()) : ""));
  const text = await fetch("/", { cache: "no-store" }).then((r) => r.text());
  const nonce = /name="style-nonce" content="([^"]+)"/.exec(text)?.[1];
  return sum(new TextEncoder().encode(nonce ? text.replaceAll(nonce, "__NONCE__") : text));
}

// Builds are the portals that the organisations published, and how this node's compares.
export default function Builds() {
  const { t } = useWords();
  const { data, problem, reload } = useCall<Portal[]>("builds");
  const [busy, setBusy] = useState(false);
  const [differ, setDiffer] = useState<string[]>();
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const last = data[0];
  const compare = async () => {
    setBusy(true);
    const bad: string[] = [];
    for (const f of last.files) if ((await served(f.path).catch(() => "")) !== f.sha384) bad.push(f.path);
    setDiffer(bad);
    setBusy(false);
  };
  return (
    <Page title={t("builds.title")} text={t("builds.text")}>
      {!last ? <Card><Text>{t("builds.none")}</Text></Card> : (
        <>
          <Card title={t("builds.here")}>
            <Text className="faint" mb="md">{t("builds.here.text")}</Text>
            <Group><Button variant="default" loading={busy} onClick={() => void compare()}>{t("builds.compare")}</Button></Group>
            {differ && (differ.length === 0 ? <Alert mt="md" color="teal" role="status">✓ {t("builds.same", { n: last.files.length, version: last.version })}</Alert>
              : <Alert mt="md" color="red" title={t("builds.differ", { n: differ.length, version: last.version })}>{differ.map((p) => <div key={p} className="id">{p}</div>)}</Alert>)}
            <Text size="sm" className="faint" mt="md" mb={4}>{t("builds.cli")}</Text>
            <div className="command"><code>manx audit build</code></div>
          </Card>
          <Card title={t("builds.history")}>
            {data.map((p) => (
              <div className="row" key={p.version}>
                <div><Text fw={600}>{t("builds.version", { n: p.version, release: p.release })}</Text><Text size="sm" className="faint"><Time at={p.at} /></Text></div>
                <details style={{ flex: "1 1 320px" }}><summary>{t("builds.files", { n: p.files.length })}</summary>{p.files.map((f) => <div key={f.path} className="id">{f.path} sha384-{f.sha384}</div>)}</details>
              </div>
            ))}
          </Card>
        </>
      )}
    </Page>
  );
}
