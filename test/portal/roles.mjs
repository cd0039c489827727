// Walks the paths of a provider, a hospital's technician, a data scientist and an auditor
// in a real browser, and a patient's privacy budget, by the links of `manx up --demo`. Go
// starts it (roles_test.go) and plays the other hospitals.
import { join } from "node:path";
import { begin } from "./tab.mjs";

const job = JSON.parse(process.argv[2]);
const { page, seen, w, wait, step, check: look, button, go } = await begin(job);
Object.assign(seen, { wider: [], tried: [], stages: [], found: "", rounds: 0, gauge: "", files: [], verdict: "", earned: "", link: "" });

async function check(name) {
  await page.evaluate(() => window.scrollTo(0, 0));
  await look(name);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over > 0) seen.wider.push(`${name}: ${over}`);
}
const title = (key, values) => page.getByRole("heading", { level: 1, name: w(key, values), exact: true }).waitFor(wait);
async function to(nav, head) {
  const menu = page.getByRole("button", { name: w("app.menu"), exact: true });
  if (await menu.isVisible()) await menu.click();
  await page.getByRole("link", { name: w(nav), exact: true }).click();
  await title(head);
  await settled();
}
const settled = async () => {
  await page.waitForTimeout(300);
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached", ...wait }).catch(() => {});
};
// Links open in this tab; those with a # after the same address need a fresh page.
async function open(account) {
  await page.goto("about:blank");
  await page.goto(job.links[account]);
}
async function saved(act) {
  const [download] = await Promise.all([page.waitForEvent("download", wait), act()]);
  const at = join(job.private, `${job.label}-${download.suggestedFilename()}`);
  await download.saveAs(at);
  seen.files.push(at);
  return at;
}

async function demo() {
  await page.goto(job.address + "/#demo");
  await page.locator('[data-account="auditor"]').waitFor(wait);
  await check("demo");
  step("demo accounts");
}

async function provider() {
  await open("provider");
  await title("queue.title");
  await page.getByText(w("queue.you"), { exact: true }).waitFor(wait);
  await check("provider-queue");
  await button("machine.drain").click();
  await button("machine.resume").waitFor(wait);
  await page.getByText(w("machine.drained.text")).waitFor(wait);
  await check("provider-drained");
  await button("machine.resume").click();
  await button("machine.drain").waitFor(wait);
  await to("nav.stake", "stake.title");
  await check("provider-stake");
  await to("nav.earned", "earn.title");
  await check("provider-earnings");
  await to("nav.jobs", "work.title");
  await check("provider-jobs");
  step("provider");
}

// A provider whose keys are in the tab: they are saved for her machine, which Go then sets
// up beside and has a job computed on.
async function machine() {
  await page.goto("about:blank");
  await page.goto(job.address);
  await page.getByLabel(w("door.who")).selectOption("provider");
  await page.getByLabel(w("door.name")).fill("Hillside Computing");
  await page.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
  await page.getByLabel(w("door.passphrase.again"), { exact: true }).fill(job.passphrase);
  await button("door.new.do").click();
  await title("queue.title");
  await button("machine.carry").waitFor(wait);
  await check("provider-tab-none");
  await saved(() => button("machine.carry").click());
  await page.getByText(w("queue.you"), { exact: true }).waitFor(wait);
  await check("provider-tab");
  for (let n = 0; n < 200; n++) { // until it is paid
    await to("nav.jobs", "work.title");
    if (await page.locator("table.changes tbody tr .pill.good").first().isVisible()) break;
    await to("nav.queue", "queue.title");
  }
  await page.locator("table.changes tbody tr .pill.good").first().waitFor(wait);
  await check("provider-tab-jobs");
  await to("nav.earned", "earn.title");
  await page.locator(".chart").waitFor(wait);
  seen.earned = await page.locator(".figures b").first().innerText();
  await to("nav.stake", "stake.title");
  await page.getByLabel(w("stake.amount"), { exact: true }).fill("10");
  await button("stake.lock").click();
  await page.getByText(w("stake.since"), { exact: true }).waitFor(wait);
  await to("nav.keys", "keys.title");
  await page.getByText(w("keys.devices.other"), { exact: true }).waitFor(wait); // the machine
  await button("app.lock").click();
  step("a provider's machine");
}

async function gateway() {
  await open("hospital");
  await title("gate.title");
  await page.locator(".pill.good").first().waitFor(wait); // a study has gone through
  await button("gate.test").click();
  await page.getByRole("status").filter({ hasText: "✓" }).waitFor(wait);
  seen.stages = await page.evaluate(() => fetch("/desk/edge", { method: "POST", body: "{}", headers: { Authorization: "Bearer " + sessionStorage.getItem("local") } }).then((r) => r.text()).then((t) => JSON.parse(t.trim().split("\n").pop()).done.items.map((i) => i.stage)));
  await check("hospital-gateway");
  step("gateway");
}

async function held() {
  await to("nav.held", "held.title");
  await button("held.look").click();
  await page.locator(".viewer img").waitFor(wait);
  await check("hospital-held");
  await button("held.release").click();
  await page.getByText(w("held.none")).waitFor(wait);
  step("review");
}

async function people() {
  await to("nav.people", "people.title");
  await page.getByLabel(w("people.what"), { exact: true }).fill("DEMO-2");
  await button("people.look").click();
  await page.locator("dl.facts").first().waitFor(wait);
  const pseudonym = await page.getByRole("heading", { level: 2 }).first().innerText();
  await page.getByLabel(w("people.what"), { exact: true }).fill(pseudonym);
  await button("people.look").click();
  await page.locator("dl.facts").first().waitFor(wait);
  seen.found = pseudonym;
  await check("hospital-pseudonyms");
  step("pseudonym");
}

async function request() {
  await to("nav.request", "request.title");
  await page.getByLabel(w("consent.days"), { exact: true }).fill("10");
  seen.link = await page.locator("[data-link]").innerText();
  await check("hospital-request");
  step("a link for a patient");
}

const theTraining = () => page.getByRole("link", { name: "Heart disease at three hospitals" }).click();

async function vote() {
  await to("nav.trainings", "train.title");
  await check("hospital-trainings");
  await theTraining();
  await button("train.join").waitFor(wait);
  await check("hospital-vote");
  await button("train.join").click();
  await page.getByText(w("train.stage.running"), { exact: true }).waitFor(wait);
  step("vote");
}

async function rounds() {
  if (!job.steps.includes("vote")) {
    await to("nav.trainings", "train.title");
    await theTraining();
  }
  await page.getByRole("heading", { level: 2, name: w("train.release"), exact: true }).waitFor({ timeout: 300_000 });
  await page.getByRole("heading", { level: 2, name: w("train.lineage"), exact: true }).waitFor(wait);
  seen.rounds = await page.locator("table.changes tbody tr").count();
  await check("hospital-training");
  step("rounds");
}

async function models() {
  await open("scientist");
  await title("models.title");
  await page.getByRole("link", { name: /^heart / }).waitFor(wait);
  await page.getByLabel(w("models.reads"), { exact: true }).selectOption("measurements");
  await check("scientist-models");
  await page.getByRole("link", { name: /^heart 1/ }).first().click();
  await page.getByRole("heading", { level: 2, name: w("try.title"), exact: true }).waitFor(wait);
  await button("try.do").click();
  await page.getByText(w("try.good")).waitFor(wait);
  seen.tried = await page.locator('[role="status"] .figures b').allInnerTexts();
  await check("scientist-model");
  step("model card");
}

// A file that cannot run encrypted is told so; one that can is checked and published.
async function publish() {
  await to("nav.publish", "publish.title");
  await check("scientist-publish-empty");
  await page.locator('input[data-for="model"]').setInputFiles(join(job.trees, "trees.json"));
  for (const what of [".said", ".said.hint"]) { // what the module says, in the reader's language
    await page.getByRole("alert").locator(`${what}[lang="${job.language === "zh" ? "zh-Hans" : "en"}"]`).first().waitFor(wait);
  }
  await page.locator('input[data-for="model"]').setInputFiles([join(job.model, "model.json"), join(job.model, "card.json")]);
  await page.getByText(w("publish.compiles")).waitFor(wait);
  await page.getByLabel(w("publish.price"), { exact: true }).fill("3");
  await button("publish.dry").click();
  await page.getByText(w("publish.good")).waitFor(wait);
  await check("scientist-publish");
  await button("publish.do").click();
  await page.getByText(w("publish.done", { name: job.name + " 1.0.0" })).waitFor(wait);
  await check("scientist-published");
  step("publish");
}

// The credit side's wizard: a scorecard without a card, whose gaps are filled in here.
async function sell() {
  do { // the node's proving keys take a minute, and serve this model too
    await open("scientist-credit");
    await title("models.title");
    await settled();
  } while (!(await page.getByRole("link", { name: /^consumer-risk 1/ }).isVisible()));
  await to("nav.publish", "publish.title");
  await page.locator('input[data-for="model"]').setInputFiles(job.points);
  await page.getByText(w("publish.proved")).waitFor(wait);
  const fields = { name: job.name, summary: "Three features of a credit file, for trying.", licence: "Apache-2.0", use: "Trying the portal.", data: "made up", "data.licence": "none", "metric.value": "0.7", "metric.method": "made up", price: "2" };
  for (const [key, text] of Object.entries(fields)) await page.getByLabel(w("publish." + key), { exact: true }).fill(text);
  await button("publish.dry").click();
  await page.getByText(w("publish.good")).waitFor(wait);
  await check("scientist-credit-publish");
  await button("publish.do").click();
  await page.getByText(w("publish.done", { name: job.name + " 1.0.0" })).waitFor(wait);
  await button("publish.see").click();
  await button("try.do").click();
  await page.locator("svg.scale").waitFor(wait);
  await check("scientist-credit-model");
  step("a credit model");
}

async function earnings() {
  await to("nav.earnings", "earn.title");
  await check("scientist-earnings");
}

async function budget() {
  await open("patient");
  await page.getByRole("heading", { name: w("home.scans") }).waitFor(wait);
  await to("nav.budget", "budget.title");
  await page.locator(".gauge").first().waitFor(wait);
  await page.getByLabel(w("budget.training"), { exact: true }).fill(job.training);
  await button("budget.preview").click();
  await page.locator(".gauge .more").first().waitFor(wait);
  seen.gauge = await page.locator(".gauge").first().getAttribute("aria-label");
  await check("patient-budget");
  await button("budget.change").first().click();
  await page.getByLabel(w("budget.limit"), { exact: true }).fill("33");
  await button("budget.set").click();
  await page.locator('.gauge[aria-label*="33"]').waitFor(wait);
  await button("word.undo").click();
  await page.locator('.gauge[aria-label*="33"]').waitFor({ state: "detached", ...wait });
  await to("nav.activity", "activity.title");
  await page.locator('ol.timeline li[data-what="trained"]').first().waitFor(wait);
  await check("patient-timeline");
  step("privacy budget");
}

async function auditor() {
  await open("auditor");
  await title("audit.title");
  await page.locator("table.changes tbody tr").first().waitFor(wait);
  await page.getByLabel(w("audit.what"), { exact: true }).selectOption("job");
  await page.getByLabel(w("audit.about"), { exact: true }).fill(job.job.split("-").pop());
  await button("audit.search").click();
  await page.getByText(w("event.did.settled")).first().waitFor(wait);
  await page.getByLabel(w("audit.about"), { exact: true }).fill("no such thing");
  await button("audit.search").click();
  await page.locator("[data-request]").waitFor(wait); // the node refused that one
  await page.getByLabel(w("audit.about"), { exact: true }).fill("fffffffffffffff");
  await button("audit.search").click();
  await button("audit.every").click();
  await page.locator("table.changes tbody tr").first().waitFor(wait);
  await page.getByLabel(w("audit.what"), { exact: true }).selectOption("job");
  await page.getByLabel(w("audit.about"), { exact: true }).fill(job.job.split("-").pop());
  await button("audit.search").click();
  await page.getByText(w("event.did.settled")).first().waitFor(wait);
  await check("auditor-search");
  const both = [];
  const take = (d) => both.push(d);
  page.on("download", take);
  await button("audit.csv").click();
  for (let n = 0; n < 600 && both.length < 2; n++) await page.waitForTimeout(100);
  page.off("download", take);
  for (const d of both) {
    const at = join(job.private, `${job.label}-${d.suggestedFilename()}`);
    await d.saveAs(at);
    seen.files.push(at);
  }
  step("search");
}

async function event() {
  await page.locator("table.changes tbody tr a").first().click();
  await page.getByText(w("event.verified")).waitFor(wait);
  await page.getByRole("heading", { level: 2, name: w("event.receipt"), exact: true }).waitFor(wait);
  await check("auditor-event");
  await saved(() => button("event.download").click());
  step("event");
}

async function verify() {
  await to("nav.verify", "verify.title");
  await page.locator('input[data-for="evidence"]').setInputFiles(seen.files.find((f) => f.includes("event-")));
  await page.getByText(w("verify.event")).waitFor(wait);
  seen.verdict = w("verify.event");
  await check("auditor-verify");
  await page.locator('input[data-for="evidence"]').setInputFiles(join(job.model, "card.json")); // no evidence at all
  await page.getByRole("alert").filter({ hasText: w("problem.invalid") }).waitFor(wait);
  await to("nav.builds", "builds.title");
  await check("auditor-builds");
  step("verify");
}

await go({ demo, provider, machine, gateway, held, people, request, vote, rounds, models, publish, sell, earnings, budget, auditor, event, verify });
