#include "host/engine/importer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/crash_point.h"
#include "host/base/memory.h"
#include "host/base/status.h"
#include "host/engine/read_plan.h"

namespace sluice::engine {
namespace {

constexpr size_t kLarge = 50'000;        // Records of an import: what was freed before it is stored is worth returning.
constexpr int64_t kTombstoneDays = 400;  // Longer than any window and any school year.

std::string IncompleteStates(const std::vector<core::ClassState>& states,
                             const std::vector<std::pair<std::string, std::string>>& scopes, const ReadPlan& plan) {
  std::vector<std::string> lines;
  for (const ReadClass& asked : plan.classes) {
    const bool is_there = std::any_of(states.begin(), states.end(), [&](const core::ClassState& state) {
      return state.object_class == asked.object_class;
    });
    if (!is_there) lines.push_back(absl::StrCat(asked.object_class, " was not read: nothing was said of it"));
  }
  for (const core::ClassState& state : states) {
    if (state.completeness == core::Completeness::kComplete) continue;
    std::string label = state.scope;
    for (const auto& [id, name] : scopes) {
      if (id == state.scope && !name.empty()) label = name;
    }
    lines.push_back(absl::StrCat(state.object_class, label.empty() ? "" : " of ", label,
                                 state.completeness == core::Completeness::kPartial ? " came in part" : " was not read",
                                 ": ", state.error));
  }
  return absl::StrJoin(lines, "; ");
}

// The attributes from which contracts have their first and last day.
core::KeptDates DatesOf(const core::SystemSpec& spec) {
  core::KeptDates dates;
  for (const core::ContractMapping& contract : spec.contracts) {
    const std::string prefix = absl::StrCat(contract.from, ".");
    for (const core::FieldMapping& field : contract.fields) {
      if (field.field != "start" && field.field != "end") continue;
      core::DateAttributes& of_class = dates[contract.from];
      for (const std::string& path : field.value.paths()) {
        if (!path.starts_with(prefix)) continue;
        (field.field == "start" ? of_class.starts : of_class.ends).push_back(path.substr(prefix.size()));
      }
    }
  }
  return dates;
}

nlohmann::json ToJson(const SnapshotCounts& counts) {
  return {{"people", counts.people},
          {"added", counts.added},
          {"removed", counts.removed},
          {"changed", counts.changed},
          {"held_back", counts.held_back}};
}

}  // namespace

// What came of one system.
struct Importer::Reading {
  bool is_open = true;
  ReadPlan plan;
  SystemSchema schema;
  core::ImportedData data;
  absl::Status status = absl::UnknownError("not read");
};

struct Importer::Job {
  std::shared_ptr<ActiveRun> run;
  absl::CivilDay as_of;
  std::shared_ptr<const core::Configuration> configuration;
  std::vector<std::string> systems;
  absl::Mutex mutex;
  std::map<std::string, Reading> readings ABSL_GUARDED_BY(mutex);
  size_t open ABSL_GUARDED_BY(mutex) = 0;
  uint64_t records ABSL_GUARDED_BY(mutex) = 0;
};

class Importer::Sink final : public ImportSink {
 public:
  Sink(Importer* importer, std::shared_ptr<Job> job, std::string system)
      : importer_(importer), life_(importer->life_), job_(std::move(job)), system_(std::move(system)) {}

  void OnRecords(std::vector<core::Record> records) override {
    uint64_t total = 0;
    {
      absl::MutexLock lock(&job_->mutex);
      total = job_->records += records.size();
    }
    data_.records.insert(data_.records.end(), std::make_move_iterator(records.begin()),
                         std::make_move_iterator(records.end()));
    job_->run->SetProgress({absl::StrCat("reading ", system_), total, 0});
    if (!job_->run->is_stopping()) return;
    absl::ReaderMutexLock lock(&life_->mutex);
    if (life_->is_over) return;
    if (Connector* connector = importer_->context_.connectors->Find(system_)) connector->Cancel();
  }
  void OnWarning(const std::string& message) override { job_->run->Warn(absl::StrCat(system_, ": ", message)); }
  void OnProgress(const Progress& progress) override {
    job_->run->SetProgress(
        {absl::StrCat("reading ", system_, ": ", progress.activity), progress.done, progress.expected});
  }
  void OnEnd(absl::Status status, std::vector<std::pair<std::string, std::string>> scopes,
             std::vector<core::ClassState> states) override {
    data_.system = system_;
    data_.scopes = std::move(scopes);
    data_.states = std::move(states);
    {
      absl::MutexLock lock(&job_->mutex);
      Reading& reading = job_->readings[system_];
      reading.status = std::move(status);
      reading.data = std::move(data_);
    }
    absl::ReaderMutexLock lock(&life_->mutex);
    if (!life_->is_over) importer_->OnRead(job_, system_);
  }

 private:
  Importer* const importer_;
  const std::shared_ptr<Life> life_;
  std::shared_ptr<Job> job_;
  std::string system_;
  core::ImportedData data_;
};

absl::StatusOr<std::string> Importer::Start(const std::string& actor, std::vector<std::string> systems) {
  auto job = std::make_shared<Job>();
  job->configuration = context_.configuration();
  for (const std::string& system : systems) {
    if (job->configuration->FindSystem(system) == nullptr) {
      return absl::NotFoundError(absl::StrCat("there is no system \"", system, "\"; see: sluice system list"));
    }
  }
  if (systems.empty()) {
    for (const auto& [name, spec] : job->configuration->systems) systems.push_back(name);
  }
  ASSIGN_OR_RETURN(job->as_of, calendar_.AcceptedToday());
  ASSIGN_OR_RETURN(job->run, runs_.Begin("import", actor, absl::StrJoin(systems, ","), ""));
  job->systems = std::move(systems);
  {
    absl::MutexLock lock(&job->mutex);
    job->open = job->systems.size();
  }
  {
    absl::MutexLock lock(&mutex_);
    job_ = job;
  }
  for (const std::string& system : job->systems) Read(job, system);
  return job->run->id();
}

void Importer::Read(const std::shared_ptr<Job>& job, const std::string& system) {
  const auto fail = [this, job, system](absl::Status status) {
    {
      absl::MutexLock lock(&job->mutex);
      job->readings[system].status = std::move(status);
    }
    OnRead(job, system);
  };
  Connector* connector = context_.connectors->Find(system);
  if (connector == nullptr) {
    return fail(absl::UnavailableError("its connector is not there; see: sluice plugin list"));
  }
  connector->GetSchema([this, life = life_, job, system, connector, fail](absl::StatusOr<SystemSchema> schema) {
    absl::ReaderMutexLock alive(&life->mutex);
    if (life->is_over) return;
    if (!schema.ok()) return fail(schema.status());
    if (job->run->is_stopping()) return fail(absl::CancelledError("stopped before it was read"));
    const core::SystemSpec& spec = *job->configuration->FindSystem(system);
    const ReadPlan plan =
        spec.is_source ? SourceReadPlan(spec, *schema, job->as_of) : TargetReadPlan(spec, *schema, job->as_of);
    {
      absl::MutexLock lock(&job->mutex);
      job->readings[system].schema = *std::move(schema);
      job->readings[system].plan = plan;
    }
    connector->Import(plan, std::make_shared<Sink>(this, job, system));
  });
}

void Importer::Cancel(const std::string& run) {
  std::shared_ptr<Job> job;
  {
    absl::MutexLock lock(&mutex_);
    job = job_;
  }
  if (job == nullptr || job->run->id() != run) return;
  std::vector<std::string> open;  // What else such a system does, an enforcement, is not disturbed without need.
  {
    absl::MutexLock lock(&job->mutex);
    for (const std::string& system : job->systems) {
      if (job->readings[system].is_open) open.push_back(system);
    }
  }
  for (const std::string& system : open) {
    if (Connector* connector = context_.connectors->Find(system)) connector->Cancel();
  }
}

void Importer::Stop() {
  absl::MutexLock lock(&life_->mutex);
  life_->is_over = true;
}

void Importer::OnRead(const std::shared_ptr<Job>& job, const std::string& system) {
  {
    absl::MutexLock lock(&job->mutex);
    job->readings[system].is_open = false;
    if (--job->open > 0) return;
  }
  context_.post([this, job] { Finish(job); });
}

void Importer::Finish(const std::shared_ptr<Job>& job) {
  std::map<std::string, Reading> readings;
  {
    absl::MutexLock lock(&job->mutex);
    readings = std::move(job->readings);
  }
  std::vector<std::string> lines;
  nlohmann::json counts = nlohmann::json::object();
  bool has_failed = false, is_blocked = false;
  for (const std::string& system : job->systems) {
    Reading& reading = readings[system];
    const bool is_source = job->configuration->FindSystem(system)->is_source;
    absl::Status status = reading.status;
    if (status.ok() && job->run->is_stopping()) status = absl::CancelledError("the run was stopped");
    if (!status.ok()) {
      has_failed = true;
      lines.push_back(NotTaken(*job, system, status));
      continue;
    }
    lines.push_back(is_source ? TakeSource(*job, system, std::move(reading), counts[system], is_blocked)
                              : TakeTarget(*job, system, std::move(reading), counts[system]));
    has_failed |= counts[system].value("failed", false);
  }
  const std::string state = job->run->is_stopping() ? "stopped"
                            : has_failed            ? "failed"
                            : is_blocked            ? "blocked"
                                                    : "succeeded";
  base::ReturnFreeMemory();
  runs_.End(job->run, state, absl::StrJoin(lines, "; "), std::move(counts));
}

std::string Importer::NotTaken(const Job& job, const std::string& system, const absl::Status& status) {
  store::Commit commit;
  commit.audit.push_back(Audit(job, system, "import.failed", std::string(absl::StatusCodeToString(status.code())), {}));
  runs_.Write(*job.run, commit).IgnoreError();  // The run's summary says it as well.
  return absl::StrCat(system, ": not read: ", status.message());
}

absl::Status Importer::Store(const Job& job, const store::Commit& commit) {
  base::CrashPoints::Pass(base::CrashPoint::kImportIsRead);
  RETURN_IF_ERROR(runs_.Write(*job.run, commit));
  base::CrashPoints::Pass(base::CrashPoint::kImportIsStored);
  return absl::OkStatus();
}

absl::StatusOr<Candidate> Importer::Take(const Job& job,
                                         const std::shared_ptr<const core::Configuration>& configuration,
                                         const std::string& system, Reading reading, store::Commit& commit) {
  if (configuration->FindSystem(system) == nullptr)
    return absl::FailedPreconditionError("it was taken out of the configuration while it was read");
  store::ImportResult import;
  import.system = system;
  import.run_id = job.run->id();
  import.as_of = job.as_of;
  import.states = reading.data.states;
  const absl::StatusOr<bool> is_known =
      confirmation_.IsAllKnown(configuration, system, reading.data, job.as_of, kTombstoneDays);
  import.is_confirmation = is_known.ok() && *is_known;
  Candidate candidate;
  if (import.is_confirmation) {
    ASSIGN_OR_RETURN(candidate, snapshots_.Confirm(job.as_of));
  } else {
    core::RawSet previous;
    RETURN_IF_ERROR(runs_.Persist(*job.run, [&] {
      absl::StatusOr<core::RawSet> loaded = context_.store->LoadRawSet(system);
      if (loaded.ok()) previous = *std::move(loaded);
      return loaded.status();
    }));
    import.raw = core::MergeRecords(std::move(previous), std::move(reading.data), job.as_of, kTombstoneDays,
                                    DatesOf(*configuration->FindSystem(system)))
                     .set;
    ASSIGN_OR_RETURN(candidate, snapshots_.Make(*configuration, system, import.raw, job.as_of));
  }
  if (import.raw.size() >= kLarge) base::ReturnFreeMemory();
  import.is_candidate = candidate.is_blocked;
  commit.imports.push_back(std::move(import));
  RETURN_IF_ERROR(snapshots_.AddTo(candidate, system, "import", commit));
  return candidate;
}

std::string Importer::TakeSource(const Job& job, const std::string& system, Reading reading, nlohmann::json& counts,
                                 bool& is_blocked) {
  const auto fail = [&](const absl::Status& status) {
    counts["failed"] = true;
    return absl::StrCat(system, ": ", status.message());
  };
  const std::string incomplete = IncompleteStates(reading.data.states, reading.data.scopes, reading.plan);
  absl::MutexLock changing(&snapshots_.changing());
  // As it is now: it may have changed while the system was read.
  const std::shared_ptr<const core::Configuration> configuration = context_.configuration();
  store::Commit commit;
  absl::StatusOr<Candidate> candidate = Take(job, configuration, system, std::move(reading), commit);
  if (!candidate.ok()) return fail(candidate.status());
  counts = ToJson(candidate->counts);
  if (!incomplete.empty()) job.run->Warn(absl::StrCat(system, ": ", incomplete, "; what they held is kept"));
  commit.audit.push_back(Audit(job, system, candidate->is_blocked ? "import.blocked" : "import.accepted",
                               incomplete.empty() ? "complete" : "in part", counts));
  if (absl::Status status = Store(job, commit); !status.ok()) return fail(status);
  if (!candidate->is_blocked) confirmation_.Remember(configuration);
  std::string line =
      absl::StrCat(system, ": ", candidate->counts.people, " people (", candidate->counts.added, " new, ",
                   candidate->counts.removed, " gone, ", candidate->counts.changed, " changed)");
  if (!incomplete.empty()) absl::StrAppend(&line, "; ", incomplete, ": what they held is kept");
  if (candidate->is_blocked) {
    is_blocked = true;
    for (const store::BlockRecord& block : candidate->blocks) {
      if (block.state == "waiting")
        absl::StrAppend(&line, "; waits: ", block.verdict, " (block ", block.id.substr(0, 8), ")");
    }
  }
  return line;
}

std::string Importer::TakeTarget(const Job& job, const std::string& system, Reading reading, nlohmann::json& counts) {
  std::string incomplete = IncompleteStates(reading.data.states, reading.data.scopes, reading.plan);
  if (!incomplete.empty()) {
    counts["failed"] = true;
    return absl::StrCat(system, ": not observed: ", incomplete);
  }
  core::Observed observed;
  observed.is_known = true;
  observed.as_of = job.as_of;
  observed.records = std::move(reading.data.records);
  std::sort(observed.records.begin(), observed.records.end(), [](const core::Record& a, const core::Record& b) {
    return std::tie(a.object_class, a.id) < std::tie(b.object_class, b.id);
  });
  std::map<std::string, int64_t> by_class;
  for (const core::Record& record : observed.records) ++by_class[record.object_class];
  counts = by_class;
  store::Commit commit;
  commit.observed[system] = std::move(observed);
  commit.schemas[system] = ToTargetSchema(reading.schema);
  commit.audit.push_back(Audit(job, system, "target.observed", "complete", counts));
  if (absl::Status status = Store(job, commit); !status.ok()) {
    counts["failed"] = true;
    return absl::StrCat(system, ": ", status.message());
  }
  std::vector<std::string> parts;
  for (const auto& [object_class, count] : by_class) parts.push_back(absl::StrCat(object_class, " ", count));
  return absl::StrCat(system, ": observed (", absl::StrJoin(parts, ", "), ")");
}

audit::Entry Importer::Audit(const Job& job, const std::string& system, const std::string& action,
                             const std::string& detail, nlohmann::json facts) const {
  audit::Entry entry;
  entry.time = context_.clock->Now();
  entry.actor = job.run->actor();
  entry.action = action;
  entry.run_id = job.run->id();
  entry.system = system;
  entry.configuration = job.configuration->hash;
  entry.plugin = context_.plugin_name(system);
  entry.detail = detail;
  entry.facts = std::move(facts);
  return entry;
}

}  // namespace sluice::engine
