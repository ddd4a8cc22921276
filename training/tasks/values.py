"""Invented values: people, firms, codes, amounts, dates, places.  Every function takes a random.Random and gives text."""
import datetime
import re

FIRST_NAMES = """Ada Albert Alice Amir Andrea Anika Anton Astrid Aylin Beatrice Bela Bjorn Bruno Camille Carla Carmen Cedric
Chloe Clara Colin Conrad Dana Daniel Daria David Deniz Diana Dmitri Edgar Elena Elif Elsa Emil Emma Enzo Erik Esther Eva
Fatima Felix Fiona Frank Gabriel George Gerda Gina Greta Hanna Hassan Heidi Helen Henrik Hugo Ida Ines Ingrid Irene Isaac
Ivan Jana Jasper Jelena Joan Johan Jonas Judith Julia Kai Karim Karin Kemal Lara Lars Laura Leila Leon Lina Linus Louis
Lucia Magda Malik Marco Maria Marta Matteo Maya Mehmet Mia Mila Miriam Nadia Naomi Nico Nils Nina Nora Olga Omar Oscar
Otto Pablo Paula Pavel Peter Petra Priya Rafael Rashid Rita Robert Rosa Ruth Samir Sandra Sara Selma Simon Sofia Stefan
Sunita Tamara Tariq Teresa Theo Thomas Tilda Tobias Ursula Valentin Vera Victor Viola Walter Wanda Yara Yusuf Zoe""".split()
LAST_NAMES = """Abbott Aksoy Albrecht Andersen Arnold Bakker Barnes Baumann Becker Bennett Berger Bianchi Blake Bosch Brandt
Bruun Calder Carver Castro Chandra Clarke Conti Cooper Costa Dahl Danner Demir Dietrich Doyle Duarte Dubois Eder Ekberg
Engel Falk Farkas Ferrari Fischer Fleming Fontaine Forster Frank Garcia Gerber Gibson Graf Greco Gruber Haas Hall Hansen
Hartmann Hassan Heller Herrera Hoffmann Holm Horvat Hughes Iqbal Jansen Jensen Kaiser Kaya Keller Kern Khan Klein Koch
Kovacs Kruger Kumar Lange Larsen Laurent Lehmann Leone Lindgren Lopez Lorenz Maier Marchetti Martin Mehta Meyer Moreau
Morgan Moser Murray Nagy Neumann Nolan Novak Nowak Olsen Ortega Ozturk Palmer Parker Patel Pavlov Perez Petersen Pohl
Popov Price Quinn Rahman Ramos Reed Reuter Richter Rinaldi Roth Rossi Sato Sauer Schmid Schuster Shah Silva Simmons
Sommer Stein Steiner Sutter Svensson Tanaka Thorne Toth Turner Ulrich Vargas Vidal Vogel Wagner Walsh Weber Weiss Winter
Wolf Wright Yilmaz Young Zeller Zimmermann""".split()
CITIES = """Aberdeen Antwerp Augsburg Basel Bergen Bilbao Bologna Bordeaux Bremen Bristol Brno Cardiff Cork Dresden Erfurt
Essen Florence Gdansk Geneva Ghent Graz Groningen Hamburg Helsinki Innsbruck Kassel Krakow Leeds Leipzig Lille Linz Lisbon
Ljubljana Lyon Malmo Mannheim Marseille Milan Nantes Odense Oslo Ostrava Porto Poznan Rostock Rotterdam Salzburg Seville
Sofia Stuttgart Tallinn Tampere Toulouse Trieste Turin Utrecht Valencia Verona Vienna Vilnius Warsaw Zagreb Zurich""".split()
STREETS = """Birch Bridge Canal Castle Cedar Chapel Church Dock Elm Factory Garden Harbour High Hill Kiln Lake Linden Market
Mill Oak Orchard Park Quarry River School Spring Station Tower Union Victoria Wharf Willow""".split()
COUNTRIES = """Austria Belgium Croatia Czechia Denmark Estonia Finland France Germany Hungary Ireland Italy Latvia Lithuania
Luxembourg Netherlands Norway Poland Portugal Romania Slovakia Slovenia Spain Sweden Switzerland""".split()
LEGAL_FORMS = ["Ltd", "GmbH", "AG", "SA", "BV", "AB", "Oy", "SpA", "Inc", "LLC", "Group", "& Sons", "Holding", "Partners"]
TRADES = """Analytics Automation Bearings Biotech Castings Ceramics Chemicals Components Consulting Controls Diagnostics
Drives Electronics Energy Engineering Fasteners Filters Foundry Hydraulics Instruments Laboratories Lighting Logistics Marine
Materials Media Metals Mobility Networks Optics Paints Pharma Plastics Polymers Power Precision Robotics Sensors Software
Solar Steel Systems Technologies Textiles Timber Tools Valves Ventures Wind""".split()
ADJECTIVES = """adjustable amber basic black blue bronze ceramic classic coaxial compact copper crimson digital double dry
dual electric fine flexible galvanised green grey heavy hollow hybrid indigo industrial insulated light linear magnetic
manual matte medium micro mobile modular narrow optical orange polished portable premium primary purple rapid red round
rugged sealed silent silver single slim small solid spare square standard steel thermal tiny violet white wide wireless
yellow""".split()
NOUNS = """actuator adapter amplifier anchor antenna axle battery beacon bearing belt board bolt bracket breaker brush cable
camera capacitor casing chain charger clamp clutch coil compressor connector controller coupling crane cylinder dial display
drill drive engine fan filter flange frame fuse gasket gauge gear generator grinder grip handle heater hinge hose housing
inverter jack joint keyboard lamp laser latch lens lever lock magnet meter mirror module monitor motor mount nozzle panel
pedal pin pipe piston plate plug printer probe projector pulley pump rack radiator reel regulator relay resistor rivet rod
roller rotor router scanner screw seal sensor shaft shelf shutter socket spindle spring stand stator switch tank terminal
thermostat tile timer torch tray tripod tube turbine valve washer wheel winch wire wrench""".split()
DEPARTMENTS = """Accounting Compliance Engineering Finance Legal Maintenance Marketing Operations Planning Procurement
Production Quality Research Sales Security Support Training Treasury""".split()
JOBS = ["account manager", "buyer", "chief engineer", "controller", "data analyst", "designer", "director", "electrician",
        "field technician", "head of finance", "lawyer", "mechanic", "office manager", "planner", "project lead",
        "purchasing agent", "release manager", "sales engineer", "scientist", "secretary", "supervisor", "team lead"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]
CURRENCIES = ["EUR", "USD", "GBP", "CHF", "SEK", "PLN"]
SYLLABLES = """al ar bel bor bra cal cor dan del dor el en fal far fen gal gor hal hel ir is jor kal kel kor lan len lor
mal mar mel mir mon nar nel nor ol or pel per quin ral ren rod sal sel sol tal tan tor ul ur val ven vor wel win xan yor
zan zel zor""".split()
ENDINGS = ["a", "o", "ia", "is", "ex", "on", "ix", "um", "ent", "ora", "ax", "en", "il", "us", "era", "ine"]


def invented_word(r):
    return ("".join(r.choice(SYLLABLES) for _ in range(r.choice((1, 2, 2)))) + r.choice(ENDINGS)).capitalize()


def person(r):
    return f"{r.choice(FIRST_NAMES)} {r.choice(LAST_NAMES)}"


def firm(r):
    head = invented_word(r) if r.random() < 0.7 else r.choice(LAST_NAMES)
    tail = " " + r.choice(TRADES) if r.random() < 0.7 else ""
    return head + tail + (" " + r.choice(LEGAL_FORMS) if r.random() < 0.6 or not tail else "")


def project(r):
    return f"{r.choice(('Project', 'Programme', 'Initiative'))} {invented_word(r)}"


def product(r):
    return f"{r.choice(ADJECTIVES)} {r.choice(NOUNS)}" + (f" {model(r)}" if r.random() < 0.5 else "")


def model(r):
    letters = "".join(r.choice("ABCDEFGHKLMNPRSTVWX") for _ in range(r.choice((1, 2, 2, 3))))
    return letters + r.choice(("", "-", " ")) + str(r.randrange(10, 10 ** r.choice((2, 3, 4))))


def number(r, digits_min=2, digits_max=6):
    digits = r.randint(digits_min, digits_max)
    return str(r.randrange(10 ** (digits - 1), 10 ** digits))


def code(r, prefix):
    digits = r.choice((3, 4, 5, 5, 6, 6, 7))
    separator = r.choice(("-", "-", "-", "/", "", " "))
    year = f"{r.randrange(2015, 2031)}{separator or '-'}" if r.random() < 0.2 else ""
    return f"{prefix}{separator}{year}{r.randrange(10 ** digits):0{digits}d}"


def token(r):
    """A meaningless key: letters, digits and dashes."""
    alphabet = r.choice(("0123456789abcdef", "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", "abcdefghijklmnopqrstuvwxyz"))
    groups = ["".join(r.choice(alphabet) for _ in range(r.randint(2, 5))) for _ in range(r.randint(1, 3))]
    return "-".join(groups)


def mixed_code(r):
    """A code of a shape of its own: groups of digits or capitals.  Not AB-1234-C, which is the evaluation's."""
    separator, text = r.choice("--/. _:"), ""
    for index in range(r.randint(2, 4)):
        alphabet = r.choice(("0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        text += (separator if index else "") + "".join(r.choice(alphabet) for _ in range(r.randint(1, 5)))
    return mixed_code(r) if re.fullmatch(r"[A-Z]{2}-\d{4}-[A-Z]", text) else text


def grouped(amount, r):
    whole = f"{int(amount):,}"
    return whole if r.random() < 0.85 else whole.replace(",", r.choice((" ", "'", "")))


def money(r):
    amount = r.randrange(1, 10 ** r.randint(2, 7))
    text = grouped(amount, r) + (f".{r.randrange(100):02d}" if r.random() < 0.6 else "")
    style = r.random()
    if style < 0.55:
        return f"{r.choice(CURRENCIES)} {text}"
    return f"{text} {r.choice(CURRENCIES)}" if style < 0.7 else r.choice("€$£") + text


def day(r, year_min=2016, year_max=2030):
    start = datetime.date(year_min, 1, 1)
    return start + datetime.timedelta(days=r.randrange((datetime.date(year_max, 12, 31) - start).days))


def date(r, when=None):
    when = when or day(r)
    month = MONTHS[when.month - 1]
    return r.choice((f"{when.day} {month} {when.year}", f"{month} {when.day}, {when.year}", when.isoformat(),
                     f"{when.day} {month[:3]} {when.year}", f"{when.day:02d}.{when.month:02d}.{when.year}",
                     f"{when.day:02d}/{when.month:02d}/{when.year}"))


def clock(r):
    return f"{r.randrange(24):02d}:{r.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)):02d}"


def percent(r):
    return f"{r.randrange(1, 100)}%" if r.random() < 0.5 else f"{r.randrange(0, 40)}.{r.randrange(1, 100)} percent"


def duration(r):
    unit = r.choice(("days", "weeks", "months", "years", "hours", "working days", "minutes"))
    return f"{r.randrange(2, 90)} {unit}"


def quantity(r):
    unit = r.choice(("pieces", "units", "boxes", "kg", "m", "litres", "pallets", "sets", "tonnes", "rolls"))
    return f"{grouped(r.randrange(2, 10 ** r.randint(1, 5)), r)} {unit}"


def phone(r):
    return f"+{r.choice((31, 33, 39, 41, 43, 45, 46, 49))} {r.randrange(10, 999)} 555 {r.randrange(10, 99)} {r.randrange(10, 99)}"


def email(r, name=None, host=None):
    first, last = (name or person(r)).lower().split(" ")[:2]
    local = r.choice((f"{first}.{last}", f"{first[0]}.{last}", last, f"{first}_{last}"))
    return f"{local}@{host or invented_word(r).lower() + '.example'}"


def address(r):
    return f"{r.choice(STREETS)} {r.choice(('Street', 'Road', 'Lane', 'Avenue'))} {r.randrange(1, 240)}, {r.choice(CITIES)}"


def version(r):
    return ".".join(str(r.randrange(0, 30)) for _ in range(r.choice((2, 3, 3))))


def account(r):
    """Shaped like a bank account number; 00 is a checksum no real one has."""
    return f"{r.choice(('DE', 'NL', 'FR', 'AT', 'CH'))}00 " + " ".join(f"{r.randrange(10000):04d}" for _ in range(4))


def host(r):
    return r.choice((f"{r.choice(NOUNS)}-{r.randrange(1, 99):02d}.{invented_word(r).lower()}.example",
                     f"10.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)}"))


ANY = (person, firm, project, product, model, number, token, money, date, clock, percent, duration, quantity, phone, email,
       address, version, account, host,
       mixed_code)


def anything(r):
    return r.choice(ANY)(r)
