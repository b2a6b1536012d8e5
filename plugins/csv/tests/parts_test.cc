// The parts by themselves: dates, names of columns, settings.
#include "plugins/csv/src/dates.h"
#include "plugins/csv/src/encoding.h"
#include "plugins/csv/tests/csv_fixture.h"

namespace sluice::csv {
namespace {

using ::testing::HasSubstr;

std::string Day(const char* text, const std::vector<std::string>& forms) { return TextOf(DayOf(text, forms)); }

TEST(DatesTest, ReadsTheFormsThatItWasToldAndNoOther) {
  EXPECT_EQ(Day("1-8-2026", {"dd-mm-yyyy"}), "2026-08-01");
  EXPECT_EQ(Day("01-08-2026 00:00:00", {"dd-mm-yyyy"}), "2026-08-01");
  EXPECT_EQ(Day("20260801", {"yyyymmdd"}), "2026-08-01");
  EXPECT_EQ(Day("8/1/2026", {"m/d/yyyy"}), "2026-08-01");
  EXPECT_EQ(Day("29-02-2024", {"dd-mm-yyyy"}), "2024-02-29");
  for (const char* text : {"29-02-2026", "01-08-26", "2026-08-01", "01/08/2026", "01-08-2026 12:00", "", "1 augustus",
                           "01-08-20266", "46235"}) {
    EXPECT_EQ(Day(text, {"dd-mm-yyyy"}), "?") << text;
  }
  EXPECT_EQ(Day("2026801", {"yyyymmdd"}), "?");
  EXPECT_EQ(Day("31-12-9999", {"dd-mm-yyyy"}), "-");
  EXPECT_EQ(Day("00-00-0000", {"dd-mm-yyyy"}), "-");
}

TEST(DatesTest, FormsThatReadOneTextAsTwoDaysAreRefusedTogether) {
  EXPECT_EQ(ConflictOf({"dd-mm-yyyy", "yyyy-mm-dd", "yyyymmdd", "m/d/yyyy"}), "");
  EXPECT_THAT(ConflictOf({"dd-mm-yyyy", "mm-dd-yyyy"}), HasSubstr("is one day as dd-mm-yyyy"));
  EXPECT_TRUE(IsDateForm("d.m.yyyy"));
  for (const char* form : {"dd-mm-yy", "dd-mm", "", "%d-%m-%Y", "dd-mm-yyyy hh"})
    EXPECT_FALSE(IsDateForm(form)) << form;
}

TEST(ColumnsTest, AreCalledByPlainLettersOfTheirHeading) {
  EXPECT_EQ(AttributeName(" Datum in dienst "), "datum_in_dienst");
  EXPECT_EQ(AttributeName("E-mail (werk)"), "e_mail_werk");
  EXPECT_EQ(AttributeName("Financi\xC3\xABle code"), "financiele_code");
  EXPECT_EQ(AttributeName("\xE2\x82\xAC"), "");
}

TEST(SettingsTest, ThatDoNotGoTogetherAreRefused) {
  const auto check = [](std::map<std::string, connector::Value> values) {
    std::string all;
    for (const auto& diagnostic : Validate(connector::Settings(std::move(values), {})).diagnostics)
      absl::StrAppend(&all, diagnostic.summary, "; ");
    return all;
  };
  using connector::List;
  using connector::Value;
  EXPECT_EQ(check({{"file", "/srv/people.csv"}}), "");
  EXPECT_THAT(check({{"file", "people.csv"}}), HasSubstr("write the whole path"));
  EXPECT_THAT(check({{"header", false}}), HasSubstr("needs its columns by name"));
  EXPECT_THAT(check({{"contracts", false}, {"contract_file", "/c.csv"}}), HasSubstr("leave out one of the two"));
  EXPECT_THAT(check({{"date_forms", List{"dd-mm-yy"}}}), HasSubstr("is no form of a date"));
  EXPECT_THAT(check({{"date_forms", List{"dd/mm/yyyy", "mm/dd/yyyy"}}}), HasSubstr("is one day as"));
}

}  // namespace
}  // namespace sluice::csv
