// How answers look to people: aligned tables, short ids, dates and numbers as one reads them.
#ifndef SLUICE_HOST_CLI_PRINT_H_
#define SLUICE_HOST_CLI_PRINT_H_

#include <string>
#include <vector>

#include "host/cli/client.h"

namespace sluice::cli {

// Columns as wide as their widest cell, counted in characters; the last one is not padded. Trailing blanks are cut.
class Table {
 public:
  explicit Table(std::vector<std::string> headings = {});
  void Add(std::vector<std::string> row);
  size_t size() const { return rows_.size(); }
  std::string ToString(size_t indent = 0) const;

 private:
  bool has_headings_ = false;
  std::vector<std::vector<std::string>> rows_;
};

std::string Short(const std::string& id_or_name, size_t length = 8);  // "blocks/7f22a0..." -> "7f22a0.."
std::string Number(int64_t number);                                   // 1,020
std::string Day(const std::string& iso);                              // "2026-11-24" -> "24 Nov 2026"
std::string Moment(const google::protobuf::Timestamp& time);          // "24 Nov 03:30", local time
std::string Plural(int64_t count, const std::string& one, const std::string& many);

int ShowStatus(const v1::Status& status);
int ShowPlan(const v1::Plan& plan, bool shows_all);
int ShowExplanation(const v1::Explanation& explanation);
int ShowCheck(const v1::CheckConfigurationResponse& check, bool says_ok);
int ShowRun(const v1::Run& run);  // The exit code says how it ended.
void ShowOperations(const google::protobuf::RepeatedPtrField<v1::Operation>& operations, size_t most);
int ShowPerson(const v1::PersonDetail& detail);
int ShowBlock(const v1::Block& block);
int ShowCorrelation(const v1::CorrelationReport& report, bool shows_all);

}  // namespace sluice::cli

#endif  // SLUICE_HOST_CLI_PRINT_H_
