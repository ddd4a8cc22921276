"""Questions about real text: definitions, headings, who-when-how-much of any sentence, and the question sets of sources.toml."""
import json
import lzma
import re

from tasks.prompt import Document, Turn

DEFINE = ["What does {word} mean?", "How is {word} defined?", "Define {word}.", "What is the meaning of {word}?"]
ENTRIES = ["{word}: {text}.", "{word} - {text}", "{word} means {text}.", "{word}\t{text}"]
MEANT = ["Which word means {text}?", "What is the word for {text}?", "Which term stands for {text}?"]
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
    turns = [Turn(r.choice(DEFINE).format(word=word), [line], chosen[word]) if r.random() < 0.7 else
             Turn(r.choice(MEANT).format(text=chosen[word]), [line], word) for word, line in lines.items()]

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


# What in a sentence can be asked for: (its shape, the question words; {unit} is the word after a number)
MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
ASKED = [
    (re.compile(rf"\b(?:\d{{1,2}} )?(?:{MONTH})(?: \d{{1,2}},)? (?:1[5-9]|20)\d\d\b"), ["When", "On what date", "Since when", "What is the date"]),
    (re.compile(r"(?<=\b[io]n )(?:1[4-9]|20)\d\d\b"), ["When", "In which year", "In what year", "What year"]),
    (re.compile(r"[$€£]\s?\d[\d,.]*\d(?: (?:million|billion|thousand))?"), ["How much", "What sum", "What amount", "What price"]),
    (re.compile(r"\b\d[\d,.]* ?(?:%|per ?cent)"), ["What percentage", "What share", "How much", "By how much", "What proportion"]),
    (re.compile(r"\b(?:\d[\d,]*|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|hundreds?|thousands?) (?=[a-z]{3,12}\b)(?:days?|weeks?|months?|years?|hours?|minutes?)"),
     ["How long", "For how long", "How many days, months or years", "After what time"]),
    (re.compile(r"\b\d[\d,.]*\d\b"), ["How many", "How much", "What number"]),
    (re.compile(r"(?<=[a-z,] )(?:[A-Z][a-z]+)(?: (?:of |the )?[A-Z][a-z]+){1,3}\b"), ["Who", "Which", "What", "Who or what", "Which name", "Where", "Whose"]),
    (re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b"), ["Who", "Which", "What", "Where", "Which name"]),
    (re.compile(r"(?<= because )[a-z][\w ,'-]{15,90}(?=[.;])"), ["Why", "For what reason", "How come", "What is the reason"]),
]
SMALL_WORDS = set("""a an the of to in on at by for with from as is are was were be been being has have had do does did it its he his
she her they their them this that these those and or but not which who when where what than then there will would can could may
should must i you we our your my me him us so if into out up also such any all each no""".split())


class Paraphraser:
    """Says words in other words: WordNet's synonyms, the endings carried over."""

    def __init__(self, entries):
        self.synonyms = {entry["word"]: entry["synonyms"] for entry in entries}

    def stem(self, word):
        """(a known word, the ending to put on its synonyms)"""
        for ending, endings in (("", ("",)), ("s", ("s", "es")), ("ed", ("ed", "d")), ("ing", ("ing",))):
            for cut in endings:
                base = word[:len(word) - len(cut)]
                for candidate in (base, base + "e" if ending == "ing" else base):
                    if word.endswith(cut) and candidate in self.synonyms:
                        return candidate, ending
        return None, ""

    def other(self, r, word):
        base, ending = self.stem(word)
        if not base:
            return word
        head, *rest = r.choice(self.synonyms[base][:4]).split(" ")
        if ending and r.random() < 0.6:
            head = (head[:-1] if head.endswith("e") and ending != "s" else head) + ending
        return " ".join([head] + rest)

    def keywords(self, r, words, share):
        """The content words of a list, some left out, some said otherwise, the small ones thinned out."""
        kept = []
        for word in words:
            if word.lower() in SMALL_WORDS:
                if r.random() < 0.5:
                    kept.append(word)
            elif r.random() < 0.75:
                kept.append(self.other(r, word.lower()) if word.islower() and r.random() < share else word)
        return kept


def asked_of_text(r, text, paraphraser, count):
    """Turns that ask, in other words, for a date, number, name or reason of some sentence."""
    sentences = [s for s in re.findall(r"(?:(?<=\s)|^)[A-Z][^!?\n]{40,260}?[.](?=\s|$)", text) if '"' not in s]
    turns = []
    for sentence in r.sample(sentences, min(len(sentences), 6 * count)):
        found = [(match, asked) for shape, asked in ASKED for match in [shape.search(sentence)] if match]
        if not found or text.count(sentence) > 1:
            continue
        match, asked = r.choice(found)
        before, after = sentence[:match.start()], sentence[match.end():]
        near = re.findall(r"[\w'-]+", before)[-r.randint(4, 12):], re.findall(r"[\w'-]+", after)[:r.randint(3, 10)]
        words = paraphraser.keywords(r, near[0], 0.25), paraphraser.keywords(r, near[1], 0.25)
        ordered = words[0] + words[1] if r.random() < 0.5 else words[1] + words[0]
        if sum(word.lower() not in SMALL_WORDS for word in ordered) < 3:
            continue
        question = " ".join([r.choice(asked)] + r.choice((["did"], ["was"], ["is"], ["does"], [])) + ordered)
        turns.append(Turn(question + r.choice(("?", "?", "?", "")), [sentence], match.group(0)))
        if len(turns) == count:
            break
    return turns
