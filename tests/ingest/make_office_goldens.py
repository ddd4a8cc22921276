#!/usr/bin/env python3
"""Writes the office documents in tests/golden/ingest, each as its programs write them but smaller.

tests/ingest/make_office_goldens.py [FOLDER]
"""
import pathlib
import sys
import zipfile

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "golden/ingest")
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
RELATED = f'xmlns:r="{OFFICE}/relationships"'
DRAWING = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
ODF = " ".join(f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for prefix, name in (
    ("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"), ("meta", "meta"),
    ("draw", "drawing"), ("presentation", "presentation"), ("svg", "svg-compatible"))
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'


def write(name, entries):
    """Entries in order, without times, so that the same content gives the same bytes."""
    with zipfile.ZipFile(FOLDER / name, "w") as archive:
        for path, content in entries.items():
            info = zipfile.ZipInfo(path)
            info.compress_type = zipfile.ZIP_STORED if path == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(info, content if path == "mimetype" else HEAD + content)


def relationships(*entries):
    rows = "".join(f'<Relationship Id="rId{i}" Type="{OFFICE}/relationships/{kind}" Target="{target}"{more}/>'
                   for i, (kind, target, more) in enumerate(entries, 1))
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def core(title, author):
    return ('<cp:coreProperties xmlns:cp="cp" xmlns:dc="dc" xmlns:dcterms="dcterms">'
            f"<dc:title>{title}</dc:title><dc:creator>{author}</dc:creator>"
            "<dcterms:modified>2026-03-31T14:05:00Z</dcterms:modified></cp:coreProperties>")


def xlsx():
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    strings = ["Item", "Price", "Since", "Share", "In stock", "Margin", "Bolt M8", "Price list",
               "<r><t xml:space=\"preserve\">Valid for </t></r><r><rPr><b/></rPr><t>Kestrel Bay</t></r><rPh><t>x</t></rPh>",
               "Nut M8", "Washer_x000D_\n(steel)"]
    items = "".join(f"<si>{s}</si>" if s.startswith("<r>") else f"<si><t>{s}</t></si>" for s in strings)
    prices = (
        '<row r="2"><c r="B2" t="s"><v>7</v></c><c r="C2"/></row><row r="3"><c r="B3" t="s"><v>8</v></c></row>'
        '<row r="5">' + "".join(f'<c r="{c}5" t="s"><v>{i}</v></c>' for i, c in enumerate("BCDEFG")) + "</row>"
        '<row r="6"><c r="B6" t="s"><v>6</v></c><c r="C6"><v>0.12</v></c><c r="D6" s="1"><v>46112</v></c>'
        '<c r="E6" s="2"><v>0.125</v></c><c r="F6" t="b"><v>1</v></c><c r="G6"><f>C6*2</f><v>0.24</v></c></row>'
        '<row r="7"><c r="B7" t="s"><v>9</v></c><c r="C7"><v>45.300000000000004</v></c><c r="D7" s="3"><v>46112.586805555555</v></c>'
        '<c r="E7" s="2"><v>1</v></c><c r="F7" t="b"><v>0</v></c><c r="G7" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        '<row r="8"><c r="B8" t="s"><v>10</v></c><c r="C8"><v>1200</v></c>'
        '<c r="G8" t="inlineStr"><is><t>to be agreed</t></is></c></row>')
    hours = ('<row><c t="inlineStr"><is><t>Day</t></is></c><c t="inlineStr"><is><t>Opens</t></is></c></row>'
             '<row><c t="str"><f>A9</f><v>Monday</v></c><c s="4"><v>0.35416666666666669</v></c></row>')
    sheet = f'<worksheet {main}><sheetData>%s</sheetData><mergeCells count="1"><mergeCell ref="B2:C2"/></mergeCells></worksheet>'
    write("prices.xlsx", {
        "_rels/.rels": relationships(("officeDocument", "xl/workbook.xml", "")),
        "docProps/core.xml": core("Prices 2026", "P. Vole"),
        "xl/workbook.xml": f'<workbook {main} {RELATED}><workbookPr/><sheets><sheet name="Prices" sheetId="3" r:id="rId2"/>'
                           '<sheet name="Costs" sheetId="1" state="hidden" r:id="rId3"/>'
                           '<sheet name="Hours &amp; days" sheetId="2" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(
            ("worksheet", "worksheets/sheet1.xml", ""), ("worksheet", "/xl/worksheets/sheet2.xml", ""),
            ("worksheet", "worksheets/sheet3.xml", ""), ("sharedStrings", "sharedStrings.xml", ""), ("styles", "styles.xml", ""),
            ("hyperlink", "https://example.com/", ' TargetMode="External"')),
        "xl/styles.xml": f'<styleSheet {main}><numFmts count="1"><numFmt numFmtId="164" formatCode="dd/mm/yyyy\\ hh:mm;@"/></numFmts>'
                         '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="10"/><xf numFmtId="164"/><xf numFmtId="20"/></cellXfs></styleSheet>',
        "xl/sharedStrings.xml": f"<sst {main}>{items}</sst>",
        "xl/worksheets/sheet1.xml": sheet % hours,
        "xl/worksheets/sheet2.xml": sheet % prices,
        "xl/worksheets/sheet3.xml": sheet % '<row><c t="inlineStr"><is><t>secret</t></is></c></row>',
    })


def odf(name, kind, styles, body, title=""):
    write(name, {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": f"<office:document-content {ODF}><office:automatic-styles>{styles}</office:automatic-styles>"
                       f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
        "meta.xml": f"<office:document-meta {ODF}><office:meta><dc:title>{title}</dc:title>"
                    "<meta:initial-creator>P. Vole</meta:initial-creator><dc:date>2026-03-31T14:05:00</dc:date></office:meta></office:document-meta>",
        "META-INF/manifest.xml": '<manifest:manifest xmlns:manifest="m"/>',
    })


def ods():
    def cell(text="", more="", kind="string"):
        return f'<table:table-cell office:value-type="{kind}"{more}><text:p>{text}</text:p></table:table-cell>'

    def row(*cells, more=""):
        return f"<table:table-row{more}>{''.join(cells)}</table:table-row>"

    gap = '<table:table-cell table:number-columns-repeated="16380"/>'
    stock = (
        "<table:table-header-rows>" + row(cell("Part"), cell("Count"), cell("Counted on"), cell("Share"), gap) + "</table:table-header-rows>"
        + row(cell("Bolt <text:span>M8</text:span>", ), cell("1,200", ' office:value="1200"', "float"),
              cell("31.03.26", ' office:date-value="2026-03-31"', "date"), cell("12.5 %", ' office:value="0.125"', "percentage"), gap)
        + row(cell("Nut<office:annotation><text:p>a comment</text:p></office:annotation>"),
              cell("7", ' office:value="7" office:currency="GBP"', "currency"),
              cell("", ' office:date-value="2026-03-31T14:05:00"', "date"), cell("TRUE", ' office:boolean-value="true"', "boolean"), gap)
        + row('<table:table-cell table:number-columns-repeated="16384"/>', more=' table:number-rows-repeated="40"')
        + row(cell("Washer", ' table:number-columns-spanned="2"'), "<table:covered-table-cell/>",
              cell("", ' office:time-value="PT08H30M00S"', "time"), gap, more=' table:number-rows-repeated="2"')
        + row('<table:table-cell table:number-columns-repeated="16384"/>', more=' table:number-rows-repeated="1048530"'))
    odf("stock.ods", "spreadsheet",
        '<style:style style:name="ta1" style:family="table"><style:table-properties table:display="true"/></style:style>'
        '<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style>',
        f'<table:table table:name="Stock" table:style-name="ta1">{stock}</table:table>'
        f'<table:table table:name="Old" table:style-name="ta2">{row(cell("secret"))}</table:table>')


def shape(kind, text, place="", bullets=""):
    offset = f'<a:xfrm><a:off x="{place[0] * 360000}" y="{place[1] * 360000}"/><a:ext cx="1" cy="1"/></a:xfrm>' if place else ""
    holder = f'<p:ph type="{kind}"/>' if kind and kind != "obj" else '<p:ph idx="1"/>' if kind else ""
    paragraphs = "".join(f"<a:p><a:pPr>{bullets}</a:pPr><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text)
    return (f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="x"/><p:nvPr>{holder}</p:nvPr></p:nvSpPr><p:spPr>{offset}</p:spPr>'
            f"<p:txBody>{paragraphs}</p:txBody></p:sp>")


def pptx():
    main = f'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" {DRAWING} {RELATED}'

    def slide(shapes, more="", tag="sld"):
        return f"<p:{tag} {main}{more}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:{tag}>"

    table = ('<p:graphicFrame><p:xfrm><a:off x="0" y="9000000"/></p:xfrm><a:graphic><a:graphicData><a:tbl>'
             + "".join("<a:tr>" + "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{t}</a:t></a:r></a:p></a:txBody></a:tc>" for t in row) + "</a:tr>"
                       for row in (("Region", "Sales"), ("North", "120"), ("South", "80"))) + "</a:tbl></a:graphicData></a:graphic></p:graphicFrame>")
    group = ('<p:grpSp><p:grpSpPr><a:xfrm><a:off x="0" y="3600000"/><a:ext cx="720000" cy="720000"/><a:chOff x="0" y="0"/>'
             '<a:chExt cx="360000" cy="360000"/></a:xfrm></p:grpSpPr>' + shape("", ["Grouped, below the columns"], (1, 1)) + "</p:grpSp>")
    write("review.pptx", {
        "_rels/.rels": relationships(("officeDocument", "ppt/presentation.xml", "")),
        "docProps/core.xml": core("PowerPoint Presentation", "P. Vole"),
        "ppt/presentation.xml": f'<p:presentation {main}><p:sldIdLst><p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId3"/>'
                                '<p:sldId id="258" r:id="rId1"/></p:sldIdLst></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relationships(
            ("slide", "slides/slide1.xml", ""), ("slide", "slides/slide2.xml", ""), ("slide", "slides/slide3.xml", "")),
        "ppt/slides/slide1.xml": slide(
            table + group + shape("", ["Right column"], (12, 4)) + shape("", ["Left column"], (1, 4))
            + shape("sldNum", ["3"]) + shape("title", ["Sales by region"])),
        "ppt/slides/slide2.xml": slide(shape("ctrTitle", ["Quarterly review"]) + shape("subTitle", ["Brackwater Supplies"])
                                       + shape("obj", ["Orders rose by a fifth", "Returns fell"])),
        "ppt/slides/_rels/slide2.xml.rels": relationships(("notesSlide", "../notesSlides/notesSlide1.xml", "")),
        "ppt/notesSlides/notesSlide1.xml": slide(shape("sldImg", []) + shape("body", ["Thank the drivers first."]) + shape("sldNum", ["1"]), tag="notes"),
        "ppt/slides/slide3.xml": slide(shape("title", ["Not for the board"]), ' show="0"'),
    })


def odp():
    def frame(text, x=None, y=None, kind=""):
        place = f' svg:x="{x}cm" svg:y="{y}cm"' if x is not None else ""
        role = f' presentation:class="{kind}"' if kind else ""
        return f"<draw:frame{place}{role}><draw:text-box>{text}</draw:text-box></draw:frame>"

    items = "<text:list>" + "".join(f"<text:list-item><text:p>{t}</text:p></text:list-item>" for t in ("Boots", "Gloves")) + "</text:list>"
    odf("safety.odp", "presentation",
        '<style:style style:name="dp2" style:family="drawing-page"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>',
        '<draw:page draw:name="one" draw:style-name="dp1">' + frame(items, 2, 5, "outline") + frame("<text:p>Safety briefing</text:p>", 2, 1, "title")
        + frame("<text:p>7</text:p>", 20, 18, "page-number")
        + '<presentation:notes><draw:page-thumbnail/>' + frame("<text:p>Show the gloves.</text:p>", 1, 1, "notes") + "</presentation:notes></draw:page>"
        '<draw:page draw:name="two" draw:style-name="dp2">' + frame("<text:p>Draft</text:p>", 1, 1, "title") + "</draw:page>"
        '<draw:page draw:name="three" draw:style-name="dp1"><draw:g><draw:custom-shape svg:x="10cm" svg:y="3cm"><text:p>Second</text:p></draw:custom-shape>'
        '<draw:custom-shape svg:x="1cm" svg:y="3.1cm"><text:p>First</text:p></draw:custom-shape></draw:g></draw:page>')


def odt():
    body = (
        '<text:sequence-decls/><text:tracked-changes><text:changed-region><text:deletion><text:p>never agreed</text:p></text:deletion>'
        '</text:changed-region></text:tracked-changes>'
        '<text:p text:style-name="P1">Lease of the quay shed</text:p>'
        '<text:p>Between the <text:span>Harbour  Board</text:span> <text:span>and</text:span><text:s text:c="2"/>Marlow &amp; Sons'
        '<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body><text:p>Registered in Oxmoor.</text:p></text:note-body></text:note>.</text:p>'
        '<text:h text:outline-level="1">1. Rent</text:h>'
        '<text:list><text:list-item><text:p>GBP 400 a month</text:p><text:list><text:list-item><text:p>due on the first</text:p></text:list-item></text:list></text:list-item>'
        '<text:list-item><text:p>Water included</text:p></text:list-item></text:list>'
        '<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Year</text:p></table:table-cell>'
        '<table:table-cell><text:p>Rent</text:p></table:table-cell></table:table-row></table:table-header-rows>'
        '<table:table-row><table:table-cell><text:p>2026</text:p></table:table-cell><table:table-cell><text:p>4,800</text:p><text:p>(fixed)</text:p></table:table-cell></table:table-row></table:table>'
        '<text:p>Signed<text:line-break/>P. Vole<office:annotation><text:p>check this</text:p></office:annotation>'
        '<draw:frame><draw:text-box><text:p>Stamp: PAID</text:p></draw:text-box><svg:desc>a red stamp</svg:desc></draw:frame></text:p>')
    odf("lease.odt", "text", '<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Title"/>', body)


def epub():
    xhtml = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>%s</body></html>'
    write("guide.epub", {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="c"><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "META-INF/encryption.xml": '<encryption xmlns="e" xmlns:enc="enc"><enc:EncryptedData><enc:CipherData><enc:CipherReference URI="OEBPS/fonts/a.otf"/></enc:CipherData></enc:EncryptedData></encryption>',
        "OEBPS/book.opf": '<package xmlns="p"><metadata xmlns:dc="dc"><dc:title>The tide tables</dc:title><dc:creator>P. Vole</dc:creator><dc:creator>I. Tern</dc:creator></metadata>'
                          '<manifest><item id="b" href="text/two%20tides.xhtml"/><item id="a" href="text/one.xhtml"/><item id="n" href="nav.xhtml" properties="nav"/></manifest>'
                          '<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>',
        "OEBPS/nav.xhtml": xhtml % "<nav><ol><li>One</li></ol></nav>",
        "OEBPS/text/one.xhtml": xhtml % '<h1>Spring tides</h1><p>They come <a id="x"/>twice a month&#8212;at new and full moon.</p>',
        "OEBPS/text/two tides.xhtml": xhtml % "<h1>Neap tides</h1><p>They come between.</p><ul><li>weak</li><li>slow</li></ul>",
    })


for make in (xlsx, ods, pptx, odp, odt, epub):
    make()
