// Puts the page together.
import { modelName, onKeyNeeded } from "./api";
import { newConversation } from "./conversation";
import { attempt, byId } from "./dom";
import { startLibrary } from "./library";

const kThemeKey = "widenet-theme";

function startTheme(): void {
  const button = byId<HTMLButtonElement>("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const current = () => localStorage.getItem(kThemeKey) ?? (prefersDark.matches ? "dark" : "light");
  const apply = () => {
    document.documentElement.dataset["theme"] = current();
    button.textContent = current() === "dark" ? "Light" : "Dark";
  };
  button.addEventListener("click", () => {
    localStorage.setItem(kThemeKey, current() === "dark" ? "light" : "dark");
    apply();
  });
  prefersDark.addEventListener("change", apply);
  apply();
}

let pendingKey: Promise<string> | null = null;

function askForKey(): Promise<string> {
  pendingKey ??= new Promise((resolve) => {
    const dialog = byId<HTMLDialogElement>("key-dialog");
    const input = byId<HTMLInputElement>("key");
    dialog.addEventListener(
      "close",
      () => {
        pendingKey = null;
        resolve(input.value.trim());
        input.value = "";
      },
      { once: true },
    );
    dialog.showModal();
  });
  return pendingKey;
}

startTheme();
onKeyNeeded(askForKey);
attempt(() => startLibrary(newConversation));
attempt(async () => {
  const name = await modelName();
  byId("model").textContent = name ?? "no model: search and storage only";
});
