#include "host/core/text.h"

#include "gtest/gtest.h"

namespace sluice::core {
namespace {

struct Pair {
  const char* from;
  const char* to;
};

TEST(NormaliseText, MakesTextsThatLookTheSameTheSame) {
  for (const Pair& p : std::vector<Pair>{{"Noor", "Noor"},
                                         {"Noor ", "Noor"},
                                         {" \t Noor\n", "Noor"},
                                         {"Zwaluw\u00A0", "Zwaluw"},
                                         {"van\u00A0der  Zwaluw", "van der Zwaluw"},
                                         {"Zwa\u200Bluw", "Zwaluw"},
                                         {"\uFEFFZwaluw\u00AD", "Zwaluw"},
                                         {"Zoe\u0308", "Zo\u00EB"},
                                         {"\u1E9B\u0323", "\u1E9B\u0323"},
                                         {" \u200B ", ""},
                                         {"", ""},
                                         {"a\x01z", "az"},
                                         {"a  b", "a b"}}) {
    EXPECT_EQ(NormaliseText(p.from), p.to) << p.from;
    EXPECT_EQ(NormaliseText(NormaliseText(p.from)), NormaliseText(p.from)) << p.from;
  }
}

TEST(NormaliseValue, ReachesTextsInsideListsAndMapsAndMakesBlankOnesEmpty) {
  Value value = Value::ListOf({Value::Text(" a "), Value::MapOf({{"k", Value::Text("\u00A0")}}), Value::Integer(1)});
  EXPECT_TRUE(NormaliseValue(value) ==
              Value::ListOf({Value::Text("a"), Value::MapOf({{"k", Value::Empty()}}), Value::Integer(1)}));
  EXPECT_TRUE(NormaliseValue(Value::Text("  ")) == Value::Empty());
  EXPECT_TRUE(NormaliseValue(Value::PartialListOf({Value::Text("b ")})) == Value::PartialListOf({Value::Text("b")}));
}

TEST(Transliterate, FindsTheNearestAscii) {
  for (const Pair& p : std::vector<Pair>{{"Zo\u00EB \u00C7elik", "Zoe Celik"},
                                         {"Zoe\u0308 C\u0327elik", "Zoe Celik"},
                                         {"S\u00F8ren", "Soren"},
                                         {"\u0141ukasz", "Lukasz"},
                                         {"Gro\u00DF", "Gross"},
                                         {"\u0110or\u0111e", "Dorde"},
                                         {"\u00C6sir \u0153uvre", "AEsir oeuvre"},
                                         {"\u0130pek I\u015F\u0131k", "Ipek Isik"},
                                         {"\u00DE\u00F3r", "Thor"},
                                         {"van \u2019t Hoff\u2013de", "van 't Hoff-de"},
                                         {"\u0132sbrand", "IJsbrand"},
                                         {"Nguy\u1EC5n", "Nguyen"},
                                         {"\u4E2D\u0416x", "x"},
                                         {"plain", "plain"}}) {
    EXPECT_EQ(Transliterate(p.from), p.to) << p.from;
  }
}

TEST(Case, ChangesLettersOfAnyScriptTheSameInEveryLocale) {
  EXPECT_EQ(ToLower("\u00C7ELIK I"), "\u00E7elik i");
  EXPECT_EQ(ToUpper("zo\u00EB stra\u00DFe"), "ZO\u00CB STRASSE");
  EXPECT_EQ(FoldCase("ZOE\u0308"), FoldCase("zo\u00EB"));
  EXPECT_EQ(FoldCase("\uFF2E\uFF4For"), "noor");
  EXPECT_EQ(FoldCase("stra\u00DFe"), "strasse");
}

TEST(ToTitle, WritesNamesAsTheDutchDo) {
  for (const Pair& p : std::vector<Pair>{{"JAN-WILLEM", "Jan-Willem"},
                                         {"o'brien", "O'Brien"},
                                         {"'t hoff", "'t Hoff"},
                                         {"ijsbrand van DIJK", "IJsbrand Van Dijk"},
                                         {"zo\u00EB \u00E7elik", "Zo\u00EB \u00C7elik"},
                                         {"st.jans", "St.Jans"},
                                         {"", ""}}) {
    EXPECT_EQ(ToTitle(p.from), p.to) << p.from;
  }
}

TEST(Characters, AreCodePointsNotBytes) {
  EXPECT_EQ(Length("Zo\u00EB\U0001F600"), 4);
  EXPECT_EQ(Left("\u00C7elik", 1), "\u00C7");
  EXPECT_EQ(Left("\u00C7elik", 99), "\u00C7elik");
  EXPECT_EQ(Left("abc", 0), "");
  EXPECT_EQ(Right("Zo\u00EB", 1), "\u00EB");
  EXPECT_EQ(Right("Zo\u00EB", 99), "Zo\u00EB");
  EXPECT_EQ(Substring("Zo\u00EB\u00EBn", 2, 2), "\u00EB\u00EB");
  EXPECT_EQ(Substring("abc", 5, 2), "");
  EXPECT_EQ(Characters("a\u00EB").size(), 2u);
  EXPECT_EQ(Left("a\xff\xfe"
                 "b",
                 2),
            "a\xff");
}

TEST(Numbers, AreReadOnlyInTheFormThatIsWritten) {
  EXPECT_EQ(ParseDecimal("0.8")->millionths, 800000);
  EXPECT_EQ(ParseDecimal("-0.000001")->millionths, -1);
  EXPECT_EQ(ParseDecimal("12")->millionths, 12000000);
  for (const char* text : {"", ".", "1.", ".5", "1e3", " 1", "+1", "0x1", "1.2345678", "9999999999999"}) {
    EXPECT_FALSE(ParseDecimal(text).has_value()) << text;
  }
  EXPECT_EQ(DecimalText({-500000}), "-0.5");
  EXPECT_EQ(ParseInteger("-12"), -12);
  EXPECT_FALSE(ParseInteger(" 12").has_value());
  EXPECT_FALSE(ParseInteger("-").has_value());
}

TEST(Dates, ExistOrAreRefused) {
  EXPECT_EQ(ParseDate("2028-02-29"), absl::CivilDay(2028, 2, 29));
  for (const char* text : {"2027-02-29", "2027-13-01", "2027-1-01", "2027-00-10", "20270101", "2027-01-01T00:00"}) {
    EXPECT_FALSE(ParseDate(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sluice::core
