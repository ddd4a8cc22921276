"""Synthetic business papers in prose: contracts, policies, mails, minutes, letters, pages; each sentence knows its questions.

A paper is a list of (sentence template, [(question template, slot that answers)]).  Slots in braces
are filled from SLOTS once a paper, so that names stay the same throughout it.
"""
import string

from tasks import values as v
from tasks.prompt import Document, Turn

SLOTS = {
    "firm": v.firm, "firm2": v.firm, "person": v.person, "person2": v.person, "person3": v.person, "date": v.date,
    "date2": v.date, "date3": v.date, "money": v.money, "money2": v.money, "money3": v.money, "percent": v.percent,
    "percent2": v.percent, "duration": v.duration, "duration2": v.duration, "duration3": v.duration, "city": lambda r: r.choice(v.CITIES),
    "city2": lambda r: r.choice(v.CITIES), "country": lambda r: r.choice(v.COUNTRIES), "product": v.product, "product2": v.product,
    "quantity": v.quantity, "clock": v.clock, "clock2": v.clock, "email": v.email, "phone": v.phone, "project": v.project,
    "number": v.number, "number2": lambda r: v.number(r, 1, 2), "version": v.version, "host": v.host, "address": v.address,
    "role": lambda r: r.choice(v.JOBS), "department": lambda r: r.choice(v.DEPARTMENTS), "room": v.model,
    "contract": lambda r: v.code(r, "CTR"), "invoice": lambda r: v.code(r, "INV"), "ticket": lambda r: v.code(r, "TCK"),
    "form": lambda r: v.code(r, "FRM"), "account": v.account, "department2": lambda r: r.choice(v.DEPARTMENTS), "token": v.token,
}

PAPERS = {
    "supply contract {contract}": [
        ("This agreement is made on {date} between {firm} (the Seller) and {firm2} (the Purchaser).",
         [("On what day was the agreement with {firm2} made?", "date"), ("Who is the Seller in contract {contract}?", "firm"),
          ("Who is the Purchaser in contract {contract}?", "firm2")]),
        ("The Seller shall supply {quantity} of {product} each quarter.",
         [("How much {product} is to be supplied each quarter?", "quantity"), ("Which goods does the Seller supply?", "product")]),
        ("The price is {money} for each delivery, excluding value added tax.", [("What price applies to each delivery?", "money")]),
        ("Invoices fall due {duration} after receipt.", [("How long after receipt do invoices fall due?", "duration")]),
        ("Late payments bear interest of {percent} a year.", [("What interest do late payments bear?", "percent")]),
        ("Either party may end this agreement by giving {duration2} of written notice.",
         [("How much written notice ends the agreement?", "duration2"), ("What is the notice period in contract {contract}?", "duration2")]),
        ("The liability of the Seller is limited to {money2}.", [("To what sum is the Seller's liability limited?", "money2")]),
        ("Goods are delivered to {address}.", [("To which address are the goods delivered?", "address")]),
        ("This agreement is governed by the law of {country}.", [("Which law governs contract {contract}?", "country")]),
        ("Disputes are settled by the courts of {city}.", [("Where are disputes settled?", "city")]),
        ("The warranty period is {duration3} from delivery.", [("How long is the warranty period?", "duration3")]),
        ("Signed for the Purchaser by {person}, {role}.", [("Who signed for the Purchaser?", "person")]),
    ],
    "{department} policy {form}": [
        ("This policy applies to all staff of {firm} from {date}.", [("From when does the policy apply?", "date"),
                                                                   ("To whose staff does policy {form} apply?", "firm")]),
        ("Expenses above {money} need the approval of {person}.", [("Above what sum do expenses need approval?", "money"),
                                                                   ("Who approves larger expenses?", "person")]),
        ("Claims must be handed in within {duration} on form {form}.", [("Within what time must claims be handed in?", "duration"),
                                                                       ("On which form are claims handed in?", "form")]),
        ("Records are kept for {duration2}.", [("For how long are records kept?", "duration2")]),
        ("Questions go to {person2} in {department2}, {email}.", [("Who answers questions about the policy?", "person2"),
                                                                 ("Which e-mail address takes questions?", "email")]),
        ("Passwords are changed every {duration3}.", [("How often are passwords changed?", "duration3")]),
        ("Remote work is allowed on {number2} days a month.", [("On how many days a month is remote work allowed?", "number2")]),
        ("Business travel is booked through {firm2}.", [("Through whom is business travel booked?", "firm2")]),
        ("The mileage allowance is {money2} for each trip.", [("What is the mileage allowance?", "money2")]),
        ("Visitors sign in at {address}.", [("Where do visitors sign in?", "address")]),
    ],
    "Re: {project}": [
        ("From: {person} <{email}>", [("Who sent the mail about {project}?", "person"), ("What is the sender's e-mail address?", "email")]),
        ("Date: {date}, {clock}", [("When was the mail about {project} sent?", "date")]),
        ("Hello {person2}, thank you for your call.", [("To whom is the mail about {project} written?", "person2")]),
        ("We can deliver {quantity} by {date2}.", [("By when can they deliver?", "date2"), ("How much can they deliver?", "quantity")]),
        ("Our best offer for {project} is {money}.", [("What is the best offer for {project}?", "money")]),
        ("{person3} will visit you in {city} on {date3}.", [("Who will visit?", "person3"), ("On which day is the visit?", "date3"),
                                                           ("In which city is the visit?", "city")]),
        ("Please send the signed papers to {address}.", [("Where should the signed papers go?", "address")]),
        ("The spare {product} costs {money2} and is ready in {duration}.", [("What does the spare {product} cost?", "money2"),
                                                                            ("How soon is the spare {product} ready?", "duration")]),
        ("You can reach me at {phone}.", [("At which number can the sender be reached?", "phone")]),
        ("The open ticket is {ticket}.", [("Which ticket is open?", "ticket")]),
    ],
    "{department} team meeting {date}": [
        ("Present: {person}, {person2} and {person3}.", [("Who attended besides {person} and {person2}?", "person3")]),
        ("The meeting began at {clock} in room {room}.", [("At what time did the meeting begin?", "clock"), ("In which room was the meeting?", "room")]),
        ("{person} reported that {project} has cost {money} so far.", [("How much has {project} cost so far?", "money"),
                                                                       ("Who reported on {project}?", "person")]),
        ("The team decided to order {quantity} of {product}.", [("What quantity did the team decide to order?", "quantity"),
                                                                 ("What did the team decide to order?", "product")]),
        ("{person2} takes over the customer {firm} from {date2}.", [("Who takes over the customer {firm}?", "person2"),
                                                                    ("Which customer does {person2} take over?", "firm")]),
        ("Overtime fell by {percent} against last month.", [("By how much did overtime fall?", "percent")]),
        ("The release moves to {date3}.", [("To which date does the release move?", "date3")]),
        ("{person3} will write the report for {firm2} within {duration}.", [("Who will write the report for {firm2}?", "person3"),
                                                                            ("Within what time is the report for {firm2} written?", "duration")]),
        ("The next meeting starts at {clock2}.", [("When does the next meeting start?", "clock2")]),
    ],
    "{role} at {firm}": [
        ("{firm} is looking for a {role} in {city}.", [("Where is the position of {role}?", "city"), ("Which position does {firm} offer?", "role")]),
        ("You report to {person}, head of {department}.", [("To whom does the {role} report?", "person")]),
        ("We expect at least {duration} of experience.", [("How much experience is expected?", "duration")]),
        ("The salary is {money} a year.", [("What salary does {firm} pay the {role}?", "money")]),
        ("Your working week has {number2} hours.", [("How many hours has the working week?", "number2")]),
        ("Please apply by {date} to {email}.", [("By when should one apply?", "date"), ("Where are applications sent?", "email")]),
        ("Travel makes up {percent} of the work.", [("What share of the work is travel?", "percent")]),
    ],
    "{product}": [
        ("The {product} is made by {firm} in {country}.", [("Who makes the {product}?", "firm"), ("In which country is the {product} made?", "country")]),
        ("Its list price is {money}.", [("What is the list price of the {product}?", "money")]),
        ("The order number is {token}.", [("Under which number is the {product} ordered?", "token")]),
        ("It comes with a guarantee of {duration}.", [("How long is the guarantee of the {product}?", "duration")]),
        ("It has replaced the {product2} since {date}.", [("Which product did the {product} replace?", "product2"),
                                                       ("Since when has the {product} been sold?", "date")]),
        ("Firmware {version} is needed for remote control.", [("Which firmware does remote control need?", "version")]),
        ("From {quantity} on we grant {percent} off.", [("From what quantity is there a discount?", "quantity"),
                                                       ("What discount is granted on the {product}?", "percent")]),
        ("Service is given by {firm2}, {phone}.", [("Who gives service for the {product}?", "firm2"), ("What is the service number?", "phone")]),
    ],
    "runbook {host}": [
        ("The service on {host} was moved to {city} on {date}.", [("Where was the service on {host} moved?", "city"),
                                                                 ("When was the service on {host} moved?", "date")]),
        ("It listens on port {number} and runs version {version}.", [("On which port does {host} listen?", "number"),
                                                                  ("Which version runs on {host}?", "version")]),
        ("Backups are taken at {clock} and kept for {duration}.", [("At what time are backups taken?", "clock"),
                                                                    ("How long are backups kept?", "duration")]),
        ("If it does not answer within {duration2}, call {person} at {phone}.", [("Whom do you call if {host} does not answer?", "person"),
                                                                                ("At which number is {person} called?", "phone")]),
        ("The start key is {token}.", [("What is the start key?", "token")]),
        ("Restarts are allowed only after {clock2}.", [("After what time are restarts allowed?", "clock2")]),
        ("The owner of the service is {department}.", [("Which department owns the service?", "department")]),
    ],
    "letter to {firm}": [
        ("Dear {person}, we confirm the receipt of your letter of {date}.", [("To whom is the letter to {firm} addressed?", "person"),
                                                                         ("What is the date of the letter received from {firm}?", "date")]),
        ("The outstanding balance of invoice {invoice} is {money}.", [("What is the outstanding balance of invoice {invoice}?", "money"),
                                                                   ("Which invoice is outstanding?", "invoice")]),
        ("Kindly transfer the sum to account {account} by {date2}.", [("To which account is the sum transferred?", "account"),
                                                                ("By when is the sum to be transferred?", "date2")]),
        ("A reminder fee of {money2} has been added.", [("What reminder fee was added?", "money2")]),
        ("Should you wish to pay in parts, {person2} offers {number2} instalments.", [("How many instalments are offered?", "number2"),
                                                                                     ("Who offers to take payment in parts?", "person2")]),
        ("Our office in {city} is open from {clock}.", [("From what time is the office in {city} open?", "clock")]),
    ],
}
LINKS = ["As agreed,", "Please note:", "In addition,", "For the record:", "To be clear,"]


class Filled(dict):
    """Slot values of one paper, made when first needed."""

    def __init__(self, r):
        super().__init__()
        self.r = r

    def __missing__(self, slot):
        self[slot] = SLOTS[slot](self.r)
        return self[slot]


def fill(template, filled):
    return string.Formatter().vformat(template, (), filled)


def paper(r, n_sentences):
    """(document, turns, a maker of questions that it does not answer: of sentences left out, and of other papers)"""
    title_template = r.choice(list(PAPERS))
    sentences = PAPERS[title_template]
    kept = sorted(r.sample(range(len(sentences)), min(n_sentences, max(2, len(sentences) - 2))))
    filled, lines, turns = Filled(r), [], []
    for index in kept:
        template, questions = sentences[index]
        line = fill(template, filled)
        if template[0] != "{" and r.random() < 0.08:
            line = f"{r.choice(LINKS)} {line[0].lower() + line[1:]}"
        lines.append(line)
        turns += [Turn(fill(question, filled), [line], filled[slot]) for question, slot in questions]
    joiner = r.choice(("\n", " ", "\n\n", " "))
    missing = [question for index, (_, questions) in enumerate(sentences) if index not in kept for question, _ in questions]

    def absent():
        if missing and r.random() < 0.6:
            return Turn(fill(r.choice(missing), filled), [])
        other = r.choice([name for name in PAPERS if name != title_template])
        return Turn(fill(r.choice(r.choice(PAPERS[other])[1])[0], Filled(r)), [])

    return Document(fill(title_template, filled), [joiner.join(lines)]), turns, absent
