#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/cli/commands.h"
#include "host/cli/print.h"

namespace sluice::cli {
namespace {

std::string HeldText(const v1::System& system) {
  std::vector<std::string> parts;
  for (const auto& [what, count] : std::map<std::string, int64_t>(system.held().begin(), system.held().end())) {
    parts.push_back(absl::StrCat(Number(count), " ", what));
  }
  return absl::StrJoin(parts, ", ");
}

int ShowSystem(const v1::System& system) {
  std::cout << Short(system.name(), 64) << "  " << system.kind() << "  " << system.connector() << "  "
            << system.activation() << "  plugin " << system.plugin_state() << "\n";
  if (!system.observed_as_of().empty()) std::cout << "  observed " << Day(system.observed_as_of()) << "\n";
  for (const std::string& whom : system.activated_for()) std::cout << "  activated for " << whom << "\n";
  if (!system.held().empty()) std::cout << "  holds " << HeldText(system) << "\n";
  Table table({"scope", "class", "state", "records", "error"});
  for (const v1::ScopeState& scope : system.scopes()) {
    table.Add({scope.scope(), scope.object_class(), scope.state(), Number(scope.records()), scope.error()});
  }
  std::cout << table.ToString(2);
  return kOk;
}

int ShowTest(const v1::TestSystemResponse& reply) {
  for (const std::string& line : reply.errors()) std::cout << "error: " << line << "\n";
  for (const std::string& line : reply.warnings()) std::cout << "warning: " << line << "\n";
  for (const v1::MissingRight& right : reply.missing_rights()) {
    std::cout << "missing right: " << right.right() << " (" << right.object_class()
              << (right.scope().empty() ? "" : absl::StrCat(" of ", right.scope())) << "); " << right.remedy() << "\n";
  }
  if (reply.errors().empty() && reply.missing_rights().empty()) std::cout << "It signs in and may do what it needs.\n";
  return reply.errors().empty() ? kOk : kFailed;
}

template <typename Method, typename Show>
void AddNamed(CLI::App& parent, Action& action, const std::string& verb, const std::string& help, Method method,
              Show show) {
  auto name = std::make_shared<std::string>();
  auto* command = parent.add_subcommand(verb, help);
  command->add_option("system", *name, "The system's name")->required();
  command->callback([&action, name, method, show] {
    action = [name, method, show](const Client& client) {
      v1::GetSystemRequest request;
      request.set_name(*name);
      auto stub = client.Stub<v1::Systems>();
      return Call(client, *stub, method, request, show);
    };
  });
}

void AddSystem(CLI::App& app, Action& action) {
  auto* system = app.add_subcommand("system", "Sources and targets")->require_subcommand(1);
  system->add_subcommand("list", "Every system and what it holds")->callback([&action] {
    action = [](const Client& client) {
      auto stub = client.Stub<v1::Systems>();
      return Call(client, *stub, &v1::Systems::Stub::ListSystems, v1::ListSystemsRequest(),
                  [](const v1::ListSystemsResponse& reply) {
                    Table table({"system", "kind", "connector", "state", "plugin", "holds"});
                    for (const v1::System& one : reply.systems()) {
                      table.Add({Short(one.name(), 64), one.kind(), one.connector(), one.activation(),
                                 one.plugin_state(), HeldText(one)});
                    }
                    std::cout << table.ToString();
                    return kOk;
                  });
    };
  });
  AddNamed(*system, action, "show", "One system", &v1::Systems::Stub::GetSystem, ShowSystem);
  AddNamed(*system, action, "test", "Sign in, and say which rights are missing", &v1::Systems::Stub::TestSystem,
           ShowTest);

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
      return Call(client, *stub, &v1::Systems::Stub::ActivateSystem, request, ShowSystem);
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
      return Call(client, *stub, &v1::Systems::Stub::ObserveSystem, request, ShowSystem);
    };
  });
}

void AddRun(CLI::App& app, Action& action) {
  auto* run = app.add_subcommand("run", "What was carried out")->require_subcommand(1);
  run->add_subcommand("list", "The newest runs")->callback([&action] {
    action = [](const Client& client) {
      v1::ListRunsRequest request;
      request.set_page_size(30);
      auto stub = client.Stub<v1::Runs>();
      return Call(client, *stub, &v1::Runs::Stub::ListRuns, request, [](const v1::ListRunsResponse& reply) {
        Table table({"run", "kind", "state", "started", "by", "summary"});
        for (const v1::Run& one : reply.runs()) {
          table.Add({Short(one.name()), one.kind(), one.state(), Moment(one.started()), one.actor(), one.summary()});
        }
        std::cout << table.ToString();
        return kOk;
      });
    };
  });
  auto name = std::make_shared<std::string>();
  auto* show = run->add_subcommand("show", "One run and its operations");
  show->add_option("run", *name, "Its id")->required();
  show->callback([&action, name] {
    action = [name](const Client& client) {
      v1::GetRunRequest request;
      request.set_name(*name);
      auto stub = client.Stub<v1::Runs>();
      return Call(client, *stub, &v1::Runs::Stub::GetRun, request, [](const v1::RunDetail& reply) {
        ShowRun(reply.run());
        ShowOperations(reply.operations(), SIZE_MAX);
        return kOk;
      });
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
        std::cout << "Run " << Short(reply.name()) << " stops.\n";
        return kOk;
      });
    };
  });
}

void AddDecision(CLI::App& block, Action& action, const std::string& verb, const std::string& help, bool is_approval) {
  auto names = std::make_shared<std::vector<std::string>>();
  auto reason = std::make_shared<std::string>();
  auto* command = block.add_subcommand(verb, help);
  command->add_option("block", *names, "Its id; may be several")->required();
  command->add_option("--reason", *reason, "Why; goes into the audit log")->required();
  command->callback([&action, names, reason, is_approval] {
    action = [names, reason, is_approval](const Client& client) {
      auto stub = client.Stub<v1::Blocks>();
      for (const std::string& name : *names) {
        v1::DecideBlockRequest request;
        request.set_name(name);
        request.set_reason(*reason);
        const int code =
            Call(client, *stub, is_approval ? &v1::Blocks::Stub::ApproveBlock : &v1::Blocks::Stub::RejectBlock, request,
                 [is_approval](const v1::Block& reply) {
                   std::cout << (is_approval ? "Approved: " : "Rejected: ") << reply.verdict() << "\n";
                   return kOk;
                 });
        if (code != kOk) return code;
      }
      return kOk;
    };
  });
}

void AddBlock(CLI::App& app, Action& action) {
  auto* block = app.add_subcommand("block", "What waits for a decision")->require_subcommand(1);
  auto all = std::make_shared<bool>(false);
  auto* list = block->add_subcommand("list", "Every block");
  list->add_flag("--all", *all, "Decided ones as well");
  list->callback([&action, all] {
    action = [all](const Client& client) {
      v1::ListBlocksRequest request;
      request.set_with_decided(*all);
      auto stub = client.Stub<v1::Blocks>();
      return Call(client, *stub, &v1::Blocks::Stub::ListBlocks, request, [](const v1::ListBlocksResponse& reply) {
        Table table({"block", "system", "state", "since", "what"});
        for (const v1::Block& one : reply.blocks()) {
          table.Add({Short(one.name()), one.system(), one.state(), Moment(one.since()), one.verdict()});
        }
        std::cout << (table.size() == 1 ? "Nothing waits.\n" : table.ToString());
        return kOk;
      });
    };
  });
  auto name = std::make_shared<std::string>();
  auto* show = block->add_subcommand("show", "Whom it is about");
  show->add_option("block", *name, "Its id")->required();
  show->callback([&action, name] {
    action = [name](const Client& client) {
      v1::GetBlockRequest request;
      request.set_name(*name);
      auto stub = client.Stub<v1::Blocks>();
      return Call(client, *stub, &v1::Blocks::Stub::GetBlock, request, ShowBlock);
    };
  });
  AddDecision(*block, action, "approve", "Let these operations run: exactly those that wait now", true);
  AddDecision(*block, action, "reject", "Say no; they wait until the plan changes", false);
}

void AddPlugin(CLI::App& app, Action& action) {
  auto* plugin = app.add_subcommand("plugin", "The connectors' processes")->require_subcommand(1);
  plugin->add_subcommand("list", "One for each system, and what is installed")->callback([&action] {
    action = [](const Client& client) {
      auto stub = client.Stub<v1::Plugins>();
      return Call(
          client, *stub, &v1::Plugins::Stub::ListPlugins, v1::ListPluginsRequest(),
          [](const v1::ListPluginsResponse& reply) {
            Table table({"system", "package", "version", "state", "pid", "restarts", "last end"});
            for (const v1::Plugin& one : reply.plugins()) {
              table.Add({Short(one.name(), 64), one.package(), one.version(), one.state(),
                         one.pid() > 0 ? absl::StrCat(one.pid()) : "", absl::StrCat(one.restarts()), one.last_end()});
            }
            std::cout << table.ToString();
            for (const v1::Package& one : reply.packages()) {
              std::cout << "installed: " << one.name() << " " << one.version() << " ("
                        << absl::StrJoin(one.kinds(), ", ") << ")\n";
            }
            return kOk;
          });
    };
  });
  const auto show_plugin = [](const v1::Plugin& reply) {
    std::cout << Short(reply.name(), 64) << "  " << reply.package() << " " << reply.version() << "  " << reply.state()
              << " since " << Moment(reply.since()) << (reply.pid() > 0 ? absl::StrCat("  pid ", reply.pid()) : "")
              << "\n";
    if (!reply.last_end().empty()) std::cout << "  last end: " << reply.last_end() << "\n";
    for (const std::string& line : reply.log()) std::cout << "  " << line << "\n";
    return kOk;
  };
  for (const bool is_start : {false, true}) {
    auto name = std::make_shared<std::string>();
    auto* command = plugin->add_subcommand(is_start ? "start" : "show",
                                           is_start ? "Start a halted one again" : "One, and its last lines");
    command->add_option("system", *name, "The system's name")->required();
    command->callback([&action, name, is_start, show_plugin] {
      action = [name, is_start, show_plugin](const Client& client) {
        v1::GetPluginRequest request;
        request.set_name(*name);
        auto stub = client.Stub<v1::Plugins>();
        return Call(client, *stub, is_start ? &v1::Plugins::Stub::StartPlugin : &v1::Plugins::Stub::GetPlugin, request,
                    show_plugin);
      };
    });
  }
}

int ExportAudit(const Client& client, const std::string& path) {
  std::ofstream file;
  if (!path.empty()) {
    file.open(path, std::ios::binary | std::ios::trunc);
    if (!file) {
      std::cerr << "sluice: " << path << " cannot be written\n";
      return kFailed;
    }
  }
  std::ostream& out = path.empty() ? std::cout : file;
  grpc::ClientContext context;
  auto stub = client.Stub<v1::Audit>();
  auto reader = stub->ExportAudit(&context, v1::ExportAuditRequest());
  v1::ExportAuditLine line;
  while (reader->Read(&line)) out << line.line() << "\n";
  out.flush();
  if (const grpc::Status status = reader->Finish(); !status.ok()) return client.Fail(status);
  if (!out) {
    std::cerr << "sluice: " << path << " could not be written to its end\n";
    return kFailed;
  }
  return kOk;
}

void AddAudit(CLI::App& app, Action& action) {
  auto* audit = app.add_subcommand("audit", "The audit log")->require_subcommand(1);
  auto person = std::make_shared<std::string>();
  auto size = std::make_shared<int>(30);
  auto* list = audit->add_subcommand("list", "The newest rows");
  list->add_option("--person", *person, "Only of this person");
  list->add_option("--limit", *size, "How many");
  list->callback([&action, person, size] {
    action = [person, size](const Client& client) {
      v1::ListAuditRowsRequest request;
      request.set_person(*person);
      request.set_page_size(*size);
      request.set_newest_first(true);
      auto stub = client.Stub<v1::Audit>();
      return Call(client, *stub, &v1::Audit::Stub::ListAuditRows, request, [](const v1::ListAuditRowsResponse& reply) {
        Table table({"row", "time", "who", "what", "system", "outcome", "changed"});
        for (const v1::AuditRow& row : reply.rows()) {
          const auto field = [&](const char* name) {
            auto found = row.row().fields().find(name);
            return found == row.row().fields().end() ? std::string() : found->second.string_value();
          };
          std::vector<std::string> changed;
          for (const v1::AttributeChange& change : row.personal()) changed.push_back(change.attribute());
          table.Add({absl::StrCat(row.sequence()), field("time"), field("actor"), field("action"), field("system"),
                     field("outcome"), absl::StrJoin(changed, ", ")});
        }
        std::cout << table.ToString();
        return kOk;
      });
    };
  });
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
