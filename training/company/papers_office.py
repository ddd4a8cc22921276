"""Policies, runbooks and fair reports (Markdown), intranet and product pages (HTML), specifications, audits and settings (JSON)."""
from papers_agreements import slug
from world import PRODUCTS, SUPPLIER, money

POLICIES = [("expenses", """# Travel and Expenses Policy

Owner: Tobias Okonjo. Version 6, in force from 1 January 2025.

## Mileage and trains

A private car is paid at 43 pence a mile for the first 8,000 miles of a tax year and 24 pence after that. Trains are second class. First class is allowed when it is the cheaper
ticket on the day of booking, and the booking page must be kept as proof.

## Hotels and meals

A hotel may cost up to GBP 115 a night, or GBP 155 in London. Breakfast is claimed with the hotel. Dinner is refunded up to GBP 28 with a receipt; alcohol is never refunded.

## How to claim

Claims are entered in the expenses app by the fifth working day of the month after the journey. A claim older than 90 days is paid only if the Finance Director agrees.
"""), ("returns-and-credits", """# Returns and Credits Policy

Owner: Lorna Eastcott. Version 3, in force from 1 September 2024.

## When we take goods back

Ambient goods in unopened cases are taken back within 14 days at the price paid less 10 per cent. Chilled goods are never taken back for resale. Equipment is taken back only under
the maker's warranty.

## Who may decide

Customer service staff may credit up to GBP 150 on their own. Lorna Eastcott decides up to GBP 1,000. Anything above that goes to the account's manager and the Finance Director.

## Evidence

Photographs are asked for when the value is above GBP 75. A complaint about temperature needs the reading of the customer's own probe and the time at which it was taken.
"""), ("gifts-and-hospitality", """# Gifts and Hospitality Policy

Owner: Sandra Quillfeather. Version 2, in force from 1 April 2023.

Staff do not ask for gifts. A gift worth up to GBP 40 may be kept. Above that it is entered in the register and raffled for the charity of the year in December.

A meal with a supplier is fine when business is talked about. Tickets to matches and concerts are refused while a tender or a price review is open.

Buyers sign a declaration of interests each February. Whoever holds more than one per cent of a supplier's shares takes no part in decisions about it.
"""), ("information-security", """# Information Security Policy

Owner: Femi Lockridge. Version 9, in force from 1 March 2025.

## Passwords and second factor

Pass phrases have at least sixteen characters and are changed only when there is reason to fear that they are known. A second factor is required for mail, the ERP and remote access.
Security keys are preferred; text messages are not accepted after 30 June 2025.

## Devices

A lost handset or laptop is reported to the service desk on extension 444 within two hours. Laptops lock after five minutes.

## Mail

Payment details are never changed on the strength of a mail. Maureen Tidswell rings the supplier on the number in the contract and writes down with whom she spoke.

## Leavers

Accounts are closed at 18:00 on the last day. Mailboxes are kept for 180 days.
"""), ("annual-leave", """# Leave Policy

Owner: Sandra Quillfeather. Version 5, in force from 1 January 2025.

Everyone has 25 days and the public holidays. One day is added after five years of service and another after ten. The leave year runs from January to December and up to four days may be carried to
the end of March.

Warehouse and transport staff do not take leave between 8 and 24 December, unless the shift leader has someone in their place.

Moving house gives one paid day. Parents have up to 18 weeks of unpaid leave for each child. Requests of more than ten days together need eight weeks' notice.
"""), ("cold-chain", """# Cold Chain Policy

Owner: Ingrid Paley. Version 7, in force from 1 February 2025.

## Limits

Chilled goods are received at 5 degrees or less. Between 5.1 and 8.0 degrees the core of three units is measured and the buyer decides. Above 8 degrees the load is refused.

## On the road

Refrigerated vehicles are pre-cooled for 45 minutes with the doors shut. A door stays open for no more than four minutes at a stop. Recorder files are kept for 24 months.

## Alarms

If a store alarm rings, the duty manager is at the depot within 40 minutes. After two hours above the limit all stock is blocked in the ERP until Quality releases it.
"""), ("credit-control", """# Credit Control Policy

Owner: Maureen Tidswell. Version 4, in force from 1 October 2024.

New accounts pay in advance for the first three orders. A limit is set after that from two trade references and, above GBP 10,000, from filed accounts and cover from
Bellweather Trade Credit.

A friendly reminder goes out three days after the due date, a call follows on day ten and the account is stopped on day twenty-one. Only Tobias Okonjo may lift a stop.

Interest is charged from day thirty. Debts above GBP 500 go to Ferrier & Loam, solicitors, on day sixty.
"""), ("speaking-up", """# Speaking Up Policy

Owner: Lydia Farrow, non-executive director. Version 1, in force from 1 May 2025.

Anyone who sees fraud, danger or bullying can speak to a manager, to Sandra Quillfeather or to the outside line run by Candour Partners on 01632 960655, day and night.

Names are kept secret unless the law demands otherwise. The caller hears within five working days what will be done. Nobody loses by speaking up in good faith; whoever takes revenge is dismissed.
"""), ("vehicle-use", """# Use of Vehicles Policy

Owner: Yusuf Brannigan. Version 8, in force from 1 September 2025.

Vans may be taken home only by technicians on standby. Nothing but a guide dog travels beside the driver. Fuel cards have a daily ceiling of GBP 220 and work within
40 kilometres of the route.

Speed is limited to 85 km/h in rigid trucks. Telephones are used with the hands-free set only, and never while reversing.

A driver who is fined pays the fine. The company pays if the fault was the loader's.
"""), ("environment", """# Environment Policy

Owner: Declan Forsgate. Version 3, in force from 1 June 2025.

We mean to cut carbon from our own vehicles and buildings by 40 per cent between 2022 and 2030. In 2024 it came to 1,870 tonnes.

Stretch film is collected by Polymer Loop on Wednesdays. Food that can be eaten but not sold goes to the Wexcombe Larder, two evenings a week. What is left goes to the digester at Netherby.

The solar roof at Wexcombe made 214,000 kWh in 2024, about a quarter of what the site used.
""")]

RUNBOOKS = [("erp-night-run", """# Runbook: ERP Night Run

Who: IT on call. Last tested 14 May 2025.

The night run starts at 22:30 and posts the day's deliveries, then the invoices, then the forecast. It is over by 01:15 on a usual night.

## If it stops

- Look at the step in the run monitor. Steps 1 to 6 can be started again; step 7, which sends invoices, can not.
- If step 7 stopped, count the rows of table INVQ. Ring Tobias Okonjo before you do anything if there are more than 25.
- Free the lock with `runctl release nightly` and start from the failed step.

## If it is later than 04:00

Pick lists print from yesterday's snapshot: `picklist --snapshot`. Tell Dawn Hesketh on extension 225.
"""), ("web-shop-outage", """# Runbook: Web Shop Outage

Who: IT on call. Last tested 3 February 2025.

The shop runs in two zones. When the health page at status.tarnbeck.example shows red in both, orders are taken by telephone on 01632 960150.

- Switch the banner on: `shopctl banner outage`.
- Fail over the database with `shopctl promote zone-b`; it takes about four minutes and drops unpaid baskets.
- Tell Beatrix Normanby, who writes to the independents.

Do not fail back during trading hours, which are 06:00 to 20:00. The hosting partner is Brackenfell Hosting, contract number BH-2291, reachable on 01632 960433.
"""), ("label-printer", """# Runbook: Label Printers

Who: service desk. Last tested 22 July 2025.

There are eleven label printers. Nine are model LX-400, two are the older LX-250 in goods-in.

- Pale print: clean the head with the alcohol pen, then set darkness to 14.
- Labels creep: calibrate by holding FEED for six seconds.
- No network: the printers live in VLAN 38 and take their address from the lease list; give the port a minute.

Spare heads lie in drawer 5 of the server room, two at the least. Order more from Castlemead Labelling.
"""), ("handset-lost", """# Runbook: A Handset is Lost

Who: service desk. Last tested 9 September 2025.

Lock the handset in the console within fifteen minutes of the call. Ask where it was last seen and by whom. Ring it: the alarm sounds for two minutes even if it is set to silent.

If it is not found by the end of the shift, wipe it and file form IT-12. A handset costs GBP 640, of which the shift's budget bears GBP 100.
"""), ("restore-backup", """# Runbook: Restore from Backup

Who: two people of IT, never one alone. Last tested 6 August 2025.

Backups run each hour to the vault at Port Hallow and each night to tape. Tapes are kept for 35 days, month ends for seven years.

- Take the restore key from the finance safe. The envelope is signed and its seal number goes in the log.
- Restore to the sandbox first and compare the control totals of the general ledger.
- The test in August brought back the ERP in 3 hours 40 minutes; the aim is four hours.
"""), ("refrigeration-alarm", """# Runbook: Refrigeration Alarm at Aldermoor

Who: duty manager. Last tested 12 June 2025.

The monitoring station at Cressing rings the duty manager and then Callum Thistlewood. Go there; do not diagnose by telephone.

- Alarm code 21 is a door left open. Shut it and reset.
- Alarm code 34 is low oil in compressor 1. Switch to compressor 2 at panel P4 and ring Frostline Mobile on 01632 960712.
- Alarm code 50 is ammonia. Leave the building upwind, pull the yard alarm and ring the fire brigade.

Stock is blocked after two hours above the limit, see the cold chain policy.
""")]

FAIRS = [("2025-02-hospitality-expo-saltwick", """# Visit Report: Hospitality Expo, Saltwick, 11 and 12 February 2025

By Owen Prestwick and Beatrix Normanby. Stand 4C, 18 square metres, all in GBP 9,730.

We spoke with 164 visitors and wrote down 58 leads; 13 of them asked for a quotation. Best of all was the talk with Dunlin Ferries about galley fridges.

Hollin & Reeve had the stand opposite and gave away a paper catalogue. Their catalogue prices for tea are about four per cent under ours.

Next year: a smaller stand, nearer to the door, and coffee from our own machine.
"""), ("2025-04-bakers-days-oberlauen", """# Visit Report: Bakers' Days, Oberlauen, 2 to 4 April 2025

By Aoife Castellan. Visitor, not exhibitor. Cost of the journey GBP 1,286.

Voss & Kettler showed the VK-63, which bakes on ten trays and uses a fifth less power. It comes to us in the spring of 2026 at about EUR 6,900.

Proofing cabinets by Tessin were quiet and cheap, but parts come from overseas in six weeks. I do not advise them.

Mr Sowerby of Pellworth Bakery was there and asked about a second-hand spiral mixer.
"""), ("2025-06-fish-fair-skarholm", """# Visit Report: Fish Fair and Smokehouse Visit, Skarholm, 17 June 2025

By Nikhil Dunmore. Cost of the journey GBP 942.

Skarholm Fisk has put a meter in each brine vat since our assessment. Eirik Tandberg showed the records from 20 April on; not one vat was missing. I propose to ask Quality for an early re-visit.

A second house, Nordvag Roykeri, smokes over juniper. Samples of eel and char are in the freezer at Aldermoor, box 6.

Weather kept the ferry in port and I came back a day late.
"""), ("2025-09-packaging-forum-stowmarsh", """# Visit Report: Packaging Forum, Stowmarsh, 23 September 2025

By Aoife Castellan. Cost of the journey GBP 174.

From 2027 the new levy takes GBP 310 a tonne on board that cannot be recycled at the kerb. The ripple cup falls under it, because of its lining. Pennardine tests a lining of starch and promises
samples for February.

Sugar-cane lids were shown by three makers. The one by Fibrewick did not leak in forty minutes.

The talk on reusable boxes was full. Hartsmere University tries them from January with a deposit of GBP 2.50.
""")]

INTRANET = [("canteen", """# Canteen at Millrace House

The canteen opens at 05:30 for the early shift and closes at 14:30. Hot food is served from 11:45 to 13:30.

A main dish costs GBP 3.60 for staff and GBP 6.20 for guests. Pay with your badge; it is topped up at the machine by the lift.

## This season

Soup on Mondays, curry on Wednesdays, fish on Fridays. Tell Ottoline Grieves by 09:00 if you need food without gluten.

Night shift: the freezer by the window holds meals at GBP 2.40, microwaves are cleaned on Thursdays.
"""), ("parking", """# Parking at Corder Lane

There are 64 spaces. Numbers 1 to 12 are for visitors and for people with a blue badge. Car sharers have 13 to 24 until 09:15, then anyone may use them.

Bicycles go in the shed behind the boiler house; ask Reception for a fob against a deposit of GBP 15. Two chargers for private cars stand at spaces 40 and 41 and cost 31 pence a kWh.

Do not park along the hedge. The fire engine needs the turning circle and you will be towed.
"""), ("wifi", """# Wireless Network for Guests

Guests use the network Tarnbeck-Visitor. The pass phrase changes on the first Monday of each month and is shown on the screen in Reception.

Speed is limited to 20 Mbit/s and the network is switched off between 22:00 and 05:00. Contractors who need the inner network ask for form IT-04, signed by the manager who has called them in.
"""), ("travel-desk", """# Travel Desk

Journeys are booked by Miriam Ostrander, extension 255, from Monday to Thursday between 08:30 and 16:00.

Give her five working days. Visas take longer: allow six weeks. The company's rate at the Station Hotel in Saltwick is GBP 88 with breakfast, quote TARNB.

Pool cars are a grey estate and a blue van. Keys hang in the transport office; the log must say where you went, or the fuel is yours.
"""), ("first-aid", """# First Aid and Defibrillators

Wexcombe: Marek Wolny, Dawn Hesketh, Lorna Eastcott. Aldermoor: Callum Thistlewood, Jolanta Birch. Port Hallow: Winston Babb.

Defibrillators hang beside goods-in door 2 at Wexcombe, in the warm room at Aldermoor and by the office stairs at Port Hallow. The cabinet code at all three is the house number of the head office, twice.

Refresher courses are on 14 October and 18 November. Eye-wash bottles are changed each January.
"""), ("newcomers", """# Your First Week

Day one starts at 09:00 in Reception, where Sandra Quillfeather's team gives you badge, boots and a locker. The locker deposit is GBP 10.

Bring a passport or birth certificate, your bank details and the name of someone to ring in an emergency.

On day two you walk the warehouse with Dawn Hesketh and pick an order yourself, whatever your post. On Friday at 15:00 Helen Marchetti has tea with everybody who is new. Probation is five months.
"""), ("depots", """# Our Three Depots

| Depot | Address | Telephone | Manager | Goods |
| Wexcombe | Millrace House, 14 Corder Lane | 01632 960140 | Declan Forsgate | ambient, packaging, equipment |
| Aldermoor | Cold Store, Showground Road | 01632 960171 | Callum Thistlewood | chilled |
| Port Hallow | Transit Shed 3, Quay Street | 01632 960192 | Rosalind Achterberg | imports, oil, pulses |

Goods-in is open from 05:00 to 13:00 at Aldermoor and from 06:00 to 15:30 at the other two. Book a slot with extension 222 the day before; a lorry without a slot waits for a gap, up to four hours.
"""), ("charity", """# Charity of the Year

In 2025 we raise money for Hartsmere Hospice. By the end of October it was GBP 11,316.

The sponsored walk along the canal on 17 May brought GBP 3,870. The raffle of the gift register is on 12 December in the canteen. From January the charity is the Wexcombe Lifeboat Station; ideas go to Ottoline Grieves.
"""), ("pension", """# Pension and Benefits in Short

The pension is with Larch Mutual. You pay 5 per cent, Tarnbeck pays 6.5 per cent, and 8 per cent once you have been here for ten years.

Sick pay is full for six weeks and half for six more after the first year of service. Death in service pays three times the yearly salary.

Staff buy from the trade list with 15 per cent off, once a week, for cash. Glasses for screen work are refunded up to GBP 70 every two years.
"""), ("stocktake", """# Stocktake 2025: What You Need to Know

The full count at Wexcombe is on Saturday 1 March from 06:00. Aldermoor counts on 8 March and Port Hallow on 15 March.

Each aisle is counted twice, by people who do not usually work in it. A difference above GBP 250 is counted a third time by Finance.

Nothing moves on that day: no goods-in, no transfers. Breakfast rolls are at 08:30, and overtime is paid at time and a half.
""")]

PRODUCT_TEXT = {
    "TB-1001": "Milled from English and Canadian wheat for tin bread, rolls and pizza. Takes 63 per cent water and stands a prove of eighteen hours in the fridge. Pellworth Bakery uses it for its split tin.",
    "TB-1101": "Cold-pressed within six hours of picking from Cornezal olives of our grower in Sierralba. Grassy, with a little pepper at the end. Keep it from light; once the tin is open use it within eight weeks.",
    "TB-1202": "Twelve months old, pressed in cloth, from a single dairy. It melts without splitting up to 74 degrees and grates cleanly straight from the fridge.",
    "TB-1301": "Sides are cured for 26 hours in sea salt and smoked over alder. Sliced, a side gives about 28 portions of a starter. Keep below 3 degrees and use within four days of opening.",
    "TB-1401": "Holds a main dish and two sides without leaking for ninety minutes. Folds up in one movement. Printed with water-based ink; plain boxes can be had from ten cases.",
    "TB-1501": "Six trays of the 1/1 size, steam and dry heat, a probe with four measuring points. Needs 10.2 kW and a drain. A full cleaning programme takes 48 minutes and a litre of cleaner does eleven of them.",
    "TB-1502": "Three speeds and a 20 litre bowl of steel. Comes with whisk, beater and hook. Kneads up to 7 kg of firm dough. The guard stops the motor within four seconds when it is lifted.",
    "TB-1601": "Cooked slowly with brown sugar and cider vinegar to our own recipe. Good with cheddar and in toasted sandwiches. Stir before use; the tub closes tight again.",
    "TB-1801": "Cook in eighteen minutes without soaking. One sack makes about 310 portions of dal. Washed, sorted by colour and packed at Greenholt.",
    "TB-1901": "Sixty parts Brazilian and forty parts Ugandan beans, roasted medium. Tastes of cocoa and hazelnut, with low acid. For espresso grind at 18 grams to a double.",
}


def product_page(p):
    return f"""# {p.name}

{PRODUCT_TEXT[p.sku]}

| Fact | Value |
| Article | {p.sku} |
| Pack | {p.pack} |
| List price | GBP {money(p.price)} |
| Supplier | {SUPPLIER[p.supplier].name} |
| Shelf life | {p.life} |
| Allergens | {p.allergens} |

Order by 16:00 for delivery on the next working day. Customers with an account see their own price after they sign in.
"""


SPECS = {  # sku: energy kJ per 100 g, salt g, storage, pallet layers x cases, gross kg, tariff code, notes
    "TB-1001": (1460, 0.01, "dry, 5 to 20 C", "6 x 10", 16.2, "1101 00 15", "minimum protein 12.6 %; falling number 250 s or more"),
    "TB-1003": (1570, 0.02, "dry, 5 to 20 C", "8 x 8", 12.7, "1104 12 90", "may contain traces of barley"),
    "TB-1103": (610, 3.1, "cool and dark", "5 x 16", 5.0, "2005 70 00", "drained weight 2.0 kg; brine pH 4.1"),
    "TB-1201": (3060, 1.7, "0 to 5 C", "7 x 9", 10.6, "0405 10 19", "82 % fat; salt declared on the wrapper"),
    "TB-1302": (840, 2.9, "0 to 3 C", "4 x 24", 3.4, "1604 12 91", "brine strength at packing 16 to 18 %"),
    "TB-1602": (1080, 0.05, "ambient", "6 x 14", 3.3, "2007 91 30", "fruit 35 g in 100 g; sugar total 62 g in 100 g"),
    "TB-1702": (1380, 0.9, "dry and dark", "9 x 12", 1.1, "0910 91 90", "steam treated; recipe revision 2024-B contains mustard"),
    "TB-1802": (520, 0.4, "ambient", "10 x 8", 16.9, "2005 59 00", "drained weight 1.5 kg in each tin"),
}


def spec(p):
    energy, salt, storage, pallet, gross, tariff, note = SPECS[p.sku]
    return {"specification": f"SPEC-{p.sku[3:]}-R{1 + energy % 4}", "article": p.sku, "name": p.name, "supplier": SUPPLIER[p.supplier].name,
            "pack": p.pack, "gross_weight_kg": gross, "pallet_pattern": f"{pallet} (layers x cases)", "storage": storage,
            "shelf_life": p.life, "allergens": p.allergens.split(", "), "energy_kj_per_100g": energy, "salt_g_per_100g": salt,
            "tariff_code": tariff, "note": note, "approved_by": "Ingrid Paley"}


AUDITS = {
    "internal-audit-2025-purchasing": {"audit": "IA-2025-02", "area": "Purchasing", "auditor": "Whitlock Dacre LLP", "closed": "2025-05-30", "findings": [
        {"number": 1, "severity": "medium", "finding": "Four of thirty orders above GBP 10,000 had one signature where two are required.", "owner": "Priya Sandhurst", "due": "2025-07-31", "answer": "The ERP now blocks release until the second signature is given."},
        {"number": 2, "severity": "low", "finding": "Declarations of interests from two buyers were signed in April, not February.", "owner": "Sandra Quillfeather", "due": "2026-02-28", "answer": "A reminder is set for 1 February."},
        {"number": 3, "severity": "high", "finding": "Bank details of one supplier were changed after a mail; the call-back was not recorded.", "owner": "Maureen Tidswell", "due": "2025-06-15", "answer": "The details were right. Changes now need a ticket with the name of the person called."}]},
    "internal-audit-2025-stock": {"audit": "IA-2025-05", "area": "Stock and stocktake", "auditor": "Whitlock Dacre LLP", "closed": "2025-04-25", "findings": [
        {"number": 1, "severity": "medium", "finding": "The count at Port Hallow on 15 March differed from the books by GBP 3,412, mostly chickpeas booked twice.", "owner": "Rosalind Achterberg", "due": "2025-05-31", "answer": "Booked out on 22 April; the second scanner at the gate was removed."},
        {"number": 2, "severity": "low", "finding": "Quarantine stock at Wexcombe lay for 97 days on average.", "owner": "Declan Forsgate", "due": "2025-09-30", "answer": "Weekly list to the buyers; aim is 30 days."}]},
    "internal-audit-2025-cold-chain": {"audit": "IA-2025-07", "area": "Cold chain", "auditor": "Ingrid Paley", "closed": "2025-08-29", "findings": [
        {"number": 1, "severity": "high", "finding": "Two of five vehicle recorders had not been calibrated for 14 months.", "owner": "Yusuf Brannigan", "due": "2025-09-05", "answer": "Calibrated on 2 September by Frostline Mobile."},
        {"number": 2, "severity": "medium", "finding": "The duty list for August named a manager who was on leave.", "owner": "Callum Thistlewood", "due": "2025-09-12", "answer": "Leave calendar and duty list are now one."}]},
}
SETTINGS = {
    "web-shop": {"service": "web-shop", "version": "4.12.1", "order_cut_off": "16:00", "free_delivery_above_gbp": 175, "basket_timeout_minutes": 35,
                 "payment": {"provider": "Coinford", "card_limit_gbp": 2500, "retry_attempts": 3}, "search": {"synonyms_file": "shop-synonyms-en.txt", "results_per_page": 24},
                 "mail": {"from": "shop@tarnbeck.example", "relay": "relay2.tarnbeck.example"}},
    "cold-store-monitor": {"service": "cold-store-monitor", "site": "Aldermoor", "poll_seconds": 20, "alarm_delay_minutes": 12, "station": "Cressing",
                           "sensors": [{"id": "A1", "place": "Store A", "limit_c": 5.0}, {"id": "B1", "place": "Store B", "limit_c": 5.0},
                                       {"id": "BC", "place": "Blast chiller", "limit_c": 3.0}, {"id": "DL", "place": "Dispatch lobby", "limit_c": 7.0}],
                           "escalation": ["duty manager", "c.thistlewood", "d.forsgate"]},
}


def write(tree):
    for folder, papers in (("policies", POLICIES), ("runbooks", RUNBOOKS), ("fairs", FAIRS)):
        for name, text in papers:
            tree.markdown(f"{folder}/{name}.md", text)
    for name, text in INTRANET:
        tree.html(f"intranet/{name}.html", text, "Tarnbeck intranet", ["Intranet", "Services"])
    for p in PRODUCTS:
        if p.sku in PRODUCT_TEXT:
            tree.html(f"products/{p.sku.lower()}-{slug(p.name)}.html", product_page(p), "Tarnbeck trade catalogue", ["Catalogue", p.sku])
        if p.sku in SPECS:
            tree.json(f"specifications/{p.sku.lower()}.json", spec(p))
    for name, value in AUDITS.items():
        tree.json(f"audits/{name}.json", value)
    for name, value in SETTINGS.items():
        tree.json(f"settings/{name}.json", value)
