"""Needles dropped into running text, and cloze copies of the text itself."""
import re

from tasks import values as v
from tasks.prompt import Turn

# (sentence, question); {a} is an attribute, {k} a key, {v} the value that is asked for.
TEMPLATES = [
    ("The {a} for {k} is {v}.", "What is the {a} for {k}?"),
    ("The {a} of {k} was set to {v}.", "To what was the {a} of {k} set?"),
    ("Remember that {k} has the {a} {v}.", "Which {a} does {k} have?"),
    ("For {k}, use {v} as the {a}.", "What should be used as the {a} for {k}?"),
    ("Note: {a} ({k}) = {v}.", "{a} ({k}) = ?"),
    ("{k} answers to the {a} {v}.", "To which {a} does {k} answer?"),
    ("It was agreed that the {a} of {k} would be {v}.", "What was agreed as the {a} of {k}?"),
    ("In the ledger, {k} appears with the {a} {v}.", "With which {a} does {k} appear in the ledger?"),
    ("Whoever asks about {k} should hear the {a} {v}.", "What {a} should one hear who asks about {k}?"),
    ("{v} is the {a} that belongs to {k}.", "Which {a} belongs to {k}?"),
    ("On the card of {k} stands the {a} {v}.", "What {a} stands on the card of {k}?"),
    ("Nobody but {k} knows the {a} {v}.", "Which {a} does only {k} know?"),
]
ATTRIBUTES = ["access code", "balance", "badge number", "call sign", "colour", "combination", "contract value", "deadline",
              "delivery slot", "docket", "extension", "fee", "file number", "gate", "grade", "invoice total", "keyword",
              "licence plate", "locker", "lot number", "order number", "parcel number", "password", "phone number",
              "pin", "quota", "rate", "reference", "renewal date", "room", "score", "seal", "seat", "serial", "shelf", "signal",
              "target", "tariff", "threshold", "ticket priority", "token", "voucher", "weight"]


def key(r, words):
    style = r.random()
    if style < 0.5:
        return " ".join(r.choice(words) for _ in range(r.choice((1, 2, 2, 3))))
    return r.choice((v.firm, v.person, v.project, v.product, v.model, v.invented_word))(r)


def value(r, words):
    style = r.random()
    if style < 0.5:
        return v.number(r, 3, 8)
    if style < 0.7:
        return " ".join(r.choice(words) for _ in range(r.choice((1, 2))))
    return v.anything(r)


def needle(r, words):
    """(sentence, its turn, a turn about a key that was never mentioned)"""
    sentence, question = r.choice(TEMPLATES)
    attribute, k, absent_key = r.choice(ATTRIBUTES), key(r, words), key(r, words)
    slots = dict(a=attribute, k=k, v=value(r, words))
    capital = lambda text: text[0].upper() + text[1:]
    line = sentence.format(**slots)
    line = line if sentence.startswith("{v}") else capital(line)  # values stay as asked for
    turn = Turn(capital(question.format(**slots)), [line], slots["v"])
    return line, turn, Turn(capital(question.format(a=attribute, k=absent_key)), [])


CLOZE = ['How does the sentence "{start} ..." go on?', 'Complete: "{start} ..."', 'What follows "{start}"?',
         'Which words come after "{start}"?', 'Find the sentence that begins "{start}".']


def cloze(r, text):
    """A sentence of the text is begun in the question; its rest is the answer.  None if no sentence is fit."""
    sentences = [s for s in re.findall(r"[A-Z][^.!?\n]{40,200}[.!?](?=\s)", text) if '"' not in s]
    sentences = [s for s in sentences if text.count(s) == 1]
    if not sentences:
        return None
    sentence = r.choice(sentences)
    words = sentence.split(" ")
    cut = r.randint(3, max(3, len(words) // 2))
    start, rest = " ".join(words[:cut]), " ".join(words[cut:])
    return Turn(r.choice(CLOZE).format(start=start), [sentence], rest)


def spelled_pairs(r, count, words):
    """A key-value list: (lines, turns)."""
    kind = r.random()
    make = (lambda: v.token(r)) if kind < 0.4 else (lambda: " ".join(r.choice(words) for _ in range(r.choice((1, 2)))))
    joiner = r.choice((": ", " = ", " -> ", "\t", ", "))
    quote = r.choice(("", "", '"'))
    pairs = {make(): (v.token(r) if r.random() < 0.5 else value(r, words)) for _ in range(count)}
    lines = [f"{quote}{k}{quote}{joiner}{quote}{x}{quote}" for k, x in pairs.items()]
    ask = r.choice(("What is the value of {k}?", "Value for {k}?", "What is stored under {k}?", "Look up {k}."))
    turns = [Turn(ask.format(k=k), [line], x) for (k, x), line in zip(pairs.items(), lines)]
    return lines, turns, lambda: Turn(ask.format(k=make()), [])


def chain(r, words):
    """Variable tracking: (lines, the turn that asks for the last one's value)."""
    names = [v.model(r).replace(" ", "-") for _ in range(r.randint(2, 4))]
    if len(set(names)) < len(names):
        return chain(r, words)
    start = value(r, words)
    lines = [f"Let {names[0]} be {start}."] + [f"Let {later} be the same as {earlier}." for earlier, later in zip(names, names[1:])]
    return lines, Turn(f"What is {names[-1]}?", list(reversed(lines)), start)
