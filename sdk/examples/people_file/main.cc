#include <sluice/connector/serve.h>
#include <sluice/connector/source.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace {

using namespace sluice::connector;

// Reads people from a text file, one "number;name" a line.
class PeopleFile final : public Source {
 public:
  static Description Describe() {
    return Description("acme.people", "1.0.0")
        .With(Setting::File("people").Label("File with people").Required())
        .With(ObjectClass::Person("person").Text("name", Privacy::kSensitive));
  }

  absl::Status Import(const ImportRequest& request, RecordWriter& out) override {
    const std::string people(request.File("people"));  // Today's copy, made by the host; a connector opens no path.
    int number = 0;
    for (absl::string_view line : absl::StrSplit(people, '\n')) {
      ++number;
      if (line.empty()) continue;
      const std::pair<absl::string_view, absl::string_view> field = absl::StrSplit(line, absl::MaxSplits(';', 1));
      if (field.second.empty()) {
        out.Warn("PPL-002", "a line without ';' was left out").At(absl::StrCat("line ", number));
        continue;
      }
      if (auto status = out.Add(Record("person", field.first).Set("name", field.second)); !status.ok()) return status;
    }
    return out.Complete();  // Without this the host refuses the whole import.
  }
};

}  // namespace

int main(int argc, char** argv) { return Serve<PeopleFile>(argc, argv); }
