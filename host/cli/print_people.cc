// Persons, what they hold, and whose account is whose.

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/cli/print.h"

namespace sluice::cli {
namespace {

constexpr size_t kMostRows = 40;
constexpr size_t kManyOfOne = 3;  // From so many contracts of one type on they are counted.

// "placement H4D, 9 x class group"
std::string ContractsLine(const google::protobuf::RepeatedPtrField<std::string>& contracts) {
  std::map<std::string, std::vector<std::string>> by_word;
  for (const std::string& contract : contracts) by_word[contract.substr(0, contract.find(' '))].push_back(contract);
  std::vector<std::string> parts, counted;
  for (auto& [word, labels] : by_word) {
    std::sort(labels.begin(), labels.end());
    if (labels.size() < kManyOfOne) {
      parts.insert(parts.end(), labels.begin(), labels.end());
      continue;
    }
    // What all of them begin with, in whole words: the type.
    std::string common = labels.front().substr(0, labels.front().rfind(' '));
    while (!absl::StartsWith(labels.back(), absl::StrCat(common, " ")) && common.find(' ') != std::string::npos)
      common.resize(common.rfind(' '));
    counted.push_back(absl::StrCat(labels.size(), " x ", common));
  }
  parts.insert(parts.end(), counted.begin(), counted.end());
  return absl::StrJoin(parts, ", ");
}

std::string FieldOf(const v1::Contract& contract, const char* path) {
  auto found = contract.fields().find(path);
  return found == contract.fields().end() ? std::string() : found->second;
}

// The primary one first, then by type and begin; those that are gone last.
std::string ContractsTable(const v1::PersonDetail& detail) {
  std::vector<const v1::Contract*> contracts;
  for (const v1::Contract& contract : detail.contracts()) contracts.push_back(&contract);
  std::stable_sort(contracts.begin(), contracts.end(), [](const v1::Contract* a, const v1::Contract* b) {
    return std::make_tuple(!a->last_seen().empty(), !a->is_primary(), a->type(), a->start()) <
           std::make_tuple(!b->last_seen().empty(), !b->is_primary(), b->type(), b->start());
  });
  const bool is_joined = !detail.origins().empty();
  std::vector<std::string> heading = {"contract", "from", "until", "department", "location", "title", ""};
  if (is_joined) heading.push_back("source");
  Table table(heading);
  for (const v1::Contract* contract : contracts) {
    std::vector<std::string> row = {Words(contract->type()),
                                    Day(contract->start()),
                                    contract->end().empty() ? "open" : Day(contract->end()),
                                    FieldOf(*contract, "department.code"),
                                    FieldOf(*contract, "location.code"),
                                    FieldOf(*contract, "title.name"),
                                    contract->is_primary()          ? "primary"
                                    : contract->last_seen().empty() ? ""
                                                                    : "gone since " + Day(contract->last_seen())};
    if (is_joined) row.push_back(contract->record().substr(0, contract->record().find(' ')));
    table.Add(row);
  }
  return table.ToString(2);
}

std::string RawText(const v1::RawRecord& record) {
  google::protobuf::util::JsonPrintOptions how;
  how.add_whitespace = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(record.attributes(), &json, how).ok()) json = "{}\n";
  std::string out = absl::StrCat("\n", record.system(), " ", record.object_class(), " ", record.id(),
                                 record.scope().empty() ? "" : absl::StrCat(" of ", record.scope()), ", first seen ",
                                 Day(record.first_seen()), ", confirmed ", Day(record.last_confirmed()),
                                 record.last_seen().empty() ? "" : ", gone since", "\n");
  for (absl::string_view line : absl::StrSplit(json, '\n', absl::SkipEmpty())) absl::StrAppend(&out, "  ", line, "\n");
  return out;
}

}  // namespace

std::string PersonsText(const v1::ListPersonsResponse& reply) {
  if (reply.persons().empty()) return "Nobody.\n";
  Table table({"name", "number", "state", "contracts"});
  for (const v1::Person& one : reply.persons()) {
    table.Add({one.display(), one.external_id(), Words(one.state()), ContractsLine(one.contracts())});
  }
  return absl::StrCat(table.ToString(), Plural(reply.persons_size(), "person", "people"), "\n");
}

std::string PersonText(const v1::PersonDetail& detail) {
  const v1::Person& person = detail.person();
  std::string out = absl::StrCat(person.display(), "  ", person.external_id(), "  ", Words(person.state()),
                                 person.last_seen().empty() ? "" : absl::StrCat(" since ", Day(person.last_seen())),
                                 person.system().empty() ? "" : absl::StrCat("  from ", person.system()), "  id ",
                                 Id(person.name()), "\n");
  for (const std::string& reason : person.held_back()) absl::StrAppend(&out, "Held back: ", reason, "\n");
  if (!detail.exclusion().empty()) absl::StrAppend(&out, "Excluded ", detail.exclusion(), "\n");
  Table fields;
  for (const auto& [path, value] : std::map<std::string, std::string>(detail.fields().begin(), detail.fields().end())) {
    const auto origin = detail.origins().find(path);
    fields.Add(
        {path, value.empty() ? "(empty)" : value, origin == detail.origins().end() ? "" : "from " + origin->second});
  }
  absl::StrAppend(&out, "\nFields\n", fields.ToString(2));
  absl::StrAppend(&out, "\nContracts\n", detail.contracts().empty() ? "  none\n" : ContractsTable(detail));
  Table grants({"system", "what", "state", "since", "object"});
  for (const v1::Grant& grant : detail.grants()) {
    grants.Add({grant.system(), grant.label().empty() ? grant.entitlement() : grant.label(), Words(grant.state()),
                Day(grant.since()), grant.object_name().empty() ? grant.object_id() : grant.object_name()});
  }
  absl::StrAppend(&out, "\nHolds\n", detail.grants().empty() ? "  nothing\n" : grants.ToString(2));
  if (detail.operations_size() > 0) absl::StrAppend(&out, "\nWas done\n", OperationsText(detail.operations(), true));
  if (detail.raw_records_size() > 0) out += "\nRaw records\n";
  for (const v1::RawRecord& record : detail.raw_records()) out += RawText(record);
  return out;
}

std::string CorrelationText(const v1::CorrelationReport& report, bool shows_all) {
  static const std::vector<std::pair<std::string, std::string>> kWords = {
      {"held", "have their account already"},    {"one", "match one account: would be taken over"},
      {"none", "match none: would be created"},  {"several", "match several accounts: held back"},
      {"shared", "share an account: held back"}, {"no_key", "have no key: held back"}};
  std::string out;
  Table counts;
  for (const auto& [result, words] : kWords) {
    auto found = report.counts().find(result);
    if (found != report.counts().end()) counts.Add({Number(found->second), words});
  }
  counts.Add({Number(report.unmatched_accounts_size()),
              report.unmatched_accounts_size() == 1 ? "account matches nobody" : "accounts match nobody"});
  out += counts.ToString(2);
  // What asks for a look comes first, and is never cut before what does not.
  static const std::map<std::string, int> kOrder = {{"several", 0}, {"shared", 1}, {"no_key", 2}, {"one", 3}};
  std::vector<const v1::CorrelationRow*> rows;
  for (const v1::CorrelationRow& row : report.rows()) {
    if (shows_all || kOrder.contains(row.result())) rows.push_back(&row);
  }
  const auto order = [](const v1::CorrelationRow* row) {
    auto found = kOrder.find(row->result());
    return found == kOrder.end() ? 4 : found->second;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const auto* a, const auto* b) { return order(a) < order(b); });
  Table table({"match", "name", "number", "key", "account"});
  size_t cut = 0;
  for (const v1::CorrelationRow* row : rows) {
    if (!shows_all && table.size() > kMostRows && order(row) >= 3) {
      ++cut;
      continue;
    }
    table.Add({Words(row->result()), row->display(), row->external_id(), row->key(),
               row->account_names().empty() ? absl::StrJoin(row->accounts(), ", ") : row->account_names()});
  }
  out += table.ToString(2);
  Table nobody({"account of nobody", "id"});
  for (const v1::ObservedAccount& account : report.unmatched_accounts()) {
    if (!shows_all && nobody.size() > kMostRows) {
      ++cut;
    } else {
      nobody.Add({account.name(), account.id()});
    }
  }
  out += nobody.ToString(2);
  if (cut > 0)
    absl::StrAppend(&out, "  ... and ", Number(static_cast<int64_t>(cut)), " more; all of them with --all\n");
  return out;
}

}  // namespace sluice::cli
