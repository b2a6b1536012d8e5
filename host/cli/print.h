// How answers look to people: aligned tables, short ids, dates and numbers as one reads them.
//
// Pure: an answer in, text out; print_plan.cc, print_people.cc and print_host.cc hold the larger ones. Times are shown
// in the zone that is given, the school's. Nothing is left out unsaid: what is cut says how much, and how to see it.
#ifndef SLUICE_HOST_CLI_PRINT_H_
#define SLUICE_HOST_CLI_PRINT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/cli/client.h"

namespace sluice::cli {

// Columns as wide as their widest cell, counted in characters; the last one is not padded. Trailing blanks are cut.
class Table {
 public:
  explicit Table(std::vector<std::string> headings = {});
  void Add(std::vector<std::string> row);
  size_t size() const { return rows_.size(); }  // Headings count.
  std::string ToString(size_t indent = 0) const;

 private:
  bool has_headings_ = false;
  std::vector<std::vector<std::string>> rows_;
};

std::string Short(const std::string& id_or_name, size_t length = 8);               // "blocks/7f22a0..." -> "7f22a0.."
std::string Id(const std::string& name);                                           // "systems/ad" -> "ad"
std::string Number(int64_t number);                                                // 1,020
std::string Day(const std::string& iso);                                           // "2026-11-24" -> "24 Nov 2026"
std::string Moment(const google::protobuf::Timestamp& time, absl::TimeZone zone);  // "24 Nov 2026 03:30"
std::string Plural(int64_t count, const std::string& one, const std::string& many);
std::string Words(const std::string& name);         // "create_resource" -> "create resource"
std::string PluginState(const std::string& state);  // "stopped" -> "stopped (starts when needed)"

using Operations = google::protobuf::RepeatedPtrField<v1::Operation>;

std::string AuditStateText(const v1::AuditState& state, absl::TimeZone zone);
std::string StatusText(const v1::Status& status, absl::TimeZone zone);
std::string PlanText(const v1::Plan& plan, bool shows_all);
std::string OperationsText(const Operations& operations, bool shows_all);
std::string ExplanationText(const v1::Explanation& explanation);
std::string CheckText(const v1::CheckConfigurationResponse& check, bool says_ok);
std::string RunText(const v1::Run& run);
std::string RunDetailText(const v1::RunDetail& detail, absl::TimeZone zone, bool shows_all);
std::string PersonsText(const v1::ListPersonsResponse& reply);
std::string PersonText(const v1::PersonDetail& detail);
std::string BlocksText(const v1::ListBlocksResponse& reply, absl::TimeZone zone);
std::string BlockText(const v1::Block& block, absl::TimeZone zone, bool shows_all);
std::string CorrelationText(const v1::CorrelationReport& report, bool shows_all);
std::string SystemText(const v1::System& system);
std::string SystemsText(const v1::ListSystemsResponse& reply);
std::string TestText(const v1::TestSystemResponse& reply);
std::string PluginsText(const v1::ListPluginsResponse& reply);
std::string PluginText(const v1::Plugin& plugin, absl::TimeZone zone);
std::string AuditText(const v1::ListAuditRowsResponse& reply, absl::TimeZone zone);

// How a run, or a check, ends the program.
int RunCode(const v1::Run& run);
int CheckCode(const v1::CheckConfigurationResponse& check);

}  // namespace sluice::cli

#endif  // SLUICE_HOST_CLI_PRINT_H_
