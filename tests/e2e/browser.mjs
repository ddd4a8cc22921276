// A widenet server of its own and a headless Chromium before it, for the tests of the page.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const kRoot = new URL("../../", import.meta.url).pathname;
export const kModel = process.env.WIDENET_MODEL ?? join(kRoot, "models/nano");

const kChromiumFlags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// Starts `widenet serve` on a free port over an empty data directory; resolves with its address.
export async function startServer(args = []) {
  const data = await mkdtemp(join(tmpdir(), "widenet-e2e-"));
  const program = process.env.WIDENET ?? join(kRoot, "build/cpu/widenet");
  const child = spawn(program, ["serve", "--data", data, "--port", "0", "--model", kModel, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const line = await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve)),
    exited.then((code) => Promise.reject(new Error(`widenet serve ended with ${code}`))),
  ]);
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await exited;
    await rm(data, { recursive: true });
    return code;
  };
  return { url: /http:\/\/\S+/.exec(line)[0], stop };
}

// A browser with an empty profile.
export async function startBrowser() {
  const profile = await mkdtemp(join(tmpdir(), "widenet-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: kChromiumFlags,
    headless: true,
    viewport: { width: 1440, height: 900 },
    serviceWorkers: "block",
  });
  context.setDefaultTimeout(60_000);
  const stop = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return { context, stop };
}

// A page that remembers what must not happen: script errors, refused scripts, dialogs.
export async function openPage(context, url) {
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  await page.goto(url);
  return { page, problems };
}
