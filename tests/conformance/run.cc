#include "tests/conformance/run.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::conformance {

namespace v1 = connector::v1;

std::vector<const Check*> AllChecks() {
  std::vector<const Check*> all;
  for (auto table :
       {PackageChecks(), StartChecks(), ConfigChecks(), ConductChecks(), ImportChecks(), RecordChecks(), ResumeChecks(),
        OtherChecks(), WriteChecks(), PromiseChecks(), FaultChecks(), SecretChecks(), SpeedChecks()}) {
    for (const Check& check : table) all.push_back(&check);
  }
  return all;
}

absl::StatusOr<std::unique_ptr<Launched>> Run::Fresh() const {
  auto launched = Launched::Start(subject_);
  if (!launched.ok())
    return absl::FailedPreconditionError(absl::StrCat("BOOT-001 fails: ", launched.status().message()));
  return launched;
}

absl::StatusOr<std::unique_ptr<Launched>> Run::FreshOpen(v1::OpenRequest::Mode mode, const std::string& proxy) const {
  auto launched = Fresh();
  if (!launched.ok()) return launched;
  if (absl::Status status = (*launched)->Open(mode, proxy); !status.ok())
    return absl::FailedPreconditionError(absl::StrCat("CFG-004 fails: ", status.message()));
  return launched;
}

absl::StatusOr<Launched*> Run::Shared(std::unique_ptr<Launched>* process, v1::OpenRequest::Mode mode) {
  if (*process != nullptr && !(*process)->AwaitEnd(absl::ZeroDuration()).has_value()) return process->get();
  auto launched = FreshOpen(mode);
  if (!launched.ok()) return launched.status();
  *process = *std::move(launched);
  return process->get();
}

absl::StatusOr<Launched*> Run::Bare() {
  if (bare_ != nullptr && !bare_->AwaitEnd(absl::ZeroDuration()).has_value()) return bare_.get();
  auto launched = Fresh();
  if (!launched.ok()) return launched.status();
  bare_ = *std::move(launched);
  return bare_.get();
}

absl::StatusOr<Launched*> Run::Reading() { return Shared(&reading_, v1::OpenRequest::READ_ONLY); }

absl::StatusOr<Launched*> Run::Writing() {
  auto is_target = IsTarget();
  if (!is_target.ok()) return is_target.status();
  if (!*is_target) return absl::FailedPreconditionError("it has no Writer: a source");
  if (!config().write)
    return absl::FailedPreconditionError(
        "writing is not allowed; say check: {write: true} in the configuration of a system made for tests");
  return Shared(&writing_, v1::OpenRequest::READ_WRITE);
}

void Run::LetGo() {
  reading_.reset();
  writing_.reset();
}

absl::StatusOr<const v1::GetInfoReply*> Run::Info() {
  if (!info_.has_value()) {
    auto bare = Bare();
    if (!bare.ok()) return bare.status();
    v1::GetInfoReply info;
    const grpc::Status status = (*bare)->plugin().GetInfo((*bare)->Context().get(), {}, &info);
    if (!status.ok()) return absl::FailedPreconditionError(absl::StrCat("INF-001 fails: ", Text(status)));
    info_ = std::move(info);
  }
  return &*info_;
}

absl::StatusOr<bool> Run::IsTarget() {
  auto info = Info();
  if (!info.ok()) return info.status();
  const auto& services = (*info)->services();
  return std::find(services.begin(), services.end(), "sluice.connector.v1.Writer") != services.end();
}

absl::StatusOr<const v1::GetSchemaReply*> Run::Schema() {
  if (!schema_.has_value()) {
    auto reading = Reading();
    if (!reading.ok()) return reading.status();
    v1::GetSchemaReply schema;
    const grpc::Status status = (*reading)->GetSchema(&schema);
    if (!status.ok()) return absl::FailedPreconditionError(absl::StrCat("SCH-001 fails: ", Text(status)));
    schema_ = std::move(schema);
  }
  return &*schema_;
}

const v1::ObjectClass* Run::FindClass(const std::string& name) {
  auto schema = Schema();
  if (!schema.ok()) return nullptr;
  for (const v1::ObjectClass& object_class : (*schema)->classes()) {
    if (object_class.name() == name) return &object_class;
  }
  return nullptr;
}

absl::StatusOr<const ImportLog*> Run::Whole() {
  if (!whole_.has_value()) {
    auto reading = Reading();
    if (!reading.ok()) return reading.status();
    whole_ = Import(**reading, config());
  }
  return &*whole_;
}

absl::StatusOr<const ImportLog*> Run::Worked() {
  auto whole = Whole();
  if (whole.ok() && !(*whole)->status.ok())
    return absl::FailedPreconditionError(absl::StrCat("SRC-001 fails: ", Text((*whole)->status)));
  return whole;
}

std::string Run::LastWords() {
  std::vector<std::string> words;
  for (Launched* launched : {bare_.get(), reading_.get(), writing_.get()}) {
    if (launched == nullptr) continue;
    if (std::string last = launched->LastWords(); !last.empty()) words.push_back(std::move(last));
  }
  return absl::StrJoin(words, " | ");
}

namespace {

bool IsSelected(const Check& check, const Selection& selection) {
  if (!selection.ids.empty()) return selection.ids.count(check.id) > 0;
  if (selection.must_only && check.severity != Severity::kMust) return false;
  if (check.level == 7) return selection.speed;
  return check.level >= selection.min_level && check.level <= selection.max_level;
}

CheckResult RunOne(const Check& check, Run& run) {
  CheckResult result;
  result.check = &check;
  const absl::Time start = absl::Now();
  result.verdict = check.run(run);
  result.took = absl::Now() - start;
  if (result.verdict.state == Verdict::State::kFailed) result.last_words = run.LastWords();
  return result;
}

}  // namespace

std::vector<CheckResult> RunChecks(const Subject& subject, const Selection& selection) {
  std::vector<const Check*> chosen;
  for (const Check* check : AllChecks()) {
    if (IsSelected(*check, selection)) chosen.push_back(check);
  }
  std::vector<CheckResult> results(chosen.size());
  // Checks of the start have processes of their own and mostly wait: each is a lane. Others share a process a level;
  // what writes comes after what reads, so that no reader sees a change under way.
  std::vector<std::thread> threads;
  const auto lane = [&](auto is_in) {
    threads.emplace_back([&, is_in] {
      Run run(subject);
      for (size_t i = 0; i < chosen.size(); ++i) {
        if (is_in(*chosen[i], i)) results[i] = RunOne(*chosen[i], run);
      }
    });
  };
  for (size_t own = 0; own < chosen.size(); ++own) {
    if (chosen[own]->level == 1) lane([own](const Check&, size_t i) { return i == own; });
  }
  for (int level : {0, 2, 3}) lane([level](const Check& check, size_t) { return check.level == level; });
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  for (int level : {4, 5, 6, 7}) {
    lane([level](const Check& check, size_t) { return check.level == level; });
    threads.back().join();
    threads.pop_back();
  }
  return results;
}

}  // namespace sluice::conformance
