// Cases C12, C13 and C14 from person to plan: a name is given only when the target would take it, users, groups and
// computers share their names, and what cannot be seen makes no two people alike.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/core/names.h"
#include "host/core/planner_test_world.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing::World;

class Domain : public ::testing::Test {
 protected:
  Domain() {
    world_.NoLimits();
    // A lesson group is called as the school calls it.
    auto& group = world_.configuration.systems["ad"].resources["class group"];
    group.fields[0].value = testing::Parsed("{contract.department.code}");
    world_.state.schemas["ad"].classes["group"].attributes["cn"].allowed_characters = "[^/\"]*[^/\". ]";
    world_.state.schemas["ad"].classes["principal"].attributes["sAMAccountName"].unique_in = "account_name";
  }
  Person& Pupil(const std::string& number, const std::string& given, const std::string& family,
                const std::string& group = "") {
    Person& person = world_.AddPerson(number, given, family);
    world_.AddContract(person, "placement", "H4D", absl::CivilDay(2026, 8, 1));
    if (!group.empty()) world_.AddContract(person, "class_group", group, absl::CivilDay(2026, 8, 1));
    return person;
  }
  std::string LoginOf(const std::string& number) {
    const Grant* account = world_.Held(number, "account");
    return account == nullptr ? "" : account->desired.at("sAMAccountName").ToText();
  }
  void AddComputer(const std::string& name) {
    world_.state.observed["ad"].records.push_back(
        {"", "principal", "pc-" + name, "CN=" + name, {{"sAMAccountName", Value::Text(name)}}});
  }
  std::vector<std::string> Reasons(const Plan& plan) {
    std::vector<std::string> reasons;
    for (const HeldBack& held : plan.held_back) reasons.push_back(held.reason);
    return reasons;
  }
  World world_;
};

TEST_F(Domain, SistersWhoseNamesWereCutGetThreeDifferentCandidates) {
  Pupil("1", "Anna", "Oosterhuis-van St. Jans");
  Pupil("2", "Anouk", "Oosterhuis-van St. Jans");
  Pupil("3", "Anita", "Oosterhuis-van St. Jans");
  EXPECT_THAT(Reasons(world_.Make()), IsEmpty());
  world_.Run();
  EXPECT_EQ((std::set<std::string>{LoginOf("1"), LoginOf("2"), LoginOf("3")}),
            (std::set<std::string>{"a.oosterhuis-vanst.j", "a.oosterhuis-vans2", "a.oosterhuis-vans3"}));
}

TEST_F(Domain, WithoutACandidateThatIsAllowedThePersonIsHeldBackWithOneLine) {
  auto& login = world_.Field("sAMAccountName");
  login.candidates = {testing::Parsed("{person.name.nick | lower}/"), testing::Parsed("{person.name.family_all}")};
  Pupil("1", "Anna", "Oosterhuis en van der Meulen");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(Reasons(plan),
              ElementsAre("none of the candidates of sAMAccountName can be computed within the target's limits"));
}

TEST_F(Domain, WhenAllCandidatesAreTakenThePersonIsHeldBackWithOneLine) {
  auto& login = world_.Field("sAMAccountName");
  login.candidates = {testing::Parsed("{person.name.nick | lower}"),
                      testing::Parsed("{person.name.family_all | lower}")};
  world_.AddGroup("g", "ANNA");
  AddComputer("Bakker");
  Pupil("1", "Anna", "Bakker");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(Reasons(plan), ElementsAre("all 2 candidates of sAMAccountName are taken; add one to its template"));
}

TEST_F(Domain, SixtyPeopleOfOneNameGetNamesOfTheirOwnAndWhoIsTooManyIsHeldBack) {
  for (int i = 0; i < 60; ++i) Pupil(absl::StrCat(i), "Jan", "de Vries");
  const Plan plan = world_.Make();
  world_.Enforce(plan);
  std::set<std::string> names;
  for (int i = 0; i < 60; ++i) {
    const std::string login = LoginOf(absl::StrCat(i));
    EXPECT_TRUE(login.empty() || names.insert(login).second) << login;
  }
  EXPECT_EQ(names.size() + plan.held_back.size(), 60u);
  EXPECT_THAT(names, SizeIs(50));
}

TEST_F(Domain, ACutLeavesNoBlankAtTheEnd) {
  world_.Field("displayName").value = testing::Parsed("{person.name.family_all | left(4)}");
  world_.Field("cn").value = testing::Parsed("{person.name.nick} {person.custom.middle} {person.name.family_all} ");
  Person& noor = Pupil("1", "Noor", "van der Zwaluw");
  noor.fields["custom.middle"] = Value::Empty();
  world_.Run();
  const Grant* account = world_.Held("1", "account");
  EXPECT_EQ(account->desired.at("displayName"), Value::Text("van"));
  EXPECT_EQ(account->desired.at("cn"), Value::Text("Noor van der Zwaluw"));
}

TEST_F(Domain, WhatNobodySeesMakesNoOperationAndNoTwoPeopleAlike) {
  // As the mapping leaves every text.
  const auto mapped = [](const std::string& text) { return Value::Text(NormaliseText(text)); };
  Person& noor = Pupil("1", "Noor", "Zwaluw");
  noor.fields["name.nick"] = mapped("Noor ");
  noor.fields["name.family_all"] = mapped("Zwaluw\u00A0");
  noor.fields["name.display"] = mapped("Noor  Zwa\u200Bluw\u00A0");
  Person& zoe = Pupil("2", "Zoe\u0308", "Zwaluw");
  zoe.fields["name.display"] = mapped("Zoe\u0308 Zwaluw");
  world_.Run();
  for (const char* field : {"name.nick", "name.family_all", "name.display"}) {
    noor.fields[field] = Value::Text(field == std::string("name.nick")         ? "Noor"
                                     : field == std::string("name.family_all") ? "Zwaluw"
                                                                               : "Noor Zwaluw");
  }
  zoe.fields["name.display"] = Value::Text("Zo\u00EB Zwaluw");
  EXPECT_THAT(world_.Run(), IsEmpty());
  // Another who looks just the same has another cn and another name.
  Pupil("3", "Noor", "Zwaluw");
  world_.Run();
  EXPECT_NE(world_.Held("1", "account")->desired.at("cn"), world_.Held("3", "account")->desired.at("cn"));
  EXPECT_NE(LoginOf("1"), LoginOf("3"));
}

TEST_F(Domain, APupilWhoIsCalledLikeAGroupTakesTheNextCandidate) {
  Pupil("1", "Mia", "Visser", "P.Bakker");
  world_.Run();
  Pupil("2", "Piet", "Bakker");
  world_.Run();
  EXPECT_EQ(LoginOf("2"), "pi.bakker");
}

TEST_F(Domain, AGroupThatWasMadeSinceTheTargetWasReadHasItsNameAlready) {
  Pupil("1", "Mia", "Visser", "p.bakker");
  world_.Run();
  std::erase_if(world_.state.observed["ad"].records,
                [](const Record& record) { return record.object_class == "group"; });
  Pupil("2", "Piet", "Bakker");
  world_.Run();
  EXPECT_EQ(LoginOf("2"), "pi.bakker");
}

TEST_F(Domain, AGroupThatComesSecondIsHeldBackWithOneLineAndItsMembersAreTold) {
  Pupil("2", "Piet", "Bakker");
  const Plan both = [&] {  // On one day: whoever is a person comes first.
    Pupil("1", "Mia", "Visser", "p.bakker");
    return world_.Make();
  }();
  world_.Remove("1");
  world_.Run();
  EXPECT_EQ(LoginOf("2"), "p.bakker");
  Pupil("1", "Mia", "Visser", "p.bakker");
  const Plan later = world_.Make();
  for (const Plan* plan : {&both, &later}) {
    ASSERT_THAT(plan->held_back, SizeIs(1));
    EXPECT_EQ(plan->held_back[0].person_id, "");
    EXPECT_EQ(plan->held_back[0].reason,
              "class group p.bakker: its name p.bakker is taken by another object; rename that or change "
              "systems/ad.yaml:30:3");
    EXPECT_THAT(world_.Lines(*plan), Contains("create 1 account"));
    EXPECT_THAT(world_.Lines(*plan), Not(Contains(HasSubstr("group"))));
  }
  const auto why = Explain(world_.Input(), world_.Find("1").id, "ad/class group:p.bakker");
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_EQ(why->answer, Explanation::Answer::kHeldBack);
  EXPECT_THAT(why->note, HasSubstr("its name p.bakker is taken by another object"));
}

TEST_F(Domain, AGroupWhoseNameTheTargetWouldRefuseIsHeldBackBeforeItIsSent) {
  Pupil("1", "Mia", "Visser", "h4/bio");
  Pupil("2", "Ida", "Visser", "h4 bio.");
  Pupil("3", "Sem", "Visser", std::string(70, 'h'));
  Pupil("4", "Tom", "Visser", "h4.bio");
  const Plan plan = world_.Make();
  EXPECT_THAT(plan.held_back, SizeIs(3));
  EXPECT_THAT(world_.Lines(plan), Contains("create_resource - group h4.bio"));
  for (const char* number : {"1", "2", "3"}) {
    EXPECT_THAT(world_.Lines(plan), Contains(absl::StrCat("create ", number, " account")));
  }
}

TEST_F(Domain, AComputersNameIsTakenAndItsNameWithADollarIsAnother) {
  AddComputer("P.BAKKER");
  AddComputer("M.VISSER$");
  Pupil("1", "Piet", "Bakker");
  Pupil("2", "Mia", "Visser");
  world_.Run();
  EXPECT_EQ(LoginOf("1"), "pi.bakker");
  EXPECT_EQ(LoginOf("2"), "m.visser");
  // A group, too, is not called like a computer.
  Pupil("3", "Ida", "Jansen", "p.bakker");
  EXPECT_THAT(Reasons(world_.Make()), ElementsAre(HasSubstr("its name p.bakker is taken by another object")));
}

TEST_F(Domain, ANameIsNotGivenAgainAfterItsAccountWasDeletedAndWaitsForItsOwner) {
  Person& piet = Pupil("1", "Piet", "Bakker");
  world_.Run();
  const std::optional<absl::CivilDay> gone = absl::CivilDay(2026, 11, 23);
  for (Contract& contract : piet.contracts) contract.end = gone;
  world_.Run();
  world_.today = absl::CivilDay(2027, 3, 1);
  EXPECT_THAT(world_.Run(), ElementsAre("delete 1 account"));
  Pupil("2", "Piet", "Bakker");
  world_.Run();
  EXPECT_EQ(LoginOf("2"), "pi.bakker");
  for (Contract& contract : piet.contracts) contract.end.reset();
  world_.Run();
  EXPECT_EQ(LoginOf("1"), "p.bakker");
}

}  // namespace
}  // namespace sluice::core
