// The connector sluice.csv: people and contracts of a text file, as an HR system exports it.
//
// Owned and called by the SDK's runtime. It only reads; of a file it keeps nothing between two imports.
#ifndef PLUGINS_CSV_SRC_CSV_H_
#define PLUGINS_CSV_SRC_CSV_H_

#include "sluice/connector/source.h"

namespace sluice::csv {

class Csv final : public connector::Source {
 public:
  static connector::Description Describe();

  absl::Status Import(const connector::ImportRequest& request, connector::RecordWriter& out) override;
  connector::ValidateResult Validate(const connector::ValidateRequest& request) override;
  absl::StatusOr<connector::TestResult> Test(const connector::TestRequest& request) override;
  // The columns of the files as they are now, and those of the package's mapping: one that the file lacks is an error
  // when a mapping reads it.
  absl::StatusOr<std::optional<connector::SchemaResult>> Schema(const connector::SchemaRequest& request) override;
};

}  // namespace sluice::csv

#endif  // PLUGINS_CSV_SRC_CSV_H_
