// Small helpers for the document.  All text goes through textContent: nothing here parses HTML.

type Attributes = Record<string, string | boolean | EventListener>;

// Makes an element; strings among the children become text.
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

// The element with that id, which the page is known to have.
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

export const grouped = (n: number) => n.toLocaleString("en");

export const counted = (n: number, noun: string) => `${grouped(n)} ${noun}${n === 1 ? "" : "s"}`;

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

// A button that wants to be pressed twice: the second time within four seconds does it.
export function arm(button: HTMLButtonElement, question: string, act: () => void): void {
  const label = button.textContent ?? "";
  let timer = 0;
  const disarm = () => {
    clearTimeout(timer);
    timer = 0;
    button.textContent = label;
    button.classList.remove("armed");
  };
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    if (timer) {
      disarm();
      act();
      return;
    }
    button.textContent = question;
    button.classList.add("armed");
    timer = window.setTimeout(disarm, 4000);
  });
}

export function showAlert(message: string | null): void {
  const alert = byId("alert");
  alert.textContent = message ?? "";
  alert.hidden = message === null;
}

// Runs what a click began; what goes wrong is said at the top of the page.
export function attempt(action: () => Promise<void>): void {
  showAlert(null);
  action().catch((error: unknown) => showAlert(error instanceof Error ? error.message : String(error)));
}
