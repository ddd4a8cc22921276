"""Invoices, goods-return authorisations, recall notices, credit decisions (PDF) and price-variation letters (DOCX)."""
from papers_agreements import cost, currency, slug
from world import CUSTOMER, INVOICED, PRODUCT, SUPPLIER, day, money, plus, vat_rate

DAYS_OF_TERMS = {"7 days": 7, "14 days": 14, "21 days": 21, "30 days": 30, "45 days": 45, "payment in advance": 0}


def invoice_number(index):
    return f"TI-{88031 + index * 7}"


def totals(order):
    vat = round(sum(line.total * vat_rate(line.product) for line in order.lines), 2)
    return order.net, vat, round(order.net + vat, 2)


def invoice(index, order):
    net, vat, gross = totals(order)
    customer = order.customer
    issued = plus(order.delivery, 1)
    due = plus(issued, DAYS_OF_TERMS[customer.terms])
    rows = "\n".join(f"| {l.product.sku} | {l.product.name} | {l.quantity} | {money(l.product.price)} | {money(l.total)} |" for l in order.lines)
    return f"""# Invoice {invoice_number(index)}

Customer: {customer.name}, {customer.town}. Account {customer.id}. For the attention of {customer.contact}, {customer.role}.

| Invoice date | Our order | Your reference | Delivered on | Terms |
| {day(issued)} | {order.number} | {order.reference} | {day(order.delivery)} | {customer.terms} |

| Article | Description | Quantity | Unit price | Amount GBP |
{rows}

Goods total: GBP {money(net)}

VAT at 20% on packaging and equipment, other goods zero-rated: GBP {money(vat)}

Amount payable: GBP {money(gross)}

{"Paid in advance; nothing further is due." if customer.terms == "payment in advance" else f"Please pay by {day(due)} and quote {invoice_number(index)}."}

Bank: Wexcombe Mutual, IBAN GB00 WXMB 0000 0014 0987 61. VAT registration GB 000 1987 00. {INVOICE_NOTES[index % len(INVOICE_NOTES)]}
"""


INVOICE_NOTES = [
    "Shortages must be reported to customer service within 24 hours of delivery.",
    "Roll cages remain the property of Tarnbeck; a cage not returned within 30 days is charged at GBP 85.00.",
    "Remittance advice to remittances@tarnbeck.example, please.",
    "Delivered by our own fleet; the signed note is kept for two years.",
]

RETURNS = [
    ("RGA-3014", "2025-02-06", "C-2001", "TB-1902", 12, "outer cartons wet on arrival", "Lorna Eastcott", "credit in full",
     "The pallet stood under the leaking canopy at the hotel's loading bay for an hour before our driver was let in. Photographs show the two lowest layers soaked. Although the canopy is not ours, the driver did not note it, so the claim is accepted as a gesture.",
     "Driver Terry Cobbold collects on the regular Thursday run. The boxes go to the staff kitchen if the inner foil is dry."),
    ("RGA-3019", "2025-03-21", "C-2015", "TB-1302", 4, "pails swollen, lids lifting", "Ingrid Paley", "credit and investigation",
     "Four pails from smoking batch SK-0871 had swollen lids on the day of delivery. The recorder of the van showed 3.4 degrees throughout. Skarholm suspects a weak brine in the last vat of the batch.",
     "Nothing is to be opened. The pails travel in a sealed crate to the laboratory at Cressing, job LAB-5520."),
    ("RGA-3026", "2025-05-15", "C-2026", "TB-1001", 30, "flour ordered twice by mistake", "Beatrix Normanby", "credit less 10% handling",
     "Edna Sowerby ordered by telephone and her nephew entered the same order on the web shop. The sacks are unopened and still on the pallet.",
     "Restock at Wexcombe in bay WEX-A04 after the sacks are checked for pests."),
    ("RGA-3033", "2025-07-10", "C-2022", "TB-1403", 9, "forks break at the neck", "Aoife Castellan", "replacement",
     "The refectory counted eleven broken forks in one lunch. Moulding date 03 June on all nine cases. Pennardine found the mould too cold on the first shift and scraps the day's output.",
     "Replacement cases leave on 14 July with delivery note DN-20771."),
    ("RGA-3041", "2025-09-02", "C-2033", "TB-1503", 1, "compressor noisy, door out of true", "Aoife Castellan", "exchange under warranty",
     "The fridge, serial VKU2-118840, was fitted in the galley of the Dunlin Star. The technician measured 61 dB at one metre, where 44 dB is promised. A dent on the lower frame suggests a fall before delivery.",
     "Voss & Kettler sends a new unit to berth 6; the old one is collected on the same day."),
    ("RGA-3048", "2025-10-27", "C-2018", "TB-1203", 18, "cream delivered with four days of life", "Nikhil Dunmore", "credit at half price",
     "The picker took the wrong date from ALD-K04. The homes used the cream within the date but had to change the week's puddings.",
     "No goods come back. Callum Thistlewood retrains the picker."),
]


def return_paper(r):
    number, date, customer, sku, quantity, reason, owner, outcome, story, handling = r
    c, p = CUSTOMER[customer], PRODUCT[sku]
    return f"""# Goods-Return Authorisation {number}

Issued by {owner} for {c.name} ({c.id}), contact {c.contact}.

| Article | Description | Quantity | Reason given | Decision |
| {sku} | {p.name} | {quantity} | {reason} | {outcome} |

## What happened

{story}

## Handling

{handling}

This authorisation lapses thirty days after {date}. Goods that arrive without the number {number} on the label are refused at goods-in.
"""


RECALLS = [("recall-2025-01-herring", "20250326", """# Product Recall Notice PR-2025-01: Dill-cured Herring

Issued by Ingrid Paley, Quality and Food Safety Manager, on 26 March 2025.

| Point | Detail |
| Article | TB-1302 Dill-cured herring, 3 kg pail |
| Supplier | Skarholm Fisk AS |
| Batch | SK-0871 |
| Best before | 9 May 2025 |
| Pails sold | 46 to five customers |
| Hazard | Gas from yeast; pails may burst; not known to cause illness |

## What customers must do

Stop using pails of this batch. Do not open them. Put them in a bin bag, mark it RECALL and keep it chilled until our driver collects it. You will be credited
without asking.

## What we do

All five customers were telephoned between 11:20 and 13:05 on the day of this notice. The local authority was told under reference WXC-FS-0319. Forty-one pails
had come back by the evening of 31 March; the other five had been eaten without complaint.
"""), ("recall-2025-02-curry-powder", "20250618", """# Product Recall Notice PR-2025-02: Medium Curry Powder

Issued by Ingrid Paley, Quality and Food Safety Manager, on 18 June 2025.

| Point | Detail |
| Article | TB-1702 Medium curry powder, 1 kg tub |
| Supplier | Saltwick Spice Traders Ltd |
| Lot | L25-140 |
| Best before | end of November 2026 |
| Tubs sold | 118 to nine customers |
| Hazard | Mustard is in the powder but the label of this lot does not name it |

## What customers must do

Anyone who cooks for people with a mustard allergy stops using the lot at once. Others may use it up if a corrected label, which we send, is put on the tub.

## Cause

The label printer at Saltwick was loaded with the film of the 2023 recipe, which held no mustard. Devinder Khosla has withdrawn the old film and the printer now
asks for the recipe number. The cost, GBP 1,940 so far, is borne by Saltwick.
"""), ("recall-2025-03-combi-oven", "20251009", """# Product Safety Notice PR-2025-03: Combi Oven VK-61

Issued by Aoife Castellan, Buyer, Packaging and Equipment, on 9 October 2025 together with Voss & Kettler GmbH.

| Point | Detail |
| Article | TB-1501 Combi oven VK-61 |
| Serial numbers | 61-20400 to 61-20518 |
| Ovens sold by Tarnbeck | 7 |
| Hazard | A hose clamp on the steam inlet may loosen and let steam into the control box |

## What users must do

Turn off the steam programmes; dry heat may be used. Book the repair with our service desk on 01632 960188. A technician fits a screwed clamp, which takes forty
minutes and costs the user nothing.

## Progress

By 24 October five of the seven ovens were repaired. The two that remain are at Hartsmere University, where the kitchen is shut until 3 November.
""")]

CREDIT = [
    ("CD-0207", "2025-01-22", "C-2030", "raised", "GBP 3,000", "GBP 5,000", "six years without a late payment and a new dining room that opens at Easter",
     "Keith Lattimer supplied his accounts to April 2024, which show a profit of GBP 41,200. The bank reference reads 'good for the sum named'.",
     "The limit is looked at again in January 2026."),
    ("CD-0211", "2025-02-19", "C-2037", "refused", "nil", "nil", "the company is newly formed and its director was with Larkhill Marquees, which failed in 2022 owing us GBP 7,318.44",
     "Dominic Farr asked for GBP 12,000 on 30 days for the summer season. Maureen Tidswell proposed payment in advance with a discount of one per cent; he accepted on 24 February.",
     "A fresh request may be made after two sets of filed accounts."),
    ("CD-0216", "2025-04-09", "C-2011", "raised", "GBP 80,000", "GBP 95,000", "the trust took over the kitchens of two cottage hospitals",
     "Public body; no accounts needed. Payment averaged 51 days against terms of 45. Marcus Adeyemi-Holt promised that invoices will be matched weekly from May.",
     "If the average passes 60 days the old limit returns."),
    ("CD-0223", "2025-06-04", "C-2049", "lowered", "GBP 5,000", "GBP 3,500", "three direct debits failed between March and May",
     "Lucia Fontanelli explained that the till provider held back card takings after a fraud check. The insurer, Bellweather Trade Credit, cut its cover to GBP 3,500 on 28 May.",
     "Terms go from 14 days to 7 days until twelve weeks have passed without a failure."),
    ("CD-0229", "2025-08-27", "C-2033", "kept", "GBP 48,000", "GBP 48,000", "turnover fell with the loss of the night crossing, but payment stayed prompt",
     "Dunlin Ferries paid within 26 days on average. Half-year figures show cash of GBP 2.3 million. Astrid Holmqvist expects orders to fall by a fifth until spring.",
     "Owen Prestwick reports monthly on the order book."),
    ("CD-0234", "2025-10-15", "C-2045", "suspended", "GBP 15,000", "nil", "the trust's auditors doubt that it can go on",
     "Two invoices together worth GBP 2,906.10 are 40 days late. Gordon Peverell says that the council meets on 6 November to decide on a grant.",
     "Orders are accepted against payment by card only. Tobias Okonjo signs every exception himself."),
]


def credit_paper(row):
    number, date, customer, verb, old, new, why, evidence, review = row
    c = CUSTOMER[customer]
    return f"""# Credit-Limit Decision {number}: {c.name}

Account {c.id}. Decided on {date} by Tobias Okonjo on the proposal of Maureen Tidswell. The limit is {verb}.

| Limit before | Limit now | Payment terms |
| {old} | {new} | {c.terms} |

## Ground

The reason in one line: {why}.

## Evidence

{evidence}

## Review

{review}
"""


PRICE_LETTERS = [
    ("S-101", "2025-02-10", "TB-1001", "13.40", "14.15", "1 April 2025", """The wheat that we bought in the autumn had low protein, and to keep your flour at 12.6 per cent we blend
in 18 per cent of Canadian wheat. That wheat costs us GBP 74 a tonne more than the home-grown.""", "We shall look at the price again once the new harvest is in, by the middle of September."),
    ("S-104", "2025-03-04", "TB-1101", "38.50", "34.90", "1 May 2025", """After two dry years the groves around Sierralba have given a full crop. We said in 2023 that we would share good news as quickly
as bad, and we keep our word.""", "The frying oil stays as it is, because the market for refined oil has not moved."),
    ("S-109", "2025-05-29", "TB-1201", "78.00", "83.50", "30 June 2025", """Butterfat has risen for seven months in a row. Farm-gate milk stood at 43.2 pence a litre in April.""",
     "Cheddar and cream are not affected. I will ring Nikhil on Tuesday, because I would rather explain this than write it."),
    ("S-118", "2025-06-16", "TB-1402", "28.40", "27.60", "1 August 2025", """The new forming line at Stowmarsh wastes less board. Half of the gain is yours, as we agreed over lunch in March.""",
     "The lower price holds for orders of ten cases and more; smaller orders stay at the old price."),
    ("S-131", "2025-07-22", "TB-1701", "8.45", "9.30", "1 September 2025", """Hail in June took about a third of the pepper crop in the valley from which we buy. Smokehouses are working a three-day week.""",
     "We hold 2.6 tonnes at the old price for you and will send it first."),
    ("S-140", "2025-09-08", "TB-1901", "68.40", "73.20", "3 November 2025", """The green coffee in your blend is 60 per cent Brazilian and 40 per cent Ugandan, and frost has touched the first of these again.""",
     "If you would take a blend with 30 per cent Vietnamese beans we could hold the present price; samples are on the way to Priya."),
]


def price_letter(row):
    supplier, date, sku, list_before, list_after, starts, why, promise = row
    s, p = SUPPLIER[supplier], PRODUCT[sku]
    unit, before = currency(s), round(p.price * cost(s), 2)
    old, new = money(before), money(round(before * float(list_after) / float(list_before), 1))
    return f"""# Price variation: {p.name}

{s.name}, {s.town}

{date}

Dear Ms Sandhurst,

Under our agreement {s.contract} we give notice that the price of {sku} {p.name} in Annex A moves from {unit} {old} to {unit} {new} for each {p.pack}, with
effect from {starts}.

{why}

{promise}

| Article | Present {unit} | New {unit} | Starts |
| {sku} | {old} | {new} | {starts} |

Yours sincerely,

{s.contact}, {s.name}, {s.mail}
"""


def write(tree):
    for index, order in enumerate(INVOICED):
        number = invoice_number(index)
        tree.pdf(f"invoices/{number}-{slug(order.customer.name)}.pdf", invoice(index, order), plus(order.delivery, 1).strftime("%Y%m%d"))
    for row in RETURNS:
        tree.pdf(f"returns/{row[0]}.pdf", return_paper(row), row[1].replace("-", ""))
    for name, date, text in RECALLS:
        tree.pdf(f"recalls/{name}.pdf", text, date)
    for row in CREDIT:
        tree.pdf(f"credit/{row[0]}-{slug(CUSTOMER[row[2]].name)}.pdf", credit_paper(row), row[1].replace("-", ""))
    for row in PRICE_LETTERS:
        tree.docx(f"price-letters/{row[1]}-{slug(SUPPLIER[row[0]].name)}.docx", price_letter(row), SUPPLIER[row[0]].contact, row[1])
