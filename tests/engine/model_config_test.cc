#include "engine/model_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/v4_checkpoint.h"

namespace widenet::engine {
namespace {

using Json = nlohmann::json;

ModelConfig parse(const Json& json) {
  return parse_model_config(json.dump(), "config.json");
}

// What the refusal of `json` says; empty if it is accepted.
std::string refusal(const Json& json) {
  try {
    parse(json);
    return "";
  } catch (const ModelError& error) {
    return error.what();
  }
}

Json toy() {
  return Json::parse(test::toy_config_json());
}

TEST(ModelConfigTest, ReadsFlashAsPublished) {
  const ModelConfig config = parse_model_config(test::flash_config_json(), "config.json");
  EXPECT_EQ(config.dim, 4096);
  EXPECT_EQ(config.n_layers, 43);
  EXPECT_EQ(config.n_mtp_layers, 1);
  EXPECT_EQ(config.compress_ratios.size(), 44u);
  EXPECT_EQ(config.ratio(1), 0);
  EXPECT_EQ(config.ratio(2), 4);
  EXPECT_EQ(config.ratio(3), 128);
  EXPECT_EQ(config.ratio(42), 4);
  EXPECT_EQ(config.ratio(43), 0);
  EXPECT_TRUE(config.is_draft(43));
  EXPECT_TRUE(config.is_hash_routed(2));
  EXPECT_FALSE(config.is_hash_routed(3));
  EXPECT_EQ(config.compress_rope_theta, 160000);
  ASSERT_TRUE(config.yarn.has_value());
  EXPECT_EQ(config.yarn->original_positions_max, 65536);
  EXPECT_TRUE(config.is_quantised);
}

TEST(ModelConfigTest, EveryKeyThatIsNeededIsNamedWhenItIsMissing) {
  for (const char* key : {"hidden_size",
                          "num_hidden_layers",
                          "num_attention_heads",
                          "head_dim",
                          "qk_rope_head_dim",
                          "q_lora_rank",
                          "o_lora_rank",
                          "o_groups",
                          "sliding_window",
                          "compress_ratios",
                          "rope_theta",
                          "compress_rope_theta",
                          "max_position_embeddings",
                          "index_n_heads",
                          "index_head_dim",
                          "index_topk",
                          "n_routed_experts",
                          "n_shared_experts",
                          "num_experts_per_tok",
                          "moe_intermediate_size",
                          "num_hash_layers",
                          "swiglu_limit",
                          "hc_mult",
                          "hc_sinkhorn_iters",
                          "hc_eps",
                          "rms_norm_eps",
                          "vocab_size",
                          "bos_token_id",
                          "eos_token_id",
                          "routed_scaling_factor"}) {
    Json json = toy();
    json.erase(key);
    EXPECT_NE(refusal(json).find("\"" + std::string(key) + "\" is missing"), std::string::npos)
        << key << ": " << refusal(json);
  }
}

TEST(ModelConfigTest, AbsurdValuesAreRefusedByName) {
  struct Case {
    const char* key;
    Json value;
  };
  for (const auto& [key, value] : std::vector<Case>{
           {"hidden_size", 0},
           {"hidden_size", -1},
           {"hidden_size", 1ull << 40},
           {"hidden_size", UINT64_MAX},
           {"hidden_size", 64.5},
           {"hidden_size", "64"},
           {"hidden_size", Json::array({64})},
           {"num_hidden_layers", 100000},
           {"num_attention_heads", 1 << 24},  // times head_dim
           {"o_groups", 3},
           {"qk_rope_head_dim", 17},
           {"qk_rope_head_dim", 64},
           {"index_head_dim", 48},
           {"compress_ratios", Json::array({0, 4})},
           {"compress_ratios", Json::array({0, 4, -1})},
           {"compress_ratios", Json::array({0, 4, "x"})},
           {"compress_ratios", Json::array({0, 4, 128, 4})},
           {"num_experts_per_tok", 5},
           {"num_hash_layers", 4},
           {"rope_theta", 0},
           {"rope_scaling", Json{{"type", "linear"}, {"factor", 2}}},
           {"rope_scaling", 7},
           {"hc_sinkhorn_iters", 1000000000},
           {"sliding_window", 1 << 30},
           {"eos_token_id", 50},
           {"eos_token_id", Json::array()},
           {"rms_norm_eps", -1e-6},
           {"model_type", "deepseek_v3"},
           {"scoring_func", "sigmoid"},
           {"tie_word_embeddings", 1},
           {"norm_topk_prob", 1},
           {"quantization_config", Json{{"quant_method", "awq"}}},
           {"quantization_config", Json{{"weight_block_size", {128, 0}}}},
           {"quantization_config", "fp8"},
       }) {
    Json json = toy();
    json[key] = value;
    EXPECT_NE(refusal(json), "") << key << " = " << value;
  }
  EXPECT_EQ(refusal(toy()), "");
}

TEST(ModelConfigTest, MessageNamesKeyValueAndBounds) {
  Json json = toy();
  json["hidden_size"] = 0;
  EXPECT_EQ(refusal(json),
            "cannot use config.json: \"hidden_size\" is 0, not an integer from 1 to 16777216");
}

TEST(ModelConfigTest, TextThatIsNoObjectIsRefused) {
  for (const char* text : {"", "[]", "7", "{", "{\"hidden_size\": 1e999}", "\xff\xfe"}) {
    EXPECT_THROW(parse_model_config(text, "config.json"), ModelError) << text;
  }
  const std::string deep(100000, '[');
  EXPECT_THROW(parse_model_config(deep, "config.json"), ModelError);
}

TEST(ModelConfigTest, NestedRopeParametersMeanTheSame) {
  Json json = toy();
  Json compress = json["rope_scaling"];
  compress["rope_type"] = "yarn";
  compress["rope_theta"] = 160000.0;
  compress.erase("type");
  for (const char* key : {"rope_scaling", "rope_theta", "compress_rope_theta"}) json.erase(key);
  json["rope_parameters"] = {{"main", {{"rope_type", "default"}, {"rope_theta", 10000.0}}},
                             {"compress", compress}};
  const ModelConfig nested = parse(json);
  EXPECT_EQ(nested.rope_theta, 10000);
  EXPECT_EQ(nested.compress_rope_theta, 160000);
  ASSERT_TRUE(nested.yarn.has_value());
  EXPECT_EQ(nested.yarn->factor, 16);
}

TEST(ModelConfigTest, LayerTypesMeanTheSameAsRatios) {
  Json json = toy();
  json.erase("compress_ratios");
  json["layer_types"] = {"sliding_attention", "compressed_sparse_attention",
                         "heavily_compressed_attention"};
  EXPECT_EQ(parse(json).compress_ratios, parse(toy()).compress_ratios);
  json["compress_rates"] = {{"heavily_compressed_attention", 64}};
  EXPECT_EQ(parse(json).ratio(2), 64);
  json["layer_types"][0] = "full_attention";
  EXPECT_NE(refusal(json).find("full_attention"), std::string::npos);
}

TEST(ModelConfigTest, ReadsTheDsparkHeadOfFlash0731) {
  const ModelConfig config = parse_model_config(test::flash_0731_config_json(), "config.json");
  EXPECT_EQ(config.n_mtp_layers, 0);  // although num_nextn_predict_layers is 1
  ASSERT_TRUE(config.dspark.has_value());
  EXPECT_EQ(config.dspark->n_stages, 3);
  EXPECT_EQ(config.dspark->block_size, 5);
  EXPECT_EQ(config.dspark->noise_token, 128799);
  EXPECT_EQ(config.dspark->target_layers, (std::vector<int64_t>{40, 41, 42}));
  EXPECT_EQ(config.dspark->markov_rank, 256);
  EXPECT_EQ(config.compress_ratios.size(), 46u);
  EXPECT_EQ(config.n_draft_layers(), 3);
  EXPECT_EQ(config.ratio(45), 0);
}

TEST(ModelConfigTest, DsparkStagesAreThoseThatHaveARatio) {
  Json json = Json::parse(test::toy_dspark_config_json());
  EXPECT_EQ(parse(json).dspark->n_stages, 3);
  json["compress_ratios"] = {0, 4, 128, 0, 0};
  EXPECT_EQ(parse(json).dspark->n_stages, 2);
  json["compress_ratios"] = {0, 4, 128};  // of the layers alone
  EXPECT_EQ(parse(json).dspark->n_stages, 3);
  EXPECT_EQ(parse(json).compress_ratios.size(), 6u);
}

TEST(ModelConfigTest, AbsurdDsparkValuesAreRefusedByName) {
  struct Case {
    const char* key;
    Json value;
    const char* message;
  };
  const char* const targets = "dspark_target_layer_ids";
  for (const auto& [key, value, message] : std::vector<Case>{
           {"dspark_block_size", 0, "\"dspark_block_size\" is 0"},
           {"dspark_block_size", 8, "\"dspark_block_size\" is not below sliding_window"},
           {"dspark_block_size", "5", "\"dspark_block_size\" is \"5\""},
           {"dspark_noise_token_id", 50, "\"dspark_noise_token_id\" is 50"},
           {"dspark_noise_token_id", nullptr, "\"dspark_noise_token_id\" is missing"},
           {"dspark_markov_rank", 0, "\"dspark_markov_rank\" is 0"},
           {"dspark_markov_rank", 1 << 24, "\"dspark_markov_rank\" makes a matrix"},
           {targets, nullptr, "\"dspark_target_layer_ids\" is missing"},
           {targets, Json::array(), "\"dspark_target_layer_ids\" is []"},
           {targets, 2, "\"dspark_target_layer_ids\" is 2, not a list"},
           {targets, {0, 3}, "dspark_target_layer_ids: \"entry\" is 3, not an integer from 0 to 2"},
           {targets, {0, "1"}, "dspark_target_layer_ids: \"entry\" is \"1\""},
           {targets, {2, 1}, "is [2,1], which does not increase"},
           {targets, {1, 1}, "is [1,1], which does not increase"},
           {"compress_ratios", {0, 4, 128, 0, 0, 4}, "compresses a layer that drafts"},
           {"compress_ratios", {0, 4, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "more than 8 DSpark stages"},
       }) {
    Json json = Json::parse(test::toy_dspark_config_json());
    json[key] = value;
    EXPECT_NE(refusal(json).find(message), std::string::npos) << message << ": " << refusal(json);
  }
}

TEST(ModelConfigTest, OptionalKeysHaveTheirDefaults) {
  Json json = toy();
  for (const char* key : {"quantization_config", "rope_scaling", "num_nextn_predict_layers",
                          "norm_topk_prob", "model_type"}) {
    json.erase(key);
  }
  json["eos_token_id"] = {1, 2};
  const ModelConfig config = parse(json);
  EXPECT_FALSE(config.is_quantised);
  EXPECT_FALSE(config.yarn.has_value());
  EXPECT_EQ(config.n_mtp_layers, 0);
  EXPECT_TRUE(config.normalise_topk);
  EXPECT_EQ(config.eos_token, 1);
}

TEST(ModelConfigTest, MissingFileSaysWhatModelMeans) {
  try {
    load_model_config("/nonexistent");
    FAIL();
  } catch (const ModelError& error) {
    EXPECT_NE(std::string(error.what()).find("/nonexistent/config.json"), std::string::npos);
  }
}

}  // namespace
}  // namespace widenet::engine
