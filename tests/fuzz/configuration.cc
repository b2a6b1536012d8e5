#include "host/config/diff.h"
#include "host/config/load.h"
#include "host/config/testing.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

// What could be installed; made once.
struct Installed {
  Installed() {
    packages.Add(config::testing::Somtoday());
    packages.Add(config::testing::ActiveDirectory());
  }
  config::testing::FakePackages packages;
  config::testing::FakeSchemas schemas;
};

}  // namespace

void FuzzConfiguration(absl::string_view input) {
  static const Installed* const kInstalled = new Installed;
  std::map<std::string, std::string> files;
  for (auto& [path, content] : Parts(input, "=== ")) files.emplace(path, std::move(content));
  config::LoadOptions options;
  options.checks_secrets = false;  // They are on nobody's disk here.
  const config::LoadResult result =
      config::LoadFiles("/school", files, kInstalled->packages, &kInstalled->schemas, options);
  Expect(result.ok() == result.errors.empty(), "a folder is used exactly when nothing is wrong with it");
  for (const config::Diagnostic& error : result.errors) {
    Expect(!error.message.empty() && !error.ToString().empty(), "an error says what is wrong");
  }
  if (!result.ok()) return;
  const config::LoadResult again =
      config::LoadFiles("/school", result.configuration->files, kInstalled->packages, nullptr, options);
  Expect(again.ok(), "what a configuration keeps of its files can be read again");
  Expect(again.configuration->hash == result.configuration->hash, "the same files are the same configuration");
  Expect(config::Diff(*result.configuration, *again.configuration).empty(), "the same configuration has no difference");
}

}  // namespace sluice::fuzz
