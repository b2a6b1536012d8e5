// How many operations are under way at once, and in which order those of one group's members are sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "host/engine/testing/school.h"

namespace sluice::engine {
namespace {

using ::testing::IsEmpty;
using testing::School;

// What was sent together, of one action.
struct Sendings {
  explicit Sendings(School& school, Action action) {
    school.ad->OnSend([this, action](const std::vector<TargetOperation>& operations) {
      if (operations.empty() || operations.front().action != action) return;
      absl::MutexLock lock(&mutex);
      batches.push_back(operations);
    });
  }
  absl::Mutex mutex;
  std::vector<std::vector<TargetOperation>> batches;
};

SystemSchema WithLimit(const std::string& object_class, uint32_t most, bool joins) {
  SystemSchema schema = testing::DirectorySchema();
  for (ClassInfo& info : schema.classes) {
    if (info.name == object_class) info.max_in_flight = most;
    if (info.role == ClassInfo::Role::kRelation) info.joins = joins;
  }
  return schema;
}

TEST(Pace, MembersOfOneGroupAreSentTogetherWhoeverTheyAre) {
  School school;
  school.ad->SetSchema(WithLimit("", 0, true));
  ASSERT_EQ(school.Import().state, "succeeded");
  for (int i = 0; i < 300; ++i)
    school.world.AddPupil(absl::StrCat(1000 + i), "Noor", absl::StrCat("Zwaluw", i), absl::StrCat("H", i % 5));
  Sendings sendings(school, Action::kGrant);
  EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
  ASSERT_EQ(sendings.batches.size(), 1u) << "one transaction, and one sending";
  std::vector<std::string> groups;
  for (const TargetOperation& operation : sendings.batches[0]) groups.push_back(operation.permission_id);
  EXPECT_EQ(groups.size(), 300u);
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  EXPECT_EQ(groups.size(), 5u) << "one group after the other, so that the connector can join them";
  EXPECT_THAT(school.Disagreements(), IsEmpty());
}

TEST(Pace, NoMoreIsUnderWayThanTheClassOfTheObjectsAllows) {
  for (const uint32_t most : {1u, 7u, 150u}) {
    School school;
    school.ad->SetSchema(WithLimit("account", most, false));
    ASSERT_EQ(school.Import().state, "succeeded");
    for (int i = 0; i < 20; ++i) school.world.AddPupil(absl::StrCat(1000 + i), "Noor", absl::StrCat("Zwaluw", i));
    Sendings sendings(school, Action::kEnable);
    EXPECT_EQ(school.SaveAndEnforce().state, "succeeded");
    size_t largest = 0;
    for (const auto& batch : sendings.batches) largest = std::max(largest, batch.size());
    EXPECT_EQ(largest, std::min<size_t>(most, 20)) << most;
    EXPECT_THAT(school.Disagreements(), IsEmpty());
  }
}

}  // namespace
}  // namespace sluice::engine
