"""Samples for a training step: which tasks, how long, in what proportion.  Everything follows from the seed."""
import functools
import itertools
import lzma
import pathlib
import random
import re

import numpy

from tasks import gaps, needles, prose, reading, records, relations
from tasks import values as v
from tasks.prompt import WEIGHT_TEXT, Document, Turn, conversation, labels

SYSTEM_TOKENS = 80  # what system text, fences and the first question's frame take, about


class Haystack:
    """Running text as one array of token ids, documents separated by EOS."""

    def __init__(self, tokenizer, path):
        self.tokenizer, path = tokenizer, pathlib.Path(path)
        if path.exists():
            self.ids = numpy.memmap(path, dtype=numpy.uint16, mode="r")
        else:
            self.ids = numpy.frombuffer(lzma.open(f"{path}.xz").read(), dtype=numpy.uint16)
        self.words = None

    def cut(self, r, n_tokens):
        """About n_tokens from one place, whole lines if they allow it."""
        for _ in range(8):
            start = r.randrange(max(1, len(self.ids) - n_tokens - 64))
            window = self.ids[start:start + n_tokens + 64]
            breaks = [i for i in range(min(64, len(window))) if self.is_break(int(window[i]))]
            begin = breaks[0] + 1 if breaks else 0
            piece = window[begin:begin + n_tokens]
            if not (piece == 1).any():
                return [int(i) for i in piece]
        return [int(i) for i in piece if i > 7]

    def is_break(self, token):
        return b"\n" in self.tokenizer.bytes_of[token]

    def common_words(self, count=30_000):
        """Lower-case words for keys, from all over the text, the same ones each time."""
        if self.words is None:
            starts = range(0, max(1, len(self.ids) - 20_000), max(1, len(self.ids) // 80))
            text = " ".join(self.tokenizer.decode(self.ids[start:start + 20_000]) for start in starts)
            found = sorted({w for w in text.split() if w.isalpha() and w.islower() and 3 < len(w) < 11} - needles.reserved_words())
            self.words = random.Random(3).sample(found, min(count, len(found)))
        return self.words


class Mixture:
    def __init__(self, tokenizer, haystack, corpus=None, share=relations.shown):
        """`corpus` is the folder that corpus.py wrote; without it the tasks of real questions are left out.

        `share` chooses among the relations and passages: relations.shown for training, relations.held_out for evaluation.
        """
        self.tokenizer, self.haystack = tokenizer, haystack
        self.told, self.passages = map(share, relations.load())
        self.whole = [table for table in self.passages if table.get("layout") == "kept"]
        if not corpus:
            self.paraphraser = reading.Paraphraser()
        else:
            self.entries = reading.read_lines(corpus / "definitions.jsonl.xz")
            self.records = reading.read_lines(corpus / "questions.jsonl.xz")
            self.stated = reading.read_lines(corpus / "stated.jsonl.xz")
            self.natural_records = share(reading.read_lines(corpus / "natural.jsonl.xz"))
            self.paraphraser = reading.Paraphraser(reading.read_lines(corpus / "synonyms.jsonl.xz"), self.entries)

    def sample(self, r, length, kinds):
        """(ids, weights) of exactly `length` tokens of a task drawn from kinds {name: share}."""
        ids, weights, misses = [], [], 0
        kind = r.choices(list(kinds), kinds.values())[0]
        while length - len(ids) > 110 and misses < 8:  # what is left after one conversation begins another
            made = getattr(self, kind)(r, length - len(ids))
            if made is None:
                kind = r.choices(list(kinds), kinds.values())[0]
                misses += 1
                continue
            ids, weights = ids + made[0], weights + made[1]
        lacking = max(length - len(ids), 0)
        return ids[:length] + [1] * lacking, weights[:length] + [0.0] * lacking

    def text(self, r, length):
        ids = self.haystack.cut(r, length)
        return ids, [5 * WEIGHT_TEXT] * len(ids)

    def repeats(self, r, length):
        """Random tokens, then stretches of them again: what teaches copying first."""
        n = r.choice((length // 4, length // 2, length // 2))
        pool = [r.randrange(264, 8192) for _ in range(r.choice((300, 3000)))]
        ids = [r.choice(pool) for _ in range(n)]
        weights = [0.0] * n
        while len(ids) < length:
            start, size = r.randrange(n), r.randint(8, 40)
            again = ids[start:min(start + size, n)]
            if len(again) > 2:
                ids += again + [r.choice((0, 2, 3))]
                weights += [0.0, 0.0] + [1.0] * (len(again) - 2) + [0.0]
        return ids, weights

    def lookups(self, r, length):
        """Key-value lists."""
        count = r.randint(2, max(3, (length - SYSTEM_TOKENS) // 45))
        lines, turns, absent = needles.spelled_pairs(r, count, self.haystack.common_words())
        return self.converse(r, length, [(Document(r.choice(("values", "settings.json", "list", "keys.txt")), ["\n".join(lines)]), turns, absent)])

    def tables(self, r, length):
        return self.converse(r, length, [self.table(r, length - SYSTEM_TOKENS)])

    def papers(self, r, length):
        """Several business papers, one of them often a table or a piece of running text."""
        budget, made = (length - SYSTEM_TOKENS) * r.uniform(0.35, 0.75), []
        while budget > 40:
            part = r.random()
            size = budget * r.choice((0.3, 0.5, 1.0))
            if part < 0.3:
                made.append(self.table(r, size))
            elif part < 0.45:
                made.append(records.cards(r, r.randint(1, max(1, int(size // 90))), r.randint(3, 7), self.entity(r)))
            elif part < 0.7:
                made.append(records.notes(r, r.randint(1, max(1, int(size // 60))), r.randint(1, 3)))
            elif part < 0.92 or not made:
                made.append(prose.paper(r, r.randint(2, max(2, min(9, int(size // 28))))))
            else:
                made.append((self.prose_document(r, int(size)), [], None))
            budget -= sum(len(self.tokenizer.encode(p)) if isinstance(p, str) else len(p) for p in made[-1][0].passages)
        return self.converse(r, length, made)

    def meanings(self, r, length):
        """Facts asked for in other words than the documents': relations and short papers, among running text.

        Half the time the papers are of one subject, as those that a search finds: only what is asked tells them apart.
        """
        papers, documents_kept = iter(self.some_papers(r)), iter(r.sample(self.whole, min(len(self.whole), 12)))
        budget = (length - SYSTEM_TOKENS) * r.uniform(0.4, 0.7)
        texts = iter(lambda: self.sentence(r), None)
        filler = (lambda: next(texts)) if r.random() < 0.5 else None
        facts, made, documents = relations.Facts(r, self.told), [], []
        while budget > 60:
            part, size = r.random(), max(1, int(min(budget, 1200) * r.choice((0.25, 0.5, 1.0)) // 28))
            if part < 0.3:
                made.append(relations.passage(r, next(papers), filler, self.rewording(r)))
                document = made[-1][0]
            elif part < 0.5 and budget > 400 and (whole := next(documents_kept, None)):
                made.append(relations.passage(r, whole, None, self.rewording(r)))
                document = made[-1][0]
            elif part < 0.68 and budget > 500:
                some = list(itertools.islice(papers, r.randint(2, max(2, min(9, int(budget // 250))))))
                made.append(relations.dossier(r, some, filler, self.rewording(r)))
                document = made[-1][0]
            elif part < 0.78:
                document = facts.paper(r.randint(1, min(9, size)), filler)
            elif part < 0.85:
                document = facts.notes(size, filler)
            elif part < 0.92:
                document = facts.table(r.randint(1, max(1, size // 3)), r.randint(1, 4))
            else:
                document = self.prose_document(r, int(min(budget, 2000) * r.uniform(0.2, 1.0)))
            if not (made and made[-1][0] is document):
                documents.append(document)
            budget -= 20 + sum(len(self.tokenizer.encode(p)) if isinstance(p, str) else len(p) for p in document.passages)
        turns = self.reworded(r, facts.turns())
        made = [(document, self.reworded(r, own), absent) for document, own, absent in made]
        made += [(document, [], None) for document in documents]
        if documents and facts.stated:
            made[-1] = (documents[-1], turns, lambda: facts.absent() or turns[0])
        return self.converse(r, length, made) if any(own for _, own, _ in made) else None

    def some_papers(self, r, nearby=60):
        """All papers in random order; half the time those first that stand near one place, which are of one subject."""
        first = r.randrange(max(1, len(self.passages) - nearby))
        near = self.passages[first:first + nearby] if r.random() < 0.5 else []
        others = self.passages[:first] + self.passages[first + nearby:] if near else self.passages
        return r.sample(near, len(near)) + r.sample(others, len(others))

    def reworded(self, r, turns, share=0.4):
        """Some questions with words said otherwise, one of them or most, so that none is learnt by heart."""
        for turn in turns:
            if r.random() < share:
                turn.question = self.paraphraser.reworded(r, turn.question, r.choice((0, 0.3, 0.6)))
        return turns

    def rewording(self, r):
        """For some papers, what says their sentences in other words; the other half of reworded()."""
        return (lambda text: self.paraphraser.reworded(r, text, r.choice((0, 0.2, 0.4)))) if r.random() < 0.4 else None

    def sentence(self, r):
        """A sentence or two of running text."""
        text = self.tokenizer.decode(self.haystack.cut(r, 90)).replace("\n", " ")
        found = [s for s in text.split(". ")[1:-1] if 20 < len(s) < 300]
        return found[0].strip() + "." if found else "Nothing else was decided."

    def asked(self, r, length):
        """Running text, asked for dates, numbers, names and reasons in keywords and synonyms."""
        budget, made = int((length - SYSTEM_TOKENS) * r.uniform(0.4, 0.75)), []
        while budget > 60:
            ids = self.haystack.cut(r, int(min(budget, r.choice((300, 800, 3000)))))
            text = self.tokenizer.decode(ids)
            turns = reading.asked_of_text(r, text, self.paraphraser, max(1, len(ids) // 250))
            made.append((Document(self.title(r, ids), [text]), turns, None))
            budget -= len(ids) + 20
        return self.converse(r, length, made) if any(turns for _, turns, _ in made) else None

    def gaps(self, r, length):
        """Running text with words of some sentences exchanged, asked for by the rest of their sentences."""
        budget, made, words = int((min(length, r.choice((400, 1200, 4000, length))) - SYSTEM_TOKENS) * r.uniform(0.4, 0.75)), [], self.haystack.common_words()
        while budget > 60:
            ids = self.haystack.cut(r, int(min(budget, r.choice((300, 800, 3000)))))
            text, turns = self.tokenizer.decode(ids), []
            found = [s for s in re.findall(r"(?:(?<=\s)|^)[A-Z][^.!?\n]{30,220}[.](?=\s|$)", text) if '"' not in s and text.count(s) == 1]
            for sentence in r.sample(found, min(len(found), 1 + len(ids) // 200)):
                made_of_it = gaps.gap(r, sentence, lambda: needles.value(r, words), self.paraphraser.stem)
                if made_of_it:
                    text = text.replace(sentence, made_of_it[0], 1)
                    turns.append(made_of_it[1])
            made.append((Document(self.title(r, ids), [text]), self.reworded(r, turns, 0.6), None))
            budget -= len(ids) + 20
        return self.converse(r, length, made, absent=lambda: self.gap_elsewhere(r)) if any(turns for _, turns, _ in made) else None

    def gap_elsewhere(self, r):
        """A question about a sentence that the documents lack."""
        for _ in range(20):
            made = gaps.gap(r, self.sentence(r), lambda: "x", self.paraphraser.stem)
            if made:
                return Turn(made[1].question, [])
        return Turn("What was decided elsewhere?", [])

    def needles(self, r, length):
        """Sentences dropped into running text, one or several documents."""
        words = self.haystack.common_words()
        count = r.randint(1, max(1, min(40, (length - SYSTEM_TOKENS) // 120)))
        found = needles.Needles(r, words, self.participles(), count)
        made = found.made
        room = max(40, length - SYSTEM_TOKENS - count * 95)
        n_documents = 1 if room < 400 else r.randint(1, max(4, min(count, room // 1500)))
        documents, turns = [], []
        for index in range(n_documents):
            mine = made[index::n_documents]  # a document may hold none
            document = self.prose_document(r, int(room * r.uniform(0.5, 1.0)) // n_documents)
            self.insert(r, document, [line for line, _ in mine])
            documents.append((document, [turn for _, turn in mine], None))
        return self.converse(r, length, documents, absent=found.absent)

    def clozes(self, r, length):
        """Half a sentence asked, the sentence copied."""
        ids = self.haystack.cut(r, int((length - SYSTEM_TOKENS) * r.uniform(0.3, 0.7)))
        text = self.tokenizer.decode(ids)
        found = [needles.cloze(r, text) for _ in range(4)]
        turns = {turn.evidence[0]: turn for turn in found if turn}
        document = Document(self.title(r, ids), [text])
        other = needles.cloze(r, self.tokenizer.decode(self.haystack.cut(r, 200)))
        absent = (lambda: Turn(other.question, [])) if other else None
        return self.converse(r, length, [(document, list(turns.values()), absent)]) if turns else None

    def chains(self, r, length):
        """Variables set to one another, spread over running text."""
        words = self.haystack.common_words()
        made = [needles.chain(r, words) for _ in range(r.randint(1, max(1, min(8, length // 400))))]
        room = max(40, length - SYSTEM_TOKENS - 110 * len(made))
        document = self.prose_document(r, int(room * r.uniform(0.4, 1.0)))
        self.insert(r, document, [line for lines, _ in made for line in lines])
        other = needles.chain(r, words)[1].question
        return self.converse(r, length, [(document, [turn for _, turn in made], lambda: Turn(other, []))])

    def definitions(self, r, length):
        count = r.randint(2, max(3, (length - SYSTEM_TOKENS) // 70))
        return self.converse(r, length, [reading.glossary(r, self.entries, count)])

    def headings(self, r, length):
        ids = self.haystack.cut(r, int((length - SYSTEM_TOKENS) * 0.7))
        text = self.tokenizer.decode(ids)
        turns = reading.headings(r, text)
        return self.converse(r, length, [(Document(self.title(r, ids), [text]), turns, None)]) if turns else None

    def questions(self, r, length):
        """The question sets: one gold passage among others."""
        count = r.randint(1, max(1, length // 500))
        size = int((length - SYSTEM_TOKENS - 80 * count) * 3 / count)
        made = [reading.passage(r, self.record(r), min(size, 4000)) for _ in range(count)]
        _, other = reading.passage(r, self.record(r), 100)
        return self.converse(r, length, [(document, self.reworded(r, [turn]), lambda: Turn(other.question, [])) for document, turn in made])

    def natural(self, r, length):
        """Running text with questions written by hand, in other words than its own."""
        budget, made = int((length - SYSTEM_TOKENS) * r.uniform(0.4, 0.75)), []
        while budget > 60:
            record = r.choice(self.natural_records)
            turns = [Turn(question, [sentence], answer) for question, sentence, answer in record["asks"]]
            absent = functools.partial(self.near_miss, r, record["absent"]) if record["absent"] else None
            made.append((Document(record["title"], [record["text"]]), self.reworded(r, turns), absent))
            budget -= len(self.tokenizer.encode(record["text"])) + 20
        return self.converse(r, length, made)

    def near_miss(self, r, questions):
        return Turn(r.choice(questions), [])

    def record(self, r):
        """A question written by a person, or one that a pattern found in running text."""
        return r.choice(self.records if r.random() < 0.5 else self.stated)

    def entity(self, r):
        return r.choice(records.ENTITIES) if r.random() < 0.5 else records.invented_entity(r, self.haystack.common_words())

    def participles(self):
        return [word for word in self.haystack.common_words() if word.endswith("ed")]

    def table(self, r, size):
        fields = r.randint(2, 6)
        return records.table(r, max(1, int(size * r.uniform(0.3, 0.65) / (9 * (fields + 1)))), fields, self.entity(r))

    def title(self, r, ids):
        first = self.tokenizer.decode(ids[:8]).strip().split("\n")[0]
        return first if first and r.random() < 0.6 else r.choice((v.code(r, "DOC"), v.invented_word(r), v.project(r)))

    def prose_document(self, r, size):
        ids = self.haystack.cut(r, max(24, size))
        return Document(self.title(r, ids), [ids])

    def insert(self, r, document, lines):
        """Puts each line between two lines or sentences of the document's running text."""
        ids = document.passages[0]
        places = [i + 1 for i, token in enumerate(ids) if self.is_gap(token)] or [len(ids)]
        # Some stand at the end of a text that breaks off in the middle of a sentence.
        cuts = sorted(len(ids) if r.random() < 0.05 else r.choice(places) for _ in lines)
        pieces, start = [], 0
        for cut, line in zip(cuts, lines):
            pieces += ids[start:cut] + self.tokenizer.encode(self.spaced(r, ids, cut, line))
            start = cut
        document.passages[0] = pieces + ids[start:]

    def is_gap(self, token):
        text = self.tokenizer.bytes_of[token]
        return b"\n" in text or text in (b".", b"?", b"!")

    def spaced(self, r, ids, cut, line):
        on_new_line = cut == 0 or b"\n" in self.tokenizer.bytes_of[ids[cut - 1]]
        if r.random() < 0.05:  # words run together, as where a text was taken out of its layout
            return line
        return f"{line}\n" if on_new_line else f" {line}"

    def converse(self, r, length, made, absent=None, absent_share=0.25):
        """A conversation about the documents: all their turns in random order, some unanswerable ones among them."""
        turns = [turn for _, own, _ in made for turn in own]
        for document, _, _ in made:
            if r.random() < 0.25:
                self.leave_out(r, document, turns)  # those of other documents too: a turn need not stand with its own
        r.shuffle(turns)
        makers = [absent] if absent else [maker for _, _, maker in made if maker]
        asked = {turn.question for turn in turns}
        for _ in range(1 + int(len(turns[:30]) * absent_share * 2)):
            if makers and r.random() < 0.5:
                unanswerable = r.choice(makers)()
                if unanswerable.question not in asked:
                    asked.add(unanswerable.question)
                    turns.insert(r.randrange(min(len(turns), 24) + 1), unanswerable)
        order = list(made)
        r.shuffle(order)
        numbers = labels(r, len(order))
        return conversation(self.tokenizer, [(n, document) for n, (document, _, _) in zip(numbers, order)], turns[:40], length)

    def leave_out(self, r, document, turns):
        """Some sentences that nothing is asked about, as where a search took only passages of a document."""
        text = document.passages[0]
        if len(document.passages) > 1 or not isinstance(text, str):
            return
        needed = [(at, at + len(line)) for turn in turns for line in turn.evidence for at in [text.find(line)] if at >= 0]
        ends = [match.end() for match in re.finditer(r"[.!?]\s+|\n+", text)]
        if len(ends) < 4:
            return
        first, last = sorted(r.sample(range(len(ends)), 2))
        first, last = ends[first], ends[last]
        if all(end <= first or last <= start for start, end in needed) and text[:first].strip() and text[last:].strip():
            document.passages = [text[:first].rstrip(), text[last:].lstrip()]

    def batch(self, seed, n_rows, length, kinds):
        """(ids, weights): [n_rows, length] arrays."""
        r = random.Random(seed)
        rows = [self.sample(r, length, kinds) for _ in range(n_rows)]
        return numpy.array([ids for ids, _ in rows], dtype=numpy.int64), numpy.array([w for _, w in rows], dtype=numpy.float32)
