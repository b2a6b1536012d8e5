// Every seed goes through its target in every build, so that seeds stay valid and what once fell stays mended; and each
// is cut short and bent a little, which no fuzzer is needed for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> SeedsOf(const std::string& target) {
  std::vector<std::string> seeds;
  const char* source = std::getenv("SLUICE_SOURCE_DIR");
  for (const auto& entry :
       fs::directory_iterator(fs::path(source == nullptr ? "." : source) / "tests/fuzz/seeds" / target)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    seeds.push_back(text.str());
  }
  std::sort(seeds.begin(), seeds.end());
  return seeds;
}

class Seeds : public ::testing::TestWithParam<std::pair<std::string, Target>> {};

TEST_P(Seeds, PassWholeAndCutShortAndBent) {
  const auto& [name, target] = GetParam();
  const std::vector<std::string> seeds = SeedsOf(name);
  ASSERT_GE(seeds.size(), 3u);
  for (const std::string& seed : seeds) {
    target(seed);
    for (size_t part = 1; part < 6; ++part) {
      target(seed.substr(0, seed.size() * part / 6));
      std::string bent = seed;
      if (!bent.empty()) bent[bent.size() * part / 6] ^= static_cast<char>(1 << part);
      target(bent);
    }
  }
  target("");
}

INSTANTIATE_TEST_SUITE_P(Of, Seeds, ::testing::ValuesIn(Targets()), [](const auto& info) { return info.param.first; });

}  // namespace
}  // namespace sluice::fuzz
