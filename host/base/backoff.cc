#include "host/base/backoff.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

namespace sluice::base {
namespace {

constexpr double kLeastShare = 0.05;

std::function<double()> OwnRandom() {
  auto generator = std::make_shared<std::mt19937_64>(std::random_device{}());
  return [generator] { return std::uniform_real_distribution<double>(0, 1)(*generator); };
}

}  // namespace

Backoff::Backoff(BackoffOptions options, std::function<double()> random)
    : options_(options), random_(random ? std::move(random) : OwnRandom()), ceiling_(options.first) {}

absl::Duration Backoff::Next() {
  const absl::Duration wait = ceiling_ * std::max(kLeastShare, random_());
  ceiling_ = std::min(ceiling_ * 2, options_.most);
  return wait;
}

}  // namespace sluice::base
