#include "sluice/connector/json_reader.h"

#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "sluice/connector/error.h"

namespace sluice::connector {
namespace {

// What the parser reads from: a byte at a time out of a buffer that is filled anew.
class Input {
 public:
  explicit Input(ByteSource& source) : source_(source), buffer_(64u << 10, '\0') {}
  bool HasByte() {
    if (at_ < size_) return true;
    if (!status_.ok() || is_over_) return false;
    absl::StatusOr<std::size_t> count = source_.Read(buffer_.data(), buffer_.size());
    if (!count.ok()) status_ = count.status();
    size_ = count.ok() ? *count : 0;
    at_ = 0;
    is_over_ = size_ == 0;
    return size_ > 0;
  }
  char Byte() const { return buffer_[at_]; }
  void Advance() { ++at_; }
  const absl::Status& status() const { return status_; }

 private:
  ByteSource& source_;
  std::string buffer_;
  std::size_t at_ = 0, size_ = 0;
  bool is_over_ = false;
  absl::Status status_;
};

class InputIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  InputIterator() = default;  // The end.
  explicit InputIterator(Input* input) : input_(input) {}
  char operator*() const { return input_->Byte(); }
  InputIterator& operator++() {
    input_->Advance();
    return *this;
  }
  InputIterator operator++(int) {
    InputIterator before = *this;
    input_->Advance();
    return before;
  }
  friend bool operator==(const InputIterator& a, const InputIterator& b) { return a.IsOver() == b.IsOver(); }
  friend bool operator!=(const InputIterator& a, const InputIterator& b) { return !(a == b); }

 private:
  bool IsOver() const { return input_ == nullptr || !input_->HasByte(); }
  Input* input_ = nullptr;
};

}  // namespace

// Builds values out of the parser's events.
class JsonEvents {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  JsonEvents(JsonReader& reader, bool has_list) : reader_(reader), has_list_(has_list) {}

  bool null() { return Add(Value::Empty(), 8); }
  bool boolean(bool flag) { return Add(Value(flag), 8); }
  bool number_integer(number_integer_t number) { return Add(Value(number), 8); }
  bool number_unsigned(number_unsigned_t number) {
    if (number > static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max()))
      return Add(Value(absl::StrCat(number)), 24);
    return Add(Value(static_cast<int64_t>(number)), 8);
  }
  bool number_float(number_float_t number, const string_t& text) {
    const bool is_whole = text.find_first_of(".eE") == string_t::npos;  // An integer beyond 64 bits.
    return Add(is_whole || reader_.decimals_as_text_ ? Value(text) : Value(number), text.size());
  }
  bool string(string_t& text) {
    const std::size_t size = text.size();
    return Add(Value(std::move(text)), size);
  }
  bool binary(binary_t&) { return false; }
  bool start_object(std::size_t) { return Open(Frame::Kind::kObject); }
  bool start_array(std::size_t) {
    if (has_list_ && !list_was_seen_ && IsList()) {
      list_was_seen_ = true;
      return Open(Frame::Kind::kItems);
    }
    return Open(Frame::Kind::kArray);
  }
  bool key(string_t& name) {
    if (skipped_depth_ > 0) return true;
    bytes_ += name.size();
    stack_.back().key = std::move(name);
    return true;
  }
  bool end_object() {
    if (LeavesSkipped()) return true;
    Value value(std::move(stack_.back().fields));
    return Close(std::move(value));
  }
  bool end_array() {
    if (LeavesSkipped()) return true;
    if (stack_.back().kind == Frame::Kind::kItems) {
      stack_.pop_back();  // The list itself is no part of the rest.
      return true;
    }
    Value value(std::move(stack_.back().list));
    return Close(std::move(value));
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    error_ = Error(Reason::kTransient, "SDK-0601",
                   absl::StrCat("the answer is not JSON or was broken off, at byte ", position));
    return false;
  }

  absl::Status status() const {
    if (!error_.ok()) return error_;
    if (has_list_ && !list_was_seen_) {
      return Error(Reason::kTransient, "SDK-0602",
                   reader_.list_.empty() ? std::string("the answer is not a list")
                                         : absl::StrCat("the answer holds no list '", reader_.list_, "'"));
    }
    return absl::OkStatus();
  }
  Value TakeRoot() { return std::move(root_); }

 private:
  struct Frame {
    enum class Kind { kObject, kArray, kItems };
    Kind kind;
    std::string key;  // Of the member that is being read.
    Struct fields;
    List list;
  };

  // Whether the array that begins here is the one that was asked for.
  bool IsList() const {
    if (reader_.list_.empty()) return stack_.empty();
    std::string path;
    for (const Frame& frame : stack_) {
      if (frame.kind != Frame::Kind::kObject) return false;
      absl::StrAppend(&path, path.empty() ? "" : ".", frame.key);
    }
    return path == reader_.list_;
  }

  bool IsSkipped() const {
    return in_item_ && !stack_.empty() && stack_.back().kind == Frame::Kind::kObject &&
           reader_.skip_.contains(stack_.back().key);
  }

  bool Fail(Reason reason, const char* code, std::string why) {
    error_ = Error(reason, code, why);
    return false;
  }

  bool Open(Frame::Kind kind) {
    if (stack_.size() + skipped_depth_ >= reader_.limits_.max_depth) {
      return Fail(Reason::kInvalid, "SDK-0603",
                  absl::StrCat("the answer is nested more than ", reader_.limits_.max_depth, " deep"));
    }
    if (skipped_depth_ > 0 || IsSkipped()) {
      ++skipped_depth_;
      return true;
    }
    bytes_ += sizeof(Frame);
    if (!stack_.empty() && stack_.back().kind == Frame::Kind::kItems) in_item_ = true;
    stack_.push_back(Frame{kind, {}, {}, {}});
    return CheckSize();
  }

  bool CheckSize() {
    if (bytes_ <= reader_.limits_.max_item_bytes) return true;
    return Fail(Reason::kInvalid, "SDK-0604",
                absl::StrCat(in_item_ ? "an element of the list" : "what stands outside of the list",
                             " is longer than ", reader_.limits_.max_item_bytes, " bytes"));
  }

  bool LeavesSkipped() {
    if (skipped_depth_ == 0) return false;
    --skipped_depth_;
    return true;
  }

  bool Close(Value value) {
    stack_.pop_back();
    return Put(std::move(value));
  }

  bool Add(Value value, std::size_t size) {
    if (skipped_depth_ > 0 || IsSkipped()) return true;
    bytes_ += size + sizeof(Value);
    if (!stack_.empty() && stack_.back().kind == Frame::Kind::kItems) in_item_ = true;
    if (!CheckSize()) return false;
    return Put(std::move(value));
  }

  bool Put(Value value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Frame& frame = stack_.back();
    switch (frame.kind) {
      case Frame::Kind::kObject:
        frame.fields[std::move(frame.key)] = std::move(value);
        return true;
      case Frame::Kind::kArray:
        frame.list.push_back(std::move(value));
        return true;
      case Frame::Kind::kItems:
        break;
    }
    in_item_ = false;
    bytes_ = 0;
    if (reader_.on_item_ == nullptr) return true;
    error_ = reader_.on_item_(value);
    return error_.ok();
  }

  JsonReader& reader_;
  const bool has_list_;
  std::vector<Frame> stack_;
  std::size_t skipped_depth_ = 0;
  std::size_t bytes_ = 0;
  bool in_item_ = false;
  bool list_was_seen_ = false;
  Value root_;
  absl::Status error_;
};

namespace {

absl::Status Parse(ByteSource& source, JsonEvents& events) {
  Input input(source);
  nlohmann::json::sax_parse(InputIterator(&input), InputIterator(), &events);
  return input.status().ok() ? events.status() : input.status();
}

}  // namespace

absl::Status JsonReader::Read(ByteSource& source) {
  JsonEvents events(*this, /*has_list=*/true);
  absl::Status status = Parse(source, events);
  rest_ = events.TakeRoot();
  return status;
}

absl::Status JsonReader::Read(AnyText whole) {
  TextSource source(whole.str());
  return Read(source);
}

absl::StatusOr<Value> ParseJson(AnyText text, ReadLimits limits) {
  JsonReader reader("", limits);
  JsonEvents events(reader, /*has_list=*/false);
  TextSource source(text.str());
  if (absl::Status status = Parse(source, events); !status.ok()) return status;
  return events.TakeRoot();
}

const Value& FieldAt(const Value& value, AnyText path) {
  static const Value* const kNothing = new Value;
  const Value* at = &value;
  std::string_view rest = path.view();
  while (true) {
    const Struct* fields = at->fields();
    if (fields == nullptr) return *kNothing;
    // The longest name that is there wins: a name may have dots itself.
    if (const auto whole = fields->find(std::string(rest)); whole != fields->end()) return whole->second;
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return *kNothing;
    const auto found = fields->find(std::string(rest.substr(0, dot)));
    if (found == fields->end()) return *kNothing;
    at = &found->second;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace sluice::connector
