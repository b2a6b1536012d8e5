// Case C06: spreadsheet files of every kind, and the people or the message that each gives.
#include "plugins/csv/tests/csv_fixture.h"

namespace sluice::csv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct FileCase {
  const char* name;
  std::string content;
  const char* people;   // Of person 51326; null: refused.
  const char* message;  // In the refusal.
};

class FileTableTest : public CsvTest, public ::testing::WithParamInterface<FileCase> {};

constexpr char kRest[] = ";datum_in_dienst;datum_uit_dienst";

TEST_P(FileTableTest, GivesItsPeopleOrSaysWhyNot) {
  wanted_[kPerson] = {"roepnaam", "voorvoegsel", "achternaam"};
  Set("contracts", connector::Value(false));
  wanted_.erase(kContract);
  Write(GetParam().content);
  const absl::Status status = Import();
  if (GetParam().people == nullptr) {
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
    EXPECT_TRUE(out_.records.empty()) << "nothing of a refused file is written";
    EXPECT_TRUE(out_.ends.empty()) << "a refused file is not complete";
    return;
  }
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(People(), ElementsAre(GetParam().people));
  EXPECT_EQ(out_.ends.at(kPerson), "complete");
}

constexpr char kEllen[] = "51326: Ellen de Boer";
constexpr char kZoe[] = "51326: Zo\xC3\xAB van Br\xC3\xBCmmelen";

INSTANTIATE_TEST_SUITE_P(
    C06, FileTableTest,
    ::testing::Values(
        FileCase{"Mark", "\xEF\xBB\xBFpersoneelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Ellen;de;Boer\n", kEllen,
                 ""},
        FileCase{"Commas", "personeelsnummer,roepnaam,voorvoegsel,achternaam\n51326,Ellen,de,Boer\n", kEllen, ""},
        FileCase{"Tabs", "Personeelsnummer\tRoepnaam\tVoorvoegsel\tAchternaam\n51326\tEllen\tde\tBoer\n", kEllen, ""},
        FileCase{"CarriageReturns",
                 "personeelsnummer;roepnaam;voorvoegsel;achternaam\r\n51326;Ellen;de;Boer\r\n;;;\r\n", kEllen, ""},
        FileCase{"NoLastBreak", "personeelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Ellen;de;Boer", kEllen, ""},
        FileCase{"LineForSpreadsheets",
                 "sep=;\r\npersoneelsnummer;roepnaam;voorvoegsel;achternaam\r\n51326;\"Ellen\";de;\"Boer\"\r\n", kEllen,
                 ""},
        FileCase{"Windows1252", "personeelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Zo\xEB;van;Br\xFCmmelen\n",
                 kZoe, ""},
        FileCase{"Utf8WithoutMark",
                 "personeelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Zo\xC3\xAB;van;Br\xC3\xBCmmelen\n", kZoe, ""},
        FileCase{"ColumnsThatSpreadsheetsAdd",
                 "personeelsnummer;roepnaam;voorvoegsel;achternaam;;\n51326;Ellen;de;Boer;;\n", kEllen, ""},
        FileCase{
            "HeadingMisspelt", "personelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Ellen;de;Boer\n", nullptr,
            "has no column personeelsnummer; its heading is personelsnummer | roepnaam | voorvoegsel | achternaam"},
        FileCase{"ColumnOfTheMappingMisspelt",
                 "personeelsnummer;roepnaam;tussenvoegsel;achternaam\n51326;Ellen;de;Boer\n", nullptr,
                 "the mapping reads voorvoegsel, which file does not have; its heading is personeelsnummer | roepnaam"},
        FileCase{"NoHeading", "51326;Ellen;de;Boer\n51327;Sem;;Bakker\n", nullptr,
                 "of 4 columns, none of which is known"},
        FileCase{"Empty", "", nullptr, "file is empty; nobody leaves by an empty file"},
        FileCase{"OnlyAHeading", "personeelsnummer;roepnaam;voorvoegsel;achternaam\n", nullptr,
                 "has a heading and no lines"},
        FileCase{"Half", "personeelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Ellen;de;Boer\n51327;Se", nullptr,
                 "file ends in the middle of line 3"},
        FileCase{"HalfInQuotes", "personeelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Ellen;de;Boer\n51327;\"Se",
                 nullptr, "file ends in the middle of line 3"},
        FileCase{"AnotherSeparatorThanTheHeading",
                 "personeelsnummer;roepnaam;voorvoegsel;achternaam\n51326,Ellen,de,Boer\n", nullptr,
                 "has no line that can be read"},
        FileCase{"DosLetters", "personeelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Zo\x89;van;Br\x81mmelen\n",
                 nullptr, "the encoding of file is not certain: it may be that of DOS or of a Macintosh (byte 0x89)"},
        FileCase{"TwoEncodings",
                 "personeelsnummer;roepnaam;voorvoegsel;achternaam\n51326;Zo\xC3\xAB;van;Dam\n51327;Andr\xE9;;Blok\n",
                 nullptr, "some lines are UTF-8 and some are not"},
        FileCase{"Utf16", std::string("\xFF\xFEp\0e\0r\0", 8), nullptr, "UTF-16"},
        FileCase{"Workbook", "PK\x03\x04 and so on", nullptr, "a workbook, no text; save it as \"CSV UTF-8\""},
        FileCase{"TwoColumnsOfOneName", "personeelsnummer;roepnaam;achternaam;Achternaam;voorvoegsel\n1;2;3;4;5\n",
                 nullptr, "two columns of file are called achternaam"}),
    [](const auto& info) { return info.param.name; });

TEST_F(CsvTest, AnEncodingThatIsSaidIsBelieved) {
  const std::string file = absl::StrCat("personeelsnummer;roepnaam;achternaam", kRest, "\n1;Zo\x89;Dam;01-08-2026;\n");
  Write(file);
  EXPECT_FALSE(Import().ok());
  Set("encoding", connector::Value("windows-1252"));
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: Zo\xE2\x80\xB0 Dam"));
}

TEST_F(CsvTest, AMarkThatContradictsTheEncodingIsRefused) {
  Write(absl::StrCat("\xEF\xBB\xBFpersoneelsnummer;roepnaam;achternaam", kRest, "\n1;Jan;Dam;01-08-2026;\n"));
  Set("encoding", connector::Value("windows-1252"));
  EXPECT_THAT(std::string(Import().message()), HasSubstr("begins with the mark of UTF-8"));
}

TEST_F(CsvTest, AFileWithoutAHeadingHasTheColumnsThatTheSettingsName) {
  Write("1|Jan|Dam|01-08-2026|\n2|Anna|Blok|2026-09-01|31-12-9999\n");
  Set("header", connector::Value(false));
  Texts("columns", {"Personeelsnummer", "Roepnaam", "Achternaam", "Datum in dienst", "Datum uit dienst"});
  ASSERT_TRUE(Import().ok()) << Import().message();
  EXPECT_THAT(People(), ElementsAre("1: Jan Dam", "2: Anna Blok"));
  EXPECT_THAT(Contracts(), ElementsAre("1: 1 2026-08-01 -", "2: 2 2026-09-01 -"));
}

TEST_F(CsvTest, AMissingColumnThatTheSettingsAskForIsAnError) {
  Write(absl::StrCat("personeelsnummer;roepnaam;achternaam", kRest, "\n1;Jan;Dam;01-08-2026;\n"));
  Texts("columns", {"kostenplaats"});
  EXPECT_THAT(std::string(Import().message()), HasSubstr("file has no column kostenplaats; its heading is "));
}

TEST_F(CsvTest, AColumnThatTheSettingsSayIsNotThereIsEmptyForEverybody) {
  Write("personeelsnummer;achternaam;datum_in_dienst\n1;Dam;01-08-2026\n");
  EXPECT_THAT(std::string(Import().message()), HasSubstr("the mapping reads roepnaam, which file does not have"));
  Texts("without", {"roepnaam", "datum_uit_dienst"});
  ASSERT_TRUE(Import().ok());
  EXPECT_THAT(People(), ElementsAre("1: - Dam"));
  EXPECT_THAT(Contracts(), ElementsAre("1: 1 2026-08-01 -"));
}

}  // namespace
}  // namespace sluice::csv
