#include "plugins/somtoday/twin/school.h"

#include <cstdio>

namespace sluice::somtoday_twin {

const std::vector<Niveau> kNiveaus = {{"H", "HAVO", 5},    {"V", "VWO", 6},     {"M", "VMBO-TL", 4},
                                      {"K", "VMBO-KB", 4}, {"B", "VMBO-BB", 4}, {"P", "PRAKTIJKONDERWIJS", 5}};

uint64_t Mix(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9E3779B97F4A7C15ULL + b + 0x632BE59BD9B4E019ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::string MakeUuid(uint64_t seed, const char* kind, uint64_t index) {
  const uint64_t spread =
      Mix(seed ^ (static_cast<uint64_t>(kind[0]) << 32 | static_cast<uint64_t>(kind[1]) << 40), index);
  char text[40];
  std::snprintf(text, sizeof(text), "%s%06x-%04x-4000-8000-%012llx", kind, static_cast<unsigned>(spread & 0xFFFFFF),
                static_cast<unsigned>(spread >> 24 & 0xFFFF), static_cast<unsigned long long>(index + 1));
  return text;
}

}  // namespace sluice::somtoday_twin
