// Walks a patient's path in a real browser, as one who reads and clicks, and reports
// what the browser saw. Go starts it (path_test.go) with one JSON argument.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { faulty } from "./faults.mjs";
import { begin } from "./tab.mjs";

const job = JSON.parse(process.argv[2]);
const { browser, page, seen, w, wait, step, check, button, press, type, choose, room, go } = await begin(job);

async function signUp(address = job.address) {
  await page.goto(address);
  await page.getByRole("heading", { level: 1 }).waitFor();
  step("first page");
  seen.integrity = await page.locator("script[integrity]").count();
  await check("door");
  await type(page.getByLabel(w("door.passphrase"), { exact: true }), job.passphrase);
  await type(page.getByLabel(w("door.passphrase.again"), { exact: true }), job.passphrase);
  await press(button("door.new.do"));
  await page.getByText(w("home.scans.none")).waitFor(wait);
  step("keys");
  await check("home-empty");
}

// Two patients in one folder: told, and nothing stored.
async function wrongPatient() {
  await room("nav.upload");
  await choose(job.mixed);
  await page.getByText(w("upload.mixed.title")).waitFor(wait);
  await check("mixed");
  await press(button("upload.other"));
  step("wrong patient");
}

async function upload() {
  if (!job.steps.includes("wrongPatient")) await room("nav.upload");
  await check("upload");
  await choose(job.study);
  await press(button("upload.preview"));
  await page.getByRole("heading", { name: w("preview.title") }).waitFor(wait);
  seen.preview = await page.locator("table.changes").innerText();
  await check("preview");
  step("scan and preview");
  await press(button("upload.store"));
  await page.getByText(w("upload.done"), { exact: true }).waitFor(wait);
  step("upload");
  await check("uploaded");
}

async function look() {
  await press(button("record.view"));
  await page.locator('.viewer[data-shown]:not([data-shown=""])').waitFor(wait);
  await page.locator(".viewer").focus();
  await page.keyboard.press("ArrowDown");
  await check("viewer");
  step("view");
}

async function ask() {
  await room("nav.home");
  await press(button("record.ask").first());
  await page.getByLabel(w("ask.model")).waitFor(wait);
  await press(button("ask.quote"));
  await page.getByText(w("ask.reads"), { exact: true }).waitFor(wait);
  await check("ask");
  await press(page.getByRole("button", { name: w("ask.do", { price: "" }).split("MAN")[0].trim().slice(0, 4) }));
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
  await type(page.getByLabel(w("consent.to"), { exact: true }), job.hospital);
  await press(button("consent.to.check"));
  await button("consent.allow").waitFor(wait);
  await check("consent");
  await press(button("consent.allow"));
  await page.getByText(w("consent.allowed")).waitFor(wait);
  await press(button("word.undo"));
  await page.getByText(w("consent.undone")).waitFor(wait);
  await room("nav.home");
  await page.evaluate((to) => { // a hospital's link is followed
    history.pushState(null, "", `/consent?to=${to}&purpose=care&days=10&until=${Math.floor(Date.now() / 1000) + 600}`);
    dispatchEvent(new PopStateEvent("popstate"));
  }, job.hospital);
  await type(page.getByLabel(w("consent.days"), { exact: true }), "5"); // fewer than it asks for
  await press(button("consent.to.check"));
  await page.locator("table.against").waitFor(wait);
  const ends = page.locator("table.against tr", { hasText: w("consent.end") }).locator("td");
  if ((await ends.nth(0).innerText()) === (await ends.nth(1).innerText())) throw new Error("what is asked for stands as what is granted");
  await check("consent-asked");
  await press(button("consent.allow"));
  await page.getByText(w("consent.allowed")).waitFor(wait);
  await press(button("consent.revoke"));
  await check("revoke");
  await press(page.getByRole("alertdialog").getByRole("button", { name: w("consent.revoke"), exact: true }));
  await page.getByText(w("consent.revoked.now")).waitFor(wait);
  step("consent");
  await room("nav.activity");
  await page.locator("ol.timeline li").first().waitFor(wait);
  seen.events = await page.locator("ol.timeline li").evaluateAll((all) => all.map((e) => e.dataset.what));
  await check("activity");
  const menu = page.getByRole("button", { name: w("app.menu"), exact: true }), phone = await menu.isVisible();
  if (phone) await press(menu);
  await press(button("app.zone.to.utc"));
  await page.locator("ol.timeline time").first().filter({ hasText: /UTC$/ }).waitFor(wait);
  await press(button("app.zone.to.local"));
  await page.locator("ol.timeline time").first().filter({ hasNotText: "UTC" }).waitFor(wait);
  if (phone) await press(menu);
}

async function keys() {
  await room("nav.keys");
  await press(button("keys.kit.do"));
  const words = page.locator("ol.words li");
  await words.first().waitFor(wait);
  const phrase = (await words.allInnerTexts()).join(" ");
  await check("kit");
  await press(button("keys.kit.hide"));
  await type(page.getByLabel(w("door.recover.words")), phrase);
  await press(button("keys.drill.do"));
  await page.getByRole("status").filter({ hasText: w("keys.drill.good") }).waitFor(wait);
  await page.getByText(w("keys.devices.this"), { exact: true }).last().waitFor(wait);
  await press(button("keys.replace.do"));
  await press(page.getByRole("alertdialog").getByRole("button", { name: w("keys.replace.do"), exact: true }));
  await page.getByRole("status").filter({ hasText: w("keys.replace.done") }).waitFor(wait);
  await check("keys");
  step("recovery kit");
  writeFileSync(join(job.private, "phrase"), phrase);
}

// The page is loaded again: locked, a wrong passphrase is told, the right one opens.
async function reload() {
  await page.goto(job.address);
  await button("door.open.do").waitFor(wait);
  await check("locked");
  await type(page.getByLabel(w("door.passphrase"), { exact: true }), "not the passphrase");
  await press(button("door.open.do"));
  await page.getByText(w("problem.denied")).waitFor(wait);
  await type(page.getByLabel(w("door.passphrase"), { exact: true }), job.passphrase);
  await press(button("door.open.do"));
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
  await choose(job.study);
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
  await choose(job.study);
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

const steps = { interrupted, twoTabs, signUp, wrongPatient, upload, look, ask, consent, keys, reload, ...faulty({ page, browser, job, seen, w, button, room, wait, step, signUp }) };
await go(steps);
