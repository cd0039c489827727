import { Center, Loader } from "@mantine/core";
import { Suspense, lazy, useEffect, useState } from "react";
import { Door } from "./pages/door";
import { Trouble, asProblem } from "./parts/parts";
import type { Status } from "./parts/shapes";
import { Rooms } from "./rooms";
import { desk } from "./worker/desk";
import { localToken, takeToken } from "./worker/local";
import type { Problem } from "./worker/protocol";
import { accountsHere } from "./worker/store";

const Demo = lazy(() => import("./pages/demo"));

// demoAsked is the demo account that the address names: "" for the list of them, null
// where it names none.
const demoAsked = () => /^#demo(?:=([a-z-]+))?$/.exec(location.hash)?.slice(1).map((name) => name ?? "")[0] ?? null;

// App is the door until an account is unlocked, then the rooms behind it. A process of
// this machine that serves the page itself has no door: it has its keys.
export function App() {
  const [known, setKnown] = useState<string[] | null>(null);
  const [status, setStatus] = useState<Status>();
  const [problem, setProblem] = useState<Problem>();
  const [demo, setDemo] = useState(demoAsked);
  const look = () => void accountsHere().then(setKnown, () => setKnown([]));
  const enter = () => desk().call<Status>("status").then((s) => { setDemo(null); setStatus(s); }, (e) => setProblem(asProblem(e)));
  useEffect(() => {
    takeToken();
    const hash = () => { takeToken(); setDemo(demoAsked()); };
    window.addEventListener("hashchange", hash);
    if (localToken()) void enter();
    else look();
    return () => window.removeEventListener("hashchange", hash);
  }, []);
  const waits = <Center h="100vh"><Loader aria-label="Manx" /></Center>;
  if (problem) return <main id="main" style={{ padding: 24 }}><Trouble problem={problem} again={() => { setProblem(undefined); void enter(); }} /></main>;
  if (status?.open) return <Rooms status={status} leave={() => { look(); setStatus(undefined); }} />;
  if (known === null) return waits;
  const away = () => { history.replaceState(null, "", "/"); setDemo(null); };
  if (demo !== null) return <Suspense fallback={waits}><Demo asked={demo} enter={() => { history.replaceState(null, "", "/"); void enter(); }} leave={away} /></Suspense>;
  return <Door known={known} enter={() => void enter()} />;
}
