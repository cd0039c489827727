// Reads the interface's reference page in a real browser, tries operations with a token
// and as staff, and reports what the browser saw (reference_test.go).
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const job = JSON.parse(process.argv[2]);
const load = createRequire(join(job.ui, "package.json"));
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
const app = await chromium.launch({ executablePath: job.chromium, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
const seen = { console: [], origins: [], axe: [], texts: {} };

async function open(width, height, dark) {
  const context = await app.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", ignoreHTTPSErrors: true, locale: "en-GB" });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("console", (m) => { if (m.type() === "error" && !/status of (401|403|429)/.test(m.text())) seen.console.push(m.text()); });
  page.on("pageerror", (e) => seen.console.push(String(e)));
  page.on("request", (q) => { const o = new URL(q.url()).origin; if (!seen.origins.includes(o)) seen.origins.push(o); });
  return page;
}

async function look(page, name) {
  await page.screenshot({ path: join(job.out, `${name}.png`), fullPage: false });
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations
    .filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`));
  for (const f of found) seen.axe.push(`${name}: ${f}`);
}

try {
  const page = await open(1280, 860, false);
  await page.goto(job.address + "/v1/reference");
  await page.getByRole("heading", { name: "Topics" }).waitFor();
  await look(page, "reference-start");
  await page.getByLabel("Find").fill("caller, newest");
  await page.getByRole("link", { name: /mention the caller/ }).focus();
  await page.keyboard.press("Enter"); // the keyboard alone opens an operation
  await page.getByLabel(/^word/).fill("coin");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("401 Unauthorized").waitFor();
  await page.getByText("Session:").click();
  await page.getByLabel("Token of a session").fill(job.token);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByText("account's key, until").waitFor();
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("200 OK").waitFor();
  seen.texts.coins = await page.getByRole("main").innerText();
  await look(page, "reference-tried");

  const staff = await open(390, 844, true);
  await staff.goto(job.address + "/v1/reference#mine");
  await staff.getByText("Session:").click();
  await look(staff, "reference-sign-in");
  await staff.getByLabel("Or as staff of the organisation").fill(job.party);
  await staff.getByRole("button", { name: "Go to its sign-in" }).click();
  await staff.getByText("staff, auditor").waitFor();
  seen.texts.address = staff.url();
  await staff.goto(job.address + "/v1/reference?state=" + "0".repeat(64) + "&code=forged");
  await staff.getByText("was not begun in this tab").waitFor();
  seen.ok = true;
} catch (e) {
  seen.failed = String(e);
}
await app.close();
console.log(JSON.stringify(seen));
