// Writes tests/golden/tokenizer/ids.tar.xz: the corpus's token ids by tokenizers that are not ours.
//
//   node make_goldens.mjs     (after `npm ci` in this folder; `./run setup` does that)
//
// Line i of a golden file in it is {"ids", "special"} of line i of corpus.jsonl: the text as text, and with
// special tokens recognised.  Two independent implementations must agree on every line.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Tokenizer as HuggingFace } from "@huggingface/tokenizers";
import { TokenizerLoader as Lenml } from "@lenml/tokenizers";

const here = path.dirname(fileURLToPath(import.meta.url));
const tests = path.join(here, "..", "..");
const goldens = path.join(tests, "golden", "tokenizer");
const readJson = (file) => JSON.parse(fs.readFileSync(file, "utf8"));

const deepseek = path.join(here, "node_modules", "@lenml", "tokenizer-deepseek_v4", "models");
const tokenizers = {
  deepseek_v4: path.join(deepseek, "tokenizer.json"),
  nano: path.join(tests, "..", "models", "nano", "tokenizer.json"),
};
const config = { ...readJson(path.join(deepseek, "tokenizer_config.json")), add_bos_token: false };

// What is tried: the file as it is, and without added tokens, so that text is only text.
function encoders(file) {
  const json = readJson(file);
  const plain = { ...json, added_tokens: [] };
  const huggingFace = (j) => {
    const tokenizer = new HuggingFace(j, config);
    return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
  };
  const lenml = (j) => {
    const tokenizer = Lenml.fromPreTrained({ tokenizerJSON: j, tokenizerConfig: config });
    return (text) => tokenizer.encode(text, { add_special_tokens: false });
  };
  return {
    ids: [huggingFace(plain), lenml(plain)],
    special: [huggingFace(json), lenml(json)],
  };
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "goldens-"));
const corpus = fs.readFileSync(path.join(goldens, "corpus.jsonl"), "utf8").trimEnd().split("\n");
for (const [name, file] of Object.entries(tokenizers)) {
  const all = encoders(file);
  const lines = corpus.map((line, i) => {
    const { text } = JSON.parse(line);
    const entry = {};
    for (const [kind, pair] of Object.entries(all)) {
      const [one, other] = pair.map((encode) => JSON.stringify(text === "" ? [] : encode(text)));
      if (one !== other) {
        throw new Error(`${name}, ${kind}, corpus line ${i + 1}: ${one} is not ${other}`);
      }
      entry[kind] = JSON.parse(one);
    }
    return JSON.stringify(entry);
  });
  fs.writeFileSync(path.join(folder, `${name}.jsonl`), lines.join("\n") + "\n");
  console.log(`${name}: ${lines.length} lines`);
}
const files = Object.keys(tokenizers).map((name) => `${name}.jsonl`);
execFileSync("tar", ["-cJf", path.join(goldens, "ids.tar.xz"), "-C", folder, ...files]);
fs.rmSync(folder, { recursive: true });
