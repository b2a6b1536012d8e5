#include "host/config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "re2/re2.h"

namespace sluice::config {
namespace {

using core::Position;
using core::Value;

constexpr size_t kMostDescribed = 60;
constexpr size_t kMostInvisible = 20;  // Are told of one file.
constexpr size_t kDeepest = 60;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr char kAliasMessage[] = "an alias (*) repeats another part of the file; write out what it stands for";

// The lines of a file, to turn yaml-cpp's byte columns into columns of characters.
class Lines {
 public:
  Lines(std::string file, absl::string_view content) : file_(std::move(file)) {
    for (absl::string_view line : absl::StrSplit(content, '\n')) lines_.push_back(line);
  }

  Position At(int line, int byte_column) const {
    Position position{file_, line + 1, byte_column + 1};
    if (line < 0 || static_cast<size_t>(line) >= lines_.size()) return {file_, std::max(line + 1, 1), 1};
    absl::string_view before = lines_[line].substr(0, byte_column);
    position.column = 1 + std::count_if(before.begin(), before.end(), [](char c) { return (c & 0xC0) != 0x80; });
    return position;
  }
  Position At(const YAML::Mark& mark) const { return At(mark.line, mark.column); }

  // The rest of the file from a mark on.
  char CharAt(int line, int byte_column) const {
    if (line < 0 || static_cast<size_t>(line) >= lines_.size()) return '\0';
    return static_cast<size_t>(byte_column) < lines_[line].size() ? lines_[line][byte_column] : '\0';
  }
  absl::string_view RestOf(int line, int byte_column) const {
    if (line < 0 || static_cast<size_t>(line) >= lines_.size()) return "";
    return static_cast<size_t>(byte_column) < lines_[line].size() ? lines_[line].substr(byte_column) : "";
  }
  size_t size() const { return lines_.size(); }
  absl::string_view line(size_t index) const { return lines_[index]; }

  // Whether the quotation that starts here has an end.
  bool IsClosed(int line, int byte_column) const {
    const char quote = CharAt(line, byte_column);
    for (size_t at = byte_column + 1; static_cast<size_t>(line) < lines_.size(); ++line, at = 0) {
      absl::string_view text = lines_[line];
      for (; at < text.size(); ++at) {
        if (quote == '"' && text[at] == '\\') {
          ++at;
        } else if (text[at] == quote) {
          if (quote == '\'' && at + 1 < text.size() && text[at + 1] == quote) {
            ++at;
          } else {
            return true;
          }
        }
      }
    }
    return false;
  }

 private:
  std::string file_;
  std::vector<absl::string_view> lines_;
};

bool IsControl(unsigned char c) { return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f; }

// As word processors write them, at both ends: one alone may be an apostrophe ('s-Hertogenbosch).
bool IsInTypographicQuotes(absl::string_view text) {
  bool begins = false, ends = false;
  for (absl::string_view quote :
       {"\u2018", "\u2019", "\u201A", "\u201B", "\u201C", "\u201D", "\u201E", "\u201F", "\u00AB", "\u00BB"}) {
    begins |= absl::StartsWith(text, quote);
    ends |= absl::EndsWith(text, quote);
  }
  return begins && ends && text.size() > 3;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Lines& lines, Diagnostics& diagnostics) : lines_(lines), diagnostics_(diagnostics) {}

  YamlNode root;
  int documents = 0;
  bool failed = false;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents == 2) Fail(mark, "a second document starts here; keep one, without \"---\" or \"...\"");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    CheckDecorations(mark, "", anchor);
    YamlNode node;
    node.position = lines_.At(mark);
    // yaml-cpp gives an absent value the place of what follows it.
    if (!open_.empty() && open_.back().node.is_map() && open_.back().has_key) node.position = open_.back().key.position;
    Add(std::move(node), mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, kAliasMessage);
    Add(YamlNode(), mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckDecorations(mark, tag, anchor);
    // Escapes of a text in quotation marks can make what may not stand in the file itself.
    if (std::any_of(value.begin(), value.end(), [](char c) { return IsControl(static_cast<unsigned char>(c)); })) {
      Fail(mark, "this text has a control character in it; leave it out");
    }
    if (tag == "?" && IsInTypographicQuotes(value)) {
      Fail(mark, "typographic quotation marks are part of the text; write plain ones (\"), or none");
    }
    YamlNode node;
    node.kind = YamlNode::Kind::kScalar;
    node.position = lines_.At(mark);
    node.text = value;
    node.is_quoted = tag == "!";
    SetTextStart(mark, node);
    Add(std::move(node), mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct OpenNode {
    YamlNode node;
    YAML::Mark mark;
    YamlNode key;
    bool has_key = false;
  };

  void Fail(const YAML::Mark& mark, absl::string_view message) {
    failed = true;
    diagnostics_.Error(lines_.At(mark), message);
  }

  void CheckDecorations(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Fail(mark, "an anchor (&) has no meaning here; write the value where it is used");
    if (!tag.empty() && tag != "?" && tag != "!") {
      Fail(mark, "a tag (!) has no meaning here; write text in quotation marks and numbers without");
    }
  }

  void SetTextStart(const YAML::Mark& mark, YamlNode& node) {
    if (!node.is_quoted) {
      node.is_text_start = absl::StartsWith(lines_.RestOf(mark.line, mark.column), node.text);
      return;
    }
    const char first = lines_.CharAt(mark.line, mark.column);
    if (first != '"' && first != '\'') return;  // A block of text.
    if (!lines_.IsClosed(mark.line, mark.column)) Fail(mark, "a quotation mark is not closed; close it");
    node.is_text_start = absl::StartsWith(lines_.RestOf(mark.line, mark.column + 1), node.text);
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    CheckDecorations(mark, tag, anchor);
    if (open_.size() == kDeepest) Fail(mark, "lists and maps are nested too deeply here; 60 levels are the most");
    OpenNode open;
    open.node.kind = kind;
    open.node.position = lines_.At(mark);
    open.mark = mark;
    open_.push_back(std::move(open));
  }

  void Close() {
    OpenNode closed = std::move(open_.back());
    open_.pop_back();
    Add(std::move(closed.node), closed.mark);
  }

  void Add(YamlNode node, const YAML::Mark& mark) {
    if (open_.empty()) {
      if (documents == 1) root = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.has_key) {
      parent.has_key = false;
      AddEntry(parent, std::move(node));
    } else {
      if (!node.is_scalar()) Fail(mark, absl::StrCat("a key must be one word or text, not ", node.Describe()));
      parent.key = std::move(node);
      parent.has_key = true;
    }
  }

  void AddEntry(OpenNode& parent, YamlNode value) {
    if (parent.key.is_scalar() && parent.key.text.empty()) {
      failed = true;
      diagnostics_.Error(parent.key.position, "a key is empty; name it");
    }
    if (const YamlNode* first = parent.node.FindKey(parent.key.text)) {
      failed = true;
      diagnostics_.Error(parent.key.position,
                         absl::StrCat("key ", Quoted(parent.key.text), " stands twice, first in line ",
                                      first->position.line, "; keep one of them"));
      return;
    }
    parent.node.entries.push_back({std::move(parent.key), std::move(value)});
  }

  const Lines& lines_;
  Diagnostics& diagnostics_;
  std::vector<OpenNode> open_;
};

// The length of the character of UTF-8 at the start of `text`; 0 when it is none. A zero byte is none either: it is
// what UTF-16 has between its letters.
size_t LengthOfCharacter(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const size_t length = byte(0) < 0x80                      ? 1
                        : byte(0) >= 0xC2 && byte(0) < 0xE0 ? 2
                        : byte(0) >= 0xE0 && byte(0) < 0xF0 ? 3
                        : byte(0) >= 0xF0 && byte(0) < 0xF5 ? 4
                                                            : 0;
  if (byte(0) == 0) return 0;
  for (size_t k = 1; k < length; ++k) {
    if ((byte(k) & 0xC0) != 0x80) return 0;
  }
  // Written longer than need be, a half of a pair, or beyond the last character.
  const bool is_none = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) >= 0xA0) ||
                       (byte(0) == 0xF0 && byte(1) < 0x90) || (byte(0) == 0xF4 && byte(1) >= 0x90);
  return is_none ? 0 : length;
}

// What a character that nobody sees is called; "" for every other.
std::string NameOfInvisible(absl::string_view character) {
  static const auto* const names = new std::vector<std::pair<absl::string_view, absl::string_view>>{
      {"\u00A0", "a no-break space"},   {"\u202F", "a no-break space"},      {"\u00AD", "a soft hyphen"},
      {"\u200B", "a zero-width space"}, {"\u2060", "a word joiner"},         {"\uFEFF", "a byte-order mark"},
      {"\u2028", "a line separator"},   {"\u2029", "a paragraph separator"}, {"\u200E", "a mark of direction"},
      {"\u200F", "a mark of direction"}};
  for (const auto& [one, name] : *names) {
    if (one == character) return std::string(name);
  }
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(i < character.size() ? character[i] : 0); };
  if (byte(0) == 0xE2 && ((byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE) ||
                          (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9))) {
    return "a mark of direction";
  }
  if (byte(0) == '\r') return "an old Macintosh's line end";
  const bool is_control = character.size() == 1 ? IsControl(byte(0)) : byte(0) == 0xC2 && byte(1) < 0xA0;
  return is_control ? "a control character" : "";
}

// Every character is one, and can be seen.
bool CheckCharacters(const Lines& lines, Diagnostics& diagnostics) {
  size_t invisible = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::string_view line = lines.line(i);
    absl::ConsumeSuffix(&line, "\r");
    for (size_t at = 0; at < line.size();) {
      const size_t length = LengthOfCharacter(line.substr(at));
      const auto here = [&] { return lines.At(static_cast<int>(i), static_cast<int>(at)); };
      if (length == 0) {
        diagnostics.Error(here(), "the file is not text in UTF-8 from here on; save it as UTF-8");
        return false;
      }
      const bool is_plain = length == 1 && line[at] >= ' ' && line[at] < '\x7f';
      const std::string name = is_plain ? "" : NameOfInvisible(line.substr(at, length));
      if (!name.empty() && invisible++ < kMostInvisible) {
        diagnostics.Error(
            here(), absl::StrCat(name, " stands here and cannot be seen; write a plain space or line end, or nothing"));
      }
      at += length;
    }
  }
  return invisible == 0;
}

bool CheckText(const std::string& file, const std::string& content, const Lines& lines, Diagnostics& diagnostics) {
  if (content.size() > kMostFileBytes) {
    diagnostics.Error({file}, "the file is larger than 4 MiB; divide it");
    return false;
  }
  if (!CheckCharacters(lines, diagnostics)) return false;
  bool is_good = true;
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::string_view line = lines.line(i);
    const size_t blank = line.find_first_not_of(' ');
    if (blank == absl::string_view::npos || line[blank] != '\t') continue;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    diagnostics.Error({file, static_cast<int>(i) + 1, static_cast<int>(blank) + 1},
                      "a tab indents this line; indent with spaces");
    is_good = false;
  }
  return is_good;
}

// yaml-cpp's messages in words for somebody who does not write parsers.
std::string Explain(const std::string& message) {
  if (message == YAML::ErrorMsg::MAP_VALUE) {
    return "a second \":\" on one line, or a line that is indented wrongly; put text with \":\" in quotation marks";
  }
  if (message == YAML::ErrorMsg::END_OF_MAP_FLOW) return "a \"{\" is not closed before this; close it with \"}\"";
  if (message == YAML::ErrorMsg::END_OF_SEQ_FLOW) return "a \"[\" is not closed before this; close it with \"]\"";
  if (message == YAML::ErrorMsg::END_OF_MAP || message == YAML::ErrorMsg::END_OF_SEQ) {
    return "this line does not fit what stands above it; check its indentation";
  }
  if (absl::StartsWith(message, YAML::ErrorMsg::UNKNOWN_ANCHOR)) return kAliasMessage;
  return absl::StrCat("this is not YAML (", message, "); check indentation, quotation marks and brackets");
}

}  // namespace

const YamlNode* YamlNode::Find(absl::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

const YamlNode* YamlNode::FindKey(absl::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.text == key) return &name;
  }
  return nullptr;
}

core::Position YamlNode::PositionAt(size_t offset) const {
  Position result = position;
  if (!is_text_start || offset > text.size()) return result;
  absl::string_view before = absl::string_view(text).substr(0, offset);
  result.column += std::count_if(before.begin(), before.end(), [](char c) { return (c & 0xC0) != 0x80; });
  if (is_quoted) ++result.column;
  return result;
}

core::Value YamlNode::ToValue() const {
  switch (kind) {
    case Kind::kNull:
      return Value::Empty();
    case Kind::kScalar:
      return is_quoted ? Value::Text(text) : ValueOfWord(text);
    case Kind::kList: {
      Value::List list;
      for (const YamlNode& item : items) list.push_back(item.ToValue());
      return Value::ListOf(std::move(list));
    }
    case Kind::kMap: {
      Value::Map map;
      for (const auto& [key, value] : entries) map[key.text] = value.ToValue();
      return Value::MapOf(std::move(map));
    }
  }
  return Value();
}

std::string YamlNode::Describe() const {
  switch (kind) {
    case Kind::kNull:
      return "empty";
    case Kind::kScalar:
      return Quoted(Start(text, kMostDescribed));
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "";
}

std::optional<int64_t> IntegerOf(absl::string_view text) {
  static const LazyRE2 kInteger = {"-?(0|[1-9][0-9]*)"};
  int64_t number = 0;
  if (!RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *kInteger)) return std::nullopt;
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

std::optional<absl::CivilDay> DayOf(absl::string_view text) {
  static const LazyRE2 kDay = {"([0-9]{4})-([0-9]{2})-([0-9]{2})"};
  int year = 0, month = 0, day = 0;
  if (!RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *kDay, &year, &month, &day)) return std::nullopt;
  const absl::CivilDay civil(year, month, day);
  if (civil.month() != month || civil.day() != day) return std::nullopt;
  return civil;
}

core::Value ValueOfWord(absl::string_view word) {
  static const LazyRE2 kDecimal = {"(-?)(0|[1-9][0-9]{0,11})\\.([0-9]{1,6})"};
  if (word == "true") return Value::Flag(true);
  if (word == "false") return Value::Flag(false);
  if (auto number = IntegerOf(word)) return Value::Integer(*number);
  if (auto day = DayOf(word)) return Value::Date(*day);
  std::string sign, whole, fraction;
  if (RE2::FullMatch(re2::StringPiece(word.data(), word.size()), *kDecimal, &sign, &whole, &fraction)) {
    fraction.resize(6, '0');
    int64_t high = 0, low = 0;
    if (absl::SimpleAtoi(whole, &high) && absl::SimpleAtoi(fraction, &low)) {
      const int64_t millionths = high * 1000000 + low;
      return Value::Number({sign.empty() ? millionths : -millionths});
    }
  }
  return Value::Text(word);
}

std::optional<YamlNode> ParseYaml(const std::string& file, const std::string& whole, Diagnostics& diagnostics) {
  const std::string content = absl::StartsWith(whole, kByteOrderMark) ? whole.substr(kByteOrderMark.size()) : whole;
  const Lines lines(file, content);
  if (!CheckText(file, content, lines, diagnostics)) return std::nullopt;
  std::istringstream in(content);
  TreeBuilder builder(lines, diagnostics);
  try {
    YAML::Parser parser(in);
    while (!builder.failed && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    if (!builder.failed) diagnostics.Error(lines.At(error.mark), Explain(error.msg));
    return std::nullopt;
  } catch (const std::exception&) {
    diagnostics.Error({file}, "this is not YAML; check the file");
    return std::nullopt;
  }
  if (builder.failed) return std::nullopt;
  if (builder.documents == 0 || builder.root.is_null()) {
    diagnostics.Error({file}, "the file is empty; fill it, or remove it");
    return std::nullopt;
  }
  return std::move(builder.root);
}

}  // namespace sluice::config
