"""Board minutes, supplier assessments, job descriptions, letters and team minutes (DOCX)."""
from papers_agreements import slug
from world import SUPPLIER

BOARD = [("2025-01-28", """# Minutes of the Board, 28 January 2025

Held at Millrace House. Present: Gareth Illingsworth (chair), Helen Marchetti, Tobias Okonjo, Lydia Farrow. In attendance: Priya Sandhurst for item 3.

## 1. Minutes and matters arising

The minutes of 26 November were signed. The sale of the old mill cottage completed on 12 December at GBP 218,000.

## 2. Results

Tobias Okonjo reported sales of GBP 38.6 million for 2024 and a gross margin of 21.4 per cent. Bad debts were GBP 53,900, most of it from one hotel in Fernley that
closed in October. The overdraft was not used in the fourth quarter.

## 3. Purchasing

The board approved the plan to move tea and coffee wholly to Pemberwick. Lydia Farrow asked that a second source be kept warm; Priya Sandhurst will report in July.

## 4. Resolution

It was resolved to pay an interim dividend of 14 pence a share on 7 March 2025.
"""), ("2025-03-25", """# Minutes of the Board, 25 March 2025

Held at Aldermoor cold store. Present: Gareth Illingsworth (chair), Helen Marchetti, Tobias Okonjo, Lydia Farrow. In attendance: Callum Thistlewood.

## 1. Cold store

Callum Thistlewood showed the board the new blast chiller. It cools 900 kg an hour and cost GBP 96,400 against a budget of GBP 102,000. The saving goes towards
the loading canopy.

## 2. Herring

Ingrid Paley's note on swollen pails was read. The board asked to be told before any notice to customers, but accepted that safety comes first.

## 3. Bank covenant

The covenant of net debt to earnings stood at 1.7 against a limit of 2.5.

## 4. Pay

The pay award of 3.8 per cent from 1 April was approved for all staff outside the board.
"""), ("2025-05-27", """# Minutes of the Board, 27 May 2025

Held at Millrace House. Present: Gareth Illingsworth (chair), Helen Marchetti, Lydia Farrow. Apologies: Tobias Okonjo.

## 1. Port Hallow break clause

The board discussed whether to use the break in the lease of Transit Shed 3. Rosalind Achterberg's paper put the cost of moving at GBP 385,000. It was decided
not to give notice, and to ask the commissioners for a rent-free month instead.

## 2. Fleet

Three electric vans will be leased from September for the Wexcombe town rounds. The lease costs GBP 1,085 a month for each van, with chargers.

## 3. Website

The web shop took 31 per cent of independents' orders in April. Beatrix Normanby believes that 45 per cent can be reached by Christmas.

## 4. Next meeting

29 July 2025 at 10:00.
"""), ("2025-07-29", """# Minutes of the Board, 29 July 2025

Held at Millrace House. Present: Gareth Illingsworth (chair), Helen Marchetti, Tobias Okonjo, Lydia Farrow. In attendance: Priya Sandhurst, Femi Lockridge.

## 1. Half year

Sales were GBP 20.1 million, which is 4.2 per cent above the year before. Margin slipped to 20.9 per cent because of butter and coffee.

## 2. Second source for coffee

Priya Sandhurst named Quernmore Roasters as the reserve. Two hundred kilograms were bought for trial and seven of nine tasters could not tell the blends apart.

## 3. Warehouse system

Femi Lockridge asked for GBP 164,000 to replace the warehouse system in 2026. The board approved GBP 25,000 for a specification and will decide on the rest in November.

## 4. Auditors

Whitlock Dacre LLP were reappointed at a fee of GBP 47,500.
"""), ("2025-09-30", """# Minutes of the Board, 30 September 2025

Held at Port Hallow. Present: Gareth Illingsworth (chair), Helen Marchetti, Tobias Okonjo, Lydia Farrow. In attendance: Rosalind Achterberg, Yusuf Brannigan.

## 1. Dunlin Ferries

Owen Prestwick's memo was noted: the night crossing ends on 4 October and about GBP 90,000 of yearly sales go with it.

## 2. Accident at Port Hallow

Rosalind Achterberg reported the accident of 11 September. The inspector closed the file without action. The board thanked Winston Babb for his quick help.

## 3. Schools tender

The bid for the Aldermoor schools was won for three years from January 2026, with an estimated value of GBP 1.94 million. The margin is thin at 14.6 per cent.

## 4. Chairman

Gareth Illingsworth will retire on 31 March 2026. Lydia Farrow leads the search for a successor.
"""), ("2025-11-25", """# Minutes of the Board, 25 November 2025

Held at Millrace House. Present: Gareth Illingsworth (chair), Helen Marchetti, Tobias Okonjo, Lydia Farrow. In attendance: Femi Lockridge.

## 1. Warehouse system

The specification was received from Stratholme Systems. Four firms will be invited to bid. The board set a ceiling of GBP 150,000 and a start no earlier than May 2026.

## 2. Budget 2026

The budget was approved with sales of GBP 42.3 million, a margin of 20.5 per cent and capital spending of GBP 610,000.

## 3. Ravensby Leisure Trust

The council's grant was refused on 6 November. A provision of GBP 2,906.10 was made in full.

## 4. Charity of the year

The board chose the Wexcombe Lifeboat Station. Staff may give one paid day each to it.
""")]

ASSESSMENTS = {
    "S-101": ("2025-02-18", "Ingrid Paley", 88, "A", "2027-02", "Visited the mill on 11 and 12 February. Sieves are changed on plan and the metal detector was tested in front of us with three wands. The silo hatches had no locks.",
              "Fit locks to silo hatches 3 to 7", "31 March 2025", "Two deliveries in 52 came late, both in the snow of January."),
    "S-104": ("2024-11-14", "Priya Sandhurst", 81, "B", "2026-11", "Remote audit by video with samples sent ahead. The laboratory is small but careful; its panel has eight trained tasters. Traceability from tin to grove took 41 minutes, where we ask for under sixty.",
              "Keep a second set of harvest records off site", "28 February 2025", "Containers left on the day promised in eleven of twelve cases."),
    "S-109": ("2025-04-30", "Nikhil Dunmore", 92, "A", "2027-04", "Pasteurisers log every batch and the divert valve was tested while we watched. The cheese store was spotless. Staff know by heart what to do when a recorder fails.",
              "Replace the worn gasket on filler 2", "16 May 2025", "Best chilled supplier for the third year running."),
    "S-113": ("2025-04-08", "Ingrid Paley", 67, "C", "2025-10", "Visit brought forward because of the swollen herring pails. Brine strength was measured once a shift and not in each vat. The refractometer was out of calibration since January.",
              "Measure brine in every vat and record it", "22 April 2025", "No new lines are bought until the score is above 75."),
    "S-118": ("2025-01-23", "Aoife Castellan", 84, "B", "2027-01", "Board comes with chain-of-custody papers, number PN-COC-2281. Housekeeping around the old forming line was poor, but that line goes in May.",
              "Show the migration test for the new cup coating", "15 March 2025", "Print quality complaints fell from nine to two."),
    "S-122": ("2024-10-03", "Aoife Castellan", 90, "A", "2026-10", "Toured the Oberlauen plant with Annegret Kettler. Each oven runs for six hours before it is packed. Torque wrenches are tagged and checked weekly, with one exception at bench 14.",
              "Tag and check the wrench at bench 14", "1 November 2024", "Spare parts arrived within 48 hours in 37 of 39 cases."),
    "S-127": ("2025-06-11", "Ingrid Paley", 78, "B", "2026-06", "A family firm with 26 staff. Jam is boiled in open copper pans; the temperature is read by eye and noted afterwards. Glass is banned from the filling room and no broken-glass record was needed in two years.",
              "Fit a recording thermometer to each pan", "30 September 2025", "Deliveries are on time; papers are sometimes a day behind."),
    "S-131": ("2025-07-03", "Ingrid Paley", 72, "C", "2026-01", "Follow-up to the label error of lot L25-140. The new printer check works. Two of fifteen operators had no allergen training.",
              "Train all operators in allergens", "18 July 2025", "Authenticity tests were complete for each lot of paprika."),
    "S-136": ("2024-12-05", "Rosalind Achterberg", 86, "B", "2026-12", "The colour sorter at Greenholt removes stones well: we found none in five kilograms. Fumigation records were clear. The forklift lane crosses the walkway without a mark.",
              "Mark the crossing of walkway and forklift lane", "31 January 2025", "Average lead time was 8.3 working days against nine agreed."),
    "S-140": ("2025-03-13", "Priya Sandhurst", 83, "B", "2027-03", "Roasts are profiled by software and the afterburner is serviced yearly. Sacks stood directly on the floor in the overflow store. The tasting room holds samples for a year.",
              "Put sacks on pallets in the overflow store", "27 March 2025", "Grinders on loan: 22 of thirty."),
}


def assessment(supplier, row):
    date, assessor, score, grade, again, seen, action, by, remark = row
    s = SUPPLIER[supplier]
    return f"""# Supplier Assessment: {s.name}

| Supplier | Number | Assessed by | Date | Score | Grade | Next due |
| {s.name} | {s.id} | {assessor} | {date} | {score} of 100 | {grade} | {again} |

## What was seen

{seen}

## Corrective action

{action}, by {by}. {s.contact} answers for it.

## Remark

{remark}
"""


JOBS = [("transport-planner", """# Job Description: Transport Planner

Reports to Yusuf Brannigan, Transport Manager. Place of work: Wexcombe. Grade 5.

## Purpose

To plan 38 routes a day so that each customer is served within the agreed window and no driver exceeds the hours allowed.

## Duties

- Build tomorrow's routes by 15:30 and release them to the night shift.
- Speak with drivers on the road and with customers when a window is missed.
- Keep the kilometre cost under 94 pence.

## What we look for

Two years in planning, a steady voice and a certificate of professional competence, or the will to gain it within eighteen months.

## Terms

37.5 hours a week between 07:00 and 19:00, 25 days of leave, salary from GBP 29,400 to GBP 33,100.
"""), ("chilled-goods-in-clerk", """# Job Description: Goods-in Clerk, Chilled

Reports to Callum Thistlewood, Depot Manager. Place of work: Aldermoor. Grade 3.

## Purpose

To see that nothing warm, short or wrongly dated passes the door.

## Duties

- Take the temperature of the first, middle and last pallet of each load.
- Enter lots and dates on the handset before the pallet moves.
- Refuse a load above 8 degrees and call the buyer.

## What we look for

Accuracy with numbers. A level 2 food hygiene certificate is paid for by us in the first month.

## Terms

40 hours a week on a 05:00 start, a cold allowance of GBP 38 a week, pay of GBP 12.65 an hour.
"""), ("key-account-executive", """# Job Description: Key Account Executive

Reports to Owen Prestwick, Key Account Manager. Place of work: Wexcombe and on the road. Grade 6.

## Purpose

To look after eleven accounts in education and healthcare whose yearly sales come to GBP 4.7 million.

## Duties

- Visit each account at least once a quarter and write up the visit within two days.
- Prepare tenders with Finance, and never promise a price before Purchasing has confirmed it.
- Hold the share of late payments under six per cent.

## What we look for

Experience of public tenders. A clean driving licence.

## Terms

Salary GBP 36,500 with a bonus of up to 12 per cent, a car or GBP 430 a month instead.
"""), ("refrigeration-technician", """# Job Description: Refrigeration and Catering Equipment Technician

Reports to Aoife Castellan, Buyer, Packaging and Equipment. Place of work: the region, from home. Grade 6.

## Purpose

To install and repair the ovens, mixers and fridges that we sell.

## Duties

- Install by appointment and train the kitchen's staff for half an hour.
- Repair at first visit in at least 82 cases of a hundred.
- Hold a valid Voss & Kettler certificate.

## Terms

Salary GBP 39,800, a van, tools and a standby payment of GBP 165 a week on one week in four.
"""), ("warehouse-apprentice", """# Job Description: Warehouse Apprentice

Reports to Dawn Hesketh, Shift Leader, days. Place of work: Wexcombe. Apprentice grade.

## Purpose

To learn the trade in two years, in every part of the warehouse, and to leave with a diploma in supply chain operations.

## What you do

Six weeks each in goods-in, picking, despatch, returns and stock control, then a place of your choice. One day a week is spent at Wexcombe Technical College.

## Terms

36 hours a week, GBP 9.20 an hour in the first year and GBP 10.75 in the second. Safety boots are provided.
""")]

LETTERS = [("2025-01-14-fernley-hotels-volume-offer", "Owen Prestwick", """# Offer for the season 2025

Ms Simone Arkwright, Fernley Hotels Group

14 January 2025

Dear Simone,

Thank you for the morning at the Grand Fernley. You asked what we can do if all nine houses buy breakfast goods from us. If the group takes at least 1,400 cases
between 1 March and 31 October we will give a year-end bonus of 3 per cent on tea, coffee, marmalade and oats.

We would deliver twice a week to each house before 10:30. Butter is left out of the bonus, because its price moves too much for us to promise anything.

The offer stands until 21 February. Please sign the second copy if it suits you.

With kind regards,

Owen Prestwick, Key Account Manager
"""), ("2025-03-06-copper-ladle-apology", "Lorna Eastcott", """# The missing trout

Mr Jean-Luc Pardoe, The Copper Ladle

6 March 2025

Dear Mr Pardoe,

You were without smoked trout on the evening of 28 February, with forty guests booked, and the fault was ours. The sides were picked and then loaded on the van for
Corder Bridge.

I have credited the delivery, and sent you a voucher for GBP 60. From now on chilled crates for the town carry a yellow band, so that a loader sees at a glance where they
belong.

I am sorry, and I hope that you will keep faith with us.

Lorna Eastcott, Customer Service Supervisor
"""), ("2025-04-24-harbour-commissioners-rent", "Helen Marchetti", """# Transit Shed 3: what we ask for

The Secretary, Port Hallow Harbour Commissioners

24 April 2025

Dear Sir,

Our lease allows us to leave at the end of this year. We would rather stay. The shed suits us and so do your people on the quay.

Two things would settle it. First, the crane on berth 6 was out of use for nineteen days last winter and we had to truck eleven containers from Saltwick. We ask for one month
free of rent. Secondly, we ask that the indexation be capped at 3 per cent for the next two years.

I shall be in Port Hallow on 8 May and could call at your office at two o'clock.

Yours faithfully,

Helen Marchetti, Managing Director
"""), ("2025-06-27-pellworth-bakery-oven", "Aoife Castellan", """# Your new mixer

Mrs Edna Sowerby, Pellworth Bakery

27 June 2025

Dear Mrs Sowerby,

The planetary mixer arrives on 9 July between 13:00 and 15:00. It weighs 98 kg and needs a 16 ampere socket within a metre and a half. Our technician, Conor Blakely, will set
it up and show your people how to change the whisk without losing a finger.

We will take away the old mixer for nothing. You pay the first half, GBP 595, on delivery and the rest at the end of August.

Yours sincerely,

Aoife Castellan, Buyer, Packaging and Equipment
"""), ("2025-09-19-employment-reference-ludlam", "Sandra Quillfeather", """# Reference for Peter Ludlam

Haldane Haulage, the personnel office

19 September 2025

Dear colleagues,

Peter Ludlam drove for us from 13 June 2016 to 29 August 2025, at the end as a class C driver on the Netherby round. In those nine years he had one accident, which was not his
fault, and four days of sickness.

He was liked by customers and returned his vehicle clean. He left of his own wish, to live nearer to his mother. We would employ him again.

Sandra Quillfeather, HR Manager
""")]

TEAMS = [("2025-02-12-operations", """# Operations Meeting, 12 February 2025

Present: Declan Forsgate, Yusuf Brannigan, Dawn Hesketh, Marek Wolny, Ingrid Paley.

## Pick accuracy

Accuracy was 99.31 per cent in January. Most errors came from the spice bays, where tubs look alike. Dawn moves the curry powder to the other side of the aisle by the 21st.

## Dock 5

The leveller sticks. Parts are ordered from Lindqvist Dock Service and come on 3 March. Until then dock 5 is for vans only.

## Actions

- Declan: agree overtime for the stocktake on 1 March.
- Yusuf: find out why the Netherby round is late on Mondays.
"""), ("2025-05-07-operations", """# Operations Meeting, 7 May 2025

Present: Declan Forsgate, Yusuf Brannigan, Dawn Hesketh, Femi Lockridge.

## Netherby round

Yusuf found that the road works at Corder Bridge cost 22 minutes. The round now starts at 05:40 instead of 06:15 until the bridge opens again in August.

## Handsets

Femi has 14 new handsets. Batteries last for eleven hours. Old ones go back to the maker for a credit of GBP 30 each.

## Pests

The contractor, Sentry Hygiene, found no activity in April. The bait point behind the battery bay was missing and has been replaced.
"""), ("2025-08-13-operations", """# Operations Meeting, 13 August 2025

Present: Declan Forsgate, Yusuf Brannigan, Marek Wolny, Callum Thistlewood, Rosalind Achterberg.

## Summer peak

The busiest day was 24 July with 1,912 lines picked at Wexcombe. Two agency pickers stay until 12 September.

## Transfers

Callum asked that transfers from Wexcombe reach Aldermoor before 14:00, because the afternoon crew is three people short.

## Electric vans

The chargers were fitted on 5 August at bays 21 to 23. A van needs five and a half hours from empty.
"""), ("2025-03-19-purchasing", """# Purchasing Meeting, 19 March 2025

Present: Priya Sandhurst, Nikhil Dunmore, Aoife Castellan.

## Olive oil

The reduction from Sierralba starts on 1 May. Stock at the old price is 640 tins; Owen is asked to run it down through the hotels.

## Herring

Nikhil has stopped orders of herring. A replacement from a smokehouse in Saltwick was tasted and judged too sweet.

## Cutlery

Aoife compared three makers. Pennardine is dearest by 6 per cent but the only one with a home compost certificate.
"""), ("2025-10-08-purchasing", """# Purchasing Meeting, 8 October 2025

Present: Priya Sandhurst, Nikhil Dunmore, Aoife Castellan, Tobias Okonjo.

## Coffee

The team tasted the blend with Vietnamese beans. It was rejected five to one. The rise of November is accepted and passed on from 1 December.

## Marmalade volume

Next year's volume will be 5,200 tubs; Nikhil confirms it to Philippa Dronfield before 20 December.

## Brindlecote

After the harvest Graham Etherley offers to take 40 pence off each sack of white flour from 1 January 2026.
"""), ("2025-06-03-credit-and-sales", """# Credit and Sales Meeting, 3 June 2025

Present: Maureen Tidswell, Owen Prestwick, Beatrix Normanby, Tobias Okonjo.

## Overdue accounts

Debts older than 60 days came to GBP 27,450, the lowest since 2021. Merrow Street Deli makes up GBP 1,870 of that.

## Web shop

Beatrix proposed free delivery above GBP 150. Tobias wants GBP 200. They settled on GBP 175 for a trial of three months.

## Gifts

Maureen reminded everyone that a gift worth more than GBP 40 goes in the register.
""")]


def write(tree):
    for date, text in BOARD:
        tree.docx(f"board/board-minutes-{date}.docx", text, "Company secretary", date)
    for supplier, row in ASSESSMENTS.items():
        tree.docx(f"supplier-assessments/{slug(SUPPLIER[supplier].name)}-{row[0][:7]}.docx", assessment(supplier, row), row[1], row[0])
    for name, text in JOBS:
        tree.docx(f"jobs/{name}.docx", text, "Sandra Quillfeather", "2025-03-03")
    for name, author, text in LETTERS:
        tree.docx(f"letters/{name}.docx", text, author, name[:10])
    for name, text in TEAMS:
        tree.docx(f"team-minutes/{name}.docx", text, "Minutes", name[:10])
