// connector-check: proves a connector against the contract, or shows what it does, without a host.
//
// Exit codes: 0 no MUST check failed; 1 one did, or nothing could be shown; 2 usage.
#include <signal.h>
#include <stdio.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "tests/conformance/report.h"
#include "tests/conformance/show.h"
#include "tests/conformance/subject.h"

namespace sluice::conformance {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Arguments {
  std::string connector, config, json, junit;
  int level = 6;
  bool text = false, speed = false, must = false, write = false, list = false;
  std::vector<std::string> checks;
  double patience_seconds = 10, silence_seconds = 31;
  ShowOptions show;
};

bool WriteFile(const std::string& path, const std::string& text) {
  if (path == "-") return fputs(text.c_str(), stdout) >= 0;
  std::ofstream out(path);
  out << text;
  out.flush();
  if (!out) std::cerr << "connector-check: " << path << " cannot be written\n";
  return static_cast<bool>(out);
}

int Check(const Subject& subject, const Arguments& arguments) {
  Selection selection;
  selection.max_level = arguments.level;
  selection.speed = arguments.speed || arguments.level >= 7;
  selection.must_only = arguments.must;
  selection.ids.insert(arguments.checks.begin(), arguments.checks.end());
  for (const std::string& id : arguments.checks) {
    bool is_known = false;
    for (const struct Check* check : AllChecks()) is_known = is_known || id == check->id;
    if (!is_known) {
      std::cerr << "connector-check: there is no check " << id << "; connector-check --list names them\n";
      return kUsage;
    }
  }
  const std::vector<CheckResult> results = RunChecks(subject, selection);
  bool is_written = true;
  if (!arguments.json.empty()) is_written = WriteFile(arguments.json, JsonReport(subject, results)) && is_written;
  if (!arguments.junit.empty()) is_written = WriteFile(arguments.junit, JunitReport(subject, results)) && is_written;
  if (arguments.text || (arguments.json.empty() && arguments.junit.empty())) std::cout << TextReport(subject, results);
  return Count(results).must_failed > 0 || !is_written ? kFailed : 0;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Checks a Sluice connector against the contract, or shows what it does, without a host");
  app.add_option("CONNECTOR", arguments.connector, "A program, a folder with manifest.json, or a .sluice file");
  app.add_option("--config", arguments.config, "YAML with settings:, secrets: and check:");
  app.add_option("--level", arguments.level,
                 "Up to this level: 0 package, 1 start, 2 contract, 3 source, 4 target, 5 faults, 6 secrets, 7 speed")
      ->check(CLI::Range(0, 7));
  app.add_option("--check", arguments.checks, "Only these checks");
  app.add_flag("--speed", arguments.speed, "The speed checks of level 7 as well");
  app.add_flag("--must", arguments.must, "Only what a connector MUST do");
  app.add_flag("--write", arguments.write,
               "It may write: create, change and delete objects of its own (as check: {write: true})");
  app.add_option("--patience", arguments.patience_seconds, "Seconds for one answer")->check(CLI::PositiveNumber);
  app.add_option("--silence", arguments.silence_seconds, "Seconds without a frame after which an import is cut off")
      ->check(CLI::PositiveNumber);
  app.add_flag("--text", arguments.text, "Text on stdout, also with --json or --junit");
  app.add_option("--json", arguments.json, "Write JSON to this file; - is stdout");
  app.add_option("--junit", arguments.junit, "Write JUnit to this file; - is stdout");
  app.add_flag("--list", arguments.list, "Name every check");
  AddShowOptions(&app, &arguments.show);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (arguments.list) return std::cout << ListOfChecks(), 0;
  if (arguments.connector.empty()) {
    std::cerr << "connector-check: name a connector: connector-check build/acme.people --config examples/config.yaml\n";
    return kUsage;
  }
  std::string scratch = (std::filesystem::temp_directory_path() / "connector-check-XXXXXX").string();
  if (mkdtemp(scratch.data()) == nullptr) return kFailed;
  int code = kFailed;
  {
    auto subject = FindSubject(arguments.connector, arguments.config, scratch);
    if (subject.ok()) {
      subject->patience = absl::Seconds(arguments.patience_seconds);
      subject->silence = absl::Seconds(arguments.silence_seconds);
      subject->config.write = subject->config.write || arguments.write;
      code = arguments.show.IsAsked() ? Show(*subject, arguments.show) : Check(*subject, arguments);
    } else {
      std::cerr << "connector-check: " << subject.status().message() << "\n";
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(scratch, ignored);
  return code;
}

}  // namespace
}  // namespace sluice::conformance

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  return sluice::conformance::Main(argc, argv);
}
