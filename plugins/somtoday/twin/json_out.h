// Writes JSON text straight into one string: pages of a large school are made without a tree in memory.
// The caller keeps the order of calls right (Key before a value inside an object). Not shared between threads.
#ifndef PLUGINS_SOMTODAY_TWIN_JSON_OUT_H_
#define PLUGINS_SOMTODAY_TWIN_JSON_OUT_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace sluice::somtoday_twin {

class JsonOut {
 public:
  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }

  void Key(std::string_view key) {
    Separate();
    Quote(key);
    out_ += ':';
    first_ = true;
  }
  void Text(std::string_view value) {
    Separate();
    Quote(value);
  }
  void Integer(int64_t value) {
    Separate();
    out_ += std::to_string(value);
  }
  void Flag(bool value) {
    Separate();
    out_ += value ? "true" : "false";
  }
  // A value that is JSON already.
  void Raw(std::string_view json) {
    Separate();
    out_ += json;
  }

  void Field(std::string_view key, std::string_view value) { Key(key), Text(value); }
  void Field(std::string_view key, const std::string& value) { Key(key), Text(value); }
  void Field(std::string_view key, const char* value) { Key(key), Text(value); }
  void Number(std::string_view key, int64_t value) { Key(key), Integer(value); }
  void Bool(std::string_view key, bool value) { Key(key), Flag(value); }

  std::string Take() { return std::move(out_); }

 private:
  void Separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void Open(char c) {
    Separate();
    out_ += c;
    first_ = true;
  }
  void Close(char c) {
    out_ += c;
    first_ = false;
  }
  void Quote(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        char escaped[8];
        std::snprintf(escaped, sizeof(escaped), "\\u%04x", c);
        out_ += escaped;
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::string out_;
  bool first_ = true;
};

}  // namespace sluice::somtoday_twin

#endif  // PLUGINS_SOMTODAY_TWIN_JSON_OUT_H_
