"""Writes markup as a PDF: A4, Helvetica, a real text layer, a correct cross-reference table, the same bytes every time."""
import markup

PAGE_WIDTH, PAGE_HEIGHT, MARGIN = 595, 842, 56
TEXT_WIDTH = PAGE_WIDTH - 2 * MARGIN
BOTTOM = 72

# Advance widths of U+0020..U+007E in 1/1000 em, from the metrics of the standard fonts.
HELVETICA = [int(w) for w in (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 "
    "584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 "
    "611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 "
    "722 500 500 500 334 260 334 584").split()]
HELVETICA_BOLD = [int(w) for w in (
    "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 584 "
    "584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 667 667 "
    "611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 "
    "778 556 556 500 389 280 389 584").split()]
FONTS = {"F1": HELVETICA, "F2": HELVETICA_BOLD}
STYLES = {  # kind: font, size, leading, space above, indent
    "h1": ("F2", 16, 20, 6, 0),
    "h2": ("F2", 11.5, 15, 9, 0),
    "p": ("F1", 10, 14, 5, 0),
    "li": ("F1", 10, 14, 2, 14),
}


def text_width(text, font, size):
    widths = FONTS[font]
    return sum(widths[ord(c) - 32] if 32 <= ord(c) < 127 else 556 for c in text) * size / 1000


def wrap(text, font, size, width):
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, font, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def literal(text):
    data = text.encode("cp1252")
    out = bytearray(b"(")
    for byte in data:
        if byte in b"()\\":
            out += b"\\" + bytes([byte])
        elif byte < 32 or byte > 126:
            out += b"\\%03o" % byte
        else:
            out.append(byte)
    return bytes(out + b")").decode("ascii")


class Pages:
    """Text placed line by line, a block never split over two pages unless it is longer than one."""

    def __init__(self, letterhead):
        self.letterhead = letterhead
        self.pages = []
        self.new_page()

    def new_page(self):
        self.pages.append([])
        self.y = PAGE_HEIGHT - MARGIN
        if len(self.pages) == 1:
            for i, line in enumerate(self.letterhead):
                self.put(MARGIN, "F2" if i == 0 else "F1", 9, line)
                self.y -= 12
            self.y -= 10

    def put(self, x, font, size, text, y=None):
        y = self.y if y is None else y
        self.pages[-1].append(f"BT /{font} {size} Tf 1 0 0 1 {x:.2f} {y:.2f} Tm {literal(text)} Tj ET")

    def rule(self, y):
        self.pages[-1].append(f"0.5 w {MARGIN} {y:.2f} m {PAGE_WIDTH - MARGIN} {y:.2f} l S")

    def need(self, height):
        if self.y - height < BOTTOM:
            self.new_page()

    def block(self, kind, text, keep_with=0):
        font, size, leading, above, indent = STYLES[kind]
        lines = wrap(text, font, size, TEXT_WIDTH - indent)
        self.need(above + leading * len(lines) + keep_with)
        self.y -= above
        for i, line in enumerate(lines):
            if self.y - leading < BOTTOM:
                self.new_page()
            if kind == "li" and i == 0:
                self.put(MARGIN + 2, font, size, "\u2022")
            self.put(MARGIN + indent, font, size, line)
            self.y -= leading

    def table(self, rows):
        widths = column_widths(rows)
        self.y -= 4
        for number, row in enumerate(rows):
            font = "F2" if number == 0 else "F1"
            cells = [wrap(cell, font, 9, width - 8) for cell, width in zip(row, widths)]
            height = 12.5 * max(len(lines) for lines in cells)
            self.need(height + (16 if number == 0 else 0))
            x = MARGIN
            for lines, width in zip(cells, widths):
                for i, line in enumerate(lines):
                    self.put(x, font, 9, line, self.y - 12.5 * i)
                x += width
            self.y -= height
            if number == 0:
                self.rule(self.y + 8)
                self.y -= 5
        self.y -= 8


def column_widths(rows):
    """Natural widths, shrunk in the widest columns until the table fits the page."""
    n = max(len(row) for row in rows)
    natural = [max(text_width(row[i], "F2", 9) for row in rows if i < len(row)) + 14 for i in range(n)]
    while sum(natural) > TEXT_WIDTH:
        natural[natural.index(max(natural))] *= 0.95
    return natural


def write(source, letterhead, author, date):
    """PDF bytes of a paper.  `date` is YYYYMMDD."""
    pages = Pages(letterhead)
    parts = markup.blocks(source)
    for kind, value in parts:
        if kind == "table":
            pages.table(value)
        else:
            pages.block(kind, value, keep_with=40 if kind in ("h1", "h2") else 0)
    title = markup.title_of(source)
    for number, page in enumerate(pages.pages, 1):
        foot = f"{title[:70]}  -  page {number} of {len(pages.pages)}"
        page.append(f"BT /F1 8 Tf 1 0 0 1 {MARGIN} 40 Tm {literal(foot)} Tj ET")
    return assemble(["\n".join(page) for page in pages.pages], title, author, date)


def assemble(contents, title, author, date):
    """Objects: 1 catalog, 2 page tree, 3-4 fonts, 5 information, then a page and its content in turn."""
    kids = " ".join(f"{6 + 2 * i} 0 R" for i in range(len(contents)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /Lang (en-GB) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        f"<< /Title {literal(title)} /Author {literal(author)} /Producer (Tarnbeck document service) "
        f"/CreationDate (D:{date}090000Z) >>",
    ]
    for i, content in enumerate(contents):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] "
            f"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents {7 + 2 * i} 0 R >>")
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("ascii")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode("ascii")
    for offset in offsets:
        out += f"{offset:010d} 00000 n \n".encode("ascii")
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{start}\n%%EOF\n".encode("ascii")
    return bytes(out)
