#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "absl/strings/match.h"
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

std::string DiffText(const v1::DiffConfigurationResponse& diff) {
  std::string out = CheckText(diff.check(), false);
  if (CheckCode(diff.check()) != kOk) return out;
  if (diff.changes().empty()) out += "No difference to the running configuration.\n";
  for (const std::string& change : diff.changes()) absl::StrAppend(&out, "  ", change, "\n");
  absl::StrAppend(&out, "People: ", Number(diff.people().added()), " new, ", Number(diff.people().removed()), " gone, ",
                  Number(diff.people().changed()), " changed, ", Number(diff.people().held_back()),
                  " newly held back\n");
  std::map<std::string, std::pair<int, int>> kinds;
  for (const auto& [kind, count] : diff.plan_before().operations()) kinds[kind].first = count;
  for (const auto& [kind, count] : diff.plan_after().operations()) kinds[kind].second = count;
  Table table({"operations", "now", "then"});
  for (const auto& [kind, counts] : kinds) table.Add({Words(kind), Number(counts.first), Number(counts.second)});
  out += table.ToString(2);
  const bool is_other_key = std::any_of(diff.changes().begin(), diff.changes().end(), [](const std::string& change) {
    return absl::StrContains(change, ": correlate.");
  });
  if (is_other_key)
    out +=
        "Nobody is linked anew: who has an account keeps it, and another correlation is for accounts that nobody "
        "holds.\n";
  if (!diff.changes().empty()) out += "Make it so with: sluice config apply --reason \"...\"\n";
  return out;
}

std::string AppliedText(const v1::ApplyConfigurationResponse& reply) {
  std::string out = CheckText(reply.check(), false);
  if (CheckCode(reply.check()) != kOk) return out;
  for (const std::string& change : reply.changes()) absl::StrAppend(&out, "  ", change, "\n");
  absl::StrAppend(&out, "Running configuration: ", Short(reply.check().running_hash(), 4), "\n");
  for (const v1::Block& block : reply.blocks()) {
    if (block.state() == "waiting") {
      absl::StrAppend(&out, "Waits: ", block.verdict(), "; see: sluice block show ", Short(block.name()), "\n");
    }
  }
  return out;
}

// A folder with errors is refused, whatever was to be done with it.
template <typename Reply>
int CodeOfCheck(const Reply& reply) {
  return CheckCode(reply.check());
}

void AddConfig(CLI::App& app, Action& action) {
  auto* config = app.add_subcommand("config", "The configuration folder")->group(kOtherwise)->require_subcommand(1);
  auto folder = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();

  auto* check = config->add_subcommand("check", "Say every error, with its line and what to do");
  check->add_option("folder", *folder, "Another folder than the host's own");
  check->callback([&action, folder] {
    action = [folder](const Client& client) {
      v1::CheckConfigurationRequest request;
      request.set_folder(Folder(*folder));
      auto stub = client.Stub<v1::Configurations>();
      return Call(
          client, *stub, &v1::Configurations::Stub::CheckConfiguration, request,
          [](const v1::CheckConfigurationResponse& reply) { return CheckText(reply, true); }, CheckCode);
    };
  });

  auto* diff = config->add_subcommand("diff", "What the folder would change, in words and in people");
  diff->add_option("folder", *folder, "Another folder than the host's own");
  diff->callback([&action, folder] {
    action = [folder](const Client& client) {
      v1::CheckConfigurationRequest request;
      request.set_folder(Folder(*folder));
      auto stub = client.Stub<v1::Configurations>();
      return Call(client, *stub, &v1::Configurations::Stub::DiffConfiguration, request, DiffText,
                  CodeOfCheck<v1::DiffConfigurationResponse>);
    };
  });

  auto* apply = config->add_subcommand("apply", "Make the folder the running configuration");
  apply->add_option("folder", *folder, "Another folder than the host's own");
  apply->add_option("--reason", *reason, "Why; goes into the audit log")->required();
  apply->callback([&action, folder, reason] {
    action = [folder, reason](const Client& client) {
      v1::ApplyConfigurationRequest request;
      request.set_folder(Folder(*folder));
      request.set_reason(*reason);
      auto stub = client.Stub<v1::Configurations>();
      return Call(client, *stub, &v1::Configurations::Stub::ApplyConfiguration, request, AppliedText,
                  CodeOfCheck<v1::ApplyConfigurationResponse>);
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
                    return absl::StrCat(*is_page ? reply.reference_page() : reply.json_schema(), "\n");
                  });
    };
  });
}

void AddRule(CLI::App& app, Action& action) {
  auto* rule = app.add_subcommand("rule", "Who gets what")->group(kOtherwise)->require_subcommand(1);
  rule->add_subcommand("list", "Every rule and how many people it gives something to today")->callback([&action] {
    action = [](const Client& client) {
      auto stub = client.Stub<v1::Rules>();
      return CallPages(
          client, *stub, &v1::Rules::Stub::ListRules, v1::ListRulesRequest(), [](const v1::ListRulesResponse& reply) {
            Table table({"rule", "where", "people", "grants"});
            for (const v1::Rule& one : reply.rules()) {
              table.Add({one.name(), one.position(), Number(one.people()), absl::StrJoin(one.grants(), ", ")});
            }
            return table.ToString();
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
        return absl::StrCat(reply.position(), "\n", reply.text(), "\nGives something to ",
                            Plural(reply.people(), "person", "people"), " today.\n");
      });
    };
  });
}

void AddMapping(CLI::App& app, Action& action) {
  auto* mapping = app.add_subcommand("mapping", "How fields are computed")->group(kOtherwise)->require_subcommand(1);
  auto* attempt = mapping->add_subcommand("try", "What a template, or a target's whole account, gives for one person");
  auto person = std::make_shared<std::string>();
  auto value = std::make_shared<std::string>();
  auto system = std::make_shared<std::string>();
  attempt->add_option("person", *person, "Number or id")->required();
  auto* text = attempt->add_option("template", *value, "\"{person.name.nick | ascii | lower}\"");
  attempt->add_option("--system", *system, "Every field of the account in this target")->excludes(text);
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
        return table.ToString();
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
