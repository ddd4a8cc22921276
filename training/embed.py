"""Trains models/nano-embed: one vector a token; a text is the normalised sum of its tokens' vectors.

    python3 training/embed.py pairs --tokenizer models/nano/tokenizer.json --wikipedia FILE --business FILE \\
        --books FILE --questions FILE --out training/work/pairs.npz
    python3 training/embed.py train --pairs training/work/pairs.npz --tokenizer models/nano/tokenizer.json \\
        --out models/nano-embed

Texts are .zst files of records parted by a line holding U+001E; questions are T0 prompts, one JSON object a line.
A pair is (something like a query, a passage that answers it).  Training pulls each pair together and pushes the
other passages of its batch away (InfoNCE, both ways).  Runs on a CPU with torch 1.13 or a GPU with a newer one.
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
import time

import numpy as np

from tokenizer import Tokenizer

QUERY_TOKENS_MAX, PASSAGE_TOKENS_MAX = 64, 256
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(A-Z0-9])")
COMMON = set("""a about after all also an and any are as at be been but by can could did do does for from had has have he her his
how if in into is it its may more most no not of on one or other our out over said she so some such than that the their them then
there these they this to two under up was we were what when where which who will with would you your""".split())
QUESTION_WORDS = ["what is", "what was", "who", "when", "where", "which", "how many", "how", "why", "name of", "what are the"]


def records(path, bytes_max):
    """The records of a .zst file, up to bytes_max of text."""
    process = subprocess.Popen(["zstd", "-dc", "--long=27", path], stdout=subprocess.PIPE)
    text = process.stdout.read(bytes_max).decode("utf-8", "ignore")
    process.kill()
    process.wait()
    return [record.strip() for record in text.split("\x1e") if len(record) > 400]


def sentences(paragraph):
    return [sentence for sentence in SENTENCE_END.split(paragraph) if 25 < len(sentence) < 400]


def keywords(sentence, rng):
    """A query somebody might type who remembers a few words of the sentence."""
    words = [word for word in re.findall(r"[\w'-]+", sentence) if word.lower() not in COMMON]
    if len(words) < 2:
        return sentence
    chosen = sorted(rng.sample(range(len(words)), min(len(words), rng.randint(2, 6))))
    query = " ".join(words[i] for i in chosen)
    return f"{rng.choice(QUESTION_WORDS)} {query}" if rng.random() < 0.6 else query


def typed(query, rng):
    """Queries come in any case, with or without a question mark."""
    kind = rng.random()
    if kind < 0.45:
        query = query.lower()
    return query + "?" if kind > 0.8 else query


def pairs_of_passage(title, heading, passage, rng):
    """A few ways to ask for one passage."""
    found = sentences(passage)
    about = f"{title}\n{passage}" if rng.random() < 0.5 else passage
    if heading and rng.random() < 0.4:
        yield typed(f"{title} {heading}", rng), passage
    elif title and rng.random() < 0.25:
        yield typed(title, rng), passage
    if len(found) < 2:
        return
    chosen = rng.choice(found)
    rest = about.replace(chosen, " ", 1)
    kind = rng.random()
    if kind < 0.35:      # what stands around a sentence
        yield typed(chosen, rng), rest
    elif kind < 0.65:    # a few of its words and the subject, the sentence gone or there
        subject = f"{title} " if title and rng.random() < 0.5 else ""
        yield typed(subject + keywords(chosen, rng), rng), rest if rng.random() < 0.5 else about
    else:                # a few of its words, found in the passage
        yield typed(keywords(chosen, rng), rng), about


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


def question_pairs(path):
    """(question, passage) of the extractive T0 prompts, each once."""
    seen = set()
    lines = subprocess.run(["zstd", "-dc", "--long=27", path], stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
    for line in lines.splitlines():
        prompt = json.loads(line)["prompt"]
        question = re.search(r"(?:Question|question|Q): *([^\n]{15,300})", prompt)
        passage = re.search(r"(?:Context|Passage|Background|context|passage)[^\n:]{0,40}: *([^\n]{200,})", prompt)
        if question and passage and (question.group(1), passage.group(1)[:100]) not in seen:
            seen.add((question.group(1), passage.group(1)[:100]))
            yield question.group(1), passage.group(1)[:2000]


def make_pairs(arguments):
    rng = random.Random(arguments.seed)
    pairs = []
    sources = [(arguments.wikipedia, arguments.wikipedia_bytes, wikipedia_passages),
               (arguments.business, arguments.business_bytes, markdown_passages),
               (arguments.books, arguments.books_bytes, book_passages)]
    for path, bytes_max, passages in sources:
        before = len(pairs)
        for record in records(path, bytes_max):
            for title, heading, passage in passages(record):
                pairs += pairs_of_passage(title, heading, passage, rng)
        print(f"{len(pairs) - before} pairs of {path}", flush=True)
    asked = list(question_pairs(arguments.questions))
    print(f"{len(asked)} questions of {arguments.questions}")
    pairs += [(typed(question, rng), passage) for question, passage in asked for _ in range(4)]
    rng.shuffle(pairs)
    tokenizer = Tokenizer(arguments.tokenizer)
    queries = [tokenizer.encode(query)[:QUERY_TOKENS_MAX] for query, _ in pairs]
    passages = [tokenizer.encode(passage)[:PASSAGE_TOKENS_MAX] for _, passage in pairs]
    arrays = {}
    for name, bags in (("query", queries), ("passage", passages)):
        arrays[f"{name}_tokens"] = np.concatenate([np.array(bag, np.uint16) for bag in bags])
        arrays[f"{name}_ends"] = np.cumsum([len(bag) for bag in bags]).astype(np.int64)
    pathlib.Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)
    np.savez(arguments.out, **arrays)
    print(f"{len(pairs)} pairs, {len(arrays['passage_tokens'])} passage tokens -> {arguments.out}")


class Bags:
    """Token lists end to end; take(i) gives EmbeddingBag's (tokens, offsets) for the lists i."""

    def __init__(self, tokens, ends):
        self.tokens, self.ends = tokens, ends
        self.starts = np.concatenate([[0], ends[:-1]])

    def take(self, chosen):
        parts = [self.tokens[self.starts[i]:self.ends[i]] for i in chosen]
        offsets = np.cumsum([0] + [len(part) for part in parts[:-1]])
        return np.concatenate(parts).astype(np.int64), offsets.astype(np.int64)


def initial_vectors(passages, vocabulary_size, dim, generator):
    """Random directions; rare tokens long, common ones short (inverse document frequency)."""
    import torch
    documents = np.zeros(vocabulary_size)
    n_documents = min(len(passages.ends), 20000)
    for i in range(n_documents):
        documents[np.unique(passages.tokens[passages.starts[i]:passages.ends[i]])] += 1
    frequency = torch.from_numpy(np.log((n_documents + 1) / (documents + 1))).float()
    return 0.05 * torch.randn(vocabulary_size, dim, generator=generator) * (0.1 + frequency / frequency.max())[:, None]


def train(arguments):
    import torch
    import torch.nn.functional as F
    torch.manual_seed(arguments.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    arrays = np.load(arguments.pairs)
    queries = Bags(arrays["query_tokens"], arrays["query_ends"])
    passages = Bags(arrays["passage_tokens"], arrays["passage_ends"])
    tokenizer = Tokenizer(arguments.tokenizer)
    n_pairs, n_held = len(queries.ends), 2000
    generator = torch.Generator().manual_seed(arguments.seed)
    bag = torch.nn.EmbeddingBag.from_pretrained(
        initial_vectors(passages, tokenizer.size, arguments.dim, generator), mode="sum", freeze=False).to(device)
    log_scale = torch.nn.Parameter(torch.tensor(math.log(20.0), device=device))
    optimiser = torch.optim.Adam([{"params": bag.parameters(), "lr": arguments.lr}, {"params": [log_scale], "lr": 1e-3}])
    rng = np.random.default_rng(arguments.seed)

    def embed(bags, chosen):
        tokens, offsets = bags.take(chosen)
        return F.normalize(bag(torch.from_numpy(tokens).to(device), torch.from_numpy(offsets).to(device)), dim=1)

    def held_out():
        with torch.no_grad():
            chosen = np.arange(n_held)
            scores = embed(queries, chosen) @ embed(passages, chosen).T
            rank = (scores > scores.diagonal()[:, None]).sum(1)
            return (rank < 1).float().mean().item(), (rank < 20).float().mean().item()

    order, started, losses = np.array([], np.int64), time.time(), []
    for step in range(arguments.steps):
        if len(order) < arguments.batch:
            order = n_held + rng.permutation(n_pairs - n_held)
        chosen, order = order[:arguments.batch], order[arguments.batch:]
        warm, done = min(1.0, (step + 1) / 50), step / arguments.steps
        optimiser.param_groups[0]["lr"] = arguments.lr * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        scores = log_scale.exp() * embed(queries, chosen) @ embed(passages, chosen).T
        target = torch.arange(len(chosen), device=device)
        loss = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if step % 100 == 99 or step + 1 == arguments.steps:
            first, twenty = held_out()
            print(f"step {step + 1} loss {np.mean(losses[-100:]):.4f} scale {log_scale.exp().item():.1f} held-out first {first:.3f} "
                  f"top 20 of {n_held} {twenty:.3f} {time.time() - started:.0f} s", flush=True)
        if time.time() - started > arguments.seconds:
            print(f"stopped after {step + 1} steps: {arguments.seconds} s are over")
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
    pairs = verbs.add_parser("pairs", help="text -> token pairs")
    for name in ("tokenizer", "wikipedia", "business", "books", "questions", "out"):
        pairs.add_argument(f"--{name}", required=True)
    for name, megabytes in (("wikipedia", 30), ("business", 24), ("books", 4)):
        pairs.add_argument(f"--{name}-bytes", type=int, default=megabytes * 1_000_000)
    pairs.add_argument("--seed", type=int, default=1)
    pairs.set_defaults(run=make_pairs)
    training = verbs.add_parser("train", help="token pairs -> model folder")
    for name in ("pairs", "tokenizer", "out"):
        training.add_argument(f"--{name}", required=True)
    for name, default in (("dim", 384), ("batch", 1024), ("steps", 1500), ("seed", 1), ("seconds", 1200)):
        training.add_argument(f"--{name}", type=int, default=default)
    training.add_argument("--lr", type=float, default=0.01)
    training.set_defaults(run=train)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
