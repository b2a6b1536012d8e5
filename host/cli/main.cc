// `sluice`: the command line, a client of the management API and of nothing else.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <vector>

#include "host/cli/commands.h"

namespace sluice::cli {
namespace {

size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t next = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = row[j];
      row[j] = next;
    }
  }
  return row[b.size()];
}

// Every word that may stand where the command line went wrong: the verbs and options of the command that was reached.
std::vector<std::string> KnownWords(const CLI::App& app) {
  std::vector<std::string> words;
  const CLI::App* reached = &app;
  while (!reached->get_subcommands().empty()) reached = reached->get_subcommands().front();
  for (const CLI::App* level = reached; level != nullptr; level = level->get_parent()) {
    for (const CLI::Option* option : level->get_options()) {
      for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    }
  }
  for (const CLI::App* command : reached->get_subcommands([](const CLI::App*) { return true; }))
    words.push_back(command->get_name());
  return words;
}

int SayUsage(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::cerr << "sluice: " << error.what();
  std::string best;
  size_t least = 4;
  for (int i = 1; i < argc; ++i) {
    const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
    const std::vector<std::string> known = KnownWords(app);
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    for (const std::string& candidate : known) {
      const size_t distance = Distance(word, candidate);
      if (distance > 0 && distance < least && distance < word.size()) {
        least = distance;
        best = candidate;
      }
    }
  }
  if (!best.empty()) std::cerr << "; did you mean \"" << best << "\"?";
  std::cerr << "\nHelp: sluice --help\n";
  return kUsage;
}

int Main(int argc, char** argv) {
  Options options;
  const char* socket = std::getenv("SLUICE_SOCKET");
  options.socket = socket != nullptr ? socket : "/run/sluice/sluice.sock";
  CLI::App app("Sluice keeps accounts in step with the school's administration.", "sluice");
  app.add_option("--socket", options.socket, "The host's socket (or SLUICE_SOCKET)")->capture_default_str();
  app.add_flag("--json", options.json, "The answer of the management API, as JSON");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", SLUICE_VERSION);
  Action action;
  AddEverydayCommands(app, action);
  AddConfigurationCommands(app, action);
  AddPeopleCommands(app, action);
  AddOperatingCommands(app, action);
  // Words that follow a verb of theirs reach the program's own options too.
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    command->fallthrough();
    for (CLI::App* verb : command->get_subcommands([](const CLI::App*) { return true; })) verb->fallthrough();
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return SayUsage(app, error, argc, argv);
  }
  return action(Client(options));
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) { return sluice::cli::Main(argc, argv); }
