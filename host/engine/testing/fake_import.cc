// What a FakeConnector says when it is read.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "host/engine/testing/fake_connector.h"

namespace sluice::engine::testing {
namespace {

AttributeInfo Attribute(const std::string& name, const std::string& unique_in = "") {
  AttributeInfo info;
  info.name = name;
  info.creatable = info.updatable = true;
  info.unique_in = unique_in;
  info.max_length = 64;
  return info;
}

}  // namespace

void FakeConnector::GetSchema(std::function<void(absl::StatusOr<SystemSchema>)> done) {
  executor_->Run([this, done] {
    SystemSchema schema;
    {
      absl::MutexLock lock(&mutex_);
      schema = schema_;
    }
    done(std::move(schema));
  });
}

void FakeConnector::Import(const ReadPlan& plan, std::shared_ptr<ImportSink> sink) {
  executor_->Run([this, plan, sink] {
    {
      absl::MutexLock lock(&mutex_);
      plan_ = plan;
      is_cancelled_ = false;
      if (is_import_held_) {
        held_imports_.emplace_back(plan, sink);
        return;
      }
    }
    SendImport(plan, sink);
  });
}

void FakeConnector::SendImport(const ReadPlan& plan, const std::shared_ptr<ImportSink>& sink) {
  std::vector<core::Record> records;
  std::vector<core::ClassState> states;
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    status = is_cancelled_ ? absl::CancelledError("the import was cancelled") : import_status_;
    std::vector<core::Record> all = records_;
    for (const auto& [id, object] : objects_) {
      all.push_back({"", object.object_class, id, absl::StrCat("CN=", id), object.attributes});
      for (const std::string& member : object.members) {
        all.push_back(
            {"",
             "membership",
             absl::StrCat(id, "|", member),
             "",
             {{"group", core::Value::Ref({"group", id})}, {"member", core::Value::Ref({"account", member})}}});
      }
    }
    std::set<std::string> scopes;
    for (const core::Record& record : all) scopes.insert(record.scope);
    if (scopes.empty()) scopes.insert("");
    for (const ReadClass& asked : plan.classes) {
      if (hidden_.contains(asked.object_class)) continue;
      core::Completeness completeness = core::Completeness::kComplete;
      if (auto set = completeness_.find(asked.object_class); set != completeness_.end()) completeness = set->second;
      std::map<std::string, int64_t> counts;
      for (core::Record record : all) {
        if (record.object_class != asked.object_class || completeness == core::Completeness::kNotRead) continue;
        erase_if(record.attributes, [&](const auto& one) {
          return std::find(asked.attributes.begin(), asked.attributes.end(), one.first) == asked.attributes.end();
        });
        ++counts[record.scope];
        records.push_back(std::move(record));
      }
      for (const std::string& scope : scopes) {
        const bool is_complete = completeness == core::Completeness::kComplete;
        states.push_back({scope, asked.object_class, completeness, counts[scope],
                          is_complete ? "" : "the service account may not read it"});
      }
    }
  }
  sink->OnRecords(std::move(records));
  std::vector<std::pair<std::string, std::string>> scopes;
  std::set<std::string> known;
  for (const core::ClassState& state : states) {
    if (known.insert(state.scope).second) scopes.emplace_back(state.scope, state.scope);
  }
  sink->OnEnd(status, std::move(scopes), std::move(states));
}

void FakeConnector::Cancel() {
  executor_->Run([this] {
    std::vector<std::pair<ReadPlan, std::shared_ptr<ImportSink>>> held;
    {
      absl::MutexLock lock(&mutex_);
      is_cancelled_ = true;
      held.swap(held_imports_);
    }
    for (const auto& [plan, sink] : held) SendImport(plan, sink);
  });
}

void FakeConnector::FailImport(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  import_status_ = std::move(status);
}

void FakeConnector::SetCompleteness(const std::string& object_class, core::Completeness completeness) {
  absl::MutexLock lock(&mutex_);
  completeness_[object_class] = completeness;
}

void FakeConnector::HideClass(const std::string& object_class) {
  absl::MutexLock lock(&mutex_);
  hidden_.insert(object_class);
}

void FakeConnector::HoldImport(bool is_held) {
  std::vector<std::pair<ReadPlan, std::shared_ptr<ImportSink>>> held;
  {
    absl::MutexLock lock(&mutex_);
    is_import_held_ = is_held;
    if (!is_held) held.swap(held_imports_);
  }
  for (const auto& [plan, sink] : held) executor_->Run([this, plan, sink] { SendImport(plan, sink); });
}

void FakeConnector::AwaitImport() {
  const auto is_there = [&] {
    mutex_.AssertReaderHeld();
    return !held_imports_.empty();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&is_there));
}

void FakeConnector::SetRecords(std::vector<core::Record> records) {
  absl::MutexLock lock(&mutex_);
  records_ = std::move(records);
}

void FakeConnector::SetSchema(SystemSchema schema) {
  absl::MutexLock lock(&mutex_);
  schema_ = std::move(schema);
}

ReadPlan FakeConnector::last_plan() const {
  absl::MutexLock lock(&mutex_);
  return plan_;
}

SystemSchema DirectorySchema() {
  SystemSchema schema;
  ClassInfo account;
  account.name = "account";
  account.role = ClassInfo::Role::kAccount;
  for (const char* name :
       {"parent", "cn", "givenName", "sn", "displayName", "employeeID", "description", "enabled", "homePhone"}) {
    account.attributes.push_back(Attribute(name));
  }
  account.attributes.push_back(Attribute("sAMAccountName", "account_name"));
  account.attributes.back().max_length = 20;
  account.attributes.push_back(Attribute("initial_password"));
  account.attributes.back().type = AttributeInfo::Type::kSecret;
  account.label_attribute = "cn";
  ClassInfo group;
  group.name = "group";
  group.role = ClassInfo::Role::kPermission;
  for (const char* name : {"cn", "parent"}) group.attributes.push_back(Attribute(name));
  group.attributes.push_back(Attribute("sAMAccountName", "account_name"));
  group.label_attribute = "cn";
  ClassInfo membership;
  membership.name = "membership";
  membership.role = ClassInfo::Role::kRelation;
  membership.attributes = {Attribute("group"), Attribute("member")};
  membership.subject_class = "account";
  membership.subject_attribute = "member";
  membership.object_class = "group";
  membership.object_attribute = "group";
  membership.grantable = true;
  membership.joins = true;
  schema.classes = {account, group, membership};
  return schema;
}

}  // namespace sluice::engine::testing
