// Builds the owner's side for the browser (cmd/manx-wasm) into src/made, with the
// loader of the same Go and the hash under which the page accepts the module.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ui = join(dirname(fileURLToPath(import.meta.url)), "..");
const made = join(ui, "src", "made");
const go = process.env.GO || "go";
mkdirSync(made, { recursive: true });
const module = join(made, "manx.wasm");
// The same flags give the same bytes from any folder.
execFileSync(go, ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", module, "./cmd/manx-wasm"], {
  cwd: join(ui, "..", ".."),
  env: { ...process.env, GOOS: "js", GOARCH: "wasm", GOWASM: "satconv,signext" },
  stdio: "inherit",
});
const root = execFileSync(go, ["env", "GOROOT"], { encoding: "utf8" }).trim();
copyFileSync(join(root, "lib", "wasm", "wasm_exec.js"), join(made, "wasm_exec.js"));
const hash = createHash("sha384").update(readFileSync(module)).digest("base64");
writeFileSync(join(made, "integrity.ts"), `export const integrity = "sha384-${hash}";\n`);
