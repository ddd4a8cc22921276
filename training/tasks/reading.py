"""Questions that come with real text: definitions, headings, and the question sets of sources.toml."""
import json
import lzma
import re

from tasks.prompt import Document, Turn

DEFINE = ["What does {word} mean?", "How is {word} defined?", "Define {word}.", "What is the meaning of {word}?"]
ENTRIES = ["{word}: {text}.", "{word} - {text}", "{word} means {text}.", "{word}\t{text}"]
UNDER = ['What does the text say first under "{heading}"?', 'How does the section "{heading}" begin?',
         'What stands under the heading "{heading}"?']


def read_lines(path):
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def glossary(r, entries, count):
    """Some dictionary entries: (document, turns, a maker of questions about words that are not there)."""
    chosen = {entry["word"]: entry["text"] for entry in r.sample(entries, count)}
    style = r.choice(ENTRIES)
    lines = {word: style.format(word=word, text=text) for word, text in sorted(chosen.items())}
    turns = [Turn(r.choice(DEFINE).format(word=word), [line], chosen[word]) for word, line in lines.items()]

    def absent():
        word = r.choice(entries)["word"]
        return Turn(r.choice(DEFINE).format(word=word), []) if word not in chosen else turns[0]

    return Document(r.choice(("glossary", "terms.md", "dictionary")), ["\n".join(lines.values())]), turns, absent


def headings(r, text):
    """Turns that ask what a heading of running text is followed by."""
    found = re.findall(r"^#{0,4} ?([A-Z][\w ,'\-]{3,50})\.?\n+([A-Z][^.!?\n]{30,220}[.!?])(?=\s)", text, re.M)
    return [Turn(r.choice(UNDER).format(heading=heading), [sentence], sentence)
            for heading, sentence in found if text.count(sentence) == 1 and text.count(heading) <= 2]


def around(r, text, evidence, length_max):
    """About length_max characters of text with the evidence somewhere in it, cut at line or sentence ends."""
    at = text.find(evidence)
    spare = max(0, length_max - len(evidence))
    start = max(0, at - r.randint(0, spare))
    start = 0 if start == 0 else max(text.rfind("\n", 0, start), text.rfind(". ", 0, start) + 1, 0)
    end = min(len(text), max(start + length_max, at + len(evidence)))
    return text[start:end].strip()


def passage(r, record, length_max):
    """One question of the sets: (document, turn), its text cut to length_max characters."""
    text = around(r, record["text"], record["evidence"][0], length_max)
    return Document(r.choice(("passage", "report", "extract")), [text]), Turn(record["question"], record["evidence"], record["answer"])
