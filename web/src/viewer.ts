// The side panel: a document's canonical text around a cited range, which is marked.
import { documentText, type DocumentText, type Range } from "./api";
import { attempt, byId, el } from "./dom";

const kAroundChars = 3000;
const kMoreChars = 20000;

const panel = byId("viewer");
const title = byId("viewer-title");
const facts = byId("viewer-facts");
const paper = byId("viewer-text");
let opener: HTMLElement | null = null;
let generation = 0; // a reply to an earlier click is dropped

// Shows the range [start_char, end_char) of a document; nothing is marked if it is empty.
export function openDocument(range: Range): void {
  opener = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  const mine = ++generation;
  attempt(async () => {
    const start = Math.max(0, range.start_char - kAroundChars);
    const text = await documentText(range.document, start, range.end_char + kAroundChars);
    if (mine !== generation) return;
    show(range, text);
    panel.hidden = false;
    document.body.classList.add("reading");
    title.focus({ preventScroll: true });
    const mark = paper.querySelector("mark");
    const fits = mark !== null && mark.getBoundingClientRect().height < paper.clientHeight / 2;
    if (mark) mark.scrollIntoView({ block: fits ? "center" : "start" });
    else paper.scrollTop = 0;
  });
}

export function closeDocument(): void {
  ++generation;
  panel.hidden = true;
  document.body.classList.remove("reading");
  opener?.focus();
}

function show(range: Range, text: DocumentText): void {
  title.textContent = text.title;
  const page = range.page === null ? "" : ` · page ${range.page}`;
  const name = text.filename === text.title ? "" : ` · ${text.filename}`;
  facts.replaceChildren(`D${text.document}${name}${page} · `, wholeTextLink(range));
  paper.replaceChildren(...pieces(range, text));
}

function wholeTextLink(range: Range): HTMLAnchorElement {
  const href = `/documents/${range.document}?start=${range.start_char}&end=${range.end_char}#cited`;
  return el("a", { href, target: "_blank", rel: "noopener noreferrer" }, "whole text");
}

// Positions count code points, JavaScript's strings count UTF-16 units: so the text is spread.
function pieces(range: Range, text: DocumentText): (Node | string)[] {
  const characters = [...text.text];
  const from = Math.max(0, range.start_char - text.start_char);
  const to = Math.max(from, Math.min(characters.length, range.end_char - text.start_char));
  const cut = (start: number, end?: number) => characters.slice(start, end).join("");
  const out: (Node | string)[] = [];
  if (text.start_char > 0) out.push(moreButton("Show what comes before", range, text, true));
  out.push(cut(0, from));
  if (to > from) out.push(el("mark", {}, cut(from, to)));
  out.push(cut(to));
  if (text.end_char < text.n_chars) out.push(moreButton("Show what follows", range, text, false));
  return out;
}

function moreButton(label: string, range: Range, shown: DocumentText, isBefore: boolean): HTMLElement {
  const start = isBefore ? Math.max(0, shown.start_char - kMoreChars) : shown.start_char;
  const end = isBefore ? shown.end_char : shown.end_char + kMoreChars;
  const load = () =>
    attempt(async () => {
      const mine = ++generation;
      const text = await documentText(range.document, start, end);
      if (mine !== generation) return;
      const fromBottom = paper.scrollHeight - paper.scrollTop;
      const fromTop = paper.scrollTop;
      show(range, text);
      paper.scrollTop = isBefore ? paper.scrollHeight - fromBottom : fromTop;
    });
  return el("button", { type: "button", class: "quiet more", click: load }, label);
}

byId("viewer-close").addEventListener("click", closeDocument);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !panel.hidden) closeDocument();
});
