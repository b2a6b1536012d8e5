#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "host/cli/commands.h"
#include "host/cli/print.h"

namespace sluice::cli {
namespace {

std::string PersonLine(const v1::Person& person) {
  return absl::StrCat(person.display(), "  ", person.external_id(), "  ", Words(person.state()), "\n");
}

void AddPersonDecision(CLI::App& person, Action& action, const std::string& verb, const std::string& help,
                       bool is_exclusion) {
  auto name = std::make_shared<std::string>();
  auto until = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  auto* command = person.add_subcommand(verb, help);
  command->add_option("person", *name, "Number or id")->required();
  if (is_exclusion) command->add_option("--until", *until, "Last day, as 2026-12-31; without it until included again");
  command->add_option("--reason", *reason, "Why; goes into the audit log")->required();
  command->callback([&action, name, until, reason, is_exclusion] {
    action = [name, until, reason, is_exclusion](const Client& client) {
      v1::ExcludePersonRequest request;
      request.set_name(*name);
      request.set_until(*until);
      request.set_reason(*reason);
      auto stub = client.Stub<v1::Persons>();
      return Call(client, *stub, is_exclusion ? &v1::Persons::Stub::ExcludePerson : &v1::Persons::Stub::IncludePerson,
                  request, PersonLine);
    };
  });
}

void AddPerson(CLI::App& app, Action& action) {
  auto* person = app.add_subcommand("person", "The people of the snapshot")->group(kOtherwise)->require_subcommand(1);
  auto search = std::make_shared<std::string>();
  auto state = std::make_shared<std::string>();
  auto* list = person->add_subcommand("list", "Everybody, or whom a search finds");
  list->add_option("--search", *search, "Part of the name, or the number");
  list->add_option("--state", *state, "present, vanished, held_back or excluded")
      ->check(CLI::IsMember({"present", "vanished", "held_back", "excluded"}));
  list->callback([&action, search, state] {
    action = [search, state](const Client& client) {
      v1::ListPersonsRequest request;
      request.set_search(*search);
      request.set_state(*state);
      auto stub = client.Stub<v1::Persons>();
      return CallPages(client, *stub, &v1::Persons::Stub::ListPersons, request, PersonsText);
    };
  });

  auto name = std::make_shared<std::string>();
  auto with_raw = std::make_shared<bool>(false);
  auto* show = person->add_subcommand("show", "Fields, contracts, what is held and what was done");
  show->add_option("person", *name, "Number or id")->required();
  show->add_flag("--raw", *with_raw, "The raw records as well");
  show->callback([&action, name, with_raw] {
    action = [name, with_raw](const Client& client) {
      v1::GetPersonRequest request;
      request.set_name(*name);
      request.set_with_raw_records(*with_raw);
      auto stub = client.Stub<v1::Persons>();
      return Call(client, *stub, &v1::Persons::Stub::GetPerson, request, PersonText);
    };
  });
  AddPersonDecision(*person, action, "exclude", "Leave somebody as they are", true);
  AddPersonDecision(*person, action, "include", "Take somebody in again", false);
}

void AddCorrelation(CLI::App& app, Action& action) {
  auto* correlation =
      app.add_subcommand("correlation", "Who has which account already")->group(kOtherwise)->require_subcommand(1);
  auto system = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  auto* report =
      correlation->add_subcommand("report", "Who matches one account, several, none; which accounts match nobody");
  report->add_option("system", *system, "The target")->required();
  report->add_flag("--all", *all, "Everybody");
  report->callback([&action, system, all] {
    action = [system, all](const Client& client) {
      v1::GetSystemRequest request;
      request.set_name(*system);
      auto stub = client.Stub<v1::Systems>();
      return Call(client, *stub, &v1::Systems::Stub::GetCorrelationReport, request,
                  [&](const v1::CorrelationReport& reply) { return CorrelationText(reply, *all); });
    };
  });

  auto person = std::make_shared<std::string>();
  auto account = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  auto* link = correlation->add_subcommand("link", "Settle by hand which account is a person's");
  link->add_option("system", *system, "The target")->required();
  link->add_option("person", *person, "Number or id")->required();
  link->add_option("account", *account,
                   "The account's id, as the report shows it; \"new\" where the one that was held is gone")
      ->required();
  link->add_option("--reason", *reason, "Why; goes into the audit log")->required();
  link->callback([&action, system, person, account, reason] {
    action = [system, person, account, reason](const Client& client) {
      v1::LinkAccountRequest request;
      request.set_name(*system);
      request.set_person(*person);
      request.set_account(*account);
      request.set_reason(*reason);
      auto stub = client.Stub<v1::Systems>();
      return Call(client, *stub, &v1::Systems::Stub::LinkAccount, request,
                  [](const v1::LinkAccountResponse&) { return "Linked; the next plan takes it over.\n"; });
    };
  });
}

void AddCredential(CLI::App& app, Action& action) {
  auto* credential = app.add_subcommand("credential", "First passwords")->group(kOtherwise)->require_subcommand(1);
  auto person = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  auto* print =
      credential->add_subcommand("print", "Hand out a first password, once; without a person: for whom one waits");
  auto* whose = print->add_option("person", *person, "Number or id");
  whose->needs(print->add_option("--reason", *reason, "Why; goes into the audit log")->needs(whose));
  print->callback([&action, person, reason] {
    action = [person, reason](const Client& client) {
      auto stub = client.Stub<v1::Credentials>();
      if (person->empty()) {
        return CallPages(client, *stub, &v1::Credentials::Stub::ListCredentials, v1::ListCredentialsRequest(),
                         [](const v1::ListCredentialsResponse& reply) {
                           Table table({"name", "number", "system"});
                           for (const v1::Credential& one : reply.credentials())
                             table.Add({one.display(), one.external_id(), one.system()});
                           return table.size() == 1 ? "No first password waits.\n" : table.ToString();
                         });
      }
      v1::HandOutCredentialsRequest request;
      request.set_person(*person);
      request.set_reason(*reason);
      return Call(client, *stub, &v1::Credentials::Stub::HandOutCredentials, request,
                  [](const v1::HandOutCredentialsResponse& reply) {
                    std::string out;
                    for (const v1::Credential& one : reply.credentials()) {
                      absl::StrAppend(&out, one.display(), "  ", one.external_id(), "\n  ", one.system(),
                                      "  login     ", one.login(), "\n  ", one.system(), "  password  ", one.secret(),
                                      "\n");
                    }
                    return out;
                  });
    };
  });
}

}  // namespace

void AddPeopleCommands(CLI::App& app, Action& action) {
  AddPerson(app, action);
  AddCorrelation(app, action);
  AddCredential(app, action);
}

}  // namespace sluice::cli
