// Reasoning, evidence and answer come apart however the stream is cut.
#include "answer/output_stream.h"

#include <gtest/gtest.h>

namespace widenet::answer {
namespace {

TEST(OutputStreamTest, PiecesOfAnySizeComeApartTheSame) {
  const std::string text = "Let me < see </thin.</think>Evidence: a b\nAnswer: c";
  for (size_t size = 1; size <= text.size(); ++size) {
    OutputStream stream(engine::Thinking::high);
    std::string reasoning, answer;
    size_t n_evidence = 0;
    const auto take = [&](const OutputStream::Output& output) {
      reasoning += output.reasoning;
      answer += output.text;
      n_evidence += output.evidence.size();
    };
    for (size_t at = 0; at < text.size(); at += size) take(stream.feed(text.substr(at, size)));
    take(stream.finish());
    EXPECT_EQ(reasoning, "Let me < see </thin.") << size;
    EXPECT_EQ(answer, "c") << size;
    EXPECT_EQ(n_evidence, 1U) << size;
  }
}

TEST(OutputStreamTest, ReasoningCutOffIsAllReasoning) {
  OutputStream stream(engine::Thinking::max);
  std::string reasoning = stream.feed("So far </thi").reasoning;
  reasoning += stream.finish().reasoning;
  EXPECT_EQ(reasoning, "So far </thi");
}

TEST(OutputStreamTest, WithoutThinkingEverythingIsContent) {
  OutputStream stream(engine::Thinking::none);
  EXPECT_EQ(stream.feed("Answer: </think> x").text, "</think> x");
}

}  // namespace
}  // namespace widenet::answer
