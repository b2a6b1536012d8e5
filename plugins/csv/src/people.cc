#include "plugins/csv/src/people.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "plugins/csv/src/dates.h"
#include "sluice/connector/error.h"

namespace sluice::csv {
namespace {

using connector::ClassRequest;
using connector::Error;
using connector::Reason;
using connector::Record;
using connector::Value;

constexpr size_t kMostTold = 30;                 // Lines that are told one by one.
constexpr char kReplacement[] = "\xEF\xBF\xBD";  // What a letter became that was lost before it came here.

const ClassRequest* Wanted(const connector::ImportRequest& request, std::string_view object_class) {
  for (const ClassRequest& wanted : request.classes) {
    if (wanted.object_class == object_class) return &wanted;
  }
  return nullptr;
}

}  // namespace

void People::Tell(const char* code, const FileOptions& options, size_t line, const std::string& summary) {
  if (++told_ <= kMostTold)
    out_.Warn(code, absl::StrCat(options.setting, ", line ", line, ": ", summary)).At(absl::StrCat("line ", line));
}

absl::Status People::Collect() {
  absl::Status status = Collect(people_, options_.people, false, unknown_people_);
  if (!status.ok() || contract_lines_ == nullptr) return status;
  return Collect(*contract_lines_, options_.contract_lines, true, unknown_contracts_);
}

absl::Status People::Collect(const Table& table, const FileOptions& options, bool is_contract_file, Unknown& unknown) {
  RowReader rows = table.Rows();
  Row row;
  size_t good = 0, bad = 0, last_bad = 0;
  bool is_last_bad = false;
  while (rows.Next(row)) {
    if (row.problem == nullptr && row.is_blank()) continue;
    if (request_.cancellation.IsCancelled()) return absl::CancelledError("nobody waits for this import any more");
    const char* problem = table.ProblemOf(row);
    const std::string owner = table.OwnerOf(row);
    is_last_bad = problem != nullptr && !row.has_break;
    if (problem == nullptr) {
      ++good;
      Person& person = persons_[owner];
      person.is_known |= !is_contract_file;
      (is_contract_file ? person.contract_lines : person.lines).push_back({row.begin, row.first_line});
      continue;
    }
    ++bad;
    last_bad = row.first_line;
    if (!owner.empty()) {
      Person& person = persons_[owner];
      person.is_known |= !is_contract_file;
      person.is_unreadable = true;
      Tell("CSV-0302", options, row.first_line, absl::StrCat(problem, "; its person is held back"));
      continue;
    }
    if (unknown.count++ == 0) unknown = {1, row.first_line, problem};
    Tell("CSV-0301", options, row.first_line, absl::StrCat(problem, ", and whose it is is not certain"));
  }
  if (is_last_bad) {
    return Error(Reason::kTransient, "CSV-0104",
                 absl::StrCat(options.setting, " ends in the middle of line ", last_bad,
                              ": it is not whole, and nothing of it is taken; have it written again"))
        .Origin(absl::StrCat("line ", last_bad));
  }
  if (good == 0) {
    return Error(
        Reason::kInvalid, bad == 0 ? "CSV-0103" : "CSV-0303",
        absl::StrCat(options.setting, bad == 0 ? " has a heading and no lines" : " has no line that can be read",
                     "; nobody leaves by such a file, what was known is kept"));
  }
  if (bad > good) {
    return Error(Reason::kInvalid, "CSV-0303",
                 absl::StrCat(bad, " of ", bad + good, " lines of ", options.setting,
                              " cannot be read; is the separator, or the encoding, another one?"));
  }
  return absl::OkStatus();
}

Value People::ValueAt(const Table& table, const FileOptions& options, const Row& row, const std::string& column) {
  const auto index = table.IndexOf(column);
  if (!index) return options_.without.contains(column) ? Value::Empty() : Value::NotVisible();
  const std::string text = *table.TextAt(row, *index);
  if (text.empty()) return Value::Empty();
  if (absl::StrContains(text, kReplacement)) {
    Tell("CSV-0304", options, row.first_line, absl::StrCat(column, " has lost letters before it came into the file"));
    return Value::NotVisible();
  }
  if (!options_.dates.contains(column)) return Value(text);
  Value day = DayOf(text, options_.date_forms);
  if (!day.is_visible()) {
    Tell("CSV-0304", options, row.first_line,
         absl::StrCat(column, " is no day of the form ", absl::StrJoin(options_.date_forms, " or ")));
  }
  return day;
}

Record People::PersonRecord(const std::string& id, const Person& person) {
  Record record(kPerson, id);
  const ClassRequest* wanted = Wanted(request_, kPerson);
  if (person.is_unreadable || wanted == nullptr || person.lines.empty()) return record;
  for (const Line& line : person.lines) {
    const Row row = people_.RowAt(line.begin, line.number);
    for (const std::string& column : wanted->attributes) {
      Value value = ValueAt(people_, options_.people, row, column);
      if (&line == &person.lines.front()) {
        record.Set(column, std::move(value));
      } else if (const Value& before = record.Get(column); before.is_visible() && !(before == value)) {
        Tell("CSV-0305", options_.people, line.number,
             absl::StrCat(column, " is not what line ", person.lines.front().number, " says of the same person"));
        record.NotVisible(column);
      }
    }
  }
  return record;
}

std::string People::ContractId(const Table& table, const Row& row, const std::string& id) const {
  if (options_.contract_id.empty()) return id;
  std::string contract_id = id;
  bool is_there = false;
  for (const std::string& column : options_.contract_id) {
    const auto index = table.IndexOf(column);
    const std::string part = index ? *table.TextAt(row, *index) : "";
    is_there |= !part.empty();
    absl::StrAppend(&contract_id, "/", absl::StrReplaceAll(part, {{"%", "%25"}, {"/", "%2F"}}));
  }
  return is_there ? contract_id : "";
}

std::vector<People::Contract> People::ContractsOf(const std::string& id, Person& person) {
  std::vector<Contract> contracts;
  if (!options_.has_contracts) return contracts;
  const Table& table = contract_lines_ == nullptr ? people_ : *contract_lines_;
  const FileOptions& options = contract_lines_ == nullptr ? options_.people : options_.contract_lines;
  std::map<std::string, Contract> by_id;
  for (const Line& line : contract_lines_ == nullptr ? person.lines : person.contract_lines) {
    Contract contract{"", table.RowAt(line.begin, line.number)};
    contract.id = ContractId(table, contract.row, id);
    if (contract.id.empty()) {
      person.is_unreadable = true;
      Tell("CSV-0302", options, line.number,
           absl::StrCat(absl::StrJoin(options_.contract_id, ", "), " is empty; its person is held back"));
      continue;
    }
    const auto [place, is_new] = by_id.emplace(contract.id, contract);
    if (is_new || place->second.row.cells == contract.row.cells) continue;
    person.is_unreadable = true;
    Tell("CSV-0302", options, line.number,
         absl::StrCat(
             "is the same contract as line ", place->second.row.first_line, " and differs from it; ",
             options_.contract_id.empty() ? "name in contract_id what tells contracts apart" : "correct one of the two",
             "; its person is held back"));
  }
  for (auto& [contract_id, contract] : by_id) contracts.push_back(std::move(contract));
  return contracts;
}

absl::Status People::WriteContracts(const std::string& id, const std::vector<Contract>& contracts) {
  const ClassRequest* wanted = Wanted(request_, kContract);
  if (wanted == nullptr) return absl::OkStatus();
  const Table& table = contract_lines_ == nullptr ? people_ : *contract_lines_;
  const FileOptions& options = contract_lines_ == nullptr ? options_.people : options_.contract_lines;
  for (const Contract& contract : contracts) {
    Record record(kContract, contract.id);
    for (const std::string& column : wanted->attributes) {
      if (column == kPerson) {
        record.SetReference(kPerson, kPerson, id);
      } else {
        record.Set(column, ValueAt(table, options, contract.row, column));
      }
    }
    if (absl::Status status = out_.Add(record); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status People::Write() {
  for (auto& [id, person] : persons_) {
    const std::vector<Contract> contracts = ContractsOf(id, person);
    // Who is known by a contract alone is nobody; the host says that the contract belongs to no person.
    if (person.is_known && Wanted(request_, kPerson) != nullptr) {
      if (absl::Status status = out_.Add(PersonRecord(id, person)); !status.ok()) return status;
    }
    if (absl::Status status = WriteContracts(id, contracts); !status.ok()) return status;
  }
  if (told_ > kMostTold) out_.Warn("CSV-0302", absl::StrCat("and ", told_ - kMostTold, " more such lines"));
  absl::Status status = Finish(kPerson, unknown_people_, options_.people);
  if (!status.ok() || !options_.has_contracts) return status;
  const bool is_of_people = contract_lines_ == nullptr;
  return Finish(kContract, is_of_people ? unknown_people_ : unknown_contracts_,
                is_of_people ? options_.people : options_.contract_lines);
}

absl::Status People::Finish(const char* object_class, const Unknown& unknown, const FileOptions& options) {
  if (Wanted(request_, object_class) == nullptr) return absl::OkStatus();
  if (unknown.count == 0) return out_.CompleteClass(object_class);
  return out_.Partial(object_class,
                      Error(Reason::kInvalid, "CSV-0301",
                            absl::StrCat(options.setting, ", line ", unknown.first, ": ", unknown.problem,
                                         unknown.count > 1 ? absl::StrCat(" (and ", unknown.count - 1, " more)") : "",
                                         "; whose it is is not certain, so nobody leaves until it is mended"))
                          .Origin(absl::StrCat("line ", unknown.first)));
}

}  // namespace sluice::csv
