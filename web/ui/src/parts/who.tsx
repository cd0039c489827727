// Whose account is opened: asked at the door, remembered in this browser.
import { NativeSelect } from "@mantine/core";
import { kinds, roleOf, roles } from "../roles";
import { useWords } from "../words/words";

const side = (account: string) => (account.endsWith("-credit") || account === "borrower" || account === "lender" ? "credit" : account === "provider" ? "common" : "health");
const accounts = roles.flatMap((r) => (kinds[r].sides ? [r, r + "-credit"] : [r]));

// lastAccount is the one that was opened here before; a first visitor is a patient.
export function lastAccount(known: string[]): string {
  const last = localStorage.getItem("account") ?? "";
  return known.includes(last) ? last : (known[0] ?? "patient");
}

export function Who({ known, account, choose }: { known: string[]; account: string; choose: (account: string) => void }) {
  const { t } = useWords();
  const label = (a: string) => (known.includes(a) ? t("door.who.known", { who: t(kinds[roleOf(a)].word) }) : t(kinds[roleOf(a)].word));
  return (
    <NativeSelect mb="md" label={t("door.who")} value={account} onChange={(e) => { localStorage.setItem("account", e.currentTarget.value); choose(e.currentTarget.value); }}
      data={(["health", "credit", "common"] as const).map((s) => ({
        group: t(s === "health" ? "side.health" : s === "credit" ? "side.credit" : "side.common"),
        items: accounts.filter((a) => side(a) === s).map((a) => ({ value: a, label: label(a) })),
      }))} />
  );
}
