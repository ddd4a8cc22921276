// Uploads files, waits until they can be searched, asks a question and prints the answer with its citations.
//
//   node examples/clients/ask.mjs "Who books business trips for us?" examples/company/documents/intranet/*.html
//
// Node 18 or later, no packages.  WIDENET_URL (http://127.0.0.1:8080) and WIDENET_API_KEY (none) say where the server is.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const server = process.env.WIDENET_URL ?? "http://127.0.0.1:8080";
const key = process.env.WIDENET_API_KEY;

async function call(path, options = {}) {
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const reply = await fetch(server + path, { ...options, headers });
  if (!reply.ok) {
    const { error } = await reply.json();
    throw new Error(`${options.method ?? "GET"} ${path}: ${error.message}`);
  }
  return reply;
}

const post = (path, body) =>
  call(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

async function upload(path) {
  const form = new FormData();
  form.set("purpose", "user_data");
  form.set("file", new Blob([await readFile(path)]), basename(path));
  return (await (await call("/v1/files", { method: "POST", body: form })).json()).id;
}

async function waitUntilReady(store) {
  for (;;) {
    const { file_counts: counts } = await (await call(`/v1/vector_stores/${store}`)).json();
    console.error(`${counts.completed} of ${counts.total} files are ready`);
    if (counts.in_progress === 0) return;
    await sleep(1000);
  }
}

// The events of a reply: { type, sequence_number, ... } each.
async function* eventsOf(reply) {
  let rest = "";
  for await (const bytes of reply.body.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + bytes).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      const data = frame.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (data.length > 0) yield JSON.parse(data.join("\n"));
    }
  }
}

const [question, ...paths] = process.argv.slice(2);
if (paths.length === 0) {
  console.error("usage: ask.mjs QUESTION FILE...");
  process.exit(2);
}

const files = [];
for (const path of paths) files.push(await upload(path));
const name = `ask.mjs ${new Date().toISOString()}`;
const store = (await (await post("/v1/vector_stores", { name, file_ids: files })).json()).id;
try {
  await waitUntilReady(store);
  for await (const event of eventsOf(await post("/v1/ask", { question, vector_store_ids: [store], stream: true }))) {
    if (event.type === "delta") process.stdout.write(event.text);
    if (event.type === "citation") {
      const { title, page, quote } = event.citation;
      console.log(`[${title}${page ? `, page ${page}` : ""}] ${quote}`);
    }
    if (event.type === "done") console.log(`\n${event.usage.prompt_tokens} tokens read, mode ${event.mode}`);
    if (event.type === "error" || event.error) throw new Error((event.error ?? event).message);
  }
} finally {
  await call(`/v1/vector_stores/${store}`, { method: "DELETE" });
  for (const id of files) await call(`/v1/files/${id}`, { method: "DELETE" });
}
