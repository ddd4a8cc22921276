"""Facts said in one way and asked for in another: what teaches meaning rather than matching words.

The wordings are written by hand (wordings.py): each `[[relation]]` is one kind of fact about one kind of thing, each `[[passage]]`
a paper whose facts are slots.  Here they become papers, notes, tables and lists.
"""
import dataclasses
import re
import tomllib

from tasks import values as v
from tasks import wordings
from tasks.prompt import Document, Turn

UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
         "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def in_words(n):
    if n < 20:
        return UNITS[n]
    return TENS[n // 10] + (f"-{UNITS[n % 10]}" if n % 10 else "") if n < 100 else str(n)


def spelled(r, text, share=0.3):
    """A small leading number written out, now and then: "twenty-four months"."""
    head, _, rest = text.partition(" ")
    return f"{in_words(int(head))} {rest}" if rest and head.isdigit() and int(head) < 100 and r.random() < share else text


def percent(r):
    amount = r.choice((str(r.randrange(1, 100)), f"{r.randrange(0, 40)}.{r.randrange(1, 10)}", str(r.choice((5, 10, 15, 20, 25, 50)))))
    return spelled(r, amount + r.choice(("%", " %", " percent", " per cent", " per cent")))


def count(r):
    return in_words(r.randrange(2, 20)) if r.random() < 0.3 else str(r.randrange(2, 10 ** r.choice((1, 2, 2, 3))) + 1)


VALUES = {
    "money": v.money, "price": v.money, "date": v.date, "year": lambda r: str(r.randrange(1880, 2031)),
    "month": lambda r: r.choice(v.MONTHS), "weekday": lambda r: r.choice(WEEKDAYS),
    "duration": lambda r: spelled(r, v.duration(r)), "percent": percent,
    "quantity": lambda r: spelled(r, v.quantity(r)), "count": count, "number": v.number, "person": v.person, "firm": v.firm,
    "city": lambda r: r.choice(v.CITIES), "country": lambda r: r.choice(v.COUNTRIES), "address": v.address, "phone": v.phone,
    "email": v.email, "clock": v.clock, "temperature": lambda r: f"{r.choice(('', '', '', '-'))}{r.randrange(2, 300)} {r.choice(('°C', 'degrees', '°C', 'degrees Celsius'))}",
    "weight": lambda r: f"{r.randrange(2, 900) / r.choice((1, 10)):g} {r.choice(('kg', 'g', 'tonnes', 'kilograms'))}",
    "length": lambda r: f"{r.randrange(2, 900) / r.choice((1, 10)):g} {r.choice(('m', 'mm', 'cm', 'metres', 'km', 'kilometres'))}",
    "code": lambda r: v.code(r, r.choice(("A", "B", "FRM", "QX", "WI", "K", "MT", "P", "VA", "L", "SO", "DOC"))), "token": v.token,
    "version": v.version, "room": lambda r: v.model(r) if r.random() < 0.5 else str(r.randrange(1, 400)),
    "role": lambda r: r.choice(v.JOBS), "department": lambda r: r.choice(v.DEPARTMENTS), "product": v.product,
    "project": v.project, "vehicle": lambda r: v.model(r),
}


def named(article, long, short):
    """(as in a sentence, a shorter way to say it, as in a title)"""
    return article + long, article + short, long


def person(r):
    name = v.person(r)
    return named("", name, r.choice((name, name.split()[1], name.split()[0])))


def firm(r):
    name = v.firm(r)
    return named("", name, name.split()[0])


def goods(r):
    noun, adjective = r.choice(v.NOUNS), r.choice(v.ADJECTIVES)
    number = r.choice(("", f" {v.model(r)}"))
    return named("the ", f"{adjective} {noun}{number}", r.choice((noun, number.strip() or f"{adjective} {noun}")))


def site(r):
    city = r.choice(v.CITIES)
    what = r.choice(("plant", "site", "store", "warehouse", "branch", "office", "works", "yard", "laboratory", "shop"))
    return named("the ", r.choice((f"{city} {what}", f"{what} in {city}", f"{r.choice(v.STREETS)} Street {what}")), what)


def agreement(r):
    what = r.choice(("lease", "contract", "agreement", "framework agreement", "service contract", "licence agreement", "policy"))
    other = v.firm(r)
    return named("the ", r.choice((f"{what} with {other}", f"{what} {v.code(r, 'CTR')}", f"{other.split()[0]} {what}")), what)


def project(r):
    name = v.project(r)
    return named("", name, name.split()[1])


def event(r):
    what = r.choice(("trade fair", "open day", "safety day", "conference", "workshop", "stocktake", "summer party", "audit",
                     "board meeting", "training course", "customer day", "press event", "works meeting"))
    where = r.choice(v.CITIES)
    return named("the ", r.choice((f"{what} in {where}", f"{r.choice(('spring', 'autumn', 'annual', 'March', 'May'))} {what}", f"{where} {what}")), what)


def system(r):
    what = r.choice(("billing", "ticket", "payroll", "archive", "booking", "mail", "stock", "planning", "access", "reporting", "backup"))
    name = f"{v.invented_word(r)} {r.choice(('Studio', 'Suite', 'Desk', 'Cloud', 'Vault', 'Hub'))}"
    return r.choice((named("", name, name.split()[0]), named("the ", f"{what} system", f"{what} system"),
                     named("the ", f"{what} server {v.host(r).split('.')[0]}", f"{what} server")))


def team(r):
    what = r.choice((f"{r.choice(v.DEPARTMENTS)} team", f"{r.choice(('night', 'early', 'late', 'weekend'))} shift",
                     f"{r.choice(v.DEPARTMENTS)} department", f"{r.choice(v.CITIES)} crew"))
    return named("the ", what, what.split()[1] if r.random() < 0.3 else what)


def order(r):
    text = r.choice(("order", "purchase order", "delivery", "shipment", "invoice")) + " " + v.code(r, r.choice(("SO", "PO", "SHP", "INV", "L")))
    return named("", text, text.split()[-1])


def vehicle(r):
    what = r.choice(("van", "truck", "forklift", "lorry", "trailer", "pool car", "tractor", "minibus"))
    return named("the ", f"{what} {v.model(r)}", what)


def document(r):
    what = r.choice(("form", "instruction", "policy", "procedure", "report", "manual", "checklist", "drawing", "certificate"))
    return named("", f"{what} {v.code(r, r.choice(('FRM', 'WI', 'QP', 'R', 'D')))}", what) if r.random() < 0.5 else \
        named("the ", f"{r.choice(v.NOUNS)} {what}", what)


THINGS = {"goods": goods, "machine": goods, "firm": firm, "person": person, "site": site, "agreement": agreement, "project": project,
          "event": event, "system": system, "team": team, "order": order, "vehicle": vehicle, "document": document}


def listed(name):
    def thing(r):
        where = r.choice(("", "", f" in {r.choice(v.CITIES)}", f" {r.randrange(1, 40)}", f" of {v.firm(r).split()[0]}"))
        return named("the ", name + where, name)
    return thing


@dataclasses.dataclass
class Relation:
    name: str
    things: object  # the name of a kind of thing, or a list of things
    value: object   # the name of a kind of value, or a list of values
    labels: list
    says: list
    bare: list
    asks: list
    bare_asks: list

    def group(self):
        """Relations of one group can be said of the same subject."""
        return self.things if isinstance(self.things, str) else self.name

    def subject(self, r):
        return THINGS[self.things](r) if isinstance(self.things, str) else listed(r.choice(self.things))(r)

    def make_value(self, r):
        return VALUES[self.value](r) if isinstance(self.value, str) else r.choice(self.value)


def capital(text):
    return text[0].upper() + text[1:]


def filled(template, **slots):
    """The template with its slots; a slot that opens it is written with a capital letter."""
    text = re.sub(r"\{(\w+)\}", lambda m: slots[m.group(1)], template)
    return capital(text) if text else text


def load():
    """([Relation], [passage tables]).  New files go to the archive's end: held_out() counts from its beginning."""
    tables = [tomllib.loads(text) for name, text in wordings.files().items() if name.endswith(".toml")]
    return [Relation(**relation) for table in tables for relation in table.get("relation", [])], \
        [passage for table in tables for passage in table.get("passage", [])]


def held_out(items):
    """Every twentieth: what evaluate.py asks and training never shows."""
    return items[7::20]


def shown(items):
    return [item for n, item in enumerate(items) if n % 20 != 7]


def loosely(r, question):
    """Typed by a person in a hurry, now and then."""
    style = r.random()
    if style < 0.06:
        return question[0].lower() + question[1:]
    return question.rstrip("?") if style < 0.1 else question


def as_stated(line, value):
    """The value as it stands in the line, whose first letter is a capital one."""
    return value if value in line else capital(value)


HEADINGS = ["Scope", "General", "Terms", "Procedure", "Details", "Remarks", "Background", "Responsibilities", "Exceptions", "Costs", "Dates",
            "Next steps", "Decisions", "Findings", "Annex", "Contact", "Notes", "Rules", "Limits", "Purpose", "What to do", "Good to know",
            "Open points", "History", "Conditions", "Summary", "Part two", "Review", "Equipment", "Staff", "Deliveries", "Quality"]


def letterhead(r):
    """What stands above a paper's text and answers nothing: a sender, a number, a date, a hand."""
    lines = [f"{v.firm(r)}, {v.address(r)}", f"{v.phone(r)} - www.{v.invented_word(r).lower()}.example", f"Issued by {v.person(r)}, {r.choice(v.JOBS)}, on {v.date(r)}.",
             f"Reference {v.code(r, r.choice(('QM', 'DOC', 'TP', 'REF')))}, version {v.version(r)}", f"Copy to: {v.person(r)}, {r.choice(v.DEPARTMENTS)}"]
    return "\n".join(r.sample(lines, r.randint(1, 3))) + "\n\n"


def laid_out(r, lines):
    """Sentences as papers have them: run on, one a line, in paragraphs, under numbered headings, as a list."""
    style = r.random()
    head = letterhead(r) if r.random() < 0.25 else ""
    if style < 0.35:
        return head + " ".join(lines)
    if style < 0.5:
        return head + "\n".join(lines)
    if style < 0.6:
        return head + "\n".join(f"{r.choice(('-', '*'))} {line}" for line in lines)
    body, number, numbered = "", 0, r.random() < 0.6
    for line in lines:
        if style > 0.8 and r.random() < 0.4:
            number += 1
            body += f"\n\n{f'{number}. ' if numbered else r.choice(('## ', ''))}{r.choice(HEADINGS)}\n\n"
        body += line + r.choice((" ", " ", "\n\n"))
    return head + re.sub(r"[ \n]*\n\n[ \n]*", "\n\n", body).strip()


class Facts:
    """What one conversation's documents say: who is spoken of, which relations, and the questions that follow."""

    def __init__(self, r, relations):
        self.r, self.relations = r, relations
        self.stated = []  # (relation, subject, evidence line, value)

    def pool(self, group):
        return [relation for relation in self.relations if relation.group() == group]

    def say(self, relation, subject, bare=False, short=False):
        value = relation.make_value(self.r)
        template = self.r.choice(relation.bare if bare else relation.says)
        line = filled(template, x=subject[1 if short else 0], v=value)
        self.stated.append((relation, subject, line, as_stated(line, value)))
        return line

    def label(self, relation, subject, style):
        value = relation.make_value(self.r)
        line = style.format(label=self.r.choice(relation.labels), value=value)
        self.stated.append((relation, subject, line, value))
        return line

    def paper(self, n_facts, filler):
        """One subject, named by the title."""
        r = self.r
        first = r.choice(self.relations)
        pool, subject = self.pool(first.group()), first.subject(r)
        chosen = list({relation.name: relation for relation in [first] + r.sample(pool, min(len(pool), n_facts - 1))}.values())
        r.shuffle(chosen)
        style = r.choice(("{label}: {value}", "- {label}: {value}", "{label} - {value}", "{label} | {value}", "{label} | {value}"))
        labelled = r.random() < 0.25
        lines = []
        for relation in chosen:
            lines.append(self.label(relation, subject, style) if labelled and r.random() < 0.7 else
                         self.say(relation, subject, bare=r.random() < 0.75, short=r.random() < 0.5))
            if filler and r.random() < 0.5:
                lines.append(filler())
        body = "\n".join(lines) if labelled else laid_out(r, lines)
        title = capital(subject[2]) + r.choice(("", "", ": notes", ", summary", ".pdf", " - fact sheet", ", page 2", " (draft)", ".docx"))
        return Document(title, [body])

    def notes(self, n_facts, filler):
        """Several subjects, each sentence says of whom."""
        r = self.r
        lines = []
        while n_facts > 0:
            relation = r.choice(self.relations)
            for _ in range(r.choice((1, 1, 2, 3))):  # the same relation of other subjects: the question's subject decides
                lines.append(self.say(relation, relation.subject(r)))
                n_facts -= 1
                if filler and r.random() < 0.3:
                    lines.append(filler())
        r.shuffle(lines)
        return Document(r.choice(("notes", "minutes.docx", "Weekly summary", "Circular", "mail", "Handbook, part 2", "Report")),
                        [r.choice((" ", "\n", "\n\n")).join(lines)])

    def table(self, n_rows, n_columns):
        r = self.r
        first = r.choice([relation for relation in self.relations if isinstance(relation.things, str)])
        pool = self.pool(first.group())
        columns = r.sample(pool, min(len(pool), n_columns))
        head, names = r.choice(("Name", "Item", "Subject", first.group().capitalize())), [r.choice(c.labels) for c in columns]
        rows = []
        for _ in range(n_rows):
            subject = first.subject(r)
            values = [column.make_value(r) for column in columns]
            row = "; ".join([f"{head}: {subject[2]}"] + [f"{name}: {value}" for name, value in zip(names, values)])
            rows.append(row)
            self.stated += [(column, subject, row, value) for column, value in zip(columns, values)]
        return Document(r.choice((f"{first.group()} list", f"{first.group()}s.csv", f"Overview of {first.group()}s")), ["\n".join(rows)])

    def turns(self):
        """Every stated fact asked for once, its subject named as fully as the documents need."""
        r, made = self.r, []
        for relation, subject, line, value in self.stated:
            rivals = [other for other, who, _, _ in self.stated if other is relation and who is not subject]
            again = [who for other, who, text, _ in self.stated if other is relation and who is subject and text != line]
            if again or sum(text == line for _, _, text, _ in self.stated) > 1 and ":" not in line:
                continue  # said twice, or of two subjects in the same words: no single answer
            shorts = {who[1] for _, who, _, _ in self.stated if who is not subject}
            if not rivals and r.random() < 0.3:
                question = r.choice(relation.bare_asks)
            else:
                question = filled(r.choice(relation.asks), x=subject[1 if subject[1] not in shorts and r.random() < 0.4 else 0])
            made.append(Turn(loosely(r, question), [line], value))
        return made

    def absent(self):
        """A near miss: an unknown relation of a known subject, or a known relation of an unknown subject."""
        r = self.r
        for _ in range(20):
            relation, subject, _, _ = r.choice(self.stated)
            if r.random() < 0.5:
                pool = self.pool(relation.group())
                told = {other.name for other, who, _, _ in self.stated if who is subject}
                lacking = [other for other in pool if other.name not in told]
                if lacking:
                    return Turn(filled(r.choice(r.choice(lacking).asks), x=subject[0]), [])
            else:
                other = relation.subject(r)
                if all(other[0] != who[0] and other[1] != who[1] for _, who, _, _ in self.stated):
                    return Turn(filled(r.choice(relation.asks), x=other[0]), [])
        unsaid = r.choice(self.relations)
        told = {relation.name for relation, _, _, _ in self.stated}
        return Turn(filled(r.choice(unsaid.asks), x=unsaid.subject(r)[0]), []) if unsaid.name not in told else None


def passage(r, table, filler=None, reword=None):
    """A paper with its slots filled: (document, turns, a maker of questions that it does not answer).

    reword(text) says a sentence in other words before its slots are filled.  A paper whose layout is "kept" is a whole document
    with its headings, clauses and rows: each entry is a line, or with "+" before it goes on in the line before.
    """
    slots = {}
    for name, kind in table["slots"].items():
        draws = ((VALUES[kind](r) if isinstance(kind, str) else r.choice(kind)) for _ in range(20))
        slots[name] = next((value for value in draws if value not in slots.values()), f"no. {len(slots) + 1}")
    kept = table.get("layout") == "kept"
    lines, turns, missing = [], [], list(table.get("absent", []))
    for sentence in table["sentences"]:
        text = sentence["text"].removeprefix("+")
        line = filled(reword(text) if reword else text, **slots)
        facts = [fact for fact in [sentence] + sentence.get("more", []) if fact.get("asks")]
        if facts and r.random() < 0.15:
            missing += [ask for fact in facts for ask in fact["asks"]]
            continue
        if filler and not kept and r.random() < 0.15:
            lines.append(filler())
        if kept and lines and sentence["text"].startswith("+"):
            lines[-1] += f" {line}" if lines[-1] else line
        else:
            lines.append(line)
        turns += [Turn(loosely(r, filled(r.choice(fact["asks"]), **slots)), [line], as_stated(line, slots[fact["answer"]])) for fact in facts]
    if not turns:
        return passage(r, table, filler, reword)
    absent = (lambda: Turn(filled(r.choice(missing), **slots), [])) if missing else None
    return Document(filled(table["title"], **slots), ["\n".join(lines) if kept else laid_out(r, lines)]), turns, absent


def dossier(r, tables, filler=None, reword=None):
    """Several short papers as the sections of a long one."""
    parts = [passage(r, table, filler, reword) for table in tables]
    numbered = r.random() < 0.6
    sections = [f"{f'{n}. ' if numbered else r.choice(('', '# '))}{document.title}\n\n{document.passages[0]}" for n, (document, _, _) in enumerate(parts, 1)]
    title = r.choice(("Handbook", "Manual", "Collected papers", "Minutes", "Report", "Agreement", "Guide", "Dossier", parts[0][0].title)) + \
        r.choice(("", f" {v.code(r, 'TP')}", f" {r.randrange(2015, 2030)}", f" of {v.firm(r)}", ".pdf"))
    absents = [absent for _, _, absent in parts if absent]
    return Document(title, ["\n\n".join(sections)]), [turn for _, turns, _ in parts for turn in turns], \
        (lambda: r.choice(absents)()) if absents else None
