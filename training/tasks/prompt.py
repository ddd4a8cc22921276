"""The product's prompt and answer format as token ids with loss weights; training uses exactly what answer/ assembles."""
import dataclasses

import tokenizer as bpe

SYSTEM = ('Answer from the documents only. First copy the evidence: one line for each piece, "Evidence: " and the exact '
          'words. Then write "Answer: " and the answer in few words. If the documents do not say, write only '
          '"Answer: Not in the documents."')
REFUSAL = "Not in the documents."

WEIGHT_ANSWER, WEIGHT_TEXT = 1.0, 0.1


@dataclasses.dataclass
class Document:
    title: str
    passages: list  # of str, or of token arrays cut from running text


@dataclasses.dataclass
class Turn:
    question: str
    evidence: list  # exact words of a document, one line each; empty: the documents do not say
    answer: str = REFUSAL


class Writer:
    """Collects token ids and their loss weights."""

    def __init__(self, tokenizer):
        self.tokenizer, self.ids, self.weights = tokenizer, [], []

    def add(self, text, weight=0.0):
        ids = self.tokenizer.encode(text) if isinstance(text, str) else list(text)
        self.ids += ids
        self.weights += [weight] * len(ids)

    def special(self, content, weight=0.0):
        self.ids.append(self.tokenizer.special[content])
        self.weights.append(weight)


def fence_text(label, title):
    title = title.replace("\n", " ").replace('"', " ")
    return f'<document D{label} "{title}">\n'


def write_documents(writer, labelled):
    for label, document in labelled:
        writer.add(fence_text(label, document.title))
        for index, passage in enumerate(document.passages):
            if index:
                writer.add("\n[...]\n")
            writer.add(passage, WEIGHT_TEXT)
        writer.add("\n</document>\n")


def copied(writer, label, words, source, end=""):
    """`label` and words copied from source, token for token as they stand there: a space that precedes them goes along."""
    at = source.find(words)
    if at > 0 and source[at - 1] == " ":
        writer.add(label + ":" , WEIGHT_ANSWER)
        writer.add(f" {words}{end}", WEIGHT_ANSWER)
    else:
        writer.add(label + ":", WEIGHT_ANSWER)
        writer.add(" ", WEIGHT_ANSWER)
        writer.add(words + end, WEIGHT_ANSWER)


def write_turn(writer, turn, source):
    """The question, and the answer with its end: everything after the prompt's last token counts fully."""
    writer.add("\nQuestion: ")
    writer.add(turn.question)
    writer.special(bpe.ASSISTANT)
    writer.special(bpe.END_THINK)
    for line in turn.evidence:
        copied(writer, "Evidence", line, source, end="\n")
    copied(writer, "Answer", turn.answer, " ".join(turn.evidence) if turn.evidence else f" {REFUSAL}")
    writer.special(bpe.EOS, WEIGHT_ANSWER)


def conversation(tokenizer, labelled, turns, length_max):
    """(ids, weights) of the documents with as many of the turns as fit; later turns ask about the same documents."""
    writer = Writer(tokenizer)
    writer.special(bpe.BOS)
    writer.add(SYSTEM)
    source = "\n".join(passage if isinstance(passage, str) else tokenizer.decode(passage)
                       for _, document in labelled for passage in document.passages)
    asked = 0
    for turn in turns:
        before = len(writer.ids)
        writer.special(bpe.USER)
        if asked == 0:
            write_documents(writer, labelled)
        write_turn(writer, turn, source)
        if len(writer.ids) <= length_max:
            asked += 1
        elif asked:
            del writer.ids[before:], writer.weights[before:]
        else:
            return None
    return writer.ids, writer.weights


def labels(r, count):
    """Increasing document labels, as the product orders its documents."""
    return sorted(r.sample(range(1, max(10, count * 2) if r.random() < 0.3 else 5000), count))
