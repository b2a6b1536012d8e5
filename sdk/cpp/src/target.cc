// What a target does where its author says nothing: Preview and Verify by reading and comparing.
#include "sluice/connector/target.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::connector {
namespace {

// Keeps what Read finds for one key.
class Collector final : public FoundWriter {
 public:
  absl::Status Found(size_t, const Record& record, AnyText precondition) override {
    records.push_back(record);
    preconditions.push_back(precondition.str());
    return absl::OkStatus();
  }
  void Failed(size_t, Error why) override { error = std::move(why); }

  std::vector<Record> records;
  std::vector<std::string> preconditions;
  std::optional<Error> error;
};

absl::StatusOr<Collector> ReadOne(Target& target, const std::string& object_class, Key key,
                                  std::vector<std::string> attributes, const Cancellation& cancellation) {
  ReadRequest request;
  request.object_class = object_class;
  request.keys.push_back(std::move(key));
  request.attributes = std::move(attributes);
  request.cancellation = cancellation;
  Collector found;
  if (auto status = target.Read(request, found); !status.ok()) return status;
  if (found.error.has_value()) return found.error->AsStatus();
  return found;
}

std::vector<std::string> ReadableOf(const std::vector<Delta>& deltas) {
  std::vector<std::string> names;
  for (const Delta& delta : deltas) {
    if (delta.value.secret() == nullptr) names.push_back(delta.attribute);
  }
  return names;
}

bool Same(const Value& a, const Value& b, bool ignore_case) {
  if (ignore_case && a.text() != nullptr && b.text() != nullptr) {
    return absl::AsciiStrToLower(*a.text()) == absl::AsciiStrToLower(*b.text());
  }
  return a == b;
}

bool Holds(const List& list, const Value& value, bool ignore_case) {
  return std::any_of(list.begin(), list.end(), [&](const Value& item) { return Same(item, value, ignore_case); });
}

List ListOf(const Value& value) {
  if (value.list() != nullptr) return *value.list();
  return value.has_value() ? List{value} : List{};
}

bool SameSet(const List& a, const List& b, bool ignore_case) {
  return a.size() == b.size() &&
         std::all_of(a.begin(), a.end(), [&](const Value& item) { return Holds(b, item, ignore_case); });
}

// The value after the delta; nothing if it is so already.
std::optional<Value> After(const Delta& delta, const Value& before, bool ignore_case) {
  switch (delta.kind) {
    case Delta::Kind::kReplace: {
      const bool is_list = delta.value.list() != nullptr;
      const bool is_same =
          is_list ? SameSet(ListOf(before), *delta.value.list(), ignore_case) : Same(before, delta.value, ignore_case);
      return is_same ? std::nullopt : std::optional<Value>(delta.value);
    }
    case Delta::Kind::kClear:
      if (before.is_empty() || (before.list() != nullptr && before.list()->empty())) return std::nullopt;
      return Value::Empty();
    case Delta::Kind::kAdd:
    case Delta::Kind::kRemove: {
      List list = ListOf(before);
      const size_t size = list.size();
      for (const Value& value : delta.values) {
        if (delta.kind == Delta::Kind::kRemove) {
          std::erase_if(list, [&](const Value& item) { return Same(item, value, ignore_case); });
        } else if (!Holds(list, value, ignore_case)) {
          list.push_back(value);
        }
      }
      return list.size() == size ? std::nullopt : std::optional<Value>(Value(std::move(list)));
    }
  }
  return std::nullopt;
}

bool IgnoresCase(const Description* description, const std::string& object_class, const std::string& attribute) {
  if (description == nullptr) return false;
  for (const ObjectClass& c : description->classes) {
    if (c.name != object_class) continue;
    for (const Attribute& a : c.attributes) {
      if (a.name == attribute) return a.case_insensitive;
    }
  }
  return false;
}

// What only one object can have: by that a created one is found when there is nothing to correlate by.
std::vector<Match> UniqueOf(const Description* description, const Operation& operation) {
  std::vector<Match> matches;
  if (description == nullptr) return matches;
  for (const ObjectClass& c : description->classes) {
    if (c.name != operation.object_class) continue;
    for (const Attribute& a : c.attributes) {
      if (a.unique_in.empty() || !a.readable) continue;
      for (const Delta& delta : operation.deltas) {
        if (delta.attribute == a.name && delta.kind == Delta::Kind::kReplace && delta.value.has_value())
          matches.push_back({a.name, delta.value});
      }
    }
  }
  return matches;
}

struct Comparison {
  std::vector<Change> changes;
  bool has_secret = false;  // It cannot be compared.
  bool has_unseen = false;  // An attribute that is not visible.
};

Comparison Compare(const Description* description, const Operation& operation, const Record& record) {
  Comparison out;
  for (const Delta& delta : operation.deltas) {
    if (delta.value.secret() != nullptr) {
      out.has_secret = true;
      continue;
    }
    const Value& before = record.Get(delta.attribute);
    if (!before.is_visible()) {
      out.has_unseen = true;
      continue;
    }
    const bool ignore_case = IgnoresCase(description, operation.object_class, delta.attribute);
    if (auto after = After(delta, before, ignore_case))
      out.changes.push_back(Change{delta.attribute, before, *std::move(after)});
  }
  return out;
}

const ObjectClass* RelationClass(const Description* description, const Operation& operation) {
  if (description == nullptr || !operation.permission.has_value()) return nullptr;
  for (const ObjectClass& c : description->classes) {
    if (c.relation.has_value() && c.name == operation.permission->relation_class) return &c;
  }
  return nullptr;
}

// The id, in the type that the relation's attribute has.
Value EndOf(const ObjectClass& relation, const std::string& attribute, const std::string& object_class,
            const std::string& id) {
  for (const Attribute& a : relation.attributes) {
    if (a.name == attribute && a.type == Attribute::Type::kReference) return Value(Reference{object_class, id});
  }
  return Value(id);
}

// Whether the subject has the permission now; nothing if that cannot be read.
absl::StatusOr<std::optional<bool>> HasPermission(Target& target, const Description* description,
                                                  const Operation& operation) {
  const ObjectClass* relation = RelationClass(description, operation);
  if (relation == nullptr) return std::optional<bool>();
  const Relation& ends = *relation->relation;
  Key key;
  key.match.push_back(
      Match{ends.subject_attribute, EndOf(*relation, ends.subject_attribute, ends.subject_class, operation.object_id)});
  key.match.push_back(Match{ends.object_attribute, EndOf(*relation, ends.object_attribute, ends.object_class,
                                                         operation.permission->object_id)});
  auto found = ReadOne(target, relation->name, std::move(key), {}, operation.cancellation);
  if (!found.ok()) {
    if (Error::From(found.status()).reason == Reason::kUnsupported) return std::optional<bool>();
    return found.status();
  }
  return std::optional<bool>(!found->records.empty());
}

Error NotFound(const Operation& operation) {
  return Error(Reason::kNotFound, "SDK-0309", "the object is no longer there")
      .Object(operation.object_class, operation.object_id);
}

Error Ambiguous(const Operation& operation, const std::vector<Record>& records) {
  Error error(Reason::kAmbiguous, "SDK-0310", absl::StrCat(records.size(), " objects match; none was chosen"));
  for (const Record& record : records) error.Candidate(operation.object_class, record.id());
  return error;
}

Result WouldCreate(const Operation& operation) {
  Result result = Result::Applied("");
  for (const Delta& delta : operation.deltas) {
    if (delta.kind == Delta::Kind::kReplace && delta.value.secret() == nullptr)
      result.Changed(delta.attribute, Value::Empty(), delta.value);
    if (delta.kind == Delta::Kind::kAdd) result.Changed(delta.attribute, Value::Empty(), Value(delta.values));
  }
  return result;
}

}  // namespace

Result Target::Apply(const Operation& operation) {
  return Result::Failed(Error(Reason::kUnsupported, "SDK-0311",
                              absl::StrCat("this connector cannot ", std::string(ActionName(operation.action)))));
}

ApplyBatchResult Target::ApplyBatch(const ApplyBatchRequest& request) {
  ApplyBatchResult all;
  for (const Operation& operation : request.operations) all.results.push_back(Apply(operation));
  return all;
}

std::unique_ptr<ApplySession> Target::StartApply(const ApplyRequest&, std::shared_ptr<ResultSink>) { return nullptr; }

Result Target::Preview(const PreviewRequest& request) {
  const Operation& operation = request.operation;
  Key key{operation.object_id, {}};
  if (operation.action == Action::kCreate) {
    if (operation.correlate.empty()) return WouldCreate(operation);
    key.match = operation.correlate;
  }
  auto found =
      ReadOne(*this, operation.object_class, std::move(key), ReadableOf(operation.deltas), operation.cancellation);
  if (!found.ok()) return Result::Failed(found.status());
  const bool takes_away = operation.action == Action::kDelete || operation.action == Action::kRevoke;
  if (found->records.empty()) {
    if (operation.action == Action::kCreate) return WouldCreate(operation);
    return takes_away ? Result::NoChange(operation.object_id) : Result::Failed(NotFound(operation));
  }
  if (found->records.size() > 1) return Result::Failed(Ambiguous(operation, found->records));
  const Record& record = found->records.front();
  if (operation.action == Action::kCreate) return Result::NoChange(record.id()).Named(record.name());
  Result result = Result::Applied(record.id()).Named(record.name());
  result.precondition = found->preconditions.front();
  if (operation.action == Action::kGrant || operation.action == Action::kRevoke) {
    auto has = HasPermission(*this, description(), operation);
    if (!has.ok()) return Result::Failed(has.status());
    if (has->has_value() && **has == (operation.action == Action::kGrant)) result.outcome = Outcome::kNoChange;
    return result;
  }
  Comparison comparison = Compare(description(), operation, record);
  result.changes = std::move(comparison.changes);
  const bool is_only_update = operation.action == Action::kUpdate;
  if (is_only_update && result.changes.empty() && !comparison.has_secret && !comparison.has_unseen)
    result.outcome = Outcome::kNoChange;
  return result;
}

Verdict Target::Verify(const VerifyRequest& request) {
  const Operation& operation = request.operation;
  const Error unknown(
      Reason::kUnsupported, "SDK-0312",
      absl::StrCat("reading cannot tell what became of this ", std::string(ActionName(operation.action))));
  if (operation.action == Action::kGrant || operation.action == Action::kRevoke) {
    auto has = HasPermission(*this, description(), operation);
    if (!has.ok()) return Verdict::Unknown(Error::From(has.status()));
    if (!has->has_value()) return Verdict::Unknown(unknown);
    return **has == (operation.action == Action::kGrant) ? Verdict::Done(Result::Applied(operation.object_id))
                                                         : Verdict::NotDone();
  }
  Key key{operation.object_id, {}};
  if (operation.action == Action::kCreate) {
    key.object_id.clear();  // What a result that was pending gave may be no object yet.
    key.match = operation.correlate.empty() ? UniqueOf(description(), operation) : operation.correlate;
    if (key.match.empty()) return Verdict::Unknown(unknown);
  }
  auto found =
      ReadOne(*this, operation.object_class, std::move(key), ReadableOf(operation.deltas), operation.cancellation);
  if (!found.ok()) return Verdict::Unknown(Error::From(found.status()));
  if (operation.action == Action::kDelete) {
    return found->records.empty() ? Verdict::Done(Result::Applied(operation.object_id)) : Verdict::NotDone();
  }
  if (found->records.empty()) return Verdict::NotDone();
  if (found->records.size() > 1) return Verdict::Unknown(Ambiguous(operation, found->records));
  Result result = Result::Applied(found->records.front().id()).Named(found->records.front().name());
  result.precondition = found->preconditions.front();
  if (operation.action == Action::kCreate) {
    // Who only has the same name is somebody else.
    const bool is_it =
        !operation.correlate.empty() || Compare(description(), operation, found->records.front()).changes.empty();
    return is_it ? Verdict::Done(std::move(result)) : Verdict::NotDone();
  }
  if (operation.action != Action::kUpdate || operation.deltas.empty()) return Verdict::Unknown(unknown);
  const Comparison comparison = Compare(description(), operation, found->records.front());
  if (!comparison.changes.empty()) return Verdict::NotDone();
  if (comparison.has_secret || comparison.has_unseen) return Verdict::Unknown(unknown);
  return Verdict::Done(std::move(result));
}

VerifyBatchResult Target::VerifyBatch(const VerifyBatchRequest& request) {
  VerifyBatchResult all;
  for (const Operation& operation : request.operations) all.verdicts.push_back(Verify({operation}));
  return all;
}

absl::StatusOr<FindTakenResult> Target::FindTaken(const FindTakenRequest&) {
  return Error(Reason::kUnsupported, "SDK-0313", "this connector cannot tell which values are taken").AsStatus();
}

}  // namespace sluice::connector
