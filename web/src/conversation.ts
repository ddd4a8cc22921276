// The middle: questions and their answers as they come, passage by passage and word by word.
import { ask, type Answer, type AskEvent, type Citation, type Passage, type Range, type RowLink, type TableEvidence } from "./api";
import { byId, counted, duration, el, grouped, showAlert } from "./dom";
import { chosenCollection } from "./library";
import { openDocument } from "./viewer";

const kPassagesOpen = 8; // more are shown on demand

const turns = byId("turns");
const welcome = byId("welcome");
const form = byId<HTMLFormElement>("ask-form");
const question = byId<HTMLTextAreaElement>("question");
const mode = byId<HTMLSelectElement>("mode");
const think = byId<HTMLSelectElement>("think");
const askButton = byId<HTMLButtonElement>("ask");
const newButton = byId<HTMLButtonElement>("new-conversation");

let conversation: string | null = null;
let running: AbortController | null = null;

export function newConversation(): void {
  running?.abort();
  conversation = null;
  turns.replaceChildren(welcome);
  newButton.hidden = true;
  question.placeholder = "Ask a question about these documents";
}

const whereabouts = (range: Range) =>
  range.page === null ? range.title : `${range.title}, page ${range.page}`;

// One question and what becomes of it on the page.
class Turn {
  readonly element = el("article", { class: "turn" });
  private readonly status = el("p", { class: "status", role: "status" }, "Looking for passages");
  private readonly bar = el("progress", { "aria-label": "Reading the documents" });
  private readonly cancel = el("button", { type: "button", class: "quiet" }, "Cancel");
  private readonly progress = el("div", { class: "progress" }, this.status, this.bar, this.cancel);
  private readonly passages = el("details", { class: "passages", hidden: true });
  private readonly reasoning = el("details", { class: "reasoning", hidden: true }, el("summary", {}, "Reasoning"), el("p"));
  private readonly answer = el("div", { class: "answer" });
  private readonly table = el("details", { class: "table", hidden: true });
  private readonly citations = el("ol", { class: "citations" });
  private readonly facts = el("p", { class: "facts" });

  constructor(text: string, abort: AbortController) {
    this.cancel.addEventListener("click", () => abort.abort());
    this.element.append(
      el("h3", { class: "question" }, text),
      this.passages,
      this.progress,
      this.reasoning,
      this.answer,
      this.table,
      this.citations,
      this.facts,
    );
  }

  handle(event: AskEvent): void {
    switch (event.type) {
      case "plan":
        this.status.textContent = `Reading ${counted(event.prompt_tokens, "token")}`;
        break;
      case "retrieved":
        this.showPassages(event.passages, event.count);
        break;
      case "prefill":
        this.showPrefill(event.done, event.total, event.seconds_left);
        break;
      case "reasoning":
        this.reasoning.hidden = false;
        this.reasoning.querySelector("p")?.append(event.text);
        break;
      case "citation":
        this.citations.append(this.citationItem(event.citation));
        break;
      case "delta":
        this.answer.append(event.text);
        break;
      case "done":
        this.finish(event);
        break;
      case "error":
        throw new Error(event.message);
    }
  }

  fail(message: string): void {
    this.progress.remove();
    this.facts.replaceChildren(el("span", { class: "error" }, message));
  }

  private showPassages(passages: Passage[], count: number): void {
    const nDocuments = new Set(passages.map((passage) => passage.document)).size;
    const summary = `${counted(count, "passage")} of ${counted(nDocuments, "document")}`;
    const items = passages.map((passage) =>
      el(
        "li",
        {},
        el(
          "button",
          { type: "button", click: () => openDocument(passage) },
          el("b", {}, whereabouts(passage)),
          el("span", {}, passage.text.replace(/\s+/g, " ")),
        ),
      ),
    );
    this.passages.replaceChildren(el("summary", {}, summary), el("ol", {}, ...items));
    this.passages.open = passages.length <= kPassagesOpen;
    this.passages.hidden = count === 0;
  }

  private showPrefill(done: number, total: number, secondsLeft: number): void {
    this.bar.max = total;
    this.bar.value = done;
    this.status.textContent =
      done < total
        ? `Read ${grouped(done)} of ${counted(total, "token")}, about ${duration(secondsLeft)} left`
        : `Read ${counted(total, "token")}, answering`;
  }

  private citationItem(citation: Citation): HTMLElement {
    const label = citation.derived ? "where the answer stands" : whereabouts(citation);
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "citation", click: () => openDocument(citation) },
        el("q", {}, citation.quote),
        el("span", {}, citation.derived ? `${whereabouts(citation)}, ${label}` : label),
      ),
    );
  }

  private showTable(table: TableEvidence): void {
    const hidden = table.n_rows - table.links.length;
    this.table.replaceChildren(
      el("summary", {}, `${counted(table.n_rows, "row")}: ${table.read_as}`),
      el("code", {}, table.sql),
      el("ol", {}, ...table.links.map((link) => this.rowItem(link))),
      hidden > 0 ? el("p", {}, `and ${grouped(hidden)} more`) : "",
    );
    this.table.open = true;
    this.table.hidden = false;
  }

  private rowItem(link: RowLink): HTMLElement {
    const what = link.value === "" ? link.title : `${link.title}: ${link.value}`;
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", click: () => openDocument({ ...link, page: null }) },
        el("b", {}, `${link.table}, row ${grouped(link.row)}`),
        el("span", {}, what),
      ),
    );
  }

  private finish(result: Answer): void {
    this.progress.remove();
    this.passages.open = false;
    this.answer.textContent = result.answer;
    this.answer.classList.toggle("refused", result.refused);
    this.citations.replaceChildren(...result.citations.map((citation) => this.citationItem(citation)));
    if (result.table) this.showTable(result.table);
    if (!result.refused && result.citations.length === 0 && !result.table) {
      this.citations.append(el("li", { class: "unsupported" }, "Nothing in the documents read supports this answer."));
    }
    const { usage, coverage, seconds } = result;
    const read = `read ${grouped(coverage.documents_read)} of ${counted(coverage.documents_in_scope, "document")}`;
    const tokens = `${counted(usage.prompt_tokens, "token")} (${grouped(usage.cached_tokens)} from memory), wrote ${grouped(usage.completion_tokens)}`;
    const cut = result.finish_reason === "length" ? " · cut off at the limit" : "";
    this.facts.replaceChildren(
      el("span", { class: "mode", title: result.why }, result.mode),
      ` ${read} · ${tokens} · ${duration(seconds.total)}${cut}`,
    );
  }
}

async function run(text: string): Promise<void> {
  const abort = new AbortController();
  running = abort;
  const turn = new Turn(text, abort);
  welcome.remove();
  turns.append(turn.element);
  turn.element.scrollIntoView({ block: "start", behavior: "smooth" });
  try {
    const request = {
      question: text,
      vector_store_ids: [chosenCollection()],
      mode: mode.value,
      reasoning_effort: think.value,
      conversation: conversation ?? "new",
    };
    for await (const event of ask(request, abort.signal)) {
      if ((event.type === "plan" || event.type === "done") && event.conversation) {
        conversation = event.conversation;
      }
      turn.handle(event);
    }
  } catch (error) {
    const isCancelled = abort.signal.aborted;
    turn.fail(isCancelled ? "Cancelled." : error instanceof Error ? error.message : String(error));
  }
  if (running === abort) running = null;
}

async function submit(): Promise<void> {
  const text = question.value.trim();
  if (!text || running) return;
  if (!chosenCollection()) {
    showAlert("Create a collection and drop files into it first.");
    return;
  }
  showAlert(null);
  question.value = "";
  askButton.disabled = true;
  await run(text);
  askButton.disabled = false;
  newButton.hidden = conversation === null;
  if (conversation !== null) question.placeholder = "Ask a follow-up question";
  question.focus({ preventScroll: true });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void submit();
});
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
newButton.addEventListener("click", newConversation);
