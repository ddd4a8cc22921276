"""Exports as the CRM and the ERP give them: accounts, contacts, opportunities, orders, lines, stock, articles, suppliers (CSV)."""
import datetime
import random

from papers_trade import invoice_number
from world import CUSTOMERS, INVOICED, ORDERS, PRODUCTS, STAFF, SUPPLIER, SUPPLIERS, plus

OPPORTUNITIES = [  # number, account, name, stage, value, probability, close, next step
    ("OP-771", "C-2001", "Breakfast bonus 2025 for nine hotels", "won", 148000, 100, "2025-02-21", "first review on 1 July"),
    ("OP-774", "C-2007", "Schools framework ASC-2025-11", "won", 1940000, 100, "2025-09-12", "kick-off on 4 December"),
    ("OP-779", "C-2011", "Cottage hospitals, ambient goods", "won", 66500, 100, "2025-04-30", "none"),
    ("OP-783", "C-2033", "Galley fridges for three ships", "negotiation", 15570, 60, "2026-01-30", "Aoife sends the drawing of the plinth"),
    ("OP-786", "C-2022", "Reusable boxes with deposit", "proposal", 23800, 40, "2026-02-16", "pilot in one refectory"),
    ("OP-790", "C-2041", "Cafe re-fit at Tilbrook North", "lost", 31200, 0, "2025-06-20", "went to Hollin & Reeve on price"),
    ("OP-794", "C-2026", "Second mixer and a proofing cabinet", "qualified", 4300, 25, "2026-03-31", "visit after the New Year"),
    ("OP-798", "C-2018", "Puree meals for two homes", "proposal", 18900, 55, "2025-12-19", "tasting with the dietician"),
    ("OP-801", "C-2030", "Kitchen for the new dining room", "won", 9710, 100, "2025-03-28", "none"),
    ("OP-805", "C-2049", "Olives and paprika under own label", "qualified", 5200, 20, "2026-04-10", "artwork from Lucia"),
    ("OP-809", "C-2037", "Summer season, boxes and cutlery", "won", 12400, 100, "2025-05-16", "none"),
    ("OP-812", "C-2045", "Pool bar coffee", "lost", 7800, 0, "2025-10-16", "credit suspended"),
]
STOCK_DATE = datetime.date(2025, 12, 1)
CONTACT_NOTES = {
    "C-2001": "prefers a call before 09:00", "C-2004": "closed on Mondays", "C-2007": "not in school holidays", "C-2011": "purchase order needed on each invoice",
    "C-2015": "text message, never mail", "C-2018": "copies to accounts@bramblewood.example", "C-2022": "on sabbatical in February 2026", "C-2026": "telephone only, hard of hearing",
    "C-2030": "has a dog that dislikes drivers", "C-2033": "speaks Swedish with the crew", "C-2037": "reads mail after 19:00", "C-2041": "deputy is Rhys Calder",
    "C-2045": "left on 30 November", "C-2049": "pays by direct debit",
}
MAIL_DOMAINS = {"C-2001": "fernleyhotels", "C-2004": "copperladle", "C-2007": "aldermoorschools", "C-2011": "stbrannocs", "C-2015": "quaysidefish",
                "C-2018": "bramblewood", "C-2022": "hartsmere-uni", "C-2026": "pellworthbakery", "C-2030": "oldforgeinn", "C-2033": "dunlinferries",
                "C-2037": "larkhillevents", "C-2041": "tilbrook", "C-2045": "ravensbyleisure", "C-2049": "merrowstreet"}
SINCE = dict(zip((c.id for c in CUSTOMERS), (1998, 2019, 2016, 2009, 2021, 2013, 2007, 1994, 2019, 2012, 2024, 2017, 2015, 2022)))


def accounts():
    yield ["account", "name", "town", "sector", "owner", "customer since", "credit limit GBP", "terms", "delivery days"]
    days = ["Mon Wed Fri", "Tue Fri", "Mon Thu", "Tue Thu", "Wed Sat", "Mon Fri"]
    for i, c in enumerate(CUSTOMERS):
        limit = {"C-2037": 0, "C-2045": 0}.get(c.id, c.limit)
        yield [c.id, c.name, c.town, c.sector, c.owner, SINCE[c.id], limit, c.terms, days[i % len(days)]]


def contacts():
    yield ["account", "contact", "role", "telephone", "mail", "note"]
    for i, c in enumerate(CUSTOMERS):
        mail = f"{c.contact.split()[0].lower()}@{MAIL_DOMAINS[c.id]}.example"
        yield [c.id, c.contact, c.role, f"01632 960{301 + i * 7}", mail, CONTACT_NOTES[c.id]]


def opportunities():
    yield ["opportunity", "account", "name", "stage", "value GBP", "probability %", "close date", "next step"]
    yield from OPPORTUNITIES


def orders():
    yield ["order", "date", "account", "customer", "customer reference", "delivery", "carrier", "status", "net GBP", "invoice"]
    invoices = {o.number: invoice_number(i) for i, o in enumerate(INVOICED)}
    for o in ORDERS:
        yield [o.number, o.date, o.customer.id, o.customer.name, o.reference, o.delivery, o.carrier, o.status, f"{o.net:.2f}", invoices.get(o.number, "")]


def lines(quarter):
    yield ["order", "line", "article", "description", "quantity", "unit price GBP", "amount GBP"]
    for o in ORDERS:
        if (o.date.month - 1) // 3 + 1 == quarter:
            for l in o.lines:
                yield [o.number, l.position, l.product.sku, l.product.name, l.quantity, f"{l.product.price:.2f}", f"{l.total:.2f}"]


def stock():
    yield ["article", "description", "depot", "bay", "on hand", "reserved", "reorder point", "on order", "expected"]
    rng = random.Random(731)
    for p in PRODUCTS:
        big = p.price > 500
        hand = rng.randint(2, 9) if big else rng.randint(60, 900)
        hand = 38 if p.sku == "TB-1302" else hand
        yield [p.sku, p.name, p.bay[:3], p.bay, hand, rng.randint(0, hand // 3), rng.randint(2, 4) if big else rng.randint(5, 30) * 10,
               rng.choice([0, 0, 6 if big else 240, 6 if big else 480]), plus(STOCK_DATE, rng.randint(3, 30))]


def articles():
    yield ["article", "description", "pack", "supplier", "supplier name", "list price GBP", "shelf life", "allergens", "bay"]
    for p in PRODUCTS:
        yield [p.sku, p.name, p.pack, p.supplier, SUPPLIER[p.supplier].name, f"{p.price:.2f}", p.life, p.allergens, p.bay]


def suppliers():
    yield ["supplier", "name", "town", "contact", "mail", "goods", "contract", "payment", "lead time", "depot"]
    for s in SUPPLIERS:
        yield [s.id, s.name, s.town, s.contact, s.mail, s.goods, s.contract, s.payment, s.lead, s.depot]


def telephone_list():
    yield ["name", "post", "extension", "mail", "depot", "joined"]
    for name, post, mail, extension, depot, joined in STAFF:
        yield [name, post, extension, f"{mail}@tarnbeck.example", depot, joined]


def write(tree):
    for name, rows in (("crm/accounts", accounts()), ("crm/contacts", contacts()), ("crm/opportunities", opportunities()),
                       ("erp/sales-orders-2025", orders()), ("erp/stock-2025-12-01", stock()), ("erp/articles", articles()),
                       ("erp/suppliers", suppliers()), ("crm/telephone-list", telephone_list())):
        tree.csv(f"{name}.csv", rows)
    for quarter in (1, 2, 3, 4):
        tree.csv(f"erp/order-lines-2025-q{quarter}.csv", lines(quarter))
