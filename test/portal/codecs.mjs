// Runs a Go test that was built for a browser under Node, with the codecs that the portal
// gives to its module: the portal's own decode.ts, without a worker around it.
// Arguments: the folder of the portal, Go's root, the test, its flags.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [ui, root, test, ...flags] = process.argv.slice(2);
const load = createRequire(join(ui, "package.json"));
const { transformWithOxc } = await import(join(ui, "node_modules/vite/dist/node/index.js"));
const source = join(ui, "src/worker/decode.ts");
const { code } = await transformWithOxc(readFileSync(source, "utf8"), source);
const { bound, decode, start } = await import("data:text/javascript," + encodeURIComponent(code));

bound();
const names = { "jpeg-ls": "charls", "jpeg-2000": "openjpeg" };
const loaded = {};
globalThis.decode = async (codec, bytes) => {
  const its = (what) => `@cornerstonejs/codec-${names[codec]}/${what}`;
  const out = decode(await (loaded[codec] ??= start(load(its("decodewasmjs")), readFileSync(load.resolve(its("decodewasm"))))), bytes);
  if ("failed" in out) delete loaded[codec];
  return out;
};
process.argv = [process.argv[0], "wasm_exec_node.js", test, ...flags];
createRequire(import.meta.url)(join(root, "lib/wasm/wasm_exec_node.js"));
