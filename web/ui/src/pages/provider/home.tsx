import { Alert, Button, Group, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { Bars, Gauge } from "../../parts/chart";
import { Card, Copy, Facts, Loading, Page, Trouble, useCall, useWork } from "../../parts/parts";
import { save } from "../../parts/save";
import { useWords } from "../../words/words";
import { localToken } from "../../worker/local";
import { itsPage, keysFile, setUp } from "./machine";
import type { Machine, Pool, Worker } from "./shapes";

const often = 3000; // milliseconds between looks
const looks = 40; // that the chart keeps

const rate = (x: number) => (x >= 1e9 ? `${(x / 1e9).toFixed(2)} G` : `${(x / 1e6).toFixed(0)} M`);
const fastest = (w: Worker) => Math.max(0, ...Object.values(w.rates ?? {}));

// Queue is what waits, who works, and this machine.
export default function Queue() {
  const { t, utc } = useWords();
  const pool = useCall<Pool>("pool");
  const { reload } = pool;
  useEffect(() => {
    const timer = setInterval(reload, often);
    return () => clearInterval(timer);
  }, [reload]);
  const [seen, setSeen] = useState<{ at: number; waiting: number; running: number }[]>([]);
  useEffect(() => {
    if (pool.data) setSeen((all) => [...all, { at: Date.now() / 1000, waiting: pool.data!.waiting, running: pool.data!.running }].slice(-looks));
  }, [pool.data]);
  if (!pool.data) return pool.problem ? <Trouble problem={pool.problem} again={reload} /> : <Loading />;
  const { data } = pool;
  const workers = data.workers.filter((w) => !w.holder);
  const depth = Object.entries(data.queue_depth ?? {});
  return (
    <Page title={t("queue.title")} text={t("queue.text")}>
      {pool.problem && <Trouble problem={pool.problem} again={reload} />}
      {localToken() ? <Here /> : <Elsewhere of={data} />}
      <Card title={t("queue.now")}>
        <div className="figures">
          <div><b>{data.waiting}</b><span>{t("queue.waiting")}</span></div>
          <div><b>{data.running}</b><span>{t("queue.running")}</span></div>
          <div><b>{workers.length}</b><span>{t("queue.workers")}</span></div>
        </div>
        {seen.some((s) => s.waiting + s.running > 0) && <Bars title={t("queue.chart")} first={t("queue.look")} second={t("queue.chart")}
          bars={seen.map((s) => ({ label: utc(s.at).slice(11) + " UTC", value: s.waiting + s.running, text: String(s.waiting + s.running), quiet: s.waiting === 0 }))} />}
        {depth.length > 0 && <Facts of={depth.map(([c, n]) => [c, data.expected_wait_seconds?.[c] !== undefined ? t("queue.wait", { n, s: Math.round(data.expected_wait_seconds[c]) }) : t("queue.nobody", { n })])} />}
      </Card>
      <Card title={t("queue.who")}>
        {workers.length === 0 && <Text>{t("queue.none")}</Text>}
        {workers.length > 1 && <Bars title={t("queue.speed")} first={t("queue.worker")} second={t("queue.ops")} bars={workers.map((w) => ({ label: data.names[w.worker] || w.worker.slice(-6), value: fastest(w), text: rate(fastest(w)), quiet: w.worker !== data.me }))} />}
        {workers.length > 0 && (
          <div className="scroll" tabIndex={0}><table className="changes stack">
            <thead><tr><th scope="col">{t("queue.worker")}</th><th scope="col">{t("queue.state")}</th><th scope="col">{t("queue.ops")}</th><th scope="col">{t("queue.line")}</th><th scope="col">{t("queue.done")}</th><th scope="col">{t("queue.failed")}</th><th scope="col">{t("queue.trust")}</th></tr></thead>
            <tbody>{workers.map((w) => (
              <tr key={w.worker}><td data-label={t("queue.worker")}>{data.names[w.worker] || w.worker.slice(-6)} {w.worker === data.me && <span className="pill good">{t("queue.you")}</span>}</td><td data-label={t("queue.state")}><State of={w} /></td>
                <td data-label={t("queue.ops")}>{rate(fastest(w))}</td><td data-label={t("queue.line")}>{w.given}</td><td data-label={t("queue.done")}>{w.done}</td><td data-label={t("queue.failed")}>{w.failed}</td><td data-label={t("queue.trust")}>{(100 * w.trust).toFixed(0)} %</td></tr>
            ))}</tbody>
          </table></div>
        )}
      </Card>
    </Page>
  );
}

function State({ of: w }: { of: Worker }) {
  const { t } = useWords();
  if (w.draining) return <span className="pill wait">{t("queue.draining")}</span>;
  return <span className={w.running > 0 ? "pill good" : "pill"}>{t(w.running > 0 ? "queue.working" : "queue.free")}</span>;
}

// Here is the machine that serves this page.
function Here() {
  const { t, bytes, number } = useWords();
  const { data: m, problem, reload } = useCall<Machine>("machine");
  const work = useWork();
  useEffect(() => {
    const timer = setInterval(reload, often);
    return () => clearInterval(timer);
  }, [reload]);
  if (!m) return problem ? <Trouble problem={problem} again={reload} /> : <Loading />;
  const draining = m.counts.draining ?? false;
  const drain = async () => {
    if (await work.run("machine.drain", { on: !draining })) reload();
  };
  const bench = async () => {
    if (await work.run("machine.bench")) reload();
  };
  return (
    <Card title={t("machine.title")}>
      <Group justify="space-between" mb="md">
        <Text>{draining ? <span className="pill wait">{t(m.idle ? "machine.drained" : "queue.draining")}</span> : <span className={m.idle ? "pill" : "pill good"}>{t(m.idle ? "queue.free" : "queue.working")}</span>}</Text>
        <Group gap={8}>
          <Button size="xs" variant="default" loading={work.busy} onClick={bench}>{t("machine.bench")}</Button>
          <Button size="xs" variant={draining ? "filled" : "default"} loading={work.busy} onClick={drain}>{t(draining ? "machine.resume" : "machine.drain")}</Button>
        </Group>
      </Group>
      {draining && <Alert color="orange" mb="md">{t(m.idle ? "machine.drained.text" : "machine.draining.text")}</Alert>}
      <div className="figures" style={{ marginBottom: 16 }}>
        <div><b>{m.counts.done}</b><span>{t("machine.done")}</span></div>
        <div><b>{m.counts.failed}</b><span>{t("queue.failed")}</span></div>
        <div><b>{rate(Math.max(0, ...Object.values(m.rates)))}</b><span>{t("queue.ops")}</span></div>
        <div><b>{bytes(m.counts.cache)}</b><span>{t("machine.cache", { n: m.counts.keys?.length ?? 0 })}</span></div>
      </div>
      <Facts of={[[t("machine.cpu"), t("machine.cores", { name: m.hardware.cpu, n: m.hardware.cores })], [t("machine.gpu"), m.hardware.gpu ? `${m.hardware.gpu}, ${bytes(m.hardware.gpu_memory ?? 0)}` : t("machine.gpu.none")]]} />
      {m.hardware.memory > 0 && (
        <div className="gauges">
          <Share label={t("machine.load")} text={t("machine.load.of", { n: number(m.hardware.load), of: m.hardware.cores })} whole={m.hardware.cores} part={m.hardware.load} />
          <Share label={t("machine.memory")} text={t("machine.memory.of", { used: bytes(m.hardware.memory - m.hardware.free), all: bytes(m.hardware.memory) })} whole={m.hardware.memory} part={m.hardware.memory - m.hardware.free} />
        </div>
      )}
      <Facts of={[[t("machine.class"), m.bench.class], [t("machine.measured"), `${rate(m.bench.rate)} · ${m.bench.at.replace("T", " ").replace("Z", " UTC")}`], [t("machine.price"), t("machine.price.of", { n: m.price })], [t("machine.pid"), String(m.pid)]]} />
      {work.problem && <Trouble problem={work.problem} />}
    </Card>
  );
}

function Share({ label, text, whole, part }: { label: string; text: string; whole: number; part: number }) {
  return <div><Text size="sm" fw={600}>{label}</Text><Gauge label={`${label}: ${text}`} whole={whole} spent={part} /><Text size="sm" className="faint">{text}</Text></div>;
}

// Elsewhere is the machine that works under this account as the node sees it, and how a
// machine shows itself.
function Elsewhere({ of: p }: { of: Pool }) {
  const { t, bytes } = useWords();
  const work = useWork();
  const w = p.workers.find((one) => one.worker === p.me);
  const carry = async () => {
    const got = await work.run<{ keyring: string }>("carry");
    if (got) save(keysFile, Uint8Array.from(atob(got.keyring), (c) => c.charCodeAt(0)), "application/octet-stream");
  };
  const waits = w ? Object.keys(w.rates ?? {}).map((c) => p.expected_wait_seconds?.[c]).find((s) => s !== undefined) : undefined;
  return (
    <Card title={t("machine.yours")}>
      {!w ? (
        <>
          <Text mb="sm">{t("machine.none")}</Text>
          <ol className="reasons">
            <li><Text mb={6}>{t("machine.carry.text")}</Text><Group gap={8}><Button size="xs" loading={work.busy} onClick={carry}>{t("machine.carry")}</Button></Group></li>
            <li><Text mt="sm" mb={6}>{t("machine.adopt")}</Text><div className="command"><code>{setUp()}</code><Copy text={setUp()} /></div></li>
          </ol>
          {work.problem && <Trouble problem={work.problem} again={carry} />}
        </>
      ) : (
        <>
          <Text mb="md"><State of={w} /> <span className="faint">{t("machine.seen")}</span></Text>
          <div className="figures" style={{ marginBottom: 16 }}>
            <div><b>{w.done}</b><span>{t("machine.done")}</span></div>
            <div><b>{w.failed}</b><span>{t("queue.failed")}</span></div>
            <div><b>{w.given}</b><span>{t("machine.slots")}</span></div>
            <div><b>{bytes(w.cache_bytes)}</b><span>{t("machine.cache", { n: w.keys })}</span></div>
          </div>
          <Facts of={[[t("machine.speeds"), Object.entries(w.rates ?? {}).map(([c, r]) => `${c} ${rate(r)}`).join(", ")], ...(waits !== undefined ? [[t("machine.wait"), t("machine.wait.of", { n: Math.round(waits) })] as [string, string]] : []),
            [t("machine.price"), t("machine.price.of", { n: w.price })], [t("queue.trust"), `${(100 * w.trust).toFixed(0)} %`], [t("machine.heard"), t("machine.heard.ago", { n: Math.round(w.silent_seconds) })]]} />
        </>
      )}
      <Text className="faint" my="sm">{t("machine.elsewhere")}</Text>
      <div className="command"><code>{itsPage}</code><Copy text={itsPage} /></div>
    </Card>
  );
}
