#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/audit/chain.h"
#include "host/audit/export.h"
#include "host/audit/seal.h"
#include "host/base/testing/temporary_folder.h"

namespace sluice::audit {
namespace {

using ::testing::HasSubstr;

const absl::Time kTime = absl::FromUnixNanos(1795487400123456789);

std::vector<Row> MakeRows(int count) {
  std::vector<Row> rows;
  std::string hash = GenesisHash();
  for (int at = 1; at <= count; ++at) {
    Entry entry;
    entry.time = kTime + absl::Seconds(at);
    entry.actor = "schedule";
    entry.action = "operation.create";
    entry.person_id = absl::StrCat("person-", at);
    entry.changes = {{entry.person_id, "sn", core::Value::Empty(), core::Value::Text("Bakker")},
                     {entry.person_id, "mail", core::Value::NotVisible(), core::Value::Text("b@example.org")}};
    rows.push_back(MakeRow(at, hash, entry));
    hash = rows.back().hash;
  }
  return rows;
}

RowReader ReaderOf(const std::vector<Row>& rows) {
  return [&rows](int64_t from, int limit) -> absl::StatusOr<std::vector<Row>> {
    std::vector<Row> found;
    for (const Row& row : rows) {
      if (row.sequence >= from && static_cast<int>(found.size()) < limit) found.push_back(row);
    }
    return found;
  };
}

class SealKeyTest : public ::testing::Test {
 protected:
  SealKeyTest() { key_ = *SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/seal")); }

  base::TemporaryFolder folder_;
  std::shared_ptr<const SealKey> key_;
};

TEST(ChainTest, ARowHasItsFixedKeysAndIsCanonical) {
  Entry entry;
  entry.time = kTime;
  entry.facts = {{"b", 1}, {"a", 0.5}};
  entry.detail = "bytes \xFF of a plugin";
  const Row row = MakeRow(1, GenesisHash(), entry);
  EXPECT_EQ(
      row.json,
      "{\"action\":\"\",\"actor\":\"\",\"commitments\":[],\"configuration\":\"\",\"detail\":\"bytes \xEF\xBF\xBD of a "
      "plugin\",\"entitlement\":\"\",\"facts\":{\"a\":\"0.5\",\"b\":1},\"operation\":\"\",\"outcome\":\"\","
      "\"person\":\"\",\"plan\":\"\",\"plugin\":\"\",\"reason\":\"\",\"run\":\"\",\"seq\":1,\"snapshot\":0,"
      "\"system\":\"\",\"time\":\"2026-11-24T02:30:00.123456Z\"}");
}

TEST(ChainTest, TheWorkedExampleOfTheReadmeHolds) {
  Entry entry;
  entry.time = absl::FromUnixMicros(1795487400123456);
  entry.actor = "schedule";
  entry.action = "operation.update";
  entry.system = "ad";
  entry.person_id = "0d9f4a10-0000-8000-8000-000000000001";
  entry.entitlement = "account";
  entry.outcome = "applied";
  entry.changes = {{entry.person_id, "sn", core::Value::Text("de Boer"), core::Value::Text("Smit-de Boer")}};
  const Row row = MakeRow(1, GenesisHash(), entry, [] { return std::string(64, 'a'); });
  std::ifstream file("host/audit/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  for (const std::string& part : {row.json, row.hash, row.personal[0].salt, row.personal[0].json}) {
    EXPECT_TRUE(absl::StrContains(readme.str(), absl::StrCat(" ", part, "\n"))) << part;
  }
}

TEST(ChainTest, ValuesLieBesideTheChainAndAreCommittedTo) {
  const std::vector<Row> rows = MakeRows(1);
  EXPECT_FALSE(absl::StrContains(rows[0].json, "Bakker"));
  ASSERT_EQ(rows[0].personal.size(), 2u);
  EXPECT_EQ(rows[0].personal[0].json, "[\"sn\",null,\"Bakker\"]");
  EXPECT_THAT(rows[0].json, HasSubstr(Commitment(rows[0].personal[0].salt, rows[0].personal[0].json)));
  EXPECT_NE(rows[0].personal[0].salt, rows[0].personal[1].salt);
}

TEST(ChainTest, ErasingValuesLeavesTheChainWhole) {
  std::vector<Row> rows = MakeRows(3);
  rows[1].personal.clear();
  EXPECT_TRUE(CheckChain(ReaderOf(rows)).ok());
}

TEST(ChainTest, EveryKindOfDamageIsNamed) {
  const auto message = [](const std::function<void(std::vector<Row>&)>& damage) {
    std::vector<Row> rows = MakeRows(5);
    damage(rows);
    return std::string(CheckChain(ReaderOf(rows)).message());
  };
  EXPECT_EQ(message([](auto&) {}), "");
  EXPECT_THAT(message([](auto& rows) { rows[2].json[20] ^= 1; }), HasSubstr("row 3 was changed"));
  EXPECT_THAT(message([](auto& rows) { rows[2].hash[0] ^= 1; }), HasSubstr("row 3 was changed"));
  EXPECT_THAT(message([](auto& rows) { rows.erase(rows.begin() + 2); }), HasSubstr("row 3 is missing"));
  EXPECT_THAT(message([](auto& rows) { std::swap(rows[1].json, rows[2].json); }), HasSubstr("row 2 was changed"));
  EXPECT_THAT(message([](auto& rows) { rows[3].personal[1].json[2] ^= 1; }), HasSubstr("row 4: its personal value 1"));
  EXPECT_THAT(message([](auto& rows) {
                rows[1].json = absl::StrReplaceAll(rows[1].json, {{"schedule", "nobody"}});
                rows[1].hash = RowHash(rows[1].previous_hash, rows[1].json);
              }),
              HasSubstr("row 3 does not follow row 2"));
}

TEST_F(SealKeyTest, AKeyIsMadeOnceForItsOwnerWithThePublicHalfBesideIt) {
  struct stat status;
  ASSERT_EQ(stat(absl::StrCat(folder_.path(), "/seal").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_TRUE(std::filesystem::exists(absl::StrCat(folder_.path(), "/seal.pub")));
  EXPECT_EQ((*SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/seal")))->id(), key_->id());
  chmod(absl::StrCat(folder_.path(), "/seal").c_str(), 0640);
  EXPECT_THAT(std::string(SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/seal")).status().message()),
              HasSubstr("run chmod 600"));
}

TEST_F(SealKeyTest, ASealIsGoodOnlyAsItWasMade) {
  const Seal seal = *SignSeal(*key_, 6, std::string(64, 'a'), kTime);
  EXPECT_TRUE(CheckSeal(seal).ok());
  Seal other = seal;
  other.time += absl::Microseconds(1);
  EXPECT_EQ(CheckSeal(other).code(), absl::StatusCode::kDataLoss);
  other = seal;
  other.hash[0] = 'b';
  EXPECT_FALSE(CheckSeal(other).ok());
  other = seal;
  ++other.sequence;
  EXPECT_FALSE(CheckSeal(other).ok());
  other = seal;
  other.public_key[0] ^= 1;
  EXPECT_FALSE(CheckSeal(other).ok());
}

TEST_F(SealKeyTest, ASealIsTheSameReadFromItsLine) {
  const Seal seal = *SignSeal(*key_, 6, std::string(64, 'a'), kTime);
  const std::string line = SealLine(seal);
  const absl::StatusOr<Seal> again = ParseSealLine(line);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(CheckSeal(*again).ok());
  EXPECT_EQ(SealLine(*again), line);
  for (size_t size = 0; size + 1 < line.size(); ++size) EXPECT_FALSE(ParseSealLine(line.substr(0, size)).ok());
  for (const char* other : {"", "{}", "{\"seal\":1}", "{\"seal\":{\"seq\":1}}", "[]", "\xff"}) {
    EXPECT_FALSE(ParseSealLine(other).ok()) << other;
  }
}

}  // namespace
}  // namespace sluice::audit
