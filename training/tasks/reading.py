"""Questions about real text: definitions, headings, who-when-how-much of any sentence, and the question sets of sources.toml."""
import collections
import hashlib
import json
import lzma
import pathlib
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


def passages_of(text):
    """Stretches of some 700 to 1,900 characters, whole lines.  With sentences_of() what natural.tsv counts on: change neither."""
    part = ""
    for line in filter(None, map(str.strip, text.split("\n"))):
        if len(line) > 1500:
            part = ""
            continue
        part = f"{part}\n{line}" if part else line
        if len(part) >= 700:
            if len(part) <= 1900:
                yield part
            part = ""


def sentences_of(passage):
    """Its sentences that are fit to be quoted."""
    found = re.findall(r"(?:(?<=\s)|^)[A-Z\"'(][^.!?\n]{25,260}[.!?](?=\s|$)", passage)
    return [sentence for sentence in found if passage.count(sentence) == 1]


def asked_by_hand(text, rows):
    """The passages of `text` that natural.tsv asks about: {"text", "asks": [[question, sentence, answer]], "absent"}.

    rows is {key of a passage: [[number of a sentence, where the answer stands in it, question]]}, a near miss without the first two.
    """
    for passage in passages_of(text):
        asked = rows.get(passage_key(passage))
        if not asked:
            continue
        sentences = sentences_of(passage)
        asks = []
        for number, place, question in asked:
            if place:
                start, length = map(int, place.split("+"))
                asks.append([question, sentences[int(number)], sentences[int(number)][start:start + length]])
        yield {"text": passage, "asks": asks, "absent": [question for _, place, question in asked if not place]}


def passage_key(passage):
    return hashlib.sha256(passage.encode()).hexdigest()[:10]


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
    question = record.get("question") or r.choice(record["questions"])
    title = record.get("title") or r.choice(("passage", "report", "extract"))
    return Document(title, [text]), Turn(question[0].upper() + question[1:], record["evidence"], record["answer"])


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


LEXICON = pathlib.Path(__file__).parent / "lexicon.txt.xz"
VAGUE_WORDS = set("""used having something someone especially usually relating quality state being made form kind part more most very often
being etc certain various that's person pertaining belonging called same other another without between like over under whose made make
manner resembling certainly formerly applied used great small large also only act one's thing things characterized containing according""".split())


class Paraphraser:
    """Says words in other words.

    For 12,600 words by a lexicon written by hand; else by WordNet's synonyms with the endings carried over, or by a word of the
    dictionary's explanation (both from corpus.py).
    """

    def __init__(self, entries=(), definitions=()):
        with lzma.open(LEXICON, "rt", encoding="utf-8") as file:
            self.lexicon = {word: others.split("; ") for word, others in (line.rstrip("\n").split(": ") for line in file)}
        others = {entry["word"]: [s for s in entry["synonyms"] if entry["word"] not in s.split(" ")] for entry in entries}
        self.synonyms = {word: synonyms for word, synonyms in others.items() if synonyms}
        self.related, frequent = collections.defaultdict(list), collections.Counter()
        for entry in definitions:
            word = entry["word"].lower()
            told = [w for w in re.findall(r"[a-z]{4,}", entry["text"].lower()) if w not in SMALL_WORDS and w not in VAGUE_WORDS and w != word]
            self.related[word] += told[:6]
            frequent.update(told)
            for other in told[:2]:  # the genus is named first: a harbour is a kind of port
                self.related[other].append(word)
        kept = {word: [w for w in dict.fromkeys(words) if frequent[w] >= 20] for word, words in self.related.items()}
        self.related = {word: words for word, words in kept.items() if words}

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
        if word in self.lexicon and r.random() < 0.85:
            return r.choice(self.lexicon[word])
        base, ending = self.stem(word)
        related = self.related.get(base or word)
        if related and (not base or r.random() < 0.3):
            return r.choice(related)
        if not base:
            return word
        head, *rest = r.choice(self.synonyms[base][:4]).split(" ")
        if ending and r.random() < 0.6:
            head = (head[:-1] if head.endswith("e") and ending != "s" else head) + ending
        return " ".join([head] + rest)

    def reworded(self, r, text, share):
        """The text with at least one of its longer words said otherwise, as many as `share` asks for; not what stands in braces."""
        words = text.split(" ")
        candidates = [at for at, word in enumerate(words) if word.islower() and word.isalpha() and len(word) > 3 and word not in SMALL_WORDS]
        for at in r.sample(candidates, min(len(candidates), max(1, round(len(candidates) * share)))):
            words[at] = self.other(r, words[at])
        return " ".join(words)

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


# What running text often states, and how people ask for it.  {x}: who or what is spoken of; the group "v" answers.
PRONOUNS = ("It", "He", "She", "This", "They", "The", "In", "There", "These", "That", "His", "Her", "We", "You", "I", "Its", "Their", "On", "At")
NAME = r"(?P<x>(?:The )?[A-Z][\w'’.-]+(?: (?:of|the|de|van|von|and|[A-Z0-9][\w'’.-]*))*)"
PLACE = r"(?P<v>[A-Z][\w'’-]+(?:,? (?:[A-Z][\w'’-]+|of|the)){0,3})"
PERSON = r"(?P<v>[A-Z][\w'’.-]+(?: (?:[A-Z][\w'’.-]*|de|van|von)){1,3})"
YEAR = r"(?P<v>(?:1[0-9]|20)\d\d)"
WHEN = rf"(?P<v>(?:\d{{1,2}} )?(?:{MONTH})(?: \d{{1,2}},)? \d{{4}}|(?:1[0-9]|20)\d\d)"
AMOUNT = r"(?P<v>[\d.,]*\d(?: (?:million|billion|thousand))?)"
STATED = [(re.compile(pattern), asks) for pattern, asks in [
    (rf"{NAME} \((?:[^()]*?; )?born (?:[A-Z][\w .]+ )?{WHEN}", ["When was {x} born?", "What is the birthday of {x}?", "When did {x} come into the world?", "Since when has {x} been alive?"]),
    (rf"{NAME} (?:\([^)]*\) )?was born (?:on|in) {WHEN}", ["When was {x} born?", "What is {x}'s date of birth?", "When did {x}'s life begin?"]),
    (rf"{NAME} (?:\([^)]*\) )?was born (?:on [\w ,]+ )?in {PLACE}", ["Where was {x} born?", "Where does {x} come from?", "What is the birthplace of {x}?", "In which place did {x} first see the light of day?"]),
    (rf"{NAME} died (?:\w+ )*?(?:on|in) {WHEN}", ["When did {x} die?", "When did {x} pass away?", "What was the last day or year of {x}'s life?"]),
    (rf"{NAME} died (?:of|from) (?P<v>(?:a |an )?[a-z][a-z -]+?)(?= in| on| at|,|\.)", ["What did {x} die of?", "What killed {x}?", "What was the cause of death of {x}?"]),
    (rf"{NAME} (?:was|were) (?:founded|established|formed|set up|created) (?:\w+ )?(?:in|on) {WHEN}", ["When was {x} set up?", "When did {x} begin?", "How long has {x} existed, from when?", "What year saw the birth of {x}?", "When was {x} founded?"]),
    (rf"{NAME} (?:was|were) (?:founded|established|formed|set up|created|started) (?:in \d{{4}} )?by {PERSON}", ["Who started {x}?", "Who set up {x}?", "Whose creation is {x}?", "Who is the founder of {x}?"]),
    (rf"{NAME} (?:was|were|is) (?:built|constructed|erected|completed|finished) (?:\w+ )?in {WHEN}", ["When was {x} built?", "How old is {x}, going by its construction?", "When did they put up {x}?", "From what year does {x} date?"]),
    (rf"{NAME} (?:was|were) (?:built|designed|constructed) (?:\w+ )?by (?:the )?(?:\w+ )?{PERSON}", ["Who designed {x}?", "Who built {x}?", "Who was the architect or maker of {x}?"]),
    (rf"{NAME} (?:was|were) (?:first )?(?:released|published|issued|launched) (?:\w+ )?(?:in|on) {WHEN}", ["When did {x} come out?", "When was {x} released?", "On what date could one first get {x}?", "When did {x} appear?"]),
    (rf"{NAME} (?:was|were|is) (?:first )?(?:released|published|issued|distributed) (?:in \d{{4}} |on [\w ,]+ )?by (?P<v>[A-Z][\w'’.&-]+(?: [A-Z][\w'’.&-]+){{0,4}})", ["Who brought out {x}?", "Which publisher issued {x}?", "Which company released {x}?", "Who published {x}?"]),
    (rf"{NAME} (?:is|was)[\w ,-]*? (?:film|movie|series|drama|comedy)[\w ,-]*? directed by {PERSON}", ["Who directed {x}?", "Who made {x}?", "Who is the director of {x}?", "Who was in charge of filming {x}?"]),
    (rf"{NAME} (?:is|was)[\w ,-]*? (?:novel|book|play|poem|song|story|opera|album)[\w ,-]*? (?:written |composed )?by (?:\w+ (?:author|writer|singer|composer|poet) )?{PERSON}", ["Who wrote {x}?", "Who is the author of {x}?", "From whose pen is {x}?", "Who composed or wrote {x}?"]),
    (rf"{NAME} (?:is|was) (?:written|composed|produced|painted|performed|recorded) by {PERSON}", ["Who made {x}?", "Whose work is {x}?", "By whom is {x}?"]),
    (rf"{NAME} is (?:a|an) (?:\w+ )*?(?:town|city|village|municipality|commune|district|suburb|settlement|community|region|township)[\w ,]*? in (?:the )?(?P<v>[A-Z][\w'’-]+(?:,? (?:[A-Z][\w'’-]+|of|the))*)", ["Where is {x}?", "Where does {x} lie?", "In which area can {x} be found?", "Where on the map is {x}?"]),
    (rf"{NAME} (?:is|was|are) (?:\w+ )?(?:located|situated|based|headquartered) (?:\w+ )?(?:in|at|near|on) (?:the )?{PLACE}", ["Where is {x}?", "Where can one find {x}?", "What is the location of {x}?", "Where is {x} at home?"]),
    (rf"(?:population of {NAME} (?:is|was|stood at|reached) |{NAME.replace('x>', 'y>')} (?:has|had) a population of ){AMOUNT}", ["How many people live in {x}?", "How many inhabitants has {x}?", "What is the population of {x}?", "How big is {x} in heads?"]),
    (rf"{NAME} (?:has|had|covers|occupies) (?:a total |an )?area of (?P<v>[\d.,]+ [\w ]*?(?:kilomet(?:er|re)s|miles|acres|hectares|km2|km²))", ["How large is {x}?", "What area does {x} cover?", "How much ground does {x} take up?"]),
    (rf"{NAME} (?:is|was) (?P<v>[\d.,]+ (?:feet|metres|meters|m|km|kilomet(?:re|er)s|miles)) (?:tall|high|long|wide|deep)", ["What are the dimensions of {x}?", "How far does {x} reach?", "How tall, long or wide is {x}?"]),
    (rf"{NAME} (?:is|was) (?:the )?(?:capital|seat|county seat|administrative centre) of (?:the )?{PLACE}", ["Of what is {x} the capital?", "Which area is governed from {x}?"]),
    (rf"{NAME} (?:is|was) (?:a|an|the) (?P<v>(?:[A-Z][a-z]+ )?(?:former |professional |retired |famous )*(?:[a-z]+ )?(?:footballer|player|politician|writer|actor|actress|singer|painter|scientist|composer|lawyer|journalist|engineer|physicist|poet|bishop|general|musician|architect|coach))", ["What is {x} by profession?", "What does or did {x} do for a living?", "What was {x}'s job?", "As what is {x} known?"]),
    (rf"{NAME} (?:is|was) married to {PERSON}", ["Who is the spouse of {x}?", "Whom did {x} marry?", "Who is {x}'s husband or wife?"]),
    (rf"{NAME} (?:studied|graduated|was educated) (?:\w+ )*?(?:at|from) (?:the )?(?P<v>[A-Z][\w'’-]+(?: (?:of|the|[A-Z][\w'’-]+)){{0,5}})", ["Where did {x} study?", "Which school did {x} attend?", "Where did {x} get an education?"]),
    (rf"{NAME} (?:won|received|was awarded|earned) (?:the |a |an )?(?P<v>[A-Z][\w'’-]+(?: (?:of|for|the|[A-Z][\w'’-]+))* (?:Award|Prize|Medal|Cup|Championship|Trophy|Title|Order)s?)", ["What did {x} win?", "Which honour went to {x}?", "Which prize did {x} take?", "How was {x} honoured?"]),
    (rf"{NAME} (?:joined|signed for|moved to|played for|signed with) (?P<v>[A-Z][\w'’.-]+(?: [A-Z][\w'’.-]+){{0,3}})", ["Which club or group did {x} go to?", "For whom did {x} play or work?", "Where did {x} move?"]),
    (rf"{NAME} (?:flows|empties|runs|drains) into (?:the )?{PLACE}", ["Where does {x} end?", "Into what does {x} flow?", "Where does the water of {x} go?"]),
    (rf"{NAME} (?:serves|served|worked|acted) as (?:the |a |an )?(?P<v>[a-zA-Z][a-z]+(?: (?:of|for|the|[a-z]+|[A-Z][a-z]+)){{0,5}}?)(?= from| in| until| since|,|\.)", ["What office did {x} hold?", "What was the position of {x}?", "In what role did {x} serve?"]),
    (rf"{NAME} (?:was|is) (?:also )?(?:known|called|nicknamed|referred to) (?:as )?(?:the )?[\"“]?(?P<v>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+){{0,3}})", ["By what other name is {x} known?", "What else is {x} called?", "What is the nickname of {x}?"]),
    (rf"{NAME} (?:was|were) (?:renamed|changed its name to|became) (?:as |to )?(?:the )?(?P<v>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+){{0,3}})", ["What is {x} called now?", "What new name did {x} get?"]),
    (rf"{NAME} (?:was|were) (?:acquired|bought|purchased|taken over) (?:in \d{{4}} )?by (?P<v>[A-Z][\w'’.&-]+(?: [A-Z][\w'’.&-]+){{0,3}})", ["Who bought {x}?", "Which buyer took over {x}?", "Who owns {x} since the purchase?"]),
    (rf"{NAME} (?:was|were) (?:closed|demolished|abolished|dissolved|disbanded|discontinued|shut down|destroyed) (?:\w+ )?(?:in|on) {WHEN}", ["When did {x} come to an end?", "When was {x} no more?", "Until when was {x} there?", "When did they close or pull down {x}?"]),
    (rf"{NAME} (?:opened|began|started|premiered|debuted) (?:\w+ )?(?:in|on) {WHEN}", ["When did {x} open?", "When could one first see {x}?", "What was the first day or year of {x}?"]),
    (rf"{NAME} (?:retired|resigned|stepped down|left office) (?:\w+ )?(?:in|on) {WHEN}", ["When did {x} give up the post?", "When did {x} leave?", "When did {x} stop working?"]),
    (rf"{NAME} (?:lost|defeated|beat) (?:to )?(?P<v>[A-Z][\w'’.-]+(?: [A-Z][\w'’.-]+){{0,3}})(?= by| in| on|,|\.)", ["Who was the opponent of {x}?", "Against whom did {x} play?"]),
    (r"(?i:the default (?:value )?(?:of|for) )(?P<x>[\w`'-]+) is (?P<v>[\w`'-]+)", ["What is {x} if one does not set it?", "What does {x} start as?", "Which value has {x} out of the box?"]),
    (r"(?P<x>[Tt]he [a-z_]+(?: [a-z_]+)? (?:option|parameter|command|function|field|button|argument|method|module|page|table)) (?P<v>(?:specifies|returns|shows|sets|displays|contains|controls|lets you|allows you to|creates|prints|enables)\b[^.;:]{10,90})(?=[.;:])",
     ["What does {x} do?", "What is {x} good for?", "What is the purpose of {x}?", "Why would one use {x}?"]),
    (r"(?:[Tt]o )(?P<x>[a-z]+ (?:a|an|the) [a-z ]{4,40}), (?P<v>(?:choose|select|click|use|type|press|open|run|enter|set)\b[^.;:]{6,90})(?=[.;:])", ["How do I {x}?", "What must one do to {x}?", "What is the way to {x}?", "Tell me how to {x}."]),
    (r"(?P<v>\w[\w ,'-]{12,80}) (?:is|are) (?:required|needed|necessary) to (?P<x>[a-z][\w ,'-]{8,60})(?=[.;:])", ["What does one need to {x}?", "Without what can nobody {x}?", "What must there be to {x}?"]),
]]


def stated(text):
    """(sentence, answer, questions) of what sentences of the text state in a common way, asked for as people do."""
    for sentence in re.findall(r"(?:(?<=\s)|^)[A-Z][^!?\n]{30,260}?[.](?=\s|$)", text):
        if '"' in sentence or text.count(sentence) > 1:
            continue
        for shape, asks in STATED:
            match = shape.search(sentence)
            subject = match and (match.groupdict().get("x") or match.groupdict().get("y"))
            if subject and subject not in PRONOUNS and not subject.endswith(" and") and not match["v"].endswith("that"):
                subject = "the" + subject[3:] if subject.startswith("The ") else subject
                yield sentence, match["v"].rstrip("."), [ask.format(x=subject) for ask in asks]
                break
