"""Writes one mail of a thread as an EML file: multipart where it has an HTML form or attachments, quoted-printable text."""
import base64
import hashlib
import html
import quopri

CRLF = "\r\n"


def encoded_word(text):
    if text.isascii():
        return text
    return "=?utf-8?B?" + base64.b64encode(text.encode()).decode() + "?="


def text_part(text, subtype):
    data = quopri.encodestring(text.encode("utf-8")).decode("ascii").replace("\n", CRLF)
    return (f'Content-Type: text/{subtype}; charset="utf-8"{CRLF}'
            f"Content-Transfer-Encoding: quoted-printable{CRLF}{CRLF}{data}{CRLF}")


def attachment_part(name, kind, data):
    lines = base64.encodebytes(data).decode("ascii").replace("\n", CRLF)
    return (f'Content-Type: {kind}; name="{name}"{CRLF}Content-Transfer-Encoding: base64{CRLF}'
            f'Content-Disposition: attachment; filename="{name}"{CRLF}{CRLF}{lines}')


def multipart(subtype, parts, seed):
    boundary = "=_" + hashlib.sha256((subtype + seed).encode()).hexdigest()[:24]
    joined = "".join(f"--{boundary}{CRLF}{part}" for part in parts)
    return f'Content-Type: multipart/{subtype}; boundary="{boundary}"{CRLF}{CRLF}{joined}--{boundary}--{CRLF}'


def write(sender, to, cc, subject, date, body, message_id, in_reply_to="", attachments=(), with_html=False):
    """EML bytes.  `attachments` holds (name, media type, bytes); `body` already contains what is quoted."""
    content = text_part(body, "plain")
    if with_html:
        page = "<html><body>" + "".join(f"<p>{html.escape(p)}</p>" for p in body.split("\n\n")) + "</body></html>"
        content = multipart("alternative", [content, text_part(page, "html")], message_id)
    if attachments:
        content = multipart("mixed", [content, *(attachment_part(*a) for a in attachments)], message_id)
    head = [f"From: {encoded_word(sender)}", f"To: {encoded_word(to)}"]
    head += [f"Cc: {encoded_word(cc)}"] if cc else []
    head += [f"Subject: {encoded_word(subject)}", f"Date: {date}", f"Message-ID: <{message_id}>"]
    head += [f"In-Reply-To: <{in_reply_to}>", f"References: <{in_reply_to}>"] if in_reply_to else []
    head += ["MIME-Version: 1.0"]
    return (CRLF.join(head) + CRLF + content).encode("ascii")
