import { Button, Group, NativeSelect, Text } from "@mantine/core";
import { useState } from "react";
import { Card, Empty, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { go } from "../../parts/way";
import { save } from "../../parts/save";
import { useWords } from "../../words/words";
import type { Deed } from "../borrower/shapes";

// Log is who did what about the scores that were asked for, by role.
export default function Log() {
  const { t, known } = useWords();
  const { data, problem, reload } = useCall<Deed[]>("deeds");
  const [role, setRole] = useState("");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const roles = [...new Set(data.map((d) => d.role))];
  const shown = data.filter((d) => !role || d.role === role);
  return (
    <Page title={t("nav.log")} text={t("lender.log.text")} aside={<Button variant="default" size="xs" disabled={data.length === 0} onClick={() => save("manx-credit-log.json", JSON.stringify(shown, null, 1))}>{t("activity.export")}</Button>}>
      <Group><NativeSelect label={t("lender.log.role")} value={role} onChange={(e) => setRole(e.currentTarget.value)} data={[{ value: "", label: t("lender.log.all", { n: data.length }) }, ...roles.map((r) => ({ value: r, label: `${known("lender.role." + r)} (${data.filter((d) => d.role === r).length})` }))]} /></Group>
      <Card>
        {shown.length === 0 ? <Empty text={t("lender.log.none")} next={[t("lender.ask"), () => go("/")]} /> : (
          <ol className="timeline">
            {shown.map((d, i) => (
              <li key={i} data-what={d.what === "revoked" || d.what === "refunded" ? "revoked" : d.what === "asked" ? "granted" : undefined}>
                <Text fw={600}>{known("lender.role." + d.role)}{d.name && ` · ${d.name}`}: {known("lender.deed." + d.what)}</Text>
                <Text size="sm">{t("lender.applicant")} <span className="id">…{d.subject?.slice(-8)}</span> · {known("purpose." + d.purpose)} · {d.model}{d.what === "asked" && ` · ${t("word.man", { n: d.fee })}`}</Text>
                <Text size="sm" className="faint"><Time at={d.at} /> {d.who && <span className="id">{d.who}</span>}</Text>
              </li>
            ))}
          </ol>
        )}
      </Card>
    </Page>
  );
}
