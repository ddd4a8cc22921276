"""What a sentence leaves open: any words of any sentence, often put there anew, asked for by the rest of the sentence.

Every sentence of running text is a wording of its own, so what is learnt is to find the part that the question lacks,
not the phrases of a generator.
"""
import re

from tasks.prompt import Turn
from tasks.reading import SMALL_WORDS

AUXILIARIES = set("is was are were has had have can could will would must should may might".split())
PAST = dict(pair.split("-") for pair in """became-become began-begin bore-bear bought-buy brought-bring broke-break built-build
came-come caught-catch chose-choose cost-cost cut-cut did-do drew-draw drove-drive fell-fall felt-feel found-find flew-fly
fought-fight gave-give got-get grew-grow held-hold hit-hit kept-keep knew-know laid-lay led-lead left-leave lent-lend let-let
lost-lose made-make meant-mean met-meet paid-pay put-put ran-run read-read rose-rise said-say saw-see sent-send set-set
shot-shoot showed-show sold-sell spent-spend spoke-speak stood-stand swore-swear taught-teach told-tell took-take
thought-think threw-throw understood-understand went-go won-win wore-wear wrote-write""".split())
PRESENT = set("""allow apply become begin bring call carry come consist contain cost cover create define describe do draw find follow
get give go grow have help hold include keep know lead leave let lie live make mean need offer open pay play print produce
provide put reach read receive remain represent require return run say see seem send serve set show specify stand start stay
stop support take tell think use want work write""".split())
ARTICLES = ("a", "an", "the", "its", "his", "her", "their", "this", "that", "some", "any", "no", "our", "your")
TYPED = [  # what the open words look like, and how one asks for such words
    (re.compile(r"(?:1[5-9]|20)\d\d$"), ["When", "In which year", "In what year"]),
    (re.compile(r"[$€£].*\d|[A-Z]{3} [\d,.]+$|[\d,.]+ [A-Z]{3}$"), ["How much", "What sum", "What amount"]),
    (re.compile(r"[\d,.]+ ?(?:%|per ?cent)"), ["How much", "What percentage", "What share"]),
    (re.compile(r"\d+ (?:days|weeks|months|years|hours|minutes)"), ["How long", "How many days, weeks or years"]),
    (re.compile(r"[\d,.]+$"), ["How many", "What number", "What", "How much", "Which number"]),
    (re.compile(r"[A-Z][a-z]+ [A-Z][a-z]+$"), ["Who", "Whom", "Which name", "What", "Where"]),
    (re.compile(r"[A-Z][a-z]+$"), ["Who", "What", "Where", "Which", "Which name"]),
    (re.compile(r".*\d"), ["Which code", "What", "Which", "What number"]),
]


def question_words(r, answer):
    for shape, words in TYPED:
        if shape.match(answer) and r.random() < 0.6:
            return r.choice(words)
    return r.choice(("What", "What", "What", "Which"))


def lowered(words):
    return [words[0][0].lower() + words[0][1:], *words[1:]] if words and words[0].lower() in SMALL_WORDS else words


def verb(word, stem):
    """(helper, base form) of a word that is a verb, else None."""
    if word in PAST:
        return "did", PAST[word]
    if word.endswith("ed") and len(word) > 4:
        base, ending = stem(word)
        return ("did", base) if base and ending == "ed" else None
    for cut in ("es", "s"):
        if word.endswith(cut) and word[:-len(cut)] in PRESENT:
            return "does", word[:-len(cut)]
    return None


def turned(r, asked, before, after, stem):
    """The question in the order that English puts it, from the words before and after the gap; None where that is not to be seen."""
    noun = before[-1] if before else ""
    if len(before) > 2 and noun.isalpha() and noun.islower() and noun not in SMALL_WORDS and not verb(noun, stem) and r.random() < 0.6:
        start = len(before) - 1  # "gets the locker AB-1" is asked as "Which locker does ... get"
        if start > 1 and before[start - 1] not in SMALL_WORDS and before[start - 1].islower() and not verb(before[start - 1], stem) and r.random() < 0.5:
            start -= 1
        asked, before = r.choice(("Which", "What", "Which")) + " " + " ".join(before[start:]), before[:start]
        while before and before[-1] in ARTICLES:
            before = before[:-1]
    for at, word in enumerate(before[1:9], 1):
        if before[at - 1].endswith(","):
            break
        if word in AUXILIARIES:
            return [asked, word, *lowered(before[:at]), *before[at + 1:], *after]
        found = verb(word, stem)
        if found:
            return [asked, found[0], *lowered(before[:at]), found[1], *before[at + 1:], *after]
    return None


def question(r, before, after, answer, stem):
    asked, style = question_words(r, answer), r.random()
    if not before:
        return " ".join([asked, *after]) + "?"
    if style < 0.55:
        words = turned(r, asked, before, after[:r.choice((0, 2, 5, 12, 30))] if len(before) > 5 else after, stem)
        if words:
            return " ".join(words).rstrip(",;:") + "?"
    if style < 0.7:
        if r.random() < 0.5:
            before, after = before[-r.randint(3, 9):], after[:r.randint(0, 6)]
        return " ".join([*before, r.choice(("what", "which", asked.lower())), *after]) + "?"
    if style < 0.78:
        return r.choice(("Fill in: ", "Complete: ", "What is missing? ", "")) + " ".join([*before, r.choice(("___", "...", "[?]")), *after])
    kept = [word for word in before[-10:] + after[:8] if word.lower() not in SMALL_WORDS or r.random() < 0.3]
    if r.random() < 0.5:
        r.shuffle(kept)
    kept = kept[:r.randint(4, 9)]
    return r.choice((f"{asked} {' '.join(kept)}?", " ".join(kept), f"{' '.join(kept)}: {asked.lower()}?"))


def gap(r, sentence, value, stem):
    """(the sentence as it is to stand in the text, its turn); None if it is not fit.  `value` makes words to put there."""
    words, end = sentence[:-1].split(" "), sentence[-1]
    size = r.choice((1, 1, 2, 2, 3))
    places = [at for at in range(len(words) - size + 1) if words[at].lower() not in SMALL_WORDS and words[at + size - 1].lower() not in SMALL_WORDS]
    if len(words) < 6 or not places:
        return None
    at = r.choice(places)
    before, after = words[:at], words[at + size:]
    last = re.sub(r"[\w)%]+$", "", words[at + size - 1][-1:])  # a comma stays behind the gap
    answer = " ".join(words[at:at + size]).strip(",;:()\"'")
    if not answer or " ".join(before + after).count(answer):
        return None
    if r.random() < 0.65:
        answer = value()
        answer = answer if before else answer[0].upper() + answer[1:]
        sentence = " ".join([*before, answer + last, *after]) + end
    if sentence.count(answer) > 1 or answer not in sentence:
        return None
    return sentence, Turn(question(r, before, after, answer, stem), [sentence], answer)
