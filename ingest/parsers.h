// One parser for each format.  All take a file's bytes and its name (for titles) and give its
// documents or the reason why not; extract() chooses among them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ingest/document.h"
#include "ingest/text.h"

namespace widenet::ingest {

using Parsed = Result<Extraction>;

Parsed parse_txt(std::string_view bytes, std::string_view name);
Parsed parse_md(std::string_view bytes, std::string_view name);
Parsed parse_html(std::string_view bytes, std::string_view name);
Parsed parse_pdf(std::string_view bytes, std::string_view name);
Parsed parse_docx(std::string_view bytes, std::string_view name);
Parsed parse_odt(std::string_view bytes, std::string_view name);
Parsed parse_xlsx(std::string_view bytes, std::string_view name);
Parsed parse_ods(std::string_view bytes, std::string_view name);
Parsed parse_pptx(std::string_view bytes, std::string_view name);
Parsed parse_odp(std::string_view bytes, std::string_view name);
Parsed parse_epub(std::string_view bytes, std::string_view name);
Parsed parse_csv(std::string_view bytes, std::string_view name);
Parsed parse_tsv(std::string_view bytes, std::string_view name);
Parsed parse_json(std::string_view bytes, std::string_view name);
Parsed parse_jsonl(std::string_view bytes, std::string_view name);
Parsed parse_eml(std::string_view bytes, std::string_view name);
Parsed parse_mbox(std::string_view bytes, std::string_view name);
Parsed parse_rtf(std::string_view bytes, std::string_view name);
Parsed parse_xml(std::string_view bytes, std::string_view name);
Parsed parse_zip(std::string_view bytes, std::string_view name);

// Whether the text begins as a mailbox does: a separator and a header's field.
bool looks_like_mbox(std::string_view text);

// Says in the document's warnings that the encoding was guessed, if it was.
void warn_of_guess(const DecodedText& decoded, ExtractedDocument& document);

// HTML that is already decoded, as in a mail or a book: only its main text.
std::string text_of_html(std::string_view html);

}  // namespace widenet::ingest
