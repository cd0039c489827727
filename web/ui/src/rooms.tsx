import { AppShell, Badge, Burger, Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Suspense } from "react";
import { Choices, Mark, Shade } from "./parts/bar";
import { Fence, Loading } from "./parts/parts";
import type { Status } from "./parts/shapes";
import { To, useWay } from "./parts/way";
import { kinds, roleOf } from "./roles";
import { useWords } from "./words/words";
import { desk } from "./worker/desk";

// Foot is how times are shown, and on a phone what its header has no room for.
function Foot() {
  const { t, zone, zoned, here } = useWords();
  return (
    <div className="zone">
      <Text size="xs" className="faint">{zone === "utc" ? t("app.zone.utc") : t("app.zone.local", { zone: here })}</Text>
      <Group gap={6} mt={4}>
        <Button size="compact-xs" variant="default" onClick={() => zoned(zone === "utc" ? "local" : "utc")}>{t(zone === "utc" ? "app.zone.to.local" : "app.zone.to.utc")}</Button>
        <Shade small />
      </Group>
    </div>
  );
}

// Rooms are the pages of who is signed in.
export function Rooms({ status, leave }: { status: Status; leave: () => void }) {
  const { t } = useWords();
  const [here = "", id = ""] = useWay();
  const [shown, { toggle, close }] = useDisclosure(false);
  const { rooms: all, word } = kinds[roleOf(status.account ?? "")];
  const rooms = all.filter((r) => (status.local ? !r.own : !r.local));
  const room = rooms.find((r) => r.path === here) ?? rooms[0];
  return (
    <AppShell header={{ height: 60 }} navbar={{ width: 220, breakpoint: "sm", collapsed: { mobile: !shown } }} padding="lg">
      <a className="skip" href="#main">{t("app.skip")}</a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={shown} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t("app.menu")} />
            <Mark />
          </Group>
          <Group gap={6} wrap="nowrap">
            <Choices />
            {!status.local && <Button size="compact-sm" variant="default" onClick={() => void desk().call("lock").finally(leave)}>{t("app.lock")}</Button>}
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md" style={{ overflowY: "auto" }}>
        <div className="whose">
          {(status.demo || status.local) && <Badge size="sm" variant="light" color={status.demo ? "orange" : "teal"} mb={6}>{t(status.demo ? "demo.badge" : "local.badge")}</Badge>}
          <Text size="sm" fw={600}>{status.name || t(word)}</Text>
          <Text size="xs" className="faint">{status.name ? `${t(word)} · ` : ""}{t(status.side === "health" ? "side.health" : status.side === "credit" ? "side.credit" : "side.common")}</Text>
        </div>
        <nav className="nav" aria-label={t("app.menu")}>
          {rooms.map(({ path, word }) => word && (
            <To key={path} to={"/" + path} aria-current={(room.under ?? room.path) === path ? "page" : undefined} onClick={close}>{t(word)}</To>
          ))}
        </nav>
        <Foot />
        <Text size="xs" className="faint" mt="sm">{t(status.side === "credit" ? "app.research.credit" : "app.research")}</Text>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <Fence key={here + "/" + id}><Suspense fallback={<Loading />}><room.page key={id} id={id} /></Suspense></Fence>
      </AppShell.Main>
    </AppShell>
  );
}
