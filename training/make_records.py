#!/usr/bin/env python3
"""Writes examples/records: small exports of five CRMs and ERPs, and questions with their answers; the same bytes on every run.

    python3 training/make_records.py --out examples/records

Only the standard library is used.  Companies and people are invented, telephone numbers are of the ranges kept free for fiction.
"""
import argparse
import csv
import datetime
import io
import json
import pathlib
import random
import shutil
import uuid

# Country: (name, ISO code, legal forms, [(city, postal code, telephone prefix of numbers kept for fiction)]).
COUNTRIES = [
    ("Germany", "DE", ["GmbH", "AG", "KG"],
     [("Berlin", "10119", "+49 30 23125"), ("Hamburg", "20457", "+49 40 66969"), ("Köln", "50667", "+49 221 4710"),
      ("München", "80331", "+49 89 99998")]),
    ("United Kingdom", "GB", ["Ltd", "plc"], [("London", "EC2A 4NE", "+44 20 7946 0"), ("Manchester", "M1 4BT", "+44 161 496 0")]),
    ("United States", "US", ["Inc.", "LLC"], [("Denver", "80202", "+1 303 555 0"), ("Boston", "02110", "+1 617 555 0")]),
    ("France", "FR", ["SARL", "SAS"], [("Lyon", "69002", "+33 1 99 00 1"), ("Paris", "75011", "+33 1 99 00 2")]),
]
STEMS_A = ["Lark", "Tess", "Brück", "Quill", "Fenn", "Oster", "Mähr", "Wynd", "Kersen", "Dorn", "Selm", "Amber", "Thorl", "Vail",
           "Pell", "Ravens"]
STEMS_B = ["moor", "dal", "wald", "haven", "mark", "wick", "stead", "höhe"]
TRADES = {
    "DE": ["Maschinenbau", "Feinmechanik", "Möbel", "Papier", "Medizintechnik", "& Söhne"],
    "GB": ["Optics", "Textiles", "Logistics", "Instruments"],
    "US": ["Energy", "Foods", "Robotics", "Interiors"],
    "FR": ["Énergie", "Textiles", "Optique", "Transports"],
}
FIRST = ["Anna", "Bilal", "Chloé", "David", "Elif", "Fatima", "George", "Hanna", "Igor", "Jürgen", "Katja", "Liam", "Maria", "Nils",
         "Olivia", "Piotr", "Renée", "Søren", "Tamara", "Uwe", "Vera", "Yusuf"]
LAST = ["Albrecht", "Brandt", "Castellan", "Duquesne", "Eberle", "Farrow", "Götz", "Hartnell", "Ilic", "Jónsson", "Kranz", "Loxley",
        "Müller", "Nowak", "O'Dwyer", "Pichler", "Quirke", "Rossi", "Schäfer", "Thorne", "Voss", "Weber", "Yıldız", "Zeller"]
TITLES = ["Head of Purchasing", "Plant Manager", "Managing Director", "IT Lead", "Quality Manager", "Office Manager", ""]
INDUSTRIES = ["Manufacturing", "Retail", "Healthcare", "Logistics", "Energy"]


class World:
    """Companies, people and days of one system, none of which another has."""

    def __init__(self, number, seed):
        self.random = random.Random(seed)
        stems = [a + b for a in STEMS_A for b in STEMS_B]
        random.Random(1).shuffle(stems)
        self.stems = stems[number * 25:] + stems[:number * 25]
        self.people_left = [(first, last) for first in FIRST for last in LAST]
        self.random.shuffle(self.people_left)

    def company(self):
        stem = self.stems.pop(0)
        country, code, forms, cities = self.random.choices(COUNTRIES, [6, 2, 2, 2])[0]
        city, postal_code, phone = self.random.choice(cities)
        host = stem.lower().translate(str.maketrans({"ü": "ue", "ö": "oe", "ä": "ae"}))
        return {"name": f"{stem} {self.random.choice(TRADES[code])} {self.random.choice(forms)}", "country": country, "code": code,
                "city": city, "postal_code": postal_code, "phone": self.phone(phone), "host": host + ".example",
                "street": self.street(code), "industry": self.random.choice(INDUSTRIES),
                "employees": self.random.choice([12, 25, 40, 85, 120, 260, 430, 900])}

    def phone(self, prefix):
        if prefix.startswith("+1"):
            return f"{prefix}1{self.random.randrange(10, 100)}"  # 555 0110 to 0199
        if prefix.startswith("+33"):
            return f"{prefix}{self.random.randrange(10)} {self.random.randrange(10, 100)}"
        return f"{prefix}{'' if prefix.startswith('+44') else ' '}{self.random.randrange(100, 1000)}"

    def street(self, code):
        number = self.random.randrange(1, 90)
        if code == "DE":
            return f"{self.random.choice(['Werkstraße', 'Lindenallee', 'Am Güterbahnhof'])} {number}"
        return f"{number} {self.random.choice(['Mill Lane', 'Station Road', 'Canal Street'])}"

    def person(self, company):
        first, last = self.people_left.pop()
        plain = (first[0] + "." + last).lower().translate(
            str.maketrans({"ü": "ue", "ö": "oe", "ä": "ae", "ó": "o", "ı": "i", "'": "", "é": "e", "ø": "o"}))
        return {"first": first, "last": last, "email": f"{plain}@{company['host']}", "title": self.random.choice(TITLES)}

    def day(self, first="2023-01-02", last="2025-06-30"):
        start, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
        return start + datetime.timedelta(days=self.random.randrange((end - start).days + 1))

    def clock(self):
        return f"{self.random.randrange(8, 18):02}:{self.random.randrange(60):02}:{self.random.randrange(60):02}"

    def after(self, day, low, high):
        return day + datetime.timedelta(days=self.random.randrange(low, high + 1))


class Export:
    """The tables of one system, as files."""

    def __init__(self, quote_all=False):
        self.tables = {}  # by file name: rows, each a dict
        self.quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
        self.questions = []

    def add(self, name, row):
        self.tables.setdefault(name, []).append(row)

    def kept(self, name, key, updated=None, is_deleted=lambda row: False):
        """Of rows with one key the newest, without those that are deleted: what a mapping makes of them."""
        newest = {}
        for row in self.tables[name]:
            known = newest.get(row[key])
            if known is None or updated is None or row[updated] >= known[updated]:
                newest[row[key]] = row
        return [row for row in newest.values() if not is_deleted(row)]

    def ask(self, question, answer, sql=None):
        entry = {"question": question, "answer": str(answer), "kind": "sql" if sql else "text"}
        if sql:
            entry["sql"] = sql
        self.questions.append(entry)

    def files(self):
        result = {}
        for name, rows in self.tables.items():
            out = io.StringIO()
            writer = csv.DictWriter(out, list(rows[0]), quoting=self.quoting, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            result[name] = out.getvalue()
        return result


def money(cents):
    return f"{cents // 100}.{cents % 100:02}"


def cents(text):
    whole, _, part = text.partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def most(names):
    """The name that occurs most; that it is one alone is made sure."""
    counts = {name: names.count(name) for name in names}
    first, second = sorted(counts.values())[-1:-3:-1]
    if first == second:
        raise SystemExit("make_records: two names occur most: choose another seed")
    return max(counts, key=counts.get)


# Stories of support cases, and of what is sold: (subject, description).
CASES = [
    ("Display stays dark after power cut",
     "The operator panel of line 2 stayed dark after the power cut on Sunday.\nCause: a blown fuse F7 on the supply board. "
     "A technician replaced it and fitted a surge arrester."),
    ("Wrong voltage on the name plate",
     "The name plate says \"230 V\", the unit needs 400 V. New plates were sent by express mail."),
    ("Invoices arrive twice",
     "Every invoice is mailed twice since the migration. The old mail rule was still active; it is now removed."),
    ("Gripper drops small parts", "Parts below 40 g slip. We lent a soft gripper (type SG-12) until the new suction cups arrive."),
    ("Training for night shift",
     "The customer wants a training for the night shift, in Turkish if possible. Planned for two evenings."),
    ("Noise from the gearbox", ""),
    ("Access for the external auditor", "The auditor needs read-only access from Monday to Friday. Granted; it ends by itself."),
    ("Delivery came without manuals", "Manuals in French were missing.\n\nSent as PDF the same day, printed ones follow."),
    ("Login fails on tablets", "Tablets with the old browser cannot log in. Updating it helps."),
    ("Calibration certificate missing", ""),
]
DEALS = [
    ("Packing line", "Replaces the line of 2009. Decisive was that we can install during the summer shutdown in August."),
    ("Service contract", ""),
    ("Sensor retrofit",
     "Retrofit of 60 sensors. They compare us with a \"cheaper\" offer from abroad;\n"
     "our argument is the five-year warranty."),
    ("Pilot project", "The pilot runs for three months in one hall. If scrap falls below 2 %, they order for all four halls."),
    ("Spare parts", ""),
    ("Warehouse extension", "Needs approval of the works council, which meets on the first Tuesday of the month."),
    ("Licence renewal", "Renewal for 45 seats; ten of them are for the new site."),
    ("Test bench", ""),
]


def story(world, stories, i):
    """The first ones once each, in turn; then mostly those that say little."""
    return stories[i] if i < len(stories) else (stories[i % len(stories)][0], "")


# --- Salesforce

ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def salesforce_id(prefix, n):
    """18 characters: 15, and three that say which of these are capitals."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    tail = ""
    n = 7919 * n + 104729
    for _ in range(6):
        tail = digits[n % 62] + tail
        n //= 62
    text = prefix + "5e0000" + tail
    for start in (0, 5, 10):
        text += ID_CHARS[sum(1 << i for i, c in enumerate(text[start:start + 5]) if c.isupper())]
    return text


def stamp(day, clock):
    return f"{day}T{clock}.000Z"


def salesforce():
    world, export = World(0, 1), Export(quote_all=True)
    users = []
    for i, (name, department) in enumerate([("Rita Halloran", "Sales"), ("Tomás Lindqvist", "Sales"), ("Ines Abendroth", "Sales"),
                                            ("Sami Okafor", "Support")]):
        users.append(salesforce_id("005", i))
        export.add("User.csv", {"Id": users[i], "Name": name, "Email": name.split()[0].lower().replace("á",
                                                                                                       "a") + "@seller.example",
                                "Department": department})
    owner = {user["Id"]: user["Name"] for user in export.tables["User.csv"]}
    companies, contacts = [], []
    for i in range(30):
        company = world.company() | {"id": salesforce_id("001", i)}
        companies.append(company)
        changed = world.day("2024-01-01")
        export.add("Account.csv", {
            "Id": company["id"], "IsDeleted": "true" if i in (11, 23) else "false", "Name": company["name"],
            "Type": world.random.choice(["Customer", "Prospect", "Partner", ""]),
            "ParentId": companies[0]["id"] if i in (5, 9) else "", "BillingStreet": company["street"],
            "BillingCity": company["city"], "BillingPostalCode": company["postal_code"], "BillingCountry": company["country"],
            "Phone": company["phone"], "Industry": company["industry"],
            "AnnualRevenue": f"{company['employees'] * 180000}.0" if i % 4 else "", "NumberOfEmployees": company["employees"],
            "Description":
            "Buys only after a test of four weeks.\nInvoices go to the \"shared services\" in Köln." if i == 3 else "",
            "OwnerId": world.random.choice(users[:3]), "LastModifiedDate": stamp(changed, world.clock())})
    old = dict(export.tables["Account.csv"][4])
    export.add("Account.csv", old | {"Name": old["Name"] + " (old)", "LastModifiedDate": "2023-02-01T08:00:00.000Z"})
    for i in range(30):
        company = companies[i]
        person = world.person(company) | {"id": salesforce_id("003", i), "account": company["id"]}
        contacts.append(person)
        export.add("Contact.csv", {
            "Id": person["id"], "IsDeleted": "true" if i == 11 else "false", "AccountId": company["id"],
            "FirstName": person["first"], "LastName": person["last"], "Title": person["title"], "Email": person["email"],
            "MailingCity": company["city"], "OwnerId": world.random.choice(users[:3]),
            "LastModifiedDate": stamp(world.day("2024-01-01"), world.clock())})
    stages = ["Prospecting", "Negotiation/Review", "Closed Won", "Closed Won", "Closed Lost"]
    for i in range(36):
        company = companies[2] if i in (7, 19, 26) else companies[i % 30]
        subject, text = story(world, DEALS, i)
        stage = world.random.choice(stages) if i else stages[2]
        close = world.day()
        export.add("Opportunity.csv", {
            "Id": salesforce_id("006", i), "IsDeleted": "true" if i == 17 else "false",
            "AccountId": company["id"] if i != 21 else salesforce_id("001", 999),
            "Name": f"{company['name'].split()[0]} – {subject}",
            "StageName": stage, "Amount": f"{world.random.randrange(30, 1200) * 250}.0" if i != 9 else "", "CloseDate": close,
            "IsClosed": "true" if "Closed" in stage else "false", "IsWon": "true" if stage == "Closed Won" else "false",
            "LeadSource": world.random.choice(["Web", "Trade Show", "Partner Referral", ""]), "Description": text,
            "OwnerId": world.random.choice(users[:3]), "LastModifiedDate": stamp(world.after(close, 0, 20), world.clock())})
    old = dict(export.tables["Opportunity.csv"][2])
    export.add("Opportunity.csv", old | {"StageName": "Prospecting", "Amount": "1000.0", "IsClosed": "false", "IsWon": "false",
                                         "LastModifiedDate": "2022-12-01T08:00:00.000Z"})
    for i in range(20):
        contact = contacts[(i * 5) % 30]
        subject, text = story(world, CASES, i)
        opened = world.day("2024-01-01", "2025-05-31")
        is_closed = i % 3 != 0 and i != 4
        closed = world.after(opened, 1, 25)
        export.add("Case.csv", {
            "Id": salesforce_id("500", i), "IsDeleted": "true" if i == 16 else "false", "CaseNumber": f"{1001 + i:08}",
            "AccountId": contact["account"], "ContactId": contact["id"], "Subject": subject,
            "Status": "Closed" if is_closed else world.random.choice(["New", "Working", "Escalated"]),
            "Priority": world.random.choice(["Low", "Medium", "High"]), "Origin": world.random.choice(["Email", "Phone", "Web"]),
            "IsClosed": "true" if is_closed else "false", "Description": text, "CreatedDate": stamp(opened, world.clock()),
            "ClosedDate": stamp(closed, world.clock()) if is_closed else "", "OwnerId": users[3],
            "LastModifiedDate": stamp(closed, world.clock())})

    deleted = lambda row: row["IsDeleted"] == "true"
    deals = export.kept("Opportunity.csv", "Id", "LastModifiedDate", deleted)
    cases = export.kept("Case.csv", "Id", "LastModifiedDate", deleted)
    export.ask("What is the total amount of opportunities won in 2024?",
               money(sum(cents(row["Amount"]) for row in deals
                         if row["IsWon"] == "true" and str(row["CloseDate"]).startswith("2024") and row["Amount"])),
               "SELECT sum(Amount) FROM Opportunity WHERE IsWon AND CloseDate >= '2024' AND CloseDate < '2025'")
    export.ask("How many cases were closed in 2024?", sum(row["ClosedDate"].startswith("2024") for row in cases),
               "SELECT count(*) FROM \"Case\" WHERE ClosedDate >= '2024' AND ClosedDate < '2025'")
    export.ask("Which owner has the most opportunities?", most([owner[row["OwnerId"]] for row in deals]),
               "SELECT u.Name FROM Opportunity o JOIN User u ON u.Id = o.OwnerId GROUP BY u.Id ORDER BY count(*) DESC LIMIT 1")
    export.ask("What was the cause of the dark display after the power cut?", "a blown fuse F7 on the supply board")
    export.ask(f"What was decisive for {deals[0]['Name'].split(' – ')[0]}'s packing line?",
               "that we can install during the summer shutdown in August")
    return export


# --- HubSpot


def hubspot():
    world, export = World(1, 101), Export()
    owners = ["Greta Sandoval", "Omar Fjeld", "Paula Zemanek"]
    companies, contacts = [], []

    def minute(day):
        return f"{day} {world.clock()[:5]}"

    for i in range(30):
        company = world.company() | {"id": str(18293847501 + 17 * i)}
        companies.append(company)
        made = world.day("2023-01-02", "2023-12-30")
        export.add("hubspot-crm-exports-all-companies-2025-07-01.csv", {
            "Record ID": company["id"], "Company name": company["name"], "Company Domain Name": company["host"],
            "Industry": company["industry"], "City": company["city"], "Country/Region": company["country"],
            "Phone Number": company["phone"], "Number of Employees": company["employees"],
            "Annual Revenue": company["employees"] * 150000 if i % 5 else "",
            "Lifecycle Stage": world.random.choice(["Lead", "Opportunity", "Customer"]),
            "Company owner": world.random.choice(owners),
            "Description": "Family business; decisions are made by both sisters.\nNever call on \"Brückentage\"." if i == 6 else "",
            "Create Date": minute(made), "Last Modified Date": minute(world.after(made, 5, 300))})
    for i in range(32):
        company = companies[i] if i < 30 else companies[i - 30]
        person = world.person(company) | {"id": str(61200451 + 13 * i), "company": company["id"]}
        contacts.append(person)
        made = world.day("2023-01-02", "2023-12-30")
        export.add("hubspot-crm-exports-all-contacts-2025-07-01.csv", {
            "Record ID": person["id"], "First Name": person["first"], "Last Name": person["last"], "Email": person["email"],
            "Phone Number": company["phone"] if i % 2 else "", "Job Title": person["title"],
            "Lifecycle Stage": world.random.choice(["Lead", "Customer", ""]), "Contact owner": world.random.choice(owners),
            "Associated Company IDs (Primary)": company["id"] if i != 14 else "", "Create Date": minute(made),
            "Last Modified Date": minute(world.after(made, 5, 300))})
    stages = ["Appointment scheduled", "Contract sent", "Closed won", "Closed won", "Closed lost"]
    for i in range(40):
        company = companies[(i * 7) % 30]
        subject, text = story(world, DEALS, i)
        stage = world.random.choice(stages) if i else stages[2]
        made = world.day("2023-01-02", "2025-03-30")
        close = world.after(made, 14, 90)
        export.add("hubspot-crm-exports-all-deals-2025-07-01.csv", {
            "Record ID": str(9120044871 + 11 * i), "Deal Name": f"{subject} {company['name'].split()[0]}", "Deal Stage": stage,
            "Pipeline": "Sales Pipeline", "Amount": f"{world.random.randrange(20, 900) * 100}" if i != 12 else "",
            "Close Date": minute(close), "Create Date": minute(made), "Deal owner": world.random.choice(owners),
            "Closed Lost Reason": world.random.choice(["Price", "Chose an in-house solution",
                                                       ""]) if stage == "Closed lost" else "",
            "Deal Description": text, "Associated Company IDs (Primary)": company["id"] if i != 20 else "18293999999",
            "Last Modified Date": minute(world.after(close, 0, 30))})
    deal_file = "hubspot-crm-exports-all-deals-2025-07-01.csv"
    old = dict(export.tables[deal_file][3])
    export.add(deal_file, old | {"Deal Stage": "Contract sent", "Amount": "500", "Last Modified Date": "2022-12-24 09:00"})
    for i in range(20):
        contact = contacts[(i * 7 + 1) % 30]
        subject, text = story(world, CASES, (i + 3) % 10 if i < 10 else i)
        made = world.day("2024-01-01", "2025-05-31")
        closed = world.after(made, 1, 20)
        is_closed = i % 4 != 0
        export.add("hubspot-crm-exports-all-tickets-2025-07-01.csv", {
            "Record ID": str(3351177 + 9 * i), "Ticket name": subject,
            "Ticket status": "Closed" if is_closed else world.random.choice(["New", "Waiting on contact", "Waiting on us"]),
            "Priority": world.random.choice(["Low", "Medium", "High", ""]), "Source": world.random.choice(["Email", "Chat",
                                                                                                           "Phone"]),
            "Ticket description": text, "Create Date": minute(made), "Close Date": minute(closed) if is_closed else "",
            "Ticket owner": world.random.choice(owners), "Associated Company IDs (Primary)": contact["company"],
            "Associated Contact IDs (Primary)": contact["id"], "Last Modified Date": minute(closed)})

    deals = export.kept(deal_file, "Record ID", "Last Modified Date")
    tickets = export.tables["hubspot-crm-exports-all-tickets-2025-07-01.csv"]
    germans = [company["id"] for company in companies if company["country"] == "Germany"]
    export.ask("What is the total amount of deals with the stage Closed won in 2024?",
               sum(int(row["Amount"]) for row in deals
                   if row["Deal Stage"] == "Closed won" and row["Close Date"].startswith("2024") and row["Amount"]),
               "SELECT sum(Amount) FROM Deal WHERE \"Deal Stage\" = 'Closed won' AND \"Close Date\" LIKE '2024%'")
    export.ask("How many tickets were closed in 2024?", sum(row["Close Date"].startswith("2024") for row in tickets),
               "SELECT count(*) FROM Ticket WHERE \"Close Date\" LIKE '2024%'")
    export.ask("How many deals do we have with companies in Germany?",
               sum(row["Associated Company IDs (Primary)"] in germans for row in deals),
               "SELECT count(*) FROM Deal d JOIN Company c ON c.\"Record ID\" = d.\"Associated Company IDs (Primary)\" "
               "WHERE c.\"Country/Region\" = 'Germany'")
    export.ask("Which gripper did we lend while the small parts were dropped?", "a soft gripper (type SG-12)")
    export.ask("When does the works council meet that has to approve the warehouse extension?",
               "on the first Tuesday of the month")
    return export


# --- SAP

MATERIALS = [("VM-34", "Ventil 3/4\" Messing", "ST", 1850), ("KH-50", "Kugelhahn DN 50, Edelstahl", "ST", 9640),
             ("DS-P7", "Dichtungssatz für Pumpe P-7", "SAT", 2275), ("KP-7", "Kreiselpumpe P-7", "ST", 124000),
             ("SL-25", "Schlauch 25 mm, ölfest", "M", 640), ("FK-10", "Filterkartusche 10 µm", "ST", 3190)]


def sap_day(day):
    return f"{day:%Y%m%d}"


def sap():
    world, export = World(2, 201), Export()
    companies = []
    for i in range(30):
        company = world.company() | {"id": f"{100001 + i:010}"}
        companies.append(company)
        is_gone = "X" if i in (8, 21) else ""
        words = company["name"].split(" ", 1)
        export.add("KNA1.csv", {
            "KUNNR": company["id"], "LAND1": company["code"], "NAME1": company["name"] if i % 7 else words[0],
            "NAME2": "" if i % 7 else words[1], "ORT01": company["city"], "PSTLZ": company["postal_code"],
            "STRAS": company["street"],
            "TELF1": company["phone"], "BRSCH": company["industry"][:4].upper(),
            "ERDAT": sap_day(world.day("2023-01-02", "2023-03-31")), "LOEVM": is_gone})
        for channel in (["10", "20"] if i % 10 == 0 else ["10"]):
            export.add("KNVV.csv", {
                "KUNNR": company["id"], "VKORG": "1000", "VTWEG": channel, "SPART": "00", "VKBUR": world.random.choice(["N100",
                                                                                                                        "S200"]),
                "WAERS": "EUR", "ZTERM": world.random.choice(["Z014", "Z030", "Z060"]), "INCO1": world.random.choice(["DAP",
                                                                                                                      "EXW",
                                                                                                                      "FCA"]),
                "LOEVM": is_gone})
    n_bills = 0
    for i in range(40):
        number = f"{4711 + i:010}"
        company = companies[12] if i in (3, 9, 27) else companies[(i * 11) % 30]
        ordered = world.day("2023-04-01", "2025-05-31")
        items = []
        for k in range(world.random.randrange(1, 4)):
            material, text, unit, price = world.random.choice(MATERIALS)
            n = world.random.choice([1, 2, 4, 5, 10, 20, 50])
            items.append({"VBELN": number, "POSNR": f"{10 * (k + 1):06}", "MATNR": material, "ARKTX": text,
                          "KWMENG": f"{n}.000", "VRKME": unit, "NETPR": money(price), "NETWR": money(price * n), "WAERK": "EUR"})
        net = sum(cents(item["NETWR"]) for item in items)
        changed = sap_day(world.after(ordered, 1, 9)) if i % 3 == 0 else "00000000"
        export.add("VBAK.csv", {
            "VBELN": number, "ERDAT": sap_day(ordered), "ERNAM": world.random.choice(["KOWALSKI", "MBAUER", "RFC_SHOP"]),
            "AUART": "TA",
            "VKORG": "1000", "VKGRP": world.random.choice(["101", "102"]), "KUNNR": company["id"],
            "BSTNK": f"B-{world.random.randrange(1000, 9999)}/{ordered:%y}" if i % 6 else "", "AUDAT": sap_day(ordered),
            "VDATU": sap_day(world.after(ordered, 7, 40)), "NETWR": money(net), "WAERK": "EUR", "AEDAT": changed})
        for item in items:
            export.add("VBAP.csv", item)
        if i % 5 == 4:
            continue  # not yet billed
        n_bills += 1
        bill = f"{90000100 + n_bills:010}"
        billed = world.after(ordered, 10, 45)
        export.add("VBRK.csv", {
            "VBELN": bill, "FKART": "F2", "VBTYP": "M", "FKDAT": sap_day(billed), "VKORG": "1000", "KUNAG": company["id"],
            "NETWR": money(net), "MWSBK": money(net * 19 // 100 if company["code"] == "DE" else 0), "WAERK": "EUR",
            "ZTERM": world.random.choice(["Z014", "Z030"]), "FKSTO": "X" if n_bills in (6, 19) else ""})
        for item in items:
            if n_bills in (6, 19):
                continue
            export.add("VBRP.csv", {"VBELN": bill, "POSNR": item["POSNR"], "AUBEL": number, "MATNR": item["MATNR"],
                                    "ARKTX": item["ARKTX"], "FKIMG": item["KWMENG"], "VRKME": item["VRKME"],
                                    "NETWR": item["NETWR"]})
    old = dict(export.tables["VBAK.csv"][6])
    export.add("VBAK.csv", old | {"BSTNK": "B-0001/22", "AEDAT": "00000000"})
    orphan = dict(export.tables["VBAP.csv"][0])
    export.add("VBAP.csv", orphan | {"VBELN": "0000004600"})

    customers = {row["KUNNR"]: row for row in export.kept("KNA1.csv", "KUNNR", None, lambda row: row["LOEVM"] == "X")}
    orders = export.kept("VBAK.csv", "VBELN", "AEDAT")
    bills = export.kept("VBRK.csv", "VBELN", None, lambda row: row["FKSTO"] == "X")
    items = export.tables["VBAP.csv"]
    export.ask("What is the total revenue of invoices in 2024?",
               money(sum(cents(row["NETWR"]) for row in bills if row["FKDAT"].startswith("2024"))),
               "SELECT sum(NETWR) FROM Invoice WHERE FKDAT >= '2024' AND FKDAT < '2025'")
    export.ask("How many orders did customers in Hamburg place?",
               sum(row["KUNNR"] in customers and customers[row["KUNNR"]]["ORT01"] == "Hamburg" for row in orders),
               "SELECT count(*) FROM SalesOrder o JOIN Customer c ON c.KUNNR = o.KUNNR WHERE c.ORT01 = 'Hamburg'")
    export.ask("What is the total quantity of order items of Kreiselpumpe P-7?",
               sum(int(row["KWMENG"].split(".")[0]) for row in items if row["ARKTX"] == "Kreiselpumpe P-7"),
               "SELECT sum(KWMENG) FROM OrderItem WHERE ARKTX = 'Kreiselpumpe P-7'")
    asked = orders[7]
    export.ask(f"What is the customer's reference on sales order {asked['VBELN']}?", asked["BSTNK"])
    asked = next(row for row in customers.values() if not row["NAME2"] and row["LAND1"] == "FR")
    export.ask(f"At which street address is {asked['NAME1']}?", asked["STRAS"])
    return export


# --- Odoo

PRODUCTS = [("Desk \"Äsche\", height-adjustable", 64900), ("Office chair Tilda", 28900), ("Acoustic panel, grey", 7990),
            ("Cable tray", 2450), ("Meeting table for eight", 118000), ("Desk lamp Lumo", 5900)]


def odoo_id(world, model, n):
    return f"__export__.{model}_{n}_{world.random.getrandbits(32):08x}"


def odoo():
    world, export = World(3, 301), Export(quote_all=True)
    sellers = ["Noor Vandermeer", "Jonas Petersilie", "Lucía Bramante"]
    partners = []
    for i in range(31):
        if i < 28:
            company = world.company() | {"id": odoo_id(world, "res_partner", 40 + i)}
            partners.append(company)
            name, parent, email, function = company["name"], "", f"info@{company['host']}", ""
            key = company["id"]
        else:
            company = partners[i - 28]
            person = world.person(company)
            name, parent, email, function = f"{person['first']} {person['last']}", company["id"], person["email"], person["title"]
            key = odoo_id(world, "res_partner", 40 + i)
        export.add("res.partner.csv", {
            "id": key, "name": name, "is_company": str(i < 28), "parent_id/id": parent, "function": function,
            "street": company["street"] if i < 28 else "", "zip": company["postal_code"] if i < 28 else "",
            "city": company["city"], "country_id": company["country"], "email": email,
            "user_id": world.random.choice(sellers) if i < 28 else "", "active": str(i not in (13, 22)),
            "comment": "Deliveries only through gate 3, \"Tor Süd\".\nRing twice; the bell is weak." if i == 5 else "",
            "write_date": f"{world.day('2024-01-01')} {world.clock()}"})
    old = dict(export.tables["res.partner.csv"][2])
    export.add("res.partner.csv", old | {"street": "Postfach 1", "write_date": "2022-11-11 11:11:11"})
    for i in range(30):
        company = partners[(i * 5 + 1) % 28]
        subject, text = story(world, DEALS, i)
        made = world.day("2023-01-02", "2025-05-31")
        is_lost = i in (6, 14)
        export.add("crm.lead.csv", {
            "id": odoo_id(world, "crm_lead", 200 + i), "name": f"{subject} for {company['name'].split()[0]}", "type": "opportunity",
            "partner_id/id": company["id"], "user_id": world.random.choice(sellers), "team_id": "Sales",
            "stage_id": world.random.choice(["New", "Qualified", "Proposition", "Won"]),
            "expected_revenue": f"{world.random.randrange(10, 300) * 100}.0",
            "date_deadline": world.after(made, 20, 120) if i % 4 else "",
            "create_date": f"{made} {world.clock()}", "write_date": f"{world.after(made, 1, 90)} {world.clock()}",
            "active": str(not is_lost), "lost_reason_id": "Too expensive" if is_lost else "", "description": text})
    n_invoices = 0
    for i in range(30):
        company = partners[(i * 9) % 28]
        key = odoo_id(world, "sale_order", 31 + i)
        ordered = world.day("2023-01-02", "2025-05-31")
        state = "cancel" if i in (4, 18) else "draft" if i in (10, 25) else "sale"
        net = 0
        for k in range(world.random.randrange(1, 3)):
            product, price = world.random.choice(PRODUCTS)
            n = world.random.choice([1, 2, 3, 4, 6, 8, 10])
            discount = world.random.choice([0, 0, 0, 5, 10])
            subtotal = (price * n * (100 - discount) + 50) // 100
            net += subtotal
            export.add("sale.order.line.csv", {
                "id": odoo_id(world, "sale_order_line", 80 + 3 * i + k), "order_id/id": key, "product_id": product,
                "name": product + ("\nMounted on site" if k == 1 and i % 8 == 0 else ""), "product_uom_qty": f"{n}.0",
                "price_unit": f"{price / 100}", "discount": f"{discount}.0", "price_subtotal": f"{subtotal / 100}"})
        tax = (net * 19 + 50) // 100
        export.add("sale.order.csv", {
            "id": key, "name": f"S{31 + i:05}", "date_order": f"{ordered} {world.clock()}", "partner_id/id": company["id"],
            "client_order_ref": f"PO-{world.random.randrange(100, 999)}" if i % 3 else "", "user_id": world.random.choice(sellers),
            "team_id": "Sales", "state": state, "amount_untaxed": f"{net / 100}", "amount_tax": f"{tax / 100}",
            "amount_total": f"{(net + tax) / 100}", "note": "The lift holds 400 kg: deliver the tables in parts." if i == 7 else "",
            "write_date": f"{world.after(ordered, 1, 40)} {world.clock()}"})
        if state != "sale":
            continue
        n_invoices += 1
        billed = world.after(ordered, 7, 30)
        export.add("account.move.csv", {
            "id": odoo_id(world, "account_move", 500 + i), "name": f"INV/{billed.year}/{n_invoices:05}", "move_type": "out_invoice",
            "partner_id/id": company["id"], "invoice_date": billed, "invoice_date_due": world.after(billed, 14, 30),
            "invoice_origin": f"S{31 + i:05}", "amount_untaxed_signed": f"{net / 100}",
            "amount_total_signed": f"{(net + tax) / 100}",
            "state": "posted", "payment_state": "not_paid" if i % 9 == 0 else "paid",
            "invoice_user_id": world.random.choice(sellers),
            "write_date": f"{world.after(billed, 1, 40)} {world.clock()}"})
    first = export.tables["account.move.csv"][1]
    export.add("account.move.csv", first | {
        "id": odoo_id(world, "account_move", 600), "name": "RINV/2025/00001", "move_type": "out_refund",
        "invoice_date": "2025-02-03",
        "invoice_date_due": "2025-02-03", "amount_untaxed_signed": "-250.0", "amount_total_signed": "-297.5",
        "write_date": "2025-02-04 09:12:00"})
    orphan = dict(export.tables["sale.order.line.csv"][0])
    export.add("sale.order.line.csv", orphan | {"id": odoo_id(world, "sale_order_line", 999),
                                                "order_id/id": odoo_id(world, "sale_order", 9)})

    orders = export.tables["sale.order.csv"]
    leads = export.kept("crm.lead.csv", "id", "write_date", lambda row: row["active"] == "False")
    lines = export.tables["sale.order.line.csv"]
    export.ask("What is the total untaxed amount of orders with the state sale in 2024?",
               money(sum(cents(row["amount_untaxed"]) for row in orders
                         if row["state"] == "sale" and row["date_order"].startswith("2024"))),
               "SELECT sum(amount_untaxed) FROM SalesOrder WHERE state = 'sale' AND date_order LIKE '2024%'")
    export.ask("Which salesperson has the most opportunities?", most([row["user_id"] for row in leads]),
               "SELECT user_id FROM Opportunity GROUP BY user_id ORDER BY count(*) DESC LIMIT 1")
    export.ask("What is the total quantity of order lines for the product Office chair Tilda?",
               sum(int(row["product_uom_qty"].split(".")[0]) for row in lines if row["product_id"] == "Office chair Tilda"),
               "SELECT sum(product_uom_qty) FROM OrderLine WHERE product_id = 'Office chair Tilda'")
    export.ask(f"Through which gate do deliveries to {export.tables['res.partner.csv'][5]['name']} go?", "gate 3, \"Tor Süd\"")
    export.ask("How much does the lift hold, so that tables are delivered in parts?", "400 kg")
    return export


# --- Dynamics 365

CATALOGUE = [("Flow meter FM-3", 42000), ("Level switch", 8900), ("Temperature probe PT100", 6450), ("Gateway \"Nord\"", 31500),
             ("Mounting kit", 1990)]


def dynamics():
    world, export = World(4, 401), Export()
    owners = [guid(world) for _ in range(3)]
    companies = []

    def moment(day):
        return f"{day}T{world.clock()}Z"

    def place(company):
        return company | {"id": guid(world)}

    for i in range(30):
        company = place(world.company())
        companies.append(company)
        export.add("account.csv", {
            "accountid": company["id"], "name": company["name"], "accountnumber": f"ACC-{1000 + i}",
            "industrycode": company["industry"], "numberofemployees": company["employees"] if i % 4 else "",
            "address1_line1": company["street"], "address1_postalcode": company["postal_code"], "address1_city": company["city"],
            "address1_country": company["country"], "telephone1": company["phone"],
            "_parentaccountid_value": companies[0]["id"] if i == 7 else "", "_ownerid_value": owners[i % 3], "statecode": "Active",
            "description":
            "Prefers \"frame contracts\" over single orders.\nThe bonus of 3 % is paid in January." if i == 10 else "",
            "modifiedon": moment(world.day("2024-01-01")), "IsDelete": "True" if i in (16, 24) else "False"})
    old = dict(export.tables["account.csv"][1])
    export.add("account.csv", old | {"telephone1": "", "modifiedon": "2022-12-01T07:00:00Z"})
    for i in range(20):
        person = world.person(companies[i])
        export.add("contact.csv", {
            "contactid": guid(world), "fullname": f"{person['first']} {person['last']}", "jobtitle": person["title"],
            "emailaddress1": person["email"], "telephone1": companies[i]["phone"] if i % 2 else "",
            "_parentcustomerid_value": companies[i]["id"], "_ownerid_value": owners[i % 3],
            "modifiedon": moment(world.day("2024-01-01")), "IsDelete": "False"})
    for i in range(30):
        company = companies[(i * 7 + 2) % 30]
        subject, text = story(world, DEALS, i)
        state = world.random.choice(["Open", "Won", "Won", "Lost"]) if i else "Won"
        close = world.day()
        estimated = world.random.randrange(20, 800) * 100
        export.add("opportunity.csv", {
            "opportunityid": guid(world), "name": f"{subject} / {company['name'].split()[0]}",
            "_parentaccountid_value": company["id"],
            "estimatedvalue": f"{estimated}.00", "actualvalue": f"{estimated * world.random.choice([90, 95, 100]) // 100}.00"
            if state == "Won" else "", "statecode": state, "statuscode": {"Open": "In Progress", "Won": "Won",
                                                                          "Lost": "Out-Sold"}[state],
            "estimatedclosedate": close, "actualclosedate": world.after(close, -9, 20) if state != "Open" else "",
            "description": text,
            "_ownerid_value": owners[i % 3], "modifiedon": moment(world.after(close, 20, 40)), "IsDelete": str(i == 15)})
    for i in range(20):
        subject, text = story(world, CASES, (i + 5) % 10 if i < 10 else i)
        state = "Resolved" if i % 3 else "Active"
        made = world.day("2024-01-01", "2025-05-31")
        export.add("incident.csv", {
            "incidentid": guid(world), "ticketnumber": f"CAS-{1004 + i:05}-{'KQXW'[i % 4]}{i % 10}R", "title": subject,
            "_customerid_value": companies[3]["id"] if i in (8, 14) else companies[(i * 3) % 30]["id"], "prioritycode":
            world.random.choice(["High", "Normal", "Low"]), "caseorigincode": world.random.choice(["Phone", "Email", "Web"]),
            "statecode": state, "statuscode": "Problem Solved" if state == "Resolved" else "In Progress", "description": text,
            "createdon": moment(made), "_ownerid_value": owners[i % 3], "modifiedon": moment(world.after(made, 1, 30)),
            "IsDelete": "False"})
    for i in range(22):
        company = companies[(i * 11 + 4) % 30]
        key = guid(world)
        submitted = world.day("2023-01-02", "2025-05-31")
        total = 0
        for k in range(world.random.randrange(1, 3)):
            product, price = world.random.choice(CATALOGUE)
            n = world.random.choice([1, 2, 4, 6, 12])
            total += price * n
            export.add("salesorderdetail.csv", {
                "salesorderdetailid": guid(world), "_salesorderid_value": key, "lineitemnumber": k + 1, "productname": product,
                "quantity": n, "priceperunit": money(price), "extendedamount": money(price * n),
                "IsDelete": str(i == 13)})
        export.add("salesorder.csv", {
            "salesorderid": key, "ordernumber": f"ORD-{1001 + i:05}",
            "_customerid_value": company["id"], "submitdate": submitted, "statecode": world.random.choice(["Fulfilled",
                                                                                                           "Invoiced", "Active"]),
            "totalamount": money(total), "_ownerid_value": owners[i % 3], "modifiedon": moment(world.after(submitted, 1, 30)),
            "IsDelete": str(i == 13)})
    orphan = dict(export.tables["salesorderdetail.csv"][0])
    export.add("salesorderdetail.csv", orphan | {"salesorderdetailid": guid(world), "_salesorderid_value": guid(world)})

    deleted = lambda row: row["IsDelete"] == "True"
    accounts = {row["accountid"]: row for row in export.kept("account.csv", "accountid", "modifiedon", deleted)}
    deals = export.kept("opportunity.csv", "opportunityid", "modifiedon", deleted)
    orders = export.kept("salesorder.csv", "salesorderid", "modifiedon", deleted)
    cases = export.tables["incident.csv"]
    export.ask("What is the total actual value of opportunities closed in 2024?",
               money(sum(cents(row["actualvalue"]) for row in deals
                         if str(row["actualclosedate"]).startswith("2024") and row["actualvalue"])),
               "SELECT sum(actualvalue) FROM Opportunity WHERE actualclosedate >= '2024' AND actualclosedate < '2025'")
    export.ask("What is the total amount of orders of customers in München?",
               money(sum(cents(row["totalamount"]) for row in orders
                         if accounts.get(row["_customerid_value"], {}).get("address1_city") == "München")),
               "SELECT sum(totalamount) FROM SalesOrder o JOIN Account a ON a.accountid = o._customerid_value "
               "WHERE a.address1_city = 'München'")
    export.ask("Which account has the most cases?",
               most([accounts[row["_customerid_value"]]["name"] for row in cases if row["_customerid_value"] in accounts]),
               "SELECT a.name FROM \"Case\" c JOIN Account a ON a.accountid = c._customerid_value "
               "GROUP BY a.accountid ORDER BY count(*) DESC LIMIT 1")
    export.ask(f"What bonus does {companies[10]['name']} get, and when is it paid?", "3 %, in January")
    export.ask("What helps when tablets cannot log in?", "updating the old browser")
    return export


def guid(world):
    return str(uuid.UUID(int=world.random.getrandbits(128), version=4))


SYSTEMS = {"salesforce": salesforce, "hubspot": hubspot, "sap": sap, "odoo": odoo, "dynamics": dynamics}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("examples/records"))
    out = parser.parse_args().out
    questions, size = [], 0
    for system, make in SYSTEMS.items():
        export = make()
        shutil.rmtree(out / system, ignore_errors=True)
        (out / system).mkdir(parents=True)
        for name, text in export.files().items():
            (out / system / name).write_text(text, encoding="utf-8", newline="")
            size += len(text.encode())
        for i, question in enumerate(export.questions):
            questions.append({"id": f"{system}-{i + 1}", "system": system} | question)
    lines = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
    (out / "questions.jsonl").write_text(lines, encoding="utf-8")
    print(f"make_records: {size} bytes of exports, {len(questions)} questions in {out}")


if __name__ == "__main__":
    main()
