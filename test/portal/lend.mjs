// Walks a borrower's and a lender's path in a real browser, in one profile, as two
// accounts of one device: a file, a score, a request, consent, an offer, a contract.
// Go starts it (lend_test.go) and plays the furnisher.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin } from "./tab.mjs";

const job = JSON.parse(process.argv[2]);
const { page, seen, w, wait, step, check: look, button, room, heading, said, come: open, go } = await begin(job);
seen.parties = {};
seen.wider = [];

async function check(name) {
  await look(name);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over > 0) seen.wider.push(`${name}: ${over}`);
}

// The door: an account is chosen, its keys are made or unlocked.
const come = (account, fresh) => open(account, { fresh, name: account === "lender" ? job.bank : "", before: () => account === "borrower" && check("borrower-door") });
async function leave() {
  await button("app.lock").click();
  await page.getByLabel(w("door.who")).waitFor(wait);
}

async function patient() {
  await come("patient", true);
  await page.getByText(w("home.scans.none")).waitFor(wait);
  const sent = readFileSync(join(job.private, "network.bin"), "latin1");
  seen.parties.patient = /health-p-[0-9a-z]+/.exec(sent)[0];
  await leave();
  writeFileSync(join(job.private, "network.bin"), ""); // what follows is the other side's
  step("a patient's account");
}

async function borrower() {
  await come("borrower", true);
  await heading("borrower.home");
  await said("borrower.score.none");
  seen.parties.borrower = await page.locator("section.card.quiet .id").innerText();
  await check("borrower-empty");
  writeFileSync(join(job.private, "borrower-" + job.label), seen.parties.borrower);
  step("a borrower's account");
}

async function file() {
  const sealed = join(job.private, job.label + ".credit");
  for (let n = 0; !existsSync(sealed); n++) {
    if (n > 600) throw new Error("the furnisher gave nothing");
    await page.waitForTimeout(200);
  }
  await button("borrower.file.first").click();
  await heading("borrower.file.add");
  await check("file-empty");
  await page.locator('input[data-for="credit"]').setInputFiles(job.unsigned);
  await said("borrower.unsigned");
  await check("file-unsigned");
  await page.locator('input[data-for="credit"]').setInputFiles(sealed);
  await said("borrower.signed", { name: job.bureau });
  await check("file-signed");
  await button("borrower.store").click();
  await heading("borrower.file.of", { name: job.bureau });
  await page.getByRole("button", { name: new RegExp(w("credit.field.bill", { n: 2 })) }).click();
  await said("borrower.dispute.title", { field: w("credit.field.bill", { n: 2 }) });
  await check("dispute");
  await button("borrower.dispute.do").click();
  await said("borrower.disputed.waits", { name: job.bureau });
  await check("file");
  await room("borrower.score");
  await page.locator("svg.scale").waitFor(wait);
  seen.own = await page.locator("svg.scale .score").textContent();
  await check("score");
  await leave();
  step("a file and a score");
}

async function lender() {
  await come("lender", true);
  await heading("lender.home");
  await check("lender-empty");
  await page.getByLabel(w("lender.subject"), { exact: true }).fill(seen.parties.borrower);
  await button("lender.ways").click();
  await page.getByRole("radio").first().waitFor(wait);
  await check("lender-ask");
  await button("lender.ask.do").click();
  await said("lender.asked");
  await check("lender-asked");
  await room("lender.offer");
  await page.getByLabel(w("lender.subject"), { exact: true }).fill(seen.parties.borrower);
  await button("lender.offer.read").click();
  await button("contract.sign.do").waitFor(wait);
  await button("contract.drawing.show").click();
  await page.locator(".drawing img").waitFor(wait);
  await check("offer-reading");
  await button("contract.sign.do").click();
  await page.locator("ol.timeline li").first().waitFor(wait);
  await check("offer-opened");
  await leave();
  step("a request and an offer");
}

async function consent() {
  await come("borrower");
  await heading("borrower.home");
  await button("borrower.decide").waitFor(wait);
  await check("borrower");
  await button("borrower.decide").click();
  await heading("nav.asked");
  await button("consent.allow").waitFor(wait);
  await check("asked");
  await button("consent.allow").click();
  await button("borrower.ok").waitFor({ timeout: 400_000 });
  await check("consented");
  await button("borrower.ok").click();
  await said("borrower.consented.done");
  step("consent, with its proof");
  await room("nav.offers");
  await button("borrower.offer.read").waitFor(wait);
  await check("offers");
  await button("borrower.offer.read").click();
  await page.locator("ol.timeline li").first().waitFor(wait);
  await act("contract");
  await leave();
  step("an offer accepted");
}

// act takes the first thing that waits for who reads the contract.
async function act(shot) {
  const rows = page.locator(".row", { hasText: w("contract.yours") });
  await rows.first().getByRole("button").click();
  await button("contract.sign.step").waitFor(wait);
  if (shot) await check(shot);
  await button("contract.sign.step").click();
  await said("contract.stepped");
}

async function score() {
  await come("lender");
  await heading("lender.home");
  await button("lender.score.open").click();
  await page.locator("svg.scale").waitFor(wait);
  seen.score = await page.locator("svg.scale .score").textContent();
  seen.reasons = await page.locator("ol.reasons li").count();
  await said("lender.proved");
  await check("lender-score");
  await button("lender.letter").click();
  await page.locator("article.letter").waitFor(wait);
  await check("letter");
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV", exact: true }).click();
  seen.csv = readFileSync(await (await saved).path(), "utf8");
  await room("nav.contracts");
  await button("contract.look").first().click();
  await page.locator("ol.timeline li").first().waitFor(wait);
  await act();
  await room("nav.portfolio");
  await page.locator(".figures").first().waitFor(wait);
  await check("portfolio");
  await room("nav.log");
  await page.locator("ol.timeline li").first().waitFor(wait);
  seen.deeds = await page.locator("ol.timeline li").count();
  await check("lender-log");
  await leave();
  step("a score, a letter, a loan");
}

async function repay() {
  await come("borrower");
  await heading("borrower.home");
  await room("nav.contracts");
  await check("contracts");
  await button("contract.look").first().click();
  await page.locator("ol.timeline li").first().waitFor(wait);
  await act();
  await check("contract-paid");
  await room("nav.repay");
  await page.locator(".calendar svg").waitFor(wait);
  seen.paid = await page.locator("rect.due.done").count();
  await check("repay");
  step("an instalment");
}

async function sentence() {
  await room("nav.contracts");
  await page.getByRole("button", { name: w("contract.new"), exact: true }).click();
  await heading("contract.new");
  const box = page.getByLabel(w("contract.sentence"), { exact: true });
  await box.fill(job.nonsense);
  await button("contract.hear").click();
  await page.locator(".understood mark").waitFor(wait);
  await check("sentence-refused");
  await page.getByRole("switch").check({ force: true });
  await check("sentence-spoken");
  await page.getByRole("switch").uncheck({ force: true });
  await box.fill(job.sentence);
  await button("contract.hear").click();
  await button("contract.answer").waitFor(wait);
  await check("sentence-asked");
  await page.locator("form").nth(1).getByRole("textbox").first().fill(seen.parties.lender ?? job.party);
  await button("contract.answer").click();
  await button("contract.sign.do").waitFor(wait);
  seen.told = await page.locator(".terms").allInnerTexts();
  await check("sentence-read");
  await button("contract.sign.do").click();
  await page.locator("ol.timeline li").first().waitFor(wait);
  await act();
  await check("sentence-signed");
  step("a sentence becomes a contract");
}

await go({ patient, borrower, file, lender, consent, score, repay, sentence });
