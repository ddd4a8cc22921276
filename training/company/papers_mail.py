"""Mail: delivery complaints and everyday threads (EML).  Each file is the last mail of a thread and quotes what came before."""
import hashlib

import eml_writer
import markup

COMPLAINTS = "complaints"
THREADS = "threads"
OWEN = "Owen Prestwick <o.prestwick@tarnbeck.example>"
BEATRIX = "Beatrix Normanby <b.normanby@tarnbeck.example>"
LORNA = "Lorna Eastcott <l.eastcott@tarnbeck.example>"
YUSUF = "Yusuf Brannigan <y.brannigan@tarnbeck.example>"
PRIYA = "Priya Sandhurst <p.sandhurst@tarnbeck.example>"
NIKHIL = "Nikhil Dunmore <n.dunmore@tarnbeck.example>"
AOIFE = "Aoife Castellan <a.castellan@tarnbeck.example>"
INGRID = "Ingrid Paley <i.paley@tarnbeck.example>"
FEMI = "Femi Lockridge <f.lockridge@tarnbeck.example>"
TOBIAS = "Tobias Okonjo <t.okonjo@tarnbeck.example>"
MAUREEN = "Maureen Tidswell <m.tidswell@tarnbeck.example>"
SANDRA = "Sandra Quillfeather <s.quillfeather@tarnbeck.example>"
ROSALIND = "Rosalind Achterberg <r.achterberg@tarnbeck.example>"
CALLUM = "Callum Thistlewood <c.thistlewood@tarnbeck.example>"
HELEN = "Helen Marchetti <h.marchetti@tarnbeck.example>"
DECLAN = "Declan Forsgate <d.forsgate@tarnbeck.example>"

# (folder, file, subject, attachments, mails oldest first: (sender, to, date, text))
MAILS = [
    (COMPLAINTS, "2025-01-21-fernley-late-breakfast", "Late again at the Grand Fernley", [], [
        ("Simone Arkwright <s.arkwright@fernleyhotels.example>", OWEN, "Tue, 21 Jan 2025 11:42:00 +0000", """Owen,

Your van came at 10:55 this morning. Breakfast ends at 10:30 and we were out of butter by nine. This is the third time in January.

Simone"""),
        (YUSUF, OWEN, "Tue, 21 Jan 2025 13:05:00 +0000", """The van stood for 50 minutes at the level crossing at Netherby, the barrier was stuck. On the two other days we simply loaded too late.

I have put the Grand Fernley first on the round from tomorrow. Arrival will be about 07:40.

Yusuf"""),
        (OWEN, "Simone Arkwright <s.arkwright@fernleyhotels.example>", "Tue, 21 Jan 2025 14:20:00 +0000", """Simone,

You are right to be cross. From tomorrow you are the first stop and should see us at about 07:40. I have credited the delivery charge for January, GBP 96.00.

If it is late once more, ring me, not the switchboard: 01632 960261.

Owen""")]),
    (COMPLAINTS, "2025-02-25-hartsmere-missing-cups", "Delivery of 24 February, cups missing", [], [
        ("Ravi Thandi <r.thandi@hartsmere-uni.example>", LORNA, "Tue, 25 Feb 2025 08:15:00 +0000", """Hello,

the note says fourteen cases of ripple cups, we have nine. The porter counted twice. We open the kiosk on Thursday and need them by then.

Ravi Thandi"""),
        (LORNA, "Ravi Thandi <r.thandi@hartsmere-uni.example>", "Tue, 25 Feb 2025 10:31:00 +0000", """Dear Mr Thandi,

five cases were left on dock 5 because the leveller there is being mended. They go out tonight on the Hartsmere round, delivery note DN-19688, and will be at the porter's
lodge before 06:30 tomorrow.

You will not be charged for a second delivery.

Lorna Eastcott""")]),
    (COMPLAINTS, "2025-03-20-quayside-herring", "URGENT swollen herring pails", [("probe-readings.csv", "text/csv", b"time,place,reading C\n09:10,walk-in fridge,3.2\n09:12,pail 1 core,3.6\n09:15,pail 3 core,3.5\n")], [
        ("Tamsin Gurnard <tamsin@quaysidefish.example>", LORNA, "Thu, 20 Mar 2025 09:24:00 +0000", """Four pails of your dill herring have blown up like footballs. My fridge is at 3.2, readings attached. I am not opening these indoors!

Tamsin"""),
        (INGRID, "Tamsin Gurnard <tamsin@quaysidefish.example>", "Thu, 20 Mar 2025 10:02:00 +0000", """Dear Ms Gurnard,

please leave them shut, put them in a bag and keep them cold. A driver will bring a sealed crate at three this afternoon and take them to the laboratory.

May I have the batch number from the lid? It begins with SK. Your readings help, thank you.

Ingrid Paley""")]),
    (COMPLAINTS, "2025-05-13-pellworth-double-order", "Thirty sacks too many", [], [
        ("Edna Sowerby <edna@pellworthbakery.example>", BEATRIX, "Tue, 13 May 2025 06:48:00 +0100", """Dear Beatrix,

there are sixty sacks in my passage and I cannot get to the oven. I rang the order in, and my nephew typed it into your web shop as well. Can you take thirty back?

Edna"""),
        (BEATRIX, "Edna Sowerby <edna@pellworthbakery.example>", "Tue, 13 May 2025 08:10:00 +0100", """Dear Edna,

of course. Ewan comes by at noon with the tail lift. There is a handling charge of ten per cent, I am afraid, as the return was nobody's fault on our side. The number for the
label is RGA-3026.

Say hello to the nephew.

Beatrix""")]),
    (COMPLAINTS, "2025-07-08-hartsmere-forks", "Forks snapping", [], [
        ("Ravi Thandi <r.thandi@hartsmere-uni.example>", AOIFE, "Tue, 8 Jul 2025 13:30:00 +0100", """Eleven forks broke at lunch today, at the neck, one in somebody's mouth. Nobody is hurt. The cases are marked 03 June.

Ravi"""),
        (AOIFE, "Russell Ablett <r.ablett@pennardine.example>", "Tue, 8 Jul 2025 14:12:00 +0100", """Russell,

see below. Stop everything moulded on 3 June, please, and tell me by tomorrow how many cases have gone out to others.

Aoife"""),
        ("Russell Ablett <r.ablett@pennardine.example>", AOIFE, "Wed, 9 Jul 2025 09:47:00 +0100", """Aoife,

the mould was at 21 degrees instead of 35 for the first two hours. 140 cases were made, 131 are still with us and are being ground up. Only Hartsmere had the other nine.

I am sorry for the scare.

Russell""")]),
    (COMPLAINTS, "2025-08-29-dunlin-noisy-fridge", "Dunlin Star: galley fridge", [("fridge-report.txt", "text/plain", b"Unit VKU2-118840\nNoise at one metre: 61 dB\nDoor gap, hinge side: 6 mm\nTechnician: Conor Blakely\n")], [
        ("Astrid Holmqvist <a.holmqvist@dunlinferries.example>", AOIFE, "Thu, 28 Aug 2025 16:20:00 +0100", """Hi Aoife,

the cook cannot hear the radio over the new fridge and the door does not close by itself. We are in port until Tuesday evening.

Astrid"""),
        (AOIFE, "Astrid Holmqvist <a.holmqvist@dunlinferries.example>", "Fri, 29 Aug 2025 11:05:00 +0100", """Hi Astrid,

Conor was on board this morning, his report is attached. It had a knock before it came to you. A new one arrives from Oberlauen on Tuesday, and he will swap it at berth 6 between
10:00 and 12:00.

Please keep the old one switched on till then, the butter is in it.

Aoife""")]),
    (COMPLAINTS, "2025-10-24-bramblewood-cream", "Cream with a short date", [], [
        ("Colette Danby <c.danby@bramblewood.example>", NIKHIL, "Fri, 24 Oct 2025 09:12:00 +0100", """Good morning,

all eighteen bottles that came today are dated 28 October. We plan our menus a fortnight ahead and cannot use so much in four days.

Colette Danby"""),
        (NIKHIL, "Colette Danby <c.danby@bramblewood.example>", "Fri, 24 Oct 2025 10:40:00 +0100", """Good morning Colette,

that should not have left Aldermoor, the rule is ten days. I can take half off the price, which is GBP 82.35, or bring fresh bottles on Monday.

Best, Nikhil"""),
        ("Colette Danby <c.danby@bramblewood.example>", NIKHIL, "Fri, 24 Oct 2025 12:02:00 +0100", """Half price is fine, we shall make trifle for all six homes.

Colette""")]),
    (COMPLAINTS, "2025-11-18-schools-gate", "Driver blocking the school gate", [], [
        ("Wendy Oakshott <w.oakshott@aldermoorschools.example>", OWEN, "Tue, 18 Nov 2025 09:03:00 +0000", """Owen, your lorry stood across the gate of Millfield Primary at 08:40, just when two hundred children arrive. The head is furious.

Wendy"""),
        (OWEN, "Wendy Oakshott <w.oakshott@aldermoorschools.example>", "Tue, 18 Nov 2025 11:55:00 +0000", """Wendy,

it was a relief driver from Haldane Haulage who followed his navigation. No delivery to any school will be made between 08:15 and 09:15 from today, and the rule is now printed on top of the run
sheet. Yusuf will call on the head on Thursday to say sorry himself.

Owen""")]),
    (THREADS, "2025-01-09-snow-plan", "Snow on Friday", [], [
        (YUSUF, "Drivers <drivers@tarnbeck.example>", "Thu, 9 Jan 2025 15:10:00 +0000", """All,

fifteen centimetres are forecast above Netherby. Routes 7, 9 and 12 leave at 04:30 tomorrow. Shovels and blankets are in the transport office, sign for them.

If the pass is shut, turn back at the Drover's Arms. No delivery is worth a night in the cab.

Yusuf""")]),
    (THREADS, "2025-02-04-northmere-recorder", "Recorder print-outs", [], [
        (CALLUM, "Judith Callaway <j.callaway@northmeredairies.example>", "Mon, 3 Feb 2025 10:20:00 +0000", """Judith,

for two weeks now your drivers have come without the strip from the recorder. Without it my clerk must probe three pallets, and the line backs up to the road.

Callum"""),
        ("Judith Callaway <j.callaway@northmeredairies.example>", CALLUM, "Tue, 4 Feb 2025 08:35:00 +0000", """Callum,

the paper rolls ran out and the new ones did not fit. They fit from today. Until the end of the month we also mail you the file, from records@northmeredairies.example, before the lorry arrives.

Judith""")]),
    (THREADS, "2025-03-31-pemberwick-grinders", "Grinders on loan", [("grinders.csv", "text/csv", b"grinder,customer,kg a month\nPG-104,Fernley Hotels Group,62\nPG-109,Tilbrook Garden Centres,41\nPG-117,The Copper Ladle,9\n")], [
        ("Alasdair Munroe-Kent <a.munroekent@pemberwick.example>", PRIYA, "Fri, 28 Mar 2025 14:44:00 +0000", """Dear Priya,

one of our grinders, PG-117, grinds only nine kilos a month. May we fetch it? The list is attached.

Alasdair"""),
        (PRIYA, "Alasdair Munroe-Kent <a.munroekent@pemberwick.example>", "Mon, 31 Mar 2025 09:30:00 +0100", """Dear Alasdair,

you may; that is what the agreement says. Give Mr Pardoe a week's warning. I suggest that PG-117 goes to Merrow Street Deli, who asked for one in February.

Priya""")]),
    (THREADS, "2025-04-15-phishing-test", "Result of the phishing test", [], [
        (FEMI, "All staff <all@tarnbeck.example>", "Tue, 15 Apr 2025 16:00:00 +0100", """Dear all,

last week 187 of us got a mail about an unpaid parcel. 31 clicked, 12 typed in a password and 54 reported it. In October it was 49 clicks, so we are getting better.

The quickest to report was Edith in Reception, after 40 seconds. She gets a cake.

Femi""")]),
    (THREADS, "2025-05-20-greenholt-vessel", "Container on the Marit Anker", [], [
        ("Maarten Verhulst <m.verhulst@greenholt.example>", ROSALIND, "Mon, 19 May 2025 17:25:00 +0100", """Dear Rosalind,

your lentils sail on the Marit Anker, container SRLU 440693, due in Port Hallow on Sunday 25 May. The papers left today by courier.

Maarten"""),
        (ROSALIND, "Maarten Verhulst <m.verhulst@greenholt.example>", "Tue, 20 May 2025 07:50:00 +0100", """Dear Maarten,

Monday is a holiday here and our first quay slot is on Tuesday 27 May. The seven free days should cover it. Please tell the agent, Brightling Shipping, that we take it at berth 6.

Rosalind""")]),
    (THREADS, "2025-06-10-schools-tender-plan", "Schools tender, who does what", [], [
        (OWEN, TOBIAS, "Mon, 9 Jun 2025 09:00:00 +0100", """Tobias, Ingrid,

the papers are out: reference ASC-2025-11, answers by noon on 4 July. I write the method statement, Ingrid the allergen part. Could Finance price the basket of 62 articles by the 25th?

Owen"""),
        (TOBIAS, OWEN, "Tue, 10 Jun 2025 08:22:00 +0100", """Fine. I want to see a margin of at least 14 per cent and I will not sign below that.

Tobias""")]),
    (THREADS, "2025-06-30-dairy-price-call", "Butter", [], [
        (NIKHIL, PRIYA, "Mon, 30 Jun 2025 12:15:00 +0100", """Priya,

Judith rang. She will hold the new butter price to the end of the year if we take 30 pallets a month. We took 26 on average in spring, and 33 in December.

My advice is to accept 28 and to offer her the schools' cheese on top.

Nikhil""")]),
    (THREADS, "2025-07-16-warehouse-system-visit", "Visit to see Stratholme", [], [
        (FEMI, DECLAN, "Wed, 16 Jul 2025 10:05:00 +0100", """Declan,

Stratholme Systems can show us a live site on 5 August: Coldbrook Pharma in Ravensby, 40 handsets, two shifts. The train leaves Wexcombe at 07:12.

Bring Dawn, she will ask the right questions. Safety shoes are needed, size to be given by the end of the week.

Femi""")]),
    (THREADS, "2025-08-05-larkhill-wedding", "Big marquee order", [], [
        ("Dominic Farr <d.farr@larkhillevents.example>", BEATRIX, "Mon, 4 Aug 2025 19:30:00 +0100", """Beatrix,

we have two weddings on the 23rd, 340 guests together. I need boxes for the late supper, cutlery, olives and chutney. Pay up front as usual. Can I collect at Aldermoor?

Dom"""),
        (BEATRIX, "Dominic Farr <d.farr@larkhillevents.example>", "Tue, 5 Aug 2025 09:15:00 +0100", """Dom,

yes: collection at Aldermoor on Thursday 21 August after 14:00, ask for Jolanta. With one per cent off for paying ahead it comes to GBP 1,094.20. The quotation number is Q-5518.

Beatrix""")]),
    (THREADS, "2025-09-15-accident-thanks", "Leon Marsh", [], [
        (ROSALIND, SANDRA, "Mon, 15 Sep 2025 08:40:00 +0100", """Sandra,

Leon is home from St Brannoc's with his arm in a sling. The agency pays him 80 per cent. I would like us to make up the rest while he is off, which is about GBP 74 a week.

Rosalind"""),
        (SANDRA, ROSALIND, "Mon, 15 Sep 2025 11:12:00 +0100", """Agreed, Helen has said yes too. Send me the agency's slip each Friday.

Sandra""")]),
    (THREADS, "2025-10-10-oven-clamps", "Steam clamps, where we stand", [], [
        (AOIFE, "Annegret Kettler <a.kettler@vosskettler.example>", "Thu, 9 Oct 2025 15:00:00 +0100", """Dear Annegret,

our notice went out today. We need seven clamp sets, part 61-0772, and someone who answers the telephone when Conor is stuck.

Aoife"""),
        ("Annegret Kettler <a.kettler@vosskettler.example>", AOIFE, "Fri, 10 Oct 2025 08:18:00 +0200", """Dear Aoife,

nine sets left this morning with the parcel number 7741-330-92. Herr Brunner answers at any hour. We pay GBP 68 for each repair that you carry out.

Annegret""")]),
    (THREADS, "2025-11-07-ravensby-stop", "Ravensby Leisure Trust", [], [
        (MAUREEN, OWEN, "Fri, 7 Nov 2025 09:05:00 +0000", """Owen,

the council said no last night. I have asked Ferrier & Loam to register our claim of GBP 2,906.10. Gordon Peverell was polite but has no money.

Do you know whether the coffee machine in the pool bar belongs to them or to Pemberwick?

Maureen"""),
        (OWEN, MAUREEN, "Fri, 7 Nov 2025 09:48:00 +0000", """It is Pemberwick's grinder PG-122. I have told Alasdair to fetch it before the doors are locked.

Owen""")]),
    (THREADS, "2025-11-21-christmas-hours", "Christmas opening", [], [
        (HELEN, "All staff <all@tarnbeck.example>", "Fri, 21 Nov 2025 13:00:00 +0000", """Dear all,

the last deliveries before Christmas leave on Wednesday 24 December at 05:00. We are closed on the 25th and 26th; the web shop takes orders throughout. On 31 December we stop
at 15:00.

Everybody finds a hamper in the canteen on 18 December. Thank you for a year in which we grew, and nobody had to work on a Sunday.

Helen""")]),
]


def quoted(mails):
    """What a mail program puts under a reply: the mail before it, with its own quotation inside."""
    sender, _, date, text = mails[-1]
    inner = text + (f"\n\n{quoted(mails[:-1])}" if len(mails) > 1 else "")
    return f"On {date[:-6]}, {sender.split(' <')[0]} wrote:\n" + "\n".join("> " + line if line else ">" for line in inner.split("\n"))


def write(tree):
    for folder, name, subject, attachments, mails in MAILS:
        mails = [(*mail[:3], markup.unwrapped(mail[3])) for mail in mails]
        sender, to, date, text = mails[-1]
        body = text + (f"\n\n{quoted(mails[:-1])}" if len(mails) > 1 else "") + "\n"
        identity = [hashlib.sha256(f"{name}{i}".encode()).hexdigest()[:16] + "@mail.tarnbeck.example" for i in range(len(mails))]
        tree.mail(f"mail/{folder}/{name}.eml", body, eml_writer.write(
            sender, to, "", ("Re: " if len(mails) > 1 else "") + subject, date, body, identity[-1],
            identity[-2] if len(mails) > 1 else "", attachments, with_html=len(text) % 3 == 0))
