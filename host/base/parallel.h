// Work on the parts of something large, on several threads when there is enough of it.
//
// Blocks until all of it is done. `work` is called with [from, to) and must not throw; parts do not overlap, so that
// each may write its own places of one result.
#ifndef SLUICE_HOST_BASE_PARALLEL_H_
#define SLUICE_HOST_BASE_PARALLEL_H_

#include <algorithm>
#include <cstddef>
#include <thread>
#include <vector>

namespace sluice::base {

// Below `worth_a_thread` each, further threads are not worth being started.
template <class Work>
void InParts(size_t size, size_t worth_a_thread, const Work& work) {
  constexpr size_t kMostThreads = 4;
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const size_t parts = std::clamp<size_t>(size / worth_a_thread, 1, std::min(cores, kMostThreads));
  std::vector<std::thread> threads;
  for (size_t part = 1; part < parts; ++part) {
    threads.emplace_back([&, part] { work(size * part / parts, size * (part + 1) / parts); });
  }
  work(0, size / parts);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_PARALLEL_H_
