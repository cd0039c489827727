// Looks at scans in the viewer: what is drawn, by mouse, by keyboard and with what was
// measured; and scans whose pixels only a codec in the tab decodes.
import { begin } from "./tab.mjs";

const job = JSON.parse(process.argv[2]);
const { page, seen, w, wait, step, check, button, room, go } = await begin(job);
const drawn = (at) => page.locator(`.viewer[data-shown${at === undefined ? "]:not([data-shown=\"\"])" : `="${at}"]`}`).waitFor(wait);

// ink is the canvas as numbers: the mean grey, whether there is colour, and a sum that
// other pixels would change.
async function ink() {
  await page.waitForTimeout(300); // Cornerstone draws in an animation frame
  return page.evaluate(() => {
    const c = document.querySelector(".viewer canvas");
    const copy = new OffscreenCanvas(c.width, c.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(c, 0, 0);
    const { data } = copy.getImageData(0, 0, c.width, c.height);
    let sum = 0, mean = 0, colour = 0;
    for (let i = 0; i < data.length; i += 4) {
      sum = (sum * 31 + data[i] * 7 + data[i + 1]) >>> 0;
      mean += data[i];
      if (Math.abs(data[i] - data[i + 1]) > 24 || Math.abs(data[i + 1] - data[i + 2]) > 24) colour++;
    }
    return { sum, mean: mean / (data.length / 4), colour };
  });
}

async function differs(what, before) {
  const now = await ink();
  if (now.sum === before.sum) throw new Error(`${what} changes nothing that is seen`);
  return now;
}

async function open(folder) {
  await room("nav.upload");
  await page.locator('input[data-for="folder"]').setInputFiles(folder);
  await button("upload.store").click();
  await page.getByText(w("upload.done"), { exact: true }).waitFor(wait);
  await button("record.view").click();
  await drawn();
}

async function signUp() {
  await page.goto(job.address);
  await page.getByLabel(w("door.passphrase"), { exact: true }).fill(job.passphrase);
  await page.getByLabel(w("door.passphrase.again"), { exact: true }).fill(job.passphrase);
  await button("door.new.do").click();
  await page.getByText(w("home.scans.none")).waitFor(wait);
  step("keys");
}

async function look() {
  await open(job.study);
  seen.webgl = await page.evaluate(() => !!document.createElement("canvas").getContext("webgl2"));
  let now = await ink();
  if (now.mean < 5 || now.mean > 200) throw new Error(`a slice has a mean grey of ${now.mean}`);
  const viewer = page.locator(".viewer");
  await viewer.focus();
  const first = Number(await viewer.getAttribute("data-shown"));
  await page.keyboard.press("ArrowDown");
  await drawn(first + 1);
  now = await differs("another slice", now);
  await page.getByLabel(w("view.window"), { exact: true }).selectOption("bone");
  now = await differs("the window for bone", now);
  await page.getByLabel(w("view.center"), { exact: true }).fill("40");
  now = await differs("a centre that is typed", now);
  await viewer.focus();
  await page.keyboard.press("+");
  now = await differs("a larger picture", now);
  await page.keyboard.press("Shift+ArrowLeft");
  now = await differs("a moved picture", now);
  await page.keyboard.press("0");
  now = await differs("the whole picture", now);
  // drag goes on from a point that is counted from the middle of the picture.
  const drag = async (fromX, fromY, dx, dy) => {
    const box = await page.locator(".viewer canvas").boundingBox();
    const x = box.x + box.width / 2 + fromX, y = box.y + box.height / 2 + fromY;
    seen.scale = job.millimetres / Math.min(box.width, box.height);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + dx / 2, y + dy / 2, { steps: 4 });
    await page.mouse.move(x + dx, y + dy, { steps: 4 });
    await page.waitForTimeout(200); // moves are followed frame by frame
    await page.mouse.up();
  };
  await drag(0, 0, 60, 20); // brightness
  now = await differs("dragging", now);
  await button("view.tool.length").click();
  await drag(-50, -60, 100, 0);
  const line = page.locator(".measures li").first();
  await line.waitFor(wait);
  seen.length = parseFloat(/[\d.]+(?= mm)/.exec(await line.innerText())?.[0] ?? "0");
  seen.wanted = 100 * seen.scale;
  await button("view.tool.area").click();
  await drag(-60, 20, 30, 40); // not where the line can be taken hold of
  await page.locator(".measures li").nth(1).waitFor(wait);
  await page.waitForTimeout(300);
  seen.area = await page.locator(".measures li").nth(1).innerText();
  await check("viewer-measured");
  await button("view.clear").click();
  await line.waitFor({ state: "detached", ...wait });
  step("look");
}

// Measures by keyboard alone: each Enter and arrow is answered in words.
async function place() {
  const viewer = page.locator(".viewer"), line = page.locator(".measures li"), says = page.locator(".placing");
  const start = (key, values) => w(key, values).split("：")[0].split(":")[0];
  const use = async (tool) => {
    await button(tool).focus();
    await page.keyboard.press("Enter");
    await says.getByText(w("view.place.how"), { exact: true }).waitFor(wait);
    for (let n = 0; !(await viewer.evaluate((e) => e === document.activeElement)); n++) {
      if (n > 12) throw new Error("no Tab leads to the picture");
      await page.keyboard.press("Tab");
    }
  };
  const keys = async (...all) => { for (const [key, times] of all) for (let n = 0; n < (times ?? 1); n++) await page.keyboard.press(key); };
  const told = (key, x, y) => says.getByText(w(key, { x, y }), { exact: true }).waitFor(wait);
  const half = job.pixels / 2;
  await use("view.tool.length");
  await keys(["Enter"]);
  await told("view.place.begun", half + 1, half + 1);
  await keys(["Shift+ArrowLeft", 5], ["ArrowUp", 3]);
  await told("view.place.at", half - 49, half - 2);
  await keys(["Enter"]);
  await told("view.place.first", half - 49, half - 2);
  await keys(["Enter"]);
  await says.getByText(w("view.place.same"), { exact: true }).waitFor(wait);
  await keys(["Shift+ArrowRight", 10]);
  await told("view.place.at", half + 51, half - 2);
  await check("viewer-placing");
  await viewer.focus();
  await keys(["Enter"]);
  await says.getByText(start("view.place.done")).waitFor(wait);
  seen.placed = parseFloat(/[\d.]+(?= mm)/.exec(await line.first().innerText())?.[0] ?? "0");
  await use("view.tool.area");
  await keys(["Enter"], ["Shift+ArrowLeft", 2], ["Shift+ArrowUp", 2], ["Enter"], ["Shift+ArrowRight", 4], ["Shift+ArrowDown", 4], ["Enter"]);
  await says.getByText(start("view.place.done")).waitFor(wait);
  seen.circle = parseFloat(/[\d.,]+(?= mm²)/.exec(await line.nth(1).innerText())?.[0].replace(",", "") ?? "0");
  await keys(["Enter"], ["ArrowLeft"], ["Escape"]);
  await says.getByText(w("view.place.left"), { exact: true }).waitFor(wait);
  const at = Number(await viewer.getAttribute("data-shown"));
  await keys(["ArrowDown"]); // which goes through the pictures again
  await drawn(at + 1);
  await button("view.clear").click();
  await line.first().waitFor({ state: "detached", ...wait });
  step("place");
}

// What a scan's pixels are coded in makes no difference to who looks.
async function coded() {
  seen.colour = {};
  for (const [name, folder] of Object.entries(job.coded)) {
    await open(folder);
    const now = await ink();
    if (now.mean < 2 || now.mean > 250) throw new Error(`${name} has a mean grey of ${now.mean}`);
    seen.colour[name] = now.colour;
  }
  step("coded");
}

await go({ signUp, look, place, coded });
