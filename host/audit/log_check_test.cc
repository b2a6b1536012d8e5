// What can be done to a stored log, what the host then says, and what an acceptance covers: this and nothing later.
// Each damage that is accepted is exported too, and the verifier, other code, must agree.
#include "host/audit/log_check.h"

#include <stdlib.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/audit/export.h"
#include "host/audit/verify.h"
#include "host/base/testing/temporary_folder.h"

namespace sluice::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const absl::Time kTime = absl::FromUnixNanos(1795487400123456789);

class Checking : public ::testing::Test {
 protected:
  Checking() {
    key_ = *SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/seal"));
    for (int at = 1; at <= 9; ++at) {
      AddRow();
      if (at % 3 == 0) SealHead();
    }
  }

  void AddEntry(const Entry& entry) {
    rows_.push_back(rows_.empty() ? MakeRow(1, GenesisHash(), entry)
                                  : MakeRow(rows_.back().sequence + 1, rows_.back().hash, entry));
  }
  void AddRow() {
    Entry entry;
    entry.time = kTime + absl::Seconds(rows_.size());
    entry.actor = "schedule";
    entry.action = "operation.create";
    entry.changes = {{"p", "sn", core::Value::Empty(), core::Value::Text("Bakker")}};
    AddEntry(entry);
  }
  void SealHead() { seals_.push_back(*SignSeal(*key_, rows_.back().sequence, rows_.back().hash, kTime)); }
  // What an attacker with the file, but without the key, can do to hide a change.
  void HashAgain(size_t from) {
    for (size_t at = from; at < rows_.size(); ++at) {
      rows_[at].previous_hash = at == 0 ? GenesisHash() : rows_[at - 1].hash;
      rows_[at].hash = RowHash(rows_[at].previous_hash, rows_[at].json);
    }
  }
  static void Garble(Row& row) { row.json = absl::StrReplaceAll(row.json, {{"schedule", "nobody"}}); }

  absl::StatusOr<std::vector<Row>> Read(int64_t from, int limit) const {
    std::vector<Row> found;
    for (const Row& row : rows_) {
      if (row.sequence >= from && static_cast<int>(found.size()) < limit) found.push_back(row);
    }
    return found;
  }
  RowReader Reader() const {
    return [this](int64_t from, int limit) { return Read(from, limit); };
  }
  LogCheck Check() const { return *CheckLog(Reader(), seals_, key_->id()); }
  Judgement Judge() const { return Check().Judge(); }
  // The first finding; "": none.
  std::string Found() const {
    const Judgement judgement = Judge();
    return judgement.open.empty() ? "" : judgement.open.front().what;
  }
  void AcceptAll() {
    for (const Finding& finding : Judge().open) {
      AddEntry(*AcceptFinding(finding, "user:alice (uid 1000)", "disk failure", kTime, *key_));
    }
  }
  std::string Verified(const std::string& copy_of_seals = "") const {
    std::stringstream file;
    EXPECT_TRUE(Export(Reader(), Check().seals(), {}, [&](absl::string_view line) {
                  file << line;
                  return absl::OkStatus();
                }).ok());
    sluice_audit_verify::Options options{{sluice_audit_verify::PublicKeyFromPem(key_->public_pem())}, "", 0};
    options.copy_of_seals = copy_of_seals;
    const sluice_audit_verify::Verdict verdict = sluice_audit_verify::Verify(file, options);
    EXPECT_EQ(verdict.is_unbroken, verdict.line.find("broken: ") != 0);
    return verdict.line;
  }
  std::string CopyOfSeals() const {
    std::string copy;
    for (const Seal& seal : seals_) copy += SealLine(seal);
    return copy;
  }
  // Host and verifier find `what`; nothing is sealed; after an acceptance all agree that it was accepted, and the log
  // is sealed; then an acceptance covers nothing that is done later.
  void ExpectFoundAcceptedAndPinned(const std::string& what) {
    EXPECT_THAT(Found(), HasSubstr(what));
    EXPECT_FALSE(MakeSeal(Judge(), *key_, kTime).ok());
    EXPECT_THAT(Verified(), HasSubstr("broken: "));
    AcceptAll();
    EXPECT_EQ(Found(), "");
    ASSERT_FALSE(Judge().accepted.empty());
    EXPECT_THAT(Judge().accepted[0].what, HasSubstr(what));
    EXPECT_EQ(Judge().accepted[0].actor, "user:alice (uid 1000)");
    EXPECT_EQ(Judge().accepted[0].reason, "disk failure");
    EXPECT_THAT(Verified(), HasSubstr("damaged, and accepted"));
    EXPECT_THAT(Verified(), HasSubstr("accepted by user:alice (uid 1000) in row "));
    AddRow();
    const auto seal = MakeSeal(Judge(), *key_, kTime);
    ASSERT_TRUE(seal.ok() && seal->has_value()) << seal.status();
    seals_.push_back(**seal);
    EXPECT_EQ(Judge().sealed_row, rows_.back().sequence);
    EXPECT_EQ(Found(), "");
    EXPECT_THAT(Verified(), HasSubstr("damaged, and accepted"));
    ExpectPinned();
  }
  // Every row that is there, changed once more, is seen again, with and without a hash to fit.
  void ExpectPinned() {
    const std::vector<Row> rows = rows_;
    for (size_t at = 0; at < rows.size(); ++at) {
      for (const bool hashes_again : {false, true}) {
        rows_ = rows;
        rows_[at].json = absl::StrCat(" ", rows_[at].json);
        if (hashes_again) rows_[at].hash = RowHash(rows_[at].previous_hash, rows_[at].json);
        EXPECT_NE(Found(), "") << at;
        EXPECT_THAT(Verified(), HasSubstr("broken: ")) << at;
      }
      rows_ = rows;
      rows_.erase(rows_.begin() + static_cast<long>(at));
      EXPECT_NE(Found(), "") << at;
      EXPECT_THAT(Verified(), HasSubstr("broken: ")) << at;
    }
    rows_ = rows;
  }

  base::TemporaryFolder folder_;
  std::shared_ptr<const SealKey> key_;
  std::vector<Row> rows_;
  std::vector<Seal> seals_;
};

TEST_F(Checking, AWholeLogIsSealedOnceForEachNewestRow) {
  EXPECT_EQ(Found(), "");
  EXPECT_FALSE(MakeSeal(Judge(), *key_, kTime)->has_value());
  AddRow();
  const auto seal = MakeSeal(Judge(), *key_, kTime);
  ASSERT_TRUE(seal.ok() && seal->has_value());
  EXPECT_EQ((*seal)->sequence, 10);
  EXPECT_EQ((*seal)->hash, rows_.back().hash);
  EXPECT_THAT(Verified(), HasSubstr(": unbroken"));
}

TEST_F(Checking, AFlippedRow) {
  Garble(rows_[4]);
  ExpectFoundAcceptedAndPinned("row 5 was changed: its contents do not give its hash");
}

TEST_F(Checking, AFlippedLastRow) {
  Garble(rows_[8]);
  ExpectFoundAcceptedAndPinned("row 9 was changed");
}

TEST_F(Checking, AFirstRowThatDoesNotBegin) {
  rows_[0].previous_hash[5] = '1';
  rows_[0].hash = RowHash(rows_[0].previous_hash, rows_[0].json);
  ExpectFoundAcceptedAndPinned("row 1 was changed: the first row must follow nothing");
}

TEST_F(Checking, ARowThatIsNoJson) {
  rows_[4].json = "\xff\x00{[garbled";
  ExpectFoundAcceptedAndPinned("row 5 was changed");
}

TEST_F(Checking, HashesThatAreNoText) {
  rows_[4].hash = "\xc3\x28 \n";
  rows_[6].previous_hash = std::string("\0\xff", 2);
  ExpectFoundAcceptedAndPinned("row 5 was changed");
}

TEST_F(Checking, ARowThatNestsWithoutEnd) {
  rows_[4].json = std::string(200000, '[');
  ExpectFoundAcceptedAndPinned("row 5 was changed");
  rows_[4].json = absl::StrCat("{\"a\":", std::string(200000, '['), std::string(200000, ']'), "}");
  rows_[4].hash = RowHash(rows_[4].previous_hash, rows_[4].json);
  EXPECT_THAT(Found(), HasSubstr("row 5"));
  EXPECT_THAT(Verified(), HasSubstr("row 5"));
}

TEST_F(Checking, ARowOfOtherContentsThatIsHashedToFit) {
  rows_[8].json = "{\"fraction\":0.5,\"seq\":9}";
  HashAgain(8);
  seals_.pop_back();
  ExpectFoundAcceptedAndPinned("row 9 was changed: it does not hold what a row holds");
}

TEST_F(Checking, ADroppedRow) {
  rows_.erase(rows_.begin() + 4);
  ExpectFoundAcceptedAndPinned("row 5 is missing");
}

TEST_F(Checking, DroppedRowsUpToASealedOne) {
  rows_.erase(rows_.begin() + 3, rows_.begin() + 6);
  ExpectFoundAcceptedAndPinned("rows 4 to 6 are missing");
}

TEST_F(Checking, ADroppedRowAndAChangedOneBehindIt) {
  Garble(rows_[5]);
  rows_.erase(rows_.begin() + 4);
  ExpectFoundAcceptedAndPinned("row 5 is missing; damaged on to row 6");
}

TEST_F(Checking, SwappedRows) {
  std::swap(rows_[4].json, rows_[5].json);
  ExpectFoundAcceptedAndPinned("row 5 was changed: its contents do not give its hash; damaged on to row 6");
}

TEST_F(Checking, ARowThatIsHashedAgainByItself) {
  Garble(rows_[4]);
  rows_[4].hash = RowHash(rows_[4].previous_hash, rows_[4].json);
  ExpectFoundAcceptedAndPinned("row 6 does not follow row 5");
}

TEST_F(Checking, RowsThatAreRewrittenAndHashedAgain) {
  Garble(rows_[4]);
  HashAgain(4);
  ExpectFoundAcceptedAndPinned("rows 4 to 9 were rewritten");
}

TEST_F(Checking, RowsThatAreCutOff) {
  rows_.resize(7);
  ExpectFoundAcceptedAndPinned("rows 8 to 9 are missing, which the seal of 2026-11-24T02:30:00.123456Z covers");
}

TEST_F(Checking, AnOlderCopyOfTheStoreIsSeenByTheCopyOfTheSeals) {
  const std::string copy = CopyOfSeals();
  rows_.resize(4);
  std::vector<Seal> all = seals_;
  seals_.resize(1);
  EXPECT_EQ(Found(), "");  // By itself it is whole.
  EXPECT_THAT(Verified(), HasSubstr("unbroken"));
  EXPECT_THAT(Verified(copy), HasSubstr("broken: rows 5 to 6 are missing"));
  all.push_back(seals_[0]);  // The store's and the copy's together.
  seals_ = all;
  ExpectFoundAcceptedAndPinned("rows 5 to 9 are missing, which the seal of");
}

TEST_F(Checking, AnOlderCopyOfTheStoreThatWentOnIsSeenToo) {
  rows_.resize(4);
  while (rows_.size() < 12) AddRow();
  ExpectFoundAcceptedAndPinned("rows 4 to 9 were rewritten, or the store is an older copy that went on: row 9");
}

TEST_F(Checking, APersonalValueBesideARow) {
  rows_[4].personal[0].json = "[\"sn\",null,\"Smit\"]";
  ExpectFoundAcceptedAndPinned("row 5: its personal value 0 was changed");
  rows_[4].personal[0].json = "\xff";
  EXPECT_EQ(Found(), "");
  EXPECT_THAT(Verified(), HasSubstr("damaged, and accepted"));
  rows_[2].personal[0].index = -1;
  EXPECT_THAT(Found(), HasSubstr("row 3"));
  EXPECT_THAT(Verified(), HasSubstr("broken: row 3"));
}

TEST_F(Checking, AChangedSeal) {
  seals_[1].time += absl::Microseconds(1);
  ExpectFoundAcceptedAndPinned("the seal over row 6 was changed: its signature is not by key");
}

TEST_F(Checking, AGoodSealOfTheCopyStandsInForAChangedOne) {
  Seal good = seals_[1];
  seals_[1].signature[0] ^= 1;
  seals_.push_back(good);
  EXPECT_EQ(Found(), "");
}

TEST_F(Checking, ALogThatAForgerWroteAnewAndSealedWithAKeyOfHis) {
  const auto forged = *SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/forged"));
  Garble(rows_[0]);
  HashAgain(0);
  seals_ = {*SignSeal(*forged, 9, rows_[8].hash, kTime)};
  EXPECT_THAT(Found(), HasSubstr("the seals over row 9 are by key"));
  EXPECT_FALSE(MakeSeal(Judge(), *key_, kTime).ok());
}

TEST_F(Checking, ANewKeyOfTheHostIsAcceptedByNameAndSoAreItsOlderSealsAndAcceptances) {
  Garble(rows_[4]);
  AcceptAll();
  const auto old_key = key_;
  key_ = *SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/new"));
  EXPECT_THAT(Found(), HasSubstr("row 5 was changed"));
  ASSERT_THAT(Judge().open, SizeIs(2));
  EXPECT_EQ(Judge().open[1].what, absl::StrCat("the seals over rows 3 to 9 are by key ", old_key->id(),
                                               ", which is not this host's key ", key_->id()));
  const Finding other_key = Judge().open[1];
  AddEntry(*AcceptFinding(other_key, "user:alice", "yearly change of the key", kTime, *key_));
  EXPECT_EQ(Found(), "");
  SealHead();
  EXPECT_THAT(Verified(), HasSubstr("the seals over rows 3 to 9 are by key"));
  EXPECT_THAT(Verified(), HasSubstr("damaged, and accepted"));
}

TEST_F(Checking, AnAcceptanceThatTheKeyDidNotSignAcceptsNothing) {
  Garble(rows_[4]);
  const auto forged = *SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/forged"));
  const Finding finding = Judge().open[0];
  const Entry good = *AcceptFinding(finding, "user:alice", "why", kTime, *key_);
  Entry other = good;
  other.actor = "user:bob";
  Entry reason = good;
  reason.reason = "because";
  Entry range = good;
  range.facts["last"] = 6;
  Entry mark = good;
  mark.facts["found"].push_back("key 0123456789abcdef");
  Entry none = good;
  none.facts.erase("signature");
  for (const Entry& entry :
       {other, reason, range, mark, none, *AcceptFinding(finding, "user:alice", "why", kTime, *forged)}) {
    AddEntry(entry);
    EXPECT_THAT(Found(), HasSubstr("row 5 was changed"));
    EXPECT_THAT(Verified(), HasSubstr("broken: row 5"));
  }
  AddEntry(good);
  EXPECT_EQ(Found(), "");
  Garble(rows_.back());  // A damaged acceptance accepts nothing either.
  rows_.back().json[0] = ' ';
  EXPECT_THAT(Found(), HasSubstr("row 5 was changed"));
}

TEST_F(Checking, OneAcceptanceCoversOnlyItsOwnDamage) {
  Garble(rows_[1]);
  Garble(rows_[6]);
  Judgement judgement = Judge();
  ASSERT_THAT(judgement.open, SizeIs(2));
  AddEntry(*AcceptFinding(judgement.open[0], "user:alice", "why", kTime, *key_));
  judgement = Judge();
  ASSERT_THAT(judgement.open, SizeIs(1));
  EXPECT_EQ(judgement.open[0].first, 7);
  EXPECT_THAT(Verified(), HasSubstr("broken: row 7"));
  Garble(rows_[2]);  // Beside the accepted one.
  judgement = Judge();
  ASSERT_THAT(judgement.open, SizeIs(2));
  EXPECT_EQ(judgement.open[0].first, 3);
  EXPECT_EQ(judgement.accepted[0].first, 2);
}

TEST_F(Checking, ATornLastLineOfTheCopySaysNothing) {
  std::string copy = CopyOfSeals();
  EXPECT_THAT(Verified(copy), HasSubstr(": unbroken"));
  EXPECT_THAT(Verified(copy.substr(0, copy.size() - 20)), HasSubstr(": unbroken"));
  copy[30] ^= 1;
  EXPECT_THAT(Verified(copy), HasSubstr("of the copy"));
}

}  // namespace
}  // namespace sluice::audit
