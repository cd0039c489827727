import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { type Chosen, dropped, listed } from "../parts/chosen";
import { Card, Page, Stage, Trouble, useWork } from "../parts/parts";
import type { Added, Left, Preview, Scan } from "../parts/shapes";
import { go } from "../parts/way";
import { Said } from "../words/said";
import { useWords } from "../words/words";
import { desk } from "../worker/desk";
import { Before } from "./preview";

export default function Upload() {
  const { t, bytes } = useWords();
  const work = useWork();
  const { progress } = work;
  const [folder, setFolder] = useState("");
  const [scan, setScan] = useState<Scan>();
  const [preview, setPreview] = useState<Preview>();
  const [added, setAdded] = useState<Added[]>();
  const [paused, setPaused] = useState(false);
  const began = useRef(0);

  const choose = async (files: Chosen[]) => {
    if (files.length === 0) return;
    setPreview(undefined);
    if (folder) await desk().unmount(folder);
    const at = await desk().mount(files);
    setFolder(at);
    setScan(await work.run<Scan>("scan", { paths: [at] }));
  };
  const other = async () => {
    if (folder) await desk().unmount(folder);
    setFolder(""); setScan(undefined); setPreview(undefined); setAdded(undefined); setPaused(false); work.forget();
  };
  const store = async () => {
    setPaused(false);
    began.current = performance.now();
    const all = await work.run<Added[]>("add", { paths: [folder] });
    if (all) { setAdded(all); await desk().unmount(folder); setFolder(""); }
  };
  const look = async () => setPreview(await work.run<Preview>("preview", { paths: [folder] }));

  if (added) return <Done added={added} other={other} />;
  const study = scan && !scan.mixed && scan.studies.length > 0;
  const sending = work.busy && (progress?.stage === "sealing" || progress?.stage === "storing");
  const rate = sending && progress && progress.done > 0 ? progress.done / ((performance.now() - began.current) / 1000) : 0;
  return (
    <Page title={t("upload.title")}>
      {!scan && !work.busy && <Drop choose={choose} />}
      {scan && scan.mixed && (
        <Alert color="orange" title={t("upload.mixed.title")} role="alert">
          <Text size="sm" mb="sm">{t("upload.mixed.text")}</Text>
          <details><summary>{t("word.details")}</summary><ul>{scan.rejected.map((r) => <li key={r.path} className="id">{r.path}</li>)}</ul></details>
          <Button mt="md" onClick={other}>{t("upload.other")}</Button>
        </Alert>
      )}
      {scan && !scan.mixed && scan.studies.length === 0 && (
        <Alert color="orange" role="alert"><Text size="sm" mb="sm">{t("upload.nothing")}</Text><Unusable rejected={scan.rejected} /><Button onClick={other}>{t("upload.other")}</Button></Alert>
      )}
      {study && (
        <Card title={t("upload.found")}>
          {scan.studies.map((s, i) => (
            <div className="row" key={i}>
              <div>
                <Text fw={600}>{s.description || s.modalities?.join(", ")} {s.date && `· ${s.date.slice(0, 4)}-${s.date.slice(4, 6)}-${s.date.slice(6)}`}</Text>
                <Text>{t("upload.found.of", { name: s.name.replaceAll("^", " "), born: s.born.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3") })}</Text>
              </div>
              <Text className="faint">{t("upload.found.size", { n: s.instances, size: bytes(s.bytes) })}</Text>
            </div>
          ))}
          {scan.ignored > 0 && <Text size="sm" className="faint">{t("upload.ignored", { n: scan.ignored })}</Text>}
          <Unusable rejected={scan.rejected} />
          {!work.busy && !paused && (
            <Group mt="lg">
              <Button onClick={store}>{t("upload.store")}</Button>
              {!preview && <Button variant="default" onClick={look}>{t("upload.preview")}</Button>}
              <Button variant="subtle" onClick={other}>{t("upload.other")}</Button>
            </Group>
          )}
          {paused && !work.busy && (
            <Stack mt="lg" align="flex-start"><Text role="status">{t("upload.paused")}</Text><Group><Button onClick={store}>{t("upload.resume")}</Button><Button variant="subtle" onClick={other}>{t("upload.other")}</Button></Group></Stack>
          )}
        </Card>
      )}
      {work.busy && (
        <Card title={sending ? t("upload.running") : undefined}>
          <Stage progress={progress} />
          {scan && folder && !preview && <Group mt="sm" justify="space-between">
            <Text size="sm" className="faint">{t("upload.safe.not")} {rate > 0 && t("upload.rate", { rate: bytes(rate) })}</Text>
            <Button size="xs" variant="default" onClick={() => { setPaused(true); work.pause(); }}>{t("upload.pause")}</Button>
          </Group>}
        </Card>
      )}
      {work.problem && <Trouble problem={work.problem} again={scan ? store : other} />}
      {preview && <Before preview={preview} />}
    </Page>
  );
}

// Unusable lists what was meant to be part of a scan, and says what to do about it.
function Unusable({ rejected }: { rejected: Left[] }) {
  const { t } = useWords();
  if (rejected.length === 0) return null;
  return (
    <div>
      <details><summary>{t("upload.rejected", { n: rejected.length })}</summary><ul className="left">{rejected.map((r) => <li key={r.path}><span className="id">{r.path}</span>: <Said text={r.reason} span /></li>)}</ul></details>
      <Text size="sm" mb="sm">{t("upload.rejected.help")}</Text>
    </div>
  );
}

function Drop({ choose }: { choose: (files: Chosen[]) => void }) {
  const { t } = useWords();
  const [over, setOver] = useState(false);
  const dir = useRef<HTMLInputElement>(null);
  const file = useRef<HTMLInputElement>(null);
  useEffect(() => { dir.current?.setAttribute("webkitdirectory", ""); }, []);
  return (
    <section className={over ? "drop over" : "drop"} onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
      onDrop={(e) => { e.preventDefault(); setOver(false); void dropped(e.dataTransfer).then(choose); }}>
      <Text size="xl" fw={600}>{t(over ? "upload.drop.now" : "upload.drop")}</Text>
      <Text className="faint" mt={6} mb="lg">{t("upload.drop.help")}</Text>
      <Group justify="center">
        <Button onClick={() => dir.current?.click()}>{t("upload.folder")}</Button>
        <Button variant="default" onClick={() => file.current?.click()}>{t("upload.files")}</Button>
      </Group>
      <input ref={dir} type="file" multiple hidden data-for="folder" onChange={(e) => choose(listed(e.currentTarget.files))} />
      <input ref={file} type="file" multiple hidden data-for="files" onChange={(e) => choose(listed(e.currentTarget.files))} />
    </section>
  );
}

function Done({ added, other }: { added: Added[]; other: () => void }) {
  const { t } = useWords();
  return (
    <Page title={t("upload.title")}>
      {added.map((a) => (
        <Card key={a.record}>
          <Text fw={600} size="lg" role="status">{t("upload.done")}</Text>
          <Text className="faint" mb="md">{a.new > 0 ? t("upload.done.text", { n: a.instances }) : t("upload.done.same")}</Text>
          <Text className="id faint" mb="md">{a.record}</Text>
          <Unusable rejected={a.rejected} />
          <Group><Button onClick={() => go("/ask/" + a.record)}>{t("upload.done.ask")}</Button><Button variant="default" onClick={() => go("/view/" + a.record)}>{t("record.view")}</Button><Button variant="subtle" onClick={other}>{t("upload.title")}</Button></Group>
        </Card>
      ))}
    </Page>
  );
}
