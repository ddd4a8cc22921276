"""The small markup in which every paper of the sample company is written, and its HTML and text forms.

A paper is Markdown of five constructs: "# title", "## heading", "- item", "| cell | cell |" rows (the first row of a table
is its header) and paragraphs.  Each construct becomes one block: (kind, text) or ("table", rows).
"""
import html

WRAPPED_FROM = 110  # a source line longer than this goes on in the next

def blocks(source):
    """Markup text -> list of ("h1"|"h2"|"p"|"li", text) and ("table", [[cell, ...], ...])."""
    found = []
    paragraph = []

    def close():
        if paragraph:
            found.append(("p", " ".join(paragraph)))
            paragraph.clear()

    for line in source.strip().split("\n"):
        line = line.strip()
        if line.startswith("|"):
            close()
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if not found or found[-1][0] != "table":
                found.append(("table", []))
            found[-1][1].append(row)
        elif not line:
            close()
            if found and found[-1][0] == "table":
                found.append(("gap", ""))
        elif line.startswith(("# ", "## ", "- ")):
            close()
            mark, text = line.split(" ", 1)
            found.append(({"#": "h1", "##": "h2", "-": "li"}[mark], text))
        else:
            paragraph.append(line)
    close()
    return [block for block in found if block[0] != "gap"]


def unwrapped(text):
    """The text with each paragraph on one line: the papers are written with long lines broken in the source."""
    lines = []
    goes_on = False
    for line in text.split("\n"):
        if goes_on and line and not line.startswith(("|", "-", "#", " ")):
            lines[-1] += " " + line
        else:
            lines.append(line)
        goes_on = len(line) > WRAPPED_FROM and not line.startswith("|")
    return "\n".join(lines)


def title_of(source):
    return next((text for kind, text in blocks(source) if kind == "h1"), "")


def markdown(source):
    """The same paper as a Markdown file: only the tables need their rule line."""
    out = []
    in_table = False
    for line in unwrapped(source.strip()).split("\n"):
        is_row = line.startswith("|")
        out.append(line)
        if is_row and not in_table:
            out.append("|" + "---|" * (line.count("|") - 1))
        in_table = is_row
    return "\n".join(out) + "\n"


def html_page(source, site, crumbs):
    """A page as a small site would serve it: navigation around the article, styles and a script beside it."""
    title = html.escape(title_of(source))
    body = []
    items = []

    def close_list():
        if items:
            body.append("<ul>\n" + "\n".join(items) + "\n</ul>")
            items.clear()

    for kind, value in blocks(source):
        if kind != "li":
            close_list()
        if kind == "table":
            head, *rows = value
            cells = "".join(f"<th>{html.escape(c)}</th>" for c in head)
            lines = [f"<tr>{cells}</tr>"]
            lines += ["<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in r) + "</tr>" for r in rows]
            body.append("<table>\n" + "\n".join(lines) + "\n</table>")
        elif kind == "li":
            items.append(f"<li>{html.escape(value)}</li>")
        else:
            body.append(f"<{kind}>{html.escape(value)}</{kind}>")
    close_list()
    trail = " &rsaquo; ".join(html.escape(c) for c in crumbs)
    article = "\n".join(body)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title} - {html.escape(site)}</title>
<style>body {{ font-family: sans-serif; max-width: 60em; margin: auto; }} td, th {{ padding: 0.2em 1em 0.2em 0; }}</style>
<script>document.documentElement.classList.add("ready");</script>
</head>
<body>
<nav>{trail}</nav>
<main>
{article}
</main>
<footer>{html.escape(site)} &middot; Tarnbeck Provisions Ltd</footer>
</body>
</html>
"""
