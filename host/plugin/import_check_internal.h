// Believes an import only as far as it proves itself: the frames of one stream become records, and at its end one
// verdict.
//
// The schema comes first, every index lies in it, presence and values fit, the end comes last and once, names every
// scope of the schema and every class that was asked for once, and counts what came. Anything else is one status with
// one clear line, and the import is refused. Classes and attributes that nobody asked for are counted and left out.
// Pure; one thread.
#ifndef SLUICE_HOST_PLUGIN_IMPORT_CHECK_INTERNAL_H_
#define SLUICE_HOST_PLUGIN_IMPORT_CHECK_INTERNAL_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "host/core/record.h"
#include "host/engine/connector.h"
#include "sdk/wire/batch_view.h"
#include "sluice/connector/v1/reader.pb.h"

namespace sluice::plugin {

class ImportCheck {
 public:
  // What one frame gave; at most one of these.
  struct Given {
    std::vector<core::Record> records;
    std::vector<std::string> warnings;
    bool has_progress = false;
    engine::Progress progress;
  };

  explicit ImportCheck(const engine::ReadPlan& plan);

  // A status that is not OK is for good.
  absl::Status Take(const connector::v1::ImportFrame& frame, Given* given);
  // The same, from its bytes. Records, of which there are many, are read where they lie.
  absl::Status TakeBytes(absl::string_view bytes, Given* given);
  // The stream ended without an error of its own: OK only when it also was whole.
  absl::Status Finish() const;

  // With Finish() OK.
  std::vector<std::pair<std::string, std::string>> scopes() const { return scopes_; }
  std::vector<core::ClassState> states() const { return states_; }

 private:
  struct Class {
    std::string name;
    bool is_asked = false;
    std::vector<bool> attribute_is_asked;
    std::vector<core::Shared<std::string>> attribute_names;
  };

  absl::Status TakeSchema(const connector::v1::StreamSchema& schema, Given* given);
  absl::Status CheckBegun(connector::v1::ImportFrame::FrameCase frame) const;
  absl::Status TakeRecords(absl::string_view bytes, Given* given);
  absl::Status TakeCells(const wire::BatchView& batch, std::vector<core::Record>* records) const;
  // Fields are kept in this order.
  std::vector<const wire::BatchView::Column*> InOrderOfNames(const wire::BatchView& batch) const;
  absl::Status TakeEnd(const connector::v1::ImportEnd& end);
  absl::Status TakeScopeEnd(const connector::v1::ImportEnd::ScopeEnd& end, std::set<uint32_t>* seen);
  absl::Status CheckAsked(const std::string& scope, const std::set<std::string>& seen) const;
  absl::Status CheckIndexes(uint32_t object_class, uint32_t scope) const;
  std::string Where(uint32_t object_class, uint32_t scope) const;

  std::map<std::string, std::set<std::string>> asked_;  // Class to attributes; no attributes: all.
  bool has_schema_ = false;
  bool has_end_ = false;
  connector::v1::StreamSchema schema_;
  std::vector<Class> classes_;
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> counts_;   // By scope and class.
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> deleted_;  // Likewise.
  std::vector<std::pair<std::string, std::string>> scopes_;
  std::vector<core::ClassState> states_;
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_IMPORT_CHECK_INTERNAL_H_
