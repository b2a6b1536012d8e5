// bad-plugin: a source and a target in one that works well until it is told not to. See README.md for the faults.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "sdk/cpp/src/fault_hooks.h"
#include "sluice/connector/log.h"
#include "sluice/connector/serve.h"
#include "sluice/connector/target.h"
#include "tests/faults/bad_plugin/directory.h"
#include "tests/faults/bad_plugin/faults.h"

namespace sluice::faults {
namespace {

using namespace sluice::connector;

std::string Fault(const std::string& key) { return FaultList::Get().Take(key); }

// "fail:THROTTLED" gives THROTTLED.
Error ErrorNamed(const std::string& name) {
  for (int number = 1; number <= static_cast<int>(Reason::kBug); ++number) {
    const auto reason = static_cast<Reason>(number);
    if (ReasonName(reason) != name) continue;
    Error error(reason, "BAD-0100", "the bad plugin was told to fail so");
    if (reason == Reason::kThrottled) error.RetryAfter(absl::Seconds(1));
    return error;
  }
  return Error(Reason::kBug, "BAD-0101", absl::StrCat("the bad plugin knows no reason ", name));
}

int NumberAfter(const std::string& fault, int otherwise) {
  int number = otherwise;
  const size_t colon = fault.find(':');
  if (colon != std::string::npos && !absl::SimpleAtoi(fault.substr(colon + 1), &number)) return otherwise;
  return number;
}

void PrintGarbage() {
  printf("\x01\xff{\"level\": 7, \"message\": [\n%s\n", std::string(100000, 'x').c_str());
  fflush(stdout);
  fprintf(stderr, "{\"@message\": 1, \"level\": {}}\n\xc3\x28 not json\n{\"time\":\n");
}

// The system's own password stands in a file; until it was changed the one that was given is right.
std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

connector::Pending Waiting() {
  connector::Pending pending;
  pending.waiting_for = "the invitation to be accepted";
  return pending;
}

// Looks for faults that come between calls.
void Watch() {
  for (;;) {
    const std::string fault = Fault("now");
    if (fault == "crash") Crash();
    if (fault == "freeze") kill(getpid(), SIGSTOP);  // Answers nothing any more, health included.
    if (fault == "garbage") PrintGarbage();
    if (absl::StartsWith(fault, "exit")) _exit(NumberAfter(fault, 1));
    absl::SleepFor(absl::Milliseconds(20));
  }
}

class Bad final : public Target {
 public:
  static Description Describe() {
    Writing writing;
    writing.max_in_flight = 8;
    Writing joined = writing;
    joined.joins = true;
    return Description("test.bad", "1.0.0")
        .FindsTaken()
        .With(Setting::Text("state").Label("File in which the accounts live"))
        .With(Setting::Text("control").Label("File with faults, one key=value a line"))
        .With(Setting::Text("fault").Label("Faults, separated by ;"))
        .With(Setting::Integer("people").Label("How many people there are").Default(10).Min(0))
        .With(Setting::Choice("colour", {"red", "green"}).Default("red"))
        .With(Setting::Secret("password").Label("A secret that must not be seen"))
        .With(ObjectClass::Person("pupil")
                  .Text("name", Privacy::kSensitive)
                  .Text("number")
                  .Date("born", Privacy::kSensitive)
                  .With(Attribute::Text("tags").Multi()))
        .With(ObjectClass::Contract("place", "pupil")
                  .Reference("pupil", "pupil")
                  .Text("department")
                  .Date("start")
                  .Date("end"))
        .With(
            ObjectClass::Account("account")
                .With(Attribute::Text("login").Writable().Required().UniqueIn("login").MaxLength(20).CaseInsensitive())
                .With(Attribute::Text("mail").Writable().UniqueIn("mail").CaseInsensitive())
                .With(Attribute::Text("display_name").Writable().Is(Privacy::kSensitive))
                .With(Attribute::Text("number").Writable())
                .With(Attribute::Text("tags").Multi().Writable())
                .With(Attribute::Flag("enabled"))
                .With(Attribute::Secret("initial_password"))
                .Can({Action::kCreate, Action::kUpdate, Action::kEnable, Action::kDisable, Action::kDelete,
                      Action::kGrant, Action::kRevoke, Action::kSetCredential})
                .Written(writing))
        .With(ObjectClass::Permission("group")
                  .With(Attribute::Text("name").Writable().Required().UniqueIn("group"))
                  .Can({Action::kCreate, Action::kUpdate, Action::kDelete})
                  .Written(writing))
        .With(ObjectClass::Relation("membership", Relation{"account", "account", "group", "group", true, false, {}, ""})
                  .Reference("account", "account")
                  .Reference("group", "group")
                  .Can({Action::kGrant, Action::kRevoke})
                  .Written(joined));
  }

  absl::Status Open(const System& system) override {
    FaultList::Get().Configure(system.settings.Text("fault"), system.settings.Text("control"));
    directory_ = std::make_unique<Directory>(system.settings.Text("state"));
    static std::atomic<bool> is_watching{false};
    if (!is_watching.exchange(true)) std::thread(Watch).detach();
    const std::string fault = Fault("open");
    if (fault == "crash") Crash();
    if (fault == "hang") Hang();
    if (absl::StartsWith(fault, "fail:")) return ErrorNamed(fault.substr(5));
    return absl::OkStatus();
  }

  absl::StatusOr<TestResult> Test(const TestRequest&) override {
    const std::string fault = Fault("test");
    if (fault == "hang") Hang();
    if (absl::StartsWith(fault, "fail:")) return ErrorNamed(fault.substr(5)).AsStatus();
    TestResult result;
    if (fault == "missing-right")
      result.missing_rights.push_back({"account", Action::kCreate, "create accounts", "grant it", "", ""});
    return result;
  }

  absl::Status Import(const ImportRequest& request, RecordWriter& out) override {
    directory_->Note("import");
    const std::string fault = Fault("import");
    if (fault == "crash") Crash();
    if (fault == "hang") Hang();
    if (fault == "throw") throw std::runtime_error("thrown by the bad plugin");
    if (fault == "garbage") PrintGarbage();
    if (absl::StartsWith(fault, "fail:")) return ErrorNamed(fault.substr(5));
    if (auto status = SignIn(); !status.ok()) return status;
    if (absl::StartsWith(fault, "rotate")) {
      if (auto status = ChangePassword(fault == "rotate-crash"); !status.ok()) return status;
    }
    if (auto status = AddPeople(request, fault, out); !status.ok()) return status;
    for (const char* object_class : {"account", "group", "membership"}) {
      if (!request.Wants(object_class)) continue;
      for (const Record& record : directory_->List(object_class)) {
        if (auto status = out.Add(record); !status.ok()) return status;
      }
    }
    if (fault == "no-complete") return absl::OkStatus();
    if (absl::StartsWith(fault, "partial:")) {
      if (auto status = out.Partial(fault.substr(8), ErrorNamed("TRANSIENT")); !status.ok()) return status;
    }
    if (absl::StartsWith(fault, "not-read:")) {
      if (auto status = out.NotRead(fault.substr(9), ErrorNamed("FORBIDDEN")); !status.ok()) return status;
    }
    return out.Complete();
  }

  absl::Status Read(const ReadRequest& request, FoundWriter& out) override {
    if (Fault("read") == "hang") Hang();
    for (size_t i = 0; i < request.keys.size(); ++i) {
      for (const Record& record : directory_->Find(request.object_class, request.keys[i])) {
        if (auto status = out.Found(i, record, "1"); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  Result Apply(const Operation& operation) override {
    const std::string action(ActionName(operation.action));
    directory_->Note(
        absl::StrCat("apply ", operation.id, " ", operation.attempt, " ", action, " ", operation.object_class));
    std::string fault = Fault(absl::StrCat("apply.", action, ".", operation.object_class));
    if (fault.empty()) fault = Fault("apply." + action);
    if (fault.empty()) fault = Fault("apply");
    if (fault == "crash-before") Crash();
    if (fault == "hang") Hang();
    if (fault == "throw") throw std::runtime_error("thrown by the bad plugin");
    if (absl::StartsWith(fault, "slow:")) operation.cancellation.Sleep(absl::Milliseconds(NumberAfter(fault, 100)));
    if (absl::StartsWith(fault, "fail:")) return Result::Failed(ErrorNamed(fault.substr(5)));
    if (fault == "pending-not") return Result::Pending("", Waiting());
    if (fault == "in-doubt-before") return Result::InDoubt(ErrorNamed("TRANSIENT"));
    Result result = directory_->Carry(operation);
    if (fault == "crash-after") Crash();
    if (fault == "hang-after") Hang();
    if (fault == "in-doubt-after") return Result::InDoubt(ErrorNamed("TRANSIENT"));
    if (fault == "pending") return Result::Pending(result.object_id, Waiting());
    return result;
  }

  Verdict Verify(const VerifyRequest& request) override {
    const Operation& operation = request.operation;
    directory_->Note(absl::StrCat("verify ", operation.id, " ", operation.attempt));
    const std::string fault = Fault("verify");
    if (fault == "hang") Hang();
    if (fault == "unknown") return Verdict::Unknown(ErrorNamed("TRANSIENT"));
    if (fault == "too-early") return Verdict::TooEarly(absl::Seconds(1));
    if (fault == "pending") return Verdict::Pending(absl::Seconds(1));
    if (fault == "refused")
      return Verdict::EndedBadly(Error(Reason::kInvalid, "BAD-0104", "the invitation was refused"));
    if (operation.action == Action::kEnable || operation.action == Action::kDisable) {
      const auto found = directory_->Find(operation.object_class, Key{operation.object_id, {}});
      if (found.empty()) return Verdict::NotDone();
      const bool is_enabled = found[0].Get("enabled") == Value(true);
      return is_enabled == (operation.action == Action::kEnable) ? Verdict::Done(Result::Applied(operation.object_id))
                                                                 : Verdict::NotDone();
    }
    return Target::Verify(request);
  }

  absl::StatusOr<FindTakenResult> FindTaken(const FindTakenRequest& request) override {
    return FindTakenResult{directory_->FindTaken(request.unique_in, request.values)};
  }

 private:
  std::string PasswordFile() const { return system().settings.Text("state") + ".password"; }

  absl::Status SignIn() const {
    const std::string right = Contents(PasswordFile());
    const Secret& given = system().settings.Secret("password");
    for (const std::string& one : {password_, given.Reveal(), given.RevealPrevious()}) {
      if (right.empty() || one == right) return absl::OkStatus();
    }
    return Error(Reason::kAuth, "BAD-0103", "the password is not right");
  }

  // Told to the host first, and changed when it has it.
  absl::Status ChangePassword(bool crashes) {
    const std::string fresh = absl::StrCat("rotated-", absl::ToUnixNanos(absl::Now()));
    if (auto status = RotateSecret("password", Secret(fresh), absl::Seconds(10)); !status.ok()) return status;
    if (crashes) Crash();
    std::ofstream(PasswordFile()) << fresh;
    password_ = fresh;
    return absl::OkStatus();
  }

  absl::Status AddPeople(const ImportRequest& request, const std::string& fault, RecordWriter& out) {
    int64_t people = system().settings.Integer("people");
    if (const std::string other = Fault("people"); !other.empty() && !absl::SimpleAtoi(other, &people)) {
      return Error(Reason::kInvalid, "BAD-0102", "the fault people= needs a number");
    }
    const bool is_slow = absl::StartsWith(fault, "slow:");
    const int stop_after = absl::StartsWith(fault, "crash:") ? NumberAfter(fault, 0) : -1;
    for (int64_t i = 1; i <= people; ++i) {
      if (i - 1 == stop_after) Crash();
      if (is_slow && !request.cancellation.Sleep(absl::Milliseconds(NumberAfter(fault, 100))))
        return ErrorNamed("CANCELLED");
      Record person("pupil", absl::StrCat("p-", i));
      person.Set("name", absl::StrCat("Person ", i)).Set("number", absl::StrCat(1000 + i));
      person.SetDate("born", absl::CivilDay(2010, 1, 1) + i % 365)
          .SetList("tags", {"pupil", absl::StrCat("year ", i % 6 + 1)});
      if (fault == "huge" && i == 1) person.Set("name", std::string(size_t{5} << 20, 'x'));
      if (auto status = out.Add(person); !status.ok()) return status;
      Record contract("place", absl::StrCat("c-", i));
      contract.SetReference("pupil", "pupil", person.id()).Set("department", absl::StrCat("class ", i % 4 + 1));
      contract.SetDate("start", absl::CivilDay(2025, 8, 1)).SetEmpty("end");
      if (auto status = out.Add(contract); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::unique_ptr<Directory> directory_;
  std::string password_;  // As this process changed it.
};

// What the SDK does not let an author do.
void InstallWireFaults() {
  Faults().import_frame = [](v1::ImportFrame& frame) {
    if (!frame.has_end()) return true;
    const std::string fault = Fault("wire");
    if (fault == "forget-end") return false;
    if (fault == "wrong-counts" && frame.end().scopes_size() > 0 && frame.end().scopes(0).classes_size() > 0) {
      auto* first = frame.mutable_end()->mutable_scopes(0)->mutable_classes(0);
      first->set_records(first->records() + 1);
    }
    return true;
  };
  Faults().bootstrap = [](const v1::BootstrapRequest&) -> std::optional<v1::BootstrapReply> {
    const std::string fault = Fault("start");
    v1::BootstrapReply reply;
    if (fault == "crash") Crash();
    if (fault == "hang") Hang();
    if (absl::StartsWith(fault, "exit")) _exit(NumberAfter(fault, 1));
    if (fault == "garbage") PrintGarbage();
    if (fault == "refuse" || fault == "refuse-retry") {
      reply.mutable_refused()->set_reason("the bad plugin was told to refuse");
      reply.mutable_refused()->set_worth_retrying(fault == "refuse-retry");
      return reply;
    }
    if (fault == "wrong-version" || fault == "wrong-name") {
      reply.mutable_accepted()->set_protocol(fault == "wrong-version" ? 99 : 1);
      reply.mutable_accepted()->set_name(fault == "wrong-name" ? "test.worse" : "test.bad");
      reply.mutable_accepted()->set_version("1.0.0");
      return reply;
    }
    return std::nullopt;
  };
}

}  // namespace
}  // namespace sluice::faults

int main(int argc, char** argv) {
  sluice::faults::InstallWireFaults();
  return sluice::connector::Serve<sluice::faults::Bad>(argc, argv);
}
