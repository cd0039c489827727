import { Button, Group, NativeSelect, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Empty, Loading, Page, Time, Trouble, useCall } from "../parts/parts";
import type { Event } from "../parts/shapes";
import { To, go } from "../parts/way";
import { useWords } from "../words/words";
import { save } from "../parts/save";

const groups: Record<string, string[]> = { permissions: ["granted", "revoked", "ended"], models: ["asked", "settled", "refunded", "trained", "counted"], storage: ["stored"] };

export default function Activity() {
  const { t, known } = useWords();
  const { data, problem, reload } = useCall<Event[]>("log");
  const [only, setOnly] = useState("all");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const shown = data.filter((e) => only === "all" || groups[only].includes(e.what));
  const text = (e: Event) => known("activity." + e.what, {
    name: e.name || e.party || "", record: `${known("kind." + e.kind)} …${(e.record ?? "").slice(-6)}`, purpose: known("purpose." + e.purpose), model: e.model ?? "", fee: e.fee, version: e.version ?? 1, n: e.version ?? 1, title: e.title ?? "", epsilon: (e.epsilon ?? 0).toFixed(2),
  }) || e.what;
  return (
    <Page title={t("activity.title")} aside={<Button variant="default" size="xs" disabled={data.length === 0} onClick={() => save("manx-activity.json", JSON.stringify(data, null, 1))}>{t("activity.export")}</Button>}>
      {data.length === 0 ? <Card><Empty text={t("activity.none")} next={[t("home.scans.first"), () => go("/upload")]} /></Card> : (
        <>
          <Group><NativeSelect label={t("activity.filter")} value={only} onChange={(e) => setOnly(e.currentTarget.value)}
            data={[{ value: "all", label: t("activity.all") }, { value: "permissions", label: t("activity.permissions") }, { value: "models", label: t("activity.models") }, { value: "storage", label: t("activity.storage") }]} /></Group>
          <ol className="timeline">
            {shown.map((e, i) => (
              <li key={i} data-what={e.what}>
                <Text fw={500}>{text(e)}</Text>
                <Text size="sm" className="faint"><Time at={e.at} />{e.job && e.what === "settled" && <> · <To to={"/finding/" + e.job}>{t("activity.receipt")}</To></>}</Text>
              </li>
            ))}
          </ol>
        </>
      )}
    </Page>
  );
}
