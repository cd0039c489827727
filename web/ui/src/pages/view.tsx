import { Alert, Button, Group, NativeSelect, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { Loading, Page, Trouble, asProblem, useCall } from "../parts/parts";
import type { Slice } from "../parts/shapes";
import { useWords } from "../words/words";
import { desk } from "../worker/desk";
import type { Problem } from "../worker/protocol";

const windows = { soft: { center: 40, width: 400 }, lung: { center: -600, width: 1500 }, bone: { center: 400, width: 1800 } };
type Preset = keyof typeof windows;

// View decrypts and draws one picture at a time, here.
export default function View({ id: record }: { id: string }) {
  const { t } = useWords();
  const { data: slices, problem, reload } = useCall<Slice[]>("slices", { record });
  const [at, setAt] = useState(0);
  const [preset, setPreset] = useState<Preset>("soft");
  const [shown, setShown] = useState("");
  const [failed, setFailed] = useState<Problem>();
  const asked = useRef(0);
  const wheel = useRef<HTMLDivElement>(null);
  useEffect(() => { if (slices) setAt(Math.floor(slices.length / 2)); }, [slices]);
  useEffect(() => {
    if (!slices?.length) return;
    const mine = ++asked.current;
    desk().call<{ png: string }>("slice", { record, index: at, window: windows[preset] }).then(
      (d) => { if (mine === asked.current) { setShown(d.png); setFailed(undefined); } },
      (e) => { if (mine === asked.current) { setShown(""); setFailed(asProblem(e)); } });
  }, [slices, record, at, preset]);
  const move = (by: number) => setAt((n) => Math.max(0, Math.min((slices?.length ?? 1) - 1, n + by)));
  useEffect(() => {
    const el = wheel.current;
    const turn = (e: WheelEvent) => { e.preventDefault(); move(Math.sign(e.deltaY)); };
    el?.addEventListener("wheel", turn, { passive: false });
    return () => el?.removeEventListener("wheel", turn);
  });
  if (!slices) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  if (slices.length === 0) return <Page title={t("view.title")}><Text>{t("view.none")}</Text></Page>;
  const label = t("view.slice", { n: at + 1, all: slices.length });
  return (
    <Page title={t("view.title")} text={t("view.not")}>
      {failed?.kind === "unsupported" ? <Alert color="orange" role="alert">{t("view.undrawn")}</Alert> : failed && <Trouble problem={failed} />}
      <div className="viewer" ref={wheel} tabIndex={0} role="group" aria-label={t("view.title")}
        onKeyDown={(e) => { if (e.key === "ArrowDown" || e.key === "ArrowRight") move(1); if (e.key === "ArrowUp" || e.key === "ArrowLeft") move(-1); }}>
        {shown ? <img src={"data:image/png;base64," + shown} alt={label} /> : !failed && <Text>{t("word.loading")}</Text>}
      </div>
      <Group justify="space-between">
        <Group gap={8}>
          <Button variant="default" size="xs" onClick={() => move(-1)} aria-label="−1">−</Button>
          <input type="range" min={0} max={slices.length - 1} value={at} onChange={(e) => setAt(Number(e.currentTarget.value))} aria-label={label} />
          <Button variant="default" size="xs" onClick={() => move(1)} aria-label="+1">+</Button>
          <Text size="sm">{label}</Text>
        </Group>
        {slices[at]?.hounsfield && <NativeSelect size="xs" aria-label={t("view.window")} value={preset} onChange={(e) => setPreset(e.currentTarget.value as Preset)}
          data={[{ value: "soft", label: t("view.window.soft") }, { value: "lung", label: t("view.window.lung") }, { value: "bone", label: t("view.window.bone") }]} />}
      </Group>
    </Page>
  );
}
