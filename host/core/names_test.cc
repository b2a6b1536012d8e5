#include "host/core/names.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(NormaliseName, MakesOneNameOfSpellingsThatLookTheSame) {
  EXPECT_EQ(NormaliseName("N.Zwaluw"), NormaliseName("n.zwaluw"));
  EXPECT_EQ(NormaliseName("Zoe\u0308 "), NormaliseName("ZO\u00CB"));
  EXPECT_EQ(NormaliseName("Zwa\u200Bluw\u00A0"), NormaliseName("zwaluw"));
  EXPECT_EQ(NormaliseName("stra\u00DFe"), NormaliseName("STRASSE"));
  EXPECT_NE(NormaliseName("zoe"), NormaliseName("zo\u00EB"));
}

std::vector<Template> Templates(std::vector<std::string> texts) {
  std::vector<Template> templates;
  for (const std::string& text : texts) {
    auto made = Template::Parse(text);
    EXPECT_TRUE(made.ok()) << made.status();
    templates.push_back(*made);
  }
  return templates;
}

std::vector<std::string> Of(const std::string& nick, const std::string& family, int64_t max_length = 20,
                            absl::string_view allowed = "", int limit = 4) {
  auto templates = Templates(
      {"{person.name.nick | ascii | lower | left(1)}.{person.name.family_all | ascii | lower | compact | left(18)}",
       "{person.name.nick | ascii | lower | left(2)}.{person.name.family_all | ascii | lower | compact | left(17)}",
       "{person.name.nick | ascii | lower | left(1)}.{person.name.family_all | ascii | lower | compact | "
       "left(15)}{n}"});
  std::map<std::string, Value> fields = {{"person.name.nick", Value::Text(nick)},
                                         {"person.name.family_all", Value::Text(family)}};
  return ExpandCandidates(
      templates, [&](const std::string& path) { return fields[path]; }, max_length, allowed, limit);
}

TEST(ExpandCandidates, CountsFromTwoInTheOneWithANumber) {
  EXPECT_THAT(Of("Noor", "van der Zwaluw"),
              ElementsAre("n.vanderzwaluw", "no.vanderzwaluw", "n.vanderzwaluw2", "n.vanderzwaluw3"));
}

// C12: AD refuses a name that ends in a full stop, so it is not even a candidate.
TEST(ExpandCandidates, PassesOverANameThatWasCutAtAFullStop) {
  EXPECT_THAT(Of("Anouk", "Oosterhuis-van St. Jans"),
              ElementsAre("a.oosterhuis-vanst.j", "a.oosterhuis-vans2", "a.oosterhuis-vans3"));
}

TEST(ExpandCandidates, PassesOverWhatIsTooLongEmptyOrNotAllowed) {
  EXPECT_THAT(Of("Jan-Willem", "van 't Hoff-de Groot", 20),
              ElementsAre("j.vanthoff-degroot", "ja.vanthoff-degroot", "j.vanthoff-degroo2", "j.vanthoff-degroo3"));
  EXPECT_THAT(Of("Jan-Willem", "van 't Hoff-de Groot", 18),
              ElementsAre("j.vanthoff-degroot", "j.vanthoff-degroo2", "j.vanthoff-degroo3"));
  EXPECT_THAT(Of("Noor", "Ng", 20, "[a-z.]+"), ElementsAre("n.ng", "no.ng"));
  EXPECT_THAT(Of("Noor", "Ng", 20, "(unclosed"), IsEmpty());
  EXPECT_THAT(Of("N", "Ng"), ElementsAre("n.ng", "n.ng2", "n.ng3")) << "the second is the first again";
  EXPECT_THAT(ExpandCandidates(
                  Templates({"{a}", "{b}"}),
                  [](const std::string& path) { return path == "a" ? Value::Empty() : Value(); }, 20, ""),
              IsEmpty());
}

TEST(ExpandCandidates, StopsAtItsLimit) {
  EXPECT_THAT(Of("Noor", "Ng", 20, "", 50), SizeIs(50));
  EXPECT_THAT(Of("Noor", "Ng", 4, "", 50), ElementsAre("n.ng"));
}

TEST(IsAllowedName, CountsCharacters) {
  EXPECT_TRUE(IsAllowedName("Zo\u00EB", 3, ""));
  EXPECT_FALSE(IsAllowedName("Zo\u00EBs", 3, ""));
  EXPECT_FALSE(IsAllowedName("", 3, ""));
  EXPECT_FALSE(IsAllowedName("zo.", 3, ""));
  EXPECT_TRUE(IsAllowedName("any length at all", 0, ""));
}

}  // namespace
}  // namespace sluice::core
