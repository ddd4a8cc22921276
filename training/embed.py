"""Trains models/nano-embed: one vector a token; a text is the normalised sum of its tokens' vectors.

    python3 training/embed.py passages --tokenizer models/nano/tokenizer.json --wikipedia FILE --business FILE \\
        --books FILE --questions FILE --corpus training/work/corpus --out training/work/passages.npz
    python3 training/embed.py train --passages training/work/passages.npz --tokenizer models/nano/tokenizer.json \\
        --out models/nano-embed

Texts are .zst files of records parted by a line holding U+001E; questions are T0 prompts, one JSON object a line.
A pair is (something like a query, a passage that answers it): a title and heading and their section, a question and
its passage (those of --corpus, which corpus.py wrote, and of tasks/relations too), a sentence or some of its words and what stands around it, a sentence in
other words (tasks/reading.py's Paraphraser) and where it stands; drawn afresh each time.  Training pulls each pair together and
pushes the other passages of its batch away (InfoNCE, both ways).  Runs on a CPU with torch 1.13 or a GPU with a newer one.
"""
import argparse
import hashlib
import json
import math
import pathlib
import random
import re
import shutil
import struct
import subprocess
import tempfile
import time

import numpy as np

from tasks import reading, relations
from tokenizer import Tokenizer

WAYS_ASKED = 3  # as it stands, in lower case, in other words
QUERY_TOKENS_MAX, SENTENCE_TOKENS_MAX, PASSAGE_WINDOW = 48, 96, 160
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(A-Z0-9])|\n+")


def records(path, bytes_max):
    """The records of a .zst file, up to bytes_max of text."""
    process = subprocess.Popen(["zstd", "-dc", "--long=27", path], stdout=subprocess.PIPE)
    text = process.stdout.read(bytes_max).decode("utf-8", "ignore")
    process.kill()
    process.wait()
    return [record.strip() for record in text.split("\x1e") if len(record) > 400]


def wikipedia_passages(text):
    lines = [line.strip() for line in text.split("\n")]
    title, heading = lines[0], ""
    for line in lines[1:]:
        if 0 < len(line) < 60 and line.endswith("."):
            heading = line[:-1]
        elif len(line) > 200:
            yield title, heading, line


def markdown_passages(text):
    title, heading, body = "", "", []
    for line in re.sub(r"<!--.*?-->|!?\[([^\]]*)\]\([^)]*\)", r"\1", text, flags=re.S).split("\n") + ["#"]:
        if not line.startswith("#"):
            body.append(line)
            continue
        passage = "\n".join(body).strip()
        if len(passage) > 200:
            yield title, heading, passage[:2000]
        body, heading = [], line.strip("# ")
        title = title or heading


def book_passages(text):
    paragraphs = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text)]
    for i in range(0, len(paragraphs) - 2, 2):
        passage = " ".join(paragraphs[i:i + 2])
        if len(passage) > 300:
            yield "", "", passage[:1500]


def question_passages(path):
    """(question, passage) of the extractive T0 prompts, each once."""
    seen = set()
    lines = subprocess.run(["zstd", "-dc", "--long=27", path], stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
    for line in lines.splitlines():
        prompt = json.loads(line)["prompt"]
        question = re.search(r"(?:Question|question|Q): *([^\n]{15,300})", prompt)
        passage = re.search(r"(?:Context|Passage|Background|context|passage)[^\n:]{0,40}: *([^\n]{200,})", prompt)
        if question and passage and (question.group(1), passage.group(1)[:100]) not in seen:
            seen.add((question.group(1), passage.group(1)[:100]))
            yield question.group(1), "", passage.group(1)[:2000]


def asked_passages(corpus, seed):
    """(question, passage) of corpus.py's questions and of the facts in tasks/relations, whose questions use other words."""
    r = random.Random(seed)
    for name in ("questions", "stated"):
        for record in reading.read_lines(corpus / f"{name}.jsonl.xz"):
            document, turn = reading.passage(r, record, 1500)
            yield turn.question, f"{document.title}\n{document.passages[0]}"
    told, passages = relations.load()
    made = [relations.passage(r, table)[:2] for table in relations.shown(passages) for _ in range(3)]
    for _ in range(4 * len(told)):
        facts = relations.Facts(r, relations.shown(told))
        document = facts.paper(6, None)
        made.append((document, facts.turns()))
    for document, turns in made:
        for turn in turns:
            yield turn.question, f"{document.title}\n{document.passages[0]}"


class Lists:
    """Token lists end to end."""

    def __init__(self):
        self.parts, self.ends = [], [0]

    def add(self, tokens):
        self.parts.append(np.array(tokens, np.uint16))
        self.ends.append(self.ends[-1] + len(tokens))

    def arrays(self, name):
        return {f"{name}_tokens": np.concatenate(self.parts), f"{name}_ends": np.array(self.ends, np.int64)}


def encode_all(texts, arguments):
    """Each text's tokens; by our own program if it is named, which is many times faster."""
    if not arguments.widenet:
        yield from map(Tokenizer(arguments.tokenizer).encode, texts)
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"text": text}) + "\n" for text in texts)
        lines.seek(0)
        process = subprocess.Popen([arguments.widenet, "tokenize", "--tokenizer", arguments.tokenizer],
                                   stdin=lines, stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            yield json.loads(line)["ids"]


def make_passages(arguments):
    sources = [(arguments.wikipedia, arguments.wikipedia_bytes, wikipedia_passages),
               (arguments.business, arguments.business_bytes, markdown_passages),
               (arguments.books, arguments.books_bytes, book_passages)]
    found = [(title, heading, passage, 1) for path, bytes_max, passages in sources
             for record in records(path, bytes_max) for title, heading, passage in passages(record)]
    found += [(question, "", passage, 0) for question, _, passage in question_passages(arguments.questions)]
    found += [(question, "", passage, 0) for question, passage in asked_passages(pathlib.Path(arguments.corpus), arguments.seed)]
    random.Random(arguments.seed).shuffle(found)
    r = random.Random(arguments.seed)
    corpus = pathlib.Path(arguments.corpus)
    paraphraser = reading.Paraphraser(reading.read_lines(corpus / "synonyms.jsonl.xz"), reading.read_lines(corpus / "definitions.jsonl.xz"))
    otherwise = lambda text: " " + paraphraser.reworded(r, text[0].lower() + text[1:] if text else text, r.choice((0.3, 0.6, 1)))
    texts, firsts, is_title = [], [0], []
    for title, heading, passage, titled in found:
        sentences = [sentence for sentence in SENTENCE_END.split(passage) if len(sentence) > 15][:40]
        if len(sentences) < 2:
            continue
        asked = f"{title} {heading}".strip()
        texts += [asked, " " + asked.lower(), otherwise(asked)]
        for i, sentence in enumerate(sentences):
            text = " " + sentence if i else sentence
            texts += [text, text.lower(), otherwise(sentence)]
        firsts.append(firsts[-1] + len(sentences))
        is_title.append(titled)
    plain, lower, other, given = Lists(), Lists(), Lists(), Lists()
    tokens = iter(encode_all(texts, arguments))
    for first, end in zip(firsts, firsts[1:]):
        for _ in range(WAYS_ASKED):
            given.add(next(tokens)[:QUERY_TOKENS_MAX])
        for _ in range(first, end):
            plain.add(next(tokens)[:SENTENCE_TOKENS_MAX])
            lower.add(next(tokens)[:SENTENCE_TOKENS_MAX])
            other.add(next(tokens)[:SENTENCE_TOKENS_MAX])
    pathlib.Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)
    np.savez(arguments.out, **plain.arrays("plain"), **lower.arrays("lower"), **other.arrays("other"), **given.arrays("given"),
             firsts=np.array(firsts, np.int64), is_title=np.array(is_title, np.uint8))
    print(f"{len(is_title)} passages, {plain.ends[-1]} tokens -> {arguments.out}")


class Passages:
    """Makes (query, passage) pairs afresh each time a passage is drawn, so that none is seen twice."""

    def __init__(self, path):
        arrays = np.load(path)
        self.lists = {name: (arrays[f"{name}_tokens"], arrays[f"{name}_ends"]) for name in ("plain", "lower", "other", "given")}
        self.firsts, self.is_title = arrays["firsts"], arrays["is_title"]

    def __len__(self):
        return len(self.is_title)

    def list(self, name, i):
        tokens, ends = self.lists[name]
        return tokens[ends[i]:ends[i + 1]]

    def pair(self, i, rng):
        first, end = self.firsts[i], self.firsts[i + 1]
        cased = self.list("given", WAYS_ASKED * i)
        asked = self.list("given", WAYS_ASKED * i + rng.integers(WAYS_ASKED))
        kind = rng.random()
        if len(asked) and (not self.is_title[i] or kind < 0.3):  # the title and heading, or the question
            return asked, self.window([self.list("plain", j) for j in range(first, end)], rng)
        chosen = rng.integers(first, end)
        otherwise = rng.random() < 0.5
        query = self.list("other" if otherwise else "lower" if rng.random() < 0.45 else "plain", chosen)
        if kind < 0.85:  # some words of a sentence, else all
            query = query[rng.random(len(query)) < rng.uniform(0.15, 0.8)]
        stays = otherwise or rng.random() < 0.4
        body = [self.list("plain", j) for j in range(first, end) if stays or j != chosen]
        if self.is_title[i] and rng.random() < 0.3:
            query = np.concatenate([asked, query])
        if self.is_title[i] and rng.random() < 0.5:
            body.insert(0, cased)
        return query if len(query) else asked, self.window(body, rng)

    @staticmethod
    def window(lists, rng):
        tokens = np.concatenate(lists) if lists else np.zeros(0, np.uint16)
        place = rng.integers(max(1, len(tokens) - PASSAGE_WINDOW + 1))
        return tokens[place:place + PASSAGE_WINDOW]

    def batch(self, chosen, rng):
        pairs = [self.pair(i, rng) for i in chosen]
        return [self.bags([pair[side] for pair in pairs]) for side in (0, 1)]

    @staticmethod
    def bags(lists):
        """EmbeddingBag's (tokens, offsets)."""
        offsets = np.cumsum([0] + [len(tokens) for tokens in lists[:-1]])
        return np.concatenate(lists).astype(np.int64), offsets.astype(np.int64)


def initial_vectors(passages, vocabulary_size, dim, generator):
    """Random directions; rare tokens long, common ones short (inverse document frequency)."""
    import torch
    n_documents = min(len(passages), 20000)
    documents = np.zeros(vocabulary_size)
    tokens, ends = passages.lists["plain"]
    for i in range(n_documents):
        documents[np.unique(tokens[ends[passages.firsts[i]]:ends[passages.firsts[i + 1]]])] += 1
    frequency = torch.from_numpy(np.log((n_documents + 1) / (documents + 1))).float()
    return 0.05 * torch.randn(vocabulary_size, dim, generator=generator) * (0.1 + frequency / frequency.max())[:, None]


def train(arguments):
    import torch
    import torch.nn.functional as F
    torch.manual_seed(arguments.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    passages = Passages(arguments.passages)
    tokenizer = Tokenizer(arguments.tokenizer)
    n_held = 2000
    generator = torch.Generator().manual_seed(arguments.seed)
    bag = torch.nn.EmbeddingBag.from_pretrained(
        initial_vectors(passages, tokenizer.size, arguments.dim, generator), mode="sum", freeze=False).to(device)
    log_scale = torch.nn.Parameter(torch.tensor(math.log(20.0), device=device))
    optimiser = torch.optim.Adam([{"params": bag.parameters(), "lr": arguments.lr}, {"params": [log_scale], "lr": 1e-3}])
    rng = np.random.default_rng(arguments.seed)

    def embed(bags):
        return F.normalize(bag(*(torch.from_numpy(array).to(device) for array in bags)), dim=1)

    held = passages.batch(np.arange(n_held), np.random.default_rng(0))

    def held_out():
        with torch.no_grad():
            scores = embed(held[0]) @ embed(held[1]).T
            rank = (scores > scores.diagonal()[:, None]).sum(1)
            return (rank < 1).float().mean().item(), (rank < 20).float().mean().item()

    order, started, losses = np.array([], np.int64), time.time(), []
    for step in range(arguments.steps):
        if len(order) < arguments.batch:
            order = n_held + rng.permutation(len(passages) - n_held)
        chosen, order = order[:arguments.batch], order[arguments.batch:]
        warm, done = min(1.0, (step + 1) / 20), max(step / arguments.steps, (time.time() - started) / arguments.seconds)
        optimiser.param_groups[0]["lr"] = arguments.lr * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1, done))))
        queries, answers = passages.batch(chosen, rng)
        scores = log_scale.exp() * embed(queries) @ embed(answers).T
        target = torch.arange(len(chosen), device=device)
        loss = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        ended = step + 1 == arguments.steps or time.time() - started > arguments.seconds
        if step % 50 == 49 or ended:
            first, twenty = held_out()
            print(f"step {step + 1} loss {np.mean(losses[-50:]):.4f} scale {log_scale.exp().item():.1f} held-out first {first:.3f} "
                  f"top 20 of {n_held} {twenty:.3f} {time.time() - started:.0f} s", flush=True)
        if ended:
            break
    export(bag.weight.detach().cpu().numpy(), arguments)


def export(vectors, arguments):
    """Eight bits a component and one scale a token."""
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    scale = np.maximum(np.abs(vectors).max(1), 1e-12) / 127
    weights = np.clip(np.rint(vectors / scale[:, None]), -127, 127).astype(np.int8)
    tensors = {"embedding.scale": ("F32", scale.astype("<f4")), "embedding.weight": ("I8", weights)}
    header, offset = {}, 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(out / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in tensors.values():
            file.write(array.tobytes())
    shutil.copyfile(arguments.tokenizer, out / "tokenizer.json")
    digest = hashlib.sha256((out / "tokenizer.json").read_bytes()).hexdigest()
    config = {"model_type": "widenet_static_embedding", "vocab_size": vectors.shape[0], "hidden_size": vectors.shape[1],
              "tokenizer_sha256": digest}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    print(f"wrote {out}: {sum(path.stat().st_size for path in out.iterdir())} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    making = verbs.add_parser("passages", help="text -> tokens")
    for name in ("tokenizer", "wikipedia", "business", "books", "questions", "corpus", "out"):
        making.add_argument(f"--{name}", required=True)
    for name, megabytes in (("wikipedia", 60), ("business", 24), ("books", 6)):
        making.add_argument(f"--{name}-bytes", type=int, default=megabytes * 1_000_000)
    making.add_argument("--seed", type=int, default=1)
    making.add_argument("--widenet", help="a built widenet or widenet-engine, to tokenize with")
    making.set_defaults(run=make_passages)
    training = verbs.add_parser("train", help="tokens -> model folder")
    for name in ("passages", "tokenizer", "out"):
        training.add_argument(f"--{name}", required=True)
    for name, default in (("dim", 256), ("batch", 1024), ("steps", 1500), ("seed", 1), ("seconds", 1200)):
        training.add_argument(f"--{name}", type=int, default=default)
    training.add_argument("--lr", type=float, default=0.01)
    training.set_defaults(run=train)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
