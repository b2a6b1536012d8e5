#include "host/config/diff.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/config/folder.h"
#include "host/config/yaml.h"

namespace sluice::config {
namespace {

using Kind = ConfigChange::Kind;

constexpr size_t kMostShown = 100;

// A value on one line, the same for the same meaning.
std::string Written(const YamlNode& node) {
  std::vector<std::string> parts;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      // A quoted number is another thing than a number.
      return node.is_quoted && ValueOfWord(node.text).kind() != core::Value::Kind::kText ? Quoted(node.text)
                                                                                         : node.text;
    case YamlNode::Kind::kList:
      for (const YamlNode& item : node.items) parts.push_back(Written(item));
      return absl::StrCat("[", absl::StrJoin(parts, ", "), "]");
    case YamlNode::Kind::kMap:
      for (const auto& [key, value] : node.entries) parts.push_back(absl::StrCat(key.text, ": ", Written(value)));
      std::sort(parts.begin(), parts.end());
      return absl::StrCat("{ ", absl::StrJoin(parts, ", "), " }");
  }
  return "";
}

std::string Shown(const std::string& text) {
  if (text.size() <= kMostShown) return text;
  size_t end = kMostShown;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), "...");
}

struct Piece {
  std::string file;
  YamlNode node;
};
// What is compared as one: a file of its own, or a rule or role by its name, wherever it stands.
using Pieces = std::map<std::string, Piece>;

Pieces PiecesOf(const core::Configuration& configuration) {
  Pieces pieces;
  for (const auto& [path, content] : configuration.files) {
    Diagnostics ignored;
    auto tree = ParseYaml(path, content, ignored);
    if (!tree) continue;
    const auto kind = KindOf(path);
    if (kind != FileKind::kRoles && kind != FileKind::kRules) {
      pieces[path] = {path, *std::move(tree)};
      continue;
    }
    const std::string word = kind == FileKind::kRoles ? "role" : "rule";
    for (YamlNode& item : tree->items) {
      const YamlNode* name = item.Find(word);
      if (name == nullptr) continue;
      const std::string key = absl::StrCat(word, " ", Quoted(name->text));
      pieces[key] = {path, std::move(item)};
    }
  }
  return pieces;
}

class Comparer {
 public:
  std::vector<ConfigChange> changes;

  void Maps(const std::string& file, const std::string& piece, const std::string& path, const YamlNode& before,
            const YamlNode& after) {
    for (const auto& [key, value] : before.entries) {
      Values(file, piece, Join(path, key.text), &value, after.Find(key.text));
    }
    for (const auto& [key, value] : after.entries) {
      if (before.Find(key.text) == nullptr) Values(file, piece, Join(path, key.text), nullptr, &value);
    }
  }

 private:
  static std::string Join(const std::string& path, const std::string& key) {
    return path.empty() ? key : absl::StrCat(path, ".", key);
  }

  void Values(const std::string& file, const std::string& piece, const std::string& path, const YamlNode* before,
              const YamlNode* after) {
    const std::string what = piece.empty() ? path : absl::StrCat(piece, ": ", path);
    if (before == nullptr || after == nullptr) {
      const YamlNode& one = before == nullptr ? *after : *before;
      const std::string written = Shown(Written(one));
      changes.push_back({before == nullptr ? Kind::kAdded : Kind::kRemoved, file, what,
                         before == nullptr ? "" : written, before == nullptr ? written : ""});
      return;
    }
    if (before->is_map() && after->is_map()) return Maps(file, piece, path, *before, *after);
    if (Items(file, piece, path, *before, *after)) return;
    const std::string old_text = Written(*before), new_text = Written(*after);
    if (old_text != new_text) changes.push_back({Kind::kChanged, file, what, Shown(old_text), Shown(new_text)});
  }

  // Lists of maps of one length, such as an account's, are compared item by item.
  bool Items(const std::string& file, const std::string& piece, const std::string& path, const YamlNode& before,
             const YamlNode& after) {
    if (!before.is_list() || !after.is_list() || before.items.size() != after.items.size()) return false;
    auto is_map = [](const YamlNode& node) { return node.is_map(); };
    if (!std::all_of(before.items.begin(), before.items.end(), is_map)) return false;
    if (!std::all_of(after.items.begin(), after.items.end(), is_map)) return false;
    for (size_t i = 0; i < before.items.size(); ++i) {
      Maps(file, piece, absl::StrCat(path, "[", i + 1, "]"), before.items[i], after.items[i]);
    }
    return true;
  }
};

bool IsFile(const std::string& key, const Piece& piece) { return key == piece.file; }

}  // namespace

std::string ConfigChange::ToString() const {
  const std::string start = what.empty() ? file : absl::StrCat(file, ": ", what);
  switch (kind) {
    case Kind::kAdded:
      return after.empty() ? absl::StrCat(start, " added") : absl::StrCat(start, ": added ", after);
    case Kind::kRemoved:
      return before.empty() ? absl::StrCat(start, " removed") : absl::StrCat(start, ": removed ", before);
    case Kind::kMoved:
      return absl::StrCat(start, " moved here from ", before);
    case Kind::kChanged:
      return absl::StrCat(start, ": ", before, " -> ", after);
  }
  return start;
}

std::vector<ConfigChange> Diff(const core::Configuration& before, const core::Configuration& after) {
  const Pieces old_pieces = PiecesOf(before), new_pieces = PiecesOf(after);
  Comparer comparer;
  for (const auto& [key, piece] : old_pieces) {
    const std::string what = IsFile(key, piece) ? "" : key;
    auto found = new_pieces.find(key);
    if (found == new_pieces.end()) {
      comparer.changes.push_back({Kind::kRemoved, piece.file, what, "", ""});
      continue;
    }
    if (found->second.file != piece.file) {
      comparer.changes.push_back({Kind::kMoved, found->second.file, what, piece.file, ""});
    }
    comparer.Maps(found->second.file, what, "", piece.node, found->second.node);
  }
  for (const auto& [key, piece] : new_pieces) {
    if (old_pieces.contains(key)) continue;
    comparer.changes.push_back({Kind::kAdded, piece.file, IsFile(key, piece) ? "" : key, "", ""});
  }
  std::stable_sort(comparer.changes.begin(), comparer.changes.end(),
                   [](const auto& a, const auto& b) { return std::tie(a.file, a.what) < std::tie(b.file, b.what); });
  return comparer.changes;
}

}  // namespace sluice::config
