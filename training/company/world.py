"""The world every paper agrees on: who works at Tarnbeck, who sells to it, who buys, what, and the orders of a year.

Everything is invented: `.example` domains, telephone numbers reserved for fiction, bank details whose checks fail.
"""
import datetime
import random
from types import SimpleNamespace as Record

NAME = "Tarnbeck Provisions Ltd"
ADDRESS = "Millrace House, 14 Corder Lane, Wexcombe WX4 7TB"
LETTERHEAD = [NAME, f"{ADDRESS}  -  01632 960140  -  www.tarnbeck.example"]
DEPOTS = {"WEX": "Wexcombe", "ALD": "Aldermoor", "PHA": "Port Hallow"}

STAFF = [  # name, post, mail, extension, depot, started
    ("Helen Marchetti", "Managing Director", "h.marchetti", "201", "WEX", "2011-09-05"),
    ("Tobias Okonjo", "Finance Director", "t.okonjo", "202", "WEX", "2016-02-01"),
    ("Priya Sandhurst", "Head of Purchasing", "p.sandhurst", "210", "WEX", "2014-06-16"),
    ("Nikhil Dunmore", "Buyer, Chilled", "n.dunmore", "211", "WEX", "2021-03-08"),
    ("Aoife Castellan", "Buyer, Packaging and Equipment", "a.castellan", "212", "WEX", "2019-11-18"),
    ("Declan Forsgate", "Operations Manager", "d.forsgate", "220", "WEX", "2012-01-09"),
    ("Yusuf Brannigan", "Transport Manager", "y.brannigan", "223", "WEX", "2017-08-21"),
    ("Callum Thistlewood", "Depot Manager, Aldermoor", "c.thistlewood", "401", "ALD", "2018-04-30"),
    ("Rosalind Achterberg", "Depot Manager, Port Hallow", "r.achterberg", "501", "PHA", "2015-10-12"),
    ("Ingrid Paley", "Quality and Food Safety Manager", "i.paley", "230", "WEX", "2020-01-13"),
    ("Maureen Tidswell", "Credit Controller", "m.tidswell", "205", "WEX", "2009-05-11"),
    ("Femi Lockridge", "IT Manager", "f.lockridge", "240", "WEX", "2019-02-25"),
    ("Sandra Quillfeather", "HR Manager", "s.quillfeather", "250", "WEX", "2013-07-01"),
    ("Owen Prestwick", "Key Account Manager", "o.prestwick", "261", "WEX", "2018-09-03"),
    ("Beatrix Normanby", "Account Manager, Independents", "b.normanby", "262", "WEX", "2022-01-17"),
    ("Marek Wolny", "Shift Leader, nights", "m.wolny", "226", "WEX", "2016-11-07"),
    ("Dawn Hesketh", "Shift Leader, days", "d.hesketh", "225", "WEX", "2010-03-22"),
    ("Lorna Eastcott", "Customer Service Supervisor", "l.eastcott", "270", "WEX", "2020-08-10"),
]

SUPPLIERS = [
    Record(id="S-101", name="Brindlecote Mills Ltd", town="Brindlecote", contact="Graham Etherley",
           mail="g.etherley@brindlecotemills.example", goods="flour, oats and bakery mixes", contract="TP-SC-0412",
           signed="3 March 2024", years="three", notice="90 days", payment="45 days", lead="four working days",
           minimum="12 pallets", cap="GBP 500,000", rebate="2.5%", threshold="GBP 180,000", depot="WEX"),
    Record(id="S-104", name="Olivar Sierralba SL", town="Sierralba, Spain", contact="Inmaculada Requena",
           mail="i.requena@olivarsierralba.example", goods="olive oil and table olives", contract="TP-SC-0388",
           signed="17 October 2023", years="two", notice="six months", payment="30 days", lead="fifteen working days",
           minimum="one full container", cap="EUR 250,000", rebate="1.75%", threshold="EUR 140,000", depot="PHA"),
    Record(id="S-109", name="Northmere Dairies Ltd", town="Northmere", contact="Judith Callaway",
           mail="j.callaway@northmeredairies.example", goods="butter, cheese and cream", contract="TP-SC-0431",
           signed="22 May 2024", years="two", notice="60 days", payment="21 days", lead="36 hours",
           minimum="two pallets", cap="GBP 750,000", rebate="1.2%", threshold="GBP 260,000", depot="ALD"),
    Record(id="S-113", name="Skarholm Fisk AS", town="Skarholm, Norway", contact="Eirik Tandberg",
           mail="e.tandberg@skarholmfisk.example", goods="smoked and cured fish", contract="TP-SC-0440",
           signed="9 September 2024", years="one", notice="45 days", payment="14 days", lead="six working days",
           minimum="400 kg", cap="GBP 300,000", rebate="0.8%", threshold="GBP 90,000", depot="ALD"),
    Record(id="S-118", name="Pennardine Packaging Ltd", town="Stowmarsh", contact="Russell Ablett",
           mail="r.ablett@pennardine.example", goods="meal boxes, cups and cutlery", contract="TP-SC-0397",
           signed="11 December 2023", years="three", notice="120 days", payment="60 days", lead="seven working days",
           minimum="GBP 2,500", cap="GBP 200,000", rebate="4%", threshold="GBP 110,000", depot="WEX"),
    Record(id="S-122", name="Voss & Kettler GmbH", town="Oberlauen, Germany", contact="Annegret Kettler",
           mail="a.kettler@vosskettler.example", goods="ovens, mixers and refrigeration", contract="TP-SC-0405",
           signed="30 January 2024", years="four", notice="six months", payment="50 days", lead="five weeks",
           minimum="six units", cap="EUR 1,200,000", rebate="3%", threshold="EUR 220,000", depot="WEX"),
    Record(id="S-127", name="Ashgarth Preserves Ltd", town="Ashgarth", contact="Philippa Dronfield",
           mail="p.dronfield@ashgarth.example", goods="chutneys, marmalade and jam", contract="TP-SC-0426",
           signed="8 April 2024", years="two", notice="75 days", payment="35 days", lead="five working days",
           minimum="three pallets", cap="GBP 150,000", rebate="2%", threshold="GBP 65,000", depot="WEX"),
    Record(id="S-131", name="Saltwick Spice Traders Ltd", town="Saltwick", contact="Devinder Khosla",
           mail="d.khosla@saltwickspice.example", goods="ground and whole spices", contract="TP-SC-0435",
           signed="1 July 2024", years="two", notice="30 days", payment="28 days", lead="three working days",
           minimum="GBP 800", cap="GBP 400,000", rebate="1.5%", threshold="GBP 48,000", depot="WEX"),
    Record(id="S-136", name="Greenholt Pulses BV", town="Greenholt, Netherlands", contact="Maarten Verhulst",
           mail="m.verhulst@greenholt.example", goods="lentils, chickpeas and beans", contract="TP-SC-0419",
           signed="14 March 2024", years="three", notice="four months", payment="40 days", lead="nine working days",
           minimum="20 tonnes", cap="EUR 350,000", rebate="2.25%", threshold="EUR 95,000", depot="PHA"),
    Record(id="S-140", name="Pemberwick Tea & Coffee Ltd", town="Pemberwick", contact="Alasdair Munroe-Kent",
           mail="a.munroekent@pemberwick.example", goods="coffee beans and tea", contract="TP-SC-0443",
           signed="25 November 2024", years="two", notice="56 days", payment="25 days", lead="two working days",
           minimum="80 cases", cap="GBP 275,000", rebate="3.5%", threshold="GBP 125,000", depot="WEX"),
]
SUPPLIER = {s.id: s for s in SUPPLIERS}

CUSTOMERS = [  # id, name, town, sector, owner, credit limit, terms, contact, role
    ("C-2001", "Fernley Hotels Group", "Fernley", "Hotels", "Owen Prestwick", 85000, "30 days", "Simone Arkwright", "Group Purchasing Manager"),
    ("C-2004", "The Copper Ladle", "Wexcombe", "Restaurant", "Beatrix Normanby", 6000, "14 days", "Jean-Luc Pardoe", "Owner"),
    ("C-2007", "Aldermoor Schools Catering", "Aldermoor", "Education", "Owen Prestwick", 60000, "30 days", "Wendy Oakshott", "Catering Services Lead"),
    ("C-2011", "St Brannoc's Hospital Trust", "St Brannoc", "Healthcare", "Owen Prestwick", 95000, "45 days", "Marcus Adeyemi-Holt", "Facilities Buyer"),
    ("C-2015", "Quayside Fish Kitchen", "Port Hallow", "Restaurant", "Beatrix Normanby", 4500, "7 days", "Tamsin Gurnard", "Head Chef"),
    ("C-2018", "Bramblewood Care Homes Ltd", "Netherby", "Healthcare", "Owen Prestwick", 32000, "30 days", "Colette Danby", "Hotel Services Manager"),
    ("C-2022", "Hartsmere University Refectories", "Hartsmere", "Education", "Owen Prestwick", 70000, "30 days", "Ravi Thandi", "Head of Catering"),
    ("C-2026", "Pellworth Bakery", "Pellworth", "Bakery", "Beatrix Normanby", 18000, "21 days", "Edna Sowerby", "Proprietor"),
    ("C-2030", "The Old Forge Inn", "Corder Bridge", "Public house", "Beatrix Normanby", 5000, "14 days", "Keith Lattimer", "Landlord"),
    ("C-2033", "Dunlin Ferries Ltd", "Port Hallow", "Transport", "Owen Prestwick", 48000, "30 days", "Astrid Holmqvist", "Onboard Services Buyer"),
    ("C-2037", "Larkhill Events", "Larkhill", "Events", "Beatrix Normanby", 12000, "payment in advance", "Dominic Farr", "Operations Director"),
    ("C-2041", "Tilbrook Garden Centres", "Tilbrook", "Retail", "Beatrix Normanby", 22000, "30 days", "Hazel Winterton", "Cafe Manager"),
    ("C-2045", "Ravensby Leisure Trust", "Ravensby", "Leisure", "Owen Prestwick", 15000, "30 days", "Gordon Peverell", "Centre Manager"),
    ("C-2049", "Merrow Street Deli", "Wexcombe", "Retail", "Beatrix Normanby", 3500, "7 days", "Lucia Fontanelli", "Owner"),
]
CUSTOMERS = [Record(**dict(zip("id name town sector owner limit terms contact role".split(), row))) for row in CUSTOMERS]
CUSTOMER = {c.id: c for c in CUSTOMERS}

PRODUCTS = [  # sku, name, pack, supplier, price, shelf life, allergens, bay
    ("TB-1001", "Strong white bread flour", "16 kg sack", "S-101", 13.40, "9 months", "wheat (gluten)", "WEX-A04"),
    ("TB-1002", "Stoneground wholemeal flour", "16 kg sack", "S-101", 12.85, "6 months", "wheat (gluten)", "WEX-A05"),
    ("TB-1003", "Jumbo rolled oats", "12.5 kg sack", "S-101", 15.20, "12 months", "oats (gluten)", "WEX-A07"),
    ("TB-1101", "Extra virgin olive oil", "5 L tin", "S-104", 38.50, "18 months", "none", "PHA-C02"),
    ("TB-1102", "Olive oil for frying", "20 L drum", "S-104", 96.00, "12 months", "none", "PHA-C03"),
    ("TB-1103", "Pitted green olives", "4.2 kg tin", "S-104", 17.75, "24 months", "none", "PHA-C06"),
    ("TB-1201", "Salted butter portions", "case of 40 x 250 g", "S-109", 78.00, "90 days", "milk", "ALD-K01"),
    ("TB-1202", "Mature cheddar block", "5 kg block", "S-109", 36.90, "120 days", "milk", "ALD-K03"),
    ("TB-1203", "Double cream", "2 L bottle", "S-109", 9.15, "14 days", "milk", "ALD-K04"),
    ("TB-1301", "Cold-smoked trout side", "1 kg side", "S-113", 24.60, "21 days", "fish", "ALD-K11"),
    ("TB-1302", "Dill-cured herring", "3 kg pail", "S-113", 27.30, "60 days", "fish, mustard", "ALD-K12"),
    ("TB-1401", "Corrugated meal box", "case of 200", "S-118", 31.00, "not applicable", "not applicable", "WEX-F10"),
    ("TB-1402", "Ripple cup 12 oz", "case of 500", "S-118", 28.40, "not applicable", "not applicable", "WEX-F12"),
    ("TB-1403", "Compostable cutlery set", "case of 250", "S-118", 22.75, "not applicable", "not applicable", "WEX-F14"),
    ("TB-1501", "Combi oven VK-61", "each", "S-122", 4850.00, "not applicable", "not applicable", "WEX-H01"),
    ("TB-1502", "Planetary mixer VK-20", "each", "S-122", 1190.00, "not applicable", "not applicable", "WEX-H02"),
    ("TB-1503", "Under-counter fridge VK-U2", "each", "S-122", 865.00, "not applicable", "not applicable", "WEX-H03"),
    ("TB-1601", "Red onion chutney", "2.5 kg tub", "S-127", 11.60, "12 months", "celery, sulphites", "WEX-B08"),
    ("TB-1602", "Seville orange marmalade", "3 kg tub", "S-127", 13.20, "18 months", "none", "WEX-B09"),
    ("TB-1701", "Smoked paprika", "500 g tub", "S-131", 8.45, "24 months", "none", "WEX-B21"),
    ("TB-1702", "Medium curry powder", "1 kg tub", "S-131", 10.90, "18 months", "mustard", "WEX-B22"),
    ("TB-1801", "Split red lentils", "10 kg sack", "S-136", 18.30, "24 months", "none", "PHA-D05"),
    ("TB-1802", "Chickpeas in water", "case of 6 x 2.5 kg", "S-136", 21.90, "36 months", "none", "PHA-D06"),
    ("TB-1901", "House blend coffee beans", "case of 6 x 1 kg", "S-140", 68.40, "12 months", "none", "WEX-B31"),
    ("TB-1902", "Breakfast tea bags", "box of 1100", "S-140", 26.50, "24 months", "none", "WEX-B33"),
]
PRODUCTS = [Record(**dict(zip("sku name pack supplier price life allergens bay".split(), row))) for row in PRODUCTS]
PRODUCT = {p.sku: p for p in PRODUCTS}

BUYS = {  # what each customer orders
    "C-2001": "1001 1101 1201 1203 1602 1901 1902 1402", "C-2004": "1101 1103 1202 1301 1701",
    "C-2007": "1003 1401 1801 1802 1702 1902", "C-2011": "1003 1201 1602 1801 1902 1401",
    "C-2015": "1102 1301 1302 1401 1702", "C-2018": "1002 1201 1203 1602 1902", "C-2022": "1401 1402 1403 1802 1901 1202",
    "C-2026": "1001 1002 1003 1201", "C-2030": "1102 1202 1601 1902", "C-2033": "1202 1301 1402 1403 1901 1503",
    "C-2037": "1401 1403 1103 1601", "C-2041": "1901 1902 1602 1203 1502", "C-2045": "1402 1403 1901",
    "C-2049": "1101 1103 1202 1601 1701",
}


RAVENSBY_STOPPED = datetime.date(2025, 10, 15)
HERRING_STOPPED = datetime.date(2025, 3, 19)


def day(date):
    return f"{date.day} {date:%B %Y}"


def money(amount):
    return f"{amount:,.2f}"


def plus(date, days):
    return date + datetime.timedelta(days=days)


def make_orders():
    """72 sales orders of 2025, each with two to five lines; the numbers and dates follow from the seed alone."""
    rng = random.Random(19870611)
    date = datetime.date(2025, 1, 6)
    orders = []
    for number in range(72):
        customer = CUSTOMERS[rng.randrange(len(CUSTOMERS))]
        if customer.id == "C-2045" and date > RAVENSBY_STOPPED:
            customer = CUSTOMERS[0]
        choice = [short for short in BUYS[customer.id].split() if short != "1302" or date < HERRING_STOPPED]
        rng.shuffle(choice)
        lines = []
        for position, short in enumerate(choice[:rng.randint(2, min(5, len(choice)))], 1):
            product = PRODUCT["TB-" + short]
            most = min(60, 5 + customer.limit // 1600)
            quantity = rng.randint(1, 2) if product.price > 500 else rng.randint(2, most)
            lines.append(Record(position=position, product=product, quantity=quantity,
                                total=round(quantity * product.price, 2)))
        status = "delivered" if number < 67 else rng.choice(["picking", "confirmed", "on hold"])
        delivery = plus(date, rng.randint(1, 4))
        delivery = plus(delivery, 1 if delivery.weekday() == 6 else 0)
        orders.append(Record(
            number=f"SO-{61204 + number * 3}", customer=customer, date=date, delivery=delivery,
            reference=f"PO {rng.randint(10, 99)}-{rng.randint(1000, 9999)}", lines=lines, status=status,
            net=round(sum(line.total for line in lines), 2), carrier=rng.choice(["own fleet", "own fleet", "Haldane Haulage"])))
        date = plus(date, rng.randint(3, 5))
        date = plus(date, max(0, 7 - date.weekday()) if date.weekday() >= 5 else 0)
    return orders


ORDERS = make_orders()
INVOICED = ORDERS[3:60:3][:19]  # the orders whose invoices are in the archive


def vat_rate(product):
    """Most food is zero-rated; packaging, equipment and confectionery are not."""
    return 0.20 if product.supplier in ("S-118", "S-122") else 0.0
