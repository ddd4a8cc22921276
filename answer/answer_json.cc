// Results as JSON: the one shape that the command line, the API and the store share.
#include <nlohmann/json.hpp>

#include "answer/ask.h"

namespace widenet::answer {
namespace {

nlohmann::json page_json(const std::optional<int32_t>& page) {
  return page ? nlohmann::json(*page) : nlohmann::json();
}

const char* name_of(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::stop:
      return "stop";
    case engine::FinishReason::length:
      return "length";
    case engine::FinishReason::cancelled:
      return "cancelled";
  }
  return "";
}

template <typename Items>
nlohmann::json array_of(const Items& items) {
  nlohmann::json array = nlohmann::json::array();
  for (const auto& item : items) array.push_back(to_json(item));
  return array;
}

}  // namespace

nlohmann::json to_json(const Citation& citation) {
  nlohmann::json json = {{"document", citation.document},    {"title", citation.title},
                         {"page", page_json(citation.page)}, {"start_char", citation.start_char},
                         {"end_char", citation.end_char},    {"quote", citation.quote},
                         {"verified", citation.verified}};
  if (citation.derived) json["derived"] = true;
  return json;
}

nlohmann::json to_json(const ContextRange& range) {
  return {{"document", range.document},    {"title", range.title},
          {"page", page_json(range.page)}, {"start_char", range.start_char},
          {"end_char", range.end_char},    {"score", range.score},
          {"late", range.is_late}};
}

nlohmann::json to_json(const Plan& plan) {
  return {
      {"mode", name_of(plan.mode)},
      {"why", plan.why},
      {"budget_tokens", plan.budget_tokens},
      {"prompt_tokens", plan.prompt_tokens},
      {"cached_tokens", plan.cached_tokens},
      {"predicted_seconds", plan.predicted_seconds},
      {"coverage",
       {{"documents_read", plan.documents_read}, {"documents_in_scope", plan.documents_in_scope}}},
      {"tokens_in_scope", plan.tokens_in_scope}};
}

nlohmann::json to_json(const TableAnswer& answer) {
  nlohmann::json links = nlohmann::json::array();
  for (const RowLink& link : answer.links) {
    links.push_back({{"row", link.row},
                     {"document", link.document},
                     {"start_char", link.start_char},
                     {"end_char", link.end_char},
                     {"table", link.table},
                     {"title", link.title},
                     {"value", link.value}});
  }
  return {{"read_as", answer.read_as}, {"sql", answer.sql},       {"columns", answer.columns},
          {"rows", answer.rows},       {"n_rows", answer.n_rows}, {"links", links}};
}

nlohmann::json to_json(const AskResult& result) {
  const auto& usage = result.usage;
  const auto& seconds = result.seconds;
  nlohmann::json json = {{"answer", result.answer},
                         {"mode", name_of(result.mode)},
                         {"why", result.why},
                         {"refused", result.is_refusal},
                         {"finish_reason", name_of(result.finish_reason)},
                         {"citations", array_of(result.citations)},
                         {"context", array_of(result.context)},
                         {"usage",
                          {{"prompt_tokens", usage.prompt_tokens},
                           {"cached_tokens", usage.cached_tokens},
                           {"disk_tokens", usage.disk_tokens},
                           {"computed_tokens", usage.computed_tokens},
                           {"completion_tokens", usage.completion_tokens},
                           {"guessed_tokens", usage.guessed_tokens},
                           {"right_guesses", usage.right_guesses}}},
                         {"seconds",
                          {{"retrieve", seconds.retrieve},
                           {"queue", seconds.queue},
                           {"prefill", seconds.prefill},
                           {"decode", seconds.decode},
                           {"total", seconds.total}}},
                         {"coverage",
                          {{"documents_read", result.documents_read},
                           {"documents_in_scope", result.documents_in_scope}}}};
  if (result.table) json["table"] = to_json(*result.table);
  return json;
}

}  // namespace widenet::answer
