#include "host/cli/print.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/civil_time.h"

namespace sluice::cli {
namespace {

size_t Width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

Table::Table(std::vector<std::string> headings) : has_headings_(!headings.empty()) {
  if (has_headings_) rows_.push_back(std::move(headings));
}

void Table::Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

std::string Table::ToString(size_t indent) const {
  if (has_headings_ && rows_.size() == 1) return "";
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string Id(const std::string& name) {
  const size_t slash = name.rfind('/');
  return name.substr(slash == std::string::npos ? 0 : slash + 1);
}

std::string Short(const std::string& id_or_name, size_t length) { return Id(id_or_name).substr(0, length); }

std::string Number(int64_t number) {
  std::string text = absl::StrCat(number);
  for (int64_t i = static_cast<int64_t>(text.size()) - 3; i > (number < 0 ? 1 : 0); i -= 3)
    text.insert(static_cast<size_t>(i), ",");
  return text;
}

std::string Day(const std::string& iso) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(iso, &day)) return iso;
  return absl::FormatTime("%-d %b %Y", absl::FromCivil(day, absl::UTCTimeZone()), absl::UTCTimeZone());
}

std::string Moment(const google::protobuf::Timestamp& time, absl::TimeZone zone) {
  return absl::FormatTime("%-d %b %Y %H:%M", absl::FromUnixSeconds(time.seconds()), zone);
}

std::string Plural(int64_t count, const std::string& one, const std::string& many) {
  return absl::StrCat(Number(count), " ", count == 1 ? one : many);
}

std::string Words(const std::string& name) { return absl::StrReplaceAll(name, {{"_", " "}}); }

std::string PluginState(const std::string& state) {
  return state == "stopped" ? "stopped (starts when needed)" : state;
}

std::string CheckText(const v1::CheckConfigurationResponse& check, bool says_ok) {
  std::string out;
  const auto add = [&](const v1::ConfigurationError& error, const char* prefix) {
    out += error.file();
    if (error.line() > 0) absl::StrAppend(&out, ":", error.line());
    if (error.column() > 0) absl::StrAppend(&out, ":", error.column());
    absl::StrAppend(&out, ": ", prefix, error.message(), "\n");
  };
  for (const v1::ConfigurationError& error : check.errors()) add(error, "");
  for (const v1::ConfigurationError& warning : check.warnings()) add(warning, "warning: ");
  if (check.errors_size() > 0) {
    absl::StrAppend(&out, Plural(check.errors_size(), "error", "errors"), ". The running configuration ",
                    Short(check.running_hash(), 4), " is unchanged.\n");
  } else if (says_ok) {
    absl::StrAppend(&out, "Configuration ", Short(check.hash(), 4), " is right",
                    check.hash() == check.running_hash()
                        ? "; it is the running one.\n"
                        : absl::StrCat("; running is ", Short(check.running_hash(), 4), ".\n"));
  }
  return out;
}

int CheckCode(const v1::CheckConfigurationResponse& check) { return check.errors().empty() ? kOk : kFailed; }

int RunCode(const v1::Run& run) { return run.state() == "succeeded" || run.state() == "running" ? kOk : kFailed; }

}  // namespace sluice::cli
