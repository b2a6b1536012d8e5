#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "sluice/connector/error.h"
#include "sluice/connector/formats.h"
#include "sluice/connector/json_reader.h"
#include "sluice/connector/secret.h"
#include "sluice/connector/xml_reader.h"

namespace sluice::connector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Gives a text without end a few bytes at a time, and how much was asked for.
class Drip final : public ByteSource {
 public:
  Drip(std::string head, std::string again, size_t times, std::string tail)
      : head_(std::move(head)), again_(std::move(again)), times_(times), tail_(std::move(tail)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    while (left_.empty() && step_ <= times_ + 1) {
      left_ = step_ == 0 ? head_ : step_ <= times_ ? again_ : tail_;
      ++step_;
    }
    const size_t count = std::min({size, left_.size(), size_t{7}});
    std::memcpy(buffer, left_.data(), count);
    left_.erase(0, count);
    return count;
  }

 private:
  const std::string head_, again_;
  const size_t times_;
  const std::string tail_;
  std::string left_;
  size_t step_ = 0;
};

Reason ReasonOf(const absl::Status& status) { return Error::From(status).reason; }

TEST(JsonReader, GivesElementByElementAndKeepsWhatStandsAround) {
  std::vector<Value> items;
  JsonReader reader("d.results");
  reader.Skip({"photo"}).Each([&](const Value& item) {
    items.push_back(item);
    return absl::OkStatus();
  });
  ASSERT_TRUE(reader
                  .Read(R"({"count":2,"d":{"results":[{"id":1,"name":"José","photo":{"a":["big",1]},"none":null,
                         "tags":["x",2.5,true],"big":123456789012345678901},"two"],"next":"n"},"ok":[1,[2]]})")
                  .ok());
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(*FieldAt(items[0], "id").integer(), 1);
  EXPECT_EQ(FieldAt(items[0], "name").TextOr(""), "José");
  EXPECT_FALSE(FieldAt(items[0], "photo").is_visible());
  EXPECT_TRUE(FieldAt(items[0], "none").is_empty());
  EXPECT_EQ(FieldAt(items[0], "tags").list()->size(), 3u);
  EXPECT_EQ(FieldAt(items[0], "big").TextOr(""), "123456789012345678901") << "no number loses digits";
  EXPECT_EQ(items[1].TextOr(""), "two");
  EXPECT_EQ(*FieldAt(reader.rest(), "count").integer(), 2);
  EXPECT_EQ(FieldAt(reader.rest(), "d.next").TextOr(""), "n");
  EXPECT_FALSE(FieldAt(reader.rest(), "d.results").is_visible());
  EXPECT_EQ(FieldAt(reader.rest(), "ok").list()->size(), 2u);
}

TEST(JsonReader, ReadsWithoutHoldingWhatWasRead) {
  Drip source("[", "{\"id\":\"0123456789\",\"hours\":12.50},", 20'000, "{\"id\":\"last\"}]");
  size_t count = 0;
  JsonReader reader("", ReadLimits{.max_depth = 4, .max_item_bytes = 2048});
  reader.DecimalsAsText().Each([&](const Value& item) {
    ++count;
    EXPECT_TRUE(!FieldAt(item, "hours").is_visible() || FieldAt(item, "hours").TextOr("") == "12.50");
    return absl::OkStatus();
  });
  EXPECT_TRUE(reader.Read(source).ok()) << "the limit is on an element, not on the document";
  EXPECT_EQ(count, 20'001u);
}

TEST(JsonReader, RefusesWhatIsBrokenTooDeepTooLargeOrNotThere) {
  const auto read = [](const std::string& text) {
    JsonReader reader("value", ReadLimits{.max_depth = 8, .max_item_bytes = 1000});
    reader.Each([](const Value&) { return absl::OkStatus(); });
    return reader.Read(text);
  };
  EXPECT_EQ(ReasonOf(read("{\"value\":[1,2")), Reason::kTransient);
  EXPECT_EQ(ReasonOf(read("<html>canary</html>")), Reason::kTransient);
  EXPECT_THAT(read("<html>canary</html>").ToString(), Not(HasSubstr("canary")));
  EXPECT_THAT(read("{\"value\":[\"canary").ToString(), Not(HasSubstr("canary")));
  EXPECT_EQ(ReasonOf(read("{\"other\":[]}")), Reason::kTransient);
  EXPECT_EQ(ReasonOf(read("{\"value\":[" + std::string(2000, '[') + "]}")), Reason::kInvalid);
  EXPECT_EQ(ReasonOf(read("{\"value\":[\"" + std::string(2000, 'x') + "\"]}")), Reason::kInvalid);
  EXPECT_EQ(ReasonOf(read("{\"more\":\"" + std::string(2000, 'x') + "\",\"value\":[]}")), Reason::kInvalid);
  EXPECT_EQ(ReasonOf(read("")), Reason::kTransient);
  EXPECT_TRUE(read("{\"value\":[]}").ok());
  JsonReader stops("");
  stops.Each([](const Value&) -> absl::Status { return Error(Reason::kCancelled, "T", "enough"); });
  EXPECT_EQ(ReasonOf(stops.Read("[1,2,3]")), Reason::kCancelled);
  EXPECT_EQ(FieldAt(*ParseJson("{\"a\":{\"b\":[1]}}"), "a.b").list()->size(), 1u);
  EXPECT_FALSE(ParseJson("{").ok());
}

TEST(XmlReader, GivesElementByElement) {
  std::vector<XmlElement> rows;
  int faults = 0;
  XmlReader reader;
  reader
      .Each("Employees/Row",
            [&](const XmlElement& row) {
              rows.push_back(row);
              return absl::OkStatus();
            })
      .Each("Fault", [&](const XmlElement&) {
        ++faults;
        return absl::OkStatus();
      });
  ASSERT_TRUE(
      reader
          .Read("<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"u\"><Row/><s:Body><Employees>"
                "<Row s:id=\"1\"><Name>\n Jos&#233; &amp; Co </Name><Job><Hours>12,5</Hours></Job><Empty/></Row>"
                "<Row s:id=\"2\"><![CDATA[<x>]]></Row></Employees></s:Body></s:Envelope>")
          .ok());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].attributes.at("id"), "1");
  EXPECT_EQ(rows[0].TextAt("Name"), "José & Co");
  EXPECT_EQ(rows[0].TextAt("Job/Hours"), "12,5");
  EXPECT_NE(rows[0].Find("Empty"), nullptr);
  EXPECT_EQ(rows[0].Find("Missing"), nullptr);
  EXPECT_EQ(rows[1].text, "<x>");
  EXPECT_EQ(faults, 0);
  EXPECT_EQ(reader.elements_read(), 2);
}

TEST(XmlReader, ReadsWithoutHoldingWhatWasRead) {
  Drip source("<All>", "<Row><Id>0123456789</Id></Row>\n", 20'000, "</All>");
  XmlReader reader(ReadLimits{.max_depth = 4, .max_item_bytes = 2048});
  reader.Each("Row", [](const XmlElement&) { return absl::OkStatus(); });
  EXPECT_TRUE(reader.Read(source).ok());
  EXPECT_EQ(reader.elements_read(), 20'000);
}

TEST(XmlReader, RefusesDocumentTypesAndWhatIsBrokenTooDeepOrTooLarge) {
  const auto read = [](const std::string& text) {
    XmlReader reader(ReadLimits{.max_depth = 8, .max_item_bytes = 1000});
    reader.Each("Row", [](const XmlElement&) { return absl::OkStatus(); });
    return reader.Read(text);
  };
  EXPECT_EQ(ReasonOf(read("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a><Row>&x;</Row></a>")),
            Reason::kInvalid);
  EXPECT_EQ(ReasonOf(read("<a><Row>1</Row>")), Reason::kTransient);
  EXPECT_EQ(ReasonOf(read("{\"canary\":1}")), Reason::kTransient);
  EXPECT_THAT(read("canary").ToString(), Not(HasSubstr("canary")));
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "<a>";
  EXPECT_EQ(ReasonOf(read(deep)), Reason::kInvalid);
  EXPECT_EQ(ReasonOf(read("<a><Row>" + std::string(2000, 'x') + "</Row></a>")), Reason::kInvalid);
  EXPECT_EQ(ReasonOf(read("")), Reason::kTransient);
}

TEST(Formats, DatesAndMomentsFitOrAreNone) {
  EXPECT_EQ(ParseDate("2026-08-01"), absl::CivilDay(2026, 8, 1));
  EXPECT_EQ(ParseDate("01-08-2026", "%d-%m-%Y"), absl::CivilDay(2026, 8, 1));
  EXPECT_EQ(ParseDate("20260801", "%Y%m%d"), absl::CivilDay(2026, 8, 1));
  EXPECT_EQ(ParseDate("2026-02-30"), std::nullopt);
  EXPECT_EQ(ParseDate("2026-08-01T00:00:00"), std::nullopt);
  EXPECT_EQ(ParseDate(" 2026-08-01"), std::nullopt);
  EXPECT_EQ(ParseDate(""), std::nullopt);
  const absl::TimeZone amsterdam = absl::FixedTimeZone(2 * 3600);
  const absl::Time noon = absl::FromCivil(absl::CivilSecond(2026, 8, 1, 10, 0, 0), absl::UTCTimeZone());
  EXPECT_EQ(ParseTime("2026-08-01T10:00:00Z", amsterdam), noon);
  EXPECT_EQ(ParseTime("2026-08-01T12:00:00+02:00", amsterdam), noon);
  EXPECT_EQ(ParseTime("2026-08-01T12:00:00", amsterdam), noon);
  EXPECT_EQ(ParseTime("2026-08-01T12:00:00.000", amsterdam), noon);
  EXPECT_EQ(ParseTime("2026-08-01", amsterdam), noon - absl::Hours(12));
  EXPECT_EQ(ParseTime("tomorrow", amsterdam), std::nullopt);
}

TEST(Formats, DecimalsLoseNothing) {
  EXPECT_EQ(Decimal::Parse("12.50")->Text(), "12.5");
  EXPECT_EQ(Decimal::Parse("0,80", ',')->Text(), "0.8");
  EXPECT_EQ(Decimal::Parse("-0.25")->Text(','), "-0,25");
  EXPECT_EQ(Decimal::Parse("-0.05")->Text(), "-0.05");
  EXPECT_EQ(Decimal::Parse("0.10"), Decimal(1, 1));
  EXPECT_EQ(Decimal::Parse("1200")->Text(), "1200");
  EXPECT_EQ(Decimal::Parse("0.1")->Number(), 0.1);
  for (const char* none : {"", "-", ".", ".5", "5.", "1.234,56", "1,2", "1e3", " 1", "1234567890123456789"})
    EXPECT_EQ(Decimal::Parse(none), std::nullopt) << none;
}

// A secret cannot be printed, formatted, joined into a text, or turned into one by accident.
template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <typename T>
concept Joinable = requires(const T& value) {
  absl::StrCat(value);
};

TEST(Secret, CannotBePrinted) {
  static_assert(!Printable<Secret>);
  static_assert(!Joinable<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!std::is_convertible_v<Secret, AnyText>);
  static_assert(Printable<std::string> && Joinable<std::string>);
  EXPECT_EQ(Value(Secret("x")).text(), nullptr);
}

}  // namespace
}  // namespace sluice::connector
