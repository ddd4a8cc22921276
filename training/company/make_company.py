#!/usr/bin/env python3
"""Writes the sample company: every document of examples/company and its two question sets, the same bytes on every run.

    python3 training/company/make_company.py --out examples/company
    python3 training/company/check_company.py examples/company        (what must hold of the result)

Only the standard library is used.  What the script did not write (KINDS.md) is left as it is.
"""
import argparse
import csv
import io
import json
import pathlib
import shutil

import docx_writer
import exports
import markup
import papers_agreements
import papers_depots
import papers_mail
import papers_office
import papers_people
import papers_trade
import pdf_writer
import questions
from world import LETTERHEAD, NAME


class Tree:
    """The documents written so far, by path; each method takes a paper in one form and stores its bytes."""

    def __init__(self):
        self.files = {}
        self.sources = {}  # the markup behind a path
        self.texts = {}    # the text behind a mail, without headers

    def add(self, path, data):
        if path in self.files:
            raise SystemExit(f"make_company: cannot write {path} twice: two papers share this name")
        self.files[path] = data

    def pdf(self, path, source, date):
        self.sources[path] = source
        self.add(path, pdf_writer.write(source, LETTERHEAD, NAME, date))

    def docx(self, path, source, author, date):
        self.sources[path] = source
        self.add(path, docx_writer.write(source, author, date))

    def markdown(self, path, source):
        self.sources[path] = source
        self.add(path, markup.markdown(source).encode())

    def html(self, path, source, site, crumbs):
        self.sources[path] = source
        self.add(path, markup.html_page(source, site, crumbs).encode())

    def text(self, path, source):
        self.add(path, source.encode())

    def json(self, path, value):
        self.add(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())

    def csv(self, path, rows):
        out = io.StringIO()
        csv.writer(out, lineterminator="\r\n").writerows(rows)
        self.add(path, out.getvalue().encode())

    def mail(self, path, text, data):
        self.texts[path] = text
        self.add(path, data)


def make():
    tree = Tree()
    for module in (papers_agreements, papers_trade, papers_people, papers_depots, papers_office, papers_mail, exports):
        module.write(tree)
    return tree


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder to write, for example examples/company")
    out = parser.parse_args().out
    tree = make()
    documents = out / "documents"
    shutil.rmtree(documents, ignore_errors=True)
    for path, data in tree.files.items():
        target = documents / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    n_questions = questions.write(tree, out)
    print(f"{len(tree.files)} documents, {sum(map(len, tree.files.values())) / 1e6:.2f} MB, {n_questions} questions in {out}")


if __name__ == "__main__":
    main()
