// The left side: collections, uploads, and the documents of the chosen collection with their state.
import * as api from "./api";
import { arm, attempt, byId, counted, el, grouped, showAlert } from "./dom";
import { openDocument } from "./viewer";

const kPollMs = 700;
const kUploadsAtOnce = 2;
const kChosenKey = "widenet-collection";

const select = byId<HTMLSelectElement>("collection");
const form = byId<HTMLFormElement>("collection-form");
const nameInput = byId<HTMLInputElement>("collection-name");
const newButton = byId<HTMLButtonElement>("new-collection");
const fileInput = byId<HTMLInputElement>("files");
const drop = byId("drop");
const uploads = byId("uploads");
const list = byId("documents");
const count = byId("document-count");
const deleteButton = byId<HTMLButtonElement>("delete-collection");

let pollTimer = 0;
let onChosen: () => void = () => {};

// The id of the chosen collection; empty if there is none.
export const chosenCollection = () => select.value;

export async function startLibrary(chosen: () => void): Promise<void> {
  onChosen = chosen;
  await loadCollections(localStorage.getItem(kChosenKey) ?? "");
}

async function loadCollections(wanted: string): Promise<void> {
  const collections = await api.listCollections();
  select.replaceChildren(...collections.map((c) => el("option", { value: c.id }, c.name)));
  if (collections.length === 0) select.append(el("option", { value: "" }, "none yet"));
  if (collections.some((c) => c.id === wanted)) select.value = wanted;
  select.disabled = collections.length === 0;
  deleteButton.hidden = collections.length === 0;
  showForm(collections.length === 0);
  await choose();
}

async function choose(): Promise<void> {
  localStorage.setItem(kChosenKey, select.value);
  onChosen();
  await refresh();
}

function showForm(isShown: boolean): void {
  form.hidden = !isShown;
  newButton.setAttribute("aria-expanded", String(isShown));
}

// Reads the list again, and keeps reading it while something is being processed.
async function refresh(): Promise<void> {
  window.clearTimeout(pollTimer);
  const collection = select.value;
  const members = collection ? await api.listMembers(collection) : [];
  if (collection !== select.value) return;
  list.replaceChildren(...members.map((member) => documentItem(collection, member)));
  const nBusy = members.filter((member) => member.status === "in_progress").length;
  const nFailed = members.filter((member) => member.status === "failed").length;
  count.textContent = summary(members.length, nBusy, nFailed);
  if (nBusy > 0) pollTimer = window.setTimeout(() => attempt(refresh), kPollMs);
}

function summary(n: number, nBusy: number, nFailed: number): string {
  const parts = [grouped(n)];
  if (nBusy > 0) parts.push(`${grouped(nBusy)} in work`);
  if (nFailed > 0) parts.push(`${grouped(nFailed)} failed`);
  return parts.join(" · ");
}

function documentItem(collection: string, member: api.Member): HTMLElement {
  const doc = member.x_document;
  const remove = el("button", { type: "button", class: "quiet danger", "aria-label": `Delete ${doc.filename}` }, "Delete");
  arm(remove, "Really?", () =>
    attempt(async () => {
      await api.deleteMember(collection, member.id);
      await refresh();
    }),
  );
  const open = () => openDocument({ document: doc.document, title: doc.title, page: null, start_char: 0, end_char: 0 });
  const isReadable = member.status === "completed" && doc.characters > 0;
  const name = isReadable
    ? el("button", { type: "button", class: "name", title: doc.filename, click: open }, doc.title || doc.filename)
    : el("span", { class: "name", title: doc.filename }, doc.title || doc.filename);
  return el("li", { class: member.status }, el("div", { class: "top" }, name, remove), ...state(member));
}

function state(member: api.Member): HTMLElement[] {
  const doc = member.x_document;
  if (member.status === "failed") {
    return [el("p", { class: "error" }, `Failed: ${member.last_error?.message ?? "no reason given"}`)];
  }
  if (member.status === "in_progress") {
    const label = doc.state === "queued" ? "Waiting" : "Processing";
    const bar = el("progress", { "aria-label": `${label} ${doc.filename}`, max: "1" });
    if (doc.progress > 0) bar.value = doc.progress;
    return [el("p", { class: "facts" }, label), bar];
  }
  const facts = [doc.format.toUpperCase()];
  if (doc.pages > 0) facts.push(counted(doc.pages, "page"));
  if (doc.children > 0) facts.push(counted(doc.children, "part"));
  if (doc.tokens > 0) facts.push(counted(doc.tokens, "token"));
  const out = [el("p", { class: "facts" }, facts.join(" · "))];
  for (const warning of doc.warnings) out.push(el("p", { class: "warning" }, warning));
  return out;
}

async function upload(files: File[]): Promise<void> {
  const collection = select.value;
  if (files.length === 0) return;
  if (!collection) {
    showForm(true);
    nameInput.focus();
    throw new Error("Create a collection first: documents live in one.");
  }
  let nDone = 0;
  const failures: string[] = [];
  const queue = [...files];
  const bar = el("progress", { max: String(files.length), "aria-label": "Upload" });
  const label = el("span");
  const report = () => {
    bar.value = nDone;
    label.textContent = `Uploading ${grouped(nDone)} of ${counted(files.length, "file")}`;
  };
  uploads.replaceChildren(label, bar);
  uploads.hidden = false;
  report();
  const work = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      try {
        await api.uploadFile(collection, file);
      } catch (error) {
        failures.push(`${file.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
      ++nDone;
      report();
      if (nDone % 8 === 1) void refresh();
    }
  };
  await Promise.all(Array.from({ length: kUploadsAtOnce }, work));
  uploads.hidden = true;
  await refresh();
  if (failures.length > 0) showAlert(`Not uploaded: ${failures.join("; ")}`);
}

select.addEventListener("change", () => attempt(choose));
newButton.addEventListener("click", () => {
  showForm(form.hidden);
  if (!form.hidden) nameInput.focus();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const created = await api.createCollection(nameInput.value.trim());
    nameInput.value = "";
    await loadCollections(created.id);
    showForm(false);
  });
});
arm(deleteButton, "Delete it and all its documents?", () =>
  attempt(async () => {
    await api.deleteCollection(select.value);
    await loadCollections("");
  }),
);
fileInput.addEventListener("change", () => {
  const files = [...(fileInput.files ?? [])];
  attempt(() => upload(files));
  fileInput.value = "";
});
for (const type of ["dragenter", "dragover"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const type of ["dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    if (type === "drop" || (event as DragEvent).relatedTarget === null) drop.classList.remove("over");
  });
}
document.addEventListener("drop", (event) => {
  const files = [...(event.dataTransfer?.files ?? [])];
  attempt(() => upload(files));
});
