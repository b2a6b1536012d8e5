#include "host/core/value.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/base/hash.h"

namespace sluice::core {
namespace {

struct JsonCase {
  const char* name;
  Value value;
  const char* json;
  const char* text;
};

std::vector<JsonCase> JsonCases() {
  return {
      {"text", Value::Text("Noor"), R"("Noor")", "Noor"},
      {"integer", Value::Integer(-4), "-4", "-4"},
      {"flag", Value::Flag(true), "true", "true"},
      {"empty", Value::Empty(), "null", ""},
      {"date", Value::Date(absl::CivilDay(2026, 8, 1)), R"({"$date":"2026-08-01"})", "2026-08-01"},
      {"decimal", Value::Number({800000}), R"({"$decimal":"0.8"})", "0.8"},
      {"negative decimal", Value::Number({-1000001}), R"({"$decimal":"-1.000001"})", "-1.000001"},
      {"whole decimal", Value::Number({2000000}), R"({"$decimal":"2"})", "2"},
      {"time", Value::Time(absl::FromUnixMicros(1790000000000000)), R"({"$time":1790000000000000})",
       "2026-09-21T14:13:20+00:00"},
      {"data", Value::Data(std::string("\0\xff", 2)), R"({"$data":"AP8="})", "AP8="},
      {"reference", Value::Ref({"leerling", "a1"}), R"({"$ref":["leerling","a1"]})", "a1"},
      {"list", Value::ListOf({Value::Text("a"), Value::Empty(), Value::Integer(2), Value::NotVisible()}),
       R"(["a",null,2,{"$hidden":true}])", "a, 2"},
      {"partial list", Value::PartialListOf({Value::Text("a")}), R"({"$partial":["a"]})", "a"},
      {"map", Value::MapOf({{"b", Value::Integer(1)}, {"a", Value::NotVisible()}}),
       R"({"$map":{"a":{"$hidden":true},"b":1}})", R"({"a":{"$hidden":true},"b":1})"},
      {"not visible", Value::NotVisible(), R"({"$hidden":true})", ""},
  };
}

TEST(Value, HasOneJsonFormAndComesBackFromIt) {
  for (const JsonCase& c : JsonCases()) {
    EXPECT_EQ(base::CanonicalJson(ToJson(c.value)), c.json) << c.name;
    auto back = ValueFromJson(nlohmann::json::parse(c.json));
    ASSERT_TRUE(back.ok()) << c.name << ": " << back.status();
    EXPECT_TRUE(*back == c.value) << c.name;
    EXPECT_EQ(c.value.ToText(), c.text) << c.name;
  }
}

TEST(Value, RefusesAnyOtherForm) {
  for (const char* json : {"0.5", R"({"$date":"2026-02-30"})", R"({"$date":"2026-8-1"})", R"({"a":1})", "{}",
                           R"({"$decimal":"0.1234567"})", R"({"$decimal":"1e3"})", R"({"$data":"???"})",
                           R"({"$ref":["a"]})", R"({"$hidden":false})", R"({"$time":"x"})", R"({"$map":[]})",
                           R"({"$partial":{}})", R"({"$date":"2026-08-01","x":1})", "18446744073709551615"}) {
    EXPECT_EQ(ValueFromJson(nlohmann::json::parse(json)).status().code(), absl::StatusCode::kInvalidArgument) << json;
  }
}

TEST(Value, KeepsApartWhatOthersMixUp) {
  std::vector<Value> values;
  for (const JsonCase& c : JsonCases()) values.push_back(c.value);
  values.push_back(Value::Text(""));
  values.push_back(Value::Integer(0));
  values.push_back(Value::Data("Noor"));
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < values.size(); ++j) EXPECT_EQ(values[i] == values[j], i == j) << i << " " << j;
  }
  EXPECT_FALSE(Value().is_visible());
  EXPECT_FALSE(Value::Empty().has_value());
  EXPECT_TRUE(Value::Text("").has_value());
}

TEST(Value, CutsATimeToMicroseconds) {
  EXPECT_TRUE(Value::Time(absl::FromUnixNanos(1123456789)) == Value::Time(absl::FromUnixMicros(1123456)));
}

TEST(Fields, LeaveOutWhatIsNotVisible) {
  Fields fields = {{"name.nick", Value::Text("Noor")}, {"name.prefix", Value::Empty()}, {"x", Value::NotVisible()}};
  EXPECT_EQ(base::CanonicalJson(FieldsToJson(fields)), R"({"name.nick":"Noor","name.prefix":null})");
  auto back = FieldsFromJson(FieldsToJson(fields));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->size(), 2u);
  EXPECT_FALSE(FieldsFromJson(nlohmann::json::array()).ok());
}

TEST(Fields, WriteTheSameCanonicalJsonWithoutMakingTheOther) {
  Fields fields;
  for (const JsonCase& c : JsonCases()) fields[c.name] = c.value;
  fields["quoted \"\\\n"] = Value::Text("a\"b\\\x01\x7f\xc3\xab\xff");
  fields["hidden"] = Value::NotVisible();
  fields["list"] = Value::ListOf({Value::NotVisible(), Value::Text("x"), Value::ListOf({})});
  const auto written = [](const Fields& all) {
    std::string text;
    AppendCanonicalJson(all, text);
    return text;
  };
  EXPECT_EQ(written(fields), base::CanonicalJson(FieldsToJson(fields)));
  EXPECT_EQ(written({}), "{}");
  EXPECT_EQ(written({{"x", Value::NotVisible()}}), "{}");
  // U+E000 comes before U+1F600 by bytes, and after it by UTF-16.
  fields["\xee\x80\x80"] = Value::Integer(1);
  fields["\xf0\x9f\x98\x80"] = Value::Integer(2);
  EXPECT_EQ(written(fields), base::CanonicalJson(FieldsToJson(fields)));
}

TEST(Fields, AreOrderedByNameAndOfTwoWithOneNameTheFirstStays) {
  Fields fields = {{"b", Value::Integer(2)}, {"a", Value::Integer(1)}, {"b", Value::Integer(3)}};
  EXPECT_FALSE(fields.emplace("a", Value::Integer(9)));
  EXPECT_TRUE(fields.emplace("c", Value::Integer(3)));
  std::string seen;
  for (const auto& [name, value] : fields) seen += name + value.ToText();
  EXPECT_EQ(seen, "a1b2c3");
  EXPECT_TRUE(fields.find("bb") == fields.end());
  EXPECT_EQ(fields.erase("b"), 1u);
  EXPECT_EQ(fields.erase("b"), 0u);
  EXPECT_TRUE((fields == Fields{{"c", Value::Integer(3)}, {"a", Value::Integer(1)}}));
  EXPECT_FALSE((fields == Fields{{"c", Value::Integer(3)}, {"b", Value::Integer(1)}}));
}

TEST(Fields, ACopyIsAnotherOnceOneOfThemIsChanged) {
  Fields one = {{"a", Value::Integer(1)}};
  const Fields other = one;
  one["a"] = Value::Integer(2);
  one["b"] = Value::Integer(3);
  EXPECT_EQ(other.size(), 1u);
  EXPECT_TRUE(other.at("a") == Value::Integer(1));
  EXPECT_TRUE(one.at("a") == Value::Integer(2));
}

}  // namespace
}  // namespace sluice::core
