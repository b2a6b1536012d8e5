// What is said when a command line is not one: which command, what is wrong with it, and the nearest thing that is
// right. Nothing has run by then.
//
// Pure, but for SayUsage, which writes to stderr.
#ifndef SLUICE_HOST_CLI_USAGE_H_
#define SLUICE_HOST_CLI_USAGE_H_

#include <string>

#include "CLI/CLI.hpp"

namespace sluice::cli {

// A word with a typographic dash where an option begins, as text editors make it of two hyphens, written right:
// "–json" -> "--json". "" for every other word.
std::string WithHyphens(const std::string& word);

// "sluice block approve": the command that the words have reached.
std::string FullName(const CLI::App& app);

// One line and where help is; the exit code.
int SayUsage(const CLI::App& app, const CLI::ParseError& error);
int SayDash(const std::string& word);

}  // namespace sluice::cli

#endif  // SLUICE_HOST_CLI_USAGE_H_
