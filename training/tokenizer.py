"""Byte-level BPE with DeepSeek-V4's pre-tokeniser: trains it, writes Hugging Face's tokenizer.json, encodes and decodes.

    python3 training/tokenizer.py train --out models/nano/tokenizer.json FILE...
    python3 training/tokenizer.py encode models/nano/tokenizer.json < text > ids

Needs only the `regex` package.  Training counts the pre-tokeniser's words and merges the most
frequent pair (ties: the pair that reads first) until the vocabulary is full, so it is deterministic.
"""
import argparse
import collections
import heapq
import json
import pathlib
import sys

import regex

BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
THINK, END_THINK = "<think>", "</think>"
SPECIAL_TOKENS = [BOS, EOS, USER, ASSISTANT, THINK, END_THINK, "｜DSML｜", "<｜latest_reminder｜>"]

DIGITS = r"\p{N}{1,3}"
CJK = r"[一-龥぀-ゟ゠-ヿ]+"
WORDS = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
         r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
         r"| ?[\p{P}\p{S}]+[\r\n]*"
         r"|\s*[\r\n]+"
         r"|\s+(?!\S)"
         r"|\s+")
SPLITS = [regex.compile(pattern) for pattern in (DIGITS, CJK, WORDS)]


def _byte_letters():
    """GPT-2's printable stand-in for each byte, in the order of the byte alphabet's ids."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, spare = {}, 0
    for byte in range(256):
        if byte in printable:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + spare)
            spare += 1
    return letters


LETTER_OF_BYTE = _byte_letters()
BYTE_OF_LETTER = {letter: byte for byte, letter in LETTER_OF_BYTE.items()}


def split_isolated(pattern, pieces):
    """Hugging Face's Split with behavior "Isolated": matches and what lies between them are pieces."""
    for piece in pieces:
        end = 0
        for match in pattern.finditer(piece):
            if match.start() > end:
                yield piece[end:match.start()]
            if match.end() > match.start():
                yield match.group()
            end = match.end()
        if end < len(piece):
            yield piece[end:]


def words_of(text):
    pieces = [text]
    for pattern in SPLITS:
        pieces = split_isolated(pattern, pieces)
    return pieces


def to_letters(text):
    return "".join(LETTER_OF_BYTE[byte] for byte in text.encode("utf-8"))


class Tokenizer:
    """encode() and decode() for one tokenizer.json.  Text never yields special tokens: take their ids from `special`."""

    def __init__(self, path):
        parsed = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        self.vocabulary = parsed["model"]["vocab"]
        self.special = {token["content"]: token["id"] for token in parsed["added_tokens"]}
        self.ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(parsed["model"]["merges"])}
        self.bytes_of = {index: bytes(BYTE_OF_LETTER[letter] for letter in token)
                         for token, index in self.vocabulary.items() if token not in self.special}
        self.bytes_of |= {index: content.encode("utf-8") for content, index in self.special.items()}
        self._ids_of_word = {}

    @property
    def size(self):
        return len(self.bytes_of)

    def encode(self, text):
        ids, known = [], self._ids_of_word
        for word in words_of(text):
            found = known.get(word)
            if found is None:
                found = self._merge(word)
                if len(known) < 2_000_000:
                    known[word] = found
            ids += found
        return ids

    def decode(self, ids):
        return b"".join(self.bytes_of[int(index)] for index in ids).decode("utf-8", "replace")

    def _merge(self, word):
        symbols = list(to_letters(word))
        while len(symbols) > 1:
            ranked = [(self.ranks.get(pair, len(self.ranks)), at) for at, pair in enumerate(zip(symbols, symbols[1:]))]
            rank, at = min(ranked)
            if rank == len(self.ranks):
                break
            symbols[at:at + 2] = [symbols[at] + symbols[at + 1]]
        return [self.vocabulary[symbol] for symbol in symbols]


def train_merges(counts, n_merges):
    """The merges of byte-pair encoding on {word in letters: count}, most frequent first."""
    words = [(list(word), count) for word, count in sorted(counts.items())]
    pair_counts, where = collections.Counter(), collections.defaultdict(set)
    for index, (symbols, count) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pair_counts[pair] += count
            where[pair].add(index)
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < n_merges:
        negative, pair = heapq.heappop(heap)
        if pair_counts[pair] != -negative:  # a stale entry: push what holds now
            if pair_counts[pair] > 0:
                heapq.heappush(heap, (-pair_counts[pair], pair))
            continue
        merges.append(pair)
        changed = set()
        for index in where.pop(pair):
            symbols, count = words[index]
            for old in zip(symbols, symbols[1:]):
                pair_counts[old] -= count
            _merge_in_place(symbols, pair)
            for new in zip(symbols, symbols[1:]):
                pair_counts[new] += count
                where[new].add(index)
                changed.add(new)
        pair_counts.pop(pair, None)
        for new in changed:
            if new != pair:
                heapq.heappush(heap, (-pair_counts[new], new))
    return merges


def _merge_in_place(symbols, pair):
    at = 0
    while at < len(symbols) - 1:
        if symbols[at] == pair[0] and symbols[at + 1] == pair[1]:
            symbols[at:at + 2] = [pair[0] + pair[1]]
        at += 1


def count_words(texts, count_min=2):
    """Words of the texts in letters, and every group of two and three digits, so that all numbers cut alike."""
    counts = collections.Counter()
    for text in texts:
        counts.update(words_of(text))
    counts = {to_letters(word): count for word, count in counts.items()
              if count >= count_min and not word[0].isdigit() and len(word) <= 32}
    often = max(counts.values()) * 2
    return counts | {f"{number:0{width}d}": often for width in (2, 3) for number in range(10 ** width)}


def train(texts, vocabulary_size):
    alphabet = sorted(BYTE_OF_LETTER)
    merges = train_merges(count_words(texts), vocabulary_size - len(SPECIAL_TOKENS) - len(alphabet))
    tokens = SPECIAL_TOKENS + alphabet + [first + second for first, second in merges]
    if len(set(tokens)) != vocabulary_size:
        raise ValueError(f"training gave {len(set(tokens))} different tokens of {vocabulary_size}: give more text")
    split = lambda pattern: {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": index, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for index, content in enumerate(SPECIAL_TOKENS)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split(DIGITS), split(CJK), split(WORDS), byte_level]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "vocab": {token: index for index, token in enumerate(tokens)},
                  "merges": [f"{first} {second}" for first, second in merges]},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    trainer = verbs.add_parser("train")
    trainer.add_argument("--out", required=True)
    trainer.add_argument("--vocabulary", type=int, default=8192)
    trainer.add_argument("files", nargs="+")
    encoder = verbs.add_parser("encode")
    encoder.add_argument("tokenizer")
    arguments = parser.parse_args()
    if arguments.verb == "encode":
        print(*Tokenizer(arguments.tokenizer).encode(sys.stdin.read()))
        return
    texts = (pathlib.Path(file).read_text(encoding="utf-8", errors="replace") for file in arguments.files)
    parsed = train(texts, arguments.vocabulary)
    pathlib.Path(arguments.out).write_text(json.dumps(parsed, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
