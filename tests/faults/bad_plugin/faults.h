// The faults of the bad plugin, read anew at each question. Lines of `key=value`, from three places, the first that
// names a key wins: the setting `fault` (lines separated by ';'), the file that the setting `control` names, and a file
// named `faults` beside the program. A value that ends in `!once` is taken out of its file when it is used, so that a
// plugin which crashes does so once. Any thread.
#ifndef SLUICE_TESTS_FAULTS_BAD_PLUGIN_FAULTS_H_
#define SLUICE_TESTS_FAULTS_BAD_PLUGIN_FAULTS_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::faults {

class FaultList {
 public:
  static FaultList& Get();
  void Configure(const std::string& inline_faults, const std::string& control_file);
  // The fault's value; empty if it is not asked for. One that is marked once is used up.
  std::string Take(const std::string& key);

 private:
  absl::Mutex mutex_;
  std::string inline_ ABSL_GUARDED_BY(mutex_);
  std::string file_ ABSL_GUARDED_BY(mutex_);
};

// Ends the process as a crash does, without a word.
[[noreturn]] void Crash();
// Never returns.
[[noreturn]] void Hang();

}  // namespace sluice::faults

#endif  // SLUICE_TESTS_FAULTS_BAD_PLUGIN_FAULTS_H_
