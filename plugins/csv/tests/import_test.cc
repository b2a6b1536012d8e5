// What becomes of single lines, of contracts, and of files that are being written.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "plugins/csv/tests/csv_fixture.h"

namespace sluice::csv {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kHeading[] = "personeelsnummer;roepnaam;achternaam;datum_in_dienst;datum_uit_dienst\n";
constexpr char kGood[] = "1;Jan;Dam;01-08-2026;\n2;Anna;Blok;01-08-2026;31-07-2027\n";

TEST_F(CsvTest, ABadLineHoldsBackItsPersonAndNobodyElse) {
  Write(absl::StrCat(kHeading, kGood, "3;Piet;Klaassen, Jr\n4;Els;Vos;01-08-2026;\n"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: Jan Dam", "2: Anna Blok", "3: ? ?", "4: Els Vos"));
  EXPECT_THAT(Contracts(), ElementsAre("1: 1 2026-08-01 -", "2: 2 2026-08-01 2027-07-31", "4: 4 2026-08-01 -"));
  EXPECT_EQ(out_.ends.at(kPerson), "complete") << "somebody else's leaving is believed";
  EXPECT_EQ(out_.ends.at(kContract), "complete");
  EXPECT_THAT(out_.warnings,
              ElementsAre("file, line 4: it has fewer columns than the heading; its person is held back"));
}

TEST_F(CsvTest, WhereABadLineMayBeAnybodysNobodyLeaves) {
  // The id is not in front: a separator too many may stand before it.
  Write(
      "roepnaam;personeelsnummer;achternaam;datum_in_dienst;datum_uit_dienst\n"
      "Jan;1;Dam;01-08-2026;\nAnna;Marie;2;Blok;01-08-2026;\nEls;4;Vos;01-08-2026;\n");
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: Jan Dam", "4: Els Vos")) << "never a person called Marie";
  EXPECT_THAT(out_.ends.at(kPerson), HasSubstr("in part: file, line 3: it has more columns than the heading"));
  EXPECT_THAT(out_.ends.at(kContract), HasSubstr("nobody leaves until it is mended"));
}

TEST_F(CsvTest, AQuoteThatIsNotClosedSpoilsItsOwnLineOnly) {
  Write(absl::StrCat(kHeading, kGood, "3;\"Piet;Vos;01-08-2026;\n4;Els;\"Vos\";01-08-2026;\n5;Ed;Bol;01-08-2026;\n"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: Jan Dam", "2: Anna Blok", "3: ? ?", "4: Els Vos", "5: Ed Bol"));
  EXPECT_THAT(out_.warnings, ElementsAre(HasSubstr("file, line 4: text follows a closing quote")));
}

TEST_F(CsvTest, QuotedCellsHoldSeparatorsQuotesAndLineBreaks) {
  Write(absl::StrCat(kHeading,
                     "1;\"Jan \"\"de; beer\"\"\";\"Dam\r\nen Dijk\";01-08-2026;\r\n2;An;Bol;01-08-2026;\r\n3;Bo"));
  EXPECT_THAT(std::string(Import().message()), HasSubstr("in the middle of line 5"))
      << "lines are counted in quotes too";
  Write(absl::StrCat(kHeading, "1;\"Jan \"\"de; beer\"\"\";\"Dam\r\nen Dijk\";01-08-2026;\r\n"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: Jan \"de; beer\" Dam\nen Dijk"));
}

TEST_F(CsvTest, ANumberThatASpreadsheetSpoiledIsNobodysId) {
  Write(absl::StrCat(kHeading, kGood, "5,13E+04;Ellen;Boer;01-08-2026;\n;Sem;Bakker;01-08-2026;\n"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: Jan Dam", "2: Anna Blok"));
  EXPECT_THAT(out_.ends.at(kPerson), HasSubstr("line 4: it does not say whose it is (and 1 more)"));
}

TEST_F(CsvTest, LeadingZerosAreKept) {
  Write(absl::StrCat(kHeading, "007;Jan;Dam;01-08-2026;\n7;An;Dam;01-08-2026;\n"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("007: Jan Dam", "7: An Dam"));
}

TEST_F(CsvTest, ADayThatCannotBeReadIsNotVisibleAndSaysSo) {
  Write(absl::StrCat(kHeading, kGood, "3;Piet;Vos;31-02-2026;soon\n"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(Contracts(), Contains("3: 3 ? ?"));
  EXPECT_THAT(out_.warnings, Contains("file, line 4: datum_in_dienst is no day of the form dd-mm-yyyy or yyyy-mm-dd"));
}

TEST_F(CsvTest, APersonHasSeveralContractsByTheColumnsThatTellThemApart) {
  const std::string lines = "1;Jan;Dam;01-08-2025;31-07-2026\n2;Anna;Blok;01-08-2026;\n1;Jan;Dam;01-08-2026;\n";
  Write(absl::StrCat(kHeading, lines));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), Contains("1: ? ?")) << "which of the two holds cannot be known";
  EXPECT_THAT(out_.warnings, Contains(HasSubstr("name in contract_id what tells contracts apart")));
  Texts("contract_id", {"datum_in_dienst"});
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: Jan Dam", "2: Anna Blok"));
  EXPECT_THAT(Contracts(), ElementsAre("1/01-08-2025: 1 2025-08-01 2026-07-31", "1/01-08-2026: 1 2026-08-01 -",
                                       "2/01-08-2026: 2 2026-08-01 -"));
}

TEST_F(CsvTest, OneBadLineOfAPersonHoldsBackThePersonWithTheLinesThatAreGood) {
  Texts("contract_id", {"datum_in_dienst"});
  Write(absl::StrCat(kHeading, kGood, "1;Jan;Dam\n"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: ? ?", "2: Anna Blok"));
  EXPECT_THAT(Contracts(), Contains("1/01-08-2026: 1 2026-08-01 -"));
}

TEST_F(CsvTest, LinesOfOnePersonThatDifferLeaveTheFieldAsItWas) {
  Texts("contract_id", {"datum_in_dienst"});
  Write(absl::StrCat(kHeading, "1;Jan;Dam;01-08-2025;\n1;Jan;Dam-Bos;01-08-2026;\n"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: Jan ?"));
  EXPECT_THAT(out_.warnings, ElementsAre("file, line 3: achternaam is not what line 2 says of the same person"));
}

TEST_F(CsvTest, ContractsMayBeInAFileOfTheirOwn) {
  Write("personeelsnummer;roepnaam;achternaam\n1;Jan;Dam\n2;Anna;Blok\n");
  Write(
      "medewerker;volgnr;datum_in_dienst;datum_uit_dienst\n1;1;01-08-2025;31-07-2026\n1;2;01-08-2026;\n9;1;01-08-2026;"
      "\n"
      "2;1;01-08-2026\n",
      "contract_file");
  Set("contract_person", connector::Value("Medewerker"));
  Texts("contract_id", {"volgnr"});
  ASSERT_TRUE(Import().ok()) << Import().message();
  EXPECT_THAT(People(), ElementsAre("1: Jan Dam", "2: ? ?")) << "nobody is made of a contract of person 9";
  EXPECT_THAT(Contracts(), ElementsAre("1/1: 1 2025-08-01 2026-07-31", "1/2: 1 2026-08-01 -", "9/1: 9 2026-08-01 -"));
  EXPECT_THAT(out_.warnings, ElementsAre(HasSubstr("contract_file, line 5: ")));
}

TEST_F(CsvTest, AFileThatIsBeingWrittenIsNotRead) {
  Write(absl::StrCat(kHeading, kGood));
  Set("settled", connector::Value("1h"));
  const absl::Status status = Import();
  EXPECT_THAT(std::string(status.message()), HasSubstr("may still be being written"));
  EXPECT_EQ(connector::Error::From(status).reason, connector::Reason::kTransient);
  EXPECT_THAT(out_.records, IsEmpty());
}

TEST_F(CsvTest, AFileThatIsGoneIsSaidAndMayComeBack) {
  Write(absl::StrCat(kHeading, kGood));
  std::remove(PathOf("file").c_str());
  EXPECT_EQ(connector::Error::From(Import()).reason, connector::Reason::kUnavailable);
}

TEST_F(CsvTest, TheSchemaHasTheColumnsOfTheFileAndNoBsnUnlessAsked) {
  Write("personeelsnummer;roepnaam;Kosten-plaats;BSN;achternaam;datum in dienst;datum_uit_dienst\n1;a;b;c;d;;\n");
  ASSERT_TRUE(Import().ok());
  auto names = [&] {
    const auto schema = csv_.Schema({});
    std::vector<std::string> found;
    for (const auto& attribute : (*schema)->classes.at(0).attributes) found.push_back(attribute.name);
    return found;
  };
  EXPECT_THAT(names(), Contains("kosten_plaats"));
  EXPECT_THAT(names(), Contains("naamgebruik")) << "a mapping that reads it must hear that the file lacks it";
  EXPECT_THAT(names(), ::testing::Not(Contains("bsn")));
  Set("bsn", connector::Value(true));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(names(), Contains("bsn"));
}

TEST_F(CsvTest, TheOrderOfLinesMakesNoDifference) {
  std::vector<std::string> lines;
  for (int i = 0; i < 40; ++i)
    lines.push_back(absl::StrCat(i % 13, ";Voor", i % 13, ";Naam",
                                 i == 17 ? ";spoiled;;;\n" : absl::StrCat(i % 13, ";01-0", 1 + i / 13, "-2026;\n")));
  Texts("contract_id", {"datum_in_dienst"});
  Write(absl::StrCat(kHeading, absl::StrJoin(lines, "")));
  ASSERT_TRUE(Import().ok()) << Import().message();
  const auto people = People(), contracts = Contracts();
  EXPECT_THAT(people, Contains("4: ? ?"));
  for (int turn = 0; turn < 5; ++turn) {
    std::rotate(lines.begin(), lines.begin() + 7, lines.end());
    Write(absl::StrCat(kHeading, absl::StrJoin(lines, "")));
    ASSERT_TRUE(Import().ok());
    EXPECT_EQ(People(), people);
    EXPECT_EQ(Contracts(), contracts);
  }
}

TEST_F(CsvTest, AFileThatIsCutAnywhereEndsNobody) {
  std::string file = kHeading;
  for (int i = 10000; i < 10100; ++i) absl::StrAppend(&file, i, ";Voor;Naam", i, ";01-08-2026;31-07-2027\n");
  for (size_t cut = file.size() - 90; cut < file.size(); ++cut) {
    Write(file.substr(0, cut));
    const absl::Status status = Import();
    // What ends in the middle of a line is refused; what ends with a line cannot be told, and the host's limits hold.
    const size_t line = file.rfind('\n', cut - 1) + 1;
    const std::string last = file.substr(line, cut - line);
    const bool is_whole = last.empty() || std::count(last.begin(), last.end(), ';') == 4;
    EXPECT_EQ(status.ok(), is_whole) << "cut behind \"" << last << "\"";
    if (!status.ok()) {
      EXPECT_THAT(out_.records, IsEmpty());
    }
  }
}

}  // namespace
}  // namespace sluice::csv
