// Level 1: start, greeting, end.
#include <signal.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "nlohmann/json.hpp"
#include "sdk/wire/limits.h"
#include "tests/conformance/run.h"

namespace sluice::conformance {
namespace {

namespace v1 = connector::v1;

constexpr absl::Duration kGreetingPatience = absl::Seconds(12);

Verdict Starts(Run& run) {
  auto launched = Launched::Start(run.subject());
  if (!launched.ok()) {
    plugin::Package said = run.subject().package;
    const bool is_other = run.subject().is_package && Identify(&said).ok() && said.name != run.subject().package.name;
    return is_other ? Skipped("PKG-001 fails") : Failed(launched.status().message());
  }
  return Passed(absl::ToInt64Milliseconds((*launched)->start_time()), " ms");
}

// Whoever does not start at all answers nothing to any greeting.
Verdict NoAnswer(Run& run, const std::string& what) {
  return Launched::Start(run.subject()).ok() ? Failed(what) : Skipped("BOOT-001 fails");
}

Verdict RefusesAnotherMajor(Run& run) {
  v1::BootstrapRequest request = Greeting();
  request.set_min_protocol(1000);
  request.set_max_protocol(1001);
  auto greeted = BootstrapWith(run.subject().package.executable, request, kGreetingPatience);
  if (!greeted.ok()) return Skipped("BOOT-001 fails: ", greeted.status().message());
  if (!greeted->reply.has_value()) return NoAnswer(run, "to a host of protocol 1000 to 1001 it answered nothing");
  if (!greeted->reply->has_refused()) return Failed("it accepted a host that speaks protocol 1000 to 1001 only");
  if (greeted->reply->refused().reason().empty()) return Failed("it refused protocol 1000 to 1001 without a reason");
  if (greeted->reply->refused().worth_retrying()) return Failed("it says that the same protocol is worth retrying");
  if (!greeted->end.has_value())
    return Failed("it refused, and was still running ", absl::FormatDuration(kGreetingPatience), " later");
  return Passed();
}

Verdict AcceptsARange(Run& run) {
  v1::BootstrapRequest request = Greeting();
  request.set_max_protocol(9);
  auto greeted = BootstrapWith(run.subject().package.executable, request, kGreetingPatience);
  if (!greeted.ok()) return Skipped("BOOT-001 fails: ", greeted.status().message());
  if (!greeted->reply.has_value()) return NoAnswer(run, "to a host of protocol 1 to 9 it answered nothing");
  if (!greeted->reply.has_value() || !greeted->reply->has_accepted())
    return Failed("to a host of protocol 1 to 9 it answered ",
                  greeted->reply.has_value() ? greeted->reply->refused().reason() : "nothing");
  const uint32_t protocol = greeted->reply->accepted().protocol();
  return protocol == 1 ? Passed() : Failed("offered 1 to 9 it chose protocol ", protocol, "; there is only 1 yet");
}

Verdict IgnoresWhatIsNew(Run& run) {
  // Field 2000, text, and field 2001, number: of a later minor version. So is a transport of an unknown kind.
  const std::string unknown("\x82\x7d\x03new\x88\x7d\x07", 9);
  v1::BootstrapRequest request = Greeting();
  v1::BootstrapRequest ahead;
  ahead.add_transports();
  *ahead.add_transports() = request.transports(0);
  *request.mutable_transports() = ahead.transports();
  request.set_log_level(static_cast<v1::LogLevel>(77));
  auto greeted = BootstrapWith(run.subject().package.executable, request, kGreetingPatience, unknown);
  if (!greeted.ok()) return Skipped("BOOT-001 fails: ", greeted.status().message());
  if (!greeted->reply.has_value()) return NoAnswer(run, "to a greeting with unknown fields it answered nothing");
  if (greeted->reply.has_value() && greeted->reply->has_accepted()) return Passed();
  return Failed("a greeting with unknown fields, an unknown transport and an unknown log level was not accepted: ",
                greeted->reply.has_value() ? greeted->reply->refused().reason() : "no answer");
}

Verdict EndsWithItsHost(Run& run) {
  SLUICE_OR_SKIP(launched, run.Fresh());
  launched->CloseControl();
  if (launched->AwaitEnd(kEndLimit).has_value()) return Passed();
  return Failed(absl::FormatDuration(kEndLimit), " after its control descriptor was closed it still runs");
}

Verdict EndsWithItsHostDuringAnImport(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  v1::ImportRequest request;
  request.set_system(kSystem);
  request.mutable_as_of()->set_year(static_cast<int32_t>(run.config().as_of.year()));
  request.mutable_as_of()->set_month(run.config().as_of.month());
  request.mutable_as_of()->set_day(run.config().as_of.day());
  grpc::ClientContext context;
  auto stream = launched->reader().Import(&context, request);
  v1::ImportFrame frame;
  stream->Read(&frame);  // It is under way, and nobody reads on.
  launched->CloseControl();
  const bool has_ended = launched->AwaitEnd(kEndLimit).has_value();
  context.TryCancel();
  while (stream->Read(&frame)) {
  }
  stream->Finish().IgnoreError();
  if (has_ended) return Passed();
  return Failed(absl::FormatDuration(kEndLimit),
                " after its control descriptor was closed, in the middle of an import, it still runs");
}

std::string Health(Launched& launched, const std::string& service) {
  std::string bytes;
  if (!service.empty()) bytes = absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  auto context = launched.Context();
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(launched.channel());
  auto call = stub.PrepareUnaryCall(context.get(), "/grpc.health.v1.Health/Check", request, &queue);
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) return Text(status);
  std::vector<grpc::Slice> slices;
  if (!response.Dump(&slices).ok()) return "an answer that cannot be read";
  std::string answer;
  for (const grpc::Slice& part : slices) answer.append(reinterpret_cast<const char*>(part.begin()), part.size());
  return answer == std::string("\x08\x01") ? "" : "not SERVING";
}

Verdict IsHealthy(Run& run) {
  SLUICE_OR_SKIP(launched, run.Fresh());
  SLUICE_OR_SKIP(info, run.Info());
  std::vector<std::string> services(info->services().begin(), info->services().end());
  services.push_back("");
  for (const std::string& service : services) {
    if (const std::string wrong = Health(*launched, service); !wrong.empty())
      return Failed("grpc.health.v1 answers for \"", service, "\": ", wrong);
  }
  return Passed();
}

Verdict SaysWhatItIsByHand(Run& run) {
  auto greeted = BootstrapWith(run.subject().package.executable, std::nullopt, absl::Seconds(5));
  if (!greeted.ok()) return Skipped("BOOT-001 fails: ", greeted.status().message());
  if (!greeted->end.has_value()) return Failed("started by hand it hangs: without SLUICE_CONTROL_FD it must end");
  if (greeted->end->number == 0) return Failed("started by hand it ends as if all were well");
  if (!absl::StrContains(greeted->output, "connector-check"))
    return Failed("started by hand it does not name connector-check");
  return Passed();
}

Verdict ManyStart(Run& run) {
  std::vector<std::unique_ptr<Launched>> all;
  for (int i = 0; i < 8; ++i) {
    auto launched = run.Fresh();
    if (!launched.ok())
      return i == 0 ? Skipped(launched.status().message()) : Failed("copy ", i + 1, ": ", launched.status().message());
    all.push_back(*std::move(launched));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i]->IsAlive()) return Failed("copy ", i + 1, " of ", all.size(), " does not answer");
  }
  return Passed();
}

Verdict LeavesNoCore(Run& run) {
  SLUICE_OR_SKIP(launched, run.Fresh());
  std::ifstream limits(absl::StrCat("/proc/", launched->pid(), "/limits"));
  for (std::string line; std::getline(limits, line);) {
    if (!absl::StartsWith(line, "Max core file size")) continue;
    const std::string soft = line.substr(26, 21);
    return absl::StartsWith(soft, "0") ? Passed() : Failed("the limit of its core files is ", soft);
  }
  return Skipped("/proc cannot be read here");
}

Verdict Drains(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  v1::DrainRequest request;
  request.mutable_patience()->set_seconds(5);
  v1::DrainReply reply;
  for (int i = 0; i < 2; ++i) {
    const grpc::Status status = launched->plugin().Drain(launched->Context().get(), request, &reply);
    // It may have ended after the first.
    if (!status.ok() && !(i == 1 && status.error_code() == grpc::StatusCode::UNAVAILABLE))
      return Failed(i == 0 ? "" : "the second time, ", "Drain answers ", Text(status));
    if (reply.unfinished_operations_size() > 0)
      return Failed("idle, it lists ", reply.unfinished_operations_size(), " unfinished operations");
  }
  launched->CloseControl();
  const auto end = launched->AwaitEnd(kEndLimit);
  if (!end.has_value())
    return Failed(absl::FormatDuration(kEndLimit), " after Drain and the end of its control descriptor it still runs");
  if (end->kind != plugin::EndKind::kExit || end->number != 0) return Failed("after Drain it ", end->text);
  return Passed();
}

Verdict TakesNoNewWorkAfterDrain(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  v1::DrainRequest request;
  request.mutable_patience()->set_seconds(5);
  v1::DrainReply reply;
  if (!launched->plugin().Drain(launched->Context().get(), request, &reply).ok()) return Skipped("BOOT-011 fails");
  const ImportLog log = Import(*launched, run.config());
  if (log.status.ok()) return Failed("after Drain it began an import of ", log.records.size(), " records");
  return Passed();
}

Verdict LogsAreStructured(Run& run) {
  SLUICE_OR_SKIP(launched, run.FreshOpen(v1::OpenRequest::READ_ONLY));
  Import(*launched, run.config());
  launched->CloseControl();
  launched->AwaitEnd(kEndLimit);
  const std::string line = launched->PlainLine();
  if (!line.empty()) return Failed("it printed a line that is no JSON: ", line);
  return Passed();
}

constexpr Check kChecks[] = {
    {"BOOT-001", 1, Severity::kMust, "It starts, accepts within 10 s and answers GetInfo.",
     "the main of a connector is one line: return Serve<YourConnector>(argc, argv)", Starts},
    {"BOOT-002", 1, Severity::kMust, "A host of another protocol is refused with a reason, as data, and it ends.",
     "answer Refused with a reason and worth_retrying=false, and exit", RefusesAnotherMajor},
    {"BOOT-003", 1, Severity::kMust, "Of a range of protocols it chooses the newest that it speaks.",
     "choose min(max_protocol, what you speak), not max_protocol", AcceptsARange},
    {"BOOT-004", 1, Severity::kMust, "What is new in the greeting is ignored.",
     "skip fields, transports and enum values that you do not know", IgnoresWhatIsNew},
    {"BOOT-005", 1, Severity::kMust, "It ends within 2 s when the control descriptor closes.",
     "read descriptor 3 on a thread of its own and exit at its end of file", EndsWithItsHost},
    {"BOOT-006", 1, Severity::kMust,
     "It ends within 2 s when the control descriptor closes, also in the middle of an import.",
     "do not wait for calls under way longer than 2 s", EndsWithItsHostDuringAnImport},
    {"BOOT-007", 1, Severity::kMust, "grpc.health.v1 answers SERVING for the whole and for every service of GetInfo.",
     "serve grpc.health.v1.Health", IsHealthy},
    {"BOOT-008", 1, Severity::kShould, "Started by hand it says what it is and names connector-check.",
     "print one line and exit with 64 when SLUICE_CONTROL_FD is not set", SaysWhatItIsByHand},
    {"BOOT-009", 1, Severity::kShould, "Several copies run beside each other.",
     "use no fixed port, lock or file outside the work directory", ManyStart},
    {"BOOT-010", 1, Severity::kShould, "It leaves no core file.", "set RLIMIT_CORE to 0", LeavesNoCore},
    {"BOOT-011", 1, Severity::kMust, "Drain returns, may be repeated, and then the process ends with 0.",
     "finish what runs, answer Drain, exit with 0 at the end of file on 3", Drains},
    {"BOOT-012", 1, Severity::kMust, "After Drain no new work begins.",
     "answer UNAVAILABLE to new calls once Drain came", TakesNoNewWorkAfterDrain},
    {"BOOT-013", 1, Severity::kShould, "What it prints is log lines: JSON with level and message.",
     "use sluice/connector/log.h (LogInfo(...)), or print to nowhere: stdout belongs to no one", LogsAreStructured},
};

}  // namespace

absl::Span<const Check> StartChecks() { return kChecks; }

}  // namespace sluice::conformance
