// A browser on the portal for one walk: what the walks share. It reports what the
// browser saw.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const wait = { timeout: 240_000 };

// begin opens a browser for a job and returns what a walk needs.
export async function begin(job) {
  const load = createRequire(join(job.ui, "package.json"));
  const { chromium } = load("playwright-core");
  const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
  const words = JSON.parse(readFileSync(join(job.ui, "src", "words", job.language + ".json"), "utf8"));
  const w = (key, values) => words[key].replace(/\{(\w+)\}/g, (_, name) => values?.[name] ?? "");

  const browser = await chromium.launchPersistentContext(job.profile, {
    executablePath: job.chromium, headless: true, viewport: { width: job.width, height: job.height }, locale: job.language === "zh" ? "zh-CN" : "en-GB",
    colorScheme: job.dark ? "dark" : "light", acceptDownloads: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...(job.args ?? [])],
  });
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(60_000);
  const seen = { console: [], origins: [], requests: 0, sent: 0, axe: [], zoomed: [], steps: {}, memory: 0 };
  const watched = join(job.private, "network.bin"); // all that went out, for a search of bytes
  writeFileSync(watched, "");
  // A request that the test itself cuts off, and how fast a software GL is, is told by the
  // browser, not by the page.
  const cut = ["ERR_INTERNET_DISCONNECTED", "GL Driver Message", ...(job.steps.includes("busy") ? ["status of 503"] : [])];
  browser.on("console", (m) => { if ((m.type() === "error" || m.type() === "warning") && !cut.some((c) => m.text().includes(c))) seen.console.push(m.text()); });
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
    await page.evaluate(() => scrollTo(0, 0)); // or the page's head is drawn in its middle
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
    if (job.width >= 1000) await zoom(name);
  }
  // At 200% a window has half as many of the page's pixels: all of it must still fit across,
  // and a menu that is longer must scroll.
  async function zoom(name) {
    await page.setViewportSize({ width: job.width / 2, height: job.height / 2 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) seen.zoomed.push(`${name}: ${over}`);
    const cut = await page.evaluate(() => {
      const menu = document.querySelector(".mantine-AppShell-navbar");
      return menu !== null && menu.scrollHeight > menu.clientHeight && !["auto", "scroll"].includes(getComputedStyle(menu).overflowY);
    });
    if (cut) seen.zoomed.push(`${name}: the menu's end cannot be reached`);
    await page.setViewportSize({ width: job.width, height: job.height });
  }
  const button = (key, values) => page.getByRole("button", { name: w(key, values), exact: true });

  // A walk without a mouse reaches everything by the Tab key alone, and sees where it is.
  const looks = (e) => [e, e.parentElement, e.parentElement?.parentElement].map((x) => { const s = x && getComputedStyle(x); return s && [s.outline, s.boxShadow, s.borderColor, s.backgroundColor].join(); }).join(); // a field's frame is its parent's
  async function reach(target) {
    await target.waitFor(wait);
    for (let k = 0; k < 1200 && !(await target.isEnabled()); k++) await page.waitForTimeout(50);
    const plain = await target.evaluate(looks);
    for (let n = 0; n < 150; n++) {
      if (await target.evaluate((e) => e === document.activeElement)) {
        for (let k = 0; n > 0 && (await target.evaluate(looks)) === plain; k++) {
          if (k === 40) throw new Error(`${target} does not show that it has the focus`);
          await page.waitForTimeout(50);
        }
        return;
      }
      await page.keyboard.press("Tab");
    }
    throw new Error(`no Tab leads to ${target}`);
  }
  async function press(target) {
    if (!job.keyboard) return target.click();
    await reach(target);
    await page.keyboard.press("Enter");
  }
  async function type(target, text) {
    if (!job.keyboard) return target.fill(text);
    await reach(target);
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type(text);
  }
  async function choose(folder) {
    if (!job.keyboard) return page.locator('input[data-for="folder"]').setInputFiles(folder);
    const asked = page.waitForEvent("filechooser");
    await press(button("upload.folder"));
    await (await asked).setFiles(folder);
  }
  async function room(key) {
    const menu = page.getByRole("button", { name: w("app.menu"), exact: true });
    if (await menu.isVisible()) await press(menu);
    await press(page.getByRole("link", { name: w(key), exact: true }));
    await page.getByRole("heading", { level: 1, name: w(key), exact: true }).waitFor();
    await page.waitForTimeout(300);
  }

  // heading and said wait for a page, and for a text.
  const heading = (key, values) => page.getByRole("heading", { level: 1, name: w(key, values), exact: true }).waitFor(wait);
  const said = (key, values) => page.getByText(w(key, values), { exact: true }).first().waitFor(wait);

  // come opens the portal for an account, and makes its keys where it is fresh: named so,
  // where its role has a name; before is run when the door is filled in.
  async function come(account, { fresh = false, name = "", before } = {}) {
    await page.goto(job.address);
    await page.getByLabel(w("door.who")).selectOption(account);
    await page.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
    if (fresh) {
      if (name) await page.getByLabel(w("door.name")).fill(name);
      await page.getByLabel(w("door.passphrase.again"), { exact: true }).fill(job.passphrase);
      await before?.();
    }
    await button(fresh ? "door.new.do" : "door.open.do").click();
  }

  // go runs a walk's steps in their order and prints what was seen.
  async function go(steps) {
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
  }
  return { browser, page, seen, words, w, wait, step, shot, check, button, press, type, choose, room, heading, said, come, go };
}
