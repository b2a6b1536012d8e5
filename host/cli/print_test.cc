// What answers look like, to the letter.

#include "host/cli/print.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "host/cli/usage.h"

namespace sluice::cli {
namespace {

template <typename Message>
Message Read(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

absl::TimeZone Amsterdam() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("Europe/Amsterdam", &zone));
  return zone;
}

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCellInCharacters) {
  Table table({"name", "number", "note"});
  table.Add({"Zoë", "104233", "a very long note that pads nothing"});
  table.Add({"Noor van der Zwaluw", "1"});
  EXPECT_EQ(table.ToString(2),
            "  name                 number  note\n"
            "  Zoë                  104233  a very long note that pads nothing\n"
            "  Noor van der Zwaluw  1\n");
}

TEST(TableTest, HeadingsWithoutRowsAreNothing) { EXPECT_EQ(Table({"name"}).ToString(), ""); }

TEST(WordsTest, NumbersDaysAndIdsAreAsOneReadsThem) {
  EXPECT_EQ(Number(1020), "1,020");
  EXPECT_EQ(Number(-1234567), "-1,234,567");
  EXPECT_EQ(Number(999), "999");
  EXPECT_EQ(Day("2026-11-24"), "24 Nov 2026");
  EXPECT_EQ(Day("soon"), "soon");
  EXPECT_EQ(Short("blocks/7f22a0123456"), "7f22a012");
  EXPECT_EQ(Id("systems/ad"), "ad");
  EXPECT_EQ(Plural(1, "person", "people"), "1 person");
  EXPECT_EQ(Plural(1020, "person", "people"), "1,020 people");
  google::protobuf::Timestamp time;
  time.set_seconds(1795487400);
  EXPECT_EQ(Moment(time, Amsterdam()), "24 Nov 2026 03:30");
}

TEST(PlanTest, APlanSaysWhatToWhomAndWhyAndWhatThresholdsSay) {
  const auto plan = Read<v1::Plan>(R"pb(
    name: "plans/9f3c07aabb"
    as_of: "2026-11-24"
    configuration: "7c1e99"
    snapshot { sequence: 12 as_of: "2026-11-24" people: 1020 }
    operations {
      kind: "create"
      system: "ad"
      label: "account"
      display: "Noor van der Zwaluw"
      external_id: "104233"
      summary: "placement H4D from 24 Nov"
      status: "ready"
      supports { rule: "Pupils have an account" }
    }
    operations {
      kind: "update"
      system: "ad"
      label: "sn, displayName"
      display: "Ellen Smit-de Boer"
      external_id: "D51326"
      summary: "family name: \"de Boer\" -> \"Smit-de Boer\""
      status: "ready"
    }
    operations {
      kind: "retire"
      system: "ad"
      label: "account"
      display: "Sem Bakker"
      external_id: "103991"
      summary: "placement ended 23 Nov"
      status: "blocked"
      block: "ab12cd34ef"
    }
    thresholds { system: "ad" kind: "create" count: 1 count_limit: 50 }
    thresholds { system: "ad" kind: "retire" count: 1 held: 980 count_limit: 1 percent_limit: 3 is_reached: true }
    thresholds { system: "ad" kind: "adopt" count: 300 }
    thresholds { system: "ad" kind: "grant" count: 40 observing: 40 count_limit: 10 }
    blocks { name: "blocks/ab12cd34ef" system: "ad" verdict: "retire 1 of 1" state: "waiting" }
    held_back { person: "persons/1" display: "Zoë Ng" external_id: "104236" system: "ad" reason: "cn is too long" }
    held_back { system: "ad" reason: "class group les-h4: two would have this name" }
    warnings: "one thing"
  )pb");
  EXPECT_EQ(
      PlanText(plan, false),
      "Snapshot 12 of 24 Nov 2026, 1,020 people; configuration 7c1e; as of 24 Nov 2026\n"
      "  +  ad  create account          Noor van der Zwaluw  104233  placement H4D from 24 Nov                 Pupils "
      "have an account\n"
      "  ~  ad  update sn, displayName  Ellen Smit-de Boer   D51326  family name: \"de Boer\" -> \"Smit-de Boer\"\n"
      "  -  ad  retire account          Sem Bakker           103991  placement ended 23 Nov                    "
      "blocked ab12cd34\n"
      "3 operations: 1 create, 1 update, 1 retire.\n"
      "Thresholds are reached: ad retire 1 of 1, 0.1 % of 3 %.\n"
      "The others hold (ad create 1 of 50).\n"
      "1 group of operations waits for a decision:\n"
      "  ab12cd34  ad  retire 1 of 1\n"
      "Look: sluice block show ab12cd34; approve: sluice block approve ab12cd34 --reason \"...\"\n"
      "1 person and 1 resource are held back:\n"
      "  Zoë Ng  104236  ad  cn is too long\n"
      "  ad  class group les-h4: two would have this name\n"
      "Warning: one thing\n"
      "Carry it out with: sluice enforce --plan 9f3c07\n");
}

TEST(PlanTest, NothingToDoSaysSoAndThatThresholdsHold) {
  const auto plan = Read<v1::Plan>(R"pb(name: "plans/e3b0"
                                        as_of: "2026-11-24"
                                        configuration: "7c1e"
                                        snapshot { sequence: 1 as_of: "2026-11-24" people: 1 })pb");
  EXPECT_EQ(PlanText(plan, false),
            "Snapshot 1 of 24 Nov 2026, 1 person; configuration 7c1e; as of 24 Nov 2026\n"
            "Nothing to do.\nThresholds hold.\nNobody is held back.\n");
  EXPECT_EQ(PlanText(v1::Plan(), false),
            "Nothing was imported yet: sluice import\nNothing to do.\nThresholds hold.\nNobody is held back.\n");
}

TEST(PlanTest, ALongPlanShowsSomeOfEachKindAndSaysHowManyMore) {
  v1::Plan plan;
  plan.mutable_snapshot()->set_sequence(1);
  for (int i = 0; i < 60; ++i) {
    v1::Operation* operation = plan.add_operations();
    operation->set_kind(i < 50 ? "grant" : "create");
    operation->set_system("ad");
    operation->set_status("ready");
    operation->set_external_id(absl::StrCat(i));
  }
  const std::string text = PlanText(plan, false);
  EXPECT_NE(text.find("  ... and 4 ad create, 44 ad grant; all of them with --all\n"), std::string::npos) << text;
  EXPECT_EQ(PlanText(plan, true).find("..."), std::string::npos);
}

TEST(PlanTest, WhatWouldBeDoneIsNotHiddenAmongWhatOnlyShows) {
  v1::Plan plan;
  plan.mutable_snapshot()->set_sequence(1);
  for (int i = 0; i < 60; ++i) {
    v1::Operation* operation = plan.add_operations();
    operation->set_kind("create");
    operation->set_system("ad");
    operation->set_status(i == 59 ? "ready" : "observing");
    operation->set_external_id(i == 59 ? "the-one" : "another");
  }
  const std::string text = PlanText(plan, false);
  EXPECT_NE(text.find("the-one"), std::string::npos);
  EXPECT_EQ(text.find("another"), std::string::npos);
  EXPECT_NE(text.find("59 of them only show what an activation would do"), std::string::npos);
}

TEST(WhyTest, WhatIsHeldNamesRuleClausesContractRecordsAndSnapshot) {
  const auto why = Read<v1::Explanation>(R"pb(
    answer: "granted"
    plan: "9f3c07aa"
    configuration: "7c1e99"
    snapshot { sequence: 12 as_of: "2026-11-24" }
    grant { state: "held" since: "2026-11-24" operation: "7f22a0bb" }
    supports {
      rule: "Every class has a group"
      position: "rules/pupils.yaml:20"
      contract: "class group h4.bio2"
      from: "2026-08-01"
      until: "2027-07-31"
      clauses { text: "type is class_group" position: "rules/pupils.yaml:21:11" }
      records: "somtoday lesgroep_lid b1"
      records: "somtoday leerling a1"
      records: "somtoday leerling a1"
    })pb");
  EXPECT_EQ(ExplanationText(why),
            "Held since 24 Nov 2026, by operation 7f22a0 of plan 9f3c07\n"
            "  rule      Every class has a group  rules/pupils.yaml:20\n"
            "  contract  class group h4.bio2      1 Aug 2026 to 31 Jul 2027, in window today\n"
            "            type is class_group      rules/pupils.yaml:21:11\n"
            "  record    somtoday lesgroep_lid b1\n"
            "  record    somtoday leerling a1\n"
            "  snapshot  12 of 24 Nov 2026        configuration 7c1e\n");
}

TEST(WhyTest, WhatIsNotGrantedNamesTheNearestRulesAndWhatTheySaw) {
  const auto why = Read<v1::Explanation>(R"pb(
    answer: "not_granted"
    next_change: "2027-08-01"
    missed {
      rule: "Upper years borrow laptops"
      position: "rules/pupils.yaml:13"
      clauses { text: "type is placement" verdict: "true" }
      clauses { text: "location.code is 31XY01, the rule wants 31XY00" verdict: "false" }
    }
    missed { rule: "Staff" position: "rules/staff.yaml:2" window: "in window from 1 Dec 2026" })pb");
  EXPECT_EQ(ExplanationText(why),
            "Not granted. Nearest rule: Upper years borrow laptops (rules/pupils.yaml:13)\n"
            "  location.code is 31XY01, the rule wants 31XY00\n"
            "Next: Staff (rules/staff.yaml:2)\n"
            "  in window from 1 Dec 2026\n"
            "Changes by itself on 1 Aug 2027.\n");
}

TEST(CheckTest, ErrorsNameFileLineAndColumnAndTheRunningOneStays) {
  const auto check = Read<v1::CheckConfigurationResponse>(R"pb(
    errors {
      file: "rules/pupils.yaml"
      line: 16
      column: 43
      message: "unknown field \"locaton.code\"; did you mean \"location.code\"?"
    }
    errors { file: "systems/ad.yaml" message: "it cannot be read" }
    warnings { file: "systems/ad.yaml" line: 3 message: "protects nobody" }
    running_hash: "7c1e99")pb");
  EXPECT_EQ(CheckText(check, true),
            "rules/pupils.yaml:16:43: unknown field \"locaton.code\"; did you mean \"location.code\"?\n"
            "systems/ad.yaml: it cannot be read\n"
            "systems/ad.yaml:3: warning: protects nobody\n"
            "2 errors. The running configuration 7c1e is unchanged.\n");
  EXPECT_EQ(CheckCode(check), 1);
  EXPECT_EQ(CheckText(Read<v1::CheckConfigurationResponse>(R"pb(hash: "9a00" running_hash: "7c1e99")pb"), true),
            "Configuration 9a00 is right; running is 7c1e.\n");
}

TEST(RunTest, AnImportHasALineForEachSystemAndOneForWhatFollows) {
  const auto run = Read<v1::Run>(R"pb(
    name: "runs/8700edea11"
    kind: "import"
    state: "blocked"
    system: "ad,somtoday"
    summary: "ad: observed (account 4, group 40); somtoday: 1020 people (1020 new, 0 gone, 0 changed); waits: people_added 1020 of 100 (block 0727fb37)"
    warnings: "somtoday: 1 class group has no name")pb");
  EXPECT_EQ(RunText(run),
            "Warning: somtoday: 1 class group has no name\n"
            "Run 8700edea (import) blocked:\n"
            "  ad        observed (account 4, group 40)\n"
            "  somtoday  1020 people (1020 new, 0 gone, 0 changed)\n"
            "            waits: people_added 1020 of 100 (block 0727fb37)\n"
            "Look: sluice block list\n");
  EXPECT_EQ(RunCode(run), 1);
}

TEST(RunTest, AnEnforcementHasOneLine) {
  const auto run = Read<v1::Run>(
      R"pb(name: "runs/d2575a7c" kind: "enforce" state: "succeeded" summary: "263 applied, 10126 only observed")pb");
  EXPECT_EQ(RunText(run), "Run d2575a7c (enforce) succeeded: 263 applied, 10126 only observed\n");
  EXPECT_EQ(RunCode(run), 0);
}

TEST(StatusTest, AStoppedPluginStartsWhenItIsNeeded) {
  const auto status = Read<v1::Status>(R"pb(
    name: "De Waterlanden"
    version: "0.1.0"
    configuration: "de38ff"
    time { seconds: 1795487400 }
    snapshot { sequence: 3 as_of: "2026-11-24" people: 1020 vanished: 2 held_back: 1 }
    systems { name: "systems/ad" kind: "target" connector: "sluice.active_directory@1" plugin_state: "stopped" }
    active_runs {
      name: "runs/0123456789"
      kind: "import"
      actor: "user:alice"
      started { seconds: 1795487400 }
    }
    open_operations: 1
    blocks_waiting: 2)pb");
  EXPECT_EQ(StatusText(status, Amsterdam()),
            "De Waterlanden; sluice 0.1.0; configuration de38; 24 Nov 2026 03:30\n"
            "Snapshot 3 of 24 Nov 2026: 1,020 people, 2 vanished, 1 held back\n"
            "  system  kind    connector                  plugin\n"
            "  ad      target  sluice.active_directory@1  stopped (starts when needed)\n"
            "Under way: run 01234567 (import) since 24 Nov 2026 03:30 by user:alice\n"
            "1 operation has no outcome yet: the next enforcement verifies what is in doubt\n"
            "2 blocks wait: sluice block list\n");
}

TEST(BlocksTest, BlocksOfOneKindStandTogether) {
  const auto reply = Read<v1::ListBlocksResponse>(R"pb(
    blocks {
      name: "blocks/aaaa1111"
      system: "ad"
      kind: "revoke"
      state: "waiting"
      size: 9
      verdict: "les-h4 would lose 9 of 10 members"
      since { seconds: 1795487400 }
    }
    blocks {
      name: "blocks/bbbb2222"
      system: "school"
      kind: "people_added"
      state: "waiting"
      size: 1020
      verdict: "people_added 1020 of 100"
      since { seconds: 1795487400 }
    }
    blocks {
      name: "blocks/cccc3333"
      system: "ad"
      kind: "revoke"
      state: "waiting"
      size: 5
      verdict: "les-h5 would lose 5 of 6 members"
      since { seconds: 1795487400 }
    })pb");
  EXPECT_EQ(
      BlocksText(reply, Amsterdam()),
      "block     system  kind          state    since              size   what\n"
      "aaaa1111  ad      revoke        waiting  24 Nov 2026 03:30  9      les-h4 would lose 9 of 10 members\n"
      "cccc3333                        waiting  24 Nov 2026 03:30  5      les-h5 would lose 5 of 6 members\n"
      "bbbb2222  school  people added  waiting  24 Nov 2026 03:30  1,020  people_added 1020 of 100\n"
      "3 blocks wait, 1,034 in all. Look: sluice block show ID; decide: sluice block approve|reject ID... --reason "
      "\"...\"\n");
}

TEST(PersonsTest, ManyContractsOfOneTypeAreCounted) {
  const auto reply = Read<v1::ListPersonsResponse>(R"pb(
    persons {
      display: "Noor"
      external_id: "104233"
      state: "held_back"
      contracts: "class group h4.bio2"
      contracts: "placement H4D"
      contracts: "class group h4.en1"
      contracts: "class group x"
    })pb");
  EXPECT_EQ(PersonsText(reply),
            "name  number  state      contracts\n"
            "Noor  104233  held back  placement H4D, 3 x class group\n"
            "1 person\n");
}

TEST(UsageTest, TypographicDashesAreKnownInEveryShape) {
  EXPECT_EQ(WithHyphens("\u2013json"), "--json");
  EXPECT_EQ(WithHyphens("\u2014\u2014json"), "--json");
  EXPECT_EQ(WithHyphens("-\u2011plan=9f"), "--plan=9f");
  EXPECT_EQ(WithHyphens("\u2013h"), "-h");
  EXPECT_EQ(WithHyphens("--json"), "");
  EXPECT_EQ(WithHyphens("\u2013"), "");
  EXPECT_EQ(WithHyphens("\u20135 degrees"), "");
  EXPECT_EQ(WithHyphens("word"), "");
}

}  // namespace
}  // namespace sluice::cli
