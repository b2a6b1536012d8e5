// The verbs of `sluice`. Each function adds its commands to the program; a command that is chosen sets `action`.
#ifndef SLUICE_HOST_CLI_COMMANDS_H_
#define SLUICE_HOST_CLI_COMMANDS_H_

#include <functional>

#include "CLI/CLI.hpp"
#include "host/cli/client.h"

namespace sluice::cli {

using Action = std::function<int(const Client&)>;

void AddEverydayCommands(CLI::App& app, Action& action);       // status, import, plan, enforce, why
void AddConfigurationCommands(CLI::App& app, Action& action);  // config, rule, mapping
void AddPeopleCommands(CLI::App& app, Action& action);         // person, correlation, credential
void AddOperatingCommands(CLI::App& app, Action& action);      // system, run, block, plugin, audit

inline constexpr char kEveryDay[] = "Every day", kOtherwise[] = "Otherwise (each with verbs of its own)";

// Shows progress on a terminal until the run has ended; the exit code says how.
int FollowRun(const Client& client, const std::string& name);

}  // namespace sluice::cli

#endif  // SLUICE_HOST_CLI_COMMANDS_H_
