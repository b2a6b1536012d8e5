#include "host/plugin/log_lines.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "host/core/configuration.h"
#include "nlohmann/json.hpp"

namespace sluice::plugin {
namespace {

using nlohmann::json;

constexpr size_t kMaxMessageBytes = 4096;
constexpr size_t kMaxFieldBytes = 256;
constexpr size_t kMaxRecentBytes = 512;
// What the SDK writes beside level and message. Another key is left out: a plugin does not choose our fields.
constexpr std::array<absl::string_view, 12> kKnownFields = {"run",         "scope",   "object_class", "operation",
                                                            "code",        "page",    "count",        "status",
                                                            "duration_ms", "attempt", "records",      "error"};

// The length of the UTF-8 sequence at the start of `text`; 0 if there is none.
size_t SequenceLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = byte(0) < 0x80                      ? 1
                        : byte(0) >= 0xc2 && byte(0) < 0xe0 ? 2
                        : byte(0) >= 0xe0 && byte(0) < 0xf0 ? 3
                        : byte(0) >= 0xf0 && byte(0) < 0xf5 ? 4
                                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (length == 3 && byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
  if (length == 3 && byte(0) == 0xed && byte(1) >= 0xa0) return 0;
  if (length == 4 && byte(0) == 0xf0 && byte(1) < 0x90) return 0;
  if (length == 4 && byte(0) == 0xf4 && byte(1) >= 0x90) return 0;
  return length;
}

// C0, DEL, C1 (a terminal obeys those too) and the characters that turn the direction of text around.
bool IsControl(absl::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
  if (sequence.size() == 2) return first == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
  if (sequence.size() == 3 && first == 0xe2) {
    const auto second = static_cast<unsigned char>(sequence[1]), third = static_cast<unsigned char>(sequence[2]);
    return (second == 0x80 && third >= 0xa8 && third <= 0xae) || (second == 0x81 && third >= 0xa6 && third <= 0xa9);
  }
  return false;
}

base::LogLevel LevelOf(const json& level, base::LogLevel otherwise) {
  if (!level.is_string()) return otherwise;
  const auto& name = level.get_ref<const std::string&>();
  if (name == "debug" || name == "trace") return base::LogLevel::kDebug;
  if (name == "info") return base::LogLevel::kInfo;
  if (name == "warning" || name == "warn") return base::LogLevel::kWarning;
  if (name == "error" || name == "critical" || name == "fatal") return base::LogLevel::kError;
  return otherwise;
}

// As it is, as an address or a form has it, and as it stands within base64 of something longer ("id:secret"), wherever
// it begins there: of three possible places, without the characters that its neighbours have a part in.
void AddForms(const std::string& secret, std::vector<std::string>& forms) {
  forms.push_back(secret);
  std::string upper, lower;
  for (const char c : secret) {
    const bool is_plain =
        absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~';
    absl::StrAppend(&upper, is_plain ? std::string(1, c) : absl::StrFormat("%%%02X", static_cast<unsigned char>(c)));
    absl::StrAppend(&lower, is_plain ? std::string(1, c) : absl::StrFormat("%%%02x", static_cast<unsigned char>(c)));
  }
  for (const std::string& form : {upper, lower}) {
    if (form != secret) forms.push_back(form);
  }
  for (const size_t before : {0, 1, 2}) {
    const std::string encoded = absl::Base64Escape(std::string(before, '\0') + secret);
    const size_t from = before == 0 ? 0 : before + 1, to = (before + secret.size()) * 8 / 6;
    const std::string inner = encoded.substr(from, to - from);
    forms.push_back(inner);
    forms.push_back(absl::StrReplaceAll(inner, {{"+", "-"}, {"/", "_"}}));
  }
}

absl::string_view LevelName(base::LogLevel level) {
  switch (level) {
    case base::LogLevel::kDebug:
      return "debug";
    case base::LogLevel::kInfo:
      return "info";
    case base::LogLevel::kWarning:
      return "warning";
    case base::LogLevel::kError:
      return "error";
  }
  return "info";
}

}  // namespace

std::string HarmlessText(absl::string_view text, size_t max_bytes) {
  std::string out;
  out.reserve(std::min(text.size(), max_bytes) + 3);
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    const bool is_shown = length > 0 && !IsControl(text.substr(0, length));
    if (out.size() + std::max<size_t>(length, 1) > max_bytes) return absl::StrCat(out, "...");
    if (is_shown) {
      absl::StrAppend(&out, text.substr(0, length));
    } else {
      out.push_back(text[0] == '\t' ? ' ' : '?');
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

std::string WithoutSecrets(std::string text, const std::vector<std::string>& secrets) {
  std::vector<std::string> forms;
  for (const std::string& secret : secrets) {
    if (secret.size() >= core::kShortestHiddenSecret) AddForms(secret, forms);
  }
  // A secret may be the beginning of another: the longer one goes first, or its rest would stay.
  std::sort(forms.begin(), forms.end(), [](const std::string& a, const std::string& b) {
    return std::make_pair(b.size(), b) < std::make_pair(a.size(), a);
  });
  for (const std::string& form : forms) absl::StrReplaceAll({{form, "***"}}, &text);
  return text;
}

std::string LogLine::ToText() const {
  std::string text = absl::StrCat(LevelName(level), ": ", message);
  if (fields.empty()) return text;
  absl::string_view separator = " (";
  for (const auto& [key, value] : fields) {
    absl::StrAppend(&text, separator, key, "=", value);
    separator = ", ";
  }
  return absl::StrCat(text, ")");
}

LogLine ParseLogLine(absl::string_view line, bool is_error_stream) {
  LogLine result;
  result.level = is_error_stream ? base::LogLevel::kWarning : base::LogLevel::kInfo;
  if (!line.empty() && line.front() == '{') {
    const json parsed = json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
    const auto message = parsed.is_object() ? parsed.find("message") : parsed.end();
    if (parsed.is_object() && message != parsed.end() && message->is_string()) {
      result.is_structured = true;
      result.message = HarmlessText(message->get_ref<const std::string&>(), kMaxMessageBytes);
      if (auto level = parsed.find("level"); level != parsed.end()) result.level = LevelOf(*level, result.level);
      for (absl::string_view key : kKnownFields) {
        const auto found = parsed.find(std::string(key));
        if (found == parsed.end()) continue;
        if (found->is_string()) {
          result.fields.emplace_back(key, HarmlessText(found->get_ref<const std::string&>(), kMaxFieldBytes));
        } else if (found->is_number() || found->is_boolean()) {
          result.fields.emplace_back(key, HarmlessText(found->dump(), kMaxFieldBytes));
        }
      }
      return result;
    }
  }
  result.message = HarmlessText(line, kMaxMessageBytes);
  return result;
}

void LineReader::Feed(absl::string_view bytes, absl::Duration now, const std::function<void(absl::string_view)>& emit) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const absl::string_view part = bytes.substr(0, end);
    const size_t room = limits_.max_line_bytes - line_.size();
    if (part.size() > room) is_cut_ = true;
    line_.append(part.data(), std::min(part.size(), room));
    if (end == absl::string_view::npos) return;
    EndLine(now, emit);
    bytes.remove_prefix(end + 1);
  }
}

void LineReader::EndLine(absl::Duration now, const std::function<void(absl::string_view)>& emit) {
  tokens_ = std::min(limits_.burst, tokens_ + absl::ToDoubleSeconds(now - last_) * limits_.lines_per_second);
  last_ = now;
  if (tokens_ >= 1) {
    tokens_ -= 1;
    TellDropped(emit);
    if (is_cut_) line_.append("...");
    emit(line_);
  } else {
    ++dropped_;
  }
  line_.clear();
  is_cut_ = false;
}

void LineReader::TellDropped(const std::function<void(absl::string_view)>& emit) {
  if (dropped_ == 0) return;
  emit(absl::StrCat("dropped ", dropped_, " lines: the plugin wrote more than is kept"));
  dropped_ = 0;
}

void LineReader::Finish(const std::function<void(absl::string_view)>& emit) {
  TellDropped(emit);
  if (!line_.empty()) emit(line_);
  line_.clear();
}

void RecentLines::Add(std::string line) {
  if (line.size() > kMaxRecentBytes) line = HarmlessText(line, kMaxRecentBytes);
  absl::MutexLock lock(&mutex_);
  lines_.push_back(std::move(line));
  if (lines_.size() > most_) lines_.pop_front();
}

std::vector<std::string> RecentLines::Get() const {
  absl::MutexLock lock(&mutex_);
  return std::vector<std::string>(lines_.begin(), lines_.end());
}

}  // namespace sluice::plugin
