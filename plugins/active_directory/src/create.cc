// Creating: correlate first, make missing containers, add, read the ids back, and find out who holds a taken name.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugins/active_directory/src/refusal.h"
#include "plugins/active_directory/src/writer.h"

namespace sluice::active_directory {

using connector::Error;
using connector::Operation;
using connector::Reason;
using connector::Result;
using connector::Value;

namespace {

constexpr size_t kWorthAList = 20;

std::string ClassOf(const Entry& entry) {
  if (IsOfClass(entry, kAccount)) return kAccount;
  if (IsOfClass(entry, kGroup)) return kGroup;
  return IsOfClass(entry, kContainer) ? kContainer : kPrincipal;
}

}  // namespace

struct Writer::Creation {
  Work* work;
  CreatePlan plan;
  bool added = false;
  bool taken = false;
  Error error;
};

std::vector<std::string> TakenFilters(const Wanted& wanted) {
  std::vector<std::string> filters;
  if (!wanted.account_name.empty()) filters.push_back(Equals("sAMAccountName", wanted.account_name));
  if (!wanted.principal_name.empty()) filters.push_back(Equals("userPrincipalName", wanted.principal_name));
  if (!wanted.mail.empty()) filters.push_back(Equals("mail", wanted.mail));
  if (wanted.name.has_value()) filters.push_back(Equals("distinguishedName", wanted.name->ToString()));
  return filters;
}

void AddTaken(const Wanted& wanted, const std::vector<Entry>& entries, Error& error) {
  const auto same = [](const std::string& a, const std::string& b) { return !a.empty() && FoldCase(a) == FoldCase(b); };
  for (const Entry& entry : entries) {
    const connector::Reference holder{ClassOf(entry), entry.Guid()};
    if (holder.id == wanted.own_id) continue;
    if (same(entry.First("samaccountname"), wanted.account_name)) {
      error.TakenBy("sAMAccountName", Value(wanted.account_name), holder, entry.dn);
    }
    if (same(entry.First("userprincipalname"), wanted.principal_name)) {
      error.TakenBy("userPrincipalName", Value(wanted.principal_name), holder, entry.dn);
    }
    if (same(entry.First("mail"), wanted.mail)) error.TakenBy("mail", Value(wanted.mail), holder, entry.dn);
    auto name = Dn::Parse(entry.dn);
    if (wanted.name.has_value() && name.ok() && name->Key() == wanted.name->Key()) {
      error.TakenBy(kCn, Value(wanted.name->parts()[0].value), holder, entry.dn);
    }
  }
}

void Writer::Create(const Works& works) {
  Correlate(works);
  std::vector<Creation> creations;
  PrepareCreations(works, creations);
  AddObjects(creations);
  ReadBack(creations);
  ExplainTaken(creations);
}

// Of a batch worth a list those whom somebody in the directory may match; the others need no search.
absl::StatusOr<Writer::Works> Writer::Findable(Works works, const DirectorySchema& schema) {
  if (works.size() < kWorthAList) return works;
  // By the attribute that they look for first, where the directory has no index of any.
  std::map<const AttributeSchema*, std::vector<std::pair<Work*, std::string>>> by_attribute;
  Works findable;
  for (Work* work : works) {
    const AttributeSchema* listed = nullptr;
    std::string value;
    bool is_indexed = false;
    for (const connector::Match& match : work->operation->correlate) {
      if (match.attribute == kParent) continue;
      const AttributeSchema* attribute = schema.Find(CorrelationAttributes({match})[0]);
      is_indexed |= attribute == nullptr || attribute->indexed || absl::EqualsIgnoreCase(attribute->name, "objectGUID");
      if (attribute == nullptr || listed != nullptr) continue;
      listed = attribute;
      value = ComparisonKey(*attribute, MatchText(match.value));
    }
    if (is_indexed || listed == nullptr) {
      findable.push_back(work);
    } else {
      by_attribute[listed].emplace_back(work, std::move(value));
    }
  }
  for (const auto& [attribute, asked] : by_attribute) {
    absl::flat_hash_set<std::string> values;
    for (const auto& [work, value] : asked) values.insert(value);
    const auto held = directory_.value_lists().Held(*attribute, values, deadline_);
    if (!held.ok()) return held.status();
    for (const auto& [work, value] : asked) {
      if (held->contains(value)) findable.push_back(work);
    }
  }
  return findable;
}

// One search for about fifty people; one hit is that account, several hold the person back.
void Writer::Correlate(const Works& works) {
  Works asked;
  for (Work* work : works) {
    if (!CorrelationFilter(work->operation->correlate).empty()) asked.push_back(work);
  }
  if (asked.empty()) return;
  const auto fail = [&asked](const absl::Status& status) {
    for (Work* work : asked) work->Finish(Result::Failed(status));
  };
  const auto schema = directory_.Schema(deadline_);
  if (!schema.ok()) return fail(schema.status());
  const absl::StatusOr<Works> findable = Findable(asked, **schema);
  if (!findable.ok()) return fail(findable.status());
  std::vector<std::string> filters;
  std::set<std::string> attributes;
  for (const Work* work : *findable) {
    filters.push_back(CorrelationFilter(work->operation->correlate));
    const auto more = CorrelationAttributes(work->operation->correlate);
    attributes.insert(more.begin(), more.end());
  }
  const absl::StatusOr<std::vector<Entry>> entries =
      directory_.FindAny(filters, {attributes.begin(), attributes.end()}, deadline_);
  if (!entries.ok()) return fail(entries.status());
  for (Work* work : *findable) {
    const Operation& operation = *work->operation;
    std::vector<const Entry*> hits;
    for (const Entry& entry : *entries) {
      if (IsOfClass(entry, operation.object_class) &&
          Matches(entry, operation.correlate, **schema, directory_.layout().base))
        hits.push_back(&entry);
    }
    if (hits.empty()) continue;
    if (hits.size() == 1) {
      work->Finish(Result::NoChange(hits[0]->Guid()).Named(hits[0]->dn));
      continue;
    }
    Error error(Reason::kAmbiguous, "AD-070",
                absl::StrCat(hits.size(),
                             " objects match the correlation keys; make the key unique, or link one of them by hand"));
    for (const Entry* hit : hits) error.Candidate(operation.object_class, hit->Guid());
    work->Finish(Result::Failed(std::move(error)));
  }
}

void Writer::PrepareCreations(const Works& works, std::vector<Creation>& creations) {
  auto schema = directory_.Schema(deadline_);
  std::vector<Dn> parents;
  for (Work* work : works) {
    if (work->done) continue;
    if (!schema.ok()) {
      work->Finish(Result::Failed(schema.status()));
      continue;
    }
    auto plan = PlanCreate(*work->operation, **schema, directory_.layout().base);
    if (!plan.ok()) {
      work->Finish(Result::Failed(plan.status()));
      continue;
    }
    parents.push_back(plan->name.Parent());
    creations.push_back(Creation{work, *std::move(plan), false, false, {}});
  }
  auto containers = directory_.containers().Ensure(parents, deadline_);
  for (Creation& creation : creations) {
    auto& container = containers.at(creation.plan.name.Parent().Key());
    if (!container.ok()) {
      creation.work->Finish(Result::Failed(container.status()));
      continue;
    }
    for (const Dn& made : *container) {
      creation.plan.changes.push_back(
          {kContainer, Value::Empty(), Value(made.RelativeTo(directory_.layout().base)->ToString())});
    }
    container->clear();
  }
}

void Writer::AddObjects(std::vector<Creation>& creations) {
  for (int attempt = 1; attempt <= 2; ++attempt) {
    std::vector<Request> requests;
    std::vector<Creation*> sent;
    for (Creation& creation : creations) {
      if (creation.work->done || creation.added || creation.taken) continue;
      requests.push_back(Request::Add(creation.plan.name.ToString(), creation.plan.attributes));
      sent.push_back(&creation);
    }
    const std::vector<Response> responses = directory_.client().Run(std::move(requests), Timeout());
    std::vector<Dn> lost_parents;
    for (size_t i = 0; i < sent.size(); ++i) {
      Creation& creation = *sent[i];
      if (FinishUnanswered(*creation.work, responses[i])) continue;
      const Trouble trouble = TroubleOf(responses[i]);
      creation.added = responses[i].ok();
      if (creation.added) continue;
      creation.error = ErrorOf(responses[i], "to create the object");
      if (trouble == Trouble::kTaken) {
        creation.taken = true;
      } else if ((trouble == Trouble::kParentMissing || trouble == Trouble::kGone) && attempt == 1) {
        lost_parents.push_back(creation.plan.name.Parent());  // Somebody removed it since we looked.
      } else {
        creation.work->Finish(Result::Failed(creation.error));
      }
    }
    if (lost_parents.empty()) return;
    directory_.containers().Forget();
    directory_.containers().Ensure(lost_parents, deadline_);
  }
}

// A directory gives an object its id itself: it is read back by name, again not one by one.
void Writer::ReadBack(std::vector<Creation>& creations) {
  std::vector<std::string> filters;
  for (const Creation& creation : creations) {
    if (creation.added) filters.push_back(Equals("distinguishedName", creation.plan.name.ToString()));
  }
  if (filters.empty()) return;
  auto entries = directory_.FindAny(filters, {}, deadline_);
  std::map<std::string, const Entry*> by_name;
  if (entries.ok()) {
    for (const Entry& entry : *entries) {
      auto name = Dn::Parse(entry.dn);
      if (name.ok()) by_name[name->Key()] = &entry;
    }
  }
  for (Creation& creation : creations) {
    if (!creation.added) continue;
    const auto found = by_name.find(creation.plan.name.Key());
    if (found == by_name.end()) {
      creation.work->Finish(Result::InDoubt(
          entries.ok()
              ? Error(Reason::kTransient, "AD-071", "the object was created, but the directory does not show it yet")
              : Error::From(entries.status())));
      continue;
    }
    Result result = Result::Applied(found->second->Guid()).Named(found->second->dn);
    result.changes = std::move(creation.plan.changes);
    creation.work->Finish(std::move(result));
  }
}

void Writer::ExplainTaken(std::vector<Creation>& creations) {
  std::vector<std::string> filters;
  const auto wanted_of = [](const Creation& creation) {
    return Wanted{creation.plan.account_name, creation.plan.principal_name, "", creation.plan.name, ""};
  };
  for (const Creation& creation : creations) {
    if (!creation.taken) continue;
    const auto more = TakenFilters(wanted_of(creation));
    filters.insert(filters.end(), more.begin(), more.end());
  }
  if (filters.empty()) return;
  const auto entries = directory_.FindAny(filters, {"sAMAccountName", "userPrincipalName"}, deadline_);
  for (Creation& creation : creations) {
    if (!creation.taken) continue;
    if (entries.ok()) AddTaken(wanted_of(creation), *entries, creation.error);
    creation.work->Finish(Result::Failed(creation.error));
  }
}

}  // namespace sluice::active_directory
