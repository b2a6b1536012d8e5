// A target that costs nothing itself, so that what is measured is the way to it: it lists objects of 20 attributes with
// values of 16 to 24 bytes, and does what it is told at once. Started by plugin_bench.cc.
#include <sluice/connector/serve.h>
#include <sluice/connector/target.h>

#include <array>
#include <string>

#include "absl/strings/str_cat.h"

namespace {

using namespace sluice::connector;

constexpr size_t kAttributes = 20;

ObjectClass Thing() {
  ObjectClass thing = ObjectClass::Account("thing").Can({Action::kCreate, Action::kUpdate});
  for (size_t i = 0; i < kAttributes; ++i) thing.With(Attribute::Text(absl::StrCat("a", i)).Writable());
  return thing;
}

class Session final : public ApplySession {
 public:
  explicit Session(std::shared_ptr<ResultSink> sink) : sink_(std::move(sink)) {}
  void Submit(Operation operation) override {
    Result result = Result::Applied(operation.object_id);
    result.operation = std::move(operation.id);
    sink_->Answer(std::move(result));
  }

 private:
  const std::shared_ptr<ResultSink> sink_;
};

class Free final : public Target {
 public:
  static Description Describe() {
    return Description("test.free", "1.0.0").With(Setting::Integer("records").Required()).With(Thing());
  }

  absl::Status Import(const ImportRequest&, RecordWriter& out) override {
    const int64_t records = system().settings.Integer("records");
    std::array<std::string, kAttributes> names;
    for (size_t i = 0; i < kAttributes; ++i) names[i] = absl::StrCat("a", i);
    const std::string filler = "abcdefghijklmnopqrstuvwx";
    for (int64_t number = 0; number < records; ++number) {
      Record record("thing", absl::StrCat("thing-", number));
      for (size_t i = 0; i < kAttributes; ++i) {
        std::string value = filler.substr(0, 16 + (number + i) % 9);
        value[0] = static_cast<char>('a' + number % 26);
        record.Set(names[i], Value(std::move(value)));
      }
      if (absl::Status status = out.Add(record); !status.ok()) return status;
    }
    return out.Complete();
  }

  absl::Status Read(const ReadRequest&, FoundWriter&) override { return absl::OkStatus(); }

  std::unique_ptr<ApplySession> StartApply(const ApplyRequest&, std::shared_ptr<ResultSink> sink) override {
    return std::make_unique<Session>(std::move(sink));
  }
};

}  // namespace

int main(int argc, char** argv) { return Serve<Free>(argc, argv); }
