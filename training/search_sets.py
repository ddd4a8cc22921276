"""Writes public retrieval sets in BEIR form, for `widenet bench search --set`.

    python3 training/search_sets.py --eval-data DIR --out DIR
    widenet bench search --set OUT/nq --set OUT/cranfield --set OUT/filings

DIR holds lost-in-the-middle/ (NQ questions with their gold passages), cranfield/ and lara-financial/ (quarterly and yearly reports, each
with questions that its text answers).  Vaswani's TREC files are read as they are: --documents, --topics, --judgements.
"""
import argparse
import gzip
import html
import json
import pathlib
import re


def natural_questions(folder):
    """2,655 questions; the corpus is their gold passages, each once."""
    documents, questions = {}, []
    for number, line in enumerate(gzip.open(folder / "lost-in-the-middle/nq-open-oracle.jsonl.gz", "rt")):
        record = json.loads(line)
        gold = next(context for context in record["ctxs"] if context["isgold"])
        key = documents.setdefault((gold["title"], gold["text"]), f"nq{number}")
        questions.append((record["question"], [key]))
    return [{"key": key, "title": title, "text": text} for (title, text), key in documents.items()], questions


def judged(path, query_column, document_column, relevance_column, relevance_min=1):
    relevant = {}
    for line in path.read_text().splitlines():
        columns = line.split()
        if int(columns[relevance_column]) >= relevance_min:
            relevant.setdefault(int(columns[query_column]), []).append(columns[document_column])
    return relevant


def cranfield(folder):
    text = (folder / "cranfield/cran.all.1400.xml").read_text()
    documents = [{"key": key, "title": "", "text": html.unescape(body).strip()}
                 for key, body in re.findall(r"<docno>\s*(\d+)\s*</docno>.*?<text>(.*?)</text>", text, re.S) if body.strip()]
    relevant = judged(folder / "cranfield/cranqrel.trec.txt", 0, 2, 3)
    topics = re.findall(r"<title>(.*?)</title>", (folder / "cranfield/cran.qry.xml").read_text(), re.S)
    # The judgements number the queries by their order, not by the number that stands beside them.
    return documents, [(" ".join(query.split()), relevant[i]) for i, query in enumerate(topics, 1) if i in relevant]


def filings(folder):
    """Questions about one report each; they name its company or not."""
    documents = [{"key": path.name, "title": path.stem, "text": path.read_text(errors="replace")}
                 for path in sorted((folder / "lara-financial/32k/financial").glob("*.txt"))]
    questions = [json.loads(line) for line in open(folder / "lara-financial/query/32k_financial_location.jsonl")]
    return documents, [(question["question"], [question["file"]]) for question in questions]


SETS = {"nq": natural_questions, "cranfield": cranfield, "filings": filings}


def write_lines(path, records):
    with open(path, "w") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval-data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for name, read in SETS.items():
        documents, questions = read(arguments.eval_data)
        folder = arguments.out / name
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        write_lines(folder / "corpus.jsonl", [{"_id": d["key"], "title": d["title"], "text": d["text"]} for d in documents])
        write_lines(folder / "queries.jsonl", [{"_id": str(i), "text": question} for i, (question, _) in enumerate(questions)])
        with open(folder / "qrels" / "test.tsv", "w") as file:
            file.write("query-id\tcorpus-id\tscore\n")
            file.writelines(f"{i}\t{key}\t1\n" for i, (_, keys) in enumerate(questions) for key in keys)
        print(f"{name}: {len(documents)} documents, {len(questions)} queries", flush=True)


if __name__ == "__main__":
    main()
