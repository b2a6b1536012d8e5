#include "host/config/join_reader.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/config/fields.h"
#include "host/config/template_reader.h"

namespace sluice::config {
namespace {

class JoinReader {
 public:
  JoinReader(const std::vector<std::string>& unread, core::Configuration& configuration, Diagnostics& diagnostics)
      : unread_(unread), configuration_(configuration), diagnostics_(diagnostics) {}

  void Read(const YamlNode& join) {
    core::JoinSpec spec;
    spec.position = join.position;
    const YamlNode *sources = join.Find("sources"), *key = join.Find("key");
    if (sources != nullptr && sources->is_list()) ReadSources(*sources, spec);
    if (key != nullptr) ReadKey(*key, spec);
    configuration_.join = std::move(spec);
  }

 private:
  void ReadSources(const YamlNode& list, core::JoinSpec& spec) {
    for (const YamlNode& item : list.items) {
      if (!item.is_scalar()) continue;
      if (std::find(spec.sources.begin(), spec.sources.end(), item.text) != spec.sources.end()) {
        diagnostics_.Error(item.position, absl::StrCat("source ", Quoted(item.text), " stands twice; keep one"));
        continue;
      }
      spec.sources.push_back(item.text);
      CheckSource(item);
    }
    if (spec.sources.size() < 2) {
      diagnostics_.Error(list.position, "one source has nobody to be joined with; name two, or leave out join");
    }
  }

  bool IsUnread(const std::string& source) const {
    return std::find(unread_.begin(), unread_.end(), source) != unread_.end();
  }

  void CheckSource(const YamlNode& item) {
    const core::SystemSpec* system = configuration_.FindSystem(item.text);
    if (IsUnread(item.text) || (system != nullptr && system->is_source)) return;
    std::vector<std::string> known;
    for (const auto& [name, one] : configuration_.systems) {
      if (one.is_source) known.push_back(name);
    }
    diagnostics_.Error(item.position,
                       system != nullptr
                           ? absl::StrCat(Quoted(item.text), " is a target; only people of sources are joined")
                           : absl::StrCat("unknown source ", Quoted(item.text), Suggest(item.text, known)));
  }

  void ReadKey(const YamlNode& node, core::JoinSpec& spec) {
    const auto check = [](const std::string& path) -> std::string {
      absl::string_view field = path;
      if (absl::ConsumePrefix(&field, "person.") && KnownFields::IsPersonField(std::string(field))) return "";
      std::vector<std::string> known;
      for (const std::string& one : KnownFields::StandardPersonFields()) known.push_back(absl::StrCat("person.", one));
      const std::string nearest = Nearest(path, known);
      return absl::StrCat("unknown field ", Quoted(path), " of a person",
                          nearest.empty() ? "; write for example {person.custom.personeelsnummer}"
                                          : absl::StrCat("; did you mean ", Quoted(nearest), "?"));
    };
    auto read = ReadTemplate(node, check, diagnostics_);
    if (!read) return;
    if (read->paths().empty()) {
      diagnostics_.Error(node.position,
                         "the key reads no field, so everybody would be one person; write for example "
                         "\"{person.custom.personeelsnummer}\"");
      return;
    }
    spec.key = *std::move(read);
    for (const std::string& source : spec.sources) CheckFilled(node, source, spec.key);
  }

  void CheckFilled(const YamlNode& node, const std::string& source, const core::Template& key) {
    const core::SystemSpec* system = configuration_.FindSystem(source);
    if (system == nullptr || !system->is_source || system->persons.empty() || IsUnread(source)) return;
    for (const std::string& path : key.paths()) {
      const std::string field(absl::StripPrefix(path, "person."));
      KnownFields fields;
      for (const core::PersonMapping& person : system->persons)
        fields.AddPerson(person, [](const core::FieldMapping&) { return FieldType::kUnknown; });
      if (fields.IsFilled(path)) continue;
      diagnostics_.Error(node.position,
                         absl::StrCat("the key reads ", Quoted(path), ", which the mapping of source ", Quoted(source),
                                      " does not fill; add ", field, ": to person: in systems/", source, ".yaml"));
    }
  }

  const std::vector<std::string>& unread_;
  core::Configuration& configuration_;
  Diagnostics& diagnostics_;
};

}  // namespace

void ReadJoin(const YamlNode& root, const std::vector<std::string>& unread, core::Configuration& configuration,
              Diagnostics& diagnostics) {
  const YamlNode* join = root.Find("join");
  if (join == nullptr || !join->is_map()) return;
  JoinReader(unread, configuration, diagnostics).Read(*join);
}

}  // namespace sluice::config
