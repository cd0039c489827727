// Pieces that several pages share.
import { Alert, Button, Group, PasswordInput, type PasswordInputProps, Progress as Bar, Skeleton, Stack, Text, Title } from "@mantine/core";
import { Component, type ReactNode, useCallback, useEffect, useState } from "react";
import { desk } from "../worker/desk";
import type { Problem, Progress } from "../worker/protocol";
import { Notice } from "../words/said";
import { useWords } from "../words/words";

export function isProblem(e: unknown): e is Problem {
  return typeof e === "object" && e !== null && "kind" in e;
}

export const asProblem = (e: unknown): Problem => (isProblem(e) ? e : { kind: "internal", text: String(e), hint: "" });

// Trouble says what happened and what to do, in the reader's language. Where the notice
// has no hint, or one for the command line, the page says what to do here. Of a fault of
// ours the notice says nothing that helps: it is one click away.
export function Trouble({ problem, again }: { problem: Problem; again?: () => void }) {
  const { t, known } = useWords();
  const here = <Text size="sm">{known("hint." + problem.kind) || t("hint.internal")}</Text>;
  const ours = problem.kind === "internal" || !problem.text;
  return (
    <Alert color="red" variant="light" title={known("problem." + problem.kind) || t("problem.internal")} role="alert">
      {ours ? here : <Notice text={problem.text} hint={problem.hint}>{(!problem.hint || problem.hint.includes("`")) && here}</Notice>}
      {ours && problem.text && <details><summary>{t("word.details")}</summary><Notice text={problem.text} hint={problem.hint} /></details>}
      {problem.request && <Group gap={8} mt={6}><Text size="sm" className="faint">{t("problem.request")} <span className="id" data-request>{problem.request}</span></Text><Copy text={problem.request} /></Group>}
      {again && <Button mt="sm" size="xs" variant="default" onClick={again}>{t("word.again")}</Button>}
    </Alert>
  );
}

export function Page({ title, text, children, aside }: { title: string; text?: string; children: ReactNode; aside?: ReactNode }) {
  useEffect(() => { document.title = title + " · Manx"; }, [title]);
  return (
    <Stack gap="lg" maw={880} mx="auto">
      <Group justify="space-between" align="flex-end">
        <div>
          <Title order={1} size="h2">{title}</Title>
          {text && <Text className="faint" maw={620}>{text}</Text>}
        </div>
        {aside}
      </Group>
      {children}
    </Stack>
  );
}

export function Card({ title, children, quiet }: { title?: string; children: ReactNode; quiet?: boolean }) {
  return <section className={quiet ? "card quiet" : "card"}>{title && <Title order={2} size="h4" mb="sm">{title}</Title>}{children}</section>;
}

// Empty says that there is nothing, and what to do next.
export function Empty({ text, next, children }: { text: string; next?: [word: string, act: () => void]; children?: ReactNode }) {
  return <Stack align="flex-start" gap="sm"><Text className="faint">{text}</Text>{children}{next && <Button variant="default" onClick={next[1]}>{next[0]}</Button>}</Stack>;
}

export function Loading() {
  return <Stack aria-busy="true"><Skeleton height={28} width="40%" /><Skeleton height={90} /><Skeleton height={90} /></Stack>;
}

export function Time({ at }: { at: number }) {
  const { t, time, utc } = useWords();
  return <time dateTime={new Date(at * 1000).toISOString()} title={t("word.utc", { time: utc(at) })}>{time(at)}</time>;
}

export function useCall<T>(name: string, args?: object) {
  const key = JSON.stringify(args ?? {});
  const [state, set] = useState<{ data?: T; problem?: Problem }>({});
  const load = useCallback(() => {
    let live = true;
    desk().call<T>(name, JSON.parse(key)).then((data) => live && set({ data }), (e) => live && set((s) => ({ data: s.data, problem: asProblem(e) })));
    return () => { live = false; };
  }, [name, key]);
  useEffect(load, [load]);
  return { ...state, reload: () => void load() };
}

// useWork runs one long call at a time, with its progress and a pause.
export function useWork() {
  const [progress, setProgress] = useState<Progress | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [stop, setStop] = useState<AbortController | null>(null);
  const run = useCallback(async <T,>(name: string, args?: object): Promise<T | undefined> => {
    const control = new AbortController();
    setStop(control);
    setProblem(null);
    setProgress(null);
    try {
      return await desk().call<T>(name, args, setProgress, control.signal);
    } catch (e) {
      if (!control.signal.aborted) setProblem(asProblem(e));
      return undefined;
    } finally {
      setStop(null);
    }
  }, []);
  return { run, progress, problem, busy: stop !== null, pause: () => stop?.abort(), forget: () => setProblem(null) };
}

// Stage shows how far long work is.
export function Stage({ progress }: { progress: Progress | null }) {
  const { t, known, bytes } = useWords();
  const label = progress ? known("stage." + progress.stage) || progress.stage : t("word.loading");
  const share = progress && progress.total > 0 ? Math.min(100, (100 * progress.done) / progress.total) : null;
  const inBytes = progress?.stage === "sealing" || progress?.stage === "storing";
  return (
    <div role="status" aria-live="polite">
      <Group justify="space-between" mb={6}>
        <Text size="sm" fw={500}>{label}</Text>
        {progress && progress.total > 0 && <Text size="sm" className="faint">{inBytes ? `${bytes(progress.done)} / ${bytes(progress.total)}` : `${progress.done} / ${progress.total}`}</Text>}
      </Group>
      <Bar value={share ?? 100} animated={share === null} aria-label={label} />
    </div>
  );
}

export function Facts({ of }: { of: [string, ReactNode][] }) {
  return <dl className="facts">{of.map(([k, v]) => <FactRow key={k} name={k} value={v} />)}</dl>;
}

function FactRow({ name, value }: { name: string; value: ReactNode }) {
  return <><dt>{name}</dt><dd>{value}</dd></>;
}

export function Copy({ text }: { text: string }) {
  const { t } = useWords();
  const [done, set] = useState(false);
  return <Button size="compact-xs" variant="default" onClick={() => void navigator.clipboard.writeText(text).then(() => set(true))}>{done ? t("word.copied") : t("word.copy")}</Button>;
}

// Passphrase is the library's field with its eye named in the reader's language.
export function Passphrase(props: PasswordInputProps) {
  const { t } = useWords();
  return <PasswordInput visibilityToggleButtonProps={{ "aria-label": t("word.show") }} required {...props} />;
}

// Fence keeps a fault of one page from taking the others along.
export class Fence extends Component<{ children: ReactNode }, { failed?: Problem }> {
  state: { failed?: Problem } = {};
  static getDerivedStateFromError(e: unknown) { return { failed: { kind: "internal", text: String(e), hint: "" } }; }
  render() { return this.state.failed ? <Trouble problem={this.state.failed} again={() => this.setState({ failed: undefined })} /> : this.props.children; }
}
