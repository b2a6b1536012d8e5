// The audit log as a file that anybody can check without the host: canonical JSON lines.
//
// Holds no state. The rows are written as they stand, damaged ones too: judging is the verifier's job.
#ifndef SLUICE_HOST_AUDIT_EXPORT_H_
#define SLUICE_HOST_AUDIT_EXPORT_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/audit/row.h"

namespace sluice::audit {

struct ExportOptions {
  bool with_personal = true;  // False: the commitments only.
};

// Gives `sink` one line at a time, line feed included: a header, the rows from 1 on, the seals. Rows that are added
// meanwhile are left out. Fails as `read` or `sink` does, and with DATA_LOSS when a row is not JSON.
absl::Status Export(const RowReader& read, const std::vector<Seal>& seals, const ExportOptions& options,
                    const std::function<absl::Status(absl::string_view line)>& sink);

}  // namespace sluice::audit

#endif  // SLUICE_HOST_AUDIT_EXPORT_H_
