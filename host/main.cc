// `sluiced`: the host. Reads flags, builds the app, waits for SIGTERM or SIGINT.

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "host/app/app.h"
#include "host/base/log.h"
#include "host/base/memory.h"
#include "host/base/nearest.h"

namespace {

// What is wrong: first of all a word that nothing took, for it may be the one that is missed.
std::string SayWhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  std::vector<std::string> options;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  }
  for (const std::string& word : app.remaining()) {
    const std::string nearest = sluice::base::Nearest(word.substr(0, word.find('=')), options);
    if (!nearest.empty()) return "there is no option " + word + "; did you mean " + nearest + "?";
  }
  return error.what();
}

}  // namespace

int main(int argc, char** argv) {
  sluice::base::ShareMemory();
#ifdef NDEBUG  // Debian's absl looks for deadlocks at each lock otherwise.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  // A core of the host would hold secrets.
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  sluice::app::Options options;
  const char* socket = std::getenv("SLUICE_SOCKET");
  options.state_directory = "/var/lib/sluice";
  options.socket = socket != nullptr ? socket : "/run/sluice/sluice.sock";
  options.plugin_directories = {"/usr/lib/sluice/plugins"};
  double hang_seconds = 35;
  CLI::App app("The host of Sluice: owns schedule, state and audit, and runs the connectors.", "sluiced");
  app.add_option("--config", options.folder, "The configuration folder")->required();
  app.add_option("--state", options.state_directory, "Where the state is kept")->capture_default_str();
  app.add_option("--seals", options.seals,
                 "A copy of every seal of the audit log, best on another disk or machine; seals.jsonl beside the state "
                 "without it");
  app.add_option("--socket", options.socket, "The management API's socket (or SLUICE_SOCKET)")->capture_default_str();
  app.add_option("--plugins", options.plugin_directories, "Where connector packages are installed; may be repeated")
      ->capture_default_str();
  app.add_option("--clock", options.clock_file, "Tests only: a file with one RFC 3339 line that is taken for the time");
  app.add_option("--hang-limit", hang_seconds, "Seconds after which a plugin that says nothing is given up")
      ->check([](const std::string& text) {
        double seconds = 0;
        const bool is_good = absl::SimpleAtod(text, &seconds) && seconds >= 0.1 && seconds <= 3600;
        return is_good ? "" : "\"" + text + "\" is no number of seconds from 0.1 to 3600";
      })
      ->capture_default_str();
  app.set_version_flag("--version", SLUICE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "sluiced: " << SayWhatIsWrong(app, error) << "\nHelp: sluiced --help\n";
    return 2;
  }
  options.hang_limit = absl::Seconds(hang_seconds);
  // Plugins are started in directories of their own.
  for (std::string* path : {&options.folder, &options.state_directory}) *path = std::filesystem::absolute(*path);
  if (!options.seals.empty()) options.seals = std::filesystem::absolute(options.seals);
  for (std::string& path : options.plugin_directories) path = std::filesystem::absolute(path);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // Before any thread is made: they all inherit it.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // A file that may not grow is an error to be told, not an end.

  auto started = sluice::app::App::Start(options);
  if (!started.ok()) {
    std::cerr << "sluiced: " << started.status().message() << "\n";
    return 1;
  }
  sluice::base::LogInfo("ready", {{"socket", options.socket}});
  int signal = 0;
  sigwait(&signals, &signal);
  sluice::base::LogInfo("ending", {{"signal", std::to_string(signal)}});
  return 0;
}
