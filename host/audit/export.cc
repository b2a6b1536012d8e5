#include "host/audit/export.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/audit/chain.h"
#include "host/base/hash.h"
#include "host/base/status.h"
#include "nlohmann/json.hpp"

namespace sluice::audit {
namespace {

constexpr int kPage = 1000;

std::string Line(const nlohmann::json& json) { return absl::StrCat(base::CanonicalJson(json), "\n"); }

absl::StatusOr<std::string> RowLine(const Row& row, const ExportOptions& options) {
  // The row goes into the line as the bytes that were hashed, not as what they mean: keys of a line are in order.
  if (!nlohmann::json::accept(row.json)) {
    return absl::DataLossError(absl::StrCat("row ", row.sequence, " of the audit log is not JSON: it was changed"));
  }
  std::string personal;
  for (const Row::Personal& value : row.personal) {
    if (!options.with_personal) break;
    if (!nlohmann::json::accept(value.json)) {
      return absl::DataLossError(
          absl::StrCat("a personal value of row ", row.sequence, " is not JSON: it was changed"));
    }
    absl::StrAppend(&personal, personal.empty() ? "" : ",", "{\"change\":", value.json, ",\"index\":", value.index,
                    ",\"salt\":", base::CanonicalJson(value.salt), "}");
  }
  return absl::StrCat("{\"hash\":", base::CanonicalJson(row.hash), ",\"personal\":[", personal,
                      "],\"prev\":", base::CanonicalJson(row.previous_hash), ",\"row\":", row.json,
                      ",\"seq\":", row.sequence, "}\n");
}

std::string SealLine(const Seal& seal) {
  return Line({{"seal",
                {{"seq", seal.sequence},
                 {"hash", seal.hash},
                 {"time", TimeText(seal.time)},
                 {"key", seal.key_id},
                 {"public_key", seal.public_key},
                 {"signature", seal.signature}}}});
}

// The newest row's number and hash.
absl::StatusOr<std::pair<int64_t, std::string>> FindHead(const RowReader& read) {
  std::pair<int64_t, std::string> head(0, GenesisHash());
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<Row> rows, read(head.first + 1, kPage));
    if (rows.empty()) return head;
    head = {rows.back().sequence, rows.back().hash};
  }
}

}  // namespace

absl::Status Export(const RowReader& read, const std::vector<Seal>& seals, const ExportOptions& options,
                    const std::function<absl::Status(absl::string_view line)>& sink) {
  ASSIGN_OR_RETURN(const auto head, FindHead(read));
  RETURN_IF_ERROR(sink(Line({{"format", "sluice-audit"},
                             {"version", 1},
                             {"head", {{"seq", head.first}, {"hash", head.second}}},
                             {"seals", seals.size()}})));
  int64_t last = 0;
  while (last < head.first) {
    ASSIGN_OR_RETURN(const std::vector<Row> rows, read(last + 1, kPage));
    if (rows.empty()) break;
    for (const Row& row : rows) {
      last = row.sequence;
      if (row.sequence > head.first) break;
      ASSIGN_OR_RETURN(const std::string line, RowLine(row, options));
      RETURN_IF_ERROR(sink(line));
    }
  }
  for (const Seal& seal : seals) RETURN_IF_ERROR(sink(SealLine(seal)));
  return absl::OkStatus();
}

}  // namespace sluice::audit
