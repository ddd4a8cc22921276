#!/usr/bin/env python3
"""Checks the sample company as it lies on disk: that it is what the script writes, that each gold passage and answer stands in
its document as other programs read it (pdftotext, a ZIP reader, a mail parser), and that what is called absent is absent.

    python3 training/company/check_company.py examples/company
"""
import csv
import email
import email.policy
import html
import io
import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree
import zipfile

import make_company

problems = []


def expect(condition, message):
    if not condition:
        problems.append(message)


def pdf_text(path):
    both = [subprocess.run(["pdftotext", *flags, str(path), "-"], capture_output=True, text=True, check=True) for flags in ([], ["-layout"])]
    expect(not any(run.stderr for run in both), f"{path}: pdftotext complains: {both[0].stderr.strip()}")
    return "\n".join(run.stdout for run in both)


def docx_text(path):
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    for name, part in parts.items():
        xml.etree.ElementTree.fromstring(part)
    space = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    lines = []
    for element in xml.etree.ElementTree.fromstring(parts["word/document.xml"]).iter(space + "p"):
        lines.append("".join(piece.text or "" for piece in element.iter(space + "t")))
    return "\n".join(lines)


def eml_text(path):
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    expect(not any(part.defects for part in mail.walk()), f"{path}: the mail has defects")
    return f"{mail['subject']}\n" + re.sub(r"^[> ]+", "", mail.get_body(("plain",)).get_content(), flags=re.M)


def csv_text(path):
    head, *rows = csv.reader(io.StringIO(path.read_bytes().decode()))
    expect(all(len(row) == len(head) for row in rows), f"{path}: rows of different lengths")
    return "\n".join("; ".join(f"{name}: {cell}" for name, cell in zip(head, row) if cell) for row in rows)


def html_text(path):
    text = re.sub(r"<(script|style)>.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def plain_text(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        json.loads(text)
    return text


READERS = {".pdf": pdf_text, ".docx": docx_text, ".eml": eml_text, ".csv": csv_text, ".html": html_text}


def bare(text):
    """Letters and digits only: how a reader joins cells and lines is its own affair."""
    return "".join(c for c in text if c.isalnum()).lower()


def pieces(text):
    return re.split(r"\n|(?<=[.!?])\s+(?=[A-Z])", text)


def check_tree(root):
    tree = make_company.make()
    on_disk = {p.relative_to(root / "documents").as_posix(): p.read_bytes() for p in (root / "documents").rglob("*") if p.is_file()}
    for path in sorted(tree.files.keys() | on_disk.keys()):
        expect(tree.files.get(path) == on_disk.get(path), f"documents/{path} is not what make_company.py writes")
    total = sum(map(len, on_disk.values()))
    expect(len(on_disk) >= 150 and total < 4_000_000, f"{len(on_disk)} documents of {total} bytes")
    expect(sum(path.endswith(".pdf") for path in on_disk) >= 30, "fewer than 30 PDFs")
    return len(on_disk)


def check_invented(texts):
    for path, text in texts.items():
        for domain in re.findall(r"[\w.-]+@([\w.-]+\w)", text):
            expect(domain.endswith(".example"), f"{path}: the address at {domain} could be real")
        for number in re.findall(r"\b0\d{4} \d{6}\b", text):
            expect(number.startswith("01632 960"), f"{path}: {number} is not reserved for fiction")
        for iban in re.findall(r"\bGB\d\d [A-Z]{4}[\d ]+", text):
            digits = re.sub(r"\s", "", iban)
            number = int("".join(str(int(c, 36)) for c in digits[4:] + digits[:4]))
            expect(number % 97 != 1, f"{path}: {iban} passes the IBAN check")


def check_questions(rows, texts):
    seen = set()
    for r in rows:
        expect(r["question"] not in seen, f"{r['id']}: asked twice")
        seen.add(r["question"])
        for name in r["documents"]:
            expect(name in texts, f"{r['id']}: no document {name}")
        if r["answerable"]:
            text = texts[r["documents"][0]]
            expect(bare(r["passage"]) in bare(text), f"{r['id']}: the passage is not in {r['documents'][0]}: {r['passage']}")
            expect(r["answer"] in r["passage"], f"{r['id']}: {r['answer']} is not in the passage")
            expect(20 <= len(r["passage"]) <= 320, f"{r['id']}: a passage of {len(r['passage'])} characters")
        elif r["kind"] == "absent":
            for word in r["must_not_occur"]:
                holders = [path for path, text in texts.items() if word.lower() in text.lower()]
                expect(not holders, f"{r['id']}: {word!r} occurs in {holders[:3]}")
        else:
            check_near_miss(r, texts)


def check_near_miss(r, texts):
    expect(r["entity"].lower() in texts[r["documents"][0]].lower(), f"{r['id']}: {r['entity']} is not in {r['documents'][0]}")
    own = [(r["documents"][0], piece) for piece in pieces(texts[r["documents"][0]])] if len(texts[r["documents"][0]]) < 6000 else []
    others = [(path, piece) for path, text in texts.items() for piece in pieces(text) if r["entity"].lower() in piece.lower()]
    for word in r["must_not_occur"]:
        for path, piece in own + others:
            expect(not re.search(r"\b" + re.escape(word), piece, re.I), f"{r['id']}: {word!r} in {path}: {piece[:150]}")


def main():
    root = pathlib.Path(sys.argv[1])
    n_documents = check_tree(root)
    texts = {p.relative_to(root).as_posix(): READERS.get(p.suffix, plain_text)(p) for p in sorted((root / "documents").rglob("*")) if p.is_file()}
    check_invented(texts)
    sets = {name: [json.loads(line) for line in (root / name).read_text().splitlines()] for name in ("questions.jsonl", "absent.jsonl", "paraphrases.jsonl")}
    rows = sets["questions.jsonl"] + sets["absent.jsonl"]
    check_questions(rows + sets["paraphrases.jsonl"], texts)
    unanswerable = [r for r in rows if not r["answerable"]]
    near = sum(r["kind"] == "near_miss" for r in unanswerable)
    expect(sum(r["answerable"] for r in sets["questions.jsonl"]) >= 65 and len(sets["questions.jsonl"]) >= 80, "too few questions")
    expect(sum(not r["answerable"] for r in sets["questions.jsonl"]) >= 15 and len(sets["absent.jsonl"]) >= 45, "too few unanswerable questions")
    expect(len(unanswerable) >= 60 and 2 * near >= len(unanswerable), f"{len(unanswerable)} unanswerable, {near} near misses")
    print("\n".join(problems) or f"{n_documents} documents, {len(rows)} questions ({len(unanswerable)} unanswerable, {near} near misses): all as it should be")
    sys.exit(1 if problems else 0)


main()
