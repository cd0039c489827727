// A short walk of the credit side: a score that a lender has while the borrower's tab is
// gone. Go starts it (away_test.go) and plays the furnisher.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin } from "./tab.mjs";

const job = JSON.parse(process.argv[2]);
const { page, seen, w, wait, step, check, button, room, heading, said, come: open, go } = await begin(job);
seen.parties = {};

// come is at an account's own page.
async function come(account, fresh) {
  await open(account, { fresh, name: account === "lender" ? job.bank : "" });
  await heading(account + ".home");
}

async function permitted() {
  await come("lender", true);
  seen.parties.lender = await page.locator("section.card.quiet .id").innerText();
  await come("borrower", true);
  seen.parties.borrower = await page.locator("section.card.quiet .id").innerText();
  writeFileSync(join(job.private, "borrower-" + job.label), seen.parties.borrower);
  const sealed = join(job.private, job.label + ".credit");
  for (let n = 0; !existsSync(sealed); n++) {
    if (n > 600) throw new Error("the furnisher gave nothing");
    await page.waitForTimeout(200);
  }
  await button("borrower.file.first").click();
  await page.locator('input[data-for="credit"]').setInputFiles(sealed);
  await button("borrower.store").click();
  await heading("borrower.file.of", { name: job.bureau });
  await room("borrower.score");
  await page.locator("svg.scale").waitFor(wait);
  seen.own = await page.locator("svg.scale .score").textContent();
  await room("nav.asked");
  await button("borrower.away.do").click();
  await page.getByLabel(w("borrower.away.who"), { exact: true }).fill(seen.parties.lender);
  await page.getByLabel(w("borrower.away.calls"), { exact: true }).fill("1");
  await button("consent.to.check").click();
  await page.getByRole("group", { name: w("consent.summary") }).waitFor(wait);
  await check("away-permit");
  await page.getByRole("group", { name: w("consent.summary") }).getByRole("button", { name: w("consent.allow"), exact: true }).click();
  await said("borrower.away.done");
  await said("borrower.permits");
  await check("away-permitted");
  await page.goto("about:blank"); // her tab, her keys and her worker are gone
  step("a score permitted beforehand");
}

async function away() {
  await come("lender");
  const ask = async () => {
    await page.getByLabel(w("lender.subject"), { exact: true }).fill(seen.parties.borrower);
    await button("lender.ways").click();
    const way = page.getByRole("radio", { name: new RegExp("^" + w("lender.way.mpc")) });
    await way.waitFor(wait);
    return way;
  };
  await (await ask()).check();
  await check("away-ask");
  await button("lender.ask.do").click();
  await said("lender.asked");
  for (let n = 0; !(await button("lender.score.open").isVisible()); n++) {
    if (n > 400) throw new Error("the three have not answered");
    await button("lender.reload").click();
    await page.waitForTimeout(300);
  }
  await button("lender.score.open").click();
  await page.locator("svg.scale").waitFor(wait);
  seen.score = await page.locator("svg.scale .score").textContent();
  seen.reasons = await page.locator("ol.reasons li").count();
  await said("lender.unproved");
  await check("away-score");
  await room("lender.home");
  seen.again = !(await (await ask()).isDisabled()); // one was permitted, and was had
  step("a score while she is away");
}

await go({ permitted, away });
