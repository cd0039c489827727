import { Button, Group, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Card, Facts, Page, Trouble, useWork } from "../../parts/parts";
import { useWords } from "../../words/words";
import type { Person } from "./shapes";

// People looks a pseudonym up, or a person: on this machine alone.
export default function People() {
  const { t } = useWords();
  const work = useWork();
  const [text, setText] = useState("");
  const [found, setFound] = useState<Person[]>();
  const look = async (e: FormEvent) => {
    e.preventDefault();
    setFound(await work.run<Person[]>("edge.lookup", { text }));
  };
  return (
    <Page title={t("people.title")} text={t("people.text")}>
      <Card>
        <form onSubmit={look}>
          <Group align="flex-end" gap="sm"><TextInput label={t("people.what")} description={t("people.what.help")} value={text} onChange={(e) => { setText(e.currentTarget.value); setFound(undefined); }} style={{ flex: "1 1 260px" }} spellCheck={false} autoComplete="off" required /><Button type="submit" loading={work.busy}>{t("people.look")}</Button></Group>
        </form>
        {work.problem && <Trouble problem={work.problem} />}
        {found && found.length === 0 && <Text mt="md" role="status">{t("people.none")}</Text>}
      </Card>
      {found?.map((p) => (
        <Card key={p.record} title={p.pseudonym}>
          <Facts of={[[t("people.id"), p.id], [t("people.name"), p.name.replaceAll("^", " ")], [t("people.born"), p.born.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3")], [t("people.date"), p.date.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3")], [t("people.record"), <span className="id">{p.record}</span>], [t("people.copy"), <span className="id">{p.copy}</span>]]} />
        </Card>
      ))}
    </Page>
  );
}
