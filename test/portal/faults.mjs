// What people choose or meet by mistake: each ends in words that say what to do, in both
// languages, and nothing is lost.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export function faulty({ page, browser, job, seen, w, button, room, wait, step, signUp }) {
  const words = Object.fromEntries(["en", "zh"].map((l) => [l, JSON.parse(readFileSync(join(job.ui, "src", "words", l + ".json"), "utf8"))]));

  // inBoth looks for words in the language of the walk, then in the other. Why each file was
  // left out, and a notice's text and hint, are in its language too.
  async function inBoth(name, ...keys) {
    const shown = async (table) => {
      for (const key of keys) {
        const start = table[key].split("{")[0];
        await page.getByText(start, { exact: false }).first().waitFor(wait).catch((e) => { throw new Error(`${name}: ${e}`); });
      }
      const tongue = table === words.zh ? "zh-Hans" : "en";
      await page.waitForFunction((l) => [...document.querySelectorAll(".left [lang], [role=alert] .said")].every((e) => e.lang === l), tongue, wait)
        .catch((e) => { throw new Error(`${name}: what is said is not in ${tongue}: ${e}`); });
    };
    await shown(words[job.language]);
    await page.getByTitle(w("app.language.label"), { exact: true }).click();
    await shown(words.zh);
    await page.getByTitle(words.zh["app.language.label"], { exact: true }).click();
    await shown(words[job.language]);
    (seen.faults ??= []).push(name);
  }

  // Each folder of job.faults, and what is said of it.
  const said = {
    foreign: ["upload.nothing"],
    huge: ["upload.nothing", "upload.rejected.help"],
    cut: ["upload.nothing", "upload.rejected.help"],
    mixed: ["upload.mixed.title", "upload.mixed.text"],
  };
  async function badFolders() {
    await room("nav.upload");
    for (const [name, keys] of Object.entries(said)) {
      await page.locator('input[data-for="folder"]').setInputFiles(join(job.faults, name));
      if (keys.includes("upload.rejected.help")) await page.locator(".left [lang]").first().waitFor({ state: "attached", ...wait });
      await inBoth(name, ...keys);
      await button("upload.other").click();
    }
    step("bad folders");
  }

  // A syntax that is not drawn here, or pixels that no codec can read, are stored whole all
  // the same, and their preview has no picture.
  async function undrawn() {
    for (const [name, said] of [["syntax", "view.undrawn"], ["damaged", "view.damaged"]]) {
      await room("nav.upload");
      await page.locator('input[data-for="folder"]').setInputFiles(join(job.faults, name));
      await button("upload.preview").click();
      await page.getByText(w("preview.undrawn"), { exact: true }).waitFor(wait);
      await button("upload.store").click();
      await page.getByText(w("upload.done"), { exact: true }).waitFor(wait);
      await button("record.view").click();
      await inBoth(name, said);
    }
    step("undrawn");
  }

  // The node is too busy in the middle of an upload: said, and the same button goes on.
  async function busy() {
    const sent = new Map();
    browser.on("response", (r) => { if (r.request().method() === "PUT" && r.status() < 300) sent.set(r.url(), (sent.get(r.url()) ?? 0) + 1); });
    let puts = 0;
    const problem = JSON.stringify({ type: "urn:manx:notice:unavailable", title: "unavailable", status: 503, detail: "the node is too busy", hint: "", request_id: "5ca1ab1e5ca1ab1e" });
    await browser.route("**/blobs/*", (route) => (route.request().method() === "PUT" && ++puts > 8 ? route.fulfill({ status: 503, contentType: "application/problem+json", body: problem }) : route.continue()));
    await room("nav.upload");
    await page.locator('input[data-for="folder"]').setInputFiles(job.study);
    await button("upload.store").click();
    await inBoth("503", "problem.unavailable", "hint.unavailable");
    await page.locator("[data-request]", { hasText: "5ca1ab1e5ca1ab1e" }).waitFor(wait);
    await browser.unroute("**/blobs/*");
    seen.first = sent.size;
    await button("word.again").click();
    await page.getByText(w("upload.done"), { exact: true }).waitFor(wait);
    seen.twice = [...sent.values()].filter((n) => n > 1).length;
    step("503");
  }

  // A hospital's link to a consent that has run out, and a wrong passphrase on the way.
  async function runOut() {
    await page.goto(`${job.address}/consent?to=${job.hospital}&until=1700000000`);
    await page.getByLabel(w("door.passphrase"), { exact: true }).fill("not the passphrase");
    await button("door.open.do").click();
    await page.locator("[role=alert] .said.hint code").waitFor(wait); // what the notice itself says to do
    await inBoth("passphrase", "problem.denied", "hint.denied");
    await page.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
    await button("door.open.do").click();
    await inBoth("consent", "consent.link.over", "consent.link.again");
    step("run out");
  }
  // The device's authenticator unlocks instead of the passphrase. Chromium has a virtual
  // one with PRF, for names of hosts only.
  async function device() {
    const cdp = await browser.newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, hasPrf: true, automaticPresenceSimulation: true } });
    const address = job.address.replace("127.0.0.1", "localhost");
    await signUp(address);
    await page.goto(address);
    await page.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
    await page.getByLabel(w("door.device.next")).check();
    await button("door.open.do").click();
    await page.getByRole("heading", { name: w("home.scans") }).waitFor(wait);
    await page.goto(address);
    await button("door.device.do").click();
    await page.getByRole("heading", { name: w("home.scans") }).waitFor(wait);
    const kept = await page.evaluate(() => JSON.stringify(localStorage));
    if (kept.includes(job.passphrase)) throw new Error("the passphrase lies open");
    seen.faults.push("device");
    step("device");
  }
  return { badFolders, undrawn, busy, runOut, device };
}
