"""Synthetic records (orders, accounts, tickets, stock, servers, ...): rows, cards and sentences, with what can be asked of them."""
from tasks import values as v
from tasks.prompt import Document, Turn

OPEN_STATES = ["open", "closed", "pending", "approved", "rejected", "on hold", "in progress", "completed", "draft",
               "cancelled", "escalated", "waiting", "active", "inactive", "archived", "new"]
choice = lambda *options: (lambda r: r.choice(options))
code = lambda prefix: (lambda r: v.code(r, prefix))

# entity: (word for it, maker of its key, header of the key, {field: (maker, question word)})
ENTITIES = [
    ("order", code("SO"), "Order", {
        "customer": (v.firm, "Who"), "order date": (v.date, "When"), "delivery date": (v.date, "When"),
        "net amount": (v.money, "What"), "status": (choice(*OPEN_STATES), "What"), "sales representative": (v.person, "Who"),
        "payment terms": (choice("30 days net", "14 days, 2% discount", "prepayment", "60 days net", "cash"), "What"),
        "warehouse": (lambda r: r.choice(v.CITIES), "Where"), "currency": (choice(*v.CURRENCIES), "What")}),
    ("purchase order", code("PO"), "Purchase order", {
        "supplier": (v.firm, "Who"), "buyer": (v.person, "Who"), "total": (v.money, "What"), "ordered on": (v.date, "When"),
        "expected on": (v.date, "When"), "cost centre": (lambda r: v.number(r, 4, 5), "What"),
        "incoterm": (choice("EXW", "FCA", "DAP", "DDP", "CIF", "FOB"), "What"), "quantity": (v.quantity, "How many")}),
    ("invoice", code("INV"), "Invoice", {
        "customer": (v.firm, "Who"), "amount due": (v.money, "What"), "invoice date": (v.date, "When"),
        "due date": (v.date, "When"), "tax": (v.money, "What"), "discount": (v.percent, "What"),
        "paid on": (v.date, "When"), "reference": (code("REF"), "What"), "bank account": (v.account, "What")}),
    ("account", v.firm, "Account", {
        "industry": (lambda r: r.choice(v.TRADES).lower(), "What"), "owner": (v.person, "Who"), "phone": (v.phone, "What"),
        "city": (lambda r: r.choice(v.CITIES), "Where"), "country": (lambda r: r.choice(v.COUNTRIES), "Where"),
        "annual revenue": (v.money, "What"), "employees": (lambda r: v.number(r, 1, 5), "How many"),
        "customer since": (lambda r: str(r.randrange(1985, 2026)), "When"), "rating": (choice("A", "B", "C", "AA"), "What"),
        "account number": (code("ACC"), "What"), "address": (v.address, "Where")}),
    ("contact", v.person, "Contact", {
        "company": (v.firm, "Who"), "role": (lambda r: r.choice(v.JOBS), "What"), "e-mail": (v.email, "What"),
        "phone": (v.phone, "What"), "department": (lambda r: r.choice(v.DEPARTMENTS), "What"),
        "office": (lambda r: r.choice(v.CITIES), "Where"), "last call": (v.date, "When")}),
    ("opportunity", lambda r: f"{v.invented_word(r)} {r.choice(v.NOUNS)} deal", "Opportunity", {
        "stage": (choice("qualification", "proposal", "negotiation", "won", "lost", "discovery"), "What"),
        "value": (v.money, "What"), "probability": (v.percent, "What"), "close date": (v.date, "When"),
        "owner": (v.person, "Who"), "account": (v.firm, "Who"), "competitor": (v.firm, "Who"),
        "next step": (choice("send the offer", "plan a visit", "call the buyer", "revise the price", "book a demo"), "What")}),
    ("item", code("SKU"), "Item", {
        "description": (v.product, "What"), "stock": (v.quantity, "How many"), "price": (v.money, "What"),
        "supplier": (v.firm, "Who"), "weight": (lambda r: f"{r.randrange(1, 900) / 10} kg", "What"),
        "location": (lambda r: f"aisle {r.randrange(1, 60)}, bin {r.randrange(1, 400)}", "Where"),
        "reorder level": (lambda r: v.number(r, 1, 4), "What"), "lead time": (v.duration, "How long")}),
    ("ticket", code("TCK"), "Ticket", {
        "reported by": (v.person, "Who"), "assigned to": (v.person, "Who"), "opened": (v.date, "When"),
        "priority": (choice("low", "medium", "high", "critical", "P1", "P2", "P3"), "What"),
        "status": (choice(*OPEN_STATES), "What"), "device": (v.product, "What"), "host": (v.host, "What"),
        "response time": (v.duration, "How long")}),
    ("employee", v.person, "Employee", {
        "employee number": (code("EMP"), "What"), "department": (lambda r: r.choice(v.DEPARTMENTS), "What"),
        "job title": (lambda r: r.choice(v.JOBS), "What"), "manager": (v.person, "Who"), "start date": (v.date, "When"),
        "salary": (v.money, "What"), "desk": (lambda r: v.model(r), "Where"), "holiday allowance": (v.duration, "How long")}),
    ("server", v.host, "Server", {
        "role": (choice("database", "mail", "proxy", "backup", "build", "cache", "monitoring"), "What"),
        "version": (v.version, "What"), "port": (lambda r: str(r.randrange(80, 65000)), "What"),
        "administrator": (v.person, "Who"), "memory": (lambda r: f"{r.randrange(2, 900)} GB", "How much"),
        "data centre": (lambda r: r.choice(v.CITIES), "Where"), "last restart": (v.date, "When")}),
    ("project", v.project, "Project", {
        "manager": (v.person, "Who"), "budget": (v.money, "What"), "deadline": (v.date, "When"),
        "sponsor": (v.firm, "Who"), "progress": (v.percent, "What"), "team size": (lambda r: v.number(r, 1, 2), "How many"),
        "site": (lambda r: r.choice(v.CITIES), "Where"), "risk": (choice("low", "medium", "high"), "What")}),
    ("agreement", code("CTR"), "Agreement", {
        "counterparty": (v.firm, "Who"), "signed on": (v.date, "When"), "term": (v.duration, "How long"),
        "notice period": (v.duration, "How long"), "annual fee": (v.money, "What"), "penalty": (v.percent, "What"),
        "governing law": (lambda r: r.choice(v.COUNTRIES), "What"), "signatory": (v.person, "Who")}),
    ("shipment", code("SHP"), "Shipment", {
        "carrier": (v.firm, "Who"), "destination": (lambda r: r.choice(v.CITIES), "Where"), "arrival": (v.date, "When"),
        "container": (lambda r: v.model(r), "What"), "pieces": (lambda r: v.number(r, 1, 4), "How many"),
        "tracking number": (v.token, "What"), "freight cost": (v.money, "What")}),
    ("machine", v.product, "Machine", {
        "serial number": (v.token, "What"), "hall": (lambda r: str(r.randrange(1, 20)), "Where"),
        "next service": (v.date, "When"), "operator": (v.person, "Who"), "power": (lambda r: f"{r.randrange(1, 400)} kW", "What"),
        "year built": (lambda r: str(r.randrange(1980, 2026)), "When"), "purchase price": (v.money, "What")}),
    ("course", lambda r: f"{r.choice(v.DEPARTMENTS)} {r.choice(('basics', 'refresher', 'workshop', 'seminar'))} {r.randrange(1, 99)}",
     "Course", {
        "trainer": (v.person, "Who"), "date": (v.date, "When"), "room": (lambda r: v.model(r), "Where"),
        "fee": (v.money, "What"), "seats": (lambda r: v.number(r, 1, 2), "How many"), "length": (v.duration, "How long")}),
    ("licence", lambda r: f"{v.invented_word(r)} {r.choice(('Studio', 'Suite', 'Desk', 'Cloud', 'Vault'))}", "Licence", {
        "vendor": (v.firm, "Who"), "key": (v.token, "What"), "seats": (lambda r: v.number(r, 1, 4), "How many"),
        "expires": (v.date, "When"), "yearly cost": (v.money, "What"), "version": (v.version, "What")}),
]

QUESTIONS = ["What is the {field} of {word} {key}?", "What does the {word} {key} list as {field}?", "{field} of {key}?",
             "Please give the {field} for {word} {key}.", "For {word} {key}, what is the {field}?",
             "Which {field} is recorded for {key}?", "I need the {field} of {key}.", "State the {field} of {word} {key}.",
             "What {field} does {word} {key} have?", "Look up {key}: {field}?", "Can you tell me the {field} of {key}?"]
WHO = ["Who is the {field} of {word} {key}?", "Who is named as {field} for {key}?"]
WHEN = ["When: {field} of {word} {key}?", "Which date is given as {field} of {key}?"]
SENTENCES = ["The {field} of {word} {key} is {value}.", "{Word} {key} has the {field} {value}.",
             "For {word} {key} the {field} is {value}.", "{key}: the {field} is {value}.", "{Word} {key}, {field}: {value}.",
             "We noted {value} as the {field} of {word} {key}.", "According to the file, the {field} of {key} is {value}.",
             "{value} is the {field} of {word} {key}.", "As {field} of {word} {key} we have {value} on record."]


CARD_STYLES = [
    lambda name, value: f"{name.capitalize()}: {value}",
    lambda name, value: f"{name.capitalize()}: {value}",
    lambda name, value: f"- {name}: {value}",
    lambda name, value: f"{name.replace(' ', '_')} = {value}",
    lambda name, value: f'"{name.lower().replace(" ", "_")}": "{value}",',
    lambda name, value: f"| {name.capitalize()} | {value} |",
    lambda name, value: f"**{name.capitalize()}**: {value}",
]
BOTH = ["What are the {first} and the {second} of {word} {key}?", "Give the {first} and the {second} of {key}.",
        "{key}: {first} and {second}?"]
WHICH = ["Which {word} has the {field} {value}?", "For which {word} is the {field} {value}?",
         "{value} is the {field} of which {word}?", "Find the {word} with the {field} {value}."]


def ask(r, word, key, field, question_word):
    templates = QUESTIONS
    if question_word == "Who" and r.random() < 0.4:
        templates = WHO
    elif question_word == "When" and r.random() < 0.3:
        templates = WHEN
    text = r.choice(templates).format(field=field, word=word, key=key)
    return text[0].upper() + text[1:]


class Record:
    def __init__(self, r, entity, n_fields):
        self.word, self.make_key, self.key_header, fields = entity
        self.key = self.make_key(r)
        self.fields = {name: (fields[name][0](r), fields[name][1]) for name in r.sample(list(fields), min(n_fields, len(fields)))}
        self.other_fields = {name: how for name, (_, how) in fields.items() if name not in self.fields}

    def row(self, order):
        cells = [(self.key_header, self.key)] + [(name.capitalize(), self.fields[name][0]) for name in order]
        return "; ".join(f"{header}: {value}" for header, value in cells)

    def card(self, style):
        lines = {name: style(name, value) for name, (value, _) in self.fields.items()}
        return style(self.key_header, self.key), lines

    def sentences(self, r):
        made = {}
        for name, (value, _) in self.fields.items():
            template = r.choice(SENTENCES)
            text = template.format(field=name, word=self.word, Word=self.word.capitalize(), key=self.key, value=value)
            made[name] = text if template.startswith("{value}") else text[0].upper() + text[1:]  # values stay as asked for
        return made

    def both(self, r, evidence):
        """A question for two fields; evidence(name) is the line that holds a field."""
        first, second = r.sample(list(self.fields), 2)
        text = r.choice(BOTH).format(first=first, second=second, word=self.word, key=self.key)
        lines = list(dict.fromkeys((evidence(first), evidence(second))))
        return Turn(text[0].upper() + text[1:], lines, f"{self.fields[first][0]} and {self.fields[second][0]}")

    def which(self, r, line, others):
        """Asks for the key by a value that no other record has, or None."""
        name = r.choice(list(self.fields))
        value = self.fields[name][0]
        if any(other.fields.get(name, [None])[0] == value for other in others if other is not self):
            return None
        text = r.choice(WHICH).format(word=self.word, field=name, value=value)
        return Turn(text[0].upper() + text[1:], [line], self.key)

    def absent(self, r, present):
        """A question that records with these keys do not answer: an unknown key, or (the near miss) a field that is lacking."""
        if self.other_fields and r.random() < 0.5:
            field = r.choice(list(self.other_fields))
            return Turn(ask(r, self.word, self.key, field, self.other_fields[field]), [])
        field = r.choice(list(self.fields))
        key = self.make_key(r)
        while key in present:
            key = self.make_key(r)
        return Turn(ask(r, self.word, key, field, self.fields[field][1]), [])


def invented_entity(r, words):
    """An entity that no other sample has: its fields, and often its name, are any words."""
    one = lambda: " ".join(r.choice(words) for _ in range(r.choice((1, 1, 2))))
    word = one()
    maker = r.choice((v.firm, v.person, v.product, v.model, code(word[:2].upper()), lambda r: " ".join(r.choice(words) for _ in range(2))))
    kinds = (v.number, v.token, v.date, v.money, v.person, v.duration, v.percent, lambda r: r.choice(words), lambda r: f"{r.choice(words)} {r.choice(words)}")
    return word, maker, r.choice((word.capitalize(), "Name", "Id")), {one(): (r.choice(kinds), "What") for _ in range(9)}


def table(r, n_rows, n_fields, entity):
    """A document of rows of one entity, each one line; (document, its turns, makers of unanswerable turns)."""
    records = [Record(r, entity, n_fields) for _ in range(n_rows)]
    order = list(records[0].fields)
    for record in records[1:]:  # one schema for all rows
        record.fields = {name: (entity[3][name][0](r), entity[3][name][1]) for name in order}
        record.other_fields = records[0].other_fields
    turns, lines = [], []
    for record in records:
        line = record.row(order)
        lines.append(line)
        turns += [Turn(ask(r, record.word, record.key, name, how), [line], value)
                  for name, (value, how) in record.fields.items()]
        turns += [turn for turn in (record.which(r, line, records),) if turn]
        if len(order) > 1 and r.random() < 0.5:
            turns.append(record.both(r, lambda name, line=line: line))
    return finish(r, f"{entity[0]} list", lines, turns, records)


def cards(r, n_cards, n_fields, entity):
    """Records as blocks of "Field: value" lines."""
    style = r.choice(CARD_STYLES)
    turns, lines, records = [], [], []
    for _ in range(n_cards):
        record = Record(r, entity, n_fields)
        head, fields = record.card(style)
        lines += ([""] if lines else []) + [head] + list(fields.values())
        turns += [Turn(ask(r, record.word, record.key, name, record.fields[name][1]),
                       [line] if n_cards == 1 else [head, line], record.fields[name][0]) for name, line in fields.items()]
        if n_cards == 1 and len(fields) > 1:
            turns.append(record.both(r, fields.get))
        records.append(record)
    return finish(r, records[0].key if n_cards == 1 else f"{entity[0]} data", lines, turns, records)


def notes(r, n_records, n_fields):
    """Records told in sentences, mixed."""
    turns, sentences, records = [], [], []
    entity = r.choice(ENTITIES)
    for _ in range(n_records):
        entity = r.choice(ENTITIES) if r.random() < 0.7 else entity
        record = Record(r, entity, n_fields)
        for name, sentence in record.sentences(r).items():
            sentences.append(sentence)
            turns.append(Turn(ask(r, record.word, record.key, name, record.fields[name][1]), [sentence], record.fields[name][0]))
        records.append(record)
    if r.random() < 0.5:
        r.shuffle(sentences)
    joiner = r.choice(("\n", " ", " "))
    return finish(r, f"Notes on {records[0].key}", [joiner.join(sentences)], turns, records)


def finish(r, title, lines, turns, records):
    """(document, turns, a maker of questions that the document does not answer)"""
    title = r.choice((title, title.capitalize(), f"{title}.{r.choice(('csv', 'txt', 'md', 'pdf', 'docx'))}"))
    present = {record.key for record in records}
    return Document(title, ["\n".join(lines)]), turns, lambda: r.choice(records).absent(r, present)
