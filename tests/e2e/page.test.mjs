// The page in headless Chromium, used as a person would: by what is written on it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, startBrowser, startServer } from "./browser.mjs";

let server, browser;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  assert.equal(await server?.stop(), 0, "the server ends in an orderly way on SIGTERM");
});

const kScript = "<img src=x onerror=\"alert(1)\"><script>alert(2)</script>";
const text = (name, content) => ({ name, mimeType: "text/plain", buffer: Buffer.from(content) });

async function createCollection(page, name) {
  await page.locator("#collection option").first().waitFor({ state: "attached" }); // the list is there
  if (!(await page.getByLabel("Name of the new collection").isVisible())) {
    await page.getByRole("button", { name: "New", exact: true }).click();
  }
  await page.getByLabel("Name of the new collection").fill(name);
  await page.getByRole("button", { name: "Create" }).click();
  await page.locator("#collection option:checked", { hasText: name }).waitFor({ state: "attached" });
}

async function addFiles(page, files) {
  const chooser = page.waitForEvent("filechooser");
  await page.getByText("Drop files here").click();
  await (await chooser).setFiles(files);
}

const documents = (page) => page.locator("#documents > li");

async function ask(page, question) {
  await page.getByLabel("Question").fill(question);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  const turn = page.locator(".turn").last();
  await turn.locator(".mode").waitFor();
  return turn;
}

test("from an empty page to an answer, a passage in its document and a follow-up", async () => {
  const { page, problems } = await openPage(browser.context, server.url);
  await createCollection(page, "Leases");
  await addFiles(page, [
    text("harbour.txt", "Lease of the harbour office.\n\nThe monthly rent of the harbour office is 4,350 euros. The lease ends on 31 March 2031.\n"),
    text("mill.txt", "Lease of the mill.\n\nThe mill is let to Ostrander Grain. The monthly rent of the mill is 2,120 euros.\n"),
  ]);
  await documents(page).filter({ hasText: "token" }).nth(1).waitFor();
  assert.equal(await documents(page).count(), 2);

  const turn = await ask(page, "What is the monthly rent of the harbour office?");
  assert.match(await turn.locator(".facts").innerText(), /read 2 of 2 documents.*tokens.*s/s);
  await turn.getByText(/passages? of 2 documents/).click();
  await turn.locator(".passages button", { hasText: "4,350 euros" }).click();
  await page.locator("mark", { hasText: "4,350 euros" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#viewer").waitFor({ state: "hidden" });

  const followUp = await ask(page, "What is the monthly rent of the mill?");
  assert.match(await followUp.locator(".facts").innerText(), /\([1-9][\d,]* from memory\)/);
  assert.equal(await page.locator(".turn").count(), 2);
  assert.deepEqual(problems, []);
  await page.close();
});

// A small model does not quote whatever it is asked, so it is asked until it does.
test("a citation leads to its exact words in the document", async () => {
  const { page, problems } = await openPage(browser.context, server.url);
  await page.getByLabel("Collection", { exact: true }).selectOption({ label: "Leases" });
  await documents(page).nth(1).waitFor();
  let citation = null;
  for (const question of [
    "What is the monthly rent of the harbour office?",
    "When does the lease of the harbour office end?",
    "What is the monthly rent of the mill?",
    "Who is the mill let to?",
  ]) {
    const turn = await ask(page, question);
    citation = turn.locator(".citation").first();
    if ((await citation.count()) > 0) break;
    await page.getByRole("button", { name: "New conversation" }).click();
    citation = null;
  }
  assert.ok(citation, "the model quotes the documents for one question of four");
  await citation.click();
  const mark = page.locator("#viewer mark");
  await mark.waitFor();
  assert.equal(await mark.innerText(), await citation.locator("q").innerText());
  assert.match(await page.locator("#viewer-text").innerText(), /^Lease of the/);
  assert.deepEqual(problems, []);
  await page.close();
});

test("files are dropped, fail by themselves with a reason, and are deleted", async () => {
  const { page, problems } = await openPage(browser.context, server.url);
  await createCollection(page, "Mixed");
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["%PDF-1.4 and no more"], "broken.pdf"));
    data.items.add(new File(["A fine note."], "note.txt"));
    return data;
  });
  await page.dispatchEvent("#drop", "drop", { dataTransfer: transfer });
  const broken = documents(page).filter({ hasText: "broken" });
  await broken.getByText(/^Failed: ./).waitFor();
  await documents(page).filter({ hasText: "note" }).filter({ hasText: "token" }).waitFor();

  const remove = page.getByRole("button", { name: "Delete broken.pdf" });
  await remove.click();
  assert.equal(await documents(page).count(), 2, "one click does not delete");
  await remove.click();
  await broken.waitFor({ state: "detached" });
  await page.reload();
  await documents(page).first().waitFor();
  assert.equal(await documents(page).count(), 1);
  assert.equal(await page.locator("#collection option:checked").innerText(), "Mixed");
  assert.deepEqual(problems, []);
  await page.close();
});

test("scripts in names, text and questions stay text", async () => {
  const { page, problems } = await openPage(browser.context, server.url);
  await createCollection(page, kScript);
  await addFiles(page, [text(`${kScript.replaceAll("/", "")}.txt`, `The fee is 12 euros. ${kScript}`)]);
  await documents(page).filter({ hasText: "token" }).waitFor();
  const turn = await ask(page, `${kScript} What is the fee?`);
  assert.equal(await turn.locator(".question").innerText(), `${kScript} What is the fee?`);
  await turn.getByText(/passages? of 1 document/).click();
  await turn.locator(".passages button").first().click();
  await page.locator("#viewer-text", { hasText: "alert(2)" }).waitFor();

  const opened = page.waitForEvent("popup");
  await page.getByRole("link", { name: "whole text" }).click();
  const whole = await opened;
  await whole.locator("mark", { hasText: "alert(1)" }).waitFor();
  assert.equal(await whole.locator("script, img").count(), 0);
  assert.equal(await page.locator("#turns img, #turns script, #viewer img, #documents img").count(), 0);
  assert.deepEqual(problems, []);
  await whole.close();
  await page.close();
});

test("a long reading shows its progress and can be cancelled", async () => {
  const { page, problems } = await openPage(browser.context, server.url);
  await createCollection(page, "Long");
  const line = (i) => `Shelf ${i} of the archive holds ledger ${(i * 7919) % 100_003}.\n`;
  await addFiles(page, [text("archive.txt", Array.from({ length: 4000 }, (_, i) => line(i)).join(""))]);
  await documents(page).filter({ hasText: "token" }).waitFor();
  await page.getByLabel("Mode").selectOption("long");
  await page.getByLabel("Question").fill("Which ledger is on shelf 17?");
  await page.keyboard.press("Enter");
  const turn = page.locator(".turn").last();
  await turn.getByText(/Read [\d,]+ of [\d,]+ tokens, about .* left/).waitFor();
  await turn.locator(".passages").waitFor();
  await turn.getByRole("button", { name: "Cancel" }).click();
  await turn.getByText("Cancelled.").waitFor();

  await page.getByLabel("Mode").selectOption("rag");
  const next = await ask(page, "Which ledger is on shelf 18?"); // the model is free again
  await next.locator(".mode", { hasText: "rag" }).waitFor();
  assert.deepEqual(problems, []);
  await page.close();
});

test("without a mouse: the keyboard reaches everything and comes back", async () => {
  const { page, problems } = await openPage(browser.context, server.url);
  await page.getByLabel("Collection", { exact: true }).selectOption({ label: "Leases" });
  await documents(page).nth(1).waitFor();
  await page.locator(".documents button.name").first().focus();
  await page.keyboard.press("Enter");
  await page.locator("#viewer-title").waitFor();
  await page.waitForFunction(() => document.activeElement?.id === "viewer-title");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement?.classList.contains("name"));
  assert.deepEqual(problems, []);
  await page.close();
});

test("a narrow screen needs no sideways scrolling", async () => {
  const { page, problems } = await openPage(browser.context, server.url);
  await page.setViewportSize({ width: 375, height: 720 });
  await documents(page).first().waitFor();
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(widths[0] <= widths[1], `${widths[0]} > ${widths[1]}`);
  await page.getByRole("button", { name: "Dark" }).click();
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await paper(), "rgb(20, 23, 26)");
  assert.deepEqual(problems, []);
  await page.close();
});

test("with an API key the page asks for it", async () => {
  process.env.WIDENET_API_KEY = "open sesame";
  const guarded = await startServer();
  delete process.env.WIDENET_API_KEY;
  const { page } = await openPage(browser.context, guarded.url);
  await page.getByLabel(/asks for a key/).fill("open sesame");
  await page.getByRole("button", { name: "Continue" }).click();
  await createCollection(page, "Guarded");
  await page.close();
  assert.equal(await guarded.stop(), 0);
});
