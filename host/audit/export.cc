#include "host/audit/export.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/audit/chain.h"
#include "host/base/hash.h"
#include "host/base/status.h"
#include "nlohmann/json.hpp"

namespace sluice::audit {
namespace {

constexpr int kPage = 1000;

std::string Line(const nlohmann::json& json) { return absl::StrCat(base::CanonicalJson(json), "\n"); }

// A personal value that is not JSON any more stands as null, which gives no commitment either.
std::string PersonalText(const Row& row) {
  std::string text;
  for (const Row::Personal& value : row.personal) {
    const bool is_value = IsCanonicalObject(absl::StrCat("{\"change\":", value.json, "}"));
    absl::StrAppend(&text, text.empty() ? "" : ",", "{\"change\":", is_value ? value.json : "null",
                    ",\"index\":", value.index, ",\"salt\":", base::CanonicalJson(value.salt), "}");
  }
  return text;
}

// The row goes into the line as the bytes that were hashed, not as what they mean: keys of a line are in order.
std::string RowLine(const Row& row, const ExportOptions& options) {
  const std::string contents = IsCanonicalObject(row.json)
                                   ? absl::StrCat("\"row\":", row.json)
                                   : absl::StrCat("\"raw\":\"", absl::Base64Escape(row.json), "\"");
  return absl::StrCat(
      "{\"hash\":", base::CanonicalJson(row.hash), ",\"personal\":[", options.with_personal ? PersonalText(row) : "",
      "],\"prev\":", base::CanonicalJson(row.previous_hash), ",", contents, ",\"seq\":", row.sequence, "}\n");
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
      RETURN_IF_ERROR(sink(RowLine(row, options)));
    }
  }
  for (const Seal& seal : seals) RETURN_IF_ERROR(sink(SealLine(seal)));
  return absl::OkStatus();
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

absl::StatusOr<Seal> ParseSealLine(absl::string_view line) {
  const absl::Status wrong = absl::InvalidArgumentError("a line that is no seal");
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (!IsCanonicalObject(line)) return wrong;
  const nlohmann::json json = nlohmann::json::parse(line.begin(), line.end()).value("seal", nlohmann::json());
  if (!json.is_object() || !json.value("seq", nlohmann::json()).is_number_integer()) return wrong;
  for (const char* key : {"hash", "time", "key", "public_key", "signature"}) {
    if (!json.value(key, nlohmann::json()).is_string()) return wrong;
  }
  Seal seal;
  seal.sequence = json["seq"].get<int64_t>();
  seal.hash = json["hash"].get<std::string>();
  seal.key_id = json["key"].get<std::string>();
  seal.public_key = json["public_key"].get<std::string>();
  seal.signature = json["signature"].get<std::string>();
  if (!absl::ParseTime(absl::RFC3339_full, json["time"].get<std::string>(), &seal.time, nullptr)) return wrong;
  return seal;
}

}  // namespace sluice::audit
