// The connector sluice.active_directory: accounts, groups and memberships of one Active Directory domain, over LDAPS.
// Owns the connection to the directory from the first use after Open; the runtime may call every method on any thread.
#pragma once

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "plugins/active_directory/src/directory.h"
#include "sluice/connector/target.h"

namespace sluice::active_directory {

class ActiveDirectory final : public connector::Target {
 public:
  static connector::Description Describe();

  connector::ValidateResult Validate(const connector::ValidateRequest& request) override;
  absl::Status Open(const connector::System& system) override;
  absl::StatusOr<connector::TestResult> Test(const connector::TestRequest& request) override;
  absl::StatusOr<std::optional<connector::SchemaResult>> Schema(const connector::SchemaRequest& request) override;
  absl::Status Import(const connector::ImportRequest& request, connector::RecordWriter& out) override;
  absl::Status Read(const connector::ReadRequest& request, connector::FoundWriter& out) override;
  std::unique_ptr<connector::ApplySession> StartApply(const connector::ApplyRequest& request,
                                                      std::shared_ptr<connector::ResultSink> sink) override;
  connector::Verdict Verify(const connector::VerifyRequest& request) override;
  connector::VerifyBatchResult VerifyBatch(const connector::VerifyBatchRequest& request) override;
  absl::StatusOr<connector::FindTakenResult> FindTaken(const connector::FindTakenRequest& request) override;

 private:
  absl::Status ReadMemberships(const connector::ReadRequest& request, connector::FoundWriter& out);

  std::shared_ptr<Directory> directory_;  // Set by Open, before any other call.
};

}  // namespace sluice::active_directory
