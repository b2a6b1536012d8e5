#include "host/base/hash.h"

#include <set>

#include "gtest/gtest.h"

namespace sluice::base {
namespace {

TEST(CanonicalJson, SortsKeysAndLeavesOutWhiteSpace) {
  EXPECT_EQ(CanonicalJson(nlohmann::json::parse(R"( {"b": [1, -2, true, null], "a": {"d": "x", "c": false}} )")),
            R"({"a":{"c":false,"d":"x"},"b":[1,-2,true,null]})");
}

TEST(CanonicalJson, SortsKeysByCodeUnitsOfUtf16AsTheExampleOfTheRfcDoes) {
  nlohmann::json json = {
      {"\u20ac", "Euro Sign"},  {"\r", "Carriage Return"}, {"\ufb33", "Hebrew Letter Dalet"}, {"1", "One"},
      {"\U0001F600", "Smiley"}, {"\u0080", "Control"},     {"\u00f6", "Latin O With Umlaut"}};
  EXPECT_EQ(CanonicalJson(json),
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"\u00f6\":\"Latin O With Umlaut\","
            "\"\u20ac\":\"Euro Sign\",\"\U0001F600\":\"Smiley\",\"\ufb33\":\"Hebrew Letter Dalet\"}");
}

TEST(CanonicalJson, EscapesOnlyWhatMustBe) {
  EXPECT_EQ(CanonicalJson("\u20ac$\x0f\nA'B\"\\\\\"/\x7f\b\t\f"),
            "\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\x7f\\b\\t\\f\"");
}

TEST(CanonicalJson, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(CanonicalJson(std::string("a\xff\xc3z\xed\xa0\x80")), "\"a\uFFFD\uFFFDz\uFFFD\uFFFD\uFFFD\"");
}

TEST(CanonicalJson, KeepsLargeIntegersExact) {
  EXPECT_EQ(CanonicalJson(INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(CanonicalJson(UINT64_MAX), "18446744073709551615");
}

TEST(CanonicalJsonDeathTest, EndsTheProgramAtAFraction) { EXPECT_DEATH(CanonicalJson(0.5), "integers only"); }

TEST(Hash, GivesTheKnownDigestOfAbc) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256("").size(), 32u);
}

TEST(Uuid, IsTheSameForTheSameInputAndHasVersion8) {
  std::string id = UuidOf({"person", "somtoday", "leerling", "1"});
  EXPECT_EQ(id, UuidOf({"person", "somtoday", "leerling", "1"}));
  EXPECT_NE(id, UuidOf({"person", "somtoday", "leerling", "2"}));
  ASSERT_EQ(id.size(), 36u);
  EXPECT_EQ(id[14], '8');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
}

TEST(Uuid, TakesTheFirst122BitsOfTheHash) {
  // SHA-256 of "\"abc\"", the canonical JSON of the text abc.
  std::string digest = Sha256Hex("\"abc\"");
  std::string id = UuidOf("abc");
  EXPECT_EQ(id.substr(0, 8), digest.substr(0, 8));
  EXPECT_EQ(id.substr(9, 4), digest.substr(8, 4));
  EXPECT_EQ(id.substr(15, 3), digest.substr(12, 3));
}

TEST(Random, NeverRepeats) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(RandomUuid());
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_EQ((*ids.begin())[14], '4');
  EXPECT_EQ(RandomBytes(33).size(), 33u);
  EXPECT_EQ(RandomBytes(0), "");
}

}  // namespace
}  // namespace sluice::base
