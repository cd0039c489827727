import { Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { Card, Copy, Loading, Page, Trouble, useCall } from "../../parts/parts";
import type { Status } from "../../parts/shapes";
import { useWords } from "../../words/words";
import { localToken } from "../../worker/local";
import type { Gate } from "./shapes";

const day = 86400;

// Request makes a link by which a patient is asked for permission (pages/consent.tsx). It
// names the hospital, purpose and days; nothing of the patient.
export default function RequestPage() {
  const status = useCall<Status>("status");
  return localToken() ? <Near status={status} /> : <Form status={status} node={location.origin} />;
}

// Near is on the gateway's own page, whose node has another address.
function Near({ status }: { status: { data?: Status } }) {
  const gate = useCall<Gate>("edge");
  if (!gate.data) return gate.problem ? <Trouble problem={gate.problem} again={gate.reload} /> : <Loading />;
  return <Form status={status} node={gate.data.node} />;
}

function Form({ status, node }: { status: { data?: Status }; node: string }) {
  const { t, time } = useWords();
  const [purpose, setPurpose] = useState("care");
  const [days, setDays] = useState("30");
  const [good, setGood] = useState("7");
  const [now] = useState(() => Math.floor(Date.now() / 1000));
  if (!status.data) return <Loading />;
  const until = now + Math.max(1, Number(good) || 0) * day;
  const link = `${node}/consent?to=${status.data.party}&purpose=${purpose}&days=${Math.max(1, Number(days) || 0)}&until=${until}`;
  return (
    <Page title={t("request.title")} text={t("request.text")}>
      <Card>
        <Stack gap="sm">
          <div className="fields">
            <NativeSelect label={t("consent.purpose")} description={t("request.purpose.help")} value={purpose} onChange={(e) => setPurpose(e.currentTarget.value)} data={[{ value: "care", label: t("request.purpose.care") }, { value: "research", label: t("request.purpose.research") }]} />
            <TextInput type="number" min={1} max={3650} label={t("consent.days")} description={t("request.days.help")} value={days} onChange={(e) => setDays(e.currentTarget.value)} />
            <TextInput type="number" min={1} max={90} label={t("request.good")} description={t("request.good.help", { time: time(until) })} value={good} onChange={(e) => setGood(e.currentTarget.value)} />
          </div>
          <Text size="sm" fw={600}>{t("request.link")}</Text>
          <div className="command"><code data-link>{link}</code><Copy text={link} /></div>
          <Group><Text size="sm" className="faint">{t("request.how")}</Text></Group>
        </Stack>
      </Card>
    </Page>
  );
}
