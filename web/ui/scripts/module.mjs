// Builds the owner's side for the browser (cmd/manx-wasm) into src/made, with the
// loader of the same Go and the hashes under which the page accepts its modules.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ui = join(dirname(fileURLToPath(import.meta.url)), "..");
const made = join(ui, "src", "made");
const go = process.env.GO || "go";
mkdirSync(made, { recursive: true });
const hash = (name, file) => `${name}: "sha384-${createHash("sha384").update(readFileSync(file)).digest("base64")}"`;
// The same flags give the same bytes from any folder. One module holds what accounts of
// the health side can ask, the other borrowers and lenders.
const hashes = [["health", "manx.wasm", ""], ["credit", "credit.wasm", "credit"]].map(([side, file, tags]) => {
  const module = join(made, file);
  execFileSync(go, ["build", "-trimpath", "-buildvcs=false", "-tags=" + tags, "-ldflags=-s -w -buildid=", "-o", module, "./cmd/manx-wasm"], {
    cwd: join(ui, "..", ".."),
    env: { ...process.env, GOOS: "js", GOARCH: "wasm" },
    stdio: "inherit",
  });
  return hash(side, module);
});
// And the codecs for compressed pixels, as npm gives them.
for (const codec of ["charls", "openjpeg"]) hashes.push(hash(codec, fileURLToPath(import.meta.resolve(`@cornerstonejs/codec-${codec}/decodewasm`))));
const root = execFileSync(go, ["env", "GOROOT"], { encoding: "utf8" }).trim();
copyFileSync(join(root, "lib", "wasm", "wasm_exec.js"), join(made, "wasm_exec.js"));
writeFileSync(join(made, "integrity.ts"), `export const integrity = { ${hashes.join(", ")} };\n`);
