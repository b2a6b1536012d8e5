#include <filesystem>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/cli/commands.h"
#include "host/cli/print.h"

namespace sluice::cli {
namespace {

// A folder as the host sees it: absolute, or empty for its own.
std::string Folder(const std::string& folder) {
  return folder.empty() ? "" : std::filesystem::absolute(folder).lexically_normal().string();
}

int ShowDiff(const v1::DiffConfigurationResponse& diff) {
  if (const int code = ShowCheck(diff.check(), false); code != kOk) return code;
  if (diff.changes().empty()) std::cout << "No difference to the running configuration.\n";
  for (const std::string& change : diff.changes()) std::cout << "  " << change << "\n";
  std::cout << "People: " << diff.people().added() << " new, " << diff.people().removed() << " gone, "
            << diff.people().changed() << " changed, " << diff.people().held_back() << " newly held back\n";
  std::map<std::string, std::pair<int, int>> kinds;
  for (const auto& [kind, count] : diff.plan_before().operations()) kinds[kind].first = count;
  for (const auto& [kind, count] : diff.plan_after().operations()) kinds[kind].second = count;
  Table table({"operations", "now", "then"});
  for (const auto& [kind, counts] : kinds) table.Add({kind, Number(counts.first), Number(counts.second)});
  std::cout << table.ToString(2);
  if (!diff.changes().empty()) std::cout << "Make it so with: sluice config apply --reason \"...\"\n";
  return kOk;
}

int ShowApplied(const v1::ApplyConfigurationResponse& reply) {
  if (const int code = ShowCheck(reply.check(), false); code != kOk) return code;
  for (const std::string& change : reply.changes()) std::cout << "  " << change << "\n";
  std::cout << "Running configuration: " << Short(reply.check().running_hash(), 4) << "\n";
  for (const v1::Block& block : reply.blocks()) {
    if (block.state() == "waiting")
      std::cout << "Waits: " << block.verdict() << " (sluice block show " << Short(block.name()) << ")\n";
  }
  return kOk;
}

void AddConfig(CLI::App& app, Action& action) {
  auto* config = app.add_subcommand("config", "The configuration folder")->require_subcommand(1);
  auto folder = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();

  auto* check = config->add_subcommand("check", "Say every error, with its line and what to do");
  check->add_option("folder", *folder, "Another folder than the host's own");
  check->callback([&action, folder] {
    action = [folder](const Client& client) {
      v1::CheckConfigurationRequest request;
      request.set_folder(Folder(*folder));
      auto stub = client.Stub<v1::Configurations>();
      return Call(client, *stub, &v1::Configurations::Stub::CheckConfiguration, request,
                  [](const v1::CheckConfigurationResponse& reply) { return ShowCheck(reply, true); });
    };
  });

  auto* diff = config->add_subcommand("diff", "What the folder would change, in words and in people");
  diff->add_option("folder", *folder, "Another folder than the host's own");
  diff->callback([&action, folder] {
    action = [folder](const Client& client) {
      v1::CheckConfigurationRequest request;
      request.set_folder(Folder(*folder));
      auto stub = client.Stub<v1::Configurations>();
      return Call(client, *stub, &v1::Configurations::Stub::DiffConfiguration, request, ShowDiff);
    };
  });

  auto* apply = config->add_subcommand("apply", "Make the folder the running configuration");
  apply->add_option("folder", *folder, "Another folder than the host's own");
  apply->add_option("--reason", *reason, "Why; goes into the audit log");
  apply->callback([&action, folder, reason] {
    action = [folder, reason](const Client& client) {
      v1::ApplyConfigurationRequest request;
      request.set_folder(Folder(*folder));
      request.set_reason(*reason);
      auto stub = client.Stub<v1::Configurations>();
      return Call(client, *stub, &v1::Configurations::Stub::ApplyConfiguration, request, ShowApplied);
    };
  });

  auto* schema = config->add_subcommand("schema", "The JSON Schema for editors, or the reference page");
  auto is_page = std::make_shared<bool>(false);
  schema->add_flag("--reference", *is_page, "Every key, its type, its default and its meaning, in Markdown");
  schema->callback([&action, is_page] {
    action = [is_page](const Client& client) {
      auto stub = client.Stub<v1::Configurations>();
      return Call(client, *stub, &v1::Configurations::Stub::GetConfigurationSchema, v1::GetConfigurationSchemaRequest(),
                  [&](const v1::GetConfigurationSchemaResponse& reply) {
                    std::cout << (*is_page ? reply.reference_page() : reply.json_schema()) << "\n";
                    return kOk;
                  });
    };
  });
}

void AddRule(CLI::App& app, Action& action) {
  auto* rule = app.add_subcommand("rule", "Who gets what")->require_subcommand(1);
  rule->add_subcommand("list", "Every rule and how many people it gives something to today")->callback([&action] {
    action = [](const Client& client) {
      auto stub = client.Stub<v1::Rules>();
      return Call(client, *stub, &v1::Rules::Stub::ListRules, v1::ListRulesRequest(),
                  [](const v1::ListRulesResponse& reply) {
                    Table table({"rule", "where", "people", "grants"});
                    for (const v1::Rule& one : reply.rules()) {
                      table.Add({one.name(), one.position(), Number(one.people()), absl::StrJoin(one.grants(), ", ")});
                    }
                    std::cout << table.ToString();
                    return kOk;
                  });
    };
  });
  auto name = std::make_shared<std::string>();
  auto* show = rule->add_subcommand("show", "One rule as it stands in its file");
  show->add_option("rule", *name, "Its name, or file:line")->required();
  show->callback([&action, name] {
    action = [name](const Client& client) {
      v1::GetRuleRequest request;
      request.set_name(*name);
      auto stub = client.Stub<v1::Rules>();
      return Call(client, *stub, &v1::Rules::Stub::GetRule, request, [](const v1::Rule& reply) {
        std::cout << reply.position() << "\n"
                  << reply.text() << "\nGives something to " << Plural(reply.people(), "person", "people")
                  << " today.\n";
        return kOk;
      });
    };
  });
}

void AddMapping(CLI::App& app, Action& action) {
  auto* mapping = app.add_subcommand("mapping", "How fields are computed")->require_subcommand(1);
  auto* attempt = mapping->add_subcommand("try", "What a template, or a target's whole account, gives for one person");
  auto person = std::make_shared<std::string>();
  auto value = std::make_shared<std::string>();
  auto system = std::make_shared<std::string>();
  attempt->add_option("person", *person, "Number or id")->required();
  attempt->add_option("template", *value, "\"{person.name.nick | ascii | lower}\"");
  attempt->add_option("--system", *system, "Every field of the account in this target");
  attempt->callback([&action, person, value, system] {
    action = [person, value, system](const Client& client) {
      v1::TryMappingRequest request;
      request.set_person(*person);
      request.set_template_(*value);
      request.set_system(*system);
      auto stub = client.Stub<v1::Persons>();
      return Call(client, *stub, &v1::Persons::Stub::TryMapping, request, [](const v1::TryMappingResponse& reply) {
        Table table;
        for (const v1::MappedField& field : reply.fields()) {
          table.Add({field.field(), field.value(),
                     field.candidates().empty() ? field.kind() : absl::StrJoin(field.candidates(), ", ")});
        }
        std::cout << table.ToString();
        return kOk;
      });
    };
  });
}

}  // namespace

void AddConfigurationCommands(CLI::App& app, Action& action) {
  AddConfig(app, action);
  AddRule(app, action);
  AddMapping(app, action);
}

}  // namespace sluice::cli
