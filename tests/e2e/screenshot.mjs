// Takes docs/page.png: the sample company ingested, a question answered, its citation opened.
//
//   WIDENET=build/cpu/widenet node tests/e2e/screenshot.mjs [QUESTION]
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { openPage, startBrowser, startServer } from "./browser.mjs";

const kRoot = new URL("../../", import.meta.url).pathname;
const kFolders = ["contracts", "policies", "depots"];
const question = process.argv[2] ?? "How soon must a missing laptop be notified to the helpdesk?";

async function sampleFiles() {
  const files = [];
  for (const folder of kFolders) {
    const path = join(kRoot, "examples/company/documents", folder);
    for (const name of (await readdir(path)).filter((entry) => entry.includes(".")).sort()) {
      files.push({ name: basename(name), mimeType: "application/octet-stream", buffer: await readFile(join(path, name)) });
    }
  }
  return files;
}

const server = await startServer();
const browser = await startBrowser();
const { page } = await openPage(browser.context, server.url);
await page.getByLabel("Name of the new collection").fill("Company papers");
await page.getByRole("button", { name: "Create" }).click();
await page.locator("#collection option:checked", { hasText: "Company papers" }).waitFor({ state: "attached" });
await page.locator("#files").setInputFiles(await sampleFiles());
await page.locator("#uploads").waitFor({ state: "hidden" });
await page.locator("#documents > li.in_progress").first().waitFor({ state: "detached", timeout: 300_000 });
await page.locator("#documents > li.in_progress").waitFor({ state: "detached", timeout: 300_000 });
await page.getByLabel("Mode").selectOption("rag");
await page.getByLabel("Question").fill(question);
await page.getByRole("button", { name: "Ask", exact: true }).click();
await page.locator(".turn .mode").waitFor({ timeout: 300_000 });
if ((await page.locator(".citation").count()) > 0) {
  await page.locator(".citation").first().click();
} else {
  await page.locator(".passages summary").click();
  await page.locator(".passages button").first().click();
}
await page.locator("#viewer mark").waitFor({ timeout: 10_000 }).catch(() => {});
await page.screenshot({ path: process.env.OUT ?? join(kRoot, "docs/page.png") });
console.log(await page.locator(".turn").innerText());
await browser.stop();
await server.stop();
