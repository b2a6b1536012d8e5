#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/cli/commands.h"
#include "host/cli/print.h"

namespace sluice::cli {
namespace {

constexpr char kClearLine[] = "\r\033[K";

void ShowProgress(const v1::Run& run) {
  std::string line = run.activity();
  if (run.expected() > 0) {
    absl::StrAppend(&line, "  ", Number(static_cast<int64_t>(run.done())), " of ",
                    Number(static_cast<int64_t>(run.expected())));
  } else if (run.done() > 0) {
    absl::StrAppend(&line, "  ", Number(static_cast<int64_t>(run.done())));
  }
  winsize size = {};
  // A line that wraps could not be taken back. Cut at a whole character.
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && line.size() >= size.ws_col) {
    size_t end = size.ws_col - 1;
    while (end > 0 && (line[end] & 0xC0) == 0x80) --end;
    line.resize(end);
  }
  std::cerr << kClearLine << line << std::flush;
}

// What failed, so that nobody has to ask for it.
void ShowFailures(const Client& client, const v1::Run& run) {
  if (run.kind() != "enforce" || run.state() == "succeeded") return;
  grpc::ClientContext context;
  v1::GetRunRequest request;
  request.set_name(run.name());
  v1::RunDetail detail;
  if (!client.Stub<v1::Runs>()->GetRun(&context, request, &detail).ok()) return;
  Operations failed;
  for (const v1::Operation& operation : detail.operations()) {
    if (operation.status() == "failed" || operation.status() == "in_doubt" || operation.status() == "partly_applied") {
      *failed.Add() = operation;
    }
  }
  std::cout << OperationsText(failed, false);
}

// What was asked for has begun: says so, and follows it to its end.
int Follow(const Client& client, const grpc::Status& status, const v1::Run& run) {
  if (!status.ok()) return client.Fail(status);
  if (!client.json() && !run.plan().empty())
    std::cout << "Plan " << Short(run.plan(), 6) << ": " << run.summary() << std::endl;
  return FollowRun(client, run.name());
}

int StartImport(const Client& client, const std::vector<std::string>& systems) {
  v1::StartImportRequest request;
  for (const std::string& system : systems) request.add_systems(system);
  grpc::ClientContext context;
  v1::Run run;
  const grpc::Status status = client.Stub<v1::Runs>()->StartImport(&context, request, &run);
  if (status.ok() && !client.json()) {
    std::cout << "Reads "
              << (systems.empty() ? "every source, and observes every target" : absl::StrJoin(systems, ", ")) << "."
              << std::endl;
  }
  return Follow(client, status, run);
}

void AddImport(CLI::App& app, Action& action) {
  auto* import = app.add_subcommand("import", "Read sources and observe targets; without a name all of them");
  auto systems = std::make_shared<std::vector<std::string>>();
  import->add_option("system", *systems, "Systems to read");
  import->group(kEveryDay)->callback([&action, systems] {
    action = [systems](const Client& client) { return StartImport(client, *systems);
};
}  // namespace
);
}  // namespace sluice::cli

void AddPlan(CLI::App& app, Action& action) {
  auto* plan = app.add_subcommand("plan", "Show what would be done, to whom, and why; changes nothing");
  auto all = std::make_shared<bool>(false);
  plan->add_flag("--all", *all, "Every operation, however many");
  plan->group(kEveryDay)->callback([&action, all] {
    action = [all](const Client& client) {
      auto stub = client.Stub<v1::Plans>();
      return Call(client, *stub, &v1::Plans::Stub::CreatePlan, v1::CreatePlanRequest(),
                  [&](const v1::Plan& reply) { return PlanText(reply, *all); });
    };
  });
}

void AddEnforce(CLI::App& app, Action& action) {
  auto* enforce = app.add_subcommand("enforce", "Carry out the plan; what thresholds stop waits for a decision");
  auto hash = std::make_shared<std::string>();
  enforce->add_option("--plan", *hash, "Only if it is still this plan, as `sluice plan` names it");
  enforce->group(kEveryDay)->callback([&action, hash] {
    action = [hash](const Client& client) {
      v1::StartEnforcementRequest request;
      request.set_plan(*hash);
      grpc::ClientContext context;
      v1::Run run;
      const grpc::Status status = client.Stub<v1::Runs>()->StartEnforcement(&context, request, &run);
      return Follow(client, status, run);
    };
  });
}

void AddWhy(CLI::App& app, Action& action) {
  auto* why = app.add_subcommand("why", "Why somebody holds something, or not");
  auto person = std::make_shared<std::string>();
  auto entitlement = std::make_shared<std::string>();
  why->add_option("person", *person, "Number or id")->required();
  why->add_option("entitlement", *entitlement, "As in a rule: ad/account, \"ad/class group:les-h4.bio2\"")->required();
  why->group(kEveryDay)->callback([&action, person, entitlement] {
    action = [person, entitlement](const Client& client) {
      v1::ExplainEntitlementRequest request;
      request.set_name(*person);
      request.set_entitlement(*entitlement);
      auto stub = client.Stub<v1::Persons>();
      return Call(client, *stub, &v1::Persons::Stub::ExplainEntitlement, request, ExplanationText);
    };
  });
}

}  // namespace

int FollowRun(const Client& client, const std::string& name) {
  const bool is_terminal = !client.json() && isatty(STDERR_FILENO) == 1;
  grpc::ClientContext context;
  v1::GetRunRequest request;
  request.set_name(name);
  auto stub = client.Stub<v1::Runs>();
  auto reader = stub->WatchRun(&context, request);
  v1::Run run;
  while (reader->Read(&run)) {
    if (is_terminal && !run.has_ended()) ShowProgress(run);
  }
  if (is_terminal) std::cerr << kClearLine << std::flush;
  const grpc::Status status = reader->Finish();
  if (!status.ok()) {
    std::cerr << "sluice: run " << Short(name) << " could not be followed to its end; see: sluice run show "
              << Short(name) << "\n";
    return client.Fail(status);
  }
  const int code = Print(client, run, RunText, RunCode);
  if (!client.json()) ShowFailures(client, run);
  return code;
}

void AddEverydayCommands(CLI::App& app, Action& action) {
  auto* status = app.add_subcommand("status", "What runs, what waits, what is wrong");
  status->group(kEveryDay)->callback([&action] {
    action = [](const Client& client) {
      auto stub = client.Stub<v1::Host>();
      return Call(client, *stub, &v1::Host::Stub::GetStatus, v1::GetStatusRequest(),
                  [&](const v1::Status& reply) { return StatusText(reply, client.zone()); });
    };
  });
  AddImport(app, action);
  AddPlan(app, action);
  AddEnforce(app, action);
  AddWhy(app, action);
}

}  // namespace sluice::cli
