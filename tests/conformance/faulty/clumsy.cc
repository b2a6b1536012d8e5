// A newcomer's connector, on the SDK: one mistake at a time, named by what follows "clumsy-" in the program's name.
#include <sluice/connector/serve.h>
#include <sluice/connector/source.h>
#include <stdio.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace {

using namespace sluice::connector;

std::string g_mistake;

class Clumsy final : public Source {
 public:
  static Description Describe() {
    return Description("acme.clumsy", "1.0.0")
        .With(Setting::Text("people").Label("How many people").Required())
        .With(ObjectClass::Person("person").Text("name", Privacy::kSensitive).Text("note"));
  }

  absl::Status Open(const System&) override {
    if (g_mistake == "blocks-in-open") absl::SleepFor(absl::Minutes(1));
    return absl::OkStatus();
  }

  absl::Status Import(const ImportRequest&, RecordWriter& out) override {
    static std::atomic<int> run{0};
    const int offset = g_mistake == "ids-change" ? 100 * ++run : 0;
    if (g_mistake == "prints") printf("reading people\n");
    if (g_mistake == "throws") throw std::runtime_error("no such file");
    if (g_mistake == "blocks") absl::SleepFor(absl::Minutes(1));
    for (int i = 1; i <= 300; ++i) {
      Record person("person", absl::StrCat(offset + i));
      person.Set("name", absl::StrCat("Person ", i));
      if (g_mistake == "large" && i == 57) person.Set("note", std::string(200 << 20, 'x'));
      if (auto status = out.Add(person); !status.ok()) return status;
    }
    return g_mistake == "forgets-end" ? absl::OkStatus() : out.Complete();
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argv[0];
  const size_t at = path.rfind("clumsy-");
  if (at != std::string::npos && path.substr(at + 7) != "connector") g_mistake = path.substr(at + 7);
  return Serve<Clumsy>(argc, argv);
}
