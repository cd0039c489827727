import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { Choices, Mark } from "../parts/bar";
import { Card, Loading, Page, Trouble, asProblem, useWork, Stage } from "../parts/parts";
import { kinds, roleOf } from "../roles";
import { useWords } from "../words/words";
import { deskFor } from "../worker/desk";
import type { Problem } from "../worker/protocol";

interface Visitor { account: string; name?: string; link: string }

// Demo lists the accounts that `manx up --demo` made, and opens one. asked is the one
// that the address names.
export default function Demo({ asked, enter, leave }: { asked: string; enter: () => void; leave: () => void }) {
  const { t } = useWords();
  const work = useWork();
  const [all, setAll] = useState<Visitor[]>();
  const [problem, setProblem] = useState<Problem>();
  const open = async (account: string) => {
    deskFor(account);
    if (await work.run("demo", { account })) enter();
  };
  useEffect(() => {
    if (asked) void open(asked);
    else fetch("/demo/accounts").then((r) => r.json() as Promise<Visitor[]>).then(setAll, (e) => setProblem({ ...asProblem(e), kind: "not-found" }));
  }, [asked]);
  const side = (account: string) => t(account.endsWith("-credit") || account === "borrower" || account === "lender" ? "side.credit" : account === "provider" ? "side.common" : "side.health");
  return (
    <>
      <Group justify="space-between" px="lg" py="sm" component="header"><Mark /><Group gap={6}><Choices /></Group></Group>
      <main id="main" style={{ padding: "24px" }}>
        <Page title={t("demo.title")} text={t("demo.text")}>
          <Alert color="orange" variant="light">{t("demo.beware")}</Alert>
          {(problem || work.problem) && <Trouble problem={problem ?? work.problem!} />}
          {work.busy && <Card><Stage progress={work.progress} /></Card>}
          {!asked && !all && !problem && <Loading />}
          {all && (
            <Card>
              {all.map((v) => (
                <div className="row" key={v.account}>
                  <Stack gap={2} maw={560}>
                    <Text fw={600}>{t(kinds[roleOf(v.account)].word)}{v.name && ` · ${v.name}`} <Text span size="sm" className="faint" fw={400}>{side(v.account)}</Text></Text>
                    <Text size="sm" className="faint">{t(kinds[roleOf(v.account)].text)}</Text>
                  </Stack>
                  {v.link.startsWith(location.origin + "/#demo=")
                    ? <Button size="xs" disabled={work.busy} data-account={v.account} onClick={() => void open(v.account)}>{t("demo.open")}</Button>
                    : <Button size="xs" component="a" variant="default" data-account={v.account} href={v.link} target="_blank" rel="noreferrer">{t("demo.page")}</Button>}
                </div>
              ))}
            </Card>
          )}
          <Group><Button variant="default" size="xs" onClick={leave}>{t("demo.own")}</Button></Group>
        </Page>
      </main>
    </>
  );
}
