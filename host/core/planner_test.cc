#include "host/core/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "host/core/planner_test_world.h"
#include "host/core/thresholds.h"

namespace sluice::core {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Equals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SomeContract;
using ::testing::UnorderedElementsAre;
using testing::World;

const PlannedOperation* Find(const Plan& plan, OperationKind kind, const std::string& entitlement = "account") {
  for (const PlannedOperation& operation : plan.operations) {
    if (operation.kind == kind && operation.entitlement == entitlement) return &operation;
  }
  return nullptr;
}

TEST(Planner, ANewPupilGetsAccountAccessAndGroupAndThenNothing) {
  World world;
  world.NoLimits();
  world.AddPupil("104233", "Noor", "van der Zwaluw");
  EXPECT_THAT(world.Run(), ElementsAre("create_resource - group les-h4d.bio2", "create 104233 account",
                                       "enable 104233 account", "grant 104233 group les-h4d.bio2"));
  EXPECT_THAT(world.Run(), IsEmpty());
  EXPECT_EQ(world.Account(world.Held("104233", "account")->object_id)->attributes["sAMAccountName"],
            Value::Text("n.vanderzwaluw"));
}

TEST(Planner, NobodyGetsAnAccountWhileWhatItIsCalledMayNotBeSeen) {
  World world;
  world.NoLimits();
  world.AddPupil("104233", "Noor", "van der Zwaluw").fields.erase("name.display");
  const Plan plan = world.Make();
  EXPECT_EQ(Find(plan, OperationKind::kCreate), nullptr);
  ASSERT_EQ(plan.held_back.size(), 1u);
  EXPECT_EQ(plan.held_back[0].reason, "cn cannot be computed: something that it is made of is empty or not visible");
  world.Find("104233").fields["name.display"] = Value::Text("Noor van der Zwaluw");
  EXPECT_NE(Find(world.Make(), OperationKind::kCreate), nullptr);
}

TEST(Planner, ACreateSaysWhatItWritesAndWhy) {
  World world;
  world.NoLimits();
  Person& noor = world.AddPerson("104233", "Noor", "van der Zwaluw");
  world.AddContract(noor, "placement", "H4D", world.today);
  const Plan plan = world.Make();
  const PlannedOperation* create = Find(plan, OperationKind::kCreate);
  ASSERT_NE(create, nullptr);
  std::vector<std::string> changes;
  for (const AttributeChange& change : create->changes) {
    changes.push_back(absl::StrCat(change.attribute, "=", change.after.ToText()));
  }
  EXPECT_THAT(changes, ElementsAre("cn=Noor van der Zwaluw (104233)", "displayName=Noor van der Zwaluw",
                                   "employeeID=104233", "parent=OU=31XY00,OU=Leerlingen", "sn=van der Zwaluw"));
  EXPECT_THAT(create->secrets, ElementsAre("initial_password"));
  ASSERT_EQ(create->names.size(), 1u);
  EXPECT_EQ(create->names[0].domain, "account_name");
  EXPECT_EQ(create->names[0].expected, "n.vanderzwaluw");
  EXPECT_EQ(create->reason.summary, "placement H4D from 24 Nov");
  ASSERT_EQ(create->reason.supports.size(), 1u);
  EXPECT_EQ(create->reason.supports[0].rule, "Pupils have an account");
  EXPECT_TRUE(Reevaluates(create->reason.supports[0], world.Input(), world.Find("104233")));
  const PlannedOperation* enable = Find(plan, OperationKind::kEnable, "access");
  ASSERT_NE(enable, nullptr);
  EXPECT_THAT(enable->depends_on, ElementsAre(create->id));
}

TEST(Planner, AnUpdateShowsTheTwoShortestChangesAndNamesTheOthersInOneLine) {
  World world;
  world.NoLimits();
  Person& ellen = world.AddPupil("51326", "Ellen", "de Boer");
  world.Run();
  const auto marry = [&](const std::string& given, const std::string& family) {
    ellen.fields["name.family_all"] = Value::Text(family);
    ellen.fields["name.display"] = Value::Text(given + " " + family);
    const Plan plan = world.Make();
    EXPECT_EQ(plan.operations.size(), 1u);
    EXPECT_EQ(plan.operations[0].label, "cn, displayName, sn");
    return plan.operations[0].reason.summary;
  };
  EXPECT_EQ(marry("E.", "Smit"), "displayName: \"Ellen de Boer\" -> \"E. Smit\"; sn: \"de Boer\" -> \"Smit\"; also cn");
  EXPECT_EQ(marry("Ellen", "Smit-de Boer"), "sn: \"de Boer\" -> \"Smit-de Boer\"; also cn, displayName");
  EXPECT_EQ(marry("Ellen", "van Oldenbarneveldt-de Boer"),
            "sn: \"de Boer\" -> \"van Oldenbarneveldt-d...\"; also cn, displayName");
}

TEST(Planner, AMarriageIsOneUpdateWithBeforeAndAfter) {
  World world;
  world.NoLimits();
  Person& ellen = world.AddPupil("1", "Ellen", "de Boer");
  world.Run();
  ellen.fields["name.family_all"] = Value::Text("Smit-de Boer");
  const Plan plan = world.Make();
  ASSERT_EQ(plan.operations.size(), 1u);
  EXPECT_EQ(plan.operations[0].kind, OperationKind::kUpdate);
  EXPECT_EQ(plan.operations[0].label, "sn");
  EXPECT_EQ(plan.operations[0].reason.summary, "sn: \"de Boer\" -> \"Smit-de Boer\"");
  world.Enforce(plan);
  EXPECT_THAT(world.Run(), IsEmpty());
}

TEST(Planner, ALeaverIsRetiredStrippedOfWhatWasGivenAndDeletedAfterThePeriod) {
  World world;
  world.NoLimits();
  Person& sem = world.AddPupil("103991", "Sem", "Bakker");
  world.Run();
  for (Contract& contract : sem.contracts) contract.end = absl::CivilDay(2026, 11, 23);
  const Plan plan = world.Make();
  EXPECT_THAT(world.Lines(plan), UnorderedElementsAre("revoke 103991 group les-h4d.bio2", "retire 103991 account"));
  const PlannedOperation* retire = Find(plan, OperationKind::kRetire);
  EXPECT_EQ(retire->reason.summary, "placement ended 23 Nov; to be deleted on 22 Feb 2027");
  ASSERT_EQ(retire->reason.supports.size(), 1u);
  EXPECT_TRUE(Reevaluates(retire->reason.supports[0], world.Input(), sem));
  EXPECT_THAT(retire->depends_on, IsEmpty());
  world.Enforce(plan);
  world.today = absl::CivilDay(2027, 2, 21);
  EXPECT_THAT(world.Run(), IsEmpty());
  world.today = absl::CivilDay(2027, 2, 22);
  EXPECT_THAT(world.Run(), ElementsAre("delete 103991 account"));
  EXPECT_THAT(world.Run(), IsEmpty());
}

TEST(Planner, AReturningPupilGetsTheOldAccountBackAsItWas) {
  World world;
  world.NoLimits();
  Person& sem = world.AddPupil("103991", "Sem", "Bakker");
  world.Run();
  const std::string account = world.Held("103991", "account")->object_id;
  for (Contract& contract : sem.contracts) contract.end = absl::CivilDay(2026, 11, 23);
  world.Run();
  EXPECT_EQ(world.Account(account)->attributes["description"], Value::Text("Vertrokken"));
  world.today = absl::CivilDay(2026, 11, 26);
  for (Contract& contract : sem.contracts) contract.end.reset();
  const Plan plan = world.Make();
  EXPECT_THAT(world.Lines(plan), ElementsAre("update 103991 description, parent", "enable 103991 account",
                                             "grant 103991 group les-h4d.bio2"));
  EXPECT_EQ(plan.operations[0].reason.origin, "returned");
  world.Enforce(plan);
  EXPECT_EQ(world.Account(account)->attributes["parent"], Value::Text("OU=31XY00,OU=Leerlingen"));
  EXPECT_EQ(world.Account(account)->attributes["description"], Value::Empty());
  EXPECT_THAT(world.Run(), IsEmpty());
}

TEST(Planner, AccessEndsBeforeTheAccount) {
  World world;
  world.NoLimits();
  world.FindRule("Pupils have an account").after_end_days = 30;
  Person& sem = world.AddPerson("1", "Sem", "Bakker");
  world.AddContract(sem, "placement", "H4D", absl::CivilDay(2026, 8, 1));
  world.Run();
  sem.contracts[0].end = absl::CivilDay(2026, 11, 23);
  EXPECT_THAT(world.Run(), ElementsAre("disable 1 account"));
  EXPECT_THAT(world.Run(), IsEmpty());
}

TEST(Planner, AnUnknownRuleKeepsWhatIsHeldGivesNothingNewAndWarns) {
  World world;
  world.NoLimits();
  Person& old_pupil = world.AddPupil("1", "Sem", "Bakker");
  world.Run();
  for (Contract& contract : old_pupil.contracts) contract.fields.clear();
  world.configuration.rules.clear();
  for (const char* grant : {"ad/account", "ad/access", "ad/class group"}) {
    world.AddRule(absl::StrCat("Lyceum ", grant), SomeContract({Equals("contract.location.code", "31XY00", 7)}, 7),
                  {grant});
  }
  Person& new_pupil = world.AddPupil("2", "Daan", "Bakker");
  for (Contract& contract : new_pupil.contracts) contract.fields.clear();
  const Plan plan = world.Make();
  EXPECT_THAT(world.Lines(plan), IsEmpty());
  EXPECT_THAT(plan.warnings, Contains(HasSubstr("is unknown for 2 people: contract.location.code not visible")));
}

TEST(Planner, AValueThatIsNotVisibleChangesNothingAndAnEmptyOneClears) {
  World world;
  world.NoLimits();
  world.Field("description").value = testing::Parsed("{person.custom.note}");
  Person& sem = world.AddPupil("1", "Sem", "Bakker");
  sem.fields["custom.note"] = Value::Text("note");
  world.Run();
  sem.fields.erase("custom.note");
  EXPECT_THAT(world.Run(), IsEmpty());
  sem.fields["custom.note"] = Value::Empty();
  const Plan plan = world.Make();
  EXPECT_THAT(world.Lines(plan), ElementsAre("update 1 description"));
  EXPECT_TRUE(plan.operations[0].changes[0].after.is_empty());
  world.Enforce(plan);
  EXPECT_THAT(world.Run(), IsEmpty());
}

TEST(Planner, AnExcludedPersonIsComputedAndNotPlanned) {
  World world;
  world.NoLimits();
  Person& sem = world.AddPupil("1", "Sem", "Bakker");
  world.Run();
  for (Contract& contract : sem.contracts) contract.end = absl::CivilDay(2026, 11, 23);
  world.state.exclusions.push_back({sem.id, absl::CivilDay(2026, 11, 25), "exam"});
  EXPECT_THAT(world.Run(), IsEmpty());
  EXPECT_THAT(world.Make().unused_resources, IsEmpty());
  world.today = absl::CivilDay(2026, 11, 26);
  EXPECT_THAT(world.Run(), UnorderedElementsAre("revoke 1 group les-h4d.bio2", "retire 1 account"));
}

TEST(Planner, AHeldBackPersonIsNotPlanned) {
  World world;
  world.NoLimits();
  Person& sem = world.AddPupil("1", "Sem", "Bakker");
  world.Run();
  for (Contract& contract : sem.contracts) contract.end = absl::CivilDay(2026, 11, 23);
  sem.held_back = {"contract.start is missing"};
  const Plan plan = world.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ASSERT_EQ(plan.held_back.size(), 1u);
  EXPECT_EQ(plan.held_back[0].reason, "contract.start is missing");
}

TEST(Planner, ATargetThatWasNeverReadGetsNoOperations) {
  World world;
  world.AddPupil("1", "Sem", "Bakker");
  world.state.observed["ad"].is_known = false;
  const Plan plan = world.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("ad: nothing is planned until it has been read completely once")));
}

TEST(Planner, ANewTargetOnlyObservesUntilSomebodyActivatesIt) {
  World world;
  Person& sem = world.AddPupil("1", "Sem", "Bakker");
  world.AddPupil("2", "Noor", "Zwaluw", "H5A");
  EXPECT_THAT(world.Run(), IsEmpty());
  Activation& activation = world.state.activations["ad"];
  activation.state = Activation::State::kPartly;
  activation.person_ids = {sem.id};
  world.configuration.systems["ad"].thresholds["create"].count = 2;
  world.configuration.systems["ad"].thresholds["enable"].count = 2;
  const Plan plan = world.Make();
  EXPECT_THAT(world.Lines(plan),
              ::testing::IsSupersetOf({"create 1 account", "enable 1 account", "create 2 account [observing]",
                                       "enable 2 account [observing]"}));
  EXPECT_EQ(plan.thresholds.size(), 4u);
  for (const ThresholdVerdict& verdict : plan.thresholds) {
    if (verdict.kind != "create") continue;
    EXPECT_EQ(verdict.count, 2);
    EXPECT_EQ(verdict.observing, 1);
    EXPECT_FALSE(verdict.is_reached);
  }
  activation.person_ids.clear();
  activation.conditions.push_back(SomeContract({Equals("contract.department.code", "H5A")}));
  EXPECT_THAT(world.Lines(world.Make()), ::testing::IsSupersetOf({"create 1 account [observing]", "create 2 account"}));
}

TEST(Planner, WhoHasAnOperationUnderWayIsNotPlannedAgainAndGrantsWait) {
  World world;
  world.NoLimits();
  Person& sem = world.AddPupil("1", "Sem", "Bakker");
  world.state.open_objects.insert("ad/" + sem.id);
  EXPECT_THAT(world.Lines(world.Make()),
              ElementsAre("create_resource - group les-h4d.bio2", "grant 1 group les-h4d.bio2 [waiting]"));
}

TEST(Planner, AValueThatBreaksALimitHoldsThePersonBackWithoutShowingIt) {
  World world;
  world.NoLimits();
  world.state.schemas["ad"].classes["account"].attributes["sn"].max_length = 10;
  world.AddPupil("1", "Sem", "van der Ploeg");
  const Plan plan = world.Make();
  EXPECT_THAT(plan.operations, IsEmpty());
  ASSERT_EQ(plan.held_back.size(), 1u);
  EXPECT_EQ(plan.held_back[0].reason, "sn is longer than 10 characters; shorten its template");
}

TEST(Planner, AnAccountSpeaksOfThePrimaryContractAmongThoseThatSupportIt) {
  World world;
  world.NoLimits();
  Person& sem = world.AddPerson("1", "Sem", "Bakker");
  world.AddContract(sem, "placement", "H4D", absl::CivilDay(2026, 8, 1), absl::CivilDay(2026, 11, 15))
      .fields["location.code"] = Value::Text("A");
  world.AddContract(sem, "placement", "H4E", absl::CivilDay(2026, 11, 16)).fields["location.code"] = Value::Text("B");
  world.today = absl::CivilDay(2026, 11, 15);
  world.Run();
  EXPECT_EQ(world.Held("1", "account")->desired.at("parent"), Value::Text("OU=A,OU=Leerlingen"));
  world.today = absl::CivilDay(2026, 11, 16);
  EXPECT_THAT(world.Run(), ElementsAre("update 1 parent"));
}

// Promise 2: what one vestiging no longer shows moves nobody.
TEST(Planner, AnAccountIsNotMovedBecauseTheContractThatItSpeaksOfIsNoLongerSeen) {
  World world;
  world.NoLimits();
  world.configuration.rules.clear();
  world.AddRule("Lyceum", SomeContract({Equals("contract.location.code", "A", 3)}, 3), {"ad/account"});
  world.AddRule("Mavo", SomeContract({Equals("contract.location.code", "B", 7)}, 7), {"ad/account"});
  Person& sem = world.AddPerson("1", "Sem", "Bakker");
  world.AddContract(sem, "placement", "H4D", absl::CivilDay(2026, 8, 1)).fields["location.code"] = Value::Text("A");
  world.AddContract(sem, "placement", "H4E", absl::CivilDay(2026, 8, 2)).fields["location.code"] = Value::Text("B");
  world.Run();
  const std::string parent = world.Held("1", "account")->desired.at("parent").ToText();
  for (Contract& contract : sem.contracts) {
    if (absl::StrCat("OU=", contract.fields["location.code"].ToText(), ",OU=Leerlingen") == parent) {
      contract.fields.erase("location.code");
      break;
    }
  }
  EXPECT_THAT(world.Run(), IsEmpty());
  world.Find("1").fields["name.family_all"] = Value::Text("Smit");  // What any of them would say is written.
  EXPECT_THAT(world.Run(), ElementsAre("update 1 sn"));
}

TEST(Planner, APlaceIsComparedWithoutRegardToCaseAndBlanks) {
  World world;
  world.NoLimits();
  world.AddPupil("1", "Sem", "Bakker");
  world.Run();
  for (Grant& grant : world.state.grants) {
    if (grant.entitlement == "account") grant.desired["parent"] = Value::Text("ou=31xy00, ou=leerlingen");
  }
  EXPECT_THAT(world.Run(), IsEmpty());
}

TEST(Planner, EveryReasonOfAPlanEvaluatesAgainToTheSameAnswer) {
  World world;
  world.NoLimits();
  for (int i = 0; i < 20; ++i) world.AddPupil(absl::StrCat(i), "Sem", absl::StrCat("Bakker", i), i % 2 ? "H4D" : "H5A");
  int checked = 0;
  for (const absl::CivilDay day : {absl::CivilDay(2026, 11, 24), absl::CivilDay(2026, 12, 1)}) {
    world.today = day;
    if (day.month() == 12) {
      for (int i = 0; i < 10; ++i) {
        for (Contract& contract : world.Find(absl::StrCat(i)).contracts) contract.end = day - 1;
      }
    }
    const Plan plan = world.Make();
    for (const PlannedOperation& operation : plan.operations) {
      for (int i = 0; i < 20; ++i) {
        const Person& person = world.Find(absl::StrCat(i));
        if (person.id != operation.person_id) continue;
        EXPECT_FALSE(operation.reason.supports.empty()) << operation.label;
        for (const SupportReason& support : operation.reason.supports) {
          EXPECT_TRUE(Reevaluates(support, world.Input(), person)) << operation.label;
          EXPECT_FALSE(support.records.empty());
          ++checked;
        }
      }
    }
    world.Enforce(plan);
  }
  EXPECT_GE(checked, 80);
}

}  // namespace
}  // namespace sluice::core
