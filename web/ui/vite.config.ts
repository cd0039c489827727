import react from "@vitejs/plugin-react";
import { type Plugin, defineConfig } from "vite";

// The policy of the page lets no script set a style as an attribute's text, which the box of
// a measurement does: it sets the same as properties.
const styled: Plugin = {
  name: "styled",
  transform(code, id) {
    if (!id.endsWith("/drawingSvg/drawTextBox.js")) return;
    const out = code.replaceAll("textElement.setAttribute('style', combinedStyle)", "textElement.style.cssText = combinedStyle");
    if (out === code) throw new Error("drawTextBox.js is not as it was: see whether styles are still set as attributes");
    return out;
  },
};

// Everything comes from the node that serves the page: no inlined assets, no
// preload script, no source of another origin.
export default defineConfig({
  plugins: [react(), styled],
  build: {
    outDir: "dist/portal",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // light-dark() as it is written
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
});
