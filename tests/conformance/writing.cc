#include "tests/conformance/writing.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "sdk/wire/columns.h"
#include "sdk/wire/error.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

// Different in every run, so that what an earlier one left behind is not met again; nine digits.
uint64_t NextNumber() {
  static std::atomic<uint64_t>* const next = [] {
    std::random_device source;
    return new std::atomic<uint64_t>(uint64_t{source() % 900000 + 100000} * 1000);
  }();
  return (*next)++;
}

}  // namespace

const v1::Attribute* FindAttribute(const v1::ObjectClass& c, const std::string& name) {
  for (const v1::Attribute& a : c.attributes()) {
    if (a.name() == name) return &a;
  }
  return nullptr;
}

bool IsSame(const v1::Attribute& attribute, const v1::Value& a, const v1::Value& b) {
  if (a.has_text() && b.has_text() && attribute.case_insensitive())
    return absl::AsciiStrToLower(a.text()) == absl::AsciiStrToLower(b.text());
  return Canonical(a, attribute.ordered()) == Canonical(b, attribute.ordered());
}

const v1::OperationResult* ApplyLog::Of(const std::string& operation) const {
  for (const v1::OperationResult& result : results) {
    if (result.operation() == operation) return &result;
  }
  return nullptr;
}

ApplyLog Apply(Launched& launched, const std::vector<v1::Operation>& operations, const ApplyOptions& options) {
  ApplyLog log;
  auto context = launched.Context(options.patience);
  auto stream = launched.writer().Apply(context.get());
  v1::ApplyRequest request;
  request.mutable_start()->set_system(kSystem);
  request.mutable_start()->set_run_id("connector-check");
  stream->Write(request);
  if (options.with_oddities) {
    request.set_cancel_operation("nobody-sent-this");
    stream->Write(request);
    request.Clear();
    stream->Write(request);
  }
  request.mutable_operations();
  for (const v1::Operation& operation : operations) *request.mutable_operations()->add_operations() = operation;
  stream->Write(request);
  request.mutable_flush();
  stream->Write(request);
  stream->WritesDone();
  if (options.after_send) options.after_send();
  v1::ApplyReply reply;
  while (stream->Read(&reply)) {
    for (const v1::OperationResult& result : reply.results().results()) log.results.push_back(result);
  }
  log.status = stream->Finish();
  log.was_cut_off = log.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  return log;
}

v1::OperationResult ApplyOne(Launched& launched, const v1::Operation& operation) {
  const ApplyLog log = Apply(launched, {operation});
  const v1::OperationResult* result = log.Of(operation.id());
  if (result != nullptr) return *result;
  v1::OperationResult none;
  none.set_operation(operation.id());
  if (!log.status.ok()) *none.mutable_error() = ErrorOf(log.status);
  return none;
}

std::string Text(const v1::OperationResult& result) {
  const std::string outcome = v1::OperationResult::Outcome_IsValid(result.outcome())
                                  ? v1::OperationResult::Outcome_Name(result.outcome())
                                  : absl::StrCat("outcome ", static_cast<int>(result.outcome()));
  const std::string shown = outcome == "OUTCOME_UNSPECIFIED" ? "no result" : outcome;
  return result.has_error() ? absl::StrCat(shown, " ", wire::Describe(result.error())) : shown;
}

bool FailedWith(const v1::OperationResult& result, v1::Reason reason) {
  return result.outcome() == v1::OperationResult::FAILED && result.error().reason() == reason;
}

Bench::~Bench() {
  if (made_.empty()) return;
  auto writing = run_->Writing();
  if (!writing.ok()) return;
  std::vector<v1::Operation> operations;
  for (const auto& [object_class, id] : made_) operations.push_back(Make(v1::ACTION_DELETE, object_class, id));
  Apply(**writing, operations);
}

bool Bench::Can(const v1::ObjectClass& c, v1::Action action) {
  return std::find(c.actions().begin(), c.actions().end(), action) != c.actions().end();
}

absl::StatusOr<const v1::ObjectClass*> Bench::Account() {
  auto schema = run_->Schema();
  if (!schema.ok()) return schema.status();
  for (const v1::ObjectClass& c : (*schema)->classes()) {
    if (c.role() == v1::ObjectClass::ACCOUNT && Can(c, v1::ACTION_CREATE) && Can(c, v1::ACTION_DELETE)) return &c;
  }
  return absl::FailedPreconditionError("it has no class of accounts with CREATE and DELETE");
}

absl::StatusOr<const v1::ObjectClass*> Bench::Relation() {
  auto schema = run_->Schema();
  if (!schema.ok()) return schema.status();
  for (const v1::ObjectClass& c : (*schema)->classes()) {
    if (!c.has_relation() || !c.relation().grantable()) continue;
    const v1::ObjectClass* object = run_->FindClass(c.relation().object_class());
    if (object != nullptr && Can(*object, v1::ACTION_CREATE) && Can(*object, v1::ACTION_DELETE)) return &c;
  }
  return absl::FailedPreconditionError("it has no grantable relation to a class with CREATE and DELETE");
}

std::string Bench::Unique() { return absl::StrCat(NextNumber()); }

v1::Value Bench::Filled(const v1::Value& value) {
  v1::Value filled = value;
  ReplaceInTexts(&filled, "{prefix}", run_->config().prefix);
  ReplaceInTexts(&filled, "{n}", absl::StrCat(number_));
  return filled;
}

v1::Operation Bench::Make(v1::Action action, const std::string& object_class, const std::string& id) {
  v1::Operation operation;
  operation.set_id(absl::StrCat("check-", NextNumber()));
  operation.set_attempt(1);
  operation.set_action(action);
  operation.set_object_class(object_class);
  operation.set_object_id(id);
  operation.mutable_timeout()->set_seconds(10);
  return operation;
}

v1::Operation Bench::Create(const v1::ObjectClass& c) {
  number_ = NextNumber();
  v1::Operation operation = Make(v1::ACTION_CREATE, c.name(), "");
  const auto given = run_->config().create.find(c.name());
  std::set<std::string> names;
  if (given != run_->config().create.end()) {
    for (const auto& [name, value] : given->second) {
      v1::Delta* delta = operation.add_deltas();
      delta->set_attribute(name);
      *delta->mutable_replace() = Filled(value);
      names.insert(name);
    }
  }
  for (const v1::Attribute& a : c.attributes()) {
    if (!a.required() || !a.creatable() || a.type() != v1::Attribute::TEXT || a.multi_valued() ||
        names.count(a.name()) > 0)
      continue;
    v1::Value value;
    value.set_text("{prefix}{n}");
    v1::Delta* delta = operation.add_deltas();
    delta->set_attribute(a.name());
    *delta->mutable_replace() = Filled(value);
  }
  return operation;
}

v1::Operation Bench::Update(const v1::ObjectClass& c, const std::string& id) {
  number_ = NextNumber();
  v1::Operation operation = Make(v1::ACTION_UPDATE, c.name(), id);
  const auto given = run_->config().update.find(c.name());
  if (given != run_->config().update.end()) {
    for (const auto& [name, value] : given->second) {
      v1::Delta* delta = operation.add_deltas();
      delta->set_attribute(name);
      *delta->mutable_replace() = Filled(value);
    }
    return operation;
  }
  for (const v1::Attribute& a : c.attributes()) {
    if (!a.updatable() || !a.readable() || a.type() != v1::Attribute::TEXT || a.multi_valued() ||
        !a.unique_in().empty() || a.required())
      continue;
    v1::Value value;
    value.set_text("{prefix} {n}");
    v1::Delta* delta = operation.add_deltas();
    delta->set_attribute(a.name());
    *delta->mutable_replace() = Filled(value);
    break;
  }
  return operation;
}

v1::Operation Bench::Grant(const v1::ObjectClass& relation, bool grant, const std::string& account,
                           const std::string& group) {
  v1::Operation operation =
      Make(grant ? v1::ACTION_GRANT : v1::ACTION_REVOKE, relation.relation().subject_class(), account);
  operation.mutable_permission()->set_relation_class(relation.name());
  operation.mutable_permission()->set_object_id(group);
  return operation;
}

absl::StatusOr<v1::OperationResult> Bench::Created(Launched& launched, const v1::ObjectClass& c,
                                                   const v1::Operation& create) {
  v1::OperationResult result = ApplyOne(launched, create);
  if (result.outcome() != v1::OperationResult::APPLIED)
    return absl::FailedPreconditionError(
        absl::StrCat("TGT-002 fails: CREATE of class ", c.name(), " answers ", Text(result)));
  Made(c.name(), result.object_id());
  return result;
}

absl::StatusOr<std::string> Bench::New(const v1::ObjectClass& c) {
  auto writing = run_->Writing();
  if (!writing.ok()) return writing.status();
  auto result = Created(**writing, c, Create(c));
  if (!result.ok()) return result.status();
  if (result->object_id().empty())
    return absl::FailedPreconditionError(absl::StrCat("TGT-002 fails: CREATE of class ", c.name(), " gives no id"));
  return result->object_id();
}

std::pair<std::string, std::string> Bench::UniqueOf(const v1::ObjectClass& c, const v1::Operation& create) {
  for (const v1::Delta& delta : create.deltas()) {
    const v1::Attribute* a = FindAttribute(c, delta.attribute());
    if (a != nullptr && !a->unique_in().empty() && a->readable() && delta.replace().has_text())
      return {a->name(), delta.replace().text()};
  }
  return {};
}

absl::StatusOr<std::set<std::string>> Bench::With(Launched& launched, const std::string& object_class,
                                                  const std::pair<std::string, std::string>& value) {
  ImportOptions options;
  options.classes = {{object_class, {value.first}}};
  const ImportLog log = Import(launched, run_->config(), options);
  if (!log.status.ok()) return absl::FailedPreconditionError(absl::StrCat("SRC-009 fails: ", Text(log.status)));
  for (const auto& scope : log.schema.scopes()) {  // What was not read is not known not to be there.
    if (log.StateOf(object_class, scope.id()) != v1::ImportEnd::COMPLETE)
      return absl::FailedPreconditionError(absl::StrCat("SRC-009 fails: class ", object_class, " is not COMPLETE"));
  }
  std::set<std::string> ids;
  for (const Record& record : log.records) {
    const auto cell = record.cells.find(value.first);
    if (record.object_class == object_class && cell != record.cells.end() && cell->second.text() == value.second)
      ids.insert(record.id);
  }
  return ids;
}

absl::StatusOr<std::map<std::string, v1::Value>> Bench::Look(Launched& launched, const v1::ObjectClass& c,
                                                             const std::string& id, bool* is_there) {
  std::vector<std::string> names;
  for (const v1::Attribute& a : c.attributes()) {
    if (a.readable()) names.push_back(a.name());
  }
  const ReadLog read = Read(launched, ReadById(c.name(), {id}, names));
  if (!read.status.ok()) return absl::FailedPreconditionError(absl::StrCat("READ-001 fails: ", Text(read.status)));
  *is_there = !read.found.empty();
  return read.found.empty() ? std::map<std::string, v1::Value>() : read.found[0].second.cells;
}

}  // namespace sluice::conformance
