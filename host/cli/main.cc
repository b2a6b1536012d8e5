// `sluice`: the command line, a client of the management API and of nothing else.

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/cli/commands.h"
#include "host/cli/usage.h"

namespace sluice::cli {
namespace {

// An option or a word that is given must say something: an empty shell variable is not "no condition", and one without
// quotation marks leaves the next option where its value should stand.
void RefuseEmptyValues(CLI::App& app) {
  const CLI::Validator says_something(
      [](std::string& value) {
        if (value.empty()) return std::string("it is empty");
        return absl::StartsWith(value, "--") ? absl::StrCat("its value is missing before ", value) : std::string();
      },
      "");
  for (CLI::Option* option : app.get_options()) {
    // Before any other check of it.
    if (option->get_items_expected_max() > 0) option->transform(says_something);
  }
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) RefuseEmptyValues(*command);
}

// Options of the program may follow its verbs.
void LetOptionsFollow(CLI::App& app) {
  app.fallthrough();
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) LetOptionsFollow(*command);
}

// The first word that was meant as an option but begins with a typographic dash; what follows an option that takes text
// is left alone.
const char* FindDash(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string before = argv[i - 1];
    if (before == "--reason" || before == "--search" || before == "--when") continue;
    if (!WithHyphens(argv[i]).empty()) return argv[i];
  }
  return nullptr;
}

int Main(int argc, char** argv) {
  Options options;
  const char* socket = std::getenv("SLUICE_SOCKET");
  options.socket = socket != nullptr ? socket : "/run/sluice/sluice.sock";
  CLI::App app("Sluice keeps accounts in step with the school's administration.", "sluice");
  app.add_option("--socket", options.socket, "The host's socket (or SLUICE_SOCKET)");
  app.add_flag("--json", options.json, "The answer of the management API, as JSON");
  app.require_subcommand(1);
  app.set_version_flag("--version", SLUICE_VERSION);
  app.footer("Ids may be shortened. Exit codes: 0 ok, 1 refused, failed or blocked, 2 usage, 3 no host answers.");
  Action action;
  AddEverydayCommands(app, action);
  AddConfigurationCommands(app, action);
  AddPeopleCommands(app, action);
  AddOperatingCommands(app, action);
  LetOptionsFollow(app);
  RefuseEmptyValues(app);
  if (const char* word = FindDash(argc, argv)) return SayDash(word);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return SayUsage(app, error);
  }
  return action(Client(options));
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) { return sluice::cli::Main(argc, argv); }
