// Walks a patient's path in a real browser, as one who reads and clicks, and reports
// what the browser saw. Go starts it (path_test.go) with one JSON argument.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
<<<<<<< HEAD
import { faulty } from "./faults.mjs";

const job = JSON.parse(process.argv[2]);
const load = createRequire(join(job.ui, "package.json"));
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
const tables = Object.fromEntries(["en", "zh"].map((l) => [l, JSON.parse(readFileSync(join(job.ui, "src", "words", l + ".json"), "utf8"))]));
const w = (key, values) => tables[job.language][key].replace(/\{(\w+)\}/g, (_, name) => values?.[name] ?? "");
const wait = { timeout: 240_000 };

const browser = await chromium.launchPersistentContext(job.profile, {
  executablePath: job.chromium, headless: true, viewport: { width: job.width, height: job.height }, locale: job.language === "zh" ? "zh-CN" : "en-GB",
  colorScheme: job.dark ? "dark" : "light", acceptDownloads: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = browser.pages()[0] ?? (await browser.newPage());
page.setDefaultTimeout(60_000);
const seen = { console: [], origins: [], requests: 0, sent: 0, axe: [], steps: {}, memory: 0 };
const watched = join(job.private, "network.bin"); // all that went out, for a search of bytes
writeFileSync(watched, "");
// A request that the test itself cuts off is told by the browser, not by the page.
browser.on("console", (m) => { if ((m.type() === "error" || m.type() === "warning") && !m.text().includes("ERR_INTERNET_DISCONNECTED") && !m.text().includes("status of 503")) seen.console.push(m.text()); });
page.on("pageerror", (e) => seen.console.push(String(e)));
const origins = new Set();
browser.on("request", (q) => {
  seen.requests++;
  const url = new URL(q.url());
  if (url.protocol.startsWith("http")) origins.add(url.origin);
  const body = q.postDataBuffer() ?? Buffer.alloc(0);
  seen.sent += body.length;
  writeFileSync(watched, Buffer.concat([Buffer.from(`${q.method()} ${q.url()} ${JSON.stringify(q.headers())}\n`), body, Buffer.from("\n")]), { flag: "a" });
});

let at = performance.now();
const step = (name) => { seen.steps[name] = Math.round(performance.now() - at) / 1000; at = performance.now(); };
async function shot(name) {
  await page.waitForTimeout(250);
  await page.screenshot({ path: join(job.out, `${name}-${job.label}.png`), fullPage: true });
}
// The page's policy lets no foreign script in, so axe comes through the debugger.
async function check(name) {
  await shot(name);
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const r = await window.axe.run(document, { resultTypes: ["violations"] });
    return r.violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
  });
  for (const f of found) seen.axe.push(`${name}: ${f}`);
}
const button = (key, values) => page.getByRole("button", { name: w(key, values), exact: true });
async function room(key) {
  const menu = page.getByRole("button", { name: w("app.menu"), exact: true });
  if (await menu.isVisible()) await menu.click();
  await page.getByRole("link", { name: w(key), exact: true }).click();
  await page.getByRole("heading", { level: 1, name: w(key), exact: true }).waitFor();
  await page.waitForTimeout(300);
}
=======
import { begin } from "./tab.mjs";

const job = JSON.parse(process.argv[2]);
const { browser, page, seen, w, wait, step, check, button, room, go } = await begin(job);
>>>>>>> 9eee08e768c58377397bbda0d4288f34d23a547f

async function signUp(address = job.address) {
  await page.goto(address);
  await page.getByRole("heading", { level: 1 }).waitFor();
  step("first page");
  seen.integrity = await page.locator("script[integrity]").count();
  await check("door");
  await page.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
  await page.getByLabel(w("door.passphrase.again"), { exact: true }).fill(job.passphrase);
  await button("door.new.do").click();
  await page.getByText(w("home.scans.none")).waitFor(wait);
  step("keys");
  await check("home-empty");
}

async function choose(folder) {
  await room("nav.upload");
  await page.locator('input[data-for="folder"]').setInputFiles(folder);
}

// Two patients in one folder: told, and nothing stored.
async function wrongPatient() {
  await choose(job.mixed);
  await page.getByText(w("upload.mixed.title")).waitFor(wait);
  await check("mixed");
  await button("upload.other").click();
  step("wrong patient");
}

async function upload() {
  if (!job.steps.includes("wrongPatient")) await room("nav.upload");
  await check("upload");
  await page.locator('input[data-for="folder"]').setInputFiles(job.study);
  await button("upload.preview").click();
  await page.getByRole("heading", { name: w("preview.title") }).waitFor(wait);
  seen.preview = await page.locator("table.changes").innerText();
  await check("preview");
  step("scan and preview");
  await button("upload.store").click();
  await page.getByText(w("upload.done"), { exact: true }).waitFor(wait);
  step("upload");
  await check("uploaded");
}

async function look() {
  await button("record.view").click();
  await page.locator(".viewer img").waitFor(wait);
  await page.locator(".viewer").focus();
  await page.keyboard.press("ArrowDown");
  await check("viewer");
  step("view");
}

async function ask() {
  await room("nav.home");
  await button("record.ask").first().click();
  await page.getByLabel(w("ask.model")).waitFor(wait);
  await button("ask.quote").click();
  await page.getByText(w("ask.reads"), { exact: true }).waitFor(wait);
  await check("ask");
  await page.getByRole("button", { name: w("ask.do", { price: "" }).split("MAN")[0].trim().slice(0, 4) }).click();
  await page.getByText(w("finding.privacy")).waitFor({ timeout: 400_000 });
  await page.getByText(w("finding.receipt.text")).waitFor(wait);
  seen.level = await page.locator(".level").innerText();
  seen.pictures = await page.locator(".pictures img").count();
  await check("finding");
  step("diagnosis");
}

async function consent() {
  await room("nav.consent");
  await check("consent-empty");
  await page.getByLabel(w("consent.to"), { exact: true }).fill(job.hospital);
  await button("consent.to.check").click();
  await button("consent.allow").waitFor(wait);
  await check("consent");
  await button("consent.allow").click();
  await page.getByText(w("consent.allowed")).waitFor(wait);
  await button("consent.revoke").click();
  await check("revoke");
  await page.getByRole("alertdialog").getByRole("button", { name: w("consent.revoke"), exact: true }).click();
  await page.getByText(w("consent.revoked.now")).waitFor(wait);
  step("consent");
  await room("nav.activity");
  await page.locator("ol.timeline li").first().waitFor(wait);
  seen.events = await page.locator("ol.timeline li").evaluateAll((all) => all.map((e) => e.dataset.what));
  await check("activity");
}

async function keys() {
  await room("nav.keys");
  await button("keys.kit.do").click();
  const words = page.locator("ol.words li");
  await words.first().waitFor(wait);
  const phrase = (await words.allInnerTexts()).join(" ");
  await check("kit");
  await button("keys.kit.hide").click();
  await page.getByLabel(w("door.recover.words")).fill(phrase);
  await button("keys.drill.do").click();
  await page.getByRole("status").filter({ hasText: w("keys.drill.good") }).waitFor(wait);
  step("recovery kit");
  writeFileSync(join(job.private, "phrase"), phrase);
}

// The page is loaded again: locked, a wrong passphrase is told, the right one opens.
async function reload() {
  await page.goto(job.address);
  await button("door.open.do").waitFor(wait);
  await check("locked");
  await page.getByLabel(w("door.passphrase"), { exact: true }).fill("not the passphrase");
  await button("door.open.do").click();
  await page.getByText(w("problem.denied")).waitFor(wait);
  await page.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
  await button("door.open.do").click();
  await page.getByRole("heading", { name: w("home.scans") }).waitFor(wait);
  await button("record.ask").first().waitFor(wait);
  await check("home");
  step("unlock");
}

// The connection goes in the middle of an upload, then the page: nothing is lost, and
// what had arrived is not sent again.
async function interrupted() {
  const arrived = [new Set(), new Set()];
  let attempt = 0;
  browser.on("response", (r) => {
    if (r.request().method() === "PUT" && r.status() === 201) arrived[attempt].add(r.url());
  });
  let puts = 0;
  await browser.route("**/blobs/*", (route) => (route.request().method() === "PUT" && ++puts > 16 ? route.abort("internetdisconnected") : route.continue()));
  await room("nav.upload");
  await page.locator('input[data-for="folder"]').setInputFiles(job.study);
  await button("upload.store").click();
  await page.getByText(w("problem.unavailable")).waitFor(wait);
  await check("offline");
  await browser.unroute("**/blobs/*");
  attempt = 1;
  await page.goto(job.address);
  await page.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
  await button("door.open.do").click();
  await page.getByRole("heading", { name: w("home.scans") }).waitFor(wait);
  await room("nav.upload");
  await page.locator('input[data-for="folder"]').setInputFiles(job.study);
  await button("upload.store").click();
  await page.getByText(w("upload.done"), { exact: true }).waitFor(wait);
  seen.first = arrived[0].size;
  seen.twice = [...arrived[1]].filter((url) => arrived[0].has(url)).length;
  step("interrupted upload");
}

// A second tab cannot have the keys at the same time.
async function twoTabs() {
  const second = await browser.newPage();
  await second.goto(job.address);
  await second.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
  await second.getByRole("button", { name: w("door.open.do"), exact: true }).click();
  await second.getByRole("alert").filter({ hasText: w("problem.two-tabs") }).waitFor(wait);
  await second.close();
  step("two tabs");
}

<<<<<<< HEAD
const steps = { interrupted, twoTabs, signUp, wrongPatient, upload, look, ask, consent, keys, reload, ...faulty({ page, browser, job, seen, w, words: tables, button, room, wait, step, signUp }) };
try {
  for (const name of job.steps) await steps[name]();
  seen.ok = true;
} catch (e) {
  seen.failed = String(e);
  await page.screenshot({ path: join(job.out, `failed-${job.label}.png`), fullPage: true }).catch(() => {});
} finally {
  seen.origins = [...origins];
  seen.wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth).catch(() => 0);
  console.log(JSON.stringify(seen));
  await browser.close();
}
=======
const steps = { interrupted, twoTabs, signUp, wrongPatient, upload, look, ask, consent, keys, reload };
await go(steps);
>>>>>>> 9eee08e768c58377397bbda0d4288f34d23a547f
