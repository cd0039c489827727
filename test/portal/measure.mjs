// What an upload costs a tab: seconds, processor time and memory of its process, stage
// by stage (bench_test.go). It speaks to the browser by a pipe of its own and asks it for
// nothing but the page: what watches the network, as playwright does, makes a megabyte
// sent ten times as slow. Linux's /proc tells processor time and memory.
import { spawn } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const job = JSON.parse(process.argv[2]);
const words = JSON.parse(readFileSync(join(job.ui, "src", "words", "en.json"), "utf8"));
const ticks = 100; // of the kernel's clock in a second
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const browser = spawn(job.chromium, ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--remote-debugging-pipe", "--user-data-dir=" + job.profile, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const waiting = new Map();
let read = "", next = 1, session;
browser.stdio[4].on("data", (some) => {
  read += some;
  for (let end; (end = read.indexOf("\0")) >= 0; read = read.slice(end + 1)) {
    const m = JSON.parse(read.slice(0, end));
    if (m.id) waiting.get(m.id)(m);
  }
});
const ask = (method, params = {}) => new Promise((resolve, reject) => {
  const id = next++;
  waiting.set(id, (m) => { waiting.delete(id); if (m.error) reject(new Error(m.error.message)); else resolve(m.result); });
  browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + "\0");
});

// inPage evaluates an expression until it is true.
async function inPage(expression, seconds = 60) {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await pause(100)) {
    const { result } = await ask("Runtime.evaluate", { expression, awaitPromise: true, userGesture: true }).catch(() => ({ result: {} }));
    if (result.value) return;
  }
  const { result } = await ask("Runtime.evaluate", { expression: "document.body.innerText" });
  throw new Error(`after ${seconds} s not yet: ${expression}\n${result.value}`);
}
const quoted = (word) => JSON.stringify(words[word]);
const click = (word, seconds) => inPage(`(() => { const b = [...document.querySelectorAll("button, a")].find((b) => b.textContent.trim() === ${quoted(word)} && !b.disabled); b?.click(); return !!b; })()`, seconds);
const shows = (word, seconds) => inPage(`document.body.innerText.includes(${quoted(word)})`, seconds);
const type = (index, text) => inPage(`(() => { const i = document.querySelectorAll("input[type=password]")[${index}]; i?.focus(); return !!i; })()`).then(() => ask("Input.insertText", { text }));

const tasks = (pid) => readdirSync(`/proc/${pid}/task`);
const works = (pid, task) => readFileSync(`/proc/${pid}/task/${task}/comm`, "utf8").startsWith("DedicatedWorker");

// renderer finds the process of the page: of those of this browser, the one in which a
// worker runs.
function renderer() {
  const parent = (pid) => /PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];
  for (const pid of readdirSync("/proc").filter((p) => /^\d+$/.test(p))) {
    try {
      let at = pid;
      while (at !== "0" && at !== String(browser.pid)) at = parent(at);
      if (at !== "0" && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("--type=renderer") && tasks(pid).some((t) => works(pid, t))) return { pid, module: tasks(pid).find((t) => works(pid, t)) }; // the first worker
    } catch { /* it has ended */ }
  }
  throw new Error("no process of the page was found");
}

// usage returns megabytes of private and of all memory, and seconds of processor time of
// the process and of the module's thread.
function usage({ pid, module }) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mb = (name) => Number(new RegExp(name + ":\\s+(\\d+)").exec(status)[1]) * 1024 / 1e6;
  const cpu = (path) => {
    const stat = readFileSync(path + "/stat", "utf8").split(") ")[1].split(" ");
    return (Number(stat[11]) + Number(stat[12])) / ticks;
  };
  return { own: mb("RssAnon"), all: mb("VmRSS"), cpu: cpu(`/proc/${pid}`), worker: cpu(`/proc/${pid}/task/${module}`) };
}

const stages = [];
async function stage(name, bytes, work) {
  const pid = renderer();
  const before = usage(pid), began = performance.now();
  let own = before.own, all = before.all;
  const timer = setInterval(() => { const u = usage(pid); own = Math.max(own, u.own); all = Math.max(all, u.all); }, 50);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  const after = usage(pid);
  stages.push({ name, bytes, seconds: (performance.now() - began) / 1000, cpu: after.cpu - before.cpu, worker: after.worker - before.worker, own, all });
}

try {
  const { targetInfos } = await ask("Target.getTargets");
  ({ sessionId: session } = await ask("Target.attachToTarget", { targetId: targetInfos.find((t) => t.type === "page").targetId, flatten: true }));
  await ask("Page.navigate", { url: job.address });
  await shows("door.new.do");
  await inPage(`(async () => (await navigator.locks.query()).held.length > 0)()`); // the worker is there
  await pause(3000); // and its module compiled
  await stage("keys made", 0, async () => {
    await type(0, job.passphrase);
    await type(1, job.passphrase);
    await click("door.new.do");
    await shows("home.scans.none", 120);
  });
  const files = readdirSync(job.study).map((f) => join(job.study, f));
  const bytes = files.reduce((n, f) => n + statSync(f).size, 0);
  await pause(2000);
  await stage("at rest", 0, () => pause(1000));
  await click("nav.upload");
  await inPage(`!!document.querySelector('input[data-for="files"]')`);
  await stage("scanned", bytes, async () => {
    const { root } = await ask("DOM.getDocument");
    const { nodeId } = await ask("DOM.querySelector", { nodeId: root.nodeId, selector: 'input[data-for="files"]' });
    await ask("DOM.setFileInputFiles", { nodeId, files });
    await shows("upload.store", 300);
  });
  await stage("de-identification checked", bytes, async () => {
    await click("upload.preview");
    await shows("preview.title", 300);
  });
  await stage("sealed and stored", bytes, async () => {
    await click("upload.store");
    await shows("upload.done", 900);
  });
  await click("nav.home");
  await stage("de-identified copy", bytes, async () => {
    await click("record.derive");
    await shows("kind.health/study-deidentified", 900);
  });
  console.log(JSON.stringify({ stages }));
} catch (e) {
  console.log(JSON.stringify({ stages, failed: String(e) }));
} finally {
  session = undefined;
  await ask("Browser.close").catch(() => {});
}
