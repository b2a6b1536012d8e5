#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/cli/commands.h"
#include "host/cli/print.h"

namespace sluice::cli {
namespace {

int TestCode(const v1::TestSystemResponse& reply) { return reply.errors().empty() ? kOk : kFailed; }

template <typename Method, typename Show, typename Verdict = IsOk>
void AddNamed(CLI::App& parent, Action& action, const std::string& verb, const std::string& help, Method method,
              Show show, Verdict verdict = {}) {
  auto name = std::make_shared<std::string>();
  auto* command = parent.add_subcommand(verb, help);
  command->add_option("system", *name, "The system's name")->required();
  command->callback([&action, name, method, show, verdict] {
    action = [name, method, show, verdict](const Client& client) {
      v1::GetSystemRequest request;
      request.set_name(*name);
      auto stub = client.Stub<v1::Systems>();
      return Call(client, *stub, method, request, show, verdict);
    };
  });
}

void AddSystem(CLI::App& app, Action& action) {
  auto* system = app.add_subcommand("system", "Sources and targets")->group(kOtherwise)->require_subcommand(1);
  system->add_subcommand("list", "Every system and what it holds")->callback([&action] {
    action = [](const Client& client) {
      auto stub = client.Stub<v1::Systems>();
      return CallPages(client, *stub, &v1::Systems::Stub::ListSystems, v1::ListSystemsRequest(), SystemsText);
    };
  });
  AddNamed(*system, action, "show", "One system", &v1::Systems::Stub::GetSystem, SystemText);
  AddNamed(*system, action, "test", "Sign in, and say which rights are missing", &v1::Systems::Stub::TestSystem,
           TestText, TestCode);

  auto name = std::make_shared<std::string>();
  auto persons = std::make_shared<std::vector<std::string>>();
  auto when = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  auto* activate = system->add_subcommand("activate", "Let a target be written: for some people, or for all");
  activate->add_option("system", *name, "The target")->required();
  activate->add_option("--person", *persons, "Only this person; may be repeated");
  activate->add_option("--when", *when,
                       "Only people of whom this condition is true: \"{ some_contract: { department.code: H4D } }\"");
  activate->add_option("--reason", *reason, "Why; goes into the audit log")->required();
  activate->callback([&action, name, persons, when, reason] {
    action = [name, persons, when, reason](const Client& client) {
      v1::ActivateSystemRequest request;
      request.set_name(*name);
      for (const std::string& person : *persons) request.add_persons(person);
      request.set_when(*when);
      request.set_reason(*reason);
      auto stub = client.Stub<v1::Systems>();
      return Call(client, *stub, &v1::Systems::Stub::ActivateSystem, request, SystemText);
    };
  });
  auto* observe = system->add_subcommand("observe", "Only read a target, never write");
  observe->add_option("system", *name, "The target")->required();
  observe->add_option("--reason", *reason, "Why; goes into the audit log")->required();
  observe->callback([&action, name, reason] {
    action = [name, reason](const Client& client) {
      v1::ObserveSystemRequest request;
      request.set_name(*name);
      request.set_reason(*reason);
      auto stub = client.Stub<v1::Systems>();
      return Call(client, *stub, &v1::Systems::Stub::ObserveSystem, request, SystemText);
    };
  });
}

void AddRunList(CLI::App& run, Action& action) {
  auto size = std::make_shared<int>(30);
  auto* list = run.add_subcommand("list", "The newest runs");
  list->add_option("--limit", *size, "How many; 30 without it")->check(CLI::Range(1, 1000));
  list->callback([&action, size] {
    action = [size](const Client& client) {
      v1::ListRunsRequest request;
      request.set_page_size(*size);
      auto stub = client.Stub<v1::Runs>();
      return Call(client, *stub, &v1::Runs::Stub::ListRuns, request, [&](const v1::ListRunsResponse& reply) {
        if (reply.runs().empty()) return std::string("Nothing ran yet.\n");
        Table table({"run", "kind", "state", "started", "by", "summary"});
        for (const v1::Run& one : reply.runs()) {
          table.Add({Short(one.name()), one.kind(), one.state(), Moment(one.started(), client.zone()), one.actor(),
                     one.summary()});
        }
        return table.ToString();
      });
    };
  });
}

void AddRun(CLI::App& app, Action& action) {
  auto* run = app.add_subcommand("run", "What was carried out")->group(kOtherwise)->require_subcommand(1);
  AddRunList(*run, action);
  auto name = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  auto* show = run->add_subcommand("show", "One run and its operations, what went wrong first");
  show->add_option("run", *name, "Its id")->required();
  show->add_flag("--all", *all, "Every operation, however many");
  show->callback([&action, name, all] {
    action = [name, all](const Client& client) {
      v1::GetRunRequest request;
      request.set_name(*name);
      auto stub = client.Stub<v1::Runs>();
      return Call(client, *stub, &v1::Runs::Stub::GetRun, request,
                  [&](const v1::RunDetail& reply) { return RunDetailText(reply, client.zone(), *all); });
    };
  });
  auto* stop = run->add_subcommand("stop", "Stop after what is under way");
  stop->add_option("run", *name, "Its id")->required();
  stop->callback([&action, name] {
    action = [name](const Client& client) {
      v1::GetRunRequest request;
      request.set_name(*name);
      auto stub = client.Stub<v1::Runs>();
      return Call(client, *stub, &v1::Runs::Stub::StopRun, request, [](const v1::Run& reply) {
        return absl::StrCat("Run ", Short(reply.name()), " stops after what is under way.\n");
      });
    };
  });
}

// Every id is looked up before the first decision: one that is wrong or ambiguous decides nothing.
int Decide(const Client& client, const std::vector<std::string>& names, const std::string& reason, bool is_approval) {
  auto stub = client.Stub<v1::Blocks>();
  std::vector<std::string> whole;
  for (const std::string& name : names) {
    grpc::ClientContext context;
    v1::GetBlockRequest request;
    request.set_name(name);
    v1::Block block;
    if (const grpc::Status status = stub->GetBlock(&context, request, &block); !status.ok()) return client.Fail(status);
    if (std::find(whole.begin(), whole.end(), block.name()) == whole.end()) whole.push_back(block.name());
  }
  int worst = kOk;
  for (const std::string& name : whole) {
    v1::DecideBlockRequest request;
    request.set_name(name);
    request.set_reason(reason);
    const auto method = is_approval ? &v1::Blocks::Stub::ApproveBlock : &v1::Blocks::Stub::RejectBlock;
    const int code = Call(client, *stub, method, request, [is_approval](const v1::Block& reply) {
      return absl::StrCat(is_approval ? "Approved: " : "Rejected: ", reply.system(), ": ", reply.verdict(), "\n");
    });
    worst = std::max(worst, code);
  }
  return worst;
}

void AddDecision(CLI::App& block, Action& action, const std::string& verb, const std::string& help, bool is_approval) {
  auto names = std::make_shared<std::vector<std::string>>();
  auto reason = std::make_shared<std::string>();
  auto* command = block.add_subcommand(verb, help);
  command->add_option("block", *names, "Its id; may be several")->required();
  command->add_option("--reason", *reason, "Why; goes into the audit log")->required();
  command->callback([&action, names, reason, is_approval] {
    action = [names, reason, is_approval](const Client& client) {
      return Decide(client, *names, *reason, is_approval);
    };
  });
}

void AddBlock(CLI::App& app, Action& action) {
  auto* block = app.add_subcommand("block", "What waits for a decision")->group(kOtherwise)->require_subcommand(1);
  auto all = std::make_shared<bool>(false);
  auto* list = block->add_subcommand("list", "Every block that waits, by system and kind");
  list->add_flag("--all", *all, "Decided ones as well");
  list->callback([&action, all] {
    action = [all](const Client& client) {
      v1::ListBlocksRequest request;
      request.set_with_decided(*all);
      auto stub = client.Stub<v1::Blocks>();
      return CallPages(client, *stub, &v1::Blocks::Stub::ListBlocks, request,
                       [&](const v1::ListBlocksResponse& reply) { return BlocksText(reply, client.zone()); });
    };
  });
  auto name = std::make_shared<std::string>();
  auto* show = block->add_subcommand("show", "Whom it is about");
  show->add_option("block", *name, "Its id")->required();
  show->add_flag("--all", *all, "Everybody");
  show->callback([&action, name, all] {
    action = [name, all](const Client& client) {
      v1::GetBlockRequest request;
      request.set_name(*name);
      auto stub = client.Stub<v1::Blocks>();
      return Call(client, *stub, &v1::Blocks::Stub::GetBlock, request,
                  [&](const v1::Block& reply) { return BlockText(reply, client.zone(), *all); });
    };
  });
  AddDecision(*block, action, "approve", "Let these operations run: exactly those that wait now", true);
  AddDecision(*block, action, "reject", "Say no; they wait until the plan changes", false);
}

void AddPlugin(CLI::App& app, Action& action) {
  auto* plugin = app.add_subcommand("plugin", "The connectors' processes")->group(kOtherwise)->require_subcommand(1);
  plugin->add_subcommand("list", "One for each system, and what is installed")->callback([&action] {
    action = [](const Client& client) {
      auto stub = client.Stub<v1::Plugins>();
      return CallPages(client, *stub, &v1::Plugins::Stub::ListPlugins, v1::ListPluginsRequest(), PluginsText);
    };
  });
  for (const bool is_start : {false, true}) {
    auto name = std::make_shared<std::string>();
    auto* command = plugin->add_subcommand(is_start ? "start" : "show",
                                           is_start ? "Start a halted one again" : "One, and its last lines");
    command->add_option("system", *name, "The system's name")->required();
    command->callback([&action, name, is_start] {
      action = [name, is_start](const Client& client) {
        v1::GetPluginRequest request;
        request.set_name(*name);
        auto stub = client.Stub<v1::Plugins>();
        return Call(client, *stub, is_start ? &v1::Plugins::Stub::StartPlugin : &v1::Plugins::Stub::GetPlugin, request,
                    [&](const v1::Plugin& reply) { return PluginText(reply, client.zone()); });
      };
    });
  }
}

int WriteExport(const Client& client, std::ostream& out) {
  grpc::ClientContext context;
  auto stub = client.Stub<v1::Audit>();
  auto reader = stub->ExportAudit(&context, v1::ExportAuditRequest());
  v1::ExportAuditLine line;
  while (reader->Read(&line)) out << line.line() << "\n";
  out.flush();
  const grpc::Status status = reader->Finish();
  return status.ok() ? kOk : client.Fail(status);
}

// Written beside it and renamed when it is whole: an older export is not lost to one that fails.
int ExportAudit(const Client& client, const std::string& path) {
  if (path.empty()) return WriteExport(client, std::cout);
  std::error_code error;
  const bool is_plain = !std::filesystem::exists(path, error) || std::filesystem::is_regular_file(path, error);
  const std::string draft = is_plain ? absl::StrCat(path, ".part") : path;
  std::ofstream file(draft, std::ios::binary | std::ios::trunc);
  if (!file) {
    std::cerr << "sluice: " << path << " cannot be written; name a file in a folder where you may write\n";
    return kFailed;
  }
  int code = WriteExport(client, file);
  file.close();
  if (code == kOk && !file) code = kFailed;
  if (code == kOk && is_plain) std::filesystem::rename(draft, path, error);
  if (code != kOk && is_plain) std::filesystem::remove(draft, error);
  if (code == kOk && !error) return kOk;
  if (!file || error)
    std::cerr << "sluice: " << path << " could not be written to its end; look for room on its disk\n";
  return code == kOk ? kFailed : code;
}

// "17" or "17-20".
std::string RefuseRows(const std::string& text) {
  const std::pair<std::string, std::string> ends = absl::StrSplit(text, absl::MaxSplits('-', 1));
  int64_t first = 0, last = 0;
  const bool is_one = text.find('-') == std::string::npos;
  if (absl::SimpleAtoi(ends.first, &first) && (is_one || absl::SimpleAtoi(ends.second, &last)) && first >= 1 &&
      (is_one || last >= first)) {
    return "";
  }
  return absl::StrCat("\"", text, "\" is neither a row, as 17, nor rows, as 17-20");
}

int AuditCode(const v1::AuditState& state) {
  const bool is_damaged = state.damage_size() > 0 && state.damage(0).accepted_in() == 0;
  return is_damaged || !state.copy_problem().empty() ? kFailed : kOk;
}

void AddAuditCheck(CLI::App& audit, Action& action) {
  audit.add_subcommand("check", "Whether the log is whole, and up to where it is sealed")->callback([&action] {
    action = [](const Client& client) {
      auto stub = client.Stub<v1::Audit>();
      return Call(
          client, *stub, &v1::Audit::Stub::CheckAudit, v1::CheckAuditRequest(),
          [&](const v1::AuditState& reply) { return AuditStateText(reply, client.zone()); }, AuditCode);
    };
  });
  auto rows = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  auto* accept = audit.add_subcommand("accept", "Accept that rows are damaged, so that the log is sealed again");
  accept->add_option("--rows", *rows, "Which, as `audit check` names them: 17, or 17-20")
      ->required()
      ->check(CLI::Validator([](std::string& text) { return RefuseRows(text); }, ""));
  accept->add_option("--reason", *reason, "Why; goes into the audit log")->required();
  accept->callback([&action, rows, reason] {
    action = [rows, reason](const Client& client) {
      v1::AcceptAuditDamageRequest request;
      const std::pair<std::string, std::string> ends = absl::StrSplit(*rows, absl::MaxSplits('-', 1));
      int64_t first = 0, last = 0;
      if (!absl::SimpleAtoi(ends.first, &first)) return kUsage;
      request.set_first(first);
      request.set_last(absl::SimpleAtoi(ends.second, &last) ? last : first);
      request.set_reason(*reason);
      auto stub = client.Stub<v1::Audit>();
      return Call(client, *stub, &v1::Audit::Stub::AcceptAuditDamage, request,
                  [&](const v1::AuditState& reply) { return AuditStateText(reply, client.zone()); });
    };
  });
}

void AddAudit(CLI::App& app, Action& action) {
  auto* audit = app.add_subcommand("audit", "The audit log")->group(kOtherwise)->require_subcommand(1);
  auto person = std::make_shared<std::string>();
  auto size = std::make_shared<int>(30);
  auto* list = audit->add_subcommand("list", "The newest rows");
  list->add_option("--person", *person, "Only of this person");
  list->add_option("--limit", *size, "How many; 30 without it")->check(CLI::Range(1, 10000));
  list->callback([&action, person, size] {
    action = [person, size](const Client& client) {
      v1::ListAuditRowsRequest request;
      request.set_person(*person);
      request.set_page_size(*size);
      request.set_newest_first(true);
      auto stub = client.Stub<v1::Audit>();
      return Call(client, *stub, &v1::Audit::Stub::ListAuditRows, request,
                  [&](const v1::ListAuditRowsResponse& reply) { return AuditText(reply, client.zone()); });
    };
  });
  AddAuditCheck(*audit, action);
  auto path = std::make_shared<std::string>();
  auto* write = audit->add_subcommand("export", "The whole log, sealed; verify it with: sluice-audit-verify FILE");
  write->add_option("file", *path, "Where to; without it standard output");
  write->callback([&action, path] { action = [path](const Client& client) { return ExportAudit(client, *path); }; });
}

}  // namespace

void AddOperatingCommands(CLI::App& app, Action& action) {
  AddSystem(app, action);
  AddRun(app, action);
  AddBlock(app, action);
  AddPlugin(app, action);
  AddAudit(app, action);
}

}  // namespace sluice::cli
