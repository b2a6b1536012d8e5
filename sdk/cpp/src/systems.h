// Systems: the connector objects of this process, one for each opened system. Opening again puts a new object in the
// place of the old one, which lives until its last call is done. Any thread; never calls an author under its lock.
#ifndef SLUICE_SDK_CPP_SRC_SYSTEMS_H_
#define SLUICE_SDK_CPP_SRC_SYSTEMS_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "sdk/cpp/src/events.h"
#include "sdk/cpp/src/operation_ledger.h"
#include "sluice/connector/serve.h"
#include "sluice/connector/target.h"
#include "sluice/connector/v1/configuration.pb.h"

namespace sluice::connector {

struct OpenSystem {
  std::shared_ptr<const System> system;
  std::unique_ptr<Source> source;
  Target* target = nullptr;  // The same object; null for a source.
  std::shared_ptr<const Description> description;
  std::shared_ptr<OperationLedger> ledger;
  std::atomic<bool> is_importing{false};

  // The system with the FILE settings read anew.
  absl::StatusOr<System> WithFreshFiles() const;
  const ObjectClass* FindClass(std::string_view name) const;
};

class Systems {
 public:
  Systems(const Connector& connector, std::string work_dir, std::string egress_proxy);

  // Never fails: what is wrong stands in the diagnostics.
  v1::ValidateConfigReply Validate(const v1::ValidateConfigRequest& request);
  absl::StatusOr<v1::OpenReply> Open(const v1::OpenRequest& request);
  void Close(const std::string& system);
  // INVALID if it is not open.
  absl::StatusOr<std::shared_ptr<OpenSystem>> Find(const std::string& system);
  std::vector<std::shared_ptr<OperationLedger>> Ledgers();

  const Description& description() const { return *description_; }
  bool is_target() const { return connector_.is_target; }
  Events& events() { return events_; }

 private:
  v1::ValidateConfigReply Check(const v1::Config& config, const std::vector<std::string>* secrets,
                                std::map<std::string, Value>* values);

  const Connector connector_;
  const std::shared_ptr<const Description> description_;
  const std::string work_dir_;
  const std::string egress_proxy_;
  Events events_;
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<OpenSystem>> open_ ABSL_GUARDED_BY(mutex_);
  // Outlive Close and a new Open: an id stands for one change as long as the process lives.
  std::map<std::string, std::shared_ptr<OperationLedger>> ledgers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_SYSTEMS_H_
