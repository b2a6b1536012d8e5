#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include "host/core/raw_records.h"
#include "host/plugin/import_check_internal.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

class Silence final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
};

}  // namespace

void FuzzImportFrames(absl::string_view input) {
  engine::ReadPlan plan;
  plan.classes = {{"person", {"name", "number"}}, {"group", {}}};
  plugin::ImportCheck check(plan);
  std::map<std::pair<std::string, std::string>, int64_t> given_records;
  bool is_refused = false;
  for (const auto& [name, text] : Parts(input, "---")) {
    connector::v1::ImportFrame frame;
    Silence silence;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&silence);
    parser.SetRecursionLimit(50);
    if (!parser.ParseFromString(text, &frame)) continue;
    plugin::ImportCheck::Given given;
    const absl::Status status = check.TakeBytes(frame.SerializeAsString(), &given);  // As it comes from a plugin.
    if (!status.ok()) {
      Expect(!status.message().empty(), "a refusal says why");
      is_refused = true;
      break;
    }
    for (const core::Record& record : given.records) {
      Expect(!record.id.empty(), "a record has an id");
      Expect(record.object_class == "person" || record.object_class == "group", "nothing comes that nobody asked for");
      if (record.object_class == "person") {
        for (const auto& [attribute, value] : record.attributes) {
          Expect(attribute == "name" || attribute == "number", "nothing comes that nobody asked for");
        }
      }
      ++given_records[{record.scope, record.object_class}];
    }
  }
  if (is_refused || !check.Finish().ok()) return;
  // What is believed is whole: a state for each class of each scope, whose count is what came.
  Expect(check.states().size() == 2 * check.scopes().size(), "a state for each class of each scope");
  for (const core::ClassState& state : check.states()) {
    Expect(state.records == given_records[{state.scope, state.object_class}], "the counts are what came");
  }
}

}  // namespace sluice::fuzz
