// The server's API as the page uses it: typed calls, one kind of error, and the stream of an answer.

export interface Collection {
  id: string;
  name: string;
  file_counts: { in_progress: number; completed: number; failed: number; total: number };
  x_tokens: number;
}

export interface Member {
  id: string;
  status: "in_progress" | "completed" | "failed" | "cancelled";
  last_error: { message: string } | null;
  x_document: {
    document: number;
    title: string;
    filename: string;
    format: string;
    pages: number;
    characters: number;
    tokens: number;
    progress: number;
    children: number;
    state: string;
    warnings: string[];
  };
}

export interface Range {
  document: number;
  title: string;
  page: number | null;
  start_char: number;
  end_char: number;
}

export interface Passage extends Range {
  text: string;
  late: boolean;
}

export interface Citation extends Range {
  quote: string;
  verified: boolean;
  derived?: boolean;
}

export interface Coverage {
  documents_read: number;
  documents_in_scope: number;
}

// A row of a table that an answer rests on, and the document that tells of it.
export interface RowLink {
  row: number;
  document: number;
  start_char: number;
  end_char: number;
  table: string;
  title: string;
  value: string;
}

// What an answer of mode "sql" rests on.
export interface TableEvidence {
  read_as: string;
  sql: string;
  n_rows: number;
  links: RowLink[];
}

export interface Answer {
  answer: string;
  mode: string;
  why: string;
  refused: boolean;
  finish_reason: string;
  citations: Citation[];
  table?: TableEvidence;
  usage: { prompt_tokens: number; cached_tokens: number; computed_tokens: number; completion_tokens: number };
  seconds: { retrieve: number; queue: number; prefill: number; decode: number; total: number };
  coverage: Coverage;
  conversation: string | null;
}

export type AskEvent =
  | { type: "plan"; mode: string; why: string; prompt_tokens: number; conversation: string | null }
  | { type: "retrieved"; passages: Passage[]; count: number }
  | { type: "prefill"; done: number; total: number; seconds_left: number }
  | { type: "reasoning"; text: string }
  | { type: "citation"; citation: Citation }
  | { type: "delta"; text: string }
  | ({ type: "done" } & Answer)
  | { type: "error"; message: string; code: string };

export interface DocumentText {
  document: number;
  title: string;
  filename: string;
  n_chars: number;
  start_char: number;
  end_char: number;
  text: string;
  page_ranges: { number: number; start_char: number; end_char: number }[];
}

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const kKeyName = "widenet-key";

// Set by main: asks the reader for the key and resolves once it is there.
let askForKey: () => Promise<string> = () => Promise.reject(new ApiError("an API key is needed", 401));
export function onKeyNeeded(ask: () => Promise<string>): void {
  askForKey = ask;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  for (;;) {
    const key = sessionStorage.getItem(kKeyName);
    const headers = new Headers(init.headers);
    if (key) headers.set("Authorization", `Bearer ${key}`);
    let response: Response;
    try {
      response = await fetch(path, { ...init, headers });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError("The server does not answer. Is it still running?", 0);
    }
    if (response.ok) return response;
    if (response.status === 401) {
      sessionStorage.setItem(kKeyName, await askForKey());
      continue;
    }
    const body = (await response.json().catch(() => null)) as { error?: { message?: string } } | null;
    throw new ApiError(body?.error?.message ?? `The server answered ${response.status}.`, response.status);
  }
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit =
    body === undefined
      ? { method }
      : { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return (await (await send(path, init)).json()) as T;
}

export async function listCollections(): Promise<Collection[]> {
  const list = await call<{ data: Collection[] }>("GET", "/v1/vector_stores?limit=100");
  return list.data.sort((a, b) => a.name.localeCompare(b.name));
}

export const createCollection = (name: string) => call<Collection>("POST", "/v1/vector_stores", { name });

export const deleteCollection = (id: string) => call("DELETE", `/v1/vector_stores/${id}`);

export async function listMembers(collection: string): Promise<Member[]> {
  const list = await call<{ data: Member[] }>("GET", `/v1/vector_stores/${collection}/files?limit=1000`);
  return list.data;
}

export async function uploadFile(collection: string, file: File): Promise<Member> {
  const form = new FormData();
  form.set("purpose", "user_data");
  form.set("file", file);
  const uploaded = (await (await send("/v1/files", { method: "POST", body: form })).json()) as { id: string };
  return call<Member>("POST", `/v1/vector_stores/${collection}/files`, { file_id: uploaded.id });
}

// From the collection, and the upload itself.
export async function deleteMember(collection: string, id: string): Promise<void> {
  await call("DELETE", `/v1/vector_stores/${collection}/files/${id}`);
  if (id.startsWith("file-")) await call("DELETE", `/v1/files/${id}`);
}

export async function modelName(): Promise<string | null> {
  const list = await call<{ data: { id: string }[] }>("GET", "/v1/models");
  return list.data[0]?.id ?? null;
}

export const documentText = (id: number, start: number, end: number) =>
  call<DocumentText>("GET", `/v1/documents/${id}/text?start=${start}&end=${end}`);

export interface AskRequest {
  question: string;
  vector_store_ids: string[];
  mode: string;
  reasoning_effort: string;
  conversation: string;
}

// Yields the events of an answer until it is done.  Aborting the signal cancels it on the server.
export async function* ask(request: AskRequest, signal: AbortSignal): AsyncGenerator<AskEvent> {
  const response = await send("/v1/ask", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...request, stream: true }),
    signal,
  });
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
      const event = parseEvent(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
      if (event) yield event;
    }
  }
}

// Null for heartbeats.
function parseEvent(block: string): AskEvent | null {
  const data = block
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice(6))
    .join("\n");
  return data ? (JSON.parse(data) as AskEvent) : null;
}
