#include "host/engine/testing/fake_connector.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

namespace sluice::engine::testing {
namespace {

std::string PayloadOf(const TargetOperation& operation) {
  std::string payload = absl::StrCat(static_cast<int>(operation.action), "|", operation.permission_id);
  for (const Delta& delta : operation.deltas)
    absl::StrAppend(&payload, "|", delta.attribute, "=", delta.value.ToText());
  return payload;
}

Failure Failed(Reason reason, const std::string& message) {
  Failure failure;
  failure.reason = reason;
  failure.message = message;
  return failure;
}

absl::Status Away() { return FailureToStatus(Failed(Reason::kUnavailable, "the plugin is not there")); }

TargetResult ResultOf(const TargetOperation& operation, Outcome outcome) {
  TargetResult result;
  result.operation_id = operation.id;
  result.outcome = outcome;
  return result;
}

const char* NameOf(Action action) {
  constexpr const char* kNames[] = {"read",   "create",  "update", "enable", "disable",
                                    "delete", "restore", "grant",  "revoke", "set_credential"};
  return kNames[static_cast<int>(action)];
}

}  // namespace

struct FakeConnector::Call {
  std::shared_ptr<ApplySink> sink;
  std::set<std::string> open;  // Sent, without an answer.
  std::set<std::string> touched;
  bool is_closing = false, is_over = false;
  bool is_refused = false;  // The plugin was not there when it was opened.
};

class FakeConnector::Stream final : public ApplyStream {
 public:
  Stream(FakeConnector* owner, std::shared_ptr<Call> call) : owner_(owner), call_(std::move(call)) {}
  ~Stream() override { Close(); }
  void Send(std::vector<TargetOperation> operations) override {
    owner_->executor_->Run([owner = owner_, call = call_, operations = std::move(operations)]() mutable {
      owner->Take(call, std::move(operations));
    });
  }
  void Flush() override {}
  void Close() override {
    owner_->executor_->Run([owner = owner_, call = call_] {
      call->is_closing = true;
      call->is_refused ? owner->Break(call) : owner->EndIfSettled(call);
    });
  }

 private:
  FakeConnector* const owner_;
  const std::shared_ptr<Call> call_;
};

FakeConnector::FakeConnector(std::string system)
    : system_(std::move(system)),
      schema_(DirectorySchema()),
      executor_(std::make_unique<base::Executor>(absl::StrCat("fake ", system_))) {}

FakeConnector::~FakeConnector() {
  executor_.reset();
  absl::MutexLock lock(&mutex_);
  held_.clear();
  held_imports_.clear();
}

void FakeConnector::Test(std::function<void(absl::StatusOr<TestReport>)> done) {
  executor_->Run([done] { done(TestReport()); });
}

std::unique_ptr<ApplyStream> FakeConnector::Apply(const std::string&, std::shared_ptr<ApplySink> sink) {
  auto call = std::make_shared<Call>();
  call->sink = std::move(sink);
  {
    absl::MutexLock lock(&mutex_);
    ++streams_;
  }
  call->is_refused = IsAway();
  return std::make_unique<Stream>(this, call);
}

bool FakeConnector::IsAway() {
  absl::MutexLock lock(&mutex_);
  return away_ > 0 && away_-- > 0;
}

void FakeConnector::Take(const std::shared_ptr<Call>& call, std::vector<TargetOperation> operations) {
  if (call->is_over) return;
  if (call->is_refused) {
    std::vector<TargetResult> unsent;
    for (const TargetOperation& operation : operations) {
      unsent.push_back(ResultOf(operation, Outcome::kFailed));
      unsent.back().failure = Failed(Reason::kUnavailable, "the stream ended before this operation was sent");
    }
    call->sink->OnResults(std::move(unsent));
    return Break(call);
  }
  std::function<void(const std::vector<TargetOperation>&)> hook;
  {
    absl::MutexLock lock(&mutex_);
    hook = hook_;
  }
  if (hook) hook(operations);
  for (const TargetOperation& operation : operations) {
    if (call->is_over) return;  // What had not arrived has no result: it is in doubt like all else.
    Answer answer;
    {
      absl::MutexLock lock(&mutex_);
      if (is_swallowed_) continue;
      sent_.push_back(operation);
      answer = AnswerTo(operation);
    }
    call->open.insert(operation.id);
    Carry(call, operation, answer);
  }
  EndIfSettled(call);
}

Answer FakeConnector::AnswerTo(const TargetOperation& operation) {
  std::deque<Answer>& waiting = next_[operation.action];
  if (!waiting.empty()) {
    Answer answer = waiting.front();
    waiting.pop_front();
    return answer;
  }
  auto always = always_.find(operation.action);
  return always == always_.end() ? Answer() : always->second;
}

std::optional<Failure> FakeConnector::Check(const TargetOperation& operation) {
  Seen& seen = seen_[operation.id];
  const std::string payload = PayloadOf(operation);
  const bool is_other = !seen.payload.empty() && seen.payload != payload;
  if (is_other && !(seen.has_failed && operation.attempt > seen.attempt)) {
    violations_.push_back(absl::StrCat(NameOf(operation.action), " ", operation.id, " came with another payload"));
    return Failed(Reason::kInvalid, "another payload under the same id");
  }
  if (seen.attempt >= operation.attempt && !seen.payload.empty()) {
    violations_.push_back(
        absl::StrCat(NameOf(operation.action), " ", operation.id, " came again as attempt ", operation.attempt));
  }
  seen = {operation.attempt, payload, false};
  if (operation.action != Action::kCreate && !objects_.contains(operation.object_id)) {
    return Failed(Reason::kNotFound, "the object is not there");
  }
  for (const Delta& delta : operation.deltas) {
    if (delta.is_secret) continue;
    bool is_taken = taken_.contains({delta.attribute, delta.value.ToText()});
    if (delta.attribute == "sAMAccountName") {
      for (const auto& [id, object] : objects_) {
        auto name = object.attributes.find(delta.attribute);
        is_taken |= id != operation.object_id && name != object.attributes.end() &&
                    absl::EqualsIgnoreCase(name->second.ToText(), delta.value.ToText());
      }
    }
    if (!is_taken) continue;
    Failure failure = Failed(Reason::kAlreadyExists, "the name is taken");
    failure.taken.push_back({delta.attribute, delta.value, {}, ""});
    return failure;
  }
  return std::nullopt;
}

TargetResult FakeConnector::Do(const TargetOperation& operation, const std::string& only) {
  TargetResult result = ResultOf(operation, Outcome::kApplied);
  std::string id = operation.object_id;
  if (operation.action == Action::kCreate) {
    for (const auto& [existing, object] : objects_) {
      if (operation.correlate.empty() || object.object_class != operation.object_class) continue;
      const bool matches = std::all_of(operation.correlate.begin(), operation.correlate.end(), [&](const Match& match) {
        auto value = object.attributes.find(match.attribute);
        return value != object.attributes.end() && value->second == match.value;
      });
      if (!matches) continue;
      result.outcome = Outcome::kNoChange;
      result.object_id = existing;
      return result;
    }
    id = absl::StrCat("#", next_id_++);
    objects_[id].object_class = operation.object_class;
    objects_[id].attributes["enabled"] = core::Value::Flag(false);
  }
  Object& object = objects_[id];
  for (const Delta& delta : operation.deltas) {
    if (!only.empty() && delta.attribute != only) continue;
    if (delta.is_secret) {
      object.password = delta.value.ToText();
      continue;
    }
    Change change{delta.attribute, core::Value::Empty(), delta.value};
    if (auto before = object.attributes.find(delta.attribute); before != object.attributes.end()) {
      change.before = before->second;
    }
    object.attributes[delta.attribute] = delta.value;
    if (operation.action != Action::kCreate) result.changes.push_back(std::move(change));
  }
  if (operation.action == Action::kEnable) object.attributes["enabled"] = core::Value::Flag(true);
  if (operation.action == Action::kDisable) object.attributes["enabled"] = core::Value::Flag(false);
  if (operation.action == Action::kGrant || operation.action == Action::kRevoke) {
    std::set<std::string>& members = objects_[operation.permission_id].members;
    const bool has_changed = operation.action == Action::kGrant ? members.insert(id).second : members.erase(id) > 0;
    if (!has_changed) result.outcome = Outcome::kNoChange;
  }
  if (operation.action == Action::kDelete) objects_.erase(id);
  result.object_id = id;
  result.object_name = absl::StrCat("CN=", id);
  done_.push_back(absl::StrCat(NameOf(operation.action), " ", id));
  results_[operation.id] = result;
  return result;
}

void FakeConnector::Carry(const std::shared_ptr<Call>& call, const TargetOperation& operation, const Answer& answer) {
  TargetResult result = ResultOf(operation, Outcome::kFailed);
  {
    absl::MutexLock lock(&mutex_);
    if (answer.kind == Answer::Kind::kHold) {
      held_.emplace_back(call, operation);
      return;
    }
    if (results_.contains(operation.id)) {
      result = results_[operation.id];
      result.outcome = Outcome::kNoChange;
    } else if (std::optional<Failure> failure = Check(operation)) {
      result.failure = *failure;
    } else {
      switch (answer.kind) {
        case Answer::Kind::kDo:
        case Answer::Kind::kHold:
          result = Do(operation);
          break;
        case Answer::Kind::kFail:
          result.failure = Failed(answer.reason, "as the test says");
          result.failure.retry_after = answer.retry_after;
          for (const std::string& attribute : answer.taken) result.failure.taken.push_back({attribute, {}, {}, ""});
          break;
        case Answer::Kind::kDoubtful:
          Do(operation);
          result.outcome = Outcome::kInDoubt;
          break;
        case Answer::Kind::kDoubtfulNot:
          result.outcome = Outcome::kInDoubt;
          break;
        case Answer::Kind::kLose:
          Do(operation);
          break;
        case Answer::Kind::kDrop:
          break;
        case Answer::Kind::kPending:
          result = pending_;
          result.operation_id = operation.id;
          result.outcome = Outcome::kPending;
          break;
        case Answer::Kind::kPart:
          result = Do(operation, answer.part);
          results_.erase(operation.id);
          result.outcome = Outcome::kPartlyApplied;
          result.failure = Failed(Reason::kInvalid, "the rest was refused");
          break;
      }
    }
    seen_[operation.id].has_failed = result.outcome == Outcome::kFailed || result.outcome == Outcome::kInDoubt ||
                                     result.outcome == Outcome::kPartlyApplied;
  }
  if (answer.kind == Answer::Kind::kLose || answer.kind == Answer::Kind::kDrop) return Break(call);
  call->open.erase(operation.id);
  call->sink->OnResults({result});
}

void FakeConnector::EndIfSettled(const std::shared_ptr<Call>& call) {
  if (call->is_over || !call->is_closing || !call->open.empty()) return;
  call->is_over = true;
  std::shared_ptr<ApplySink> sink = std::move(call->sink);
  sink->OnClosed(absl::OkStatus());
}

void FakeConnector::Break(const std::shared_ptr<Call>& call) {
  if (call->is_over) return;
  call->is_over = true;
  std::shared_ptr<ApplySink> sink = std::move(call->sink);
  sink->OnClosed(Away());
}

void FakeConnector::Verify(std::vector<TargetOperation> operations,
                           std::function<void(absl::StatusOr<std::vector<Verdict>>)> done) {
  executor_->Run([this, operations = std::move(operations), done] {
    if (IsAway()) return done(Away());
    std::vector<Verdict> verdicts;
    {
      absl::MutexLock lock(&mutex_);
      for (const TargetOperation& operation : operations) {
        Verdict verdict;
        verdict.operation_id = operation.id;
        const auto result = results_.find(operation.id);
        verdict.state = result != results_.end() ? Verdict::State::kDone : Verdict::State::kNotDone;
        if (verdict_) verdict.state = *verdict_;
        if (verdict.state == Verdict::State::kNotDone) verdict.failure = ended_;
        if (verdict.state == Verdict::State::kPending) verdict.result = pending_;
        verified_.push_back(operation);
        if (verdict.state == Verdict::State::kDone && result != results_.end()) verdict.result = result->second;
        verdicts.push_back(std::move(verdict));
      }
    }
    done(std::move(verdicts));
  });
}

void FakeConnector::FindTaken(const std::string& unique_in, std::vector<core::Value> values,
                              std::function<void(absl::StatusOr<std::vector<Taken>>)> done) {
  executor_->Run([this, unique_in, values = std::move(values), done = std::move(done)] {
    std::vector<Taken> found;
    {
      absl::MutexLock lock(&mutex_);
      if (!finds_taken_) return done(FailureToStatus(Failed(Reason::kUnsupported, "it cannot tell")));
      std::set<std::string> attributes;
      for (const ClassInfo& info : schema_.classes) {
        for (const AttributeInfo& attribute : info.attributes) {
          if (attribute.unique_in == unique_in) attributes.insert(attribute.name);
        }
      }
      for (const core::Value& value : values) {
        asked_.push_back(value.ToText());
        for (const std::string& attribute : attributes) {
          if (taken_.contains({attribute, value.ToText()})) found.push_back({attribute, value, {}, ""});
          for (const auto& [id, object] : objects_) {
            const auto has = object.attributes.find(attribute);
            if (has == object.attributes.end() || has->second != value) continue;
            found.push_back({attribute, value, {object.object_class, id}, ""});
          }
        }
      }
    }
    done(std::move(found));
  });
}

void FakeConnector::SetFindsTaken(bool finds_taken) {
  absl::MutexLock lock(&mutex_);
  finds_taken_ = finds_taken;
}

std::vector<std::string> FakeConnector::asked() const {
  absl::MutexLock lock(&mutex_);
  return asked_;
}

void FakeConnector::SetPending(std::string object_id, std::string private_state, std::string waiting_for) {
  absl::MutexLock lock(&mutex_);
  pending_.object_id = std::move(object_id);
  pending_.private_state = std::move(private_state);
  pending_.waiting_for = std::move(waiting_for);
}

std::vector<TargetOperation> FakeConnector::verified() const {
  absl::MutexLock lock(&mutex_);
  return verified_;
}

void FakeConnector::SetEnded(Failure failure) {
  absl::MutexLock lock(&mutex_);
  ended_ = std::move(failure);
}

void FakeConnector::Next(Action action, Answer answer) {
  absl::MutexLock lock(&mutex_);
  next_[action].push_back(std::move(answer));
}

void FakeConnector::Always(Action action, std::optional<Answer> answer) {
  absl::MutexLock lock(&mutex_);
  always_.erase(action);
  if (answer) always_[action] = *answer;
}

void FakeConnector::SetVerdict(std::optional<Verdict::State> state) {
  absl::MutexLock lock(&mutex_);
  verdict_ = state;
}

void FakeConnector::BeAway(int calls) {
  absl::MutexLock lock(&mutex_);
  away_ = calls;
}

void FakeConnector::Take(const std::string& attribute, const std::string& name) {
  absl::MutexLock lock(&mutex_);
  taken_.insert({attribute, name});
}

void FakeConnector::OnSend(std::function<void(const std::vector<TargetOperation>&)> hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

void FakeConnector::SwallowSends(bool is_swallowed) {
  absl::MutexLock lock(&mutex_);
  is_swallowed_ = is_swallowed;
}

void FakeConnector::Release() {
  executor_->Run([this] {
    std::vector<std::pair<std::shared_ptr<Call>, TargetOperation>> held;
    {
      absl::MutexLock lock(&mutex_);
      held.swap(held_);
    }
    for (const auto& [call, operation] : held) {
      if (call->is_over) continue;
      Carry(call, operation, Answer());
      EndIfSettled(call);
    }
  });
}

void FakeConnector::AwaitHeld(size_t count) {
  const auto is_there = [&] {
    mutex_.AssertReaderHeld();
    return held_.size() >= count;
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&is_there));
}

void FakeConnector::Settle() {
  absl::Notification done;
  executor_->Run([&done] { done.Notify(); });
  done.WaitForNotification();
}

void FakeConnector::SetAttribute(const std::string& id, const std::string& attribute, core::Value value) {
  absl::MutexLock lock(&mutex_);
  objects_[id].attributes[attribute] = std::move(value);
}

void FakeConnector::Remove(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  objects_.erase(id);
  for (auto& [other, object] : objects_) object.members.erase(id);
}

std::string FakeConnector::AddObject(const std::string& object_class, core::Fields attributes) {
  absl::MutexLock lock(&mutex_);
  const std::string id = absl::StrCat("#", next_id_++);
  objects_[id] = {object_class, std::move(attributes), "", {}};
  return id;
}

std::optional<FakeConnector::Object> FakeConnector::Find(const std::string& attribute, const std::string& value) const {
  absl::MutexLock lock(&mutex_);
  std::optional<Object> found;
  for (const auto& [id, object] : objects_) {
    auto one = object.attributes.find(attribute);
    if (one == object.attributes.end() || one->second.ToText() != value) continue;
    if (found) return std::nullopt;
    found = object;
  }
  return found;
}

std::optional<FakeConnector::Object> FakeConnector::Get(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  auto found = objects_.find(id);
  if (found == objects_.end()) return std::nullopt;
  return found->second;
}

int FakeConnector::Count(const std::string& object_class) const {
  absl::MutexLock lock(&mutex_);
  return std::count_if(objects_.begin(), objects_.end(),
                       [&](const auto& one) { return one.second.object_class == object_class; });
}

std::vector<std::string> FakeConnector::done() const {
  absl::MutexLock lock(&mutex_);
  return done_;
}

std::vector<TargetOperation> FakeConnector::sent() const {
  absl::MutexLock lock(&mutex_);
  return sent_;
}

int FakeConnector::streams() const {
  absl::MutexLock lock(&mutex_);
  return streams_;
}

std::vector<std::string> FakeConnector::violations() const {
  absl::MutexLock lock(&mutex_);
  return violations_;
}

void FakeConnector::Forget() {
  absl::MutexLock lock(&mutex_);
  done_.clear();
  sent_.clear();
}

}  // namespace sluice::engine::testing
