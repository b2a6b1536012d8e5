// From a plan to a directory: order, names, passwords, failures, and that nothing is sent twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using core::GrantState;
using ::testing::AllOf;
using testing::Answer;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeConnector;
using testing::HasOutcome;
using testing::HasSent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using testing::School;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

std::string NameSent(const TargetOperation& operation) {
  for (const Delta& delta : operation.deltas) {
    if (delta.attribute == "sAMAccountName") return delta.value.ToText();
  }
  return "";
}

TEST(Enforcement, MakesResourceAccountAccessAndMembershipInTheirOrderAndNothingTwice) {
  School school;
  school.world.AddPupil("104233", "Noor", "van der Zwaluw");
  const store::Run run = school.SaveAndEnforce();
  EXPECT_EQ(run.state, "succeeded") << run.summary;
  EXPECT_EQ(run.summary, "4 applied");
  EXPECT_THAT(school.ad->done(), ElementsAre("create #1", "create #2", "enable #2", "grant #2"));
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_EQ(school.ad->streams(), 1);
  EXPECT_THAT(school.Lines(), IsEmpty());
  school.ad->Forget();
  EXPECT_EQ(school.Enforce().summary, "0 applied");
  EXPECT_THAT(school.ad->sent(), IsEmpty());
}

// C19: what the target takes for a new person's account is another one's.
TEST(Enforcement, NeverGivesOneAccountToTwoPeople) {
  School school;
  school.world.AddPupil("104233", "Noor", "van der Zwaluw");
  school.SaveAndEnforce();
  school.ad->SetAttribute("#2", "employeeID", core::Value::Text("104333"));  // And the host does not know.
  school.world.AddPupil("104333", "Daan", "Visser");
  const store::Run run = school.SaveAndEnforce();
  EXPECT_NE(run.state, "succeeded") << run.summary;
  int holders = 0;
  for (const core::Grant& grant : school.State().grants) {
    holders += grant.entitlement == "account" && grant.object_id == "#2";
  }
  EXPECT_EQ(holders, 1);
  EXPECT_NE(school.StateOf("104333", "account"), GrantState::kHeld);
  std::string error;
  for (const store::Operation& operation : school.OperationsOf("104333")) error += operation.error;
  EXPECT_THAT(error, AllOf(HasSubstr(school.PersonOf("104333")), HasSubstr(school.PersonOf("104233"))));
  EXPECT_THAT(school.Secrets(), SizeIs(1));
  // Once it is set right there, the new one gets an account like anybody.
  school.ad->SetAttribute("#2", "employeeID", core::Value::Text("104233"));
  const store::Run again = school.Enforce();
  EXPECT_EQ(again.state, "succeeded") << again.summary;
  EXPECT_EQ(school.StateOf("104333", "account"), GrantState::kHeld);
}

TEST(Enforcement, SendsNothingThatIsNotStoredAsSentWithItsNamesAndSealedSecrets) {
  School school;
  for (int i = 0; i < 250; ++i) school.world.AddPupil(absl::StrCat(1000 + i), "Noor", absl::StrCat("Zwaluw", i));
  int checked = 0;
  school.ad->OnSend([&](const std::vector<TargetOperation>& operations) {
    for (const TargetOperation& operation : operations) {
      const auto stored = school.store->LoadOperation(operation.id);
      ASSERT_TRUE(stored.ok() && stored->has_value()) << "sent without being stored";
      EXPECT_EQ((*stored)->state, store::Operation::State::kSent);
      EXPECT_EQ((*stored)->attempt, static_cast<int>(operation.attempt));
      if (operation.action == Action::kCreate && operation.object_class == "account") {
        EXPECT_EQ((*stored)->names.at("sAMAccountName"), NameSent(operation));
        const auto secret = school.store->LoadSecret((*stored)->secrets.at("initial_password"));
        ASSERT_TRUE(secret.ok() && secret->has_value());
        EXPECT_FALSE((*secret)->is_confirmed);
      }
      ++checked;
    }
  });
  EXPECT_EQ(school.SaveAndEnforce().summary, "751 applied");
  EXPECT_EQ(checked, 751);
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_THAT(school.Names(), SizeIs(250));
}

TEST(Enforcement, WritesABatchOfCreatesInOneTransactionAndReadsNoSecretBack) {
  School school;
  for (int i = 0; i < 100; ++i) school.world.AddPupil(absl::StrCat(1000 + i), "Noor", absl::StrCat("Zwaluw", i));
  school.Save();
  int ahead = 0;
  school.store->DieAt(
      [&](const store::Commit& commit) {
        ahead += HasSent(commit) && commit.operations.front().planned.kind == core::OperationKind::kCreate;
        return false;
      },
      true);
  school.store->ForgetReads();
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_EQ(ahead, 1);
  EXPECT_EQ(school.store->reads()["secret"], 0);
}

TEST(Enforcement, AFailedCreateLeavesWhatDependsOnItUnsentAndPlannedAgain) {
  School school;
  school.world.AddPupil("1", "Sem", "Bakker");
  school.ad->Next(Action::kCreate, Answer());  // The group.
  school.ad->Next(Action::kCreate, Reason::kForbidden);
  const store::Run run = school.SaveAndEnforce();
  EXPECT_EQ(run.state, "failed");
  EXPECT_EQ(run.summary, "1 applied, 1 failed, 2 not sent");
  EXPECT_THAT(school.ad->done(), ElementsAre("create #1"));
  EXPECT_THAT(school.Secrets(), IsEmpty());
  EXPECT_THAT(school.Names(), IsEmpty());
  EXPECT_THAT(school.Lines(), ElementsAre("create 1 account", "enable 1 account", "grant 1 group les-h4d.bio2"));
  EXPECT_EQ(school.Enforce().summary, "3 applied");
  EXPECT_THAT(school.Disagreements(), IsEmpty());  // The attempt was raised, so that the new password is taken.
  EXPECT_THAT(school.Secrets(), SizeIs(1));
}

TEST(Enforcement, ANameThatTheTargetKnowsGivesWayToTheNextOneUnderTheSameId) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.ad->Take("sAMAccountName", "n.zwaluw");
  EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
  std::vector<TargetOperation> creates;
  for (const TargetOperation& operation : school.ad->sent()) {
    if (!NameSent(operation).empty()) creates.push_back(operation);
  }
  ASSERT_THAT(creates, SizeIs(2));
  EXPECT_EQ(creates[0].id, creates[1].id);
  EXPECT_EQ(creates[0].attempt, 1u);
  EXPECT_EQ(creates[1].attempt, 2u);
  EXPECT_EQ(NameSent(creates[1]), "no.zwaluw");
  EXPECT_THAT(school.Names(), ElementsAre(StartsWith("no.zwaluw person:")));
  EXPECT_THAT(school.Disagreements(), IsEmpty());
  EXPECT_THAT(school.Lines(), IsEmpty());
}

TEST(Enforcement, ANameThatSomebodyElseReservedMeanwhileGivesWayWithoutBeingSent) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.world.AddPupil("2", "Sem", "Bakker");
  school.Save();
  const core::Plan plan = school.Plan();
  store::Commit commit;
  commit.names_reserved.push_back({"ad", "account_name", "n.zwaluw", "person:somebody"});
  school.store->RefuseOnce([&](const store::Commit& ahead) {  // Between plan and write-ahead.
    if (ahead.names_reserved.empty() || commit.names_reserved.empty()) return false;
    const store::Commit other = std::move(commit);
    commit = {};
    EXPECT_TRUE(school.store->WriteBehind(other).ok());
    return false;
  });
  EXPECT_EQ(school.Enforce().state, "succeeded");
  for (const TargetOperation& operation : school.ad->sent()) EXPECT_NE(NameSent(operation), "n.zwaluw");
  EXPECT_THAT(school.Names(), UnorderedElementsAre(StartsWith("no.zwaluw person:"), StartsWith("s.bakker person:"),
                                                   "n.zwaluw person:somebody"));
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Enforcement, WhenEveryCandidateIsTakenOneLineSaysSoAndNothingStaysReserved) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.ad->Always(Action::kCreate, Answer{Answer::Kind::kFail, Reason::kAlreadyExists, {"sAMAccountName"}, {}, ""});
  school.ad->Next(Action::kCreate, Answer());  // The group.
  const store::Run run = school.SaveAndEnforce();
  EXPECT_EQ(run.state, "failed");
  EXPECT_EQ(run.summary, "1 applied, 1 failed, 2 not sent");
  EXPECT_THAT(school.Names(), IsEmpty());
  EXPECT_THAT(school.Secrets(), IsEmpty());
  const std::vector<store::Operation> operations = school.OperationsOf("1");
  ASSERT_THAT(operations, SizeIs(1));
  EXPECT_EQ(operations[0].state, store::Operation::State::kFailed);
  EXPECT_THAT(operations[0].error, HasSubstr("candidates of sAMAccountName are taken"));
  EXPECT_THAT(school.ad->violations(), IsEmpty());
}

TEST(Enforcement, ARefusedPasswordIsReplacedAtMostThreeTimesAndTheVaultHasTheOneThatWasTaken) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.ad->Next(Action::kCreate, Answer());
  school.ad->Next(Action::kCreate, Reason::kPasswordPolicy);
  school.ad->Next(Action::kCreate, Reason::kPasswordPolicy);
  EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
  EXPECT_EQ(school.vault.made(), 3);
  EXPECT_EQ(school.ad->Find("employeeID", "1")->password, "pw-3");
  const std::vector<store::SealedSecret> secrets = school.Secrets();
  ASSERT_THAT(secrets, SizeIs(1));
  EXPECT_TRUE(secrets[0].is_confirmed);
  EXPECT_EQ(school.vault.Open(secrets[0].id, secrets[0].sealed).value(), "pw-3");

  school.world.AddPupil("2", "Sem", "Bakker");
  school.ad->Always(Action::kCreate, Answer{Answer::Kind::kFail, Reason::kPasswordPolicy, {}, {}, ""});
  EXPECT_THAT(school.SaveAndEnforce().summary, HasSubstr("1 failed"));
  EXPECT_EQ(school.vault.made(), 6);
  EXPECT_THAT(school.Secrets(), SizeIs(1));
}

TEST(Enforcement, AFirstPasswordIsHandedOutOnceWithTheNameToSignInWith) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  const auto handed = school.engine->HandOut(school.alice, "1");
  ASSERT_TRUE(handed.ok()) << handed.status();
  ASSERT_THAT(*handed, SizeIs(1));
  EXPECT_EQ(handed->front().secret, "pw-1");
  EXPECT_EQ(handed->front().login, "n.zwaluw");
  EXPECT_TRUE(absl::IsNotFound(school.engine->HandOut(school.alice, "1").status()));
  const std::string rows = nlohmann::json(school.Audit()).dump();
  EXPECT_THAT(rows, AllOf(HasSubstr("credential.handed_out"), Not(HasSubstr("pw-1"))));
}

TEST(Enforcement, TwoWhoAskAtOnceDoNotBothGetThePassword) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  std::atomic<int> handed = 0;
  {
    base::Pool pool(4);
    for (int i = 0; i < 4; ++i) {
      pool.Run([&] { handed += school.engine->HandOut(school.alice, "1").ok(); });
    }
  }
  EXPECT_EQ(handed, 1);
}

TEST(Enforcement, ATransientFailureIsKeptWithItsTimeAndTriedAgainByTheNextEnforcement) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  school.world.Find("1").fields["name.family_all"] = core::Value::Text("Merel");
  school.ad->Next(Action::kUpdate, Answer{Answer::Kind::kFail, Reason::kThrottled, {}, absl::Minutes(10), ""});
  EXPECT_EQ(school.SaveAndEnforce().summary, "0 applied, 1 failed");
  store::Operation failed = school.OperationsOf("1").back();
  EXPECT_EQ(failed.error_reason, "THROTTLED");
  EXPECT_EQ(failed.retry_at, school.clock.Now() + absl::Minutes(10));
  school.ad->Next(Action::kUpdate, Reason::kTransient);
  school.Enforce();
  failed = school.OperationsOf("1").back();
  EXPECT_EQ(failed.attempt, 2);
  EXPECT_EQ(failed.retry_at, school.clock.Now() + absl::Minutes(5));
  EXPECT_EQ(school.Enforce().summary, "1 applied");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Enforcement, AnAnswerOfNoRightsStopsTheTargetAndSettlesWhatWasUnderWay) {
  School school;
  for (int i = 0; i < 30; ++i) school.world.AddPupil(absl::StrCat(i), "Noor", absl::StrCat("Zwaluw", i));
  school.ad->Next(Action::kCreate, Answer());
  school.ad->Next(Action::kCreate, Reason::kAuth);
  const store::Run run = school.SaveAndEnforce();
  EXPECT_EQ(run.state, "failed");
  EXPECT_THAT(run.summary, HasSubstr("30 applied, 1 failed, 60 not sent; ad: as the test says"));
  EXPECT_THAT(school.store->LoadOpenOperations().value(), IsEmpty());
  EXPECT_EQ(school.Enforce().state, "succeeded");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Enforcement, ATargetThatIsAwayStopsWithOneLineAndTheNextEnforcementGoesOn) {
  School school;
  for (int i = 0; i < 30; ++i) school.world.AddPupil(absl::StrCat(i), "Noor", absl::StrCat("Zwaluw", i));
  school.ad->Always(Action::kEnable, Answer{Answer::Kind::kFail, Reason::kUnavailable, {}, {}, ""});
  const store::Run run = school.SaveAndEnforce();
  EXPECT_THAT(run.summary, HasSubstr("31 applied, 30 failed, 30 not sent; ad: as the test says"));
  EXPECT_THAT(school.store->LoadOpenOperations().value(), IsEmpty());
  school.ad->Always(Action::kEnable, std::nullopt);
  EXPECT_EQ(school.Enforce().summary, "60 applied");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Enforcement, WhatCannotBeReadBackStaysInDoubtIsShownAndNotPlannedAgain) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  school.world.Find("1").fields["name.family_all"] = core::Value::Text("Merel");
  school.ad->Next(Action::kUpdate, Answer{Answer::Kind::kDoubtful, {}, {}, {}, ""});
  school.ad->SetVerdict(Verdict::State::kUnknown);
  const store::Run run = school.SaveAndEnforce();
  EXPECT_EQ(run.summary, "0 applied, 1 in doubt");
  EXPECT_EQ(run.state, "failed");
  EXPECT_THAT(school.store->LoadOpenOperations().value(), SizeIs(1));
  EXPECT_THAT(school.Lines(), IsEmpty());
  school.ad->Forget();
  EXPECT_EQ(school.Enforce().summary, "0 applied, 1 in doubt");  // Verified again, and still unknown.
  EXPECT_THAT(school.ad->sent(), IsEmpty());
  school.ad->SetVerdict(std::nullopt);
  EXPECT_EQ(school.Enforce().summary, "1 applied");
  EXPECT_THAT(school.store->LoadOpenOperations().value(), IsEmpty());
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Enforcement, InDoubtAndNotDoneIsSentAgainInTheSameRun) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.ad->Next(Action::kCreate, Answer());
  school.ad->Next(Action::kCreate, Answer{Answer::Kind::kDoubtfulNot, {}, {}, {}, ""});
  school.ad->Next(Action::kGrant, Answer{Answer::Kind::kDoubtful, {}, {}, {}, ""});
  EXPECT_EQ(school.SaveAndEnforce().summary, "4 applied");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Enforcement, WhatIsInDoubtForEverIsGivenUpAfterAFewTries) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  school.world.Find("1").fields["name.family_all"] = core::Value::Text("Merel");
  school.ad->Always(Action::kUpdate, Answer{Answer::Kind::kDoubtfulNot, {}, {}, {}, ""});
  EXPECT_EQ(school.SaveAndEnforce().summary, "0 applied, 1 not sent");
  EXPECT_THAT(school.Lines(), ElementsAre("update 1 sn"));
}

TEST(Enforcement, APendingOperationIsNotPlannedAgainUntilTheTargetHasDecided) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  school.world.Find("1").fields["name.family_all"] = core::Value::Text("Merel");
  school.ad->Next(Action::kUpdate, Answer{Answer::Kind::kPending, {}, {}, {}, ""});
  school.ad->SetVerdict(Verdict::State::kPending);
  EXPECT_EQ(school.SaveAndEnforce().summary, "0 applied, 1 pending");
  EXPECT_THAT(school.Lines(), IsEmpty());
  EXPECT_EQ(school.Enforce().summary, "0 applied, 1 pending");
  school.ad->SetVerdict(Verdict::State::kNotDone);
  EXPECT_EQ(school.Enforce().summary, "1 applied, 1 not sent");  // Refused there; planned and done anew.
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Enforcement, WhatIsNotThereAnyMoreNeedsNoTakingAway) {
  School school;
  core::Person& sem = school.world.AddPupil("1", "Sem", "Bakker");
  school.SaveAndEnforce();
  for (core::Contract& contract : sem.contracts) contract.end = absl::CivilDay(2026, 11, 23);
  school.ad->Next(Action::kDisable, Reason::kNotFound);
  school.ad->Next(Action::kRevoke, Reason::kNotFound);
  EXPECT_EQ(school.SaveAndEnforce().summary, "0 applied, 2 already so");
  EXPECT_EQ(school.StateOf("1", "account"), GrantState::kRetired);
}

TEST(Enforcement, APartOfAnUpdateCountsAndTheNextPlanWantsTheRest) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  school.world.Find("1").fields["name.family_all"] = core::Value::Text("Merel");
  school.world.Find("1").fields["name.display"] = core::Value::Text("Noor Merel");
  school.ad->Next(Action::kUpdate, Answer{Answer::Kind::kPart, {}, {}, {}, "sn"});
  EXPECT_EQ(school.SaveAndEnforce().summary, "0 applied, 1 failed");
  EXPECT_THAT(school.Lines(), ElementsAre("update 1 cn, displayName"));
  EXPECT_EQ(school.Enforce().summary, "1 applied");
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Enforcement, AnAccountThatIsFoundByTheTargetIsOursWithItsOwnNameAndPassword) {
  School school;
  school.ad->AddObject("account", {{"employeeID", core::Value::Text("1")},
                                   {"sAMAccountName", core::Value::Text("nzw")},
                                   {"enabled", core::Value::Flag(false)}});
  school.world.AddPupil("1", "Noor", "Zwaluw");  // Not observed since: the plan creates.
  EXPECT_EQ(school.SaveAndEnforce().summary, "3 applied, 1 already so");
  EXPECT_THAT(school.Secrets(), IsEmpty());
  EXPECT_THAT(school.Names(), IsEmpty());
  EXPECT_EQ(school.ad->Count("account"), 1);
}

TEST(Enforcement, TakesOverWhatIsThereWithoutAWriteAndThenUpdatesOnlyDifferences) {
  School school;
  const std::string account = school.ad->AddObject("account", {{"employeeID", core::Value::Text("1")},
                                                               {"cn", core::Value::Text("Noor Zwaluw (1)")},
                                                               {"sn", core::Value::Text("Swaluw")},
                                                               {"displayName", core::Value::Text("Noor Zwaluw")},
                                                               {"parent", core::Value::Text("OU=31XY00,OU=Leerlingen")},
                                                               {"sAMAccountName", core::Value::Text("nzw")},
                                                               {"enabled", core::Value::Flag(true)}});
  school.ad->AddObject("group", {{"cn", core::Value::Text("les-h4d.bio2")}});
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.Import();
  const store::Run run = school.SaveAndEnforce();
  EXPECT_EQ(run.summary, "2 applied, 3 taken over");
  EXPECT_THAT(school.ad->done(), ElementsAre(absl::StrCat("update ", account), absl::StrCat("grant ", account)));
  const std::vector<Delta> deltas = school.ad->sent()[0].deltas;
  ASSERT_THAT(deltas, SizeIs(1));
  EXPECT_EQ(deltas[0].attribute, "sn");
  EXPECT_EQ(school.ad->Get(account)->attributes.at("sAMAccountName"), core::Value::Text("nzw"));
  EXPECT_THAT(school.Lines(), IsEmpty());
}

TEST(Enforcement, RetiresReturnsWithinThePeriodAsItWasAndDeletesAfterIt) {
  School school;
  core::Person& sem = school.world.AddPupil("1", "Sem", "Bakker");
  school.world.AddPupil("2", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  const std::string group = school.ad->done()[0].substr(7);
  school.SetDay(absl::CivilDay(2026, 11, 25));
  for (core::Contract& contract : sem.contracts) contract.end = absl::CivilDay(2026, 11, 24);
  EXPECT_EQ(school.SaveAndEnforce().summary, "2 applied");
  auto account = school.ad->Find("employeeID", "1");
  EXPECT_EQ(account->attributes["enabled"], core::Value::Flag(false));
  EXPECT_EQ(account->attributes["parent"], core::Value::Text("OU=Vertrokken"));
  EXPECT_EQ(school.ad->Get(group)->members.size(), 1u);

  school.SetDay(absl::CivilDay(2026, 11, 27));
  for (core::Contract& contract : sem.contracts) contract.end.reset();
  EXPECT_EQ(school.SaveAndEnforce().summary, "3 applied");
  account = school.ad->Find("employeeID", "1");
  EXPECT_EQ(account->attributes["enabled"], core::Value::Flag(true));
  EXPECT_EQ(account->attributes["parent"], core::Value::Text("OU=31XY00,OU=Leerlingen"));
  EXPECT_FALSE(account->attributes["description"].has_value());
  EXPECT_EQ(school.ad->Get(group)->members.size(), 2u);
  EXPECT_THAT(school.Disagreements(), IsEmpty());

  for (core::Contract& contract : sem.contracts) contract.end = absl::CivilDay(2026, 11, 26);
  school.SaveAndEnforce();
  store::Commit commit;  // Day after day would do the same.
  commit.as_of = absl::CivilDay(2027, 2, 24);
  ASSERT_TRUE(school.store->Write(commit).ok());
  school.SetDay(absl::CivilDay(2027, 2, 24));
  EXPECT_THAT(school.Lines(), IsEmpty());
  school.SetDay(absl::CivilDay(2027, 2, 25));
  EXPECT_EQ(school.SaveAndEnforce().summary, "1 applied");
  EXPECT_EQ(school.ad->Count("account"), 1);
  EXPECT_EQ(school.StateOf("1", "account"), GrantState::kAbsent);
}

TEST(Enforcement, AGroupThatNobodyNeedsIsNotedAndDeletedAfterItsTime) {
  School school;
  core::Person& sem = school.world.AddPupil("1", "Sem", "Bakker");
  school.SaveAndEnforce();
  std::erase_if(sem.contracts, [](const core::Contract& contract) { return contract.type == "class_group"; });
  school.SaveAndEnforce();
  EXPECT_EQ(school.State().resources.at(0).unused_since, absl::CivilDay(2026, 11, 24));
  school.world.AddContract(sem, "class_group", "H4D.bio2", absl::CivilDay(2026, 8, 1));
  school.SaveAndEnforce();
  EXPECT_EQ(school.State().resources.at(0).unused_since, std::nullopt);
  std::erase_if(sem.contracts, [](const core::Contract& contract) { return contract.type == "class_group"; });
  school.SaveAndEnforce();
  store::Commit commit;
  commit.as_of = absl::CivilDay(2027, 11, 24);
  ASSERT_TRUE(school.store->Write(commit).ok());
  school.SetDay(absl::CivilDay(2027, 11, 24));
  EXPECT_EQ(school.SaveAndEnforce().summary, "1 applied");
  EXPECT_EQ(school.ad->Count("group"), 0);
  EXPECT_FALSE(school.State().resources.at(0).is_held);
}

TEST(Enforcement, EachOutcomeHasItsAuditRowInItsTransactionWithBeforeAndAfterAsPersonalValues) {
  School school;
  school.world.AddPupil("1", "Noor", "Zwaluw");
  school.SaveAndEnforce();
  school.world.Find("1").fields["name.family_all"] = core::Value::Text("Merel");
  school.Save();
  int outcomes = 0;
  school.store->DieAt(
      [&](const store::Commit& commit) {
        int ended = 0;
        for (const store::Operation& operation : commit.operations) ended += !operation.outcome.empty();
        if (ended > 0) {
          EXPECT_EQ(static_cast<size_t>(ended), commit.audit.size());
          EXPECT_FALSE(commit.grants.empty());
        }
        outcomes += ended;
        return false;
      },
      true);
  EXPECT_EQ(school.Enforce().summary, "1 applied");
  EXPECT_EQ(outcomes, 1);
  const nlohmann::json row = school.Audit().back();
  EXPECT_EQ(row["action"], "operation.update");
  EXPECT_EQ(row["outcome"], "applied");
  EXPECT_EQ(row["plugin"], "test.ad 1.0.0");
  EXPECT_EQ(row["configuration"], "7c1e");
  EXPECT_EQ(row["snapshot"], 2);
  EXPECT_EQ(row["actor"], "user:alice");
  EXPECT_EQ(row["personal"], nlohmann::json::parse(R"([["sn","Zwaluw","Merel"]])"));
  nlohmann::json chained = row;
  chained.erase("personal");
  EXPECT_THAT(chained.dump(), Not(HasSubstr("Merel")));
  EXPECT_THAT(nlohmann::json(school.Audit()).dump(), Not(HasSubstr("pw-1")));
}

}  // namespace
}  // namespace sluice::engine
