#include "sdk/wire/batch_view.h"

#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "sdk/wire/columns.h"

namespace sluice::wire {
namespace {

namespace v1 = connector::v1;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// The fields of a message.
class FieldReader {
 public:
  explicit FieldReader(absl::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // False at the end, and when it is broken.
  bool Next() {
    uint64_t tag = 0;
    begin_ = at_;
    if (at_ == end_ || !Varint(&tag)) return false;
    field_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<uint32_t>(tag & 7);
    is_whole_ = field_ != 0 && tag <= UINT32_MAX && Value();
    return is_whole_;
  }
  bool is_whole() const { return is_whole_; }
  bool Is(uint32_t field, WireType type) const { return field_ == field && type_ == type; }
  // As every writer writes it, and in one byte.
  bool IsPlain(uint32_t field, WireType type) const { return *begin_ == static_cast<char>(field << 3 | type); }
  uint32_t field() const { return field_; }
  uint32_t number() const { return static_cast<uint32_t>(number_); }
  absl::string_view bytes() const { return bytes_; }

 private:
  bool Varint(uint64_t* number) {
    *number = 0;
    for (uint32_t shift = 0; shift < 70 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      *number |= uint64_t{byte & 0x7fu} << (shift & 63);
      if (byte < 0x80) return true;
    }
    return is_whole_ = false;
  }
  bool Take(uint64_t size) {
    if (size > static_cast<uint64_t>(end_ - at_)) return false;
    bytes_ = absl::string_view(at_, static_cast<size_t>(size));
    at_ += size;
    return true;
  }
  bool Value() {
    switch (type_) {
      case kVarint:
        return Varint(&number_);
      case kFixed64:
        return Take(8);
      case kBytes:
        return Varint(&number_) && Take(number_);
      case kFixed32:
        return Take(4);
      default:
        return false;  // Groups, which nothing of ours has.
    }
  }

  const char* at_;
  const char* begin_ = nullptr;
  const char* const end_;
  bool is_whole_ = true;
  uint32_t field_ = 0, type_ = 0;
  uint64_t number_ = 0;
  absl::string_view bytes_;
};

bool IsAscii(absl::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  uint64_t seen = 0;
  for (; end - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    seen |= word;
  }
  for (; at != end; ++at) seen |= static_cast<unsigned char>(*at);
  return (seen & 0x8080808080808080u) == 0;
}

bool IsUtf8(absl::string_view text) {
  return IsAscii(text) ||
         google::protobuf::internal::IsStructurallyValidUTF8(text.data(), static_cast<int>(text.size()));
}

absl::Status Broken() { return absl::InvalidArgumentError("a batch of records that cannot be read"); }

// False when a text is not UTF-8 or the column is broken.
bool ReadTexts(BatchView::Column* column) {
  bool is_utf8 = IsAscii(column->texts);  // With tags and lengths: if it is, so is every text.
  FieldReader values(column->texts);
  while (values.Next()) {
    if (!values.IsPlain(1, kBytes)) {
      column->is_text = false;
      continue;
    }
    if (!is_utf8 && !IsUtf8(values.bytes())) return false;
    ++column->text_count;
  }
  return values.is_whole();
}

bool ReadColumn(absl::string_view bytes, BatchView::Column* column) {
  column->bytes = bytes;
  size_t others = 0, texts = 0;
  FieldReader fields(bytes);
  while (fields.Next()) {
    if (fields.Is(1, kVarint)) {
      column->attribute = fields.number();
    } else if (fields.Is(2, kBytes)) {
      column->presence = fields.bytes();
    } else if (fields.Is(3, kBytes)) {
      column->texts = fields.bytes();
      ++texts;
    } else {
      ++others;
    }
  }
  if (!fields.is_whole()) return false;
  column->is_text = texts == 1 && others == 0;
  return !column->is_text || ReadTexts(column);
}

bool HoldsValue(char presence) {
  return presence == static_cast<char>(v1::PRESENCE_PRESENT) || presence == static_cast<char>(v1::PRESENCE_PARTIAL);
}

const v1::Value& EmptyValue() {
  static const v1::Value* const kEmpty = [] {
    auto* value = new v1::Value;
    value->mutable_empty();
    return value;
  }();
  return *kEmpty;
}

}  // namespace

absl::Status ReadBatch(absl::string_view bytes, BatchView* batch) {
  FieldReader fields(bytes);
  while (fields.Next()) {
    if (fields.Is(1, kVarint)) {
      batch->object_class = fields.number();
    } else if (fields.Is(2, kVarint)) {
      batch->scope = fields.number();
    } else if (fields.Is(3, kBytes) || fields.Is(4, kBytes)) {
      if (!IsUtf8(fields.bytes())) return absl::InvalidArgumentError("an id or a name that is not UTF-8");
      (fields.field() == 3 ? batch->ids : batch->names).push_back(fields.bytes());
    } else if (fields.Is(5, kBytes)) {
      if (!ReadColumn(fields.bytes(), &batch->columns.emplace_back())) {
        return absl::InvalidArgumentError(absl::StrCat("column ", batch->columns.size(), " cannot be read as UTF-8"));
      }
    }
  }
  return fields.is_whole() ? absl::OkStatus() : Broken();
}

std::optional<absl::string_view> OnlyField(absl::string_view message, uint32_t field) {
  FieldReader fields(message);
  if (!fields.Next() || !fields.Is(field, kBytes)) return std::nullopt;
  const absl::string_view bytes = fields.bytes();
  if (bytes.data() + bytes.size() != message.data() + message.size()) return std::nullopt;
  return bytes;
}

absl::Status Misfit(const BatchView& batch, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("a batch of ", batch.ids.size(), " records of class ", batch.object_class, ": ", what));
}

absl::Status CheckBatch(const BatchView& batch, const v1::StreamSchema& schema) {
  if (batch.object_class >= static_cast<uint32_t>(schema.classes_size()))
    return Misfit(batch, "the schema has no such class");
  if (batch.scope >= static_cast<uint32_t>(schema.scopes_size())) return Misfit(batch, "the schema has no such scope");
  if (!batch.names.empty() && batch.names.size() != batch.ids.size())
    return Misfit(batch, "names and ids differ in number");
  for (absl::string_view id : batch.ids) {
    if (id.empty()) return Misfit(batch, "a record has no id");
  }
  const size_t attributes = static_cast<size_t>(schema.classes(static_cast<int>(batch.object_class)).attributes_size());
  std::vector<bool> seen(attributes, false);
  for (const BatchView::Column& column : batch.columns) {
    if (column.attribute >= attributes)
      return Misfit(batch, absl::StrCat("the schema has no attribute ", column.attribute));
    if (seen[column.attribute]) return Misfit(batch, absl::StrCat("attribute ", column.attribute, " comes twice"));
    seen[column.attribute] = true;
  }
  return absl::OkStatus();
}

absl::Status CellReader::Start(const BatchView::Column& column, size_t rows) {
  is_text_ = column.is_text;
  presence_ = column.presence;
  texts_ = column.texts;
  next_ = 0;
  if (!is_text_) {
    v1::Column message;
    if (!message.ParseFromArray(column.bytes.data(), static_cast<int>(column.bytes.size()))) return Broken();
    auto cells = DecodeColumn(message, rows);
    if (!cells.ok()) return cells.status();
    cells_ = *std::move(cells);
    return absl::OkStatus();
  }
  if (!presence_.empty() && presence_.size() != rows) {
    return absl::InvalidArgumentError(absl::StrCat("presence of ", presence_.size(), " for ", rows, " rows"));
  }
  const size_t expected =
      presence_.empty() ? rows : static_cast<size_t>(std::count_if(presence_.begin(), presence_.end(), HoldsValue));
  if (column.text_count != expected) {
    return absl::InvalidArgumentError(absl::StrCat(column.text_count, " values where presence says ", expected));
  }
  return absl::OkStatus();
}

CellReader::Cell CellReader::Next() {
  const size_t row = next_++;
  if (!is_text_) {
    const v1::Value& cell = cells_[row];
    return {std::nullopt, cell.kind_case() == v1::Value::KIND_NOT_SET ? nullptr : &cell};
  }
  if (!presence_.empty() && !HoldsValue(presence_[row])) {
    return {std::nullopt, presence_[row] == static_cast<char>(v1::PRESENCE_EMPTY) ? &EmptyValue() : nullptr};
  }
  return {TakeText(&texts_), nullptr};
}

absl::string_view TakeText(absl::string_view* texts) {
  const char* at = texts->data() + 1;
  uint64_t size = static_cast<unsigned char>(*at++);
  if (size >= 0x80) {
    size &= 0x7f;
    for (uint32_t shift = 7;; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at++);
      size |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
  }
  const absl::string_view text(at, static_cast<size_t>(size));
  texts->remove_prefix(static_cast<size_t>(at + size - texts->data()));
  return text;
}

}  // namespace sluice::wire
