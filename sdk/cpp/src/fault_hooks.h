// Where a test connector may misbehave on the wire in ways that the SDK makes impossible for everybody else. Not
// installed. Set before Run; read without a lock afterwards.
#ifndef SLUICE_SDK_CPP_SRC_FAULT_HOOKS_H_
#define SLUICE_SDK_CPP_SRC_FAULT_HOOKS_H_

#include <functional>
#include <optional>

#include "sluice/connector/v1/bootstrap.pb.h"
#include "sluice/connector/v1/reader.pb.h"

namespace sluice::connector {

struct FaultHooks {
  // May change a frame; false: it is not sent.
  std::function<bool(v1::ImportFrame&)> import_frame;
  // A reply to send instead of the right one.
  std::function<std::optional<v1::BootstrapReply>(const v1::BootstrapRequest&)> bootstrap;
};
inline FaultHooks& Faults() {
  static FaultHooks* const kHooks = new FaultHooks;
  return *kHooks;
}

}  // namespace sluice::connector

#endif  // SLUICE_SDK_CPP_SRC_FAULT_HOOKS_H_
