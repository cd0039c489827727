import { Alert, Button, Group, Text } from "@mantine/core";
import { end } from "../../parts/named";
import { Card, Empty, Loading, Page, Time, Trouble, useCall } from "../../parts/parts";
import { go } from "../../parts/way";
import { useWords } from "../../words/words";
import { Costs, Who } from "../contract/pieces";
import { type Listed, pick } from "../contract/shapes";

// Offers are contracts that others opened and nobody has acted in yet: what each costs
// in all stands first, so that they can be compared.
export default function Offers() {
  const { t, language } = useWords();
  const { data, problem, reload } = useCall<Listed[]>("contracts");
  if (!data) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const offers = data.filter((c) => !c.over && !c.opener.mine && !c.begun && c.turn);
  const mine = (c: Listed) => c.cost.filter((x) => c.players.some((p) => p.mine && p.role === x.role));
  offers.sort((a, b) => Number(mine(a)[0]?.more ?? 0) - Number(mine(b)[0]?.more ?? 0));
  return (
    <Page title={t("nav.offers")} text={t("borrower.offers.text")}>
      {offers.length === 0 && <Card><Empty text={t("borrower.offers.none")} next={[t("contract.new"), () => go("/agree")]} /></Card>}
      {offers.map((c) => (
        <Card key={c.id} title={t("borrower.offer", { who: c.opener.name || end(c.opener.party ?? ""), what: pick(language, c.title) })}>
          <Costs of={mine(c)} players={c.players} />
          <Text size="sm" mt="md">{c.players.map((p, i) => <span key={p.role}>{i > 0 && " · "}{pick(language, p.told)}: <Who of={p} /></span>)}</Text>
          <Text size="sm" className="faint" mb="md">{t("borrower.offer.until")} <Time at={c.until ?? c.last} /></Text>
          <Group><Button onClick={() => go("/contract/" + c.id)}>{t("borrower.offer.read")}</Button></Group>
        </Card>
      ))}
      {offers.length > 1 && <Alert color="gray" variant="light">{t("borrower.offers.order")}</Alert>}
    </Page>
  );
}
