import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // every URL is relative: a proxy may serve the page below any path
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../scheduler/api/ui_files",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the page's policy allows no data: in scripts and styles
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1024,
  },
});
