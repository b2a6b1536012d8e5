#include "host/config/load.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "host/base/hash.h"
#include "host/config/fields.h"
#include "host/config/folder.h"
#include "host/config/join_reader.h"
#include "host/config/keys.h"
#include "host/config/mapping_reader.h"
#include "host/config/rules_reader.h"
#include "host/config/secret_reader.h"
#include "host/config/settings_reader.h"
#include "host/config/target_reader.h"
#include "host/config/yaml.h"
#include "re2/re2.h"

namespace sluice::config {
namespace {

using core::Configuration;
using core::SystemSpec;

// One of the five parts of a cron line: *, a number, a range, a list of them, each with a step.
bool IsCronPart(absl::string_view part, int least, int most) {
  static const LazyRE2 kItem = {"(?:\\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?"};
  for (absl::string_view item : absl::StrSplit(part, ',')) {
    std::string from, to, step;
    if (!RE2::FullMatch(re2::StringPiece(item.data(), item.size()), *kItem, &from, &to, &step)) return false;
    int numbers[3] = {least, most, 1};
    if (!from.empty() && !absl::SimpleAtoi(from, &numbers[0])) return false;
    if (!to.empty() && !absl::SimpleAtoi(to, &numbers[1])) return false;
    if (!step.empty() && !absl::SimpleAtoi(step, &numbers[2])) return false;
    if (numbers[0] < least || numbers[1] > most || numbers[0] > numbers[1] || numbers[2] < 1) return false;
  }
  return true;
}

bool IsCronTime(const std::string& text) {
  struct Part {
    int least, most;
  };
  constexpr Part kParts[] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};
  std::vector<std::string> parts = absl::StrSplit(absl::AsciiStrToLower(text), ' ', absl::SkipEmpty());
  if (parts.size() != std::size(kParts)) return false;
  absl::StrReplaceAll({{"jan", "1"},
                       {"feb", "2"},
                       {"mar", "3"},
                       {"apr", "4"},
                       {"may", "5"},
                       {"jun", "6"},
                       {"jul", "7"},
                       {"aug", "8"},
                       {"sep", "9"},
                       {"oct", "10"},
                       {"nov", "11"},
                       {"dec", "12"}},
                      &parts[3]);
  absl::StrReplaceAll(
      {{"sun", "0"}, {"mon", "1"}, {"tue", "2"}, {"wed", "3"}, {"thu", "4"}, {"fri", "5"}, {"sat", "6"}}, &parts[4]);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!IsCronPart(parts[i], kParts[i].least, kParts[i].most)) return false;
  }
  return true;
}

class Loader {
 public:
  Loader(const std::string& folder, const Packages& packages, const Schemas* schemas, const LoadOptions& options,
         Diagnostics& diagnostics)
      : packages_(packages), schemas_(schemas), options_(options), diagnostics_(diagnostics) {
    configuration_.folder = folder;
    configuration_.time_zone = absl::UTCTimeZone();
  }

  LoadResult Run(const std::map<std::string, std::string>& files) {
    configuration_.files = files;
    Parse();
    Root();
    Systems();
    Rules();
    Schedules();
    Hash();
    LoadResult result;
    result.errors = diagnostics_.TakeErrors();
    result.warnings = diagnostics_.TakeWarnings();
    if (result.errors.empty()) result.configuration = std::make_shared<const Configuration>(std::move(configuration_));
    return result;
  }

 private:
  // A package's mapping of an earlier load stands among the files of a stored version; it is read anew below.
  void Parse() {
    for (auto at = configuration_.files.begin(); at != configuration_.files.end();) {
      at = KindOf(at->first) ? std::next(at) : configuration_.files.erase(at);
    }
    for (const auto& [path, content] : configuration_.files) {
      const FileKind kind = *KindOf(path);
      auto tree = ParseYaml(path, content, diagnostics_);
      if (!tree) {
        unread_.insert(path);
        continue;
      }
      CheckKeys(kind, *tree, diagnostics_);
      trees_[kind].emplace(path, *std::move(tree));
    }
  }

  void Root() {
    if (unread_.contains("sluice.yaml")) return;
    auto found = trees_[FileKind::kRoot].find("sluice.yaml");
    if (found == trees_[FileKind::kRoot].end()) {
      diagnostics_.Error({"sluice.yaml"}, "the file is missing; write it with name: and keys:");
      return;
    }
    const YamlNode& root = found->second;
    if (const YamlNode* name = root.Find("name")) configuration_.name = name->text;
    const YamlNode* zone = root.Find("time_zone");
    if (zone != nullptr && zone->is_scalar()) configuration_.time_zone_name = zone->text;
    if (!absl::LoadTimeZone(configuration_.time_zone_name, &configuration_.time_zone)) {
      diagnostics_.Error(zone != nullptr ? zone->position : root.position,
                         absl::StrCat("unknown time zone ", Quoted(configuration_.time_zone_name),
                                      "; write for example Europe/Amsterdam"));
    }
    if (const YamlNode* keys = root.Find("keys")) {
      Key(keys->Find("secrets"), "secrets", configuration_.secrets_key);
      Key(keys->Find("seal"), "seal", configuration_.seal_key);
    }
    PrimaryContract(root.Find("primary_contract"));
  }

  void Key(const YamlNode* node, const std::string& name, core::SecretReference& key) {
    if (node == nullptr) return;
    auto read =
        ReadSecret(*node, name, configuration_.folder, SecretContent::kKey, options_.checks_secrets, diagnostics_);
    if (read) key = *std::move(read);
  }

  void PrimaryContract(const YamlNode* node) {
    core::PrimaryContractSpec& spec = configuration_.primary_contract;
    spec.types = {"employment", "placement"};
    spec.then = {{"fte", true}, {"hours_per_week", true}, {"sequence", true},
                 {"end", true}, {"start", false},         {"id", false}};
    if (node == nullptr) return;
    if (const YamlNode* types = node->Find("types"); types != nullptr && types->is_list()) {
      spec.types.clear();
      for (const YamlNode& type : types->items) spec.types.push_back(type.text);
      Twice(*types, "type of contract");
      primary_types_ = types;
    }
    const YamlNode* then = node->Find("then");
    if (then == nullptr || !then->is_list()) return;
    spec.then.clear();
    std::vector<std::string> known = KnownFields::StandardContractFields();
    known.push_back("id");
    for (const YamlNode& item : then->items) {
      const std::vector<std::string> words = absl::StrSplit(item.text, ' ', absl::SkipEmpty());
      if (words.size() > 2 || words.empty() || (words.size() == 2 && words[1] != "asc" && words[1] != "desc")) {
        diagnostics_.Error(item.position, absl::StrCat(Quoted(item.text),
                                                       " is not a field and asc or desc; write for example fte desc"));
        continue;
      }
      if (words[0] != "id" && !KnownFields::IsContractField(words[0])) {
        diagnostics_.Error(item.position, absl::StrCat("unknown field ", Quoted(words[0]), " of a contract",
                                                       SuggestNear(words[0], known)));
      }
      const bool is_there =
          std::any_of(spec.then.begin(), spec.then.end(), [&](const auto& one) { return one.field == words[0]; });
      if (is_there) {
        diagnostics_.Error(item.position, absl::StrCat("field ", Quoted(words[0]),
                                                       " stands twice, and the second never decides; keep one"));
      }
      spec.then.push_back({words[0], words.size() == 2 && words[1] == "desc"});
    }
  }

  void Twice(const YamlNode& list, absl::string_view noun) {
    std::set<std::string> seen;
    for (const YamlNode& item : list.items) {
      if (item.is_scalar() && !seen.insert(item.text).second)
        diagnostics_.Error(item.position, absl::StrCat(noun, " ", Quoted(item.text), " stands twice; keep one"));
    }
  }

  static std::string SuggestNear(const std::string& word, const std::vector<std::string>& known) {
    const std::string nearest = Nearest(word, known);
    return nearest.empty() ? "; write for example fte, start or end"
                           : absl::StrCat("; did you mean ", Quoted(nearest), "?");
  }

  // Sources first: rules and accounts may read what their mappings fill.
  void Systems() {
    for (const std::string& path : unread_) {
      if (KindOf(path) == FileKind::kSystem) Unread(path);
    }
    std::vector<std::pair<const YamlNode*, SystemSpec*>> targets;
    for (const auto& [path, tree] : trees_[FileKind::kSystem]) {
      const YamlNode* kind = tree.Find("kind");
      if (kind == nullptr || (kind->text != "source" && kind->text != "target")) {
        Unread(path);
        continue;
      }
      SystemSpec& system = configuration_.systems[SystemNameOf(path)];
      if (!Common(path, tree, kind->text == "source", system)) {
        // Its kind is wrong, and all else that could be said follows from that.
        configuration_.systems.erase(SystemNameOf(path));
        Unread(path);
        continue;
      }
      if (system.is_source) {
        Source(tree, system);
      } else {
        targets.emplace_back(&tree, &system);
      }
    }
    for (const auto& [tree, system] : targets) {
      ReadTarget(*tree, context_.schemas[system->name], fields_, *system, diagnostics_);
    }
    CheckPrimaryTypes();
    auto root = trees_[FileKind::kRoot].find("sluice.yaml");
    if (root != trees_[FileKind::kRoot].end())
      ReadJoin(root->second, context_.unread_systems, configuration_, diagnostics_);
  }

  void Unread(const std::string& path) {
    context_.unread_systems.push_back(SystemNameOf(path));
    fields_.SetIncomplete();
  }

  // False: the connector is no such kind of system.
  bool Common(const std::string& path, const YamlNode& tree, bool is_source, SystemSpec& system) {
    static const LazyRE2 kName = {"[a-z][a-z0-9_-]*"};
    system.name = SystemNameOf(path);
    system.is_source = is_source;
    system.position = {path, 1, 1};
    if (!RE2::FullMatch(system.name, *kName) || system.name == "role" || system.name == "host") {
      diagnostics_.Error({path}, absl::StrCat("a system cannot be named ", Quoted(system.name),
                                              "; rename the file with small letters, digits, _ and -"));
    }
    if (!Package(tree, system)) return false;
    ReadThresholds(tree, system, diagnostics_);
    const YamlNode* secrets = tree.Find("secrets");
    if (secrets != nullptr && secrets->is_map()) {
      for (const auto& [key, value] : secrets->entries) {
        auto read = ReadSecret(value, key.text, configuration_.folder, SecretContent::kText, options_.checks_secrets,
                               diagnostics_);
        if (read) system.secrets[key.text] = *std::move(read);
      }
    }
    return true;
  }

  bool Package(const YamlNode& tree, SystemSpec& system) {
    const YamlNode* connector = tree.Find("connector");
    if (connector == nullptr || !connector->is_scalar() || connector->text.empty()) return true;
    system.connector = connector->text;
    absl::StatusOr<PackageInfo> found = FindPackage(packages_, system.connector);
    if (!found.ok()) {
      diagnostics_.Error(connector->position, found.status().message());
      return true;
    }
    PackageInfo& package = package_of_[system.name] = *std::move(found);
    if (system.is_source ? !package.is_source : !package.is_target) {
      diagnostics_.Error(tree.Find("kind")->position,
                         absl::StrCat("connector ", package.name, " is no ", system.is_source ? "source" : "target",
                                      "; write kind: ", system.is_source ? "target" : "source"));
      package_of_.erase(system.name);
      return false;
    }
    const YamlNode* settings = tree.Find("settings");
    const YamlNode* secrets = tree.Find("secrets");
    const core::Position& at = connector->position;
    // What is no map was told already; nothing is missing in it.
    if (settings == nullptr || settings->is_map())
      system.settings = ReadSettings(settings, package.settings, at, diagnostics_);
    if (secrets == nullptr || secrets->is_map())
      CheckSecretNames(secrets, package.settings, system.settings, at, diagnostics_);
    if (schemas_ != nullptr) Schema(package, system);
    if (!package.mapping_path.empty()) Mapping(package, system);
    return true;
  }

  void Schema(const PackageInfo& package, const SystemSpec& system) {
    const SystemSchema* schema = schemas_->Find(system.name, package);
    if (schema == nullptr) return;
    kept_schemas_[system.name] = *schema;
    context_.schemas[system.name] = &kept_schemas_[system.name];
  }

  // The package's own mapping, in the same keys as a system's file.
  void Mapping(const PackageInfo& package, const SystemSpec& system) {
    const std::string shown = absl::StrCat(package.name, "/mapping.yaml");
    const std::string content = ReadWholeFile(package.mapping_path, {shown}, diagnostics_);
    if (content.empty()) return;
    configuration_.files[shown] = content;
    auto tree = ParseYaml(shown, content, diagnostics_);
    if (!tree) return fields_.SetIncomplete();
    Diagnostics found;
    CheckKeys(FileKind::kSystem, *tree, found);
    for (const Diagnostic& error : found.TakeErrors()) {
      // It is no whole system's file: connector and kind are the operator's.
      if (!absl::StartsWith(error.message, "key \"connector\" is missing") &&
          !absl::StartsWith(error.message, "key \"kind\" is missing")) {
        diagnostics_.Error(error.position, error.message);
      }
    }
    mappings_[system.name] = *std::move(tree);
  }

  void Source(const YamlNode& tree, SystemSpec& system) {
    if (const YamlNode* grace = tree.Find("vanish_grace")) {
      system.vanish_grace_days = DaysOf(grace->text).value_or(7);
      if (system.vanish_grace_days == 0) {
        diagnostics_.Warn(grace->position,
                          "a person who is left out of one list is ended on that day; give some days, for example 7d");
      }
    }
    auto package = package_of_.find(system.name);
    if (package == package_of_.end()) return fields_.SetIncomplete();
    auto mapping = mappings_.find(system.name);
    ReadMapping(tree, mapping == mappings_.end() ? nullptr : &mapping->second, package->second,
                context_.schemas[system.name], system, fields_, diagnostics_);
  }

  void CheckPrimaryTypes() {
    if (primary_types_ == nullptr) return;
    for (const YamlNode& type : primary_types_->items) {
      if (fields_.IsContractType(type.text)) continue;
      diagnostics_.Error(type.position, absl::StrCat("unknown type of contract ", Quoted(type.text),
                                                     Suggest(type.text, fields_.ContractTypes())));
    }
  }

  void Rules() {
    context_.systems = &configuration_.systems;
    const bool is_complete =
        std::none_of(unread_.begin(), unread_.end(), [](const auto& path) { return KindOf(path) == FileKind::kRoles; });
    configuration_.rules =
        ReadRules(trees_[FileKind::kRoles], trees_[FileKind::kRules], is_complete, context_, fields_, diagnostics_);
    if (configuration_.rules.empty() && !diagnostics_.has_errors()) {
      diagnostics_.Warn({"rules"},
                        "there is no rule, so nobody is given anything and what is held is taken away; write "
                        "one in rules/");
    }
  }

  void Schedules() {
    auto root = trees_[FileKind::kRoot].find("sluice.yaml");
    const YamlNode* schedules = root == trees_[FileKind::kRoot].end() ? nullptr : root->second.Find("schedules");
    if (schedules == nullptr || !schedules->is_map()) return;
    for (const auto& [name, schedule] : schedules->entries) {
      if (!schedule.is_map()) continue;
      const YamlNode* at = schedule.Find("at");
      if (at != nullptr && at->is_scalar() && !IsCronTime(at->text)) {
        diagnostics_.Error(
            at->position,
            absl::StrCat(
                at->Describe(),
                " is no time; write minute, hour, day, month and day of the week, for example \"30 3 * * *\""));
      }
      const YamlNode *sources = schedule.Find("import"), *enforce = schedule.Find("enforce");
      if (sources == nullptr && (enforce == nullptr || enforce->text == "false")) {
        diagnostics_.Error(name.position, absl::StrCat("schedule ", Quoted(name.text),
                                                       " does nothing; add import: and the sources, or enforce: true"));
      }
      if (sources == nullptr) continue;
      Twice(*sources, "source");
      for (const YamlNode& source : sources->items) {
        if (source.is_scalar()) Import(source);
      }
    }
  }

  void Import(const YamlNode& source) {
    std::vector<std::string> known;
    for (const auto& [name, system] : configuration_.systems) {
      if (!system.is_source) continue;
      if (name == source.text) return;
      known.push_back(name);
    }
    const auto& unread = context_.unread_systems;
    if (std::find(unread.begin(), unread.end(), source.text) != unread.end()) return;
    diagnostics_.Error(source.position,
                       absl::StrCat("unknown source ", Quoted(source.text), Suggest(source.text, known)));
  }

  void Hash() {
    nlohmann::json all = nlohmann::json::array();
    for (const auto& [path, content] : configuration_.files) all.push_back({path, base::Sha256Hex(content)});
    configuration_.hash = base::Sha256Hex(base::CanonicalJson(all));
  }

  const Packages& packages_;
  const Schemas* schemas_;
  const LoadOptions& options_;
  Diagnostics& diagnostics_;
  Configuration configuration_;
  std::map<FileKind, Trees> trees_;
  std::set<std::string> unread_;  // Files that are no YAML.
  KnownFields fields_;
  GrantContext context_;
  std::map<std::string, PackageInfo> package_of_;     // By system.
  std::map<std::string, SystemSchema> kept_schemas_;  // By system.
  std::map<std::string, YamlNode> mappings_;          // By system.
  const YamlNode* primary_types_ = nullptr;
};

}  // namespace

absl::Status LoadResult::ToStatus() const {
  if (ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrJoin(errors, "\n", [](std::string* out, const Diagnostic& error) { out->append(error.ToString()); }));
}

LoadResult Load(const std::string& folder, const Packages& packages, const Schemas* schemas,
                const LoadOptions& options) {
  Diagnostics diagnostics;
  const std::map<std::string, std::string> files = ReadFolder(folder, diagnostics);
  if (files.empty() && diagnostics.has_errors()) return {nullptr, diagnostics.TakeErrors(), {}};
  return Loader(folder, packages, schemas, options, diagnostics).Run(files);
}

LoadResult LoadFiles(const std::string& folder, const std::map<std::string, std::string>& files,
                     const Packages& packages, const Schemas* schemas, const LoadOptions& options) {
  Diagnostics diagnostics;
  return Loader(folder, packages, schemas, options, diagnostics).Run(files);
}

}  // namespace sluice::config
