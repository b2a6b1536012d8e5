// What a connector does, without a host: --import, --read, --preview, --schema. As a table, JSON lines, or into a file;
// values that the schema calls SENSITIVE or SPECIAL come out as "***" with --mask.
#ifndef SLUICE_TESTS_CONFORMANCE_SHOW_H_
#define SLUICE_TESTS_CONFORMANCE_SHOW_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "tests/conformance/launch.h"

namespace sluice::conformance {

struct ShowOptions {
  bool import = false, schema = false, mask = false, json_lines = false;
  size_t limit = 0;                  // Records of each class; 0: all.
  std::vector<std::string> classes;  // Only these.
  std::string read;                  // "person:4711" or "account:login=jan".
  std::string preview;               // A file with one operation: {"action": "CREATE", "class": ..., "set": {...}}.
  std::string out;                   // A file; empty: stdout.

  bool IsAsked() const { return import || schema || !read.empty() || !preview.empty(); }
};

void AddShowOptions(CLI::App* app, ShowOptions* options);
// The exit code: 0, or 1 with one line on stderr.
int Show(const Subject& subject, const ShowOptions& options);

}  // namespace sluice::conformance

#endif  // SLUICE_TESTS_CONFORMANCE_SHOW_H_
