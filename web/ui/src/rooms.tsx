import { AppShell, Burger, Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Suspense, lazy } from "react";
import { Choices, Mark } from "./parts/bar";
import { Fence, Loading } from "./parts/parts";
import { To, useWay } from "./parts/way";
import { type Word, useWords } from "./words/words";
import { desk } from "./worker/desk";

const Home = lazy(() => import("./pages/home"));
const Upload = lazy(() => import("./pages/upload"));
const Ask = lazy(() => import("./pages/ask"));
const FindingPage = lazy(() => import("./pages/finding"));
const Consent = lazy(() => import("./pages/consent"));
const Activity = lazy(() => import("./pages/activity"));
const Keys = lazy(() => import("./pages/keys"));
const View = lazy(() => import("./pages/view"));

const rooms: [string, Word][] = [["", "nav.home"], ["upload", "nav.upload"], ["consent", "nav.consent"], ["activity", "nav.activity"], ["keys", "nav.keys"]];

function Room({ way: [room = "", id = ""] }: { way: string[] }) {
  switch (room) {
    case "upload": return <Upload />;
    case "ask": return <Ask key={id} record={id} />;
    case "finding": return <FindingPage key={id} job={id} />;
    case "consent": return <Consent key={id} record={id} />;
    case "activity": return <Activity />;
    case "keys": return <Keys />;
    case "view": return <View key={id} record={id} />;
    default: return <Home />;
  }
}

// Rooms are the pages of who is signed in.
export function Rooms({ leave }: { leave: () => void }) {
  const { t } = useWords();
  const way = useWay();
  const [shown, { toggle, close }] = useDisclosure(false);
  const here = way[0] ?? "";
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
            <Button size="compact-sm" variant="default" onClick={() => void desk().call("lock").finally(leave)}>{t("app.lock")}</Button>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md">
        <nav className="nav" aria-label={t("app.menu")}>
          {rooms.map(([path, word]) => (
            <To key={path} to={"/" + path} aria-current={here === path ? "page" : undefined} onClick={close}>{t(word)}</To>
          ))}
        </nav>
        <Text size="xs" className="faint" mt="auto">{t("app.research")}</Text>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <Fence key={way.join("/")}><Suspense fallback={<Loading />}><Room way={way} /></Suspense></Fence>
      </AppShell.Main>
    </AppShell>
  );
}
