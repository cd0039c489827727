import { Alert, Button, Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { useCallback, useEffect, useRef, useState } from "react";
import { Empty, Loading, Page, Trouble, asProblem, useCall } from "../parts/parts";
import type { Slice, Window } from "../parts/shapes";
import { go } from "../parts/way";
import { usePlace } from "../viewer/place";
import type { Measure, Stack, Tool } from "../viewer/stack";
import { useWords } from "../words/words";
import type { Problem } from "../worker/protocol";

const windows: Record<string, Window> = { soft: { center: 40, width: 400 }, lung: { center: -600, width: 1500 }, bone: { center: 400, width: 1800 }, brain: { center: 40, width: 80 } };
const toolNames = ["window", "pan", "zoom", "length", "area"] as const satisfies readonly Tool[];

// View decrypts one picture at a time, here, and has Cornerstone draw it.
export default function View({ id: record }: { id: string }) {
  const { t, number } = useWords();
  const { data: slices, problem, reload } = useCall<Slice[]>("slices", { record });
  const [stack, setStack] = useState<Stack>();
  const [at, setAt] = useState(0);
  const [shown, setShown] = useState(-1);
  const [failed, setFailed] = useState<Problem>();
  const [preset, setPreset] = useState("file");
  const [window_, setWindow] = useState<Window>();
  const [tool, setTool] = useState<Tool>("window");
  const [measures, setMeasures] = useState<Measure[]>([]);
  const canvas = useRef<HTMLDivElement>(null);
  const all = slices?.length ?? 0;
  useEffect(() => { setAt(Math.floor(all / 2)); }, [all]);
  useEffect(() => {
    if (!canvas.current || all === 0) return;
    let made: Stack | undefined;
    let live = true;
    const element = canvas.current;
    import("../viewer/stack").then(({ Stack }) => {
      if (!live) return;
      made = new Stack(element, record, all, { window: setWindow, measures: setMeasures });
      setStack(made);
    }).catch((e) => { if (live) setFailed({ ...asProblem(e), kind: "viewer" }); });
    return () => { live = false; made?.close(); setStack(undefined); };
  }, [record, all]);
  useEffect(() => {
    let live = true;
    setFailed(undefined);
    stack?.show(at).then(() => { if (live) setShown(at); }, (e) => { if (live) { setShown(-1); setFailed(asProblem(e)); } });
    return () => { live = false; };
  }, [stack, at]);
  const move = (by: number) => setAt((n) => Math.max(0, Math.min(all - 1, n + by)));
  useEffect(() => {
    const el = canvas.current;
    const turn = (e: WheelEvent) => { e.preventDefault(); move(Math.sign(e.deltaY)); };
    el?.addEventListener("wheel", turn, { passive: false });
    return () => el?.removeEventListener("wheel", turn);
  });
  const picture = shown === at ? stack?.picture() : undefined;
  const measuring = tool === "length" || tool === "area" ? tool : undefined;
  const told = useCallback((m: Measure) => (m.length !== undefined ? t("view.measured.length", { length: number(round(m.length)), unit: m.unit })
    : t("view.measured.area", { area: number(round(m.area ?? 0)), unit: m.unit, mean: m.mean === undefined ? "–" : number(round(m.mean)), of: m.of })), [t, number]);
  const place = usePlace({ stack, tool: measuring, picture, at, measures, told });
  if (!slices) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  if (all === 0) return <Page title={t("view.title")}><Empty text={t("view.none")} next={[t("nav.home"), () => go("/")]} /></Page>;
  const label = t("view.slice", { n: at + 1, all });
  const choose = (name: string, w?: Window) => { setPreset(name); stack?.setWindow(w); };
  const keys: Record<string, () => void> = {
    ArrowDown: () => move(1), ArrowRight: () => move(1), ArrowUp: () => move(-1), ArrowLeft: () => move(-1), PageDown: () => move(10), PageUp: () => move(-10), Home: () => setAt(0), End: () => setAt(all - 1),
    "+": () => stack?.zoom(1.25), "=": () => stack?.zoom(1.25), "-": () => stack?.zoom(0.8), "0": () => stack?.fit(),
  };
  const pans: Record<string, [number, number]> = { ArrowDown: [0, 30], ArrowUp: [0, -30], ArrowLeft: [-30, 0], ArrowRight: [30, 0] };
  const pressed = (e: React.KeyboardEvent) => {
    if (place.pressed(e)) return e.preventDefault();
    const by = e.shiftKey && pans[e.key];
    const act = by ? () => stack?.pan(...by) : e.ctrlKey || e.metaKey || e.altKey ? undefined : keys[e.key];
    if (act) { e.preventDefault(); act(); }
  };
  const own = (w: Window) => { if (Number.isFinite(w.center) && w.width >= 1) choose("own", w); };
  return (
    <Page title={t("view.title")} text={t("view.not")}>
      <div role="toolbar" aria-label={t("view.tools")} className="tools">
        {toolNames.map((name) => <Button key={name} size="xs" variant={tool === name ? "filled" : "default"} aria-pressed={tool === name} onClick={() => { setTool(name); stack?.use(name); }}>{t(`view.tool.${name}`)}</Button>)}
        <span className="gap" />
        <Button size="xs" variant="default" onClick={() => stack?.zoom(1.25)}>{t("view.larger")}</Button>
        <Button size="xs" variant="default" onClick={() => stack?.zoom(0.8)}>{t("view.smaller")}</Button>
        <Button size="xs" variant="default" onClick={() => stack?.fit()}>{t("view.fit")}</Button>
      </div>
      <div className="viewer" tabIndex={0} role="application" aria-label={label} aria-describedby="view-keys" data-shown={picture ? shown : ""} onKeyDown={pressed} onContextMenu={(e) => e.preventDefault()}>
        <div ref={canvas} className="stack" style={{ visibility: picture ? "visible" : "hidden" }} />
        {place.drawing}
        {!picture && <div className="instead">
          {failed?.kind === "unsupported" ? <Alert color="orange" role="alert">{t("view.undrawn")}</Alert>
            : failed?.kind === "integrity" || failed?.kind === "exhausted" ? <Alert color="orange" role="alert">{t("view.damaged")}</Alert>
              : failed?.kind === "viewer" ? <Alert color="orange" role="alert">{t("view.broken")}</Alert>
                : failed ? <Trouble problem={failed} /> : <Text>{t("word.loading")}</Text>}
        </div>}
      </div>
      <Text size="sm" role="status" aria-live="polite" className="placing">{place.says || (measuring && picture ? t("view.place.how") : "")}</Text>
      <Group justify="space-between" align="flex-end">
        <Group gap={8}>
          <Button variant="default" size="xs" onClick={() => move(-1)} aria-label="−1">−</Button>
          <input type="range" min={0} max={all - 1} value={at} onChange={(e) => setAt(Number(e.currentTarget.value))} aria-label={label} />
          <Button variant="default" size="xs" onClick={() => move(1)} aria-label="+1">+</Button>
          <Text size="sm">{label}</Text>
        </Group>
        {picture && picture.kind !== "rgb" && window_ && <Group gap={8} align="flex-end">
          <NativeSelect size="xs" label={t("view.window")} value={preset} onChange={(e) => choose(e.currentTarget.value, windows[e.currentTarget.value])}
            data={[{ value: "file", label: t("view.window.file") }, ...(picture.unit === "HU" ? (["soft", "lung", "bone", "brain"] as const).map((value) => ({ value, label: t(`view.window.${value}`) })) : []), ...(preset === "own" ? [{ value: "own", label: t("view.window.own") }] : [])]} />
          <TextInput size="xs" w={84} type="number" label={t("view.center")} value={window_.center} onChange={(e) => own({ ...window_, center: e.currentTarget.valueAsNumber })} />
          <TextInput size="xs" w={84} type="number" min={1} label={t("view.width")} value={window_.width} onChange={(e) => own({ ...window_, width: e.currentTarget.valueAsNumber })} />
        </Group>}
      </Group>
      {measures.length > 0 && <section aria-label={t("view.measures")}>
        <ul className="measures" aria-live="polite">
          {measures.map((m) => <li key={m.id}><Button size="compact-xs" variant="subtle" onClick={() => setAt(m.at)}>{t("view.measured.at", { n: m.at + 1 })}</Button> {told(m)}</li>)}
        </ul>
        <Button size="xs" variant="default" onClick={() => stack?.clear()}>{t("view.clear")}</Button>
      </section>}
      {measuring && picture && picture.measured !== "patient" && <Text size="sm" className="faint">{t(picture.measured === "detector" ? "view.detector" : "view.pixels")}</Text>}
      <Text size="sm" className="faint" id="view-keys">{t("view.keys")}</Text>
    </Page>
  );
}

const round = (x: number) => Math.round(x * 10) / 10;
