// The checker of names and shapes, driven by the table of keys.
#include <algorithm>
#include <map>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/config/keys.h"

namespace sluice::config {
namespace {

struct Level {
  const Key* key = nullptr;
  std::map<std::string, std::unique_ptr<Level>> named;
  std::unique_ptr<Level> any;  // "<...>"
};

Level BuildLevels(FileKind file) {
  Level root;
  for (const Key& key : Keys()) {
    if (key.file != file) continue;
    Level* level = &root;
    if (!key.path.empty()) {
      for (absl::string_view part : absl::StrSplit(key.path, '/')) {
        std::unique_ptr<Level>& next = part.front() == '<' ? level->any : level->named[std::string(part)];
        if (next == nullptr) next = std::make_unique<Level>();
        level = next.get();
      }
    }
    level->key = &key;
  }
  return root;
}

class Checker {
 public:
  Checker(FileKind file, const YamlNode& root, Diagnostics& diagnostics) : diagnostics_(diagnostics) {
    const YamlNode* kind = file == FileKind::kSystem ? root.Find("kind") : nullptr;
    if (kind != nullptr && kind->text == "source") excluded_ = AppliesTo::kTarget;
    if (kind != nullptr && kind->text == "target") excluded_ = AppliesTo::kSource;
  }

  void Entries(const Level& level, const YamlNode& map, const std::string& path) {
    for (const auto& [key, value] : map.entries) Entry(level, key, value, path);
    for (const auto& [name, child] : level.named) {
      if (child->key->required && map.Find(name) == nullptr && !IsMeant(level, map, name)) {
        diagnostics_.Error(map.position, absl::StrCat("key ", Quoted(name), " is missing",
                                                      path.empty() ? "" : absl::StrCat(" in ", Quoted(path)), "; ",
                                                      "add it: ", child->key->help));
      }
    }
  }

  // A list of maps, or with `may_be_one` one map in place of it.
  void Items(const Level& level, const YamlNode& node, const std::string& path, bool may_be_one) {
    if (may_be_one && node.is_map()) return Entries(level, node, path);
    if (!node.is_list())
      return Wrong(node, path, may_be_one ? "a map, or a list of maps" : "a list, each item after \"- \"");
    for (const YamlNode& item : node.items) {
      if (item.is_map()) {
        Entries(level, item, path);
      } else {
        Wrong(item, path.empty() ? "an item" : absl::StrCat("an item of ", path), "a map of keys and values");
      }
    }
  }

  void Wrong(const YamlNode& node, const std::string& path, absl::string_view wanted) {
    const bool is_item = absl::StartsWith(path, "an item");
    diagnostics_.Error(node.position, absl::StrCat(path.empty() ? "the file"
                                                   : is_item    ? path
                                                                : Quoted(path),
                                                   " is ", node.Describe(), "; write ", wanted));
  }

 private:
  // An unknown key of the map that was told to be this one.
  static bool IsMeant(const Level& level, const YamlNode& map, const std::string& name) {
    return level.any == nullptr && std::any_of(map.entries.begin(), map.entries.end(), [&](const auto& entry) {
             return !level.named.contains(entry.first.text) && Nearest(entry.first.text, {name}) == name;
           });
  }

  void Entry(const Level& level, const YamlNode& key, const YamlNode& value, const std::string& path) {
    auto found = level.named.find(key.text);
    const Level* child = found != level.named.end() ? found->second.get() : level.any.get();
    const std::string here = path.empty() ? key.text : absl::StrCat(path, ".", key.text);
    if (child == nullptr) {
      std::vector<std::string> known;
      for (const auto& [name, one] : level.named) {
        if (one->key->applies != excluded_ || excluded_ == AppliesTo::kBoth) known.push_back(name);
      }
      diagnostics_.Error(key.position, absl::StrCat("unknown key ", Quoted(key.text), Suggest(key.text, known)));
      return;
    }
    if (excluded_ != AppliesTo::kBoth && child->key->applies == excluded_) {
      const bool is_source = excluded_ == AppliesTo::kTarget;
      diagnostics_.Error(key.position,
                         absl::StrCat("key ", Quoted(key.text), " belongs to a ", is_source ? "target" : "source",
                                      " and this system is a ", is_source ? "source" : "target", "; remove it"));
      return;
    }
    Shape(*child, value, here);
  }

  void Shape(const Level& level, const YamlNode& value, const std::string& path) {
    switch (level.key->type) {
      case KeyType::kMap:
        return value.is_map() ? Entries(level, value, path) : Wrong(value, path, "a map of keys and values");
      case KeyType::kFreeMap:
        return value.is_map() ? void() : Wrong(value, path, "a map of keys and values");
      case KeyType::kMapOrList:
        return Items(level, value, path, true);
      case KeyType::kList:
        return Items(level, value, path, false);
      case KeyType::kCondition:
        return value.is_map() ? void()
                              : Wrong(value, path, "a condition, for example { some_contract: { type: placement } }");
      case KeyType::kTextList:
      case KeyType::kTemplateList:
        return Texts(*level.key, value, path);
      case KeyType::kTemplate:
        return value.is_scalar() || value.is_null() ? void() : Wrong(value, path, "text, or null to clear it");
      case KeyType::kAccountField:
        if (value.is_map()) return Entries(level, value, path);
        return value.is_list() ? Wrong(value, path, "text, null to clear it, or a map with candidates or value")
                               : void();
      default:
        return value.is_scalar() ? Word(*level.key, value, path) : Wrong(value, path, WantedWord(*level.key));
    }
  }

  void Texts(const Key& key, const YamlNode& value, const std::string& path) {
    if (!value.is_list() || value.items.empty()) {
      YamlNode shown;
      shown.position = value.position;
      return Wrong(value.is_list() ? shown : value, path,
                   key.type == KeyType::kTextList ? "a list, for example [one, two]" : "a list of templates");
    }
    for (const YamlNode& item : value.items) {
      if (!item.is_scalar()) Wrong(item, absl::StrCat("an item of ", path), "text");
    }
  }

  static std::string WantedWord(const Key& key) {
    switch (key.type) {
      case KeyType::kInteger:
        return "a whole number";
      case KeyType::kFlag:
        return "true or false";
      case KeyType::kDuration:
        return "a number of days, for example 7d";
      case KeyType::kChoice:
        return JoinOr(key.choices);
      case KeyType::kSecret:
        return "a reference: env:NAME, file:/path or exec:/program";
      default:
        return "text on one line";
    }
  }

  void Word(const Key& key, const YamlNode& value, const std::string& path) {
    bool is_good = true;
    switch (key.type) {
      case KeyType::kInteger:
        is_good = !value.is_quoted && IntegerOf(value.text).has_value();
        break;
      case KeyType::kFlag:
        is_good = !value.is_quoted && (value.text == "true" || value.text == "false");
        break;
      case KeyType::kDuration:
        is_good = DaysOf(value.text).has_value();
        break;
      case KeyType::kChoice:
        is_good = std::find(key.choices.begin(), key.choices.end(), value.text) != key.choices.end();
        break;
      case KeyType::kSecret:
        return;  // Its own reader speaks without showing what may be a secret.
      default:
        is_good = !value.text.empty() && !absl::StrContains(value.text, '\n');
    }
    // What should be "generate" may be a password: it is not repeated.
    if (!is_good && key.choices.size() == 1) {
      diagnostics_.Error(value.position, absl::StrCat(Quoted(path), " is something else; write ", key.choices[0]));
      return;
    }
    if (!is_good) Wrong(value, path, WantedWord(key));
  }

  Diagnostics& diagnostics_;
  AppliesTo excluded_ = AppliesTo::kBoth;  // kBoth: nothing.
};

}  // namespace

void CheckKeys(FileKind file, const YamlNode& root, Diagnostics& diagnostics) {
  const Level levels = BuildLevels(file);
  Checker checker(file, root, diagnostics);
  if (file == FileKind::kRoles || file == FileKind::kRules) return checker.Items(levels, root, "", false);
  if (!root.is_map()) return checker.Wrong(root, "", "a map of keys and values");
  checker.Entries(levels, root, "");
}

}  // namespace sluice::config
