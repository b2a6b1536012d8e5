// The connector sluice.somtoday: pupils, placements, class groups and staff of one organisation, by vestiging.
//
// Owned and called by the SDK's runtime: Import one at a time, Test beside it; each makes a session of its own. It only
// reads.
#ifndef PLUGINS_SOMTODAY_SRC_SOMTODAY_H_
#define PLUGINS_SOMTODAY_SRC_SOMTODAY_H_

#include "sluice/connector/source.h"

namespace sluice::somtoday {

class Somtoday final : public connector::Source {
 public:
  static connector::Description Describe();

  absl::Status Import(const connector::ImportRequest& request, connector::RecordWriter& out) override;
  connector::ValidateResult Validate(const connector::ValidateRequest& request) override;
  absl::StatusOr<connector::TestResult> Test(const connector::TestRequest& request) override;
};

}  // namespace sluice::somtoday

#endif  // PLUGINS_SOMTODAY_SRC_SOMTODAY_H_
