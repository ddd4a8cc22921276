// A question about sums, counts and filters of records, read as one SELECT - or not at all.
//
// Every word must be understood: one that names no table, column, value, number or date and says
// nothing of sums or comparisons may change what is asked for, so the question is left to those who
// read text.  Nothing is guessed by a model; the same question is always read alike.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answer/table_schema.h"
#include "base/result.h"

namespace widenet::answer {

enum class Aggregate { rows, count, sum, average };

// A column of the base table or of one that its rows refer to.
struct Field {
  std::vector<size_t> way;  // references from the base table on; empty: its own column
  size_t column = 0;
  int prefix = 0;  // of a date, its first characters: 4 for its year, 7 for its month; 0: all
};

struct TableCondition {
  enum class Test { one_of, less, less_or_equal, greater, greater_or_equal };
  Field field;
  Test test = Test::one_of;
  std::vector<std::string> values;  // as SQL writes them; one, but for one_of
};

struct TableOrder {
  bool is_descending = true;
  int64_t limit = 1;  // more where several are equal
};

struct TableQuestion {
  size_t base = 0;  // table of the schema whose rows are counted, summed or listed
  Aggregate aggregate = Aggregate::rows;
  std::optional<Field> measure;    // what is summed or averaged; of rows: what is shown of each
  std::vector<Field> groups;       // one line for each of their values; empty: one for all rows
  std::optional<size_t> group_of;  // the table whose titles the groups are, if they are titles
  std::vector<TableCondition> conditions;
  std::optional<TableOrder> order;  // by the measure or the aggregate; only those that rank first
};

// A value of a text column that may stand in the question.
struct KnownValue {
  size_t table = 0;
  size_t column = 0;
  std::string value;
};

// The SELECT that finds those of one column: rows are (value).
std::string value_sql(const SchemaTable& table,
                      const SchemaColumn& column,
                      std::string_view question);

// Or why it cannot be read so: one sentence.
Result<TableQuestion> read_question(const Schema& schema,
                                    std::string_view question,
                                    std::span<const KnownValue> values);

// What answers it.  Columns: the aggregate; or groups, then the aggregate; or those of
// kRowColumns, the title's and the measure.
inline constexpr size_t kRowColumns = 4;  // "_row", "_document", "_start", "_end"
std::string answer_sql(const Schema& schema, const TableQuestion& question);

// The first rows that the answer rests on (where it ranks them, all that it shows): the columns of
// kRowColumns, the title's, the measure.
std::string evidence_sql(const Schema& schema, const TableQuestion& question, int64_t limit);
// How many these are.
std::string count_sql(const Schema& schema, const TableQuestion& question);

// How the question was understood: "the sum of freight of orders where country is 'Germany'".
std::string described(const Schema& schema, const TableQuestion& question);

}  // namespace widenet::answer
