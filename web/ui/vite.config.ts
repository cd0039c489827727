import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Everything comes from the node that serves the page: no inlined assets, no
// preload script, no source of another origin.
export default defineConfig({
  plugins: [react()],
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
