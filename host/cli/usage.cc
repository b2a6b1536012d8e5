#include "host/cli/usage.h"

#include <algorithm>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "host/base/nearest.h"
#include "host/cli/client.h"

namespace sluice::cli {
namespace {

constexpr int Code(CLI::ExitCodes code) { return static_cast<int>(code); }

const CLI::App& Reached(const CLI::App& app) {
  const CLI::App* reached = &app;
  while (!reached->get_subcommands().empty()) reached = reached->get_subcommands().front();
  return *reached;
}

std::vector<std::string> VerbsOf(const CLI::App& command) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : command.get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(verb->get_name());
  return verbs;
}

std::vector<std::string> OptionsOf(const CLI::App& command) {
  std::vector<std::string> options;
  for (const CLI::App* level = &command; level != nullptr; level = level->get_parent()) {
    for (const CLI::Option* option : level->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        if (std::find(options.begin(), options.end(), "--" + name) == options.end()) options.push_back("--" + name);
      }
    }
  }
  return options;
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates,
                       absl::string_view there_are) {
  const std::string nearest = base::Nearest(word, candidates);
  if (!nearest.empty()) return absl::StrCat("; did you mean ", nearest, "?");
  return absl::StrCat("; ", there_are, ": ", absl::StrJoin(candidates, ", "));
}

// About the first word that nothing took.
std::string SayUnused(const CLI::App& command, const std::string& word) {
  if (absl::StartsWith(word, "-")) {
    const std::string option = word.substr(0, word.find('='));
    return absl::StrCat("there is no option ", option, DidYouMean(option, OptionsOf(command), "there are"));
  }
  const std::vector<std::string> verbs = VerbsOf(command);
  if (verbs.empty()) return absl::StrCat("\"", word, "\" is a word too many");
  return absl::StrCat("there is no ", command.get_parent() == nullptr ? "command" : "verb", " \"", word, "\"",
                      DidYouMean(word, verbs, "there are"));
}

std::string SayWhatIsWrong(const CLI::App& app, const CLI::App& command, const CLI::ParseError& error) {
  const bool lacks_verb = error.get_exit_code() == Code(CLI::ExitCodes::RequiredError) &&
                          command.get_subcommands().empty() && !VerbsOf(command).empty();
  // What is missing may be there under another name.
  const std::vector<std::string> unused = app.remaining(true);
  const auto option =
      std::find_if(unused.begin(), unused.end(), [](const std::string& word) { return absl::StartsWith(word, "-"); });
  const bool is_incomplete = error.get_exit_code() == Code(CLI::ExitCodes::RequiredError) ||
                             error.get_exit_code() == Code(CLI::ExitCodes::RequiresError);
  if (option != unused.end() && is_incomplete) return SayUnused(command, *option);
  if (error.get_exit_code() == Code(CLI::ExitCodes::ExtrasError) || lacks_verb) {
    if (!unused.empty()) return SayUnused(command, option == unused.end() ? unused.front() : *option);
  }
  if (!lacks_verb) return error.what();
  if (command.get_parent() == nullptr) return "say what to do; every day: status, import, plan, enforce, why";
  return absl::StrCat("a verb is missing: ", absl::StrJoin(VerbsOf(command), ", "));
}

}  // namespace

std::string WithHyphens(const std::string& word) {
  absl::string_view rest = word;
  bool has_dash = false;
  for (bool goes_on = true; goes_on;) {
    goes_on = absl::ConsumePrefix(&rest, "-");
    for (absl::string_view dash : {"\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212"}) {
      if (!absl::ConsumePrefix(&rest, dash)) continue;
      has_dash = goes_on = true;
    }
  }
  if (!has_dash || rest.empty() || !absl::ascii_isalpha(static_cast<unsigned char>(rest.front()))) return "";
  return absl::StrCat(rest.size() == 1 ? "-" : "--", rest);
}

std::string FullName(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* level = &Reached(app); level != nullptr; level = level->get_parent())
    names.insert(names.begin(), level->get_name());
  return absl::StrJoin(names, " ");
}

int SayUsage(const CLI::App& app, const CLI::ParseError& error) {
  const std::string name = FullName(app);
  std::cerr << name << ": " << SayWhatIsWrong(app, Reached(app), error) << "\nHelp: " << name << " --help\n";
  return kUsage;
}

int SayDash(const std::string& word) {
  std::cerr << "sluice: \"" << word << "\" begins with a typographic dash; write it as " << WithHyphens(word)
            << "\nHelp: sluice --help\n";
  return kUsage;
}

}  // namespace sluice::cli
