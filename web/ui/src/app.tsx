import { Loader, Center } from "@mantine/core";
import { useEffect, useState } from "react";
import { Door } from "./pages/door";
import { Rooms } from "./rooms";
import { hasKeys } from "./worker/store";

// App is the door until it is unlocked, then the rooms behind it.
export function App() {
  const [keys, setKeys] = useState<boolean | null>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => { hasKeys().then(setKeys, () => setKeys(false)); }, []);
  if (keys === null) return <Center h="100vh"><Loader aria-label="Manx" /></Center>;
  return open ? <Rooms leave={() => { setKeys(true); setOpen(false); }} /> : <Door known={keys} enter={() => setOpen(true)} />;
}
