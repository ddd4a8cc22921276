"""The questions asked of the sample company, each with its gold answer and the sentence or row that holds it.

ANSWERABLE rows: kind, document, question, answer, aliases, words.  The passage is found: it is the one sentence, line or table
row of the document that contains the answer and the given words (any of them may be empty).
NEAR_MISSES name something that the papers know and ask what they do not say; ABSENT asks after what they never mention.
"""
import csv
import io
import json
import re

import markup

ANSWERABLE = [
    # contracts
    ("date", "contracts/TP-SC-0412-brindlecote-mills.pdf", "On which day did the flour deal with Brindlecote Mills begin?", "3 March 2024", [], "This agreement starts"),
    ("fact", "contracts/TP-SC-0412-brindlecote-mills.pdf", "Below what protein level can we turn a load of Brindlecote flour away at the gate?", "12.2 per cent", ["12.2%"], "refused at the gate"),
    ("amount", "contracts/TP-SC-0412-brindlecote-mills.pdf", "What does Brindlecote bill us for every pallet that has gone astray?", "GBP 9.40", ["9.40"], "Pallets missing"),
    ("amount", "contracts/TP-SC-0388-olivar-sierralba.pdf", "How high is the liability ceiling agreed with Olivar Sierralba?", "EUR 250,000", ["250,000"], "neither party owes"),
    ("fact", "contracts/TP-SC-0388-olivar-sierralba.pdf", "For what length of time does Sierralba keep its sealed reference bottle of each lot?", "twenty-four months", ["24 months"], "reference sample"),
    ("fact", "contracts/TP-SC-0431-northmere-dairies.pdf", "How much shelf life must Northmere's cheddar still have when it reaches us?", "ninety days", ["at least ninety days", "90 days"], "cheddar at least"),
    ("person", "contracts/TP-SC-0440-skarholm-fisk.pdf", "Who speaks for Skarholm Fisk under the fish contract?", "Eirik Tandberg", [], "contact for this agreement"),
    ("fact", "contracts/TP-SC-0440-skarholm-fisk.pdf", "In which fjord are the trout farms of our Norwegian smokehouse?", "Lysefjorden", [], "farmed"),
    ("amount", "contracts/TP-SC-0397-pennardine-packaging.pdf", "After the free one, what do further artwork changes on the meal box cost?", "GBP 385", ["385"], "further change"),
    ("fact", "contracts/TP-SC-0405-voss-kettler.pdf", "How many months of warranty does the German equipment maker give the end customer?", "twenty-six months", ["26 months"], "warranty"),
    ("fact", "contracts/TP-SC-0426-ashgarth-preserves.pdf", "How much sulphur dioxide may our own chutney contain?", "90 mg/kg", [], "Sulphur dioxide"),
    ("amount", "contracts/TP-SC-0419-greenholt-pulses.pdf", "Once a lentil container has used up its free days, what does each further day cost?", "EUR 95", ["EUR 95 a day"], "Demurrage"),
    ("amount", "contracts/TP-SC-0443-pemberwick-tea-coffee.pdf", "What deposit do we leave for a borrowed coffee grinder?", "GBP 240", ["240"], "deposit"),
    ("policy", "contracts/TP-SC-0435-saltwick-spice-traders.pdf", "How may Saltwick pack spice that has not been steamed?", "only in red-striped bags", ["red-striped bags", "in red-striped bags"], "Untreated"),
    ("fact", "contracts/TP-SC-0443-pemberwick-tea-coffee.pdf", "How long before the end must one side announce that it leaves the Pemberwick agreement?", "56 days", [], "leave before the end"),
    # leases, insurance, rebates
    ("amount", "premises-and-insurance/lease-abstract-wexcombe.pdf", "What yearly rent do we pay for Millrace House?", "GBP 412,000", ["412,000"], "Passing rent"),
    ("fact", "premises-and-insurance/lease-abstract-aldermoor.pdf", "Who owns the cold store building that we rent at Aldermoor?", "Aldermoor Agricultural Society", [], "Landlord"),
    ("date", "premises-and-insurance/lease-abstract-port-hallow.pdf", "By what day would we have had to give notice to use the break at Transit Shed 3?", "30 June 2025", [], "notice to be given"),
    ("amount", "premises-and-insurance/insurance-schedule-property-2025.pdf", "For how much is the stock in Port Hallow insured?", "GBP 1,800,000", ["1,800,000"], "Stock, Port Hallow"),
    ("person", "premises-and-insurance/insurance-schedule-property-2025.pdf", "Which loss adjuster is named in the property policy?", "Bernard Ashdown-Pryce", [], ""),
    ("fact", "premises-and-insurance/insurance-schedule-fleet-2025.pdf", "What discount do the telematics earn on the motor premium?", "8 per cent", ["8%"], "Telematics"),
    ("amount", "premises-and-insurance/insurance-schedule-liability-2025.pdf", "How much of each recall do we bear ourselves before the insurer pays?", "GBP 20,000", ["20,000", "the first GBP 20,000"], "bears the first"),
    ("amount", "rebates/rebate-2024-voss-kettler.pdf", "What rebate did Voss & Kettler owe for 2024?", "EUR 7,239.00", ["7,239.00", "EUR 7,239"], "Rebate due"),
    ("amount", "rebates/rebate-2024-pemberwick-tea-coffee.pdf", "By what sum did we fall short of the Pemberwick rebate threshold in 2024?", "GBP 6,740.00", ["6,740.00", "GBP 6,740"], "missed by"),
    # invoices, returns, recalls, credit
    ("amount", "invoices/TI-88052-fernley-hotels-group.pdf", "What does invoice TI-88052 come to with VAT?", "GBP 9,154.68", ["9,154.68"], "Amount payable"),
    ("date", "invoices/TI-88101-st-brannoc-s-hospital-trust.pdf", "Until when may St Brannoc's pay TI-88101?", "2 August 2025", [], "Please pay by"),
    ("table", "invoices/TI-88087-aldermoor-schools-catering.pdf", "How many sacks of red lentils are on invoice TI-88087?", "32", [], "Split red lentils"),
    ("table", "invoices/TI-88143-the-copper-ladle.pdf", "Which of our order numbers does invoice TI-88143 refer to?", "SO-61357", [], "5 September 2025"),
    ("fact", "returns/RGA-3019.pdf", "Which laboratory job number do the swollen herring pails carry?", "LAB-5520", [], ""),
    ("fact", "returns/RGA-3041.pdf", "Which serial number does the noisy refrigerator on the Dunlin Star carry?", "VKU2-118840", [], "galley"),
    ("table", "returns/RGA-3033.pdf", "What was decided for the nine cases of broken cutlery from Hartsmere?", "replacement", [], "TB-1403"),
    ("table", "recalls/recall-2025-02-curry-powder.pdf", "How many tubs of the mislabelled curry powder had been sold?", "118 to nine customers", ["118"], "Tubs sold"),
    ("table", "recalls/recall-2025-03-combi-oven.pdf", "Which oven serial numbers fall under the safety notice?", "61-20400 to 61-20518", [], "Serial numbers"),
    ("fact", "recalls/recall-2025-01-herring.pdf", "Under what reference was the authority informed about the herring?", "WXC-FS-0319", [], ""),
    ("fact", "credit/CD-0211-larkhill-events.pdf", "Which failed firm had Larkhill's director run before?", "Larkhill Marquees", [], ""),
    ("date", "credit/CD-0229-dunlin-ferries.pdf", "Within how many days does Dunlin Ferries pay on average?", "26 days", [], "on average"),
    ("table", "credit/CD-0216-st-brannoc-s-hospital-trust.pdf", "To what credit limit was St Brannoc's lifted?", "GBP 95,000", ["95,000"], "GBP 80,000"),
    # price letters, board, assessments, jobs, letters, team minutes
    ("amount", "price-letters/2025-02-10-brindlecote-mills.docx", "How much dearer per tonne is Canadian wheat than ours, says the miller?", "GBP 74", ["74"], "a tonne more"),
    ("date", "price-letters/2025-07-22-saltwick-spice-traders.docx", "From when does the new paprika price apply?", "1 September 2025", [], "we give notice"),
    ("fact", "price-letters/2025-07-22-saltwick-spice-traders.docx", "How much paprika is still kept for us at the former price?", "2.6 tonnes", [], ""),
    ("amount", "board/board-minutes-2025-01-28.docx", "What did the old mill cottage sell for?", "GBP 218,000", ["218,000"], ""),
    ("amount", "board/board-minutes-2025-03-25.docx", "What did the blast chiller end up costing?", "GBP 96,400", ["96,400"], ""),
    ("fact", "board/board-minutes-2025-07-29.docx", "Which roaster was put forward as our fallback for coffee?", "Quernmore Roasters", [], ""),
    ("person", "board/board-minutes-2025-09-30.docx", "Who is in charge of finding the next chairman?", "Lydia Farrow", [], "search for a successor"),
    ("amount", "board/board-minutes-2025-11-25.docx", "What price ceiling has the board put on the new warehouse software?", "GBP 150,000", ["150,000"], "ceiling"),
    ("table", "supplier-assessments/skarholm-fisk-2025-04.docx", "What grade did the Norwegian fish supplier get at its last visit?", "C", [], "67 of 100"),
    ("table", "supplier-assessments/northmere-dairies-2025-04.docx", "How many points did Northmere score when Nikhil assessed it?", "92 of 100", ["92"], "Nikhil Dunmore"),
    ("fact", "supplier-assessments/voss-kettler-2024-10.docx", "At which bench did the Oberlauen plant have an untagged wrench?", "bench 14", ["14"], "one exception"),
    ("fact", "supplier-assessments/brindlecote-mills-2025-02.docx", "Which silo hatches at the flour mill need locks?", "hatches 3 to 7", ["3 to 7", "silo hatches 3 to 7"], "Fit locks"),
    ("amount", "jobs/chilled-goods-in-clerk.docx", "What extra does a chilled goods-in clerk get each week for working in the cold?", "GBP 38", ["38", "GBP 38 a week"], "cold allowance"),
    ("amount", "jobs/refrigeration-technician.docx", "How well is a standby week paid for technicians?", "GBP 165 a week", ["GBP 165", "165"], "standby"),
    ("fact", "letters/2025-01-14-fernley-hotels-volume-offer.docx", "Which article did Owen keep out of the bonus he offered Fernley?", "Butter", ["butter"], "left out"),
    ("date", "letters/2025-06-27-pellworth-bakery-oven.docx", "When is Mrs Sowerby's mixer brought?", "9 July", ["9 July between 13:00 and 15:00"], "arrives on"),
    ("person", "letters/2025-09-19-employment-reference-ludlam.docx", "Who wrote the testimonial for Peter Ludlam?", "Sandra Quillfeather", [], "HR Manager"),
    ("fact", "team-minutes/2025-08-13-operations.docx", "How many lines were picked on the busiest summer day?", "1,912 lines", ["1,912"], ""),
    ("fact", "team-minutes/2025-10-08-purchasing.docx", "How many tubs of marmalade do we want for next year?", "5,200 tubs", ["5,200"], ""),
    # mail
    ("person", "mail/complaints/2025-08-29-dunlin-noisy-fridge.eml", "Which of our technicians inspected the fridge on board?", "Conor", ["Conor Blakely"], "was on board"),
    ("fact", "mail/complaints/2025-07-08-hartsmere-forks.eml", "At how many degrees did Pennardine's mould run in those first two hours?", "21 degrees", ["21"], "mould was"),
    ("amount", "mail/complaints/2025-01-21-fernley-late-breakfast.eml", "What sum did Simone Arkwright get back on January's deliveries?", "GBP 96.00", ["96.00"], ""),
    ("fact", "mail/threads/2025-05-20-greenholt-vessel.eml", "On what ship do the lentils travel in May?", "Marit Anker", ["the Marit Anker"], "sail"),
    ("fact", "mail/threads/2025-03-31-pemberwick-grinders.eml", "To whom should grinder PG-117 go after The Copper Ladle?", "Merrow Street Deli", [], "suggest"),
    ("fact", "mail/threads/2025-04-15-phishing-test.eml", "How many colleagues typed their password into the fake parcel mail?", "12", ["12 typed in a password"], "typed in a password"),
    ("amount", "mail/threads/2025-10-10-oven-clamps.eml", "What do the Germans pay us per oven that we repair?", "GBP 68", ["68"], "for each repair"),
    ("fact", "mail/threads/2025-08-05-larkhill-wedding.eml", "Under which number did Beatrix quote for Dominic's August weddings?", "Q-5518", [], ""),
    # depots
    ("fact", "depots/transfers/ST-7701.txt", "Which seal was on the load of oil and olives that came up in January?", "449102", ["Seal 449102"], ""),
    ("person", "depots/transfers/ST-7750.txt", "Who drove the frying oil from the port to the cold store in September?", "Shona Greaves", [], ""),
    ("fact", "depots/handovers/2025-10-16-nights-to-days.txt", "What tag number hangs on truck R2 since it lost a wheel nut?", "0653", [], ""),
    ("fact", "depots/handovers/2025-08-21-days-to-nights.txt", "Which valve stops the leak in aisle F?", "valve 11", ["11"], ""),
    ("fact", "depots/accident-book/2025-09-11-port-hallow.txt", "What did Mr Marsh break?", "broken collar bone", ["collar bone"], "Injury"),
    ("amount", "depots/accident-book/2025-05-22-aldermoor.txt", "How expensive is the convex mirror that was ordered after the pallet truck hit someone?", "GBP 46", ["46"], "mirror"),
    ("fact", "depots/toolbox-talks/allergens.md", "Which colour of brush is kept for allergens?", "purple", ["Purple"], "Sweep"),
    ("fact", "depots/toolbox-talks/cold-work.md", "How long a warm break follows fifty minutes in the cold?", "ten minutes", [], "fifty minutes"),
    # tables
    ("table", "haccp/temperature-checks-aldermoor-2025-06.csv", "What reading did Store B show on the day its curtain was torn?", "6.8", ["6.8 C"], "Door curtain torn"),
    ("table", "fleet/vehicle-register.csv", "Which truck got a new clutch at 398,400 km?", "TB 18 KLO", [], "new clutch"),
    ("table", "fleet/vehicle-defects-2025.csv", "What did Harbour Hydraulics charge for the drifting tail lift?", "2310.00", ["GBP 2310.00", "2,310.00"], "VD-560"),
    ("table", "tenders/fork-truck-lease-scores.csv", "How did Marek Wolny rate the Lindqvist trucks in the drivers' trial?", "3", [], "seat too low"),
    ("table", "pallets/pallet-accounts-2025.csv", "Where were the seventeen missing Haldane pallets left?", "Hartsmere", ["at Hartsmere"], "seventeen left"),
    ("table", "crm/accounts.csv", "Since which year has Pellworth Bakery bought from us?", "1994", [], "Pellworth Bakery"),
    ("table", "crm/contacts.csv", "Who stands in for Hazel Winterton?", "Rhys Calder", [], ""),
    ("table", "crm/opportunities.csv", "How much is the deal for galley refrigerators on three ships worth?", "15570", ["15,570", "GBP 15570"], "Galley fridges"),
    ("table", "erp/articles.csv", "In which bay is the smoked paprika kept?", "WEX-B21", [], "Smoked paprika"),
    ("table", "erp/suppliers.csv", "At which mail address can we write to Ashgarth's contact?", "p.dronfield@ashgarth.example", [], ""),
    ("table", "crm/telephone-list.csv", "Which extension reaches Femi Lockridge?", "240", [], "Femi Lockridge"),
    # policies, runbooks, fairs
    ("policy", "policies/expenses.md", "Up to what sum is an evening meal refunded when there is a receipt?", "GBP 28", ["28"], "Dinner"),
    ("policy", "policies/information-security.md", "How soon must a missing laptop be notified to the helpdesk?", "within two hours", ["two hours"], "lost handset or laptop"),
    ("policy", "policies/credit-control.md", "On what day past due is an account blocked?", "day twenty-one", ["twenty-one", "21"], "stopped on"),
    ("policy", "policies/cold-chain.md", "For how long are refrigerated lorries pre-cooled?", "45 minutes", [], "pre-cooled"),
    ("fact", "policies/speaking-up.md", "Who operates the confidential outside line for whistle-blowers?", "Candour Partners", [], ""),
    ("fact", "runbooks/refrigeration-alarm.md", "What does alarm code 34 mean at the cold store?", "low oil in compressor 1", [], "code 34"),
    ("fact", "runbooks/erp-night-run.md", "Which step of the nightly batch cannot be repeated?", "step 7", ["7", "Step 7"], "Steps 1 to 6"),
    ("amount", "fairs/2025-02-hospitality-expo-saltwick.md", "What did our stand at the Saltwick expo cost altogether?", "GBP 9,730", ["9,730"], ""),
    ("fact", "fairs/2025-06-fish-fair-skarholm.md", "In which freezer box are the eel samples?", "box 6", ["6"], "eel"),
    # intranet, products, specifications, audits, settings
    ("amount", "intranet/canteen.html", "What do guests pay for a main course in our canteen?", "GBP 6.20", ["6.20"], "main dish"),
    ("person", "intranet/travel-desk.html", "Who books business trips for us?", "Miriam Ostrander", [], ""),
    ("fact", "intranet/newcomers.html", "How long does probation last?", "five months", [], "Probation"),
    ("fact", "products/tb-1501-combi-oven-vk-61.html", "How many minutes does the full cleaning cycle of the VK-61 take?", "48 minutes", ["48"], "cleaning programme"),
    ("fact", "products/tb-1801-split-red-lentils.html", "About how many servings of dal come out of one lentil sack?", "310 portions", ["310", "about 310 portions"], ""),
    ("fact", "specifications/tb-1302.json", "At what brine strength is the herring packed?", "16 to 18 %", ["16 to 18%"], "brine strength"),
    ("fact", "specifications/tb-1201.json", "Under which tariff code is the butter declared?", "0405 10 19", [], ""),
    ("fact", "audits/internal-audit-2025-stock.json", "How long did quarantined goods lie at Wexcombe on average?", "97 days", [], ""),
    ("fact", "settings/web-shop.json", "Which payment provider is the shop connected to?", "Coinford", [], ""),
]

# Asked about two papers at once; the answer stands in the second.
TWO_STEPS = [
    ("recalls/recall-2025-03-combi-oven.pdf", "crm/telephone-list.csv", "On which extension do I reach whoever issued the safety notice for the combi oven?", "212", "Aoife Castellan"),
    ("returns/RGA-3026.pdf", "crm/contacts.csv", "On what number can we ring the customer who ordered the same flour twice?", "01632 960350", "Edna Sowerby"),
    ("supplier-assessments/saltwick-spice-traders-2025-07.docx", "erp/suppliers.csv", "Which contract number covers the supplier whose operators lacked allergen training?", "TP-SC-0435", "Saltwick Spice Traders"),
]

DEMO_EVERY = 5  # every fifth question is the demo's

# Question, the entity it names as the papers spell it, words that would have to stand beside it, the paper about the entity.
NEAR_MISSES = [
    ("What sort code does Brindlecote Mills bank under?", "Brindlecote Mills", ["sort code"], "contracts/TP-SC-0412-brindlecote-mills.pdf"),
    ("How many people work at the Sierralba olive mill?", "Sierralba", ["employees", "staff of", "people work"], "supplier-assessments/olivar-sierralba-2024-11.docx"),
    ("What colour is the livery of Northmere's lorries?", "Northmere", ["livery", "colour"], "contracts/TP-SC-0431-northmere-dairies.pdf"),
    ("Which vaccine do the Skarholm trout receive?", "Skarholm", ["vaccin"], "contracts/TP-SC-0440-skarholm-fisk.pdf"),
    ("How many grams of water does the Pennardine meal box soak up?", "Corrugated meal box", ["absor", "grams"], "products/tb-1401-corrugated-meal-box.html"),
    ("How loud is the VK-61 combi oven in decibels?", "VK-61", ["decibel", "dB"], "products/tb-1501-combi-oven-vk-61.html"),
    ("How noisy can the planetary mixer VK-20 get?", "VK-20", ["noise", "decibel", "dB"], "products/tb-1502-planetary-mixer-vk-20.html"),
    ("In which year was Ashgarth Preserves founded?", "Ashgarth", ["founded", "established", "since 19"], "supplier-assessments/ashgarth-preserves-2025-06.docx"),
    ("Where does Saltwick's curry powder stand on the Scoville scale?", "curry powder", ["Scoville"], "specifications/tb-1702.json"),
    ("How many hectares does Greenholt grow lentils on?", "Greenholt", ["hectare", "acre"], "contracts/TP-SC-0419-greenholt-pulses.pdf"),
    ("What altitude do Pemberwick's Ugandan beans come from?", "Ugandan", ["altitude", "metres above"], "products/tb-1901-house-blend-coffee-beans.html"),
    ("How was Millrace House graded in its energy certificate?", "Millrace House", ["energy rating", "energy performance", "EPC"], "premises-and-insurance/lease-abstract-wexcombe.pdf"),
    ("How high are the ceilings inside the cold store at Aldermoor?", "Aldermoor", ["ceiling height", "metres high", "clear height"], "premises-and-insurance/lease-abstract-aldermoor.pdf"),
    ("How much is the rent deposit for Transit Shed 3?", "Transit Shed 3", ["deposit"], "premises-and-insurance/lease-abstract-port-hallow.pdf"),
    ("Which bank gave the guarantee for the property insurance premium?", "HMI-PS-77120-X", ["guarantee"], "premises-and-insurance/insurance-schedule-property-2025.pdf"),
    ("How many kilometres a year does the fleet policy allow for vans?", "HMI-MF-40933-X", ["kilometre", "mileage", "km"], "premises-and-insurance/insurance-schedule-fleet-2025.pdf"),
    ("What discount for early payment is printed on invoice TI-88080?", "TI-88080", ["early payment", "discount", "skonto"], "invoices/TI-88080-pellworth-bakery.pdf"),
    ("Which driver delivered the goods of invoice TI-88115?", "TI-88115", ["driver"], "invoices/TI-88115-the-old-forge-inn.pdf"),
    ("How heavy are the goods that invoice TI-88129 bills?", "TI-88129", ["weight", "kg"], "invoices/TI-88129-aldermoor-schools-catering.pdf"),
    ("How much did the courier for return RGA-3048 cost?", "RGA-3048", ["courier", "freight"], "returns/RGA-3048.pdf"),
    ("What temperature was measured in the cartons of return RGA-3014?", "RGA-3014", ["degrees", "temperature"], "returns/RGA-3014.pdf"),
    ("Which newspaper printed the herring recall?", "PR-2025-01", ["newspaper", "press"], "recalls/recall-2025-01-herring.pdf"),
    ("How much compensation did users of the recalled curry powder receive?", "PR-2025-02", ["compensation"], "recalls/recall-2025-02-curry-powder.pdf"),
    ("Which credit score does decision CD-0207 quote when it raises The Old Forge Inn's limit?", "CD-0207", ["score", "rating"], "credit/CD-0207-the-old-forge-inn.pdf"),
    ("Which collateral did St Brannoc's give for its higher limit?", "CD-0216", ["collateral", "security", "mortgage"], "credit/CD-0216-st-brannoc-s-hospital-trust.pdf"),
    ("What fee do the non-executive directors receive for each board meeting?", "Lydia Farrow", ["attendance fee", "director's fee", "directors' fee", "a meeting"], "board/board-minutes-2025-05-27.docx"),
    ("How many shareholders came to the January board meeting?", "28 January 2025", ["shareholders came", "shareholder meeting", "shareholders"], "board/board-minutes-2025-01-28.docx"),
    ("Does Priya Sandhurst have a middle name, and if so which?", "Priya Sandhurst", ["middle name"], "crm/telephone-list.csv"),
    ("How much does Ingrid Paley earn?", "Ingrid Paley", ["salary", "earns"], "crm/telephone-list.csv"),
    ("Which university did Tobias Okonjo attend?", "Tobias Okonjo", ["degree", "graduat", "studied"], "crm/telephone-list.csv"),
    ("How strong in horsepower is the engine in truck TB 18 KLP?", "TB 18 KLP", ["horsepower", "hp", "kW"], "fleet/vehicle-register.csv"),
    ("Who insures Dunlin Ferries' own ships?", "Dunlin Ferries", ["hull insur", "insures", "P&I"], "crm/accounts.csv"),
    ("How many bedrooms does the Fernley group have in all?", "Fernley Hotels Group", ["bedroom", "rooms"], "crm/accounts.csv"),
    ("Under which VAT number is Hartsmere University registered?", "Hartsmere University", ["VAT number", "VAT registration GB 1"], "crm/accounts.csv"),
    ("What dress code does the canteen ask for?", "canteen", ["dress code"], "intranet/canteen.html"),
    ("How many parking tickets were issued at Corder Lane last year?", "Corder Lane", ["parking ticket", "tickets"], "intranet/parking.html"),
    ("How much uptime does Brackenfell promise in its hosting contract?", "Brackenfell", ["uptime", "99."], "runbooks/web-shop-outage.md"),
    ("What does a replacement label printer of type LX-400 cost?", "LX-400", ["GBP"], "runbooks/label-printer.md"),
    ("What blood group was noted when Leon Marsh was hurt?", "Leon Marsh", ["blood"], "depots/accident-book/2025-09-11-port-hallow.txt"),
    ("What speed was van TB 35 ELV doing when the pedestrian stepped out?", "TB 35 ELV", ["speed of", "was doing", "mph"], "depots/accident-book/2025-10-30-yard.txt"),
    ("How many litres of diesel did the transfer ST-7716 burn?", "ST-7716", ["diesel", "litre"], "depots/transfers/ST-7716.txt"),
    ("Which trade union does the leave policy mention?", "Leave Policy", ["union"], "policies/annual-leave.md"),
]

# Question and the words that occur nowhere in the papers.
ABSENT = [
    ("May I work remotely from abroad for a month?", ["from abroad", "remote work"]),
    ("Who pays for the instruments of the Tarnbeck brass band?", ["brass band"]),
    ("What did the drone survey of the roof find?", ["drone"]),
    ("How much did the helicopter charter to the trade fair cost?", ["helicopter"]),
    ("Which cryptocurrency do we accept?", ["cryptocurrenc", "bitcoin"]),
    ("When does the crèche on the second floor open?", ["creche", "crèche", "nursery"]),
    ("How many guests may we bring along to the summer barbecue?", ["barbecue"]),
    ("Which translator did the Japanese brochure?", ["Japanese", "translator"]),
    ("How much chlorine goes into the swimming pool on site?", ["chlorine"]),
    ("Who won the table tennis tournament?", ["table tennis"]),
    ("How many beehives stand behind the warehouse?", ["beehive"]),
    ("What rent does the tenant of the rooftop antenna pay?", ["antenna"]),
    ("What did the patent for the folding lid cost?", ["patent"]),
    ("Which airline do we have a frequent flyer agreement with?", ["airline", "frequent flyer"]),
    ("What do people call the office cat?", ["office cat"]),
    ("How many tonnes of frozen peas did we sell?", ["frozen peas"]),
    ("How large may a metal splinter in sausage meat be before we reject it?", ["sausage"]),
    ("On which date is the annual flu vaccination?", ["flu ", "influenza"]),
    ("How much is the bonus for recruiting a friend?", ["recruiting a friend", "referral"]),
    ("Which wine do we serve at the annual dinner?", ["wine"]),
    ("Whom do we ring if the lift at the Birmingham office breaks down?", ["Birmingham"]),
    ("Who painted the portrait in the boardroom?", ["portrait"]),
    ("How deep is the well at the Netherby farm?", ["the well at"]),
    ("Which telescope was bought for the staff club?", ["telescope"]),
]
N_IN_QUESTIONS = (9, 8)  # how many of each unanswerable kind stand in questions.jsonl; the rest in absent.jsonl


def fail(message):
    raise SystemExit("make_company: " + message)


def sentences(paragraph):
    return re.split(r"(?<=[.!?])\s+(?=[A-Z\"'])", paragraph)


def units_of_markup(source):
    for kind, value in markup.blocks(source):
        if kind == "table":
            yield from (" | ".join(row) for row in value)
        else:
            yield from sentences(value)


def units_of_csv(data):
    head, *rows = csv.reader(io.StringIO(data.decode()))
    for row in rows:
        yield "; ".join(f"{name}: {cell}" for name, cell in zip(head, row) if cell)


def units_of_json(value, path=""):
    """One "name: value" a scalar; the fields of an object inside a list stand in one line, without its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from units_of_json(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                yield "; ".join(units_of_json(inner))
            else:
                yield from units_of_json(inner, path)
    else:
        yield f"{path}: {value}"


def units_of_text(text):
    for line in text.split("\n"):
        yield from sentences(line.lstrip("> ").strip())


def units(tree, path):
    """The pieces of a document that a passage can be: sentences, lines, table rows."""
    if path in tree.sources:
        return list(units_of_markup(tree.sources[path]))
    data = tree.files[path]
    if path.endswith(".csv"):
        return list(units_of_csv(data))
    if path.endswith(".json"):
        return list(units_of_json(json.loads(data)))
    return list(units_of_text(tree.texts.get(path) or data.decode()))


def passage_of(tree, path, answer, words):
    if path not in tree.files:
        fail(f"a question names {path}, which is not written")
    found = [u for u in units(tree, path) if answer in u and words in u]
    if len(found) != 1:
        fail(f"{len(found)} passages of {path} hold {answer!r} and {words!r}: {found[:4]}")
    return found[0]


def row(number, question, **rest):
    base = {"id": f"q{number:03d}", "question": question, "answer": "", "aliases": [], "documents": [], "passage": "", "answerable": False}
    return {**base, **rest}


def answerable_rows(tree):
    for kind, path, question, answer, aliases, words in ANSWERABLE:
        yield {"question": question, "answer": answer, "aliases": aliases, "documents": ["documents/" + path],
               "passage": passage_of(tree, path, answer, words), "answerable": True, "kind": kind}
    for first, second, question, answer, words in TWO_STEPS:
        yield {"question": question, "answer": answer, "documents": ["documents/" + second, "documents/" + first],
               "passage": passage_of(tree, second, answer, words), "answerable": True, "kind": "multi"}


def near_rows():
    for question, entity, words, path in NEAR_MISSES:
        yield {"question": question, "kind": "near_miss", "documents": ["documents/" + path], "entity": entity, "must_not_occur": words}


def absent_rows():
    for question, words in ABSENT:
        yield {"question": question, "kind": "absent", "must_not_occur": words}


def shortest(row):
    """What every right answer holds: the shortest of its forms that is part of the first."""
    return min((a for a in [row["answer"], *row["aliases"]] if len(a) > 3 and a in row["answer"]), key=len)


def write(tree, out):
    near, absent = list(near_rows()), list(absent_rows())
    n_near, n_absent = N_IN_QUESTIONS
    sets = {"questions.jsonl": [*answerable_rows(tree), *near[:n_near], *absent[:n_absent]], "absent.jsonl": near[n_near:] + absent[n_absent:]}
    start = 1
    for name, rows in sets.items():
        numbered = [row(number, **r) for number, r in enumerate(rows, start)]
        start += len(numbered)
        (out / name).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in numbered), encoding="utf-8")
    demo = sets["questions.jsonl"][:len(sets["questions.jsonl"]) - n_near - n_absent][DEMO_EVERY - 1::DEMO_EVERY]
    (out / "demo.tsv").write_text("".join(f"{r['question']}\t{shortest(r)}\n" for r in demo), encoding="utf-8")
    return start - 1
