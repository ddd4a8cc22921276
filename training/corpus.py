"""Turns the sources of sources.toml into what training reads: running text as token ids, and questions as JSON lines.

    python3 training/corpus.py --data DIR --debian DIR --out training/work/corpus

Writes haystack.u16.xz (token ids, documents separated by EOS), definitions.jsonl.xz,
synonyms.jsonl.xz, questions.jsonl.xz, natural.jsonl.xz and stated.jsonl.xz: small enough to carry to another machine.  Documents that begin alike are kept once.
"""
import argparse
import collections
import csv
import glob
import gzip
import hashlib
import html
import io
import json
import lzma
import pathlib
import random
import re
import subprocess
import sys
import tomllib

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from tasks import reading, wordings
from tokenizer import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
EOS_ID = 1
FORBIDDEN_LICENCE = re.compile(r"\bNC\b|non-?commercial", re.IGNORECASE)
LENGTH_MIN = 400  # characters; shorter documents are mostly navigation


class RefusedSource(Exception):
    pass


def checked(source, never):
    if FORBIDDEN_LICENCE.search(source["licence"]):
        raise RefusedSource(f"{source['name']}: the licence {source['licence']} forbids commercial use")
    place = source.get("path", source.get("package", ""))
    if any(place.startswith(banned) for banned in never):
        raise RefusedSource(f"{source['name']}: {place} must never be trained on")
    if not source.get("attribution"):
        raise RefusedSource(f"{source['name']}: no attribution")
    return source


def unpacked(path):
    """The text of a file, zstd- or gzip-compressed or plain."""
    if str(path).endswith(".zst"):
        return subprocess.run(["zstd", "-dc", "--long=27", path], check=True, capture_output=True).stdout.decode("utf-8", "replace")
    raw = pathlib.Path(path).read_bytes()
    return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", "replace")


def text_of_html(page):
    body = re.search(r"<body.*?>(.*)</body>", page, re.S | re.I)
    page = body.group(1) if body else page
    page = re.sub(r"<(script|style|nav|head)\b.*?</\1>", " ", page, flags=re.S | re.I)
    page = re.sub(r"</(p|div|li|tr|h\d|pre|dt|dd|table|ul)>|<br[^>]*>", "\n", page, flags=re.I)
    page = html.unescape(re.sub(r"<[^>]+>", "", page))
    lines = [re.sub(r"[ \t\xa0]+", " ", line).strip() for line in page.split("\n")]
    return re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip()


def text_of_pod(page):
    page = re.sub(r"^=(begin|for) .*?(^=end.*?$|\n\n)", "", page, flags=re.S | re.M)
    page = re.sub(r"^=(head\d|item|over|back|cut|pod|encoding)\s*", "", page, flags=re.M)
    return re.sub(r"[A-Z]<+\s?([^<>]*)\s?>+", r"\1", page).strip()


READERS = {"html": text_of_html, "pod": text_of_pod}


def documents(source, data, debian):
    if source["kind"] == "text":
        yield from unpacked(data / source["path"]).split("\n\x1e\n")
    else:
        for file in sorted(glob.glob(str(debian / source["files"]))):
            yield READERS[source["kind"]](unpacked(file))


def haystack(sources, data, debian, tokenizer):
    """Token ids of all running text, in an order that mixes the sources; duplicates are left out."""
    seen, kept = set(), []
    for source in sources:
        size = 0
        for text in documents(source, data, debian):
            mark = hashlib.sha256(re.sub(r"\W+", "", text[:2000]).encode()).digest()
            if len(text) < LENGTH_MIN or mark in seen:
                continue
            seen.add(mark)
            kept.append(numpy.array(tokenizer.encode(text) + [EOS_ID], dtype=numpy.uint16))
            size += len(text)
            if size > source["share_mb"] * 1e6:
                break
        print(f"{source['name']}: {size / 1e6:.1f} MB", flush=True)
    random.Random(7).shuffle(kept)
    return numpy.concatenate(kept)


def definitions(source, debian):
    """{"word", "text"}: the first sense of every headword."""
    text = unpacked(next(iter(glob.glob(str(debian / source["files"])))))
    if "wn." in source["files"]:
        found = re.findall(r"^([a-z][a-z \-']{2,30})\n    (?:n|v|adj|adv)(?: 1)?: (.*?)(?=\n    \S|\n\S|\n         \d|\Z)", text, re.M | re.S)
    else:
        found = re.findall(r"^([A-Z][a-z\-]{2,30}) \\.*?\n   (?:1\. )?((?:[A-Z]|\().*?)(?=\n\n|\n   \d|\n +\[)", text, re.M | re.S)
    for word, sense in found:
        sense = re.split(r' \[syn:|; "|\n\n', re.sub(r"\s+", " ", sense))[0].strip(" ;.")
        if 25 < len(sense) < 220 and "{" not in sense and "\\" not in sense:
            yield {"word": word, "text": sense}


def synonyms(text):
    """{"word", "synonyms"} of the first two senses of every part of speech, from WordNet's text."""
    for word, senses in re.findall(r"^([a-z]{3,20})\n(    .*?)(?=^\S|\Z)", text, re.M | re.S):
        found = []
        for sense in re.findall(r"^ +(?:(?:n|v|adj|adv)(?: \d)?|2): (.*?)(?=^ +(?:n |v |adj |adv |\d+: )|\Z)", senses, re.M | re.S):
            listed = re.search(r"\[syn:(.*?)\]", sense, re.S)
            names = re.findall(r"\{(.*?)\}", listed[1], re.S) if listed else []
            found += [" ".join(name.split()) for name in names]
        found = [name for name in dict.fromkeys(found) if name != word and re.fullmatch(r"[a-z]+( [a-z]+)?", name)]
        if found:
            yield {"word": word, "synonyms": found[:8]}


def stated_questions(sources, data, count_max=30_000):
    """Questions that patterns find in running text, each with some 1,500 characters around its sentence."""
    r, asked = random.Random(5), collections.Counter()
    for source in sources:
        for text in documents(source, data, None):
            title = text.strip().split("\n")[0][:60]
            for sentence, answer, questions in reading.stated(text[:20_000]):
                asked[questions[0][:12]] += 1
                if asked[questions[0][:12]] > count_max // 12:  # birthdays would be most of all
                    continue
                yield {"title": title, "text": reading.around(r, text, sentence, 1500), "questions": questions, "evidence": [sentence], "answer": answer}
                count_max -= 1
                if not count_max:
                    return


def natural_questions(sources, data, debian):
    """Running text with the questions of natural.tsv."""
    rows = collections.defaultdict(list)
    for key, *row in wordings.rows("natural.tsv"):
        rows[key].append(row)
    for source in sources:
        for text in documents(source, data, debian):
            title = text.strip().split("\n")[0][:60]
            yield from ({"title": title} | record for record in reading.asked_by_hand(text, rows) if record["asks"])


def sentence_with(text, answer):
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        if answer in sentence and len(sentence) <= 300 and "\n" not in sentence:
            return sentence
    return None


T0_SHAPE = {
    "adversarial": re.compile(r'Extract the answer to the question from the following context\.\nQuestion: (?P<q>.*?)\nContext: (?P<c>.*)\n$', re.S),
    "quoref_Given": re.compile(r"Given the following context:\n\n(?P<c>.*?)\n\n[Aa]nswer the following question:\n\n(?P<q>.*)\n$", re.S),
    "quoref_Answer": re.compile(r"Given the following context:\n\n(?P<c>.*?)\n\n[Aa]nswer the following question:\n\n(?P<q>.*)\n$", re.S),
    "duorc_SelfRC_extract": re.compile(r"Extract the answer.*?\nQuestion: (?P<q>.*?)\n(?P<c>.*)\n$", re.S),
}


def t0_questions(source, data):
    for line in unpacked(data / source["path"]).splitlines():
        record = json.loads(line)
        answer = record["completion"].replace("<|endoftext|>", "").strip()
        for prefix, shape in T0_SHAPE.items():
            match = shape.match(record["prompt"]) if record["template"].startswith(prefix) else None
            sentence = match and sentence_with(match["c"], answer)
            if sentence and len(answer) < 80:
                yield {"text": match["c"], "question": match["q"].strip(), "evidence": [sentence], "answer": answer}


def row_text(header, cells):
    return "; ".join(f"{name}: {value}" for name, value in zip(header, cells) if value)


def table_questions(source, data):
    """Questions whose answer is the cell of exactly one row."""
    tables = {}
    for line in unpacked(data / source["path"]).splitlines():
        record = json.loads(line)
        rows = list(csv.reader(io.StringIO(record["csv"], newline="")))
        tables[record["table"]] = [[cell.replace("\n", " ").strip() for cell in row] for row in rows]
    for line in unpacked(data / source["questions"]).splitlines()[1:]:
        _, question, table, answer = line.split("\t")
        rows = tables.get(table, [])
        holders = [row for row in rows[1:] if answer in row]
        if len(holders) == 1 and len(row_text(rows[0], holders[0])) <= 300:
            yield {"text": "\n".join(row_text(rows[0], row) for row in rows[1:]), "question": question.strip(),
                   "evidence": [row_text(rows[0], holders[0])], "answer": answer}


def tat_questions(source, data):
    for context in json.loads((data / source["path"]).read_text()):
        rows = ["; ".join(cell for cell in row if cell) for row in context["table"]["table"]]
        text = "\n".join([p["text"] for p in context["paragraphs"]] + rows)
        for question in context["questions"]:
            if question["answer_type"] != "span" or len(question["answer"]) != 1:
                continue
            answer = question["answer"][0]
            evidence = next((row for row in rows if answer in row and len(row) <= 300), None) or sentence_with(text, answer)
            if evidence and len(answer) < 100:
                yield {"text": text, "question": question["question"], "evidence": [evidence], "answer": answer}


QUESTION_READERS = {"t0": t0_questions, "tables": table_questions, "tatqa": tat_questions}


def write_lines(path, records):
    records = list(records)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    print(f"{path}: {len(records)} records", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--debian", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    listed = tomllib.loads((ROOT / "training/sources.toml").read_text())
    sources = [checked(source, listed["never"]) for source in listed["source"]]
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(ROOT / "models/nano/tokenizer.json")
    write_lines(arguments.out / "questions.jsonl.xz", (record for s in sources if s["kind"] in QUESTION_READERS
                                                      for record in QUESTION_READERS[s["kind"]](s, arguments.data)))
    write_lines(arguments.out / "definitions.jsonl.xz", (record for s in sources if s["kind"] == "dictionary"
                                                        for record in definitions(s, arguments.debian)))
    wikipedia = [s for s in sources if s["name"] == "Wikipedia"]
    write_lines(arguments.out / "stated.jsonl.xz", stated_questions(wikipedia, arguments.data))
    running = [s for s in sources if s["kind"] in ("text", "html", "pod")]
    write_lines(arguments.out / "natural.jsonl.xz", natural_questions(running, arguments.data, arguments.debian))
    wordnet = next(s for s in sources if s["kind"] == "dictionary" and "wn." in s["files"])
    write_lines(arguments.out / "synonyms.jsonl.xz", synonyms(unpacked(next(iter(glob.glob(str(arguments.debian / wordnet["files"])))))))
    ids = haystack(running, arguments.data, arguments.debian, tokenizer)
    ids.tofile(arguments.out / "haystack.u16")
    with lzma.open(arguments.out / "haystack.u16.xz", "wb", preset=4) as file:
        file.write(ids.tobytes())
    print(f"{arguments.out}: {len(ids) / 1e6:.1f}M tokens")


if __name__ == "__main__":
    main()
