"""Supply contracts, premises leases, insurance schedules and rebate statements: the papers that bind (PDF)."""
from world import ADDRESS, NAME, PRODUCTS, SUPPLIERS, money

# What each supplier's contract says and no other does.
SPECIAL_CLAUSES = {
    "S-101": ("Milling and protein", """The Supplier shall mill strong white bread flour to a protein content of not less than 12.6 per cent, measured on
each lot, and shall send the certificate of analysis to quality@tarnbeck.example before the lot is loaded. A lot that falls below 12.2 per cent may
be refused at the gate and is collected at the Supplier's cost within three days.""",
              "Sacks and pallets", """Flour is delivered on blue hired pallets, 60 sacks to the pallet. The pallet account is balanced in the first week of each
quarter. Pallets missing at the balance are charged at GBP 9.40 each."""),
    "S-104": ("Harvest and acidity", """Extra virgin oil shall come from the harvest named in the order and shall have a free acidity of no more than 0.5 per
cent at bottling. The Supplier keeps a sealed reference sample of one litre from every lot for twenty-four months at its mill in Sierralba.""",
              "Currency", """Prices are in euro. Where the monthly average rate moves by more than six per cent from the base rate of 1.1620, either party may ask
that the difference be shared equally from the first day of the next month."""),
    "S-109": ("Cold chain", """Goods leave the dairy at or below 4 degrees Celsius and are handed over at Aldermoor at or below 5 degrees. Each vehicle carries
a temperature recorder whose print-out is given to the goods-in clerk. A load above 8 degrees is rejected without further test.""",
              "Remaining life", """On delivery cream shall have at least ten days, butter at least sixty days and cheddar at least ninety days of life remaining.
Northmere credits goods with a shorter life at half price, or takes them back, at the Buyer's choice."""),
    "S-113": ("Origin of fish", """Trout is farmed at the Supplier's two sites in Lysefjorden and no other source may be used without written consent. Every box
shows the site, the date of slaughter and the smoking batch.""",
              "Microbiological release", """No lot is dispatched before its Listeria result is known. The Supplier keeps results for five years and shows them within
two hours when a recall is in hand. The emergency contact is the quality desk in Skarholm, staffed from 06:00 to 20:00 every day."""),
    "S-118": ("Print and artwork", """Printing plates for the Tarnbeck meal box remain the property of the Buyer. The first change of artwork in a calendar year
is free; each further change costs GBP 385.""",
              "Stock held for call-off", """The Supplier holds eight weeks of forecast stock of the meal box and the 12 oz ripple cup at Stowmarsh for call-off. Stock
older than six months that was made against a written forecast is paid for by the Buyer in full."""),
    "S-122": ("Warranty and spare parts", """Appliances carry a warranty of twenty-six months from delivery to the end customer. Spare parts remain available for
eleven years after a model is discontinued. Warranty parts leave Oberlauen within 48 hours of the call.""",
              "Training", """The Supplier trains two Tarnbeck technicians each year at Oberlauen, free of charge except for travel. The certificate is valid for
thirty months and a technician without a valid certificate may not open the gas train of a combi oven."""),
    "S-127": ("Recipes and sulphites", """The recipes of the Tarnbeck red onion chutney and the Seville marmalade belong to the Buyer and may not be sold to others.
Sulphur dioxide in the chutney shall stay under 90 mg/kg.""",
              "Seasonal cover", """Because Seville oranges are bought in January only, the Buyer confirms its marmalade volume for the whole year by 20 December. The
Supplier may refuse volume above 110 per cent of what was confirmed."""),
    "S-131": ("Authenticity", """Each import lot of paprika is tested for illegal dyes by an accredited laboratory. The Supplier bears the cost of any recall that
follows from adulteration, without regard to the limit of liability above.""",
              "Heat treatment", """Spices are steam treated. Untreated spice may be supplied only for manufacturing customers and only in red-striped bags."""),
    "S-136": ("Crop failure", """If the harvest of red lentils falls under 70 per cent of the three-year mean, the Supplier shares what it has among its customers in
proportion to their purchases of the year before and is not in breach for the rest.""",
              "Container handling", """Containers are delivered to Port Hallow, berth side, with seven free days. Demurrage after that is paid by the party whose
paper was late, at EUR 95 a day."""),
    "S-140": ("Roast date", """Coffee is dispatched no later than twelve days after roasting and the roast date is printed on each bag. Bags older than that are
credited in full on request.""",
              "Machines on loan", """Pemberwick lends up to thirty grinders to Tarnbeck's customers. A grinder whose customer buys under 15 kg a month for three
months may be collected. The deposit for each grinder is GBP 240."""),
}


def clause_set(s):
    """Two ways of saying the same, so that contracts read as if two lawyers had drawn them up."""
    if int(s.id[2:]) % 2:
        return [
            ("Term", f"""This agreement starts on {s.signed} and runs for {s.years} years. Either party may end it earlier by giving {s.notice} of
written notice, which may not expire in the last two weeks of December."""),
            ("Orders and lead time", f"""The Buyer orders by electronic message. The Supplier confirms within one working day and delivers within {s.lead} of
the confirmed order. The minimum order is {s.minimum}."""),
            ("Price and payment", f"""Prices are those of Annex A. They may be reviewed twice a year on eight weeks' notice with evidence of cost. Invoices fall due
{s.payment} after the date of the invoice; interest on late payment is two per cent above the base rate."""),
            ("Liability", f"""The Supplier's liability under this agreement is limited to {s.cap} in each contract year. Nothing limits liability for death,
injury or fraud."""),
        ]
    return [
        ("Duration and ending", f"""The parties agreed these terms on {s.signed} for a fixed period of {s.years} years, renewed only by a signed letter. A party that
wants to leave before the end tells the other {s.notice} beforehand, in writing, to the address above."""),
        ("How goods are called off", f"""Call-offs state the article, quantity and depot. Delivery follows within {s.lead}. A call-off under {s.minimum} may be declined or
charged with the actual freight."""),
        ("What is paid, and when", f"""Annex A holds the prices. The Buyer pays {s.payment} from receipt of a correct invoice that quotes the order number. Prices move only by
agreement, and never within the first six months."""),
        ("Limit of responsibility", f"""Except for injury, fraud or wilful default, neither party owes the other more than {s.cap} for all claims of one year taken
together."""),
    ]


def general_clauses(s):
    number = int(s.id[2:])
    return [
        ("Title and risk", """Risk passes when the goods are set down on the Buyer's dock and signed for. Title passes on payment. Until then the Buyer stores
the goods so that they can be told apart, insures them, and may sell them in the ordinary course of trade."""),
        ("Delivery and shortage", f"""Deliveries are booked with the depot's goods-in desk the day before. A shortage or visible damage is noted on the delivery note; a
hidden one is reported within {2 + number % 4} working days of its discovery. The Supplier replaces short goods with the next delivery or credits them, as the Buyer prefers."""),
        ("Events beyond control", f"""Neither party is liable for delay that follows from flood, strike of others, closure of a port, epidemic or act of state, provided
that it tells the other within {24 + number % 3 * 24} hours. If the event lasts more than {6 + number % 5} weeks, either party may cancel what has not been delivered."""),
        ("Insurance", f"""The Supplier carries product liability cover of at least {currency(s)} {3 + number % 5},000,000 for each event and shows the certificate every January. Cover may not be
reduced during the term without the Buyer's consent."""),
        ("Notices and changes", """Notices are sent by registered post and, on the same day, by mail to the contact named above. They count as received on the third working day.
A change to this agreement is valid only in writing and signed by both; an exchange of mails is not enough."""),
    ]


def contract(s):
    first, first_text, second, second_text = SPECIAL_CLAUSES[s.id]
    clauses = [("Parties and purpose", f"""{NAME}, {ADDRESS} (the Buyer) and {s.name} of {s.town} (the Supplier) make this agreement for the supply of
{s.goods}. The Supplier's contact for this agreement is {s.contact}, {s.mail}; the Buyer's is Priya Sandhurst, Head of Purchasing."""),
               *clause_set(s), (first, first_text), (second, second_text),
               ("Rebate", f"""When purchases in a calendar year pass {s.threshold}, the Supplier pays a rebate of {s.rebate} on all purchases of that year. It is settled by
credit note before the end of the following February."""),
               ("Audit and food safety", """The Buyer may visit any site where the goods are made, on five working days' notice, or without notice after a complaint
that concerns safety. The Supplier answers a corrective action request within ten working days."""),
               *general_clauses(s),
               ("Confidence and law", f"""Prices and volumes are confidential for three years after the agreement ends. {law(s)}""")]
    body = "\n\n".join(f"## {i}. {head}\n\n{text}" for i, (head, text) in enumerate(clauses, 1))
    rows = "\n".join(f"| {p.sku} | {p.name} | {p.pack} | {currency(s)} {money(p.price * cost(s))} |" for p in PRODUCTS if p.supplier == s.id)
    return f"""# Supply Agreement {s.contract}

Between {NAME} and {s.name}

{body}

## Annex A. Articles and prices

| Article | Description | Pack | Price |
{rows}

Deliveries go to the {dict(WEX='Wexcombe', ALD='Aldermoor', PHA='Port Hallow')[s.depot]} depot unless the call-off names another.

## Signatures

For the Buyer: Helen Marchetti, Managing Director. For the Supplier: {s.contact}. Signed in two originals on {s.signed}.
"""


def cost(s):
    return 0.61 + int(s.id[2:]) % 7 / 100


def currency(s):
    return "EUR" if "EUR" in s.cap else "GBP"


def law(s):
    if currency(s) == "EUR":
        return "Disputes go first to mediation in Rotterdam and then to a sole arbitrator; the contract follows English law."
    return "This agreement is governed by the law of England and Wales and its courts decide disputes."


LEASES = [("lease-abstract-wexcombe", "20240115", """# Lease Abstract: Millrace House and Warehouse, Wexcombe

Prepared by the company secretary for the finance file. The lease itself prevails.

| Point | What the lease says |
| Landlord | Cordermill Estates LLP |
| Tenant | Tarnbeck Provisions Ltd |
| Area | 6,850 square metres of warehouse and 720 square metres of offices |
| Term | Twenty years from 25 March 2016 |
| Passing rent | GBP 412,000 a year, paid quarterly in advance |
| Next rent review | 25 March 2026 |
| Tenant's break | 25 March 2031 on twelve months' notice |
| Permitted use | Storage and distribution of food, with ancillary offices |

## Repair

The tenant keeps the interior, the dock levellers and the yard in repair. The landlord keeps the roof and frame and recovers the cost through a service
charge that is capped at GBP 38,500 in any year.

## Alterations

Racking up to nine metres needs no consent. Solar panels were consented to in the side letter of 4 June 2021, provided that the tenant removes them at the
end of the term.

## Deposit

A rent deposit of GBP 103,000 is held in a joint account and is released if turnover exceeds GBP 40 million in three consecutive years.
"""), ("lease-abstract-aldermoor", "20240115", """# Lease Abstract: Cold Store, Aldermoor

Prepared by the company secretary for the finance file. The lease itself prevails.

| Point | What the lease says |
| Landlord | Aldermoor Agricultural Society |
| Tenant | Tarnbeck Provisions Ltd |
| Area | 2,140 square metres of chilled storage |
| Term | Twelve years from 1 October 2019 |
| Passing rent | GBP 168,750 a year, paid monthly |
| Next rent review | 1 October 2027 |
| Tenant's break | None |
| Permitted use | Chilled and frozen storage |

## Refrigeration plant

The two ammonia compressors belong to the landlord, the door curtains and the monitoring system to the tenant. If both compressors fail, rent is suspended
from the fifth day.

## Access

Heavy vehicles enter by Showground Road only. On the three days of the summer show the gate is shut from 10:00 to 16:00 and deliveries are made at night.
"""), ("lease-abstract-port-hallow", "20240115", """# Lease Abstract: Transit Shed 3, Port Hallow

Prepared by the company secretary for the finance file. The lease itself prevails.

| Point | What the lease says |
| Landlord | Port Hallow Harbour Commissioners |
| Tenant | Tarnbeck Provisions Ltd |
| Area | 3,300 square metres |
| Term | Seven years from 1 January 2022 |
| Passing rent | GBP 141,200 a year, indexed each January |
| Index | Consumer prices, no less than 1% and no more than 4% |
| Tenant's break | 31 December 2025, notice to be given by 30 June 2025 |
| Permitted use | Bonded and free storage of dry foodstuffs |

## Quay rights

The tenant has first call on berth 6 on Tuesdays and Fridays. A missed slot is lost without refund.

## Flood

The floor lies 2.9 metres above datum. The tenant keeps a flood plan, and stock must stand at least 15 centimetres above the floor.
""")]

INSURANCE = [("insurance-schedule-property-2025", "20250331", """# Property and Stock Insurance Schedule 2025/26

Policy number HMI-PS-77120-X. Insured: Tarnbeck Provisions Ltd. Insurer: Hallam Mutual Indemnity, through the broker Cressing & Vale.

| Section | Sum insured | Excess |
| Buildings, tenant's improvements | GBP 1,250,000 | GBP 5,000 |
| Stock, Wexcombe | GBP 3,400,000 | GBP 10,000 |
| Stock, Aldermoor | GBP 1,150,000 | GBP 10,000 |
| Stock, Port Hallow | GBP 1,800,000 | GBP 15,000 |
| Deterioration of chilled stock | GBP 600,000 | GBP 7,500 |
| Business interruption, 18 months | GBP 5,200,000 | five working days |

## Period

From noon on 1 April 2025 to noon on 1 April 2026. The premium is GBP 86,430 including tax, payable in four instalments.

## Conditions

Sprinkler valves are tested weekly and the test is written down. Lithium batteries of fork trucks are charged only in the marked bays. Deterioration of
chilled stock is covered only while the temperature alarm is connected to the monitoring station at Cressing.

## Claims

Losses are reported to claims@hallammutual.example within 48 hours. The loss adjuster named for this policy is Bernard Ashdown-Pryce.
"""), ("insurance-schedule-fleet-2025", "20250331", """# Motor Fleet Insurance Schedule 2025/26

Policy number HMI-MF-40933-X. Insured: Tarnbeck Provisions Ltd. Insurer: Hallam Mutual Indemnity.

| Vehicle class | Number | Cover | Excess |
| Rigid, 18 tonnes | 6 | comprehensive | GBP 1,500 |
| Rigid, 7.5 tonnes, refrigerated | 5 | comprehensive | GBP 1,250 |
| Vans to 3.5 tonnes | 4 | comprehensive | GBP 750 |
| Cars, management | 7 | comprehensive | GBP 500 |

## Drivers

Any employee aged 23 or over with a valid licence of the class. Drivers with more than six penalty points are referred to the insurer before they
drive. Telematics must be fitted to every rigid; the discount for it is 8 per cent.

## Premium

The annual premium is GBP 61,875. A claims-free year earns a return of GBP 4,000, paid in May.
"""), ("insurance-schedule-liability-2025", "20250331", """# Combined Liability Insurance Schedule 2025/26

Policy number CVU-CL-18276-X. Insured: Tarnbeck Provisions Ltd. Insurer: Clearwater Vale Underwriting.

| Section | Limit of indemnity |
| Employers' liability | GBP 10,000,000 any one event |
| Public liability | GBP 5,000,000 any one event |
| Products liability | GBP 5,000,000 in the aggregate |
| Product recall expenses | GBP 750,000 in the aggregate |
| Directors and officers | GBP 2,000,000 in the aggregate |

## Product recall

Recall expenses are insured for destruction, freight, extra staff and a consultant. The insured bears the first GBP 20,000 of each recall and 10 per cent
of what follows. The insurer's recall hotline is 01632 960877.

## Exclusions

Nuts sold loose, raw milk and goods exported to North America are not covered.
""")]

REBATES = [("S-101", 2024, 211480.00), ("S-118", 2024, 134900.00), ("S-140", 2024, 118260.00), ("S-122", 2024, 241300.00),
           ("S-127", 2024, 71850.00)]
REBATE_NOTES = {
    "S-101": "Purchases include GBP 6,240.00 of oats that were invoiced in January 2025 but delivered on 30 December 2024; Graham Etherley agreed to count them in 2024.",
    "S-118": "Plates and artwork are not purchases for this purpose and were taken out before the count: GBP 1,155.00.",
    "S-140": "The threshold of GBP 125,000 was missed by GBP 6,740.00. No rebate is due. Alasdair Munroe-Kent offered a goodwill credit of GBP 900.00 against new grinders, which Purchasing accepted.",
    "S-122": "Two demonstration ovens that were returned in August are excluded.",
    "S-127": "The credit note is to show the year 2024 and our account number at Ashgarth, TARN-07.",
}


def rebate(supplier, year, purchases):
    rate = float(supplier.rebate.rstrip("%"))
    threshold = float(supplier.threshold[4:].replace(",", ""))
    due = round(purchases * rate / 100, 2) if purchases > threshold else 0.0
    unit = currency(supplier)
    return f"""# Rebate Settlement Statement {year}: {supplier.name}

Statement RS-{year}-{supplier.id[2:]}, drawn up by Purchasing under agreement {supplier.contract}.

| Step | Amount |
| Purchases that count | {unit} {money(purchases)} |
| Threshold | {supplier.threshold}.00 |
| Rate | {supplier.rebate} |
| Rebate due | {unit} {money(due)} |

## Remarks

{REBATE_NOTES[supplier.id]}

## Settlement

{"The supplier sends a credit note by 28 February " + str(year + 1) + "." if due else "No credit note is expected."} Prepared by Aoife Castellan, checked by Tobias Okonjo on 17 January {year + 1}.
"""


def write(tree):
    for s in SUPPLIERS:
        tree.pdf(f"contracts/{s.contract}-{slug(s.name)}.pdf", contract(s), "20240101")
    for name, date, text in LEASES + INSURANCE:
        tree.pdf(f"premises-and-insurance/{name}.pdf", text, date)
    by_id = {s.id: s for s in SUPPLIERS}
    for supplier, year, purchases in REBATES:
        tree.pdf(f"rebates/rebate-{year}-{slug(by_id[supplier].name)}.pdf", rebate(by_id[supplier], year, purchases), "20250117")


def slug(name):
    words = "".join(c.lower() if c.isalnum() else " " for c in name).split()
    return "-".join(w for w in words if w not in ("ltd", "sl", "as", "bv", "gmbh"))
