// What extraction gave, as the store keeps it: chunks with tokens and embeddings, typed tables.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ingest/document.h"
#include "library/text_model.h"
#include "store/records.h"

namespace widenet::library {

using OnShare = std::function<void(double share)>;  // of a document's text that is done

// `member`: its name inside its file; empty: it is the file.
store::ProcessedDocument process_document(const ingest::ExtractedDocument& document,
                                          std::string member,
                                          const TextModel& model,
                                          int64_t chunk_tokens,
                                          const OnShare& on_share);

}  // namespace widenet::library
