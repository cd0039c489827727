// The browser's own recogniser of speech, where it has one. Off until it is asked for:
// some browsers send the sound to their maker.
import { Alert, Button, Group, Switch, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useWords } from "../../words/words";

interface Heard { results: ArrayLike<ArrayLike<{ transcript: string }>> }
interface Recogniser {
  lang: string; interimResults: boolean; continuous: boolean;
  onresult: ((e: Heard) => void) | null; onerror: ((e: { error: string }) => void) | null; onend: (() => void) | null;
  start(): void; abort(): void;
}
type Maker = new () => Recogniser;
const maker = (): Maker | undefined => {
  const w = window as unknown as { SpeechRecognition?: Maker; webkitSpeechRecognition?: Maker };
  return w.SpeechRecognition ?? w.webkitSpeechRecognition;
};

export function Listen({ heard }: { heard: (text: string) => void }) {
  const { t, language } = useWords();
  const [on, setOn] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const now = useRef<Recogniser>(null);
  useEffect(() => () => now.current?.abort(), []);
  const Make = maker();
  if (!Make) return <Text size="sm" className="faint">{t("contract.speak.none")}</Text>;
  const listen = () => {
    const r = new Make();
    now.current = r;
    Object.assign(r, { lang: language === "zh" ? "zh-CN" : "en-GB", interimResults: false, continuous: false });
    r.onresult = (e) => heard([...Array(e.results.length).keys()].map((i) => e.results[i][0].transcript).join(" "));
    r.onerror = () => setFailed(true);
    r.onend = () => setBusy(false);
    setFailed(false);
    setBusy(true);
    r.start();
  };
  return (
    <div>
      <Switch checked={on} onChange={(e) => { setOn(e.currentTarget.checked); now.current?.abort(); }} label={t("contract.speak")} description={t("contract.speak.text")} />
      {on && (
        <Group mt="sm" gap="sm">
          <Button size="xs" variant="default" loading={busy} onClick={listen}>{t("contract.speak.start")}</Button>
          {busy && <Button size="xs" variant="default" onClick={() => now.current?.abort()}>{t("word.cancel")}</Button>}
          <Text size="sm" className="faint" role="status">{busy ? t("contract.speak.now") : ""}</Text>
        </Group>
      )}
      {failed && <Alert mt="sm" color="orange" variant="light">{t("contract.speak.failed")}</Alert>}
    </div>
  );
}
