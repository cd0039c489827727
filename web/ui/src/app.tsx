import { Loader, Center } from "@mantine/core";
import { useEffect, useState } from "react";
import { Door } from "./pages/door";
import { asProblem, Trouble } from "./parts/parts";
import type { Status } from "./parts/shapes";
import { Rooms } from "./rooms";
import { desk } from "./worker/desk";
import type { Problem } from "./worker/protocol";
import { accountsHere } from "./worker/store";

// App is the door until an account is unlocked, then the rooms behind it.
export function App() {
  const [known, setKnown] = useState<string[] | null>(null);
  const [status, setStatus] = useState<Status>();
  const [problem, setProblem] = useState<Problem>();
  const look = () => void accountsHere().then(setKnown, () => setKnown([]));
  useEffect(look, []);
  const enter = () => desk().call<Status>("status").then(setStatus, (e) => setProblem(asProblem(e)));
  if (problem) return <Trouble problem={problem} again={() => { setProblem(undefined); void enter(); }} />;
  if (known === null) return <Center h="100vh"><Loader aria-label="Manx" /></Center>;
  if (status?.open) return <Rooms status={status} leave={() => { look(); setStatus(undefined); }} />;
  return <Door known={known} enter={() => void enter()} />;
}
