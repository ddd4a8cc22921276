// How the page is built: small, without anything the content security policy forbids.
import { defineConfig } from "vite";

export default defineConfig({
  build: { modulePreload: { polyfill: false }, assetsInlineLimit: 0, target: "es2022" },
  // `npm run dev` beside a running `widenet serve`: the API wants its own Host and Origin.
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/documents", "/healthz"].map((path) => [
        path,
        { target: "http://127.0.0.1:8080", changeOrigin: true, headers: { origin: "http://127.0.0.1:8080" } },
      ]),
    ),
  },
});
