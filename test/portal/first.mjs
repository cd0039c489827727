// How long a first visitor waits: fresh browsers, one after the other, on the first page
// (first_test.go). It reports milliseconds from the address to the heading, and of the
// page's process the processor time until then.
import { createRequire } from "node:module";
import { join } from "node:path";

const job = JSON.parse(process.argv[2]);
const { chromium } = createRequire(join(job.ui, "package.json"))("playwright-core");
const seen = { wall: [], cpu: [] };
for (let n = 0; n < job.visits; n++) {
  const browser = await chromium.launch({ executablePath: job.chromium, args: ["--no-sandbox", "--disable-gpu"] });
  const page = await browser.newPage();
  const debug = await page.context().newCDPSession(page);
  await debug.send("Performance.enable");
  const began = performance.now();
  await page.goto(job.address, { waitUntil: "commit" });
  await page.getByRole("heading", { level: 1 }).waitFor();
  seen.wall.push(performance.now() - began);
  const { metrics } = await debug.send("Performance.getMetrics");
  seen.cpu.push(1000 * metrics.find((m) => m.name === "ProcessTime").value);
  await browser.close();
}
console.log(JSON.stringify(seen));
