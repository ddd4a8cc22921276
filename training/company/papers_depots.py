"""What depots write: transfer notes, handovers, the accident book (TXT), temperature, fleet, pallet and tender tables (CSV), talks (MD)."""
import datetime
import random

import markup
from world import DEPOTS, PRODUCT, plus

TRANSFERS = [  # number, date, from, to, driver, vehicle, lines, remark
    ("ST-7701", "2025-01-16", "PHA", "WEX", "Winston Babb", "TB 18 KLO", ["TB-1101 x 96", "TB-1103 x 60", "TB-1802 x 40"],
     "Two tins of oil dented in the corner of pallet 2. Set aside in the quarantine cage. Seal 449102 intact on arrival."),
    ("ST-7708", "2025-02-20", "WEX", "ALD", "Agnieszka Marlow", "TB 07 RKE", ["TB-1601 x 48", "TB-1602 x 36"],
     "Chutney wanted at Aldermoor for the schools promotion. Short by one tub; count at Wexcombe found it behind the racking."),
    ("ST-7716", "2025-03-27", "ALD", "WEX", "Shona Greaves", "TB 07 RKG", ["TB-1202 x 24"],
     "Cheddar for the Easter fair. Air temperature on loading 3.1 degrees, on arrival 4.0 degrees."),
    ("ST-7725", "2025-05-06", "PHA", "WEX", "Winston Babb", "TB 18 KLO", ["TB-1801 x 120", "TB-1802 x 64"],
     "Bay PHA-D05 to be emptied because the roof above it is painted from 12 May. The lentils go to overflow bay WEX-Z02."),
    ("ST-7733", "2025-06-18", "WEX", "PHA", "Terry Cobbold", "TB 18 KLP", ["TB-1702 x 22"],
     "Recalled curry powder, lot L25-140, to be kept in the bonded cage until Saltwick collects. Not for sale."),
    ("ST-7741", "2025-07-30", "WEX", "ALD", "Agnieszka Marlow", "TB 07 RKE", ["TB-1401 x 30", "TB-1403 x 18"],
     "For Larkhill Events, who collect at Aldermoor on the 31st. Do not break the pallets."),
    ("ST-7750", "2025-09-12", "PHA", "ALD", "Shona Greaves", "TB 07 RKG", ["TB-1102 x 10"],
     "Frying oil for the harvest festival stall. Arrived at 13:20, in time for the afternoon crew."),
    ("ST-7758", "2025-11-05", "WEX", "PHA", "Terry Cobbold", "TB 18 KLP", ["TB-1901 x 16", "TB-1902 x 20", "TB-1402 x 12"],
     "Winter stock for the ferries' terminal kiosk. Received by Rosalind Achterberg in person, one case of cups torn."),
]


def transfer(row):
    number, date, source, target, driver, vehicle, lines, remark = row
    listed = "\n".join(f"  {l.split(' x ')[0]}  {PRODUCT[l.split(' x ')[0]].name:<28} quantity {l.split(' x ')[1]}" for l in lines)
    return f"""TARNBECK PROVISIONS LTD - STOCK TRANSFER NOTE {number}

Date:     {date}
From:     {DEPOTS[source]}
To:       {DEPOTS[target]}
Driver:   {driver}
Vehicle:  {vehicle}

Goods
{listed}

Remarks: {remark}

Signed out by the sending depot, signed in by the receiving depot. White copy to stock control.
"""


HANDOVERS = [
    ("2025-01-23-days-to-nights", "Dawn Hesketh to Marek Wolny", """Dock 5 leveller sticks again, vans only. Truck R4 is on charge and must not be used before 22:00.
The Fernley order for tomorrow is picked but waits for two cases of marmalade from overflow. Ambient in the chill lobby was 6 degrees at 17:30, engineer called, ticket 30417.
Key of the spice cage is in the blue box, not on its hook."""),
    ("2025-02-28-nights-to-days", "Marek Wolny to Dawn Hesketh", """All routes out by 05:50 except Corder Bridge, which left at 06:25 because a crate of trout had no label.
I put it on the van for the bridge because the list said so. Please check with the office. One picker, Bartosz, went home sick at 02:00.
Stocktake sheets are printed and lie on the bench in goods-in."""),
    ("2025-04-17-days-to-nights", "Dawn Hesketh to Marek Wolny", """Easter volume: 1,544 lines tonight. Four agency people come at 20:00 and need hi-vis vests in size L.
Fire door 3 alarm was tested at 15:00 and works. Compactor is full, collection at 07:15 tomorrow.
Do not stack flour more than two high in A05, the beam is bent. Sign is up."""),
    ("2025-06-05-nights-to-days", "Marek Wolny to Dawn Hesketh", """Power dip at 03:12. Lights came back in a minute but the conveyor needed a restart with the key from the safe.
Forty cases of curry powder received late from Saltwick, lot L25-140, put to B22.
Scanner 9 shows the wrong time. The bird is back in the roof."""),
    ("2025-08-21-days-to-nights", "Dawn Hesketh to Marek Wolny", """Electric van bay 22 trips its breaker, use 21 and 23. Ravensby asked for delivery after 09:00 as the pool opens late.
Two visitors from Stratholme Systems walk round tonight from 21:30 to 23:00, Femi is with them.
Water in aisle F came from a split hose, now shut off at valve 11."""),
    ("2025-10-16-nights-to-days", "Marek Wolny to Dawn Hesketh", """Ravensby order was on the screen as released but credit is suspended, so I took it off the van and put it in lane 14.
Truck R2 lost a front wheel nut, locked off and tagged, tag number 0653. Toilets by the drivers' room are blocked.
1,377 lines, no errors found in the check of fifty."""),
    ("2025-11-20-days-to-nights", "Dawn Hesketh to Marek Wolny", """Christmas labels for hampers are in the cage, two rolls only, more come Monday. Bay H01 has three combi ovens, one with a red tag:
serial 61-20455 waits for the new clamp and must not leave. Heaters in the canteen are on a timer until 04:00."""),
]

ACCIDENTS = [
    ("2025-02-04-wexcombe", """ACCIDENT BOOK - WEXCOMBE - ENTRY 118

Injured person: Bartosz Kaminski, picker
When: 4 February 2025, 23:40
Where: aisle B, between bays B08 and B12

What happened: Mr Kaminski slipped on chutney from a tub that had been dropped a few minutes before. He fell on his left hand.
Injury: sprained wrist, no fracture (minor injuries unit, Wexcombe).
First aider: Marek Wolny
Time lost: three shifts
Done since: spill kits at the ends of aisles B, D and F. Whoever drops it stays with it until help comes.
Reported to the authority: not required
"""),
    ("2025-05-22-aldermoor", """ACCIDENT BOOK - ALDERMOOR - ENTRY 041

Injured person: Jolanta Birch, goods-in clerk
When: 22 May 2025, 06:15
Where: door 2

What happened: The strip curtain caught the handle of a hand pallet truck, which swung round and struck Mrs Birch on the shin.
Injury: bruise, cold pack given
First aider: Callum Thistlewood
Time lost: none
Done since: two strips cut shorter; a convex mirror costs GBP 46 and was ordered.
Reported to the authority: not required
"""),
    ("2025-09-11-port-hallow", """ACCIDENT BOOK - PORT HALLOW - ENTRY 027

Injured person: Leon Marsh, agency worker from Quaymen Staffing
When: 11 September 2025, 10:05
Where: Transit Shed 3, container door

What happened: When the right-hand door of container SRLU 440718 was opened, two sacks of lentils fell. One struck Mr Marsh on the shoulder. The load had shifted at sea.
Injury: broken collar bone
First aider: Winston Babb
Time lost: 31 days
Done since: a restraining strap is fixed across the opening before the second door is released. The shipper in Greenholt was written to.
Reported to the authority: yes, on 12 September, reference F2508-IND-6647
"""),
    ("2025-10-30-yard", """ACCIDENT BOOK - WEXCOMBE - ENTRY 126

Injured person: none (near miss)
When: 30 October 2025, 07:50
Where: yard, pedestrian crossing by the office

What happened: A visitor looking at his telephone stepped in front of van TB 35 ELV, which makes no noise. The driver, Agnieszka Marlow, stopped within a metre.
Done since: the electric vans sound a tone below 20 km/h. The crossing is repainted on 8 November.
Reported to the authority: not required
"""),
]

TALKS = [("lifting-sacks", """# Toolbox Talk 7: Sixteen kilograms, four hundred times

Given by Dawn Hesketh on 20 January 2025 at Wexcombe, ten minutes, 23 people present.

One sack of flour is not heavy. Four hundred in a shift are six and a half tonnes. Last year nine of our people were off with bad backs, for 71 days together.

- Bring the pallet to your hip with the lift table before you start. Each picking aisle has one.
- Turn your feet, not your back.
- Change sides after every tenth sack.
- If the sack is wet or torn, ask for help.

Question from the floor: may we use the vacuum lifter? Yes, once you have been shown; ask Declan Forsgate.
"""), ("reversing", """# Toolbox Talk 9: Nobody walks behind a reversing truck

Given by Yusuf Brannigan on 17 March 2025 to all drivers.

The yard at Corder Lane is narrow and the sun blinds you between eight and nine. Engine off, keys out, hand brake on, before anyone couples or opens a door.

- Sound the horn once before you reverse.
- The banksman wears orange; everyone else wears yellow. Follow orange only.
- If you lose sight of the banksman, stop.

From 1 April a driver who reverses without a banksman in the yard is sent home for the day, without pay. This was agreed with the staff council.
"""), ("allergens", """# Toolbox Talk 11: A spoonful of mustard

Given by Ingrid Paley on 24 June 2025 after the recall of the curry powder.

A label that leaves out one word can kill. The person at goods-in is the last who can read the label before a cook does.

- Compare the label with the specification on the handset for the first tub of each lot.
- Sweep spilt powder with the purple brush. Purple is for allergens and nothing else.
- Split bags go in the lidded bin by bay B22, never back on the shelf.

Fourteen allergens have to be named. The list hangs by the goods-in desk and is printed on the back of your badge.
"""), ("cold-work", """# Toolbox Talk 13: Working at three degrees

Given by Callum Thistlewood on 13 October 2025 at Aldermoor.

Cold hands drop things. After fifty minutes in the store you are due ten minutes in the warm room, and you take them even if the lorry is waiting.

- Jackets are replaced each October. Sign for yours with Jolanta Birch.
- Thermal socks are free: two pairs a year.
- Tell your shift leader if your fingers go white.

The alarm pull cord in the store hangs 30 centimetres above the floor so that a fallen person can reach it. It rings at the gatehouse.
""")]


def temperature_rows():
    """One month of checks at Aldermoor with three deviations written by hand."""
    special = {
        (datetime.date(2025, 6, 9), "Store B"): (6.8, "Door curtain torn", "Curtain taped, product core 4.1, new strips fitted 11 June", "Jolanta Birch"),
        (datetime.date(2025, 6, 17), "Blast chiller"): (9.4, "Fan iced up", "Manual defrost 90 minutes, 3 trays of cream destroyed", "Callum Thistlewood"),
        (datetime.date(2025, 6, 26), "Dispatch lobby"): (8.2, "Heat wave, dock door open", "Loading moved to 04:00 until 1 July", "Callum Thistlewood"),
    }
    rng = random.Random(60606)
    yield ["date", "time", "place", "limit C", "reading C", "deviation", "corrective action", "checked by"]
    date = datetime.date(2025, 6, 2)
    while date.month == 6:
        if date.weekday() < 6:
            for place, limit, base in (("Store A", 5, 3.0), ("Store B", 5, 3.4), ("Blast chiller", 3, 1.1), ("Dispatch lobby", 7, 5.2)):
                reading, deviation, action, who = special.get(
                    (date, place), (round(base + rng.random() * 1.2, 1), "", "", rng.choice(["Jolanta Birch", "Sam Whittle"])))
                yield [date.isoformat(), f"0{rng.randint(5, 7)}:{rng.randint(10, 55)}", place, limit, reading, deviation, action, who]
        date = plus(date, 1)


def cooking_checks():
    yield ["date", "site", "check", "measured", "limit", "result", "what was done"]
    yield from [
        ["2025-02-03", "Staff kitchen Wexcombe", "core temperature of reheated soup", "81 C", "75 C or more", "pass", ""],
        ["2025-03-11", "Tasting kitchen", "dishwasher final rinse", "74 C", "80 C or more", "fail", "Element replaced by Lindqvist Dock Service on 14 March"],
        ["2025-04-02", "Tasting kitchen", "dishwasher final rinse", "83 C", "80 C or more", "pass", ""],
        ["2025-05-20", "Staff kitchen Wexcombe", "probe in melting ice", "0.3 C", "within 0.5 C", "pass", ""],
        ["2025-07-08", "Staff kitchen Aldermoor", "fridge overnight maximum", "7.9 C", "5 C or less", "fail", "Seal changed, milk and ham thrown away"],
        ["2025-09-16", "Tasting kitchen", "sanitiser strength", "200 ppm", "150 to 250 ppm", "pass", ""],
        ["2025-10-21", "Staff kitchen Wexcombe", "probe in boiling water", "98.6 C", "within 0.5 C of 100", "fail", "Probe T-19 scrapped, T-23 issued"],
    ]


def fleet_log():
    yield ["registration", "vehicle", "depot", "driver", "odometer km", "next service km", "annual test", "remark"]
    yield from [
        ["TB 18 KLO", "18 t rigid", "Port Hallow", "Winston Babb", 412870, 425000, "2026-02-19", "new clutch at 398,400 km"],
        ["TB 18 KLP", "18 t rigid", "Wexcombe", "Terry Cobbold", 377215, 385000, "2026-04-08", "tail lift load test due in March"],
        ["TB 18 KLR", "18 t rigid", "Wexcombe", "Ewan Strickland", 296540, 305000, "2026-01-27", "windscreen chip repaired"],
        ["TB 07 RKE", "7.5 t refrigerated", "Aldermoor", "Agnieszka Marlow", 188902, 200000, "2026-06-11", "fridge unit gas leak mended in May"],
        ["TB 07 RKG", "7.5 t refrigerated", "Aldermoor", "Shona Greaves", 174366, 180000, "2025-12-15", "recorder calibrated on 2 September"],
        ["TB 07 RKH", "7.5 t refrigerated", "Wexcombe", "Ida Noakes", 203118, 205000, "2026-03-03", "rear camera dark in rain"],
        ["TB 35 ELU", "3.5 t electric van", "Wexcombe", "Bela Fodor", 2840, 30000, "2028-09-01", "range 212 km when full"],
        ["TB 35 ELV", "3.5 t electric van", "Wexcombe", "Agnieszka Marlow", 3115, 30000, "2028-09-01", "warning tone fitted"],
        ["TB 35 ELW", "3.5 t electric van", "Wexcombe", "Conrad Vane", 1960, 30000, "2028-09-01", "kerb damage, near side rear wheel"],
        ["TB 12 VAN", "3.5 t diesel van", "Port Hallow", "Winston Babb", 156480, 160000, "2025-12-02", "to be sold in January"],
    ]


def defects():
    yield ["report", "date", "registration", "reported by", "defect", "off road", "mended by", "cost GBP"]
    yield from [
        ["VD-551", "2025-01-13", "TB 18 KLR", "Ewan Strickland", "near side mirror loose", "no", "own workshop", "0.00"],
        ["VD-556", "2025-02-11", "TB 07 RKH", "Ida Noakes", "refrigeration stops when idling", "yes, 2 days", "Frostline Mobile", "1184.50"],
        ["VD-560", "2025-03-18", "TB 18 KLP", "Terry Cobbold", "tail lift drifts down under load", "yes, 4 days", "Harbour Hydraulics", "2310.00"],
        ["VD-567", "2025-05-14", "TB 07 RKE", "Agnieszka Marlow", "gas leak at evaporator", "yes, 3 days", "Frostline Mobile", "967.25"],
        ["VD-571", "2025-07-01", "TB 12 VAN", "Winston Babb", "sliding door will not lock", "no", "own workshop", "38.00"],
        ["VD-575", "2025-08-26", "TB 18 KLO", "Winston Babb", "air brake pressure falls overnight", "yes, 1 day", "Corder Commercials", "455.80"],
        ["VD-580", "2025-10-07", "TB 35 ELW", "Bela Fodor", "charge port flap missing", "no", "maker, warranty", "0.00"],
    ]


def pallets():
    yield ["account", "party", "opening", "received", "returned", "closing", "counted", "difference", "note"]
    yield from [
        ["PL-Q1", "Brindlecote Mills Ltd", 310, 1264, 1198, 376, 371, -5, "charged at GBP 9.40 each"],
        ["PL-Q1", "Northmere Dairies Ltd", 88, 602, 611, 79, 79, 0, "agreed"],
        ["PL-Q1", "Pennardine Packaging Ltd", 54, 188, 160, 82, 90, 8, "eight white pallets are not ours"],
        ["PL-Q2", "Brindlecote Mills Ltd", 371, 1310, 1355, 326, 326, 0, "agreed by Graham Etherley"],
        ["PL-Q2", "Northmere Dairies Ltd", 79, 655, 640, 94, 92, -2, "two broken, photographs sent"],
        ["PL-Q2", "Haldane Haulage", 140, 420, 391, 169, 152, -17, "seventeen left at Hartsmere, collection 14 July"],
        ["PL-Q3", "Haldane Haulage", 152, 448, 470, 130, 130, 0, "agreed"],
        ["PL-Q3", "Ashgarth Preserves Ltd", 27, 96, 88, 35, 34, -1, "written off"],
    ]


def tender_schools():
    yield ["tender", "criterion", "weight %", "bidder", "score of 10", "evaluator", "comment"]
    yield from [
        ["ASC-2025-11", "Price", 50, "Tarnbeck Provisions Ltd", 8, "Wendy Oakshott", "second lowest basket"],
        ["ASC-2025-11", "Price", 50, "Hollin & Reeve", 9, "Wendy Oakshott", "lowest basket, no fixed prices"],
        ["ASC-2025-11", "Allergen information", 20, "Tarnbeck Provisions Ltd", 10, "Prakash Menon", "live data feed shown"],
        ["ASC-2025-11", "Allergen information", 20, "Hollin & Reeve", 6, "Prakash Menon", "spreadsheet by mail"],
        ["ASC-2025-11", "Delivery windows", 20, "Tarnbeck Provisions Ltd", 7, "Wendy Oakshott", "two schools after 09:30"],
        ["ASC-2025-11", "Delivery windows", 20, "Hollin & Reeve", 7, "Wendy Oakshott", "no evening option"],
        ["ASC-2025-11", "Carbon", 10, "Tarnbeck Provisions Ltd", 6, "Nadia Forbes", "three electric vans from September"],
        ["ASC-2025-11", "Carbon", 10, "Hollin & Reeve", 4, "Nadia Forbes", "no plan given"],
    ]


def tender_trucks():
    yield ["tender", "criterion", "weight %", "bidder", "score of 5", "evaluator", "comment"]
    yield from [
        ["FT-2025-02", "Whole-life cost", 40, "Lindqvist Lift Trucks", 4, "Tobias Okonjo", "GBP 318 a month for each truck"],
        ["FT-2025-02", "Whole-life cost", 40, "Marchwood Handling", 3, "Tobias Okonjo", "GBP 342 a month for each truck"],
        ["FT-2025-02", "Service response", 35, "Lindqvist Lift Trucks", 5, "Declan Forsgate", "engineer within three hours"],
        ["FT-2025-02", "Service response", 35, "Marchwood Handling", 3, "Declan Forsgate", "next working day"],
        ["FT-2025-02", "Drivers' trial", 25, "Lindqvist Lift Trucks", 3, "Marek Wolny", "seat too low for tall drivers"],
        ["FT-2025-02", "Drivers' trial", 25, "Marchwood Handling", 5, "Marek Wolny", "best view of the forks"],
    ]


def write(tree):
    for row in TRANSFERS:
        tree.text(f"depots/transfers/{row[0]}.txt", transfer(row))
    for name, who, text in HANDOVERS:
        tree.text(f"depots/handovers/{name}.txt", f"SHIFT HANDOVER, WEXCOMBE, {name[:10]}\n{who}\n\n{markup.unwrapped(text)}\n")
    for name, text in ACCIDENTS:
        tree.text(f"depots/accident-book/{name}.txt", markup.unwrapped(text))
    for name, text in TALKS:
        tree.markdown(f"depots/toolbox-talks/{name}.md", text)
    for name, rows in (("haccp/temperature-checks-aldermoor-2025-06", temperature_rows), ("haccp/kitchen-checks-2025", cooking_checks),
                       ("fleet/vehicle-register", fleet_log), ("fleet/vehicle-defects-2025", defects),
                       ("pallets/pallet-accounts-2025", pallets), ("tenders/schools-catering-scores", tender_schools),
                       ("tenders/fork-truck-lease-scores", tender_trucks)):
        tree.csv(f"{name}.csv", rows())
