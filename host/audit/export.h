// The audit log as a file that anybody can check without the host: canonical JSON lines.
//
// Holds no state. The rows are written as they stand, damaged ones too: judging is the verifier's job.
#ifndef SLUICE_HOST_AUDIT_EXPORT_H_
#define SLUICE_HOST_AUDIT_EXPORT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/audit/row.h"

namespace sluice::audit {

struct ExportOptions {
  bool with_personal = true;  // False: the commitments only.
};

// Gives `sink` one line at a time, line feed included: a header, the rows from 1 on, the seals. Rows that are added
// meanwhile are left out. A row that is not JSON any more is written as its bytes, in base64. Fails as `read` or `sink`
// does.
absl::Status Export(const RowReader& read, const std::vector<Seal>& seals, const ExportOptions& options,
                    const std::function<absl::Status(absl::string_view line)>& sink);

// A seal as a line of an export, line feed included; what a copy of the seals consists of too.
std::string SealLine(const Seal& seal);
// INVALID_ARGUMENT when the line is not one; whether the seal is good is CheckSeal's to say.
absl::StatusOr<Seal> ParseSealLine(absl::string_view line);

}  // namespace sluice::audit

#endif  // SLUICE_HOST_AUDIT_EXPORT_H_
