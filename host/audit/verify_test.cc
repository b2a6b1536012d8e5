// The verifier against exports of real chains, and against everything that can be done to them.
#include "host/audit/verify.h"

#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/audit/chain.h"
#include "host/audit/export.h"
#include "host/audit/seal.h"
#include "host/base/testing/temporary_folder.h"

namespace sluice::audit {
namespace {

using ::sluice_audit_verify::Options;
using ::sluice_audit_verify::PublicKeyFromPem;
using ::sluice_audit_verify::Verdict;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Verifying : public ::testing::Test {
 protected:
  Verifying() {
    key_ = *SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/seal"));
    for (int at = 1; at <= 8; ++at) {
      AddRow();
      if (at == 3 || at == 6) AddSeal(at);
    }
  }

  void AddRow() {
    const int64_t at = static_cast<int64_t>(rows_.size()) + 1;
    Entry entry;
    entry.time = absl::FromUnixMicros(1795487400123456 + at);
    entry.actor = "user:zoë";
    entry.action = "operation.create";
    entry.facts = {{"€", at}, {"😀", "x"}, {"", 1}};
    entry.changes = {{"p", "sn", core::Value::Empty(), core::Value::Text(absl::StrCat("Bakker\n", at))}};
    rows_.push_back(MakeRow(at, rows_.empty() ? GenesisHash() : rows_.back().hash, entry));
  }
  void AddSeal(int64_t row) {
    seals_.push_back(
        *SignSeal(*key_, row, rows_[static_cast<size_t>(row - 1)].hash, absl::FromUnixSeconds(1795490000)));
  }
  // A small log for tests that try every byte.
  void KeepTwoRows() {
    rows_.resize(2);
    seals_.clear();
    AddSeal(1);
  }
  // Hashes every row anew from `from` on: what an attacker with the file but without the key can do.
  void HashAgain(size_t from) {
    for (size_t at = from; at < rows_.size(); ++at) {
      rows_[at].previous_hash = at == 0 ? GenesisHash() : rows_[at - 1].hash;
      rows_[at].hash = RowHash(rows_[at].previous_hash, rows_[at].json);
    }
  }
  std::string Exported(const ExportOptions& options = {}) {
    std::string text;
    const absl::Status status = Export(
        [this](int64_t from, int limit) -> absl::StatusOr<std::vector<Row>> {
          std::vector<Row> found;
          for (const Row& row : rows_) {
            if (row.sequence >= from && static_cast<int>(found.size()) < limit) found.push_back(row);
          }
          return found;
        },
        seals_, options,
        [&](absl::string_view line) {
          absl::StrAppend(&text, line);
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return text;
  }
  static Verdict Check(const std::string& text, const Options& options = {}) {
    std::istringstream file(text);
    return sluice_audit_verify::Verify(file, options);
  }
  // The verdict's line; "" when it was unbroken.
  static std::string Broken(const std::string& text, const Options& options = {}) {
    const Verdict verdict = Check(text, options);
    return verdict.is_unbroken ? "" : verdict.line;
  }
  std::vector<std::string> Lines() { return absl::StrSplit(Exported(), '\n'); }
  static std::string Joined(const std::vector<std::string>& lines) { return absl::StrJoin(lines, "\n"); }

  base::TemporaryFolder folder_;
  std::shared_ptr<const SealKey> key_;
  std::vector<Row> rows_;
  std::vector<Seal> seals_;
};

TEST_F(Verifying, AWholeExportIsUnbroken) {
  const Options with_key{{PublicKeyFromPem(key_->public_pem())}, "", 0};
  EXPECT_EQ(Check(Exported(), with_key).line, absl::StrCat("8 rows, head ", rows_.back().hash, ", 2 seals by key ",
                                                           key_->id(), ", the last over row 6: unbroken"));
  EXPECT_EQ(Broken(Exported({/*with_personal=*/false}), with_key), "");
  EXPECT_THAT(Check(Exported()).line, HasSubstr("(as the file says)"));
}

TEST_F(Verifying, ALogWithoutRowsIsUnbroken) {
  rows_.clear();
  seals_.clear();
  EXPECT_EQ(Check(Exported()).line, "0 rows, 0 seals: unbroken");
}

TEST_F(Verifying, AnErasedPersonLeavesTheLogWhole) {
  for (Row& row : rows_) row.personal.clear();
  EXPECT_EQ(Broken(Exported()), "");
}

TEST_F(Verifying, EveryFlippedByteIsSeen) {
  KeepTwoRows();
  const std::string whole = Exported();
  ASSERT_EQ(Broken(whole), "");
  for (size_t at = 0; at < whole.size(); ++at) {
    // Neighbours, other cases, and each bit of the byte in turn.
    for (const int flip : {0x01, 0x20, 1 << (at % 8), 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      ASSERT_FALSE(Check(changed).is_unbroken) << "byte " << at << " flipped by " << flip;
    }
  }
}

TEST_F(Verifying, EveryRemovedOrDoubledByteAndEveryTruncationIsSeen) {
  KeepTwoRows();
  const std::string whole = Exported();
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string without = whole, doubled = whole;
    without.erase(at, 1);
    doubled.insert(at, 1, whole[at]);
    ASSERT_FALSE(Check(without).is_unbroken) << at;
    ASSERT_FALSE(Check(doubled).is_unbroken) << at;
    ASSERT_FALSE(Check(whole.substr(0, at)).is_unbroken) << at;
  }
}

TEST_F(Verifying, AChangedRowIsNamed) {
  std::vector<std::string> lines = Lines();
  lines[5] = absl::StrReplaceAll(lines[5], {{"operation.create", "operation.delete"}});
  EXPECT_EQ(Broken(Joined(lines)), "broken: row 5 was changed: its contents do not give its hash");
  lines = Lines();
  lines[5] = absl::StrReplaceAll(lines[5], {{"Bakker", "Bakkes"}});
  EXPECT_EQ(Broken(Joined(lines)), "broken: row 5: its personal value 0 was changed: it does not give its commitment");
}

TEST_F(Verifying, AMissingRowIsNamed) {
  std::vector<std::string> lines = Lines();
  lines.erase(lines.begin() + 4);
  EXPECT_EQ(Broken(Joined(lines)), "broken: row 4 is missing");
  lines.erase(lines.begin() + 4, lines.begin() + 6);
  EXPECT_EQ(Broken(Joined(lines)), "broken: rows 4 to 6 are missing");
}

TEST_F(Verifying, SwappedRowsAreNamed) {
  std::vector<std::string> lines = Lines();
  std::swap(lines[3], lines[4]);
  EXPECT_EQ(Broken(Joined(lines)), "broken: rows 3 and 4 are swapped");
}

TEST_F(Verifying, ARepeatedRowIsNamed) {
  std::vector<std::string> lines = Lines();
  lines.insert(lines.begin() + 3, lines[2]);
  EXPECT_EQ(Broken(Joined(lines)), "broken: row 2 stands where row 3 belongs");
}

TEST_F(Verifying, RowsCutOffBelowASealAreNamed) {
  rows_.resize(5);  // The first line says so too: nothing else gives it away.
  EXPECT_EQ(
      Broken(Exported()),
      "broken: row 6 is missing: a seal of 2026-11-24T03:13:20.000000Z covers row 6 (truncated, or an older copy)");
}

TEST_F(Verifying, RowsCutOffBehindTheLastSealAreSeenWithTheHeadOrTheNumber) {
  const std::string head = rows_.back().hash;
  rows_.resize(7);
  EXPECT_EQ(Broken(Exported()), "");
  EXPECT_THAT(Broken(Exported(), {{}, head.substr(0, 8), 0}), HasSubstr("no row has the hash"));
  EXPECT_EQ(Broken(Exported(), {{}, "", 8}),
            "broken: row 8 is missing: the log must reach row 8 (an older copy, or truncated)");
}

TEST_F(Verifying, AnOlderCopyIsSeenWithTheHeadAndANewerOneHoldsIt) {
  const std::string older = Exported();
  const std::string old_head = rows_.back().hash;
  AddRow();
  EXPECT_THAT(Broken(older, {{}, rows_.back().hash, 0}), HasSubstr("an older copy"));
  EXPECT_EQ(Broken(Exported(), {{}, old_head, 0}), "");
}

TEST_F(Verifying, RowsRewrittenAndHashedAgainAreSeenBySeals) {
  rows_[4].json = absl::StrReplaceAll(rows_[4].json, {{"operation.create", "operation.delete"}});
  HashAgain(4);
  EXPECT_THAT(Broken(Exported()), HasSubstr("rewritten after they were sealed: row 6"));
  EXPECT_THAT(Broken(Exported()), HasSubstr("between row 4 and row 6"));
}

TEST_F(Verifying, OneRowHashedAgainBreaksTheNext) {
  rows_[4].json = absl::StrReplaceAll(rows_[4].json, {{"operation.create", "operation.delete"}});
  rows_[4].hash = RowHash(rows_[4].previous_hash, rows_[4].json);
  EXPECT_THAT(Broken(Exported()), StartsWith("broken: row 6 does not follow row 5"));
}

TEST_F(Verifying, ARemovedSealIsSeen) {
  std::vector<std::string> lines = Lines();
  lines.erase(lines.end() - 2);
  EXPECT_THAT(Broken(Joined(lines)), HasSubstr("a seal was removed or added"));
  seals_.clear();  // With a first line to match.
  EXPECT_EQ(Broken(Exported()), "");
  EXPECT_THAT(Broken(Exported(), {{PublicKeyFromPem(key_->public_pem())}, "", 0}), HasSubstr("no seal"));
}

TEST_F(Verifying, AForgersOwnKeyIsNotTheOneThatWasGiven) {
  const auto forger = *SealKey::LoadOrCreate(absl::StrCat(folder_.path(), "/forged"));
  rows_[0].json = absl::StrReplaceAll(rows_[0].json, {{"operation.create", "operation.delete"}});
  HashAgain(0);
  seals_ = {*SignSeal(*forger, 8, rows_[7].hash, absl::FromUnixSeconds(1795490000))};
  EXPECT_EQ(Broken(Exported()), "");
  EXPECT_THAT(Broken(Exported(), {{PublicKeyFromPem(key_->public_pem())}, "", 0}),
              HasSubstr("which is not the public key that was given"));
}

TEST_F(Verifying, TheProgramSaysOneLineAndEndsWithItsCode) {
  const auto run = [&](const std::string& words, int& code) {
    const std::string program = absl::StrCat(getenv("SLUICE_BINARY_DIR"), "/bin/sluice-audit-verify ");
    FILE* pipe = popen(absl::StrCat(program, words, " 2>&1").c_str(), "r");
    char text[4096] = {};
    const size_t size = fread(text, 1, sizeof(text) - 1, pipe);
    code = WEXITSTATUS(pclose(pipe));
    return std::string(text, size);
  };
  const std::string file = absl::StrCat(folder_.path(), "/log.jsonl");
  std::ofstream(file) << Exported();
  int code = -1;
  EXPECT_THAT(
      run(absl::StrCat(file, " --public-key ", folder_.path(), "/seal.pub --at-least 8 --head ", rows_[2].hash), code),
      HasSubstr(": unbroken\n"));
  EXPECT_EQ(code, 0);
  std::string text = Exported();
  text[text.size() / 2] ^= 1;
  std::ofstream(file) << text;
  EXPECT_THAT(run(file, code), StartsWith("broken: row "));
  EXPECT_EQ(code, 1);
  for (const char* words : {"", "/nowhere/at/all", "--frist x", "a b", "a --head", "a --head xyz", "a --at-least -1",
                            "a --public-key /nowhere", "/tmp"}) {
    EXPECT_THAT(run(words, code), StartsWith("sluice-audit-verify: ")) << words;
    EXPECT_EQ(code, 2) << words;
  }
}

}  // namespace
}  // namespace sluice::audit
