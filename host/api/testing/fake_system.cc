#include "host/api/testing/fake_system.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"

namespace sluice::api::testing {

class FakeSystem::Stream final : public engine::ApplyStream {
 public:
  Stream(FakeSystem* system, std::shared_ptr<engine::ApplySink> sink) : system_(system), sink_(std::move(sink)) {}

  void Send(std::vector<engine::TargetOperation> operations) override {
    system_->executor_.Run([system = system_, sink = sink_, operations = std::move(operations)] {
      std::vector<engine::TargetResult> results;
      for (const engine::TargetOperation& operation : operations) results.push_back(system->Do(operation));
      sink->OnResults(std::move(results));
    });
  }
  void Flush() override {}
  void Close() override {
    system_->executor_.Run([sink = sink_] { sink->OnClosed(absl::OkStatus()); });
  }

 private:
  FakeSystem* const system_;
  const std::shared_ptr<engine::ApplySink> sink_;
};

void FakeSystem::Test(std::function<void(absl::StatusOr<engine::TestReport>)> done) {
  executor_.Run([this, done = std::move(done)] {
    engine::TestReport report;
    {
      absl::MutexLock lock(&mutex_);
      report = report_;
    }
    done(report);
  });
}

void FakeSystem::GetSchema(std::function<void(absl::StatusOr<engine::SystemSchema>)> done) {
  executor_.Run([this, done = std::move(done)] { done(schema_); });
}

void FakeSystem::Import(const engine::ReadPlan& plan, std::shared_ptr<engine::ImportSink> sink) {
  executor_.Run([this, plan, sink = std::move(sink)] {
    sink->OnProgress({"the first page", 1, 2});
    {
      absl::MutexLock lock(&mutex_);
      if (are_held_) {
        held_.emplace_back(sink, plan);
        return;
      }
    }
    Answer(sink, plan);
  });
}

void FakeSystem::Answer(std::shared_ptr<engine::ImportSink> sink, const engine::ReadPlan& plan) {
  std::vector<core::Record> records;
  std::vector<core::ClassState> states;
  {
    absl::MutexLock lock(&mutex_);
    for (const engine::ReadClass& read : plan.classes) {
      core::ClassState state{"", read.object_class, core::Completeness::kComplete, 0, ""};
      for (const core::Record& record : records_) {
        if (record.object_class != read.object_class) continue;
        ++state.records;
        records.push_back(record);
      }
      states.push_back(std::move(state));
    }
  }
  sink->OnRecords(std::move(records));
  sink->OnEnd(absl::OkStatus(), {{"", "The school"}}, std::move(states));
}

std::unique_ptr<engine::ApplyStream> FakeSystem::Apply(const std::string&, std::shared_ptr<engine::ApplySink> sink) {
  return std::make_unique<Stream>(this, std::move(sink));
}

void FakeSystem::FindTaken(const std::string&, std::vector<core::Value>,
                           std::function<void(absl::StatusOr<std::vector<engine::Taken>>)> done) {
  executor_.Run([done = std::move(done)] { done(absl::UnimplementedError("it cannot tell")); });
}

void FakeSystem::Verify(std::vector<engine::TargetOperation> operations,
                        std::function<void(absl::StatusOr<std::vector<engine::Verdict>>)> done) {
  executor_.Run([operations = std::move(operations), done = std::move(done)] {
    std::vector<engine::Verdict> verdicts;
    for (const engine::TargetOperation& operation : operations) {
      engine::Verdict verdict;
      verdict.operation_id = operation.id;
      verdict.state = engine::Verdict::State::kNotDone;
      verdicts.push_back(std::move(verdict));
    }
    done(std::move(verdicts));
  });
}

engine::TargetResult FakeSystem::Do(const engine::TargetOperation& operation) {
  absl::MutexLock lock(&mutex_);
  engine::TargetResult result;
  result.operation_id = operation.id;
  for (const engine::Delta& delta : operation.deltas) {
    if (!refused_.contains(delta.value.ToText())) continue;
    result.outcome = engine::Outcome::kFailed;
    result.failure.reason = engine::Reason::kForbidden;
    result.failure.message = "the directory does not allow it";
    return result;
  }
  result.outcome = engine::Outcome::kApplied;
  ++operations_;
  if (operation.action == engine::Action::kCreate) {
    core::Record record{"", operation.object_class, absl::StrCat("object-", operations_), "", {}};
    for (const engine::Delta& delta : operation.deltas) {
      if (!delta.is_secret) record.attributes[delta.attribute] = delta.value;
    }
    record.name = record.attributes["cn"].ToText();
    result.object_id = record.id;
    result.object_name = record.name;
    records_.push_back(std::move(record));
    return result;
  }
  for (core::Record& record : records_) {
    if (record.id != operation.object_id) continue;
    if (operation.action == engine::Action::kEnable) record.attributes["enabled"] = core::Value::Flag(true);
    if (operation.action == engine::Action::kDisable) record.attributes["enabled"] = core::Value::Flag(false);
    for (const engine::Delta& delta : operation.deltas) record.attributes[delta.attribute] = delta.value;
  }
  return result;
}

void FakeSystem::Add(const std::string& object_class, const std::string& id, core::Fields attributes) {
  absl::MutexLock lock(&mutex_);
  const std::string name = attributes.contains("cn") ? attributes["cn"].ToText() : "";
  records_.push_back({"", object_class, id, name, std::move(attributes)});
}

void FakeSystem::Remove(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  records_.erase(
      std::remove_if(records_.begin(), records_.end(), [&](const core::Record& record) { return record.id == id; }),
      records_.end());
}

void FakeSystem::HoldImports(bool are_held) {
  std::vector<std::pair<std::shared_ptr<engine::ImportSink>, engine::ReadPlan>> released;
  {
    absl::MutexLock lock(&mutex_);
    are_held_ = are_held;
    if (!are_held) released.swap(held_);
  }
  for (auto& [sink, plan] : released) {
    executor_.Run([this, sink = sink, plan = plan] { Answer(sink, plan); });
  }
}

void FakeSystem::Refuse(const std::string& value) {
  absl::MutexLock lock(&mutex_);
  refused_.insert(value);
}

void FakeSystem::SetReport(engine::TestReport report) {
  absl::MutexLock lock(&mutex_);
  report_ = std::move(report);
}

int FakeSystem::operations() const {
  absl::MutexLock lock(&mutex_);
  return operations_;
}

namespace {

engine::AttributeInfo Attribute(const std::string& name) {
  engine::AttributeInfo attribute;
  attribute.name = name;
  attribute.creatable = attribute.updatable = true;
  return attribute;
}

engine::ClassInfo Class(const std::string& name, engine::ClassInfo::Role role,
                        const std::vector<std::string>& attributes) {
  engine::ClassInfo info;
  info.name = name;
  info.role = role;
  for (const std::string& attribute : attributes) info.attributes.push_back(Attribute(attribute));
  return info;
}

}  // namespace

engine::SystemSchema SchoolSchema() {
  using Role = engine::ClassInfo::Role;
  engine::SystemSchema schema;
  schema.classes = {
      Class("leerling", Role::kPerson, {"nummer", "roepnaam", "achternaam", "geboortedatum"}),
      Class("medewerker", Role::kPerson, {"afkorting", "roepnaam", "achternaam"}),
      Class("plaatsing", Role::kContract, {"leerling", "begin", "eind", "klas_id", "klas", "locatie", "leerjaar"}),
      Class("dienst", Role::kContract, {"medewerker", "begin", "eind", "fte", "functie", "locatie"})};
  schema.classes[2].owner_attribute = "leerling";
  schema.classes[3].owner_attribute = "medewerker";
  return schema;
}

engine::SystemSchema DirectorySchema() {
  using Role = engine::ClassInfo::Role;
  engine::SystemSchema schema;
  schema.classes = {
      Class("account", Role::kAccount,
            {"cn", "sn", "displayName", "employeeID", "parent", "enabled", "sAMAccountName", "initial_password"}),
      Class("group", Role::kPermission, {"cn"}), Class("membership", Role::kRelation, {"member", "group"})};
  engine::ClassInfo& account = schema.classes[0];
  account.attributes[5].type = engine::AttributeInfo::Type::kFlag;
  account.attributes[6].unique_in = "account_name";
  account.attributes[6].case_insensitive = true;
  account.attributes[7].type = engine::AttributeInfo::Type::kSecret;
  account.label_attribute = "cn";
  schema.classes[1].label_attribute = "cn";
  engine::ClassInfo& membership = schema.classes[2];
  membership.grantable = true;
  membership.subject_class = "account";
  membership.subject_attribute = "member";
  membership.object_class = "group";
  membership.object_attribute = "group";
  return schema;
}

}  // namespace sluice::api::testing
