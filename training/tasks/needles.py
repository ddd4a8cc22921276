"""Needles dropped into running text, and cloze copies of the text itself."""
import functools
import pathlib
import re

from tasks import values as v
from tasks import wordings
from tasks.prompt import Turn

# A needle's sentence is one of many written by hand, or composed, so that no wording can be learnt by heart: an opening, a way to name the
# attribute {a} of the key {k}, a way to give its value {v}.  {w} is any word, {d} any participle.
OPENINGS = ["According to the {w}", "By order of the {w}", "Since the {w}", "In the {w} book", "On the {w} list", "At the {w}", "After the {w}",
            "In the words of the {w}", "As the {w} noted", "For the {w}", "Under the {w} rule", "Before the {w}", "During the {w}",
            "From the {w} onwards", "Because of the {w}", "Thanks to the {w}", "In spite of the {w}", "On page {n}", "In note {n}",
            "Without the {w}", "Near the {w}", "To please the {w}"]
OWN = ["the {a} of {k}", "the {a} for {k}", "the {a} {d} to {k}", "the {a} that {k} {d}", "{k}'s {a}", "the {a} on {k}", "the {d} {a} of {k}",
       "the {a} next to {k}", "the {a} under {k}", "the {a} that belongs to {k}", "the {a} known to {k}", "the {a} at {k}"]
IS = ["is {v}", "was {v}", "is now {v}", "has been {v}", "became {v}", "remains {v}", "was {d} as {v}", "is {d} as {v}", "was changed to {v}",
      "came to {v}", "turned out to be {v}", "will be {v}", "shall be {v}", "must be {v}", "used to be {v}", "is called {v}", "is written {v}",
      "comes out as {v}", "lies at {v}", "is given as {v}", "has to be {v}"]
KEY_FIRST = ["{k} has {v} as {a}", "{k} {d} {v} as its {a}", "{k} {d} the {a} {v}", "{k} was {d} with the {a} {v}", "{k} got {v} for its {a}",
             "{k} and its {a}, {v}, were {d}", "{k} shows the {a} {v}", "{k} bears {v} as {a}", "{k} ({a}: {v}) was {d}", "{k} never {d} its {a}, {v}",
             "{v} is what {k} {d} as {a}", "{v} was {d} to {k} as {a}", "for {k}, use {v} as {a}", "write {v} where the {a} of {k} is {d}",
             "whoever {d} {k} knows the {a} {v}", "if the {a} of {k} is {d}, say {v}", "{k} would not be {d} without the {a} {v}",
             "{k}, {a} {v}, has been {d}", "nobody {d} that {k} had the {a} {v}", "the {w} {d} {v} when {k} asked for its {a}",
             "{k}: {a} {v}", "{a} ({k}) = {v}"]
ASK = ["What is the {a} for {k}?", "Which {a} does {k} have?", "{a} of {k}?", "Tell me the {a} of {k}.", "What {a} was {d} to {k}?",
       "Which {a} belongs to {k}?", "For {k}, which {a} holds?", "What do we know as the {a} of {k}?", "State the {a} that {k} has.",
       "I am looking for the {a} of {k}.", "Which {a} goes with {k}?", "How is the {a} of {k} given?", "What was {k}'s {a}?", "Say which {a} {k} {d}.",
       "{k}: what {a}?", "What should be used as {a} for {k}?", "Do you know the {a} of {k}?", "What {a} is meant for {k}?", "Give the {a} of {k}."]
ATTRIBUTES = ["access code", "balance", "badge number", "call sign", "colour", "combination", "contract value", "deadline",
              "delivery slot", "docket", "extension", "fee", "file number", "gate", "grade", "invoice total", "keyword",
              "licence plate", "locker", "lot number", "order number", "parcel number", "password", "phone number",
              "pin", "quota", "rate", "reference", "renewal date", "room", "score", "seal", "seat", "serial", "shelf", "signal",
              "target", "tariff", "threshold", "ticket priority", "token", "voucher", "weight"]
TITLES = ["Aunt", "Brother", "Chief", "Count", "Doctor", "Dame", "General", "Judge", "King", "Lady", "Miss", "Mister", "Mother", "Nurse", "Pastor",
          "Professor", "Queen", "Saint", "Sergeant", "Sister", "Uncle", "Young"]


def reserved_words():
    """Words of the evaluation's needles, which training must not know."""
    evaluation = (pathlib.Path(__file__).parents[2] / "eval/tasks/niah.cc").read_text()
    return set(re.findall(r'"(\w+)"', re.search(r"kWords = \{(.*?)\};", evaluation, re.S).group(1)))


def capital(text):
    return text[0].upper() + text[1:]


def some_words(r, words, counts=(1, 1, 2)):
    return " ".join(r.choice(words) for _ in range(r.choice(counts)))


def key(r, words):
    style = r.random()
    if style < 0.3:
        return some_words(r, words, (1, 2, 2, 3))
    if style < 0.5:
        return f"the {capital(r.choice(words))} {r.choice(words)}"
    if style < 0.6:
        return f"the {r.choice(words)} {capital(r.choice(words))}"
    if style < 0.7:
        return f"{r.choice(TITLES)} {capital(r.choice(words))}"
    return r.choice((v.firm, v.person, v.project, v.product, v.model, v.invented_word))(r)


def attribute(r, words):
    return r.choice(ATTRIBUTES) if r.random() < 0.3 else some_words(r, words)


def value(r, words):
    """Plain words as often as numbers: where they end, only the sentence tells."""
    style = r.random()
    if style < 0.25:
        return v.number(r, 3, 8)
    if style < 0.5:
        return some_words(r, words, (1, 2, 2, 2, 3))
    if style < 0.75:
        return r.choice((f"{r.choice(words)} {v.number(r, 2, 4)}", v.model(r), v.token(r), v.mixed_code(r)))
    return v.anything(r)


@functools.cache
def frames():
    """[(sentence, questions)] written by hand, with {a}, {k} and {v} left open."""
    return [(sentence, questions) for sentence, *questions in wordings.rows("needles.tsv")]


def pattern(r, words, participles):
    """(sentence, question) with {a}, {k} and {v} left open."""
    if r.random() < 0.6:
        sentence, questions = r.choice(frames())
        return sentence, r.choice(questions if r.random() < 0.7 else ASK[:9])
    core = f"{r.choice(OWN)} {r.choice(IS)}" if r.random() < 0.5 else r.choice(KEY_FIRST)
    question = r.choice(ASK)
    opening = r.choice(OPENINGS) if r.random() < 0.6 else ""
    if opening:
        core = f"{opening}, {core}" if r.random() < 0.7 else f"{core} {opening[0].lower() + opening[1:]}"
        if r.random() < 0.5:  # the question may recall where that was said
            question = f"{opening}: {question}" if r.random() < 0.4 else f"{question[:-1]} {opening[0].lower() + opening[1:]}{question[-1]}"
    drawn = {"{w}": some_words(r, words), "{d}": r.choice(participles), "{n}": str(r.randrange(2, 400))}
    for slot, word in drawn.items():  # the same words in both
        core, question = core.replace(slot, word), question.replace(slot, word)
    return core + r.choice((".", ".", ".", ".", "!", ";")), question


class Needles:
    """Sentences that share attributes and keys with one another, so that only both together find the right one."""

    def __init__(self, r, words, participles, count):
        self.r = r
        pool = max(1, round(count * r.choice((0.3, 0.6, 1.0))))
        self.attributes = [attribute(r, words) for _ in range(pool)]
        self.keys = [key(r, words) for _ in range(pool)]
        pairs = dict.fromkeys((r.choice(self.attributes), r.choice(self.keys)) for _ in range(count))
        self.made, self.pairs = [], set(pairs)  # made: (sentence, its turn)
        for a, k in pairs:
            sentence, question = pattern(r, words, participles)
            x = value(r, words)
            line = filled(sentence, a, k, x)
            self.made.append((line, Turn(filled(question, a, k, x), [line], x if x in line else capital(x))))
        self.other = lambda: (attribute(r, words), key(r, words))
        self.question = lambda: pattern(r, words, participles)[1]

    def absent(self):
        """A question about an attribute and a key that no sentence brings together: known ones, if that is possible."""
        for _ in range(10):
            pair = (self.r.choice(self.attributes), self.r.choice(self.keys))
            if pair not in self.pairs:
                return Turn(filled(self.question(), *pair, ""), [])
        return Turn(filled(self.question(), *self.other(), ""), [])


def filled(template, a, k, x):
    return capital(template.replace("{a}", a).replace("{k}", k).replace("{v}", x))


CLOZE = ['How does the sentence "{start} ..." go on?', 'Complete: "{start} ..."', 'What follows "{start}"?',
         'Which words come after "{start}"?', 'Find the sentence that begins "{start}".']


RECALLED = ["How does the sentence with {words} end?", "Which words end the sentence about {words}?", "Finish the sentence that speaks of {words}.",
            "What stands at the end of the sentence with {words}?"]


def cloze(r, text):
    """A sentence of the text is begun in the question, or recalled by some of its words; its rest is the answer.

    None if no sentence is fit.
    """
    sentences = [s for s in re.findall(r"[A-Z][^.!?\n]{40,200}[.!?](?=\s)", text) if '"' not in s]
    sentences = [s for s in sentences if text.count(s) == 1]
    if not sentences:
        return None
    sentence = r.choice(sentences)
    words = sentence.split(" ")
    long_ones = [word.strip(",;:()") for word in words[:-3] if len(word) > 4]
    if len(long_ones) > 3 and r.random() < 0.5:
        chosen = r.sample(long_ones, r.randint(2, min(4, len(long_ones))))
        end = " ".join(words[-r.randint(1, 4):])
        return Turn(r.choice(RECALLED).format(words=", ".join(chosen[:-1]) + " and " + chosen[-1]), [sentence], end)
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
