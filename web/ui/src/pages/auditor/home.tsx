import { Button, Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Card, Empty, Loading, Page, Stage, Time, Trouble, useCall, useWork } from "../../parts/parts";
import { To } from "../../parts/way";
import { useWords } from "../../words/words";
import { save } from "../../parts/save";
import type { Extract, Found } from "./shapes";

const families = ["", "party", "record", "grant", "budget", "job", "receipt", "model", "training", "escrow", "coin", "credit", "sum", "holding", "worker", "time", "beacon"];

// Happened is an event's name in words: "Job settled".
function Happened({ name }: { name: string }) {
  const { known } = useWords();
  const [family, did = ""] = name.split(".");
  return <><b>{known("event." + family) || family}</b> <span className="faint">{known("event.did." + did) || did}</span></>;
}

// Search is the ledger of one side, read only, newest first.
export default function Search() {
  const { t, known } = useWords();
  const [asked, setAsked] = useState({ name: "", about: "", before: 0 });
  const [pages, setPages] = useState<number[]>([]);
  const [name, setName] = useState("");
  const [about, setAbout] = useState("");
  const { data, problem, reload } = useCall<{ events: Found[]; next: number }>("events", asked);
  const work = useWork();
  const look = (e: FormEvent) => {
    e.preventDefault();
    setPages([]);
    setAsked({ name, about: about.trim(), before: 0 });
  };
  const extract = async (form: "csv" | "json") => {
    const x = await work.run<Extract>("extract", { name: asked.name, about: asked.about, before: 0, form });
    if (!x) return;
    save(x.name, x.text, form === "csv" ? "text/csv" : "application/json");
    save(x.name + ".signature.json", JSON.stringify(x.signature, null, 1));
  };
  return (
    <Page title={t("audit.title")} text={t("audit.text")}>
      <Card quiet>
        <form onSubmit={look}>
          <Group align="flex-end" gap="md">
            <NativeSelect label={t("audit.what")} value={name} onChange={(e) => setName(e.currentTarget.value)} data={families.map((f) => ({ value: f, label: f ? known("event." + f) : t("audit.all") }))} />
            <TextInput label={t("audit.about")} description={t("audit.about.help")} value={about} onChange={(e) => setAbout(e.currentTarget.value)} style={{ flex: "1 1 260px" }} spellCheck={false} autoComplete="off" />
            <Button type="submit">{t("audit.search")}</Button>
          </Group>
        </form>
      </Card>
      {problem && <Trouble problem={problem} again={reload} />}
      {!data && !problem && <Loading />}
      {data && (
        <Card>
          {data.events.length === 0 ? <Empty text={t("audit.none")} next={[t("audit.every"), () => { setName(""); setAbout(""); setPages([]); setAsked({ name: "", about: "", before: 0 }); }]} /> : (
            <div className="scroll" tabIndex={0}><table className="changes stack">
              <thead><tr><th scope="col">{t("audit.place")}</th><th scope="col">{t("audit.event")}</th><th scope="col">{t("audit.of")}</th><th scope="col">{t("work.when")}</th></tr></thead>
              <tbody>{data.events.map((e) => (
                <tr key={`${e.height}.${e.n}`}><td data-label={t("audit.place")}><To to={`/event/${e.height}.${e.n}`}>{e.height}.{e.n}</To></td><td data-label={t("audit.event")}><Happened name={e.name} />{e.facts?.stage && !e.name.endsWith("." + e.facts.stage) && <> <span className="pill">{known("event.did." + e.facts.stage) || e.facts.stage}</span></>}</td>
                  <td className="id" data-label={t("audit.of")}>{e.about}</td><td data-label={t("work.when")}>{e.at > 0 ? <Time at={e.at} /> : "–"}</td></tr>
              ))}</tbody>
            </table></div>
          )}
          <Group mt="md" justify="space-between">
            <Group gap={8}>
              {pages.length > 0 && <Button size="xs" variant="default" onClick={() => { setAsked({ ...asked, before: pages[pages.length - 1] }); setPages(pages.slice(0, -1)); }}>{t("audit.newer")}</Button>}
              {data.next > 0 && <Button size="xs" variant="default" onClick={() => { setPages([...pages, asked.before]); setAsked({ ...asked, before: data.next }); }}>{t("audit.older")}</Button>}
            </Group>
            <Group gap={8}>
              <Button size="xs" variant="default" disabled={work.busy || data.events.length === 0} onClick={() => void extract("csv")}>{t("audit.csv")}</Button>
              <Button size="xs" variant="default" disabled={work.busy || data.events.length === 0} onClick={() => void extract("json")}>{t("audit.json")}</Button>
            </Group>
          </Group>
          <Text size="sm" className="faint" mt="sm">{t("audit.signed")}</Text>
          {work.busy && <Stage progress={work.progress} />}
          {work.problem && <Trouble problem={work.problem} />}
        </Card>
      )}
    </Page>
  );
}
