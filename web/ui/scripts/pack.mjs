// Writes the hashes of scripts and styles into the page, keeps every file compressed
// only, and prints what the first page weighs.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const portal = join(dirname(fileURLToPath(import.meta.url)), "..", "dist", "portal");
const index = join(portal, "index.html");
let first = 0;
let page = readFileSync(index, "utf8").replace(/<(?:script|link)\b[^>]*?(?:src|href)="(\/assets\/[^"]+)"[^>]*?>/g, (tag, path) => {
  const bytes = readFileSync(join(portal, path));
  if (path.endsWith(".js")) first += gzipSync(bytes, { level: 9 }).length;
  const hash = createHash("sha384").update(bytes).digest("base64");
  return tag.replace(/(\/?)>$/, ` integrity="sha384-${hash}"$1>`);
});
writeFileSync(index, page);
// The page fetches the words of one language before it shows anything.
const words = readdirSync(join(portal, "assets")).filter((name) => /^(en|zh)-.*\.js$/.test(name)).map((name) => gzipSync(readFileSync(join(portal, "assets", name)), { level: 9 }).length);
first += Math.max(...words);
for (const entry of readdirSync(portal, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = join(entry.parentPath ?? entry.path, entry.name);
  writeFileSync(file + ".gz", gzipSync(readFileSync(file), { level: 9 }));
  rmSync(file);
}
const limit = 150 * 1024;
console.log(`portal: the first page's JavaScript is ${(first / 1024).toFixed(1)} KiB compressed`);
if (first > limit) {
  console.error(`portal: at most ${limit / 1024} KiB are allowed`);
  process.exit(1);
}
