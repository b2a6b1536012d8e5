#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/audit/export.h"
#include "host/audit/seal.h"
#include "host/audit/verify.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

// What seeds/audit_export/whole.jsonl holds: its key, its newest row, and something of each of its rows.
constexpr char kPublicKey[] = "3954217e0f9d16b7d17ff33e8e67b62e12f47f17d236cb0c70d4e950a14154d0";
constexpr char kHead[] = "701714b5b5a03134908e541f07f2e89e77896d092e55725e9aa8050038bc223d";

}  // namespace

void FuzzAuditExport(absl::string_view input) {
  const auto parts = Parts(input, "=== seals");
  const std::string file = parts.empty() ? "" : parts[0].second;
  sluice_audit_verify::Options options;
  if (parts.size() > 1) options.copy_of_seals = parts[1].second;
  std::istringstream free(file);
  const sluice_audit_verify::Verdict verdict = sluice_audit_verify::Verify(free, options);
  Expect(verdict.is_unbroken == (verdict.line.rfind("broken: ", 0) != 0), "a verdict says what it is");
  Expect(verdict.line.find('\n') == std::string::npos || verdict.is_unbroken, "one line");
  options.public_keys = {absl::HexStringToBytes(kPublicKey)};
  options.head = kHead;
  std::istringstream demanding(file);
  if (sluice_audit_verify::Verify(demanding, options).is_unbroken) {
    // Nobody but the owner of the key, who is not here, can have changed a row that he sealed.
    for (const char* row : {"\"action\":\"import.accepted\"", "\"detail\":\"the first\"", "\"detail\":\"the last\""}) {
      Expect(file.find(row) != std::string::npos, "a row that was sealed is there as it was");
    }
    Expect(verdict.is_unbroken, "what fits the key and the head fits without them");
  }
  for (const auto& [name, text] : Parts(input, "{\"seal\"")) {
    const absl::StatusOr<audit::Seal> seal = audit::ParseSealLine(absl::StrCat("{\"seal\"", name));
    if (!seal.ok()) continue;
    audit::CheckSeal(*seal).IgnoreError();
    Expect(audit::ParseSealLine(audit::SealLine(*seal)).ok(), "a seal is the same read from its line");
  }
}

}  // namespace sluice::fuzz
