// A short walk of the credit side: a contract's sentence that is spoken (spoken_test.go).
import { begin } from "./tab.mjs";

const job = JSON.parse(process.argv[2]);
const { page, seen, w, wait, step, check, button, room, heading, said, come, go } = await begin(job);

// A recogniser that fails once, then hears the job's sentence, and keeps no sound.
const recogniser = (sentence) => {
  window.listened = [];
  window.SpeechRecognition = class {
    start() {
      window.listened.push(this.lang);
      setTimeout(() => {
        if (window.listened.length === 1) this.onerror({ error: "not-allowed" });
        else this.onresult({ results: [[{ transcript: sentence }]] });
        this.onend();
      }, 20);
    }
    abort() { this.onend?.(); }
  };
};

async function spoken() {
  await page.addInitScript(recogniser, job.sentence);
  await come("borrower", { fresh: true });
  await heading("borrower.home");
  await room("nav.contracts");
  await page.getByRole("button", { name: w("contract.new"), exact: true }).click();
  await heading("contract.new");
  await said("contract.speak.text"); // where the sound goes is told before anything listens
  const on = page.getByRole("switch");
  seen.before = { on: await on.isChecked(), buttons: await button("contract.speak.start").count(), listened: await page.evaluate(() => window.listened.length) };
  await on.check({ force: true });
  await button("contract.speak.start").click();
  await said("contract.speak.failed");
  await button("contract.speak.start").click();
  const box = page.getByLabel(w("contract.sentence"), { exact: true });
  await page.waitForFunction(([e, text]) => e.value === text, [await box.elementHandle(), job.sentence], wait);
  seen.listened = await page.evaluate(() => window.listened);
  await check("sentence-heard");
  await button("contract.hear").click();
  await button("contract.answer").waitFor(wait);
  await page.locator("form").nth(1).getByRole("textbox").first().fill(job.party);
  await button("contract.answer").click();
  await button("contract.sign.do").waitFor(wait);
  seen.told = await page.locator("main").innerText();
  step("a spoken sentence read");
}

await go({ spoken });
