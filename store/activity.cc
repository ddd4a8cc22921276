// What happens to documents: jobs, conversations, answers, evaluations.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "store/impl.h"

namespace widenet::store {
namespace {

constexpr std::array kJobStates = {"queued", "running", "done", "failed", "cancelled"};

JobState job_state(std::string_view name) {
  const auto found = std::find(kJobStates.begin(), kJobStates.end(), name);
  WN_CHECK(found != kJobStates.end());
  return static_cast<JobState>(found - kJobStates.begin());
}

std::string select_jobs(const char* where) {
  return std::string(
             "SELECT id, kind, collection_id, state, total, done, failed, message, details, "
             "created_ms, updated_ms FROM jobs WHERE ") +
         where;
}

std::vector<Job> read_jobs(Query rows) {
  std::vector<Job> result;
  while (rows.step()) {
    result.push_back({.id = rows.integer(0),
                      .kind = rows.string(1),
                      .collection = rows.optional_integer(2),
                      .state = job_state(rows.text(3)),
                      .total = rows.integer(4),
                      .done = rows.integer(5),
                      .failed = rows.integer(6),
                      .message = rows.string(7),
                      .details_json = rows.string(8),
                      .created_ms = rows.integer(9),
                      .updated_ms = rows.integer(10)});
  }
  return result;
}

std::string joined(const std::vector<CollectionId>& ids) {
  std::string text;
  for (const CollectionId id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

std::vector<CollectionId> split_ids(std::string_view text) {
  std::vector<CollectionId> ids;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at < end) {
    CollectionId id = 0;
    at = std::from_chars(at, end, id).ptr + 1;
    ids.push_back(id);
  }
  return ids;
}

std::string select_conversations(const char* where) {
  return std::string(
             "SELECT id, title, collections, metadata, created_ms, updated_ms, owner FROM "
             "conversations "
             "WHERE ") +
         where;
}

std::vector<Conversation> read_conversations(Query rows) {
  std::vector<Conversation> result;
  while (rows.step()) {
    result.push_back({.id = rows.integer(0),
                      .title = rows.string(1),
                      .collections = split_ids(rows.text(2)),
                      .metadata_json = rows.string(3),
                      .owner = rows.string(6),
                      .created_ms = rows.integer(4),
                      .updated_ms = rows.integer(5)});
  }
  return result;
}

std::string select_answers(const char* where) {
  return std::string(
             "SELECT id, conversation_id, question, answer, created_ms, expires_ms FROM answers "
             "WHERE ") +
         where;
}

std::vector<Answer> read_answers(Database& db, Query rows) {
  std::vector<Answer> result;
  while (rows.step()) {
    result.push_back({.id = rows.integer(0),
                      .conversation = rows.optional_integer(1),
                      .question = rows.string(2),
                      .answer_json = rows.string(3),
                      .documents = {},
                      .created_ms = rows.integer(4),
                      .expires_ms = rows.optional_integer(5)});
  }
  for (Answer& answer : result) {
    auto documents = db.query(
        "SELECT document_id FROM answer_documents WHERE answer_id = ?1 ORDER BY document_id",
        answer.id);
    while (documents.step()) answer.documents.push_back(documents.integer(0));
  }
  return result;
}

std::string select_evaluations(const char* where) {
  return std::string(
             "SELECT id, kind, state, config, results, created_ms, updated_ms FROM evaluations "
             "WHERE ") +
         where;
}

std::vector<Evaluation> read_evaluations(Query rows) {
  std::vector<Evaluation> result;
  while (rows.step()) {
    result.push_back({.id = rows.integer(0),
                      .kind = rows.string(1),
                      .state = rows.string(2),
                      .config_json = rows.string(3),
                      .results_json = rows.string(4),
                      .created_ms = rows.integer(5),
                      .updated_ms = rows.integer(6)});
  }
  return result;
}

template <typename T>
std::optional<T> first_of(std::vector<T> found) {
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

}  // namespace

const char* name_of(JobState state) {
  return kJobStates[static_cast<size_t>(state)];
}

JobId Store::create_job(const Job& job) {
  auto db = impl_->write();
  db->run(
      "INSERT INTO jobs (kind, collection_id, state, total, done, failed, message, details, "
      "created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
      job.kind, job.collection, name_of(job.state), job.total, job.done, job.failed, job.message,
      job.details_json, now_ms());
  const JobId id = db->last_insert_id();
  db.commit();
  return id;
}

std::optional<Job> Store::job(JobId id) const {
  auto db = impl_->read();
  return first_of(read_jobs(db->query(select_jobs("id = ?1"), id)));
}

std::vector<Job> Store::jobs(Paging paging) const {
  auto db = impl_->read();
  return read_jobs(
      db->query(select_jobs("id > ?1 ORDER BY id LIMIT ?2"), paging.after_id, paging.limit));
}

std::vector<Job> Store::unfinished_jobs() const {
  auto db = impl_->read();
  return read_jobs(db->query(select_jobs("state IN ('queued', 'running') ORDER BY id")));
}

void Store::update_job(const Job& job) {
  auto db = impl_->write();
  db->run(
      "UPDATE jobs SET collection_id = ?2, state = ?3, total = ?4, done = ?5, failed = ?6, "
      "message = ?7, details = ?8, updated_ms = ?9 WHERE id = ?1",
      job.id, job.collection, name_of(job.state), job.total, job.done, job.failed, job.message,
      job.details_json, now_ms());
  db.commit();
}

ConversationId Store::create_conversation(const Conversation& conversation) {
  auto db = impl_->write();
  db->run(
      "INSERT INTO conversations (title, collections, metadata, created_ms, updated_ms, owner) "
      "VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
      conversation.title, joined(conversation.collections), conversation.metadata_json, now_ms(),
      conversation.owner);
  const ConversationId id = db->last_insert_id();
  db.commit();
  return id;
}

std::optional<Conversation> Store::conversation(ConversationId id) const {
  auto db = impl_->read();
  return first_of(read_conversations(db->query(select_conversations("id = ?1"), id)));
}

bool Store::delete_conversation(ConversationId id) {
  auto db = impl_->write();
  db->run("DELETE FROM answers WHERE conversation_id = ?1", id);
  const bool found = db->run("DELETE FROM conversations WHERE id = ?1", id) > 0;
  db.commit();
  return found;
}

AnswerId Store::add_answer(const Answer& answer) {
  auto db = impl_->write();
  const int64_t now = now_ms();
  db->run("DELETE FROM answers WHERE expires_ms <= ?1", now);
  db->run(
      "INSERT INTO answers (conversation_id, question, answer, created_ms, expires_ms) "
      "VALUES (?1, ?2, ?3, ?4, ?5)",
      answer.conversation, answer.question, answer.answer_json, now, answer.expires_ms);
  const AnswerId id = db->last_insert_id();
  for (const DocumentId document : answer.documents) {
    db->run("INSERT OR IGNORE INTO answer_documents VALUES (?1, ?2)", id, document);
  }
  if (answer.conversation) {
    db->run("UPDATE conversations SET updated_ms = ?2 WHERE id = ?1", *answer.conversation, now);
  }
  db.commit();
  return id;
}

std::optional<Answer> Store::answer(AnswerId id) const {
  auto db = impl_->read();
  return first_of(read_answers(*db, db->query(select_answers("id = ?1"), id)));
}

std::vector<Answer> Store::answers(Paging paging) const {
  auto db = impl_->read();
  return read_answers(*db, db->query(select_answers("id > ?1 ORDER BY id LIMIT ?2"),
                                     paging.after_id, paging.limit));
}

std::vector<Answer> Store::last_answers(int64_t limit) const {
  auto db = impl_->read();
  return read_answers(*db, db->query(select_answers("TRUE ORDER BY id DESC LIMIT ?1"), limit));
}

std::vector<Answer> Store::answers_of(ConversationId conversation) const {
  auto db = impl_->read();
  return read_answers(*db,
                      db->query(select_answers("conversation_id = ?1 ORDER BY id"), conversation));
}

EvaluationId Store::create_evaluation(const Evaluation& evaluation) {
  auto db = impl_->write();
  db->run(
      "INSERT INTO evaluations (kind, state, config, results, created_ms, updated_ms) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
      evaluation.kind, evaluation.state, evaluation.config_json, evaluation.results_json, now_ms());
  const EvaluationId id = db->last_insert_id();
  db.commit();
  return id;
}

void Store::update_evaluation(const Evaluation& evaluation) {
  auto db = impl_->write();
  db->run(
      "UPDATE evaluations SET state = ?2, config = ?3, results = ?4, updated_ms = ?5 "
      "WHERE id = ?1",
      evaluation.id, evaluation.state, evaluation.config_json, evaluation.results_json, now_ms());
  db.commit();
}

std::optional<Evaluation> Store::evaluation(EvaluationId id) const {
  auto db = impl_->read();
  return first_of(read_evaluations(db->query(select_evaluations("id = ?1"), id)));
}

std::vector<Evaluation> Store::evaluations(Paging paging) const {
  auto db = impl_->read();
  return read_evaluations(
      db->query(select_evaluations("id > ?1 ORDER BY id LIMIT ?2"), paging.after_id, paging.limit));
}

bool Store::delete_evaluation(EvaluationId id) {
  auto db = impl_->write();
  const bool found = db->run("DELETE FROM evaluations WHERE id = ?1", id) > 0;
  db.commit();
  return found;
}

void Store::put_evaluation_item(EvaluationId id, const EvaluationItem& item) {
  auto db = impl_->write();
  db->run("INSERT OR REPLACE INTO evaluation_items VALUES (?1, ?2, ?3)", id, item.key,
          item.item_json);
  db.commit();
}

std::vector<EvaluationItem> Store::evaluation_items(EvaluationId id) const {
  auto db = impl_->read();
  auto rows = db->query(
      "SELECT key, item FROM evaluation_items WHERE evaluation_id = ?1 ORDER BY rowid", id);
  std::vector<EvaluationItem> result;
  while (rows.step()) result.push_back({.key = rows.string(0), .item_json = rows.string(1)});
  return result;
}

}  // namespace widenet::store
