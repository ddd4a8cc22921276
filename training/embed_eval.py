"""Makes corpora and questions for `widenet eval retrieval` out of public retrieval sets, and runs it on each.

    python3 training/embed_eval.py --eval-data DIR --widenet build/release/widenet --model models/nano-embed --out DIR

DIR holds lost-in-the-middle/ (NQ questions with their gold passages), vaswani/ and cranfield/.  Each set becomes
corpus.jsonl ({"key", "title", "text"}) and questions.jsonl as examples/company has them.
"""
import argparse
import gzip
import html
import json
import pathlib
import re
import subprocess


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


def vaswani(folder):
    text = (folder / "vaswani/corpus/doc-text.trec").read_text()
    documents = [{"key": key, "title": "", "text": body.strip()}
                 for key, body in re.findall(r"<DOCNO>\s*(\d+)\s*</DOCNO>(.*?)</DOC>", text, re.S)]
    relevant = judged(folder / "vaswani/qrels", 0, 2, 3)
    topics = re.findall(r"<num>\s*(\d+)\s*</num>\s*<title>(.*?)</title>", (folder / "vaswani/query-text.trec").read_text(), re.S)
    return documents, [(" ".join(query.split()).lower(), relevant[int(number)]) for number, query in topics if int(number) in relevant]


def cranfield(folder):
    text = (folder / "cranfield/cran.all.1400.xml").read_text()
    documents = [{"key": key, "title": "", "text": html.unescape(body).strip()}
                 for key, body in re.findall(r"<docno>\s*(\d+)\s*</docno>.*?<text>(.*?)</text>", text, re.S) if body.strip()]
    relevant = judged(folder / "cranfield/cranqrel.trec.txt", 0, 2, 3)
    topics = re.findall(r"<title>(.*?)</title>", (folder / "cranfield/cran.qry.xml").read_text(), re.S)
    # The judgements number the queries by their order, not by the number that stands beside them.
    return documents, [(" ".join(query.split()), relevant[i]) for i, query in enumerate(topics, 1) if i in relevant]


SETS = {"nq": natural_questions, "vaswani": vaswani, "cranfield": cranfield}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval-data", type=pathlib.Path, required=True)
    parser.add_argument("--widenet")
    parser.add_argument("--model", default="models/nano-embed")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for name, read in SETS.items():
        documents, questions = read(arguments.eval_data)
        folder = arguments.out / name
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "corpus.jsonl", "w") as file:
            file.writelines(json.dumps(document) + "\n" for document in documents)
        with open(folder / "questions.jsonl", "w") as file:
            file.writelines(json.dumps({"id": f"{name}-{i}", "question": question, "answer": "", "documents": keys,
                                        "answerable": True}) + "\n" for i, (question, keys) in enumerate(questions))
        print(f"{name}: {len(documents)} documents, {len(questions)} questions", flush=True)
        if arguments.widenet:
            subprocess.run([arguments.widenet, "eval", "retrieval", "--corpus", folder / "corpus.jsonl", "--embedder", arguments.model,
                            "--questions", folder / "questions.jsonl", "--out", folder], check=True)


if __name__ == "__main__":
    main()
