// What counts as a search term: the same for documents and for queries.
//
// Words as Unicode breaks them (ICU), normalised by NFKC and case folding.  Chinese and Japanese
// runs become overlapping pairs of characters, so that a query finds text whatever a dictionary
// makes of it; each run's last character stands alone as well, so that a single character can be
// looked up as a prefix.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.h"

namespace widenet::store {

// Reports every term in text order.  `text` is valid UTF-8.
void for_each_term(std::string_view text, const TermSink& sink);

struct QueryTerm {
  std::string term;
  bool is_prefix = false;
};

// The distinct terms of a query, in order of appearance.
std::vector<QueryTerm> query_terms(std::string_view query);

// An FTS5 expression that matches rows holding any of the terms; empty for no terms.
std::string match_any(const std::vector<QueryTerm>& terms);

}  // namespace widenet::store
