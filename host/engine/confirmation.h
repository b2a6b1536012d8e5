// Whether an import says anything new.
//
// Most days nothing changes at a source. Then nothing has to be read from the state, mapped or compared: what is there
// is confirmed for the day. Thread-safe.
#ifndef SLUICE_HOST_ENGINE_CONFIRMATION_H_
#define SLUICE_HOST_ENGINE_CONFIRMATION_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/engine/context.h"

namespace sluice::engine {

class Confirmation {
 public:
  explicit Confirmation(const Context& context) : context_(context) {}

  // Whether the active records of `system` are exactly those of `data`, each of a class that was read completely, and
  // the active snapshot is what this configuration makes of them. Brings the records of `data` into order.
  absl::StatusOr<bool> IsAllKnown(const std::shared_ptr<const core::Configuration>& configuration,
                                  const std::string& system, core::ImportedData& data, absl::CivilDay as_of,
                                  int64_t tombstone_days) const;

  // The active snapshot is what this configuration makes of the active records of every source.
  void Remember(std::shared_ptr<const core::Configuration> configuration);

 private:
  const Context& context_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const core::Configuration> mapped_with_ ABSL_GUARDED_BY(mutex_);
  int64_t snapshot_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_CONFIRMATION_H_
