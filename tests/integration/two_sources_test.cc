// A staff file of the HR system, a list of the timetable's, and one directory: the real CSV connector twice, one person
// with one account. Half a file, a bad line, a file that is being written: nobody loses anything.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/integration/small_school.h"

namespace sluice::integration {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kHr[] = R"(connector: sluice.csv@1
kind: source
settings: { file: "ROOT/hr.csv", without: [voorletters, voorvoegsel_partner, achternaam_partner, naamgebruik, geslacht, geboortedatum, afdeling, locatie] }
thresholds: { people_added: { count: 99 }, people_removed: { count: 3 }, people_changed: { count: 99 }, held_back: { count: 99 } }
person: { external_id: "{persoon.id}" }
)";
constexpr char kTimetable[] = R"(connector: sluice.csv@1
kind: source
settings: { file: "ROOT/timetable.csv", id: code, without: [functie, locatie, datum_uit_dienst] }
thresholds: { people_added: { count: 99 }, people_removed: { count: 99 }, people_changed: { count: 99 }, held_back: { count: 99 } }
person:
  external_id: "{persoon.personeelsnummer}"
  name.nick: "{persoon.code}"
  name.initials: ""
  name.family_prefix: ""
  name.family: "{persoon.achternaam}"
  name.partner_prefix: ""
  name.partner: ""
  name.convention: B
  details.gender: ""
  details.birth_date: null
  custom.personeelsnummer: "{persoon.personeelsnummer}"
  custom.afkorting: "{persoon.code}"
)";
constexpr char kHeading[] =
    "Personeelsnummer;Roepnaam;Voorvoegsel;Achternaam;Functie;Datum in dienst;Datum uit dienst\n";

class TwoSources : public ::testing::Test {
 protected:
  TwoSources() {
    Edit("sluice.yaml", [](std::string text) {
      return text + "join: { key: \"{person.custom.personeelsnummer}\", sources: [hr, timetable] }\n";
    });
    Edit("systems/hr.yaml", [&](const std::string&) { return Here(kHr); });
    Edit("systems/timetable.yaml", [&](const std::string&) { return Here(kTimetable); });
    Edit("systems/dir.yaml", [&](const std::string& text) {
      const size_t from = text.find("resources:"), to = text.find("retire:");
      return text.substr(0, from) + text.substr(to);
    });
    Edit("rules/all.yaml", [](const std::string&) {
      return "- rule: Staff\n  when: { some_contract: { type: employment } }\n  grants: [dir/account, dir/access]\n";
    });
    for (int i = 1; i <= 8; ++i) hr_.insert(i);
    for (int i = 5; i <= 12; ++i) timetable_.insert(i);
    WriteFiles();
    school_.Must({"config", "apply", "--reason", "two sources"});
  }

  std::string Here(const std::string& text) const { return absl::StrReplaceAll(text, {{"ROOT", school_.root()}}); }
  template <typename Change>
  void Edit(const std::string& name, const Change& change) {
    const std::string path = absl::StrCat(school_.root(), "/folder/", name);
    std::ifstream in(path);
    const std::string before{std::istreambuf_iterator<char>(in), {}};
    std::ofstream(path) << change(before);
  }

  // As if it had been written a while ago.
  void Write(const std::string& name, const std::string& content, absl::Duration ago = absl::Minutes(5)) {
    const std::string path = absl::StrCat(school_.root(), "/", name);
    std::ofstream(path) << content;
    const timespec then = absl::ToTimespec(absl::Now() - ago);
    const timespec times[2] = {then, then};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  static std::string HrLine(int i) { return absl::StrCat(51300 + i, ";Ellen;de;Boer", i, ";Docent;01-08-2026;\n"); }
  std::string HrFile() const {
    std::string text = kHeading;
    for (const int i : hr_) text += HrLine(i);
    return text;
  }
  void WriteFiles() {
    Write("hr.csv", HrFile());
    std::string text = "code,personeelsnummer,achternaam,afdeling,datum_in_dienst\n";
    for (const int i : timetable_) absl::StrAppend(&text, "bo", i, ",", 51300 + i, ",Boer-Oud", i, ",WI,2026-08-01\n");
    Write("timetable.csv", text);
  }

  std::string Import(const std::string& system) {
    const Answer answer = school_.Sluice({"import", system});
    return answer.json.is_object() ? answer.json.value("summary", answer.err) : answer.err;
  }
  // "51305 Ellen de Boer5" for each account.
  std::set<std::string> Accounts() {
    std::set<std::string> accounts;
    const Json directory = school_.Directory();
    for (const auto& [id, account] : directory["accounts"].items()) {
      const bool is_new = accounts
                              .insert(absl::StrCat(account["number"].get<std::string>(), " ",
                                                   account["display_name"].get<std::string>()))
                              .second;
      EXPECT_TRUE(is_new) << account.dump();
    }
    return accounts;
  }
  size_t Planned() {
    school_.Must({"import", "dir"});
    return school_.Must({"plan"})["operations"].size();
  }
  void Start() {
    EXPECT_THAT(Import("hr"), HasSubstr("8 people (8 new"));
    EXPECT_THAT(Import("timetable"), HasSubstr("12 people (4 new"));
    school_.Finish();
    EXPECT_EQ(Accounts().size(), 12u);
  }

  SmallSchool school_{SmallSchoolOptions{.people = 0, .with_account = 0}};
  std::set<int> hr_, timetable_;
};

TEST_F(TwoSources, OnePersonOfBothHasOneAccountAndEveryFieldSaysWhereItComesFrom) {
  Start();
  EXPECT_THAT(Accounts(), Contains("51305 Ellen de Boer5"));
  EXPECT_THAT(Accounts(), Contains("51312 bo12 Boer-Oud12"));
  const Json person = school_.Must({"person", "show", "51305", "--raw"});
  EXPECT_EQ(person["person"]["system"], "hr, timetable");
  EXPECT_EQ(person["origins"]["name.family"], "hr");
  EXPECT_EQ(person["origins"]["custom.afkorting"], "timetable");
  EXPECT_EQ(person["fields"]["custom.afkorting"], "bo5");
  EXPECT_EQ(person["contracts"].size(), 2u);
  EXPECT_EQ(person["fields"].count("joined"), 0u);
  Import("timetable");
  Import("hr");
  EXPECT_EQ(Planned(), 0u) << "a second time changes nothing";
}

TEST_F(TwoSources, NoFileThatIsNotWholeTakesAnythingFromAnybody) {
  Start();
  const std::string whole = HrFile();
  Write("hr.csv", "");
  EXPECT_THAT(Import("hr"), HasSubstr("hr: not read: "));
  EXPECT_THAT(Import("hr"), HasSubstr("is empty"));
  Write("hr.csv", kHeading);
  EXPECT_THAT(Import("hr"), HasSubstr("has a heading and no lines"));
  Write("hr.csv", whole.substr(0, whole.size() - 9));
  EXPECT_THAT(Import("hr"), HasSubstr("ends in the middle of line 9"));
  Write("hr.csv", whole, absl::ZeroDuration());
  EXPECT_THAT(Import("hr"), HasSubstr("may still be being written"));
  EXPECT_EQ(Planned(), 0u);
  // Half of it, cut behind a line: it looks whole, and the limits of the source hold.
  const std::set<int> everybody = hr_;
  hr_ = {1, 2, 3};
  Write("hr.csv", HrFile());
  EXPECT_THAT(Import("hr"), HasSubstr("waits: "));
  EXPECT_EQ(Planned(), 0u);
  hr_ = everybody;
  Write("hr.csv", HrFile());
  EXPECT_THAT(Import("hr"), HasSubstr("(0 new, 0 gone, 0 changed)"));
  EXPECT_EQ(Planned(), 0u);
  std::filesystem::remove(school_.root() + "/hr.csv");
  EXPECT_THAT(Import("hr"), HasSubstr("hr: not read: "));
  Write("hr.csv", HrFile());
  EXPECT_THAT(Import("hr"), HasSubstr("(0 new, 0 gone, 0 changed)")) << "it is read again as soon as it is there";
}

TEST_F(TwoSources, ABadLineHoldsBackItsPersonWhileOthersComeAndGo) {
  Start();
  hr_.insert(20);
  hr_.erase(1);
  std::string text = HrFile();
  text = absl::StrReplaceAll(text, {{HrLine(2), "51302;Ellen;de Boer2;Docent\n"}});
  Write("hr.csv", text);
  EXPECT_THAT(Import("hr"), HasSubstr("1 new, 1 gone"));
  EXPECT_THAT(school_.Must({"person", "show", "51302"})["person"]["state"], "held_back");
  EXPECT_EQ(Planned(), 2u) << "the new one gets an account and access, and the one of the bad line loses nothing";
}

}  // namespace
}  // namespace sluice::integration
