// /v1/chat/completions with functions: what the model reads, and what becomes of what it writes.
// No model that ships calls functions, so a script says what is written; all else is real.
#include <algorithm>

#include "engine/model_config.h"
#include "tests/api/service_fixture.h"

namespace widenet::api {
namespace {

using engine::TokenId;

// Writes its script after whatever it reads, and remembers that.
class ScriptedEngine final : public engine::Engine {
 public:
  explicit ScriptedEngine(const engine::Engine& model) : model_(model) {}

  // As text, with its special tokens recognised.
  void write(const std::string& text) {
    script_ = tokenizer().encode(text, engine::Tokenizer::SpecialTokens::recognised);
  }
  std::string last_prompt() const { return tokenizer().decode(prompt_); }

  const engine::ModelConfig& config() const override { return model_.config(); }
  const engine::Tokenizer& tokenizer() const override { return model_.tokenizer(); }
  const std::string& fingerprint() const override { return model_.fingerprint(); }
  std::string name() const override { return "scripted"; }
  std::string backend_name() const override { return "script"; }
  int n_threads() const override { return 1; }
  engine::Numerics numerics() const override { return engine::Numerics::native; }
  int64_t n_tokens_max() const override { return 100'000; }
  std::shared_ptr<engine::PrefixCache> make_cache(
      const engine::PrefixCacheOptions& options) const override {
    return model_.make_cache(options);
  }
  std::unique_ptr<engine::Session> make_session(std::shared_ptr<engine::PrefixCache>,
                                                std::string_view) override {
    return std::make_unique<ScriptedSession>(*this);
  }
  void advance(std::span<engine::Session* const>) override {}
  bool can_draft() const override { return false; }
  void draft(std::span<Draft>) override {}

 private:
  class ScriptedSession final : public engine::Session {
   public:
    explicit ScriptedSession(ScriptedEngine& engine) : engine_(engine) {}

    engine::Reuse set_goal(std::span<const TokenId> tokens, const engine::PromptNotes&) override {
      engine_.prompt_.assign(tokens.begin(), tokens.end());
      tokens_ = engine_.prompt_;
      return {};
    }
    void remember() override {}
    void remember_at(int64_t) override {}
    std::span<const TokenId> goal() const override { return tokens_; }
    bool has_arrived() const override { return true; }
    void extend(std::span<const TokenId> tokens) override {
      tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    }
    void keep_extension(int64_t) override {}
    engine::SyncResult sync(std::span<const TokenId>, const engine::SyncOptions&) override {
      return {};
    }
    int64_t state_bytes() const override { return 0; }
    std::span<const float> logits() const override {
      const size_t at = tokens_.size() - engine_.prompt_.size();
      logits_.assign(static_cast<size_t>(engine_.tokenizer().vocab_size()), 0.0f);
      const TokenId next = at < engine_.script_.size()
                               ? engine_.script_[at]
                               : static_cast<TokenId>(engine_.config().eos_token);
      logits_[static_cast<size_t>(next)] = 1.0f;
      return logits_;
    }
    std::span<const float> logits(int64_t) const override { return logits(); }
    std::span<const TokenId> tokens() const override { return tokens_; }

   private:
    ScriptedEngine& engine_;
    std::vector<TokenId> tokens_;
    mutable std::vector<float> logits_;
  };

  const engine::Engine& model_;
  std::vector<TokenId> script_;
  std::vector<TokenId> prompt_;
};

std::string dsml(std::string text) {
  for (size_t at = 0; (at = text.find("DSML", at)) != std::string::npos; at += 10) {
    text.replace(at, 4, "\uFF5CDSML\uFF5C");
  }
  return text;
}

const std::string kCalls = dsml(
    "\n\n<DSMLtool_calls>\n<DSMLinvoke name=\"find\">\n<DSMLparameter name=\"text\" "
    "string=\"true\">fee</DSMLparameter>\n</DSMLinvoke>\n<DSMLinvoke name=\"stop\">\n\n"
    "</DSMLinvoke>\n</DSMLtool_calls>");

class ChatRouteTest : public ServiceTest {
 protected:
  ChatRouteTest() {
    nano_ = engine::Engine::load({.model = WN_SOURCE_DIR "/models/nano", .backend = ""});
    scripted_ = std::make_unique<ScriptedEngine>(*nano_);
    scripted_scheduler_ = std::make_unique<engine::Scheduler>(*scripted_);
    ServiceParts parts{.store = *store_,
                       .text = text_.get(),
                       .engine = scripted_.get(),
                       .scheduler = scripted_scheduler_.get(),
                       .asker = asker_.get()};
    parts.encoding = {.tools = "Call <{dsml_token}tool_calls>:\n{tool_schemas}\n",
                      .response_format = "Shape: {schema}",
                      .effort_max = "All.\n"};
    start(std::move(parts));
  }

  // Answers `body`, its order kept, while the model writes `script`.
  Json chat(const std::string& body, const std::string& script, int status = 200) {
    scripted_->write(script);
    const Response response = call("POST", "/v1/chat/completions", body);
    EXPECT_EQ(response.status, status) << response.body;
    return Json::parse(response.body);
  }

  std::unique_ptr<engine::Engine> nano_;
  std::unique_ptr<ScriptedEngine> scripted_;
  std::unique_ptr<engine::Scheduler> scripted_scheduler_;
};

const std::string kAsk = R"("messages": [{"role": "user", "content": "What is the fee?"}])";
const std::string kTools =
    R"("tools": [{"type": "function", "function": {"name": "find", "description": "Finds",
       "parameters": {"type": "object", "properties": {"text": {}, "max": {"minimum": 1.0}}}}},
       {"function": {"name": "stop"}, "type": "function"}])";
const std::string kBlock =
    dsml("\n\nCall <DSMLtool_calls>:\n") +
    R"({"name": "find", "description": "Finds", "parameters": {"type": "object", "properties": )"
    R"({"text": {}, "max": {"minimum": 1.0}}}})"
    "\n{\"name\": \"stop\"}\n";

TEST_F(ChatRouteTest, FunctionsAreOfferedAndCalled) {
  const Json reply = chat("{" + kAsk + ", " + kTools + "}", "Let me see." + kCalls);
  EXPECT_EQ(scripted_->last_prompt(), "<｜begin▁of▁sentence｜>" + kBlock +
                                          "<｜User｜>What is the fee?<｜Assistant｜></think>");
  const Json& choice = reply.at("choices")[0];
  EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
  EXPECT_EQ(choice.at("message").at("content"), "Let me see.");
  const Json& calls = choice.at("message").at("tool_calls");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].at("type"), "function");
  EXPECT_EQ(calls[0].at("function"), Json({{"name", "find"}, {"arguments", R"({"text": "fee"})"}}));
  EXPECT_EQ(calls[1].at("function"), Json({{"name", "stop"}, {"arguments", "{}"}}));
  EXPECT_NE(calls[0].at("id"), calls[1].at("id"));

  const Json silent = chat("{" + kAsk + ", " + kTools + "}", kCalls);
  EXPECT_EQ(silent.at("choices")[0].at("message").at("content"), nullptr);
}

TEST_F(ChatRouteTest, CallsAreStreamed) {
  scripted_->write("hm</think>So:" + kCalls);
  RecordedStream out;
  const Json body =
      Json::parse("{" + kAsk + ", " + kTools + R"(, "reasoning_effort": "low", "stream": true})");
  std::string reasoning, content;
  Json calls = Json::array(), finish;
  for (const Event& event : stream("/v1/chat/completions", body, out)) {
    if (event.data == "[DONE]") continue;
    const Json choice = Json::parse(event.data).at("choices")[0];
    const Json& delta = choice.at("delta");
    reasoning += delta.value("reasoning_content", "");
    content += delta.value("content", "");
    for (const Json& call : delta.value("tool_calls", Json::array())) calls.push_back(call);
    finish = choice.at("finish_reason");
  }
  EXPECT_EQ(reasoning, "hm");
  EXPECT_EQ(content, "So:");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].at("index"), 0);
  EXPECT_EQ(calls[1].at("index"), 1);
  EXPECT_EQ(calls[0].at("function").at("arguments"), R"({"text": "fee"})");
  EXPECT_EQ(finish, "tool_calls");
}

TEST_F(ChatRouteTest, ResultsGoBackIntoThePrompt) {
  const std::string messages =
      R"("messages": [{"role": "system", "content": "Be brief."},
          {"role": "user", "content": "Fee?"},
          {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
            {"id": "c1", "type": "function",
             "function": {"name": "find", "arguments": "{\"text\":\"fee\"}"}},
            {"id": "c2", "type": "function", "function": {"name": "stop", "arguments": "{}"}}]},
          {"role": "tool", "tool_call_id": "c2", "content": "stopped"},
          {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "12 euros"},
            {"type": "text", "text": "a year"}]}])";
  const Json reply =
      chat("{" + messages + ", " + kTools + R"(, "reasoning_effort": "high"})", "so</think>12.");
  EXPECT_EQ(scripted_->last_prompt(),
            "<｜begin▁of▁sentence｜>Be brief." + kBlock +
                "<｜User｜>Fee?<｜Assistant｜><think>hm</think>" + kCalls +
                "<｜end▁of▁sentence｜><｜User｜><tool_result>12 euros\n\na year</tool_result>\n\n"
                "<tool_result>stopped</tool_result><｜Assistant｜><think>");
  const Json& choice = reply.at("choices")[0];
  EXPECT_EQ(choice.at("finish_reason"), "stop");
  EXPECT_EQ(choice.at("message").at("content"), "12.");
  EXPECT_EQ(choice.at("message").at("reasoning_content"), "so");
  const Json& usage = reply.at("usage");
  EXPECT_EQ(usage.at("completion_tokens_details").at("reasoning_tokens"),
            scripted_->tokenizer().encode("so").size());
  EXPECT_FALSE(choice.at("message").contains("tool_calls"));
}

TEST_F(ChatRouteTest, WithChoiceNoneNothingIsOfferedOrCalled) {
  const Json reply = chat("{" + kAsk + ", " + kTools + R"(, "tool_choice": "none"})", kCalls);
  EXPECT_EQ(scripted_->last_prompt().find("Call"), std::string::npos);
  EXPECT_EQ(reply.at("choices")[0].at("message").at("content"), kCalls);
  EXPECT_EQ(reply.at("choices")[0].at("finish_reason"), "stop");
}

TEST_F(ChatRouteTest, AResponseFormatIsAskedFor) {
  chat("{" + kAsk +
           R"(, "response_format": {"type": "json_schema", "json_schema": {"name": "n",
              "schema": {"type":"object","properties":{"b":{},"a":{}}}}}})",
       "{}");
  EXPECT_NE(scripted_->last_prompt().find(
                R"(Shape: {"type": "object", "properties": {"b": {}, "a": {}}}<｜User｜>)"),
            std::string::npos);
  chat("{" + kAsk + R"(, "response_format": {"type": "json_object"}})", "{}");
  EXPECT_NE(scripted_->last_prompt().find(R"(Shape: {"type": "object"}<｜User｜>)"),
            std::string::npos);
  chat("{" + kAsk + R"(, "response_format": {"type": "text"}})", "x");
  EXPECT_EQ(scripted_->last_prompt().find("Shape"), std::string::npos);
}

TEST_F(ChatRouteTest, StopStringsEndTheAnswerNotTheThought) {
  const Json reply = chat("{" + kAsk + R"(, "reasoning_effort": "low", "stop": "END"})",
                          "the END</think>one ENDtwo" + kCalls);
  const Json& choice = reply.at("choices")[0];
  EXPECT_EQ(choice.at("message").at("reasoning_content"), "the END");
  EXPECT_EQ(choice.at("message").at("content"), "one ");
  EXPECT_EQ(choice.at("finish_reason"), "stop");
}

TEST_F(ChatRouteTest, ACallCutShortIsContent) {
  const Json reply = chat("{" + kAsk + ", " + kTools + R"(, "max_tokens": 8})", kCalls);
  const Json& choice = reply.at("choices")[0];
  EXPECT_EQ(choice.at("finish_reason"), "length");
  EXPECT_TRUE(kCalls.starts_with(choice.at("message").at("content").get<std::string>()));
}

TEST_F(ChatRouteTest, WhatIsWrongIsNamed) {
  const auto param_of = [&](const std::string& more) {
    return chat("{" + kAsk + ", " + more + "}", "", 400).at("error").at("param");
  };
  EXPECT_EQ(param_of(R"("tools": [{"type": "function"}])"), "tools");
  EXPECT_EQ(param_of(R"("tools": [{"type": "function", "function": {"name": "a\"b"}}])"), "tools");
  EXPECT_EQ(param_of(R"("tools": [{"type": "web_search"}])"), "tools");
  EXPECT_EQ(param_of(kTools + R"(, "tool_choice": "required")"), "tool_choice");
  EXPECT_EQ(param_of(kTools + R"(, "tool_choice": {"type": "function"})"), "tool_choice");
  EXPECT_EQ(param_of(R"("response_format": {"type": "json_schema"})"), "response_format");
  const std::string id = post("/v1/vector_stores", {{"name", "papers"}}).at("id");
  const std::string stores = R"("vector_store_ids": [")" + id + "\"]";
  EXPECT_EQ(param_of(stores + ", " + kTools), "tools");
  EXPECT_EQ(param_of(stores + R"(, "response_format": {"type": "json_object"})"),
            "response_format");
}

TEST_F(ChatRouteTest, WhatTheCheckpointDoesNotHaveIsNamed) {
  service_->parts.encoding = {};
  const auto message_of = [&](const std::string& more) {
    const Json error = chat("{" + kAsk + ", " + more + "}", "", 400).at("error");
    return error.at("message").get<std::string>();
  };
  EXPECT_NE(message_of(kTools).find("TOOLS_TEMPLATE"), std::string::npos);
  EXPECT_NE(message_of(R"("response_format": {"type": "json_object"})").find("response_format"),
            std::string::npos);
  EXPECT_NE(message_of(R"("reasoning_effort": "max")").find("max"), std::string::npos);

  start({.store = *store_,
         .text = text_.get(),
         .engine = engine_.get(),
         .scheduler = scheduler_.get(),
         .asker = asker_.get(),
         .encoding = {.tools = "{dsml_token}"}});
  EXPECT_NE(message_of(kTools).find("no special token"), std::string::npos);
}

}  // namespace
}  // namespace widenet::api
